import { isPrivateUse } from "../address.ts";
import type { ChannelFacts, TransferFacts } from "../correlate/data-channel.ts";
import { type SessionFacts, timeOf } from "../correlate/session-facts.ts";
import { verbFacts } from "../ftp/command.ts";
import type { CommandEvent, ReplyEvent } from "../ftp/control-event.ts";
import { REORDER_SECONDS } from "../tcp/early-packets.ts";
import type { Stamp } from "../tcp/stream-sink.ts";
import {
  ANSWER_SECONDS,
  attemptState,
  isAnswerLost,
  isConclusive,
  prohibition,
  REPEATED_SYNS,
  turnedAway,
} from "./attempt.ts";
import {
  controlBlindness,
  dataBlindness,
  losesTail,
  losesWordsBetween,
  missesCommandBefore,
  neverArrived,
  recordBlindness,
} from "./blind-spots.ts";
import type { CauseId, LimitId } from "./cause.ts";
import type { ChannelContext } from "./context.ts";
import { askedBeforeEnd, controlEnd, IDLE_SECONDS, isDeniedByDevice, saidGoodbye } from "./control-end.ts";
import {
  type DataProgress,
  handshakeOf,
  isRetransmittingInVain,
  longWordsAfter,
  progressOf,
  SILENCE_SECONDS,
  STALL_SECONDS,
  starved,
} from "./data-progress.ts";
import { oncePer } from "./once-per.ts";
import { acknowledgedBy, isForged } from "./packet-origin.ts";
import {
  announcesOnly,
  cannotDial,
  confirmsAbort,
  endsSession,
  isOwnReason,
  maySpeakOfConnection,
} from "./reply-text.ts";
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

const judged = (outcome: Judgement["outcome"], ...limits: LimitId[]): Judgement => ({
  outcome,
  unexplained: "undetermined",
  among: null,
  limits,
});

const unclear = (blindness: LimitId | "unread"): Judgement =>
  blindness === "unread" ? judged("undetermined") : judged("undetermined", blindness);

/** Nothing is wrong with what is seen; only these causes show in what is not. */
const fineBut = (unexplained: Judgement["unexplained"], ...among: CauseId[]): Judgement => ({
  outcome: "trouble",
  unexplained,
  among,
  limits: [],
});

export function judge(context: ChannelContext): Judgement {
  const { channel } = context;
  const { negotiation, transfer, connection } = channel;
  if (transfer?.abort && !failedBefore(context, transfer.abort) && !cameWhole(context)) return judged("aborted");
  // "226 Abort successful" to the transfer itself: the ABOR is not in the capture.
  if (transfer && confirmsAbort(transfer.final, transfer.command)) return judged("aborted");
  if (negotiation && !negotiation.granted) return judgeUngranted(context);
  if (turnedAway(channel) && !(transfer && isPositive(transfer))) return fineBut("undetermined", "data-peer-mismatch");
  if (connection) {
    return connection.connection.established ? judgeEstablished(context) : judgeAttempt(context);
  }
  if (negotiation === null) return judged("trouble");
  return judgeUnseen(context);
}

/**
 * The client aborted a transfer whose connection had not come about, or on which nothing got through any more: the ABOR is the consequence.
 * What comes behind it is the ABOR's.
 */
function failedBefore({ session, channel }: ChannelContext, { stamp: abort }: CommandEvent): boolean {
  const { connection: matched, transfer } = channel;
  if (matched === null || isPositive(transfer!)) return false;
  const { connection } = matched;
  if (isAnswerLost(connection)) return connection.responder.lastSynPacket < abort.packet;
  if (connection.established) return isInVainBefore(progressOf(channel, session)!, abort);
  switch (attemptState(connection)) {
    case "rejected":
      return connection.responder.resets[0].packet < abort.packet;
    case "prohibited":
      return prohibition(connection)!.packet < abort.packet;
    case "unanswered":
    case "answered-late":
      // Long enough for the SYN to have been repeated.
      return connection.originator.synCount >= REPEATED_SYNS && abort.time - connection.firstTime >= ANSWER_SECONDS;
    default:
      return false;
  }
}

/** The ABOR came too late: all that was announced has arrived, and the server confirms the transfer (RFC 959 section 4.1.3). */
function cameWhole({ session, channel }: ChannelContext): boolean {
  const { transfer } = channel;
  const progress = progressOf(channel, session);
  if (!progress?.complete || !transfer || !isPositive(transfer) || confirmsAbort(transfer.final, transfer.command))
    return false;
  const size = announcedSize(session, transfer);
  return size !== undefined && progress.sender.bytes >= size.bytes;
}

