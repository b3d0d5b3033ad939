import type { Alternative, Confidence, Control, DataChannel, Evidence, PacketPlace, Session } from "../analysis.ts";
import type { CauseId } from "../diagnose/causes.ts";
import type { ContributingCauseId } from "../diagnose/contributing.ts";
import type { LimitId } from "../diagnose/limits.ts";

/**
 * One verdict that a reader wants explained: a data channel that failed or was refused for a cause, or a control connection
 * that did. Reports for people show failures; they need not know which of the two it was about.
 */
export interface Failure {
  readonly sessionId: string;
  readonly control: Control;
  /** Null: the control connection itself failed. */
  readonly channel: DataChannel | null;
  readonly outcome: "failed" | "refused" | "undetermined";
  readonly cause: CauseId;
  readonly contributing: readonly ContributingCauseId[];
  readonly confidence: Confidence;
  readonly alternatives: readonly Alternative[];
  readonly evidence: readonly Evidence[];
  readonly limits: readonly LimitId[];
  readonly remedy: readonly string[];
}

/** The failures of one session, the control connection's first. What the server refused for its own reasons (550) is none. */
export function failuresOf(session: Session): Failure[] {
  const { id: sessionId, control } = session;
  const failures: Failure[] = [];
  if (control.cause !== null)
    failures.push({
      sessionId,
      control,
      channel: null,
      outcome: control.outcome === "undetermined" ? "undetermined" : "failed",
      cause: control.cause,
      contributing: [],
      confidence: control.confidence ?? "possible",
      alternatives: control.alternatives,
      evidence: control.evidence,
      limits: control.limits,
      remedy: control.remedy,
    });
  for (const channel of session.dataChannels) {
    if (channel.cause === null || (channel.outcome !== "failed" && channel.outcome !== "refused")) continue;
    failures.push({ ...channel, sessionId, control, channel, outcome: channel.outcome, cause: channel.cause });
  }
  return failures;
}

/** The packets that show a failure: its evidence, and the negotiation's command and reply where their capture is known. */
export function packetsOf(failure: Failure): PacketPlace[] {
  const places: PacketPlace[] = failure.evidence.map(({ capture, packet }) => ({ capture, packet }));
  const { negotiation } = failure.channel ?? {};
  const { firstPacket, lastPacket } = failure.control;
  // Negotiations carry packet numbers only; within one capture there is no doubt whose.
  if (negotiation && firstPacket.capture === lastPacket.capture)
    for (const packet of [negotiation.commandPacket, negotiation.replyPacket])
      if (packet !== null) places.push({ capture: firstPacket.capture, packet });
  return places.filter(({ packet }) => packet > 0);
}
