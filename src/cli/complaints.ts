import { safeText } from "../report/safe-text.ts";
import type { Progress } from "./progress.ts";

/** How much is said on standard error: only why the exit status is not 0, what matters beside, or also how the run went. */
export type Loudness = "quiet" | "normal" | "verbose";

/** What is to be said on standard error; a progress line makes way for it. */
export class Complaints {
  progress: Progress | null = null;
  readonly #loudness: Loudness;

  constructor(loudness: Loudness) {
    this.#loudness = loudness;
  }

  /** Something is wrong, and the exit status will tell. */
  add(message: string): void {
    this.progress?.clear();
    process.stderr.write(`ftptrace: ${safeText(message)}\n`);
  }

  /** Good to know, and nothing wrong. */
  note(message: string): void {
    if (this.#loudness !== "quiet") this.add(message);
  }

  /** Of interest to who asks how the run went. */
  detail(message: () => string): void {
    if (this.#loudness === "verbose") this.add(message());
  }
}
