import type { TransferFacts } from "../correlate/data-channel.ts";
import type { SessionFacts } from "../correlate/session-facts.ts";
import { verbFacts } from "../ftp/command.ts";
import type { CommandEvent } from "../ftp/control-event.ts";
import { ANSWER_SECONDS } from "./attempt.ts";
import { controlBlindness, dataBlindness, missesCommandBefore } from "./blind-spots.ts";
import type { ChannelContext } from "./context.ts";
import { type DataProgress, progressOf } from "./data-progress.ts";
import { acknowledgedBy, isForged } from "./packet-origin.ts";
import { type AnnouncedSize, saysBinary, sizeAnnouncedIn } from "./reply-text.ts";

/** Whether a transfer carried all of its file: what was announced of its length, and how far the data came. */

/** The size that the server announced: in the transfer's 150, or by SIZE before. */
export function announcedSize(session: SessionFacts, transfer: TransferFacts): AnnouncedSize | undefined {
  for (const reply of transfer.replies) {
    const announced = sizeAnnouncedIn(reply);
    if (announced) return announced;
  }
  return sizeAsked(session, transfer);
}

/**
 * What SIZE said of the same name. It depends on the type in force (RFC 3659 section 4), so nothing that changes type, folder or file may
 * have been said between; and a file may still have been cut short by others, which is why more than `possible` cannot come of it.
 */
function sizeAsked({ exchanges }: SessionFacts, { command }: TransferFacts): AnnouncedSize | undefined {
  const repeated = repeatedType(exchanges, command);
  const asked = exchanges.findLast(
    ({ command: earlier }) =>
      earlier !== null &&
      earlier.startAt < command.startAt &&
      earlier !== repeated &&
      (verbFacts(earlier.verb)?.changesFiles || (earlier.verb === "SIZE" && earlier.argument === command.argument)),
  );
  const reply = asked?.final;
  if (asked?.command?.verb !== "SIZE" || reply?.code !== 213 || asked.replyLost) return undefined;
  // Fourteen digits are MDTM's (RFC 3659 section 2.3).
  const match = /^\s*(\d{1,13})\s*$/.exec(reply.lines.join(" "));
  return match ? { bytes: Number(match[1]), isLeast: false, reply } : undefined;
}

/** The last TYPE before a command, where it asks for the type that is in force: ftplib says it before each RETR. A login sets the type of its own. */
function repeatedType(exchanges: SessionFacts["exchanges"], { startAt }: CommandEvent): CommandEvent | undefined {
  const last = lastOfType(exchanges, startAt);
  const before = last?.command && lastOfType(exchanges, last.command.startAt);
  if (!before || ![last, before].every(({ command, final }) => command?.verb === "TYPE" && final?.code === 200))
    return undefined;
  const [type, same] = [last, before].map(({ command }) => command?.argument?.trim().toUpperCase());
  return type === same ? (last.command ?? undefined) : undefined;
}

function lastOfType(exchanges: SessionFacts["exchanges"], startAt: number) {
  return exchanges.findLast(
    ({ command }) => command !== null && command.startAt < startAt && SETS_TYPE.has(command.verb),
  );
}

/** What sets the type: TYPE, and what begins a login (RFC 959 section 5.1: ASCII). */
const SETS_TYPE: ReadonlySet<string> = new Set(["TYPE", "USER", "REIN"]);

/** Fewer bytes than announced: only where ASCII conversion, REST and TLS cannot explain it. */
export function isShort({ session, channel }: ChannelContext, bytes: number): boolean {
  const { transfer } = channel;
  if (transfer?.command.verb !== "RETR" || transfer.restartAt > 0) return false;
  const progress = progressOf(channel, session);
  // Tied to it by time alone, it may be another session's, or another transfer's.
  const match = channel.connection?.match;
  if (!progress || progress.tls || match === "inferred" || match === "port-differs" || !carries(progress, transfer))
    return false;
  const size = announcedSize(session, transfer);
  if (!size || bytes >= size.bytes || dataBlindness(progress)) return false;
  if (isOtherLength(session, transfer)) return false;
  // A lost REST or transfer command would make it another file, or the rest of one.
  if (missesCommandBefore(session, transfer.command.stamp.packet)) return false;
  const type = session.exchanges.findLast(
    (exchange) => exchange.command?.verb === "TYPE" && exchange.command.stamp.packet < transfer.command.stamp.packet,
  );
  return type ? /^\s*[IL]/i.test(type.command?.argument ?? "") : transfer.replies.some(saysBinary);
}

/** MODE Z and BLOCK and STRU R carry other bytes than the file has, RANG fewer (RFC 959 sections 3.1.2 and 3.4, draft-bryan-ftp-range). */
function isOtherLength({ exchanges }: SessionFacts, { command }: TransferFacts): boolean {
  const told = (verb: string) =>
    exchanges.findLast((exchange) => exchange.command?.verb === verb && exchange.command.startAt < command.startAt);
  const isSet = (verb: string, usual: string) =>
    (told(verb)?.command?.argument ?? usual).trim().toUpperCase() !== usual;
  return isSet("MODE", "S") || isSet("STRU", "F") || told("RANG") !== undefined;
}

/** The connection lived at some time between the command and its final reply: where a 227 was lost, another transfer's may have been tied to this one. */
function carries({ connection }: DataProgress, { command, final }: TransferFacts): boolean {
  // By time: in captures that run side by side, one for each direction say, packet numbers tell no order.
  return connection.lastTime >= command.stamp.time && connection.firstTime <= (final?.stamp.time ?? Infinity);
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
  const mayReply = session.atCaptureEnd && !session.server.ended;
  if (mayReply && capture.now - sender.finTime < ANSWER_SECONDS) return false;
  return isTruncated(context);
}

/**
 * The receiver's end reset a transfer in the clear before the sender had closed it, and what was sent last was not acknowledged. It is the sender's close
 * that ends a file in stream mode (RFC 959 section 3.4.1): a server that confirms an upload has taken the cut for its end, and one that confirms a
 * download had handed all of it to its own host before. A client may stop a download: of that only a RST that another device made up is meant.
 */
export function isCutAtReceiver({ session, channel }: ChannelContext): boolean {
  const { transfer, connection } = channel;
  const progress = progressOf(channel, session);
  if (!transfer || !progress?.cutBy || progress.tls) return false;
  const { sender, receiver, client, cutBy } = progress;
  if (cutBy.half !== receiver || acknowledgedBy(receiver, sender) >= sender.highest) return false;
  if (sender !== client && !isForged(cutBy.reset, receiver)) return false;
  // Had it closed before, the acknowledgments of all may only not be here.
  const wasDone = sender.finPacket !== 0 && sender.finPacket < cutBy.reset.packet;
  if (wasDone || connection!.match === "inferred" || !carries(progress, transfer)) return false;
  return (
    dataBlindness(progress) === null && controlBlindness(session, "client", transfer.command.stamp.packet) === null
  );
}
