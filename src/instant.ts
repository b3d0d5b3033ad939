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
    formatted = { seconds: instant.seconds, text: formatSecond(new Date(seconds * 1000)) };
  }
  return `${formatted.text}.${padded(instant.nanoseconds, 9)}Z`;
}

/** The second formatted last: sessions that settle after one another often share it. */
let formatted = { seconds: Number.NaN, text: "" };

// Not by `toISOString()`: the first call of it looks for the local time zone, for up to 12 ms.
function formatSecond(date: Date): string {
  const day = `${padded(date.getUTCFullYear(), 4)}-${padded(date.getUTCMonth() + 1, 2)}-${padded(date.getUTCDate(), 2)}`;
  return `${day}T${padded(date.getUTCHours(), 2)}:${padded(date.getUTCMinutes(), 2)}:${padded(date.getUTCSeconds(), 2)}`;
}

function padded(value: number, digits: number): string {
  return String(value).padStart(digits, "0");
}
