/**
 * A moment of capture time, exact to the nanosecond: whole seconds since the Unix epoch and the nanoseconds within
 * that second (0 … 999 999 999). Two numbers, because one double cannot hold both.
 */
export interface Instant {
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** Negative, zero or positive as `a` is before, at or after `b`. */
export function compareInstants(a: Instant, b: Instant): number {
  return a.seconds - b.seconds || a.nanoseconds - b.nanoseconds;
}

/** @param time seconds since the epoch as a double. @returns the moment, to the microsecond, which is what a double holds */
export function instantOf(time: number): Instant {
  const microseconds = Math.round(time * 1e6);
  const seconds = Math.floor(microseconds / 1e6);
  return { seconds, nanoseconds: (microseconds - seconds * 1e6) * 1000 };
}

/** RFC 3339 in UTC with nine decimals, e.g. `2026-01-05T10:00:00.123456789Z`; clamps years outside 0000 … 9999. */
export function formatInstant(instant: Instant): string {
  if (instant.seconds !== formatted.seconds) {
    const seconds = Math.min(Math.max(instant.seconds, -62167219200), 253402300799);
    formatted = { seconds: instant.seconds, text: new Date(seconds * 1000).toISOString().slice(0, 19) };
  }
  return `${formatted.text}.${String(instant.nanoseconds).padStart(9, "0")}Z`;
}

/** The second formatted last: sessions that settle after one another often share it. */
let formatted = { seconds: Number.NaN, text: "" };