/** Either end had repeated the same data in vain for so long by then. Where the other end's packets are not in the capture, nobody can tell. */
function isInVainBefore(progress: DataProgress, { packet, time }: Pick<Stamp, "packet" | "time">): boolean {
  if (oneSided(progress)) return false;
  return [progress.sender, progress.receiver].some(
    (half) =>
      isRetransmittingInVain(half) && half.stalledFirstPacket < packet && time - half.stalledFirstTime >= STALL_SECONDS,
  );
}

/** What keeps words of the control connection out of the capture: that they were cut by the snaplen is said only where it cut some. */
function wordsUnseen(session: SessionFacts): LimitId[] {
  if (session.lostBytes || losesTail(session)) return ["control-gap"];
  if (session.cutBytes) return ["snaplen-cut"];
  // A line that its sender itself did not end is no want of the capture.
  return session.atCaptureEnd && !session.control.closed ? ["capture-ends"] : [];
}

/** A negotiation that was turned down, or never answered. */
function judgeUngranted(context: ChannelContext): Judgement {
  const { session, capture } = context;
  const negotiation = context.channel.negotiation!;
  // What was lost may have been the yes; what is here may answer another command.
  if (negotiation.replyLost) return judged("undetermined", ...wordsUnseen(session));
  // A refusal has many causes, and its text, which is not all there, decides between them.
  // Between the two a command and its yes may be missing, and the no answers a third.
  const { command, reply } = negotiation;
  if (command && reply && losesWordsBetween(session, command.stamp.packet, reply.stamp.packet))
    return judged("undetermined", ...wordsUnseen(session));
  if (negotiation.reply?.cut) return judged("undetermined", ...wordsUnseen(session));
  if (negotiation.reply !== null) return { ...judged("trouble"), unexplained: "refused" };
  if (session.server.packets === 0) return judged("undetermined", "one-sided");
  if (negotiation.duringTransfer) return judged("not-attempted");
  const asked = negotiation.command!.stamp.packet;
  const blindness = controlBlindness(session, "server", asked);
  if (blindness) return judged("undetermined", blindness);
  // A lost command may have begun a transfer, and a server inside one answers nothing.
  if (missesCommandBefore(session, asked)) return judged("undetermined", "control-gap");
  if (session.client.packets === 0) return judged("undetermined", "one-sided");
  const sentAt = timeOf(negotiation.command!.stamp);
  // Behind the end of the control connection nothing would have come.
  const over = session.control.closed;
  if (!over && session.atCaptureEnd && capture.now - sentAt < ANSWER_SECONDS)
    return judged("undetermined", "capture-ends");
  return judged("trouble");
}

/** A connection attempt that did not come about. */
function judgeAttempt(context: ChannelContext): Judgement {
  const { session, channel, capture } = context;
  const attempt = channel.connection!;
  // What was granted is cut off, and this goes elsewhere than to the server: of addresses only a private one speaks for itself.
  if (
    attempt.match === "inferred" &&
    channel.negotiation &&
    attempt.connection.responder.address !== session.server.address
  )
    return fineBut("undetermined", "pasv-private-address");
  // The server had turned the transfer down for a reason of its own, and closed its port, before the client dialled.
  const final = channel.transfer?.replyLost === false ? channel.transfer.final : null;
  if (final && final.stamp.packet < attempt.connection.firstPacket && isOwnReason(final, channel.transfer!.command))
    return judged("refused");
  const state = attemptState(attempt.connection);
  if (state === "unclear") return judged("undetermined", "one-sided");
  // A grant that the snaplen cut, and a dead attempt at a host that is not the server: stale address, or another matter of the client's.
  const target = attempt.connection.responder.address;
  if (attempt.match === "inferred" && !channel.hidden && target !== session.server.address && !isPrivateUse(target))
    return judged("undetermined", ...wordsUnseen(session));
  // A transfer that the server confirms had its connection: its answers went past this capture.
  if (channel.transfer?.final && isPositive(channel.transfer)) return judged("ok", "one-sided");
  if (state !== "unanswered") return judged("trouble");
  if (session.server.packets === 0 || session.client.packets === 0) return judged("undetermined", "one-sided");
  if (saysAnswered(channel)) return judged("undetermined", "data-gap");
  if (capture.cutIcmp) return judged("undetermined", "snaplen-cut");
  if (!isConclusive(attempt, capture.now)) return judged("undetermined", "capture-ends");
  // Sent once and not again, though there was time for it: something told the client to stop, and this capture does not have it.
  if (attempt.connection.originator.synCount < REPEATED_SYNS && !saidToHaveFailed(channel))
    return judged("undetermined", "one-sided");
  return judged("trouble");
}

