import type { TransferFacts } from "../correlate/data-channel.ts";
import { timeOf } from "../correlate/session-facts.ts";
import { ANSWER_SECONDS, attemptState, isConclusive } from "./attempt.ts";
import type { LimitId } from "./cause.ts";
import type { ChannelContext } from "./context.ts";
import { handshakeOf, isRetransmittingInVain, progressOf, SILENCE_SECONDS } from "./data-progress.ts";
import { announcesOnly, isOwnReason, mayMean } from "./reply-text.ts";
import type { ChannelOutcome } from "./verdict.ts";

/**
 * What became of a channel before anybody is blamed. `trouble` means that the facts show a failure or a refusal whose cause the
 * rules are then asked for; every other outcome is final and accuses nobody.
 */
export interface Judgement {
  readonly outcome: ChannelOutcome | "trouble";
  /** For `trouble`: the outcome if no rule has its proof. */
  readonly unexplained: "ok" | "undetermined";
  /** Limits of the capture that keep it from saying more. */
  readonly limits: readonly LimitId[];
}

const judged = (outcome: Judgement["outcome"], ...limits: LimitId[]): Judgement => ({
  outcome,
  unexplained: "undetermined",
  limits,
});

export function judge(context: ChannelContext): Judgement {
  const { channel } = context;
  const { negotiation, transfer, connection } = channel;
  if (transfer?.aborted) return judged("aborted");
  if (negotiation && !negotiation.granted) return judgeUngranted(context);
  if (connection) {
    return connection.connection.established ? judgeEstablished(context) : judgeAttempt(context);
  }
  if (negotiation === null) return judged("trouble");
  return judgeUnseen(context);
}

/** A negotiation that was turned down, or never answered. */
function judgeUngranted(context: ChannelContext): Judgement {
  const { session, capture } = context;
  const negotiation = context.channel.negotiation!;
  if (negotiation.reply !== null) return judged("trouble");
  if (negotiation.duringTransfer) return judged("not-attempted");
  if (negotiation.replyLost || session.lostBytes) return judged("undetermined", "control-gap");
  if (session.cutBytes) return judged("undetermined", "snaplen-cut");
  if (session.server.packets === 0 || session.client.packets === 0) return judged("undetermined", "one-sided");
  const sentAt = timeOf(negotiation.command!.stamp);
  if (session.atCaptureEnd && capture.now - sentAt < ANSWER_SECONDS) return judged("undetermined", "capture-ends");
  return judged("trouble");
}

/** A connection attempt that did not come about. */
function judgeAttempt(context: ChannelContext): Judgement {
  const { session, channel, capture } = context;
  const attempt = channel.connection!;
  const state = attemptState(attempt.connection);
  if (state === "unclear") return judged("undetermined", "one-sided");
  if (state !== "unanswered") return judged("trouble");
  // A transfer that the server confirms had its connection: its answers went past this capture.
  if (channel.transfer?.final && isPositive(channel.transfer)) return judged("ok", "one-sided");
  if (session.server.packets === 0 || session.client.packets === 0) return judged("undetermined", "one-sided");
  if (!isConclusive(attempt, capture.now)) return judged("undetermined", "capture-ends");
  return judged("trouble");
}

/** A connection that came about. */
function judgeEstablished(context: ChannelContext): Judgement {
  const { session, channel } = context;
  const { transfer } = channel;
  const progress = progressOf(channel, session)!;
  if (transfer?.final) {
    if (isPositive(transfer)) return contradictsSuccess(context) ? judged("trouble") : judged("ok");
    if (isOwnReason(transfer.final)) return judged("refused");
    return judged("trouble");
  }
  const inVain = isRetransmittingInVain(progress.sender) || isRetransmittingInVain(progress.receiver);
  if (inVain || progress.cutBy) return judged("trouble");
  const handshake = handshakeOf(progress);
  const over = progress.connection.closed || isSilent(context);
  if (handshake && over && (handshake.alert || !handshake.finished)) return judged("trouble");
  // A full handshake and no data is an empty listing, or a server that wants the session resumed: the rule knows more.
  if (handshake && over && !handshake.hasData)
    return { outcome: "trouble", unexplained: progress.complete ? "ok" : "undetermined", limits: [] };
  if (transfer === null && channel.negotiation !== null) {
    if (session.lostBytes || session.cutBytes)
      return judged("undetermined", session.lostBytes ? "control-gap" : "snaplen-cut");
    // Opened and never used: the client changed its mind, or the capture ends here.
    return progress.sender.bytes > 0
      ? progress.complete
        ? judged("ok", "control-gap")
        : judged("undetermined", "capture-ends")
      : judged("not-attempted");
  }
  if (progress.complete) {
    // Data complete, but nobody is seen to say so. Trouble only if the control connection is seen to be dead (the rule decides): encrypted,
    // the reply cannot be read, and a client may QUIT before the last 226.
    const clean = channel.hidden || session.client.finPacket !== 0;
    return { outcome: "trouble", unexplained: clean ? "ok" : "undetermined", limits: [] };
  }
  if (isSilent(context)) return judged("trouble");
  if (!progress.connection.closed) return judged("undetermined", "capture-ends");
  return channel.hidden ? judged("ok") : judged("undetermined", "capture-ends");
}

