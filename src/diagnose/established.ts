import { isPositive, negotiationPacket, type TransferFacts } from "../correlate/data-channel.ts";
import type { SessionFacts } from "../correlate/session-facts.ts";
import { verbFacts } from "../ftp/command.ts";
import type { ReplyEvent } from "../ftp/control-event.ts";
import { REORDER_SECONDS } from "../tcp/early-packets.ts";
import { ANSWER_SECONDS, isAnswerLost } from "./attempt.ts";
import {
  blindnessSince,
  controlBlindness,
  dataBlindness,
  neverArrived,
  oneSided,
  recordBlindness,
} from "./blind-spots.ts";
import { isBrokenOff, mayBeBrokenOff } from "./broken-off.ts";
import type { ChannelContext } from "./context.ts";
import { askedBeforeEnd, controlEnd, IDLE_SECONDS, isDeniedByDevice, saidGoodbye } from "./control-end.ts";
import { answersInClear, type DataHandshake, handshakeOf, walkOf } from "./data-handshake.ts";
import { type DataProgress, isInVainBefore, isRetransmittingInVain, progressOf, starved } from "./data-progress.ts";
import { isCutAtReceiver, isCutShort, isShort, isTruncated } from "./file-length.ts";
import { fineBut, type Judgement, judged, unclear, wordsUnseen } from "./judgement.ts";
import type { LimitId } from "./limits.ts";
import { isForged } from "./packet-origin.ts";
import { endsSession, isOwnReason, maySpeakOfConnection } from "./reply-text.ts";
import { longWordsAfter, reuseComplaint } from "./sealed-complaint.ts";
import { isGivenUp, isLeft, isSilent, mayGoOn, mayGoOnUnseen } from "./silence.ts";

/** A connection that came about. */
export function judgeEstablished(context: ChannelContext): Judgement {
  const { session, channel } = context;
  const progress = progressOf(channel, session)!;
  if (channel.transfer?.final) return judgeAnswered(context, progress, channel.transfer, channel.transfer.final);
  const handshake = handshakeOf(progress);
  const unsaid = unheardWords(context);
  const recordsUnseen = recordBlindness(progress);
  const isOver = progress.connection.closed || isSilent(context);
  const unanswered: Unanswered = { ...context, progress, handshake, unsaid, recordsUnseen, isOver };
  for (const step of STEPS) {
    const judgement = step(unanswered);
    if (judgement) return judgement;
  }
  return channel.hidden ? judged("ok") : judged("undetermined", "capture-ends");
}

/** The server has said how the transfer ended. */
function judgeAnswered(
  context: ChannelContext,
  progress: DataProgress,
  transfer: TransferFacts,
  final: ReplyEvent,
): Judgement {
  const { session } = context;
  if (isPositive(transfer)) {
    if (contradictsSuccess(context)) {
      if (mayGetThrough(context, progress) || mayBeBrokenOff(context)) return judged("undetermined", "capture-ends");
      return judged(isBrokenOff(context) ? "aborted" : "trouble");
    }
    if (isResetByTimeAlone(context, progress)) return judged("undetermined", ...wordsUnseen(session));
    if (isDeniedByDevice(session, final)) return fineBut("undetermined", "control-idle-timeout");
    return isReplyUnheard(context) ? fineBut("ok", "control-idle-timeout") : judged("ok");
  }
  if (transfer.replyLost) return judged("undetermined", ...wordsUnseen(session));
  if (isOwnReason(final, transfer.command) && !brokeBefore(progress, final)) return judged("refused");
  if (isBrokenOff(context)) return judged("aborted");
  if (mayBeBrokenOff(context)) return judged("undetermined", "capture-ends");
  // Where the data stood still the session may have lasted so long for that.
  const moved = !isSilent(context) && !isInVainBefore(progress, final.stamp);
  return endsSession(final) && moved ? judged("refused") : judged("trouble");
}

