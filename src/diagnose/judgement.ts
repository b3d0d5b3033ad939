import type { SessionFacts } from "../correlate/session-facts.ts";
import { losesTail } from "./blind-spots.ts";
import type { CauseId } from "./causes.ts";
import type { LimitId } from "./limits.ts";
import type { ChannelOutcome } from "./verdict.ts";

/**
 * What became of a channel before anybody is blamed. `trouble` means that the facts show a failure or a refusal whose cause the
 * rules are then asked for; every other outcome is final and accuses nobody.
 */
export interface Judgement {
  readonly outcome: ChannelOutcome | "trouble";
  /** For `trouble`: the outcome if no rule has its proof. */
  readonly unexplained: "ok" | "refused" | "undetermined";
  /** For `trouble`: the only causes that such facts can have; null: any. */
  readonly among: readonly CauseId[] | null;
  /** Limits of the capture that keep it from saying more. */
  readonly limits: readonly LimitId[];
}

/** An outcome that accuses nobody, or `trouble` of any cause. */
export const judged = (outcome: Judgement["outcome"], ...limits: LimitId[]): Judgement => ({
  outcome,
  unexplained: "undetermined",
  among: null,
  limits,
});

/** Nobody can tell: the capture lacks what would, or it cannot be read. */
export const unclear = (blindness: LimitId | "unread"): Judgement =>
  blindness === "unread" ? judged("undetermined") : judged("undetermined", blindness);

/** Nothing is wrong with what is seen; only these causes show in what is not. */
export const fineBut = (unexplained: Judgement["unexplained"], ...among: CauseId[]): Judgement => ({
  outcome: "trouble",
  unexplained,
  among,
  limits: [],
});

/** What keeps words of the control connection out of the capture: that they were cut by the snaplen is said only where it cut some. */
export function wordsUnseen(session: SessionFacts): LimitId[] {
  if (session.lostBytes || losesTail(session)) return ["control-gap"];
  if (session.cutBytes) return ["snaplen-cut"];
  // A line that its sender itself did not end is no want of the capture.
  return session.atCaptureEnd && !session.control.closed ? ["capture-ends"] : [];
}