/**
 * The server names the error that its own SYN met (strerror of ECONNREFUSED, EHOSTUNREACH, ENETUNREACH): the RST or ICMP error that a
 * capture without any answer lacks. "Connection timed out" agrees with silence.
 */
function saysAnswered({ transfer, negotiation }: ChannelFacts): boolean {
  const reply = transfer?.final ?? negotiation?.reply;
  return (
    reply != null && reply.code >= 400 && /connection refused|no route to host|unreachable/i.test(reply.lines.join(" "))
  );
}

/** A negative reply reports that the connection did not come about. */
function saidToHaveFailed({ transfer }: ChannelFacts): boolean {
  return transfer?.final != null && transfer.final.code >= 400 && !transfer.replyLost;
}

/** A connection that came about. */
function judgeEstablished(context: ChannelContext): Judgement {
  const { session, channel } = context;
  const { transfer } = channel;
  const progress = progressOf(channel, session)!;
  if (transfer?.final) {
    if (isPositive(transfer)) {
      if (contradictsSuccess(context)) return judged("trouble");
      if (isDeniedByDevice(session, transfer.final)) return fineBut("undetermined", "control-idle-timeout");
      return isUnheard(context) ? fineBut("ok", "control-idle-timeout") : judged("ok");
    }
    if (transfer.replyLost) return judged("undetermined", ...wordsUnseen(session));
    if (isOwnReason(transfer.final, transfer.command) && !brokeBefore(progress, transfer.final))
      return judged("refused");
    // Where the data stood still the session may have lasted so long for that.
    const moved = !isSilent(context) && !isInVainBefore(progress, transfer.final.stamp);
    if (endsSession(transfer.final) && moved) return judged("refused");
    return judged("trouble");
  }
  if (isAnswerLost(progress.connection)) return fineBut("undetermined", "data-stalled", "data-port-translated");
  const unsaid = unheardWords(context);
  /** Trouble by what is missing: only where the capture would have shown it. */
  const lacking = (blindness: ReturnType<typeof recordBlindness>): Judgement => {
    const limit = blindness ?? unsaid;
    return limit ? unclear(limit) : judged("trouble");
  };
  const inVain = isRetransmittingInVain(progress.sender) || isRetransmittingInVain(progress.receiver);
  const recordsUnseen = recordBlindness(progress);
  if (inVain) {
    const limit = oneSided(progress) ?? unsaid;
    if (limit) return judged("undetermined", limit);
    return recordsUnseen ? fineBut("undetermined", "mtu-blackhole", "data-stalled") : judged("trouble");
  }
  // Whatever the records would show that are on their way for ever, and whoever could not read what was said about it.
  if (channel.hidden && !unsaid && starved(progress, session)) return fineBut("undetermined", "data-stalled");
  // Open and not a byte: either end may have waited for the other, and no reply that could be read says who had to begin.
  const mute = channel.hidden && progress.client.bytes + progress.server.bytes === 0;
  if (mute && (progress.cutBy || isSilent(context))) return judged("undetermined");
  // Opened and never used, however it ended: the client changed its mind, or the capture ends here.
  if (transfer === null && channel.negotiation !== null && progress.sender.bytes === 0) {
    if (unsaid) return judged("undetermined", unsaid);
    return isOver(context) ? judged("not-attempted") : judged("undetermined", "capture-ends");
  }
  if (progress.cutBy) return lacking(progress.tls ? recordsUnseen : dataBlindness(progress));
  const handshake = handshakeOf(progress);
  const over = progress.connection.closed || isSilent(context);
  if (handshake && over && handshake.alert) return judged("trouble");
  if (handshake && over && !handshake.finished) return lacking(recordsUnseen);
  // A full handshake and no data is an empty listing, or a server that wants the session resumed: the rule knows more. So does an upload into a server
  // that does not read it. vsftpd confirms both in 24 bytes, ProFTPD uploads; other servers' confirmations (Pure-FTPd's two lines) may be long.
  const isUpload = channel.hidden && progress.sender === progress.client;
  const product = session.software?.product;
  const isTerse = product === "vsftpd" || (isUpload && handshake?.hasData === true && product === "proftpd");
  const complains = () => isTerse && longWordsAfter(progress, session) !== null;
  if (handshake && over && (!handshake.hasData || (isUpload && !handshake.resumed && complains()))) {
    const since = progress.connection.firstPacket;
    const blindness =
      recordsUnseen ?? controlBlindness(session, "client", since) ?? controlBlindness(session, "server", since);
    if (blindness) return unclear(blindness);
    return fineBut(
      !progress.complete || complains() ? "undetermined" : "ok",
      "tls-session-reuse-required",
      "control-idle-timeout",
    );
  }
  // What it carried got through whole, whoever asked for it.
  if (transfer === null && channel.negotiation !== null)
    return judged(progress.complete ? "ok" : "undetermined", unsaid ?? "capture-ends");
  // Half a handshake: whether the other end went on with it is not known, and a server that does not like it also closes in order.
  const half = channel.hidden && progress.tls ? oneSided(progress) : null;
  if (half) return judged("undetermined", half);
  if (isCutShort(context)) return lacking(dataBlindness(progress));
  // Not a byte and not a word: no file of that length, nor any other.
  if (transfer?.replies.length === 0 && progress.sender.bytes === 0)
    return unsaid
      ? judged("undetermined", unsaid)
      : fineBut("undetermined", "data-peer-mismatch", "control-idle-timeout");
  if (progress.complete) {
    // Data complete, but nobody is seen to say so. Trouble only if the control connection is seen to be dead (the rule decides): encrypted,
    // the reply cannot be read, and a client may QUIT before the last 226.
    const clean = channel.hidden ? !resetAfter(context, progress) && !isThrownAway(progress) : leavesItself(session);
    if (unsaid) return judged(clean ? "ok" : "undetermined", unsaid);
    return fineBut(clean ? "ok" : "undetermined", "control-idle-timeout");
  }
  if (isSilent(context)) {
    if (!channel.hidden)
      return mayGoOn(context, progress) ? judged("undetermined", "capture-ends") : lacking(dataBlindness(progress));
    // Nobody repeats anything, and what was said about it cannot be read: a user who pauses looks the same until he gives up.
    if (!isGivenUp(context) || dataBlindness(progress)) return fineBut("undetermined", "control-idle-timeout");
    return fineBut("undetermined", "control-idle-timeout", "data-stalled");
  }
  if (!progress.connection.closed) {
    if (mayGoOnUnseen(context)) return judged("undetermined", "control-gap");
    return isLeft(context, progress) ? judged("undetermined") : judged("undetermined", "capture-ends");
  }
  return channel.hidden ? judged("ok") : judged("undetermined", "capture-ends");
}

