import type { PacketReference } from "../capture/frame.ts";
import type { CauseId } from "./causes.ts";
import type { ContributingCauseId } from "./contributing.ts";
import type { FindingId } from "./findings.ts";
import type { Situation } from "./remedy.ts";

/** What became of a data channel, as its two FTP ends lived it. */
export type ChannelOutcome = "ok" | "failed" | "refused" | "aborted" | "not-attempted" | "undetermined";

/** `certain`: the packets prove it; `likely`: they fit it best; `possible`: they allow it. */
export type Confidence = "certain" | "likely" | "possible";

/** Another cause that is not ruled out, and the evidence that would decide. */
export interface Alternative {
  readonly cause: CauseId;
  readonly missing: string;
}

/** One observed fact: a packet and what it shows. */
export interface Fact {
  readonly packet: PacketReference;
  readonly says: string;
}

/** What a rule says when it speaks. */
export interface Verdict {
  readonly outcome: "failed" | "refused";
  readonly cause: CauseId;
  readonly confidence: Confidence;
  readonly facts: readonly Fact[];
  /** What makes the usual remedy of the cause unfit. */
  readonly situation?: Situation | null;
  readonly contributing?: readonly ContributingCauseId[];
  readonly alternatives?: readonly Alternative[];
}

/** Something that only several sessions together show. */
export interface AcrossFinding {
  readonly id: FindingId;
  readonly title: string;
  readonly confidence: Confidence;
  /** Ids of the sessions that show it: the first few. */
  readonly sessions: readonly string[];
  readonly sessionCount: number;
  readonly facts: readonly Fact[];
  readonly remedy: readonly string[];
}
