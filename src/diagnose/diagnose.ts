import type { ChannelFacts } from "../correlate/data-channel.ts";
import type { SessionFacts } from "../correlate/session-facts.ts";
import type { CommandEvent } from "../ftp/control-event.ts";
import { cameAbout } from "./attempt.ts";
import { isInHandshake } from "./auth.ts";
import { controlBlindness } from "./blind-spots.ts";
import { tlsDemand } from "./causes/login-failed.ts";
import type { CauseId } from "./causes.ts";
import { CHANNEL_RULES, SESSION_RULES } from "./causes.ts";
import type { CaptureFacts, ChannelContext } from "./context.ts";
import { progressOf } from "./data-progress.ts";
import type { LimitId } from "./limits.ts";
import { channelLimits, sessionLimits } from "./limits.ts";
import { judge } from "./outcome.ts";
import { unfilledHole, vainWait } from "./vain-wait.ts";
import type { ChannelOutcome, Confidence, Fact, Verdict } from "./verdict.ts";

/** A channel with what is said of it. */
export interface ChannelDiagnosis {
  readonly facts: ChannelFacts;
  readonly outcome: ChannelOutcome;
  /** Null unless failed or refused for a cause. */
  readonly verdict: Verdict | null;
  readonly confidence: Confidence;
  readonly limits: readonly LimitId[];
}

/** A session with what is said of it and of its channels. */
export interface SessionDiagnosis {
  readonly facts: SessionFacts;
  readonly channels: readonly ChannelDiagnosis[];
  readonly outcome: "ok" | "failed" | "undetermined";
  readonly verdict: Verdict | null;
  /** Why nothing could be transferred though the control connection did its work: the server wants TLS first. */
  readonly tlsDemand: Fact | null;
  readonly limits: readonly LimitId[];
}

/** Says what became of each channel and of the control connection, and who or what is likely to blame. Pure. */
export function diagnose(
  session: SessionFacts,
  channels: readonly ChannelFacts[],
  capture: CaptureFacts,
): SessionDiagnosis {
  const diagnosed = channels.length === 0 ? [] : diagnoseChannels(session, channels, capture);
  const { outcome, verdict, tlsDemand } = diagnoseControl(session, diagnosed, capture);
  return { facts: session, channels: diagnosed, outcome, verdict, tlsDemand, limits: sessionLimits(session, capture) };
}

function diagnoseChannels(
  session: SessionFacts,
  channels: readonly ChannelFacts[],
  capture: CaptureFacts,
): ChannelDiagnosis[] {
  return channels.map((channel, index) => diagnoseChannel({ session, channel, channels, index, capture }));
}

function diagnoseChannel(context: ChannelContext): ChannelDiagnosis {
  const { channel } = context;
  const judgement = judge(context);
  const limitsOf = (cause: CauseId | null) => union(judgement.limits, channelLimits(context, cause));
  if (judgement.outcome !== "trouble") {
    return {
      facts: channel,
      outcome: judgement.outcome,
      verdict: null,
      confidence: judgement.outcome === "undetermined" ? "possible" : "certain",
      limits: limitsOf(null),
    };
  }
  for (const { cause, rule } of CHANNEL_RULES) {
    if (judgement.among !== null && !judgement.among.includes(cause)) continue;
    const found = rule(context);
    const verdict = found && withDoubt(found, channel);
    if (verdict)
      return {
        facts: channel,
        outcome: verdict.outcome,
        verdict,
        confidence: verdict.confidence,
        limits: limitsOf(verdict.cause),
      };
  }
  const { unexplained } = judgement;
  return {
    facts: channel,
    outcome: unexplained,
    verdict: null,
    confidence: unexplained === "ok" ? "likely" : "possible",
    limits: limitsOf(null),
  };
}