/** It is the client that ends the session: it says so, or closes first. */
function leavesItself(session: SessionFacts): boolean {
  const { client, server } = session;
  const quit = () => askedBeforeEnd(session).some(({ command }) => command.verb === "QUIT");
  return client.closedBefore(server) || (client.finPacket !== 0 && quit());
}

/**
 * The data connection was seen to break in mid-transfer before the server gave a reason (550 and 451 are said of a broken connection too: IIS,
 * pyftpdlib): by a reset that neither host sent, by a fatal alert, or with data repeated in vain. A server that resets by itself is believed.
 */
function brokeBefore(progress: DataProgress, reply: ReplyEvent): boolean {
  const { cutBy, sender, receiver } = progress;
  const { stamp } = reply;
  if (!maySpeakOfConnection(reply)) return false;
  const flowed = sender.bytes + receiver.bytes > 0;
  if (flowed && cutBy && cutBy.reset.packet < stamp.packet && isForged(cutBy.reset, cutBy.half)) return true;
  const alert = handshakeOf(progress)?.alert;
  if (alert && alert.record.packet < stamp.packet) return true;
  return isInVainBefore(progress, stamp);
}

/**
 * Why what the two ends said of a transfer may not be in the capture: an ABOR that explains its end, or its last reply. Under TLS nothing of it
 * could be read anyway.
 */
function unheardWords({ session, channel }: ChannelContext): LimitId | null {
  const { negotiation, transfer, hidden } = channel;
  if (hidden) return null;
  const granted = negotiation?.command?.stamp.packet ?? negotiation?.reply?.stamp.packet ?? 0;
  const asked = transfer?.command.stamp.packet ?? granted;
  return controlBlindness(session, "client", granted) ?? controlBlindness(session, "server", asked);
}

