import { countOf, groupDigits } from "../report/phrases.ts";

/** What has been done so far. */
export interface ProgressState {
  readonly bytesRead: number;
  /** All bytes there are to read; null when that is unknown (standard input). */
  readonly bytesTotal: number | null;
  readonly sessions: number;
  readonly failures: number;
}

const FIRST_AFTER_MS = 1000;
const INTERVAL_MS = 200;

/** One line on a terminal that says how far the analysis is, from the second on that it takes longer than a second. */
export class Progress {
  readonly #write: (text: string) => void;
  readonly #startedAt: number;
  #nextAt: number;
  #shown = false;

  /** @param now milliseconds of a clock that never steps back */
  constructor(write: (text: string) => void, now: number) {
    this.#write = write;
    this.#startedAt = now;
    this.#nextAt = now + FIRST_AFTER_MS;
  }

  /** Draws the line anew if it is time to. */
  update(now: number, state: () => ProgressState): void {
    if (now < this.#nextAt) return;
    this.#nextAt = now + INTERVAL_MS;
    this.#shown = true;
    this.#write(`\r\x1b[K${progressLine(state(), now - this.#startedAt)}`);
  }

  /** Takes the line away before anything else is written to the terminal. */
  clear(): void {
    if (this.#shown) this.#write("\r\x1b[K");
    this.#shown = false;
  }
}

/** `512 of 1,907 MiB, 410 MiB/s, 3 s left, 123 sessions, 4 failures`. */
export function progressLine(state: ProgressState, elapsedMs: number): string {
  const { bytesRead, bytesTotal, sessions, failures } = state;
  const mebibytes = (bytes: number) => groupDigits(Math.round(bytes / 2 ** 20));
  const rate = bytesRead / Math.max(elapsedMs, 1);
  const parts = [
    bytesTotal === null ? `${mebibytes(bytesRead)} MiB` : `${mebibytes(bytesRead)} of ${mebibytes(bytesTotal)} MiB`,
    `${mebibytes(rate * 1000)} MiB/s`,
  ];
  if (bytesTotal !== null && rate > 0)
    parts.push(`${Math.ceil(Math.max(bytesTotal - bytesRead, 0) / rate / 1000)} s left`);
  parts.push(countOf(sessions, "session"), countOf(failures, "failure"));
  return parts.join(", ");
}