/** Where it cannot be read which of several sessions dialled, or to what port it had to, the failure is seen and its owner is not. */
function withDoubt(verdict: Verdict, { negotiation, hidden, connection }: ChannelFacts): Verdict {
  if (connection === null) return verdict;
  const { firstPacket } = connection.connection;
  // What a reply says of its transfer is sure whatever the connection is.
  const restsOnSyn = () => verdict.facts.some(({ packet }) => packet === firstPacket);
  if (connection.match === "inferred" && !hidden && verdict.confidence === "certain" && restsOnSyn()) {
    const why = negotiation!.reply!.cut ? "the snaplen cut the port off" : "no port can be read in it";
    const says = `${why}: that this is the connection it grants only the time tells`;
    return {
      ...verdict,
      confidence: "likely",
      facts: [...verdict.facts, { packet: negotiation!.reply!.stamp.packet, says }],
    };
  }
  if (!hidden || !connection.candidate.contested) return verdict;
  const says =
    "another session between the same hosts was under way, and neither can be read: it may have been the one that dialled";
  const doubt = { packet: firstPacket, says };
  return { ...verdict, confidence: "possible", facts: [...verdict.facts, doubt] };
}

function union(one: readonly LimitId[], other: readonly LimitId[]): readonly LimitId[] {
  if (one.length + other.length < 2) return one.length > 0 ? one : other;
  return [...new Set([...one, ...other])];
}

/** The control connection's own outcome; its cause only where no data channel carries it. */
function diagnoseControl(
  session: SessionFacts,
  channels: readonly ChannelDiagnosis[],
  capture: CaptureFacts,
): Pick<SessionDiagnosis, "outcome" | "verdict" | "tlsDemand"> {
  if (isUneventful(session)) return { outcome: "ok", verdict: null, tlsDemand: null };
  const carried = new Set<CauseId>(channels.flatMap(({ verdict }) => (verdict ? [verdict.cause] : [])));
  const troubled = carried.size > 0;
  const context = { session, capture };
  for (const { cause, rule } of SESSION_RULES) {
    // A channel that failed explains why the control connection went down after it.
    if (DEATHS.includes(cause) && (troubled || isLastWordUnknown(session, channels))) continue;
    if (carried.has(cause)) continue;
    const verdict = rule(context);
    if (verdict) return { outcome: "failed", verdict, tlsDemand: null };
  }
  const outcome = session.hasDialogue || cameAbout(session.control) ? "ok" : "undetermined";
  return { outcome, verdict: null, tlsDemand: tlsDemand(session) ?? null };
}

/**
 * Whether no rule of the control connection can have its proof, as in most sessions: each begins with a connection that did not come about, a
 * server that says no (4xx, 5xx), AUTH, or an end that is not in good order; or with a server that never spoke, or fell silent.
 */
function isUneventful(session: SessionFacts): boolean {
  const { control, server, exchanges } = session;
  if (!control.closedOrderly || server.highest === 0 || vainWait(session) !== null) return false;
  return exchanges.every(
    ({ command, final }) => command?.verb !== "AUTH" && (final === null ? command?.verb === "QUIT" : final.code < 400),
  );
}

/** Causes that say what the control connection died of. */
const DEATHS: readonly CauseId[] = ["control-connection-lost", "control-idle-timeout"];

/**
 * What the control connection died of is a guess that takes all of its last words: what it was busy with, and whether a transfer was under way,
 * which may have died first and of something else.
 */
function isLastWordUnknown(session: SessionFacts, channels: readonly ChannelDiagnosis[]): boolean {
  const { control, exchanges, hidden, candidates } = session;
  // What is missing the network lost, and that is what it died of.
  if (unfilledHole(session) !== null) return false;
  if (channels.some(({ outcome, limits }) => outcome === "undetermined" && limits.length > 0)) return true;
  if (hidden.some(({ to }) => to === Number.POSITIVE_INFINITY) && !isInHandshake(session))
    return control.midstream || candidates.length === 0;
  const hasItsData = (command: CommandEvent | null) =>
    channels.some(({ facts }) => facts.transfer?.command === command && progressOf(facts, session)?.complete);
  if (exchanges.some(({ command, final, replies }) => final === null && replies.length > 0 && !hasItsData(command)))
    return true;
  const last = exchanges.findLast(({ final }) => final !== null)?.final?.stamp.packet ?? 0;
  if (last === 0 && control.midstream) return true;
  return controlBlindness(session, "client", last) !== null || controlBlindness(session, "server", last) !== null;
}