/** The client had time for more, or went on to something else, since the grant. */
function isOver({ session, channel, capture }: ChannelContext): boolean {
  const left = session.client.finTime !== 0 || session.client.resetCount > 0;
  const wentOn = channel.followedBy.some(({ command }) => command !== null && !verbFacts(command.verb)?.prepares);
  return left || wentOn || capture.now - channel.from >= ANSWER_SECONDS;
}

function oneSided({ sender, receiver }: DataProgress): LimitId | null {
  return sender.packets === 0 || receiver.packets === 0 ? "one-sided" : null;
}

/** No connection that fits is in the capture. */
function judgeUnseen(context: ChannelContext): Judgement {
  const { session, channel, channels, index, capture } = context;
  const { negotiation, transfer } = channel;
  const limits: LimitId[] = capture.sawOtherTcp ? [] : ["capture-filtered"];
  if (transfer?.final) {
    if (isPositive(transfer)) return judged("ok", ...limits);
    if (transfer.replyLost) return judged("undetermined", ...wordsUnseen(session));
    if (isOwnReason(transfer.final, transfer.command)) return judged("refused");
    if (negotiation?.mode === "active" && cannotDial(transfer.final, transfer.command)) return judged("refused");
    // Its text decides who is to blame, and is not all there.
    if (transfer.final.cut) return judged("undetermined", ...wordsUnseen(session));
    // It speaks of a connection that came about: what became of it, only a capture of it can say.
    return tellsOfConnection(transfer.final) ? fineBut("undetermined", ...TOLD_BY_TEXT) : judged("trouble");
  }
  const granted = negotiation?.command?.stamp.packet ?? negotiation?.reply?.stamp.packet ?? 0;
  const unheard = controlBlindness(session, "client", granted);
  if (unheard) return judged("undetermined", unheard);
  // A grant that never reached the client cannot have been followed: that is the control connection's trouble.
  if (negotiation?.mode === "passive" && negotiation.reply && session.server.acked < negotiation.reply.endAt)
    return session.control.midstream
      ? judged("undetermined", "midstream")
      : fineBut("undetermined", "negotiation-dropped-by-helper");
  const left = session.client.finTime !== 0 || session.client.resetCount > 0;
  if (transfer !== null) {
    // 150 without an end: most servers say it once the data connection stands, so the capture only did not see it.
    if (transfer.replyLost || transfer.replies.some((reply) => !announcesOnly(reply)))
      return judged("undetermined", ...limits);
    const unanswered = controlBlindness(session, "server", transfer.command.stamp.packet);
    if (unanswered) return judged("undetermined", unanswered);
    const asked = timeOf(transfer.command.stamp);
    return !left && capture.now - asked < ANSWER_SECONDS ? judged("undetermined", "capture-ends") : unseen();
  }
  if (lastUsed(channels) > index) return judged("not-attempted");
  const gaveUp = channel.followedBy.some((exchange) => exchange.command?.verb === "QUIT");
  if (!left && !gaveUp && capture.now - channel.from < ANSWER_SECONDS) return judged("undetermined", "capture-ends");
  if (session.server.packets === 0) return judged("undetermined", "one-sided");
  return unseen();

  /** Nobody says that anything failed, and a capture that lacks words of this very session may as well lack its data connection. */
  function unseen(): Judgement {
    return session.lostBytes || losesTail(session) ? judged("undetermined", "control-gap") : judged("trouble");
  }
}

/** The last channel whose negotiation was granted, or may have been, and used; -1 when none was. */
const lastUsed = oncePer((channels: readonly ChannelFacts[]) =>
  channels.findLastIndex(
    ({ negotiation, transfer, connection }) =>
      negotiation !== null &&
      (negotiation.granted || negotiation.replyLost) &&
      (transfer !== null || connection !== null),
  ),
);

/** Causes that the text of a reply proves by itself. */
const TOLD_BY_TEXT: readonly CauseId[] = [
  "data-protection-required",
  "data-peer-mismatch",
  "tls-session-reuse-required",
  "data-tls-handshake-failed",
];

/** 426 closes a connection that there was, 451 breaks off what was under way (RFC 959 section 4.2); 425 says that there was none. */
function tellsOfConnection({ code }: ReplyEvent): boolean {
  return code === 426 || code === 451;
}

