import type { AnalysisCounts, ChannelOutcome, Session } from "./analysis.ts";
import type { CauseId } from "./diagnose/causes.ts";

/** Counts sessions and channels as they go out. */
export class Counts {
  #sessions = 0;
  #channels = 0;
  readonly #outcomes: Record<ChannelOutcome, number> = {
    ok: 0,
    failed: 0,
    refused: 0,
    aborted: 0,
    "not-attempted": 0,
    undetermined: 0,
  };
  readonly #causes: Partial<Record<CauseId, number>> = {};

  add(session: Session): void {
    this.#sessions++;
    this.#cause(session.control.cause);
    for (const channel of session.dataChannels) {
      this.#channels++;
      this.#outcomes[channel.outcome]++;
      this.#cause(channel.cause);
    }
  }

  #cause(cause: CauseId | null): void {
    if (cause !== null) this.#causes[cause] = (this.#causes[cause] ?? 0) + 1;
  }

  result(): AnalysisCounts {
    return {
      sessions: this.#sessions,
      channels: this.#channels,
      channelsByOutcome: this.#outcomes,
      causes: this.#causes,
    };
  }
}
