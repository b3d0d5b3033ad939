import type { ChannelFacts } from "../correlate/data-channel.ts";
import type { SessionFacts } from "../correlate/session-facts.ts";
import { transferKind } from "../ftp/command.ts";
import type { Connection } from "../tcp/connection.ts";
import { earliestReset, type HalfConnection, type Reset } from "../tcp/half-connection.ts";
import type { Stamp } from "../tcp/stream-sink.ts";
import { type DataRecords, wasSentAfter } from "../tls/data-records.ts";
import { TLS_1_3 } from "../tls/hello.ts";
import { type LostBytes, lostOnTheWay, oneSided } from "./blind-spots.ts";
import { endByCipherChange, finishedBy, isCloseNotify, mayBeTickets } from "./data-handshake.ts";
import { oncePer } from "./once-per.ts";
import { acknowledgedBy } from "./packet-origin.ts";

/** Retransmissions of the same unacknowledged data, and the time they span, that make a stall rather than a loss. */
const STALL_RETRANSMISSIONS = 3;
const STALL_SECONDS = 2;
/** An established data connection on which nothing moves for so long has stopped (seconds). */
export const SILENCE_SECONDS = 5;
/** The same where the control connection cannot be read, so that nobody says what was expected. */
export const HIDDEN_SILENCE_SECONDS = 10;
/** A receiver that keeps its window closed for so long has stopped reading (seconds). */
export const ZERO_WINDOW_SECONDS = 10;
/** Below this a segment passes every link of the Internet (RFC 8200 asks for 1280, and headers take 60). */
export const SMALL_SEGMENT = 1000;

/** An established data connection, read by direction of the transfer. */
export interface DataProgress {
  readonly connection: Connection;
  readonly records: DataRecords;
  /** The FTP client's side, and the server's. */
  readonly client: HalfConnection;
  readonly server: HalfConnection;
  /** Who sends the data, and who receives it. */
  readonly sender: HalfConnection;
  readonly receiver: HalfConnection;
  /** The sender closed its stream and all of it was acknowledged, or nothing is missing and both ends closed. */
  readonly complete: boolean;
  /** A reset that came before the data was complete. */
  readonly cutBy: { readonly half: HalfConnection; readonly reset: Reset } | null;
  /** Either end spoke TLS. */
  readonly tls: boolean;
}

/** @returns undefined when the channel has no established connection */
export const progressOf: (channel: ChannelFacts, session: SessionFacts) => DataProgress | undefined =
  oncePer(readProgress);

function readProgress(channel: ChannelFacts, session: SessionFacts): DataProgress | undefined {
  if (!channel.connection?.connection.established) return undefined;
  const { connection, candidate } = channel.connection;
  const clientOriginates =
    channel.negotiation !== null
      ? channel.negotiation.mode === "passive"
      : connection.originator.address === session.client.address;
  const client = clientOriginates ? connection.originator : connection.responder;
  const server = clientOriginates ? connection.responder : connection.originator;
  const verb = channel.transfer?.command.verb;
  const { records } = candidate;
  const clientSends =
    verb !== undefined
      ? transferKind(verb) === "upload"
      : (clientSendsUnderTls({ connection, records }, clientOriginates, session) ?? client.bytes > server.bytes);
  const sender = clientSends ? client : server;
  const receiver = clientSends ? server : client;
  // What the receiver has acknowledged is there, whether or not the capture has it.
  const allThere =
    sender.finPacket !== 0 &&
    (acknowledgedBy(receiver, sender) > sender.finAt ||
      (sender.unseen === 0 && (sender.unacknowledged === 0 || receiver.packets === 0)));
  const firstReset = earliestReset(connection.originator, connection.responder);
  const cutBy =
    firstReset !== null && !allThere && !endedByCloseNotify(records, sender, connection) ? firstReset : null;
  return {
    connection,
    records,
    client,
    server,
    sender,
    receiver,
    complete:
      allThere ||
      (sender.finPacket !== 0 &&
        receiver.finPacket !== 0 &&
        sender.unseen === 0 &&
        sender.stalledRetransmissions === 0),
    cutBy,
    tls: records.originator.state === "tls" || records.responder.state === "tls" || records.records.length > 0,
  };
}

/** A record's header, and a close_notify under TLS 1.2 with AES-GCM: nonce, two bytes and tag. */
const CLOSE_NOTIFY_BYTES = 5 + 8 + 2 + 16;

/**
 * Who sends under TLS: hellos and certificates are larger than many a listing, and say nothing of it. A client that only receives says nothing after
 * its Finished but goodbye; what a server says by then may be session tickets. Undefined where the handshake did not come to its end.
 */