/** The final reply says that the transfer worked. */
export function isPositive(transfer: TransferFacts): boolean {
  return transfer.final !== null && transfer.final.code >= 200 && transfer.final.code < 300;
}

/**
 * The last reply never reached the client: it is repeated in vain, or answered by a reset, after the control connection was idle during
 * the transfer. The data got through, the client waits.
 */
function isUnheard({ session, channel }: ChannelContext): boolean {
  const final = channel.transfer?.final;
  if (!final || session.server.acked >= final.endAt) return false;
  const end = controlEnd(session);
  const refused = end.kind === "reset" && end.reset?.half === session.client;
  return (refused || end.kind === "server-unheard") && end.idleBefore >= IDLE_SECONDS;
}

/** 226 is not proof: packets that show the data stuck, or cleartext sent into a TLS client, win over it. */
function contradictsSuccess(context: ChannelContext): boolean {
  const progress = progressOf(context.channel, context.session)!;
  const { sender, receiver, records, connection, client, server } = progress;
  if (isRetransmittingInVain(sender) && sender.unacknowledged > 0 && !sender.finAcked && !oneSided(progress))
    return true;
  const walk = (half: typeof client) => (half === connection.originator ? records.originator : records.responder);
  if (
    dataBlindness(progress) === null &&
    records.clientHello !== null &&
    walk(server).state === "cleartext" &&
    server.bytes > 0 &&
    walk(client).state === "tls"
  )
    return true;
  // A hole that nobody filled before the receiver closed, with the sender's FIN behind it (seen from the receiver's side)
  if (neverArrived(progress) && isSilent(context)) return true;
  // Of a file only a part is there when the receiver gives up waiting for more: the server had handed all of it to its own host, and said so.
  const hasLeft = receiver.finPacket !== 0 && receiver.zeroWindowPacket === 0;
  const hasEnd = sender.finPacket !== 0 || sender.resetCount > 0 || sender.unacknowledged > 0;
  if (hasLeft && !hasEnd && isSilent(context) && isShort(context, sender.highest)) return true;
  // The receiver shut its window, then left before the sender was done.
  if (receiver.zeroWindowTime > 0 && progress.cutBy && sender.finPacket === 0 && isSilent(context)) return true;
  return isTruncated(context) || isCutUpload(context);
}

/**
 * The server's end reset an upload before the client had closed it, and what the client had sent last was not acknowledged. It is the sender's close that ends a file in stream mode
 * (RFC 959 section 3.4.1): whoever confirms it has taken the cut for its end.
 */
export function isCutUpload({ session, channel }: ChannelContext): boolean {
  const { transfer, connection } = channel;
  const progress = progressOf(channel, session);
  if (!transfer || !progress?.cutBy || progress.tls) return false;
  const { sender, receiver, client, cutBy } = progress;
  if (sender !== client || cutBy.half !== receiver || acknowledgedBy(receiver, sender) >= sender.highest) return false;
  // Had it closed before, the acknowledgments of all may only not be here.
  const wasDone = sender.finPacket !== 0 && sender.finPacket < cutBy.reset.packet;
  if (wasDone || connection!.match === "inferred" || !carries(progress, transfer)) return false;
  return (
    dataBlindness(progress) === null && controlBlindness(session, "client", transfer.command.stamp.packet) === null
  );
}

/** How long a file is, and which reply says so. */
export interface AnnouncedSize {
  readonly bytes: number;
  /** The server rounds: it may be some more. */
  readonly isLeast: boolean;
  readonly reply: ReplyEvent;
}

/** Pure-FTPd's 150 for a file of 1 kB and more, in units of 1024 bytes with one digit behind the point (`146.5 kbytes to download`). */
const KBYTES = /(?<![\d.])(\d{1,12}\.\d) kbytes to download/;

/** The size that the server announced: in `150 … (N bytes)`, or by SIZE before. */
export function announcedSize(session: SessionFacts, transfer: TransferFacts): AnnouncedSize | undefined {
  for (const reply of transfer.replies) {
    // The last: a file may be named "notes (9000 bytes).txt".
    const match = reply.code < 200 ? [...reply.lines.join(" ").matchAll(/\((\d{1,15}) bytes\)/gi)].at(-1) : undefined;
    if (match) return { bytes: Number(match[1]), isLeast: false, reply };
    const rounded = reply.code < 200 ? KBYTES.exec(reply.lines.join(" ")) : null;
    if (rounded) return { bytes: Math.floor((Number(rounded[1]) - 0.05) * 1024), isLeast: true, reply };
  }
  return sizeAsked(session, transfer);
}