/** A connection that came about, and no last reply that could be read says how its transfer ended. */
interface Unanswered extends ChannelContext {
  readonly progress: DataProgress;
  readonly handshake: DataHandshake | undefined;
  /** Why what was said of the transfer may not be in the capture; null where it would be. */
  readonly unsaid: LimitId | null;
  /** Why the TLS records of the connection are not all known. */
  readonly recordsUnseen: ReturnType<typeof recordBlindness>;
  /** Nothing more came, or will come, of the connection. */
  readonly isOver: boolean;
}

/** Says what became of the channel, or leaves it to those behind it. */
type Step = (unanswered: Unanswered) => Judgement | undefined;

/** In order: what is seen to break comes before what is only missing. */
const STEPS: readonly Step[] = [
  judgeSynAckLost,
  judgeInVain,
  judgeStarved,
  judgeUnused,
  judgeCut,
  judgeHandshake,
  judgeEmptyUnderTls,
  judgeUnasked,
  judgeIncomplete,
  judgeComplete,
  judgeSilent,
  judgeOpen,
];

/** Trouble by what is missing: only where the capture would have shown it. */
function lacking({ unsaid }: Unanswered, blindness: ReturnType<typeof recordBlindness>): Judgement {
  const limit = blindness ?? unsaid;
  return limit ? unclear(limit) : judged("trouble");
}

function judgeSynAckLost({ session, progress, capture }: Unanswered): Judgement | undefined {
  const { connection } = progress;
  if (!isAnswerLost(connection)) return undefined;
  // Over a long way stacks repeat themselves before the answer can have come.
  const mayCome = session.atCaptureEnd && !session.control.closed;
  if (mayCome && capture.now - connection.responder.synTime < ANSWER_SECONDS)
    return judged("undetermined", "capture-ends");
  return fineBut("undetermined", "data-stalled", "data-port-translated");
}

function judgeInVain({ progress, unsaid, recordsUnseen }: Unanswered): Judgement | undefined {
  if (!isRetransmittingInVain(progress.sender) && !isRetransmittingInVain(progress.receiver)) return undefined;
  const limit = oneSided(progress) ?? unsaid;
  if (limit) return judged("undetermined", limit);
  return recordsUnseen ? fineBut("undetermined", "mtu-blackhole", "data-stalled") : judged("trouble");
}

/** Something that was sent is on its way for ever, whatever the records would show. */
function judgeStarved({ session, channel, progress, unsaid }: Unanswered): Judgement | undefined {
  return channel.hidden && !unsaid && starved(progress, session) ? fineBut("undetermined", "data-stalled") : undefined;
}

function judgeUnused(unanswered: Unanswered): Judgement | undefined {
  const { channel, progress, unsaid } = unanswered;
  // Not a byte: either end may have waited for the other, and no reply that could be read says who had to begin.
  const isMute = channel.hidden && progress.client.bytes + progress.server.bytes === 0;
  if (isMute && (progress.cutBy || isSilent(unanswered))) return judged("undetermined");
  // Opened and never used, however it ended: the client changed its mind, or the capture ends here.
  if (channel.transfer !== null || channel.negotiation === null || progress.sender.bytes > 0) return undefined;
  if (unsaid) return judged("undetermined", unsaid);
  return hasMovedOn(unanswered) ? judged("not-attempted") : judged("undetermined", "capture-ends");
}

function judgeCut(unanswered: Unanswered): Judgement | undefined {
  const { channel, progress, recordsUnseen } = unanswered;
  if (!progress.cutBy) return undefined;
  if (isBrokenOff(unanswered)) return judged("aborted");
  if (mayBeBrokenOff(unanswered)) return judged("undetermined", "capture-ends");
  // Of a connection without a byte of its payload nobody knows whether it was TLS: a close_notify may have come before the RST.
  const mayBeTls = progress.tls || (channel.hidden && recordsUnseen === "snaplen-cut");
  return lacking(unanswered, mayBeTls ? recordsUnseen : dataBlindness(progress));
}

function judgeHandshake(unanswered: Unanswered): Judgement | undefined {
  const { handshake, isOver, recordsUnseen } = unanswered;
  if (!handshake || !isOver) return undefined;
  if (handshake.alert) return judged("trouble");
  return handshake.finished ? undefined : lacking(unanswered, recordsUnseen);
}