function clientSendsUnderTls(
  data: { readonly connection: Connection; readonly records: DataRecords },
  clientOriginates: boolean,
  session: SessionFacts,
): boolean | undefined {
  const { records, originator, responder, clientHello, serverHello } = data.records;
  const [own, others] = clientOriginates ? [originator, responder] : [responder, originator];
  const client = clientOriginates ? data.connection.originator : data.connection.responder;
  const server = clientOriginates ? data.connection.responder : data.connection.originator;
  if ((serverHello?.version ?? clientHello?.version ?? 0) < TLS_1_3) {
    if (own.applicationBytes + others.applicationBytes > 0) return own.applicationBytes > others.applicationBytes;
    // Nothing, then: the end that had to send it closes first.
    return endByCipherChange(data.records, clientOriginates).finished ? client.closedBefore(server) : undefined;
  }
  const sealed = finishedBy(data.records, clientOriginates);
  if (!sealed) return undefined;
  const { record: finished, padding } = sealed;
  const said = client.highest - finished.endAt;
  const theirs = finishedBy(data.records, !clientOriginates)?.padding;
  const answers = records.filter(
    (record) =>
      record.fromOriginator !== clientOriginates && wasSentAfter(record, finished) && !isCloseNotify(record, theirs),
  );
  const onlyTickets = mayBeTickets(answers);
  if (said > CLOSE_NOTIFY_BYTES + padding) return onlyTickets || said > others.applicationBytes;
  if (!onlyTickets || lostOnTheWay(data, server)) return false;
  // Nothing, then: the end that had to send it closes first. A client that closes after a long wait, and hears no more of it, may have waited for data.
  const cut = earliestReset(client, server);
  if (!client.closedBefore(server) || (cut && cut.reset.packet < client.finPacket)) return false;
  const waited = client.finTime - Math.max(server.lastNewPayloadTime, finished.time);
  return waited < HIDDEN_SILENCE_SECONDS || session.server.lastNewPayloadTime > client.finTime;
}

/**
 * The last record of this end looks like a close_notify: its stream ended as TLS wants it, and what TCP does afterwards (20 of 257
 * healthy data connections end in a reset, nearly all of them after close_notify) is no failure.
 */
export function endedByCloseNotify(records: DataRecords, half: HalfConnection, connection: Connection): boolean {
  const isOriginator = half === connection.originator;
  const { last } = isOriginator ? records.originator : records.responder;
  return last !== null && isCloseNotify(last, finishedBy(records, isOriginator)?.padding);
}

/** The sender repeats unacknowledged data and gets nowhere. */
export function isRetransmittingInVain(half: HalfConnection): boolean {
  return (
    half.stalledRetransmissions >= STALL_RETRANSMISSIONS &&
    !half.wentOn &&
    half.stalledLastTime - Math.min(half.stalledFirstTime, half.lastNewPayloadTime || half.stalledFirstTime) >=
      STALL_SECONDS
  );
}

/** Either end had repeated the same data in vain for so long by then. Where the other end's packets are not in the capture, nobody can tell. */
export function isInVainBefore(progress: DataProgress, { packet, time }: Pick<Stamp, "packet" | "time">): boolean {
  if (oneSided(progress)) return false;
  return [progress.sender, progress.receiver].some(
    (half) =>
      isRetransmittingInVain(half) && half.stalledFirstPacket < packet && time - half.stalledFirstTime >= STALL_SECONDS,
  );
}

/** Data repeated in vain, a window kept shut, or silence: for longer than a reset would have waited. */
export function stoppedBefore({ sender, receiver, connection }: DataProgress, reset: Reset): boolean {
  const inVain = [sender, receiver].some(
    (half) => isRetransmittingInVain(half) && half.stalledLastPacket < reset.packet,
  );
  const shut = receiver.zeroWindowTime > 0 && reset.time - receiver.zeroWindowTime >= ZERO_WINDOW_SECONDS;
  const { originator, responder } = connection;
  const moved = Math.max(originator.lastNewPayloadTime, responder.lastNewPayloadTime);
  return inVain || shut || reset.time - moved >= HIDDEN_SILENCE_SECONDS;
}

/** How long the receiver kept its window at zero, at the longest (seconds). */
export function windowShutFor({ receiver, connection }: DataProgress): number {
  const last = receiver.zeroWindowTime > 0 ? connection.lastTime - receiver.zeroWindowTime : 0;
  return Math.max(receiver.zeroWindowLongest, last);
}

/** The transfer stood still until its sender closed: data repeated in vain, or a window kept shut that opened only to let out what was left. */
export function stoodStill(progress: DataProgress): boolean {
  const { sender, receiver } = progress;
  if (isRetransmittingInVain(sender)) return true;
  const openFor = receiver.zeroWindowTime > 0 ? 0 : sender.finTime - receiver.zeroWindowUntil;
  return openFor < SILENCE_SECONDS && windowShutFor(progress) >= ZERO_WINDOW_SECONDS;
}

/** The sender's bytes do not arrive any more. */
export interface Starved extends LostBytes {
  /** For how long, until the receiver gives up or the client leaves. */
  readonly seconds: number;
  /** The receiver's own last packets say so. */
  readonly proven: boolean;
}

/**
 * What the sender has sent never arrives, for long, and that is the end of it: the receiver closes without it, or the client leaves and the server has
 * said nothing more either. Undefined where the session goes on: the capture may only lack how.
 */
export function starved(progress: DataProgress, { client, server }: SessionFacts): Starved | undefined {
  const { sender, receiver, complete, cutBy } = progress;
  if (complete || cutBy) return undefined;
  const lost = lostOnTheWay(progress, sender);
  if (!lost) return undefined;
  const since = sender.lastNewPayloadTime || sender.synTime;
  // A receiver that closes behind the sender's FIN waited for what stands before that.
  const waited = sender.finPacket === 0 || (sender.unseen > 0 && receiver.finPacket > sender.finPacket);
  const proven = receiver.finPacket !== 0 && waited;
  if (!proven && (client.finTime === 0 || server.lastNewPayloadTime > since)) return undefined;
  const seconds = (proven ? receiver.lastTime : client.finTime) - since;
  return seconds >= HIDDEN_SILENCE_SECONDS ? { ...lost, seconds, proven } : undefined;
}