/**
 * What SIZE said of the same name. It depends on the type in force (RFC 3659 section 4), so nothing that changes type, folder or file may
 * have been said between; and a file may still have been cut short by others, which is why more than `possible` cannot come of it.
 */
function sizeAsked({ exchanges }: SessionFacts, { command }: TransferFacts): AnnouncedSize | undefined {
  const asked = exchanges.findLast(
    ({ command: earlier }) =>
      earlier !== null &&
      earlier.startAt < command.startAt &&
      (verbFacts(earlier.verb)?.changesFiles || (earlier.verb === "SIZE" && earlier.argument === command.argument)),
  );
  const reply = asked?.final;
  if (asked?.command?.verb !== "SIZE" || reply?.code !== 213 || asked.replyLost) return undefined;
  // Fourteen digits are MDTM's (RFC 3659 section 2.3).
  const match = /^\s*(\d{1,13})\s*$/.exec(reply.lines.join(" "));
  return match ? { bytes: Number(match[1]), isLeast: false, reply } : undefined;
}

/** `150 Opening BINARY mode data connection …`: the type in force, where the TYPE command is not in the capture. */
function saysBinary({ replies }: TransferFacts): boolean {
  return replies.some((reply) => reply.code < 200 && /\bbinary mode\b/i.test(reply.lines.join(" ")));
}

/** Fewer bytes than announced, with the stream's end seen: a FIN, or a RST before it. */
export function isTruncated(context: ChannelContext): boolean {
  const progress = progressOf(context.channel, context.session);
  if (!progress) return false;
  const { sender, cutBy } = progress;
  const end = sender.finAt >= 0 ? sender.finAt : cutBy ? sender.highest : -1;
  return end >= 0 && isShort(context, end);
}

/** The same, and nobody says that it is complete: the sender itself closed first, and the client neither left nor closed before. */
export function isCutShort(context: ChannelContext): boolean {
  const { session, channel, capture } = context;
  const { transfer } = channel;
  const progress = progressOf(channel, session);
  if (!progress || !transfer || transfer.final !== null || progress.sender.finAt < 0) return false;
  const { sender, receiver } = progress;
  const before = (packet: number | undefined) => packet !== undefined && packet !== 0 && packet < sender.finPacket;
  if (before(session.client.finPacket) || before(session.client.resets[0]?.packet)) return false;
  const leaves = channel.followedBy.find(({ command }) => command?.verb === "QUIT" || command?.verb === "REIN");
  if (before(leaves?.command?.stamp.packet)) return false;
  // Not `closedBefore`: FINs that cross do not tell who was first.
  if (receiver.finPacket !== 0 && receiver.finAcknowledged <= sender.finAt) return false;
  // The reply to it may still be on its way.
  const mayReply = session.atCaptureEnd && session.server.finPacket === 0 && session.server.resetCount === 0;
  if (mayReply && capture.now - sender.finTime < ANSWER_SECONDS) return false;
  return isTruncated(context);
}

/** A keep-alive, or what answers it, this long after the last data shows that the path lives (seconds). */
const ALIVE_SECONDS = 1;

/** The capture ends in a pause: nobody has closed, all is acknowledged, and the path is seen to live. */
function mayGoOn({ session }: ChannelContext, { sender, receiver }: DataProgress): boolean {
  const { client, server } = session;
  const ended = [client, server, sender, receiver].some((half) => half.finPacket !== 0 || half.resetCount > 0);
  if (ended || !session.atCaptureEnd || sender.bytes === 0 || sender.unacknowledged > 0 || receiver.window === 0)
    return false;
  return [sender, receiver].every((half) => half.lastTime - sender.lastNewPayloadTime >= ALIVE_SECONDS);
}

/** The connection lived at some time between the command and its final reply: where a 227 was lost, another transfer's may have been tied to this one. */
function carries({ connection }: DataProgress, { command, final }: TransferFacts): boolean {
  return connection.lastPacket > command.stamp.packet && connection.firstPacket < (final?.stamp.packet ?? Infinity);
}