/**
 * A full handshake and no data is an empty listing, or a server that wants the session resumed: the rule knows more. So does an upload into a server that
 * does not read it. vsftpd confirms both in 24 bytes, ProFTPD uploads; other servers' confirmations (Pure-FTPd's two lines) may be long. Words of the
 * very length of a complaint confirm nothing.
 */
function judgeEmptyUnderTls(unanswered: Unanswered): Judgement | undefined {
  const { session, channel, progress, handshake, isOver, recordsUnseen } = unanswered;
  if (!handshake || !isOver) return undefined;
  const isUpload = channel.hidden && progress.sender === progress.client;
  const server = session.software?.name;
  const isTerse = server === "vsftpd" || (isUpload && handshake.hasData && server === "ProFTPD");
  const complains = () => isTerse && longWordsAfter(progress, session) !== null;
  if (handshake.hasData && !(isUpload && !handshake.resumed && complains())) return undefined;
  const since = progress.connection.firstPacket;
  const blindness =
    recordsUnseen ?? controlBlindness(session, "client", since) ?? controlBlindness(session, "server", since);
  if (blindness) return unclear(blindness);
  const isDoubtful = !progress.complete || complains() || reuseComplaint(channel, session) !== undefined;
  return fineBut(isDoubtful ? "undetermined" : "ok", "tls-session-reuse-required", "control-idle-timeout");
}

/** What it carried got through whole, whoever asked for it. */
function judgeUnasked({ channel, progress, unsaid }: Unanswered): Judgement | undefined {
  if (channel.transfer !== null || channel.negotiation === null) return undefined;
  // A no to a command that the capture lacks: it may be to the one that asked for it.
  const isDenied = channel.followedBy.some(
    ({ command, final }) => command === null && final !== null && final.code >= 400,
  );
  return judged(progress.complete && !isDenied ? "ok" : "undetermined", unsaid ?? "capture-ends");
}

function judgeIncomplete(unanswered: Unanswered): Judgement | undefined {
  const { channel, progress } = unanswered;
  // Half a handshake: whether the other end went on with it is not known, and a server that does not like it also closes in order.
  const half = channel.hidden && progress.tls ? oneSided(progress) : null;
  if (half) return judged("undetermined", half);
  return isCutShort(unanswered) ? lacking(unanswered, dataBlindness(progress)) : undefined;
}

/**
 * Data complete, but nobody is seen to say so. Trouble only if the control connection is seen to be dead (the rule decides): encrypted,
 * the reply cannot be read, and a client may QUIT before the last 226.
 */
function judgeComplete(unanswered: Unanswered): Judgement | undefined {
  const { session, channel, progress, unsaid } = unanswered;
  if (!progress.complete) return undefined;
  // Closed, not a byte, and not a word of the server: nothing says that an empty file was meant.
  const isMute = channel.transfer?.replies.length === 0 && progress.sender.bytes === 0;
  if (isMute)
    return unsaid
      ? judged("undetermined", unsaid)
      : fineBut("undetermined", "data-peer-mismatch", "control-idle-timeout");
  const clean = channel.hidden ? !resetAfter(unanswered, progress) && !isThrownAway(progress) : leavesItself(session);
  if (unsaid) return judged(clean ? "ok" : "undetermined", unsaid);
  return fineBut(clean ? "ok" : "undetermined", "control-idle-timeout");
}

function judgeSilent(unanswered: Unanswered): Judgement | undefined {
  const { channel, progress } = unanswered;
  if (!isSilent(unanswered)) return undefined;
  if (!channel.hidden)
    return mayGoOn(unanswered, progress)
      ? judged("undetermined", "capture-ends")
      : lacking(unanswered, dataBlindness(progress));
  // Nobody repeats anything, and what was said about it cannot be read: a user who pauses looks the same until he gives up.
  if (!isGivenUp(unanswered) || dataBlindness(progress)) return fineBut("undetermined", "control-idle-timeout");
  return fineBut("undetermined", "control-idle-timeout", "data-stalled");
}