/** No connection that fits is in the capture. */
function judgeUnseen(context: ChannelContext): Judgement {
  const { session, channel, channels, index, capture } = context;
  const { transfer } = channel;
  const limits: LimitId[] = capture.sawOtherTcp ? [] : ["capture-filtered"];
  if (transfer?.final) {
    if (isPositive(transfer)) return judged("ok", ...limits);
    return isOwnReason(transfer.final) ? judged("refused") : judged("trouble");
  }
  if (clientGap(context)) return judged("undetermined", session.lostBytes ? "control-gap" : "snaplen-cut");
  if (transfer !== null) {
    // 150 without an end: most servers say it once the data connection stands, so the capture only did not see it.
    if (transfer.replyLost || transfer.replies.some((reply) => !announcesOnly(reply)))
      return judged("undetermined", ...limits);
    const left = session.client.finPacket !== 0;
    const asked = timeOf(transfer.command.stamp);
    return !left && capture.now - asked < ANSWER_SECONDS ? judged("undetermined", "capture-ends") : judged("trouble");
  }
  const later = channels
    .slice(index + 1)
    .some((next) => next.negotiation?.granted === true && (next.transfer !== null || next.connection !== null));
  if (later) return judged("not-attempted");
  const grantedAt = channel.from;
  const left = session.client.finPacket !== 0 || session.client.resetCount > 0 || channel.followedBy.length > 0;
  if (!left && capture.now - grantedAt < ANSWER_SECONDS) return judged("undetermined", "capture-ends");
  if (session.client.packets === 0 || session.server.packets === 0) return judged("undetermined", "one-sided");
  return judged("trouble");
}

/** The final reply says that the transfer worked. */
export function isPositive(transfer: TransferFacts): boolean {
  return transfer.final !== null && transfer.final.code >= 200 && transfer.final.code < 300;
}

/** 226 is not proof: packets that show the data stuck, or cleartext sent into a TLS client, win over it. */
function contradictsSuccess(context: ChannelContext): boolean {
  const progress = progressOf(context.channel, context.session)!;
  const { sender, receiver, records, connection, client, server } = progress;
  if (isRetransmittingInVain(sender) && sender.unacknowledged > 0 && !sender.finAcked) return true;
  const walk = (half: typeof client) => (half === connection.originator ? records.originator : records.responder);
  if (
    records.clientHello !== null &&
    walk(server).state === "cleartext" &&
    server.bytes > 0 &&
    walk(client).state === "tls"
  )
    return true;
  // A hole that nobody filled before the receiver closed, with the sender's FIN behind it (seen from the receiver's side)
  if (
    sender.missing > 0 &&
    sender.finPacket !== 0 &&
    !sender.finAcked &&
    receiver.acked < sender.highest &&
    isSilent(context)
  )
    return true;
  return isTruncated(context);
}

/** The size that the server announced in `150 … (N bytes)`; -1 when it did not. */
export function announcedSize(transfer: TransferFacts): number {
  for (const reply of transfer.replies) {
    const match = reply.code < 200 ? /\((\d{1,15}) bytes\)/i.exec(reply.lines.join(" ")) : null;
    if (match) return Number(match[1]);
  }
  return -1;
}

/** Fewer bytes than announced, with the stream's end seen: only where ASCII conversion, REST and TLS cannot explain it. */
export function isTruncated(context: ChannelContext): boolean {
  const { session, channel } = context;
  const { transfer } = channel;
  if (!transfer || transfer.command.verb !== "RETR" || transfer.restartAt > 0) return false;
  const size = announcedSize(transfer);
  const progress = progressOf(channel, session);
  if (size < 0 || !progress || progress.tls) return false;
  const { sender } = progress;
  if (!sender.baseFromSyn || sender.finAt < 0) return false;
  const type = session.exchanges
    .filter(
      (exchange) => exchange.command?.verb === "TYPE" && exchange.command.stamp.packet < transfer.command.stamp.packet,
    )
    .at(-1);
  if (!/^\s*[IL]/i.test(type?.command?.argument ?? "")) return false;
  return sender.finAt < size;
}

/** Nothing moved on the data connection for long before the client gave up or the session ended. */
export function isSilent(context: ChannelContext): boolean {
  const { session, channel } = context;
  const connection = channel.connection!.connection;
  const { originator, responder } = connection;
  const moved = Math.max(
    originator.lastNewPayloadTime,
    responder.lastNewPayloadTime,
    originator.synTime,
    responder.synTime,
    connection.firstTime,
  );
  const ended = Math.min(
    originator.finTime || Infinity,
    responder.finTime || Infinity,
    originator.resets[0]?.time ?? Infinity,
    responder.resets[0]?.time ?? Infinity,
    Math.max(session.control.lastTime, connection.lastTime),
  );
  return ended - moved >= SILENCE_SECONDS;
}

/** The client's direction has holes after the negotiation: what it asked for next may not be in the capture. */
function clientGap(context: ChannelContext): boolean {
  const { session, channel } = context;
  const after = channel.negotiation?.reply?.stamp.packet ?? channel.negotiation?.command?.stamp.packet ?? 0;
  return session.events.some(
    (event) => event.kind === "gap" && event.direction === "client" && event.stamp.packet > after,
  );
}

/** A negative reply that says the client is to blame for asking, not the network. */
export function isProtection(transfer: TransferFacts | null): boolean {
  return mayMean(transfer?.final, "protection-required");
}