/** Fewer bytes than announced: only where ASCII conversion, REST and TLS cannot explain it. */
function isShort({ session, channel }: ChannelContext, bytes: number): boolean {
  const { transfer } = channel;
  if (transfer?.command.verb !== "RETR" || transfer.restartAt > 0) return false;
  const progress = progressOf(channel, session);
  // Tied to it by time alone, it may be another session's.
  if (!progress || progress.tls || channel.connection?.match === "inferred" || !carries(progress, transfer))
    return false;
  const size = announcedSize(session, transfer);
  if (!size || bytes >= size.bytes || dataBlindness(progress)) return false;
  if (isOtherLength(session, transfer)) return false;
  // A lost REST or transfer command would make it another file, or the rest of one.
  if (missesCommandBefore(session, transfer.command.stamp.packet)) return false;
  const type = session.exchanges.findLast(
    (exchange) => exchange.command?.verb === "TYPE" && exchange.command.stamp.packet < transfer.command.stamp.packet,
  );
  return type ? /^\s*[IL]/i.test(type.command?.argument ?? "") : saysBinary(transfer);
}

/** MODE Z and BLOCK carry other bytes than the file has, RANG fewer (RFC 959 section 3.4, draft-bryan-ftp-range). */
function isOtherLength({ exchanges }: SessionFacts, { command }: TransferFacts): boolean {
  const told = (verb: string) =>
    exchanges.findLast((exchange) => exchange.command?.verb === verb && exchange.command.startAt < command.startAt);
  const mode = told("MODE");
  const range = told("RANG");
  return (mode?.command?.argument ?? "S").trim().toUpperCase() !== "S" || range !== undefined;
}

/** That nobody says more on the data connection, or closes it, is not sure: the capture lost words of the control connection since. */
function mayGoOnUnseen({ session, channel }: ChannelContext): boolean {
  return losesTail(session) || losesWordsBetween(session, channel.connection!.connection.lastPacket, Infinity);
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
  // A FIN behind bytes that are not here is no end of what moves: they may still come.
  const closed = ({ unseen, finTime }: typeof originator) => (unseen === 0 && finTime) || Infinity;
  const ended = Math.min(
    closed(originator),
    closed(responder),
    originator.resets[0]?.time ?? Infinity,
    responder.resets[0]?.time ?? Infinity,
  );
  if (ended !== Infinity) return ended - moved >= SILENCE_SECONDS;
  if (mayGoOnUnseen(context)) return false;
  return Math.max(session.control.lastTime, connection.lastTime) - moved >= SILENCE_SECONDS;
}

/**
 * The receiver closed the data connection under the sender, and that was acknowledged, or had to be repeated: the connection was still open, so no
 * reset had come, or came then, that the capture may lack.
 */
function isGivenUp({ session, channel }: ChannelContext): boolean {
  const { sender, receiver } = progressOf(channel, session)!;
  return sender.finPacket === 0 && (receiver.finAcked || receiver.finCount > 1);
}

/** The receiver or the client has closed, and the capture goes on long enough for what could answer that. */
function isLeft({ session, capture }: ChannelContext, { connection, receiver }: DataProgress): boolean {
  const left = receiver.finPacket !== 0 || session.client.finPacket !== 0;
  return left && capture.now - connection.lastTime >= ANSWER_SECONDS;
}

/**
 * An upload in the clear that the server only resets: it closes no stream that it has read. So ends what is sent without TLS to a server that waits for it
 * (PROT P), and what it says of it is encrypted.
 */
function isThrownAway({ sender, client, receiver, tls }: DataProgress): boolean {
  const [reset] = receiver.resets;
  return (
    sender === client && !tls && receiver.finPacket === 0 && reset !== undefined && reset.packet > sender.finPacket
  );
}

/** A reset of the control connection this soon after the data has to do with it (seconds). */
const CONSEQUENCE_SECONDS = 2;

/** The server resets the control connection right after the end of the last data connection: something went wrong that cannot be read. */
function resetAfter({ session, channels, index }: ChannelContext, { connection }: DataProgress): boolean {
  const reset = session.server.resets[0];
  if (!reset || session.client.finPacket !== 0 || session.server.finPacket !== 0) return false;
  // The client left first: the server's reset answers that.
  if (session.client.resetCount > 0 && session.client.resets[0].time <= reset.time + REORDER_SECONDS) return false;
  if (saidGoodbye(session)) return false;
  const wentOn = channels
    .slice(index + 1)
    .some((later) => (later.connection?.connection.firstTime ?? 0) > connection.lastTime);
  return !wentOn && Math.abs(reset.time - connection.lastTime) <= CONSEQUENCE_SECONDS;
}