function judgeOpen(unanswered: Unanswered): Judgement | undefined {
  const { progress } = unanswered;
  if (progress.connection.closed) return undefined;
  if (mayGoOnUnseen(unanswered)) return judged("undetermined", "control-gap");
  return isLeft(unanswered, progress) ? judged("undetermined") : judged("undetermined", "capture-ends");
}

/**
 * The last reply never reached the client: it is repeated in vain, or answered by a reset, after the control connection was idle during
 * the transfer. The data got through, the client waits.
 */
function isReplyUnheard({ session, channel }: ChannelContext): boolean {
  const final = channel.transfer?.final;
  if (!final || session.server.acked >= final.endAt) return false;
  const end = controlEnd(session);
  const refused = end.kind === "reset" && end.reset?.half === session.client;
  return (refused || end.kind === "server-unheard") && end.idleBefore >= IDLE_SECONDS;
}

/**
 * A 226, and a download that a RST cut; but the snaplen cut the port off its grant, so that the connection is tied to it by the time alone: neither
 * proves the other wrong.
 */
function isResetByTimeAlone({ channel }: ChannelContext, { cutBy, sender, server, tls }: DataProgress): boolean {
  return (
    channel.connection?.match === "inferred" && cutBy !== null && sender === server && sender.finPacket === 0 && !tls
  );
}

/**
 * The client went on to another transfer behind the last repetition, as who has got all does, and the capture ends before the next repetition would be
 * due (RFC 6298 section 5.5): it may only lack the acknowledgment.
 */
function mayGetThrough({ session, channels, index, capture }: ChannelContext, { sender, connection }: DataProgress) {
  const { stalledFirstTime, stalledLastTime } = sender;
  if (!isRetransmittingInVain(sender) || connection.closed || !session.atCaptureEnd || session.control.closed)
    return false;
  const wentOn = channels.slice(index + 1).some(({ from }) => from > stalledLastTime);
  return wentOn && capture.now - stalledLastTime < stalledLastTime - stalledFirstTime;
}

/** 226 is not proof: packets that show the data stuck, or cleartext sent into a TLS client, win over it. */
function contradictsSuccess(context: ChannelContext): boolean {
  const progress = progressOf(context.channel, context.session)!;
  const { sender, receiver, client } = progress;
  if (isRetransmittingInVain(sender) && sender.unacknowledged > 0 && !sender.finAcked && !oneSided(progress))
    return true;
  if (answersInClear(progress) && walkOf(progress, client).state === "tls" && dataBlindness(progress) === null)
    return true;
  // A hole that nobody filled before the receiver closed, with the sender's FIN behind it (seen from the receiver's side)
  if (neverArrived(progress) && isSilent(context)) return true;
  // Of a file only a part is there when the receiver gives up waiting for more: the server had handed all of it to its own host, and said so.
  const hasLeft = receiver.finPacket !== 0 && receiver.zeroWindowPacket === 0;
  const hasEnd = sender.ended || sender.unacknowledged > 0;
  if (hasLeft && !hasEnd && isSilent(context) && isShort(context, sender.highest)) return true;
  // The receiver shut its window, then left before the sender was done.
  if (receiver.zeroWindowTime > 0 && progress.cutBy && sender.finPacket === 0 && isSilent(context)) return true;
  return isTruncated(context) || isCutAtReceiver(context);
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
  const granted = negotiationPacket(negotiation);
  const asked = transfer?.command.stamp.packet ?? granted;
  return blindnessSince(session, negotiation) ?? controlBlindness(session, "server", asked);
}

/** The client had time for more, or went on to something else, since the grant. */
function hasMovedOn({ session, channel, capture }: ChannelContext): boolean {
  const wentOn = channel.followedBy.some(({ command }) => command !== null && !verbFacts(command.verb)?.prepares);
  return session.client.ended || wentOn || capture.now - channel.from >= ANSWER_SECONDS;
}

/** It is the client that ends the session: it says so, or closes first. */
function leavesItself(session: SessionFacts): boolean {
  const { client, server } = session;
  const quit = () => askedBeforeEnd(session).some(({ command }) => command.verb === "QUIT");
  return client.closedBefore(server) || (client.finPacket !== 0 && quit());
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
