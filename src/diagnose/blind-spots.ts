import { BOUNDS } from "../bounds.ts";
import { type NegotiationFacts, negotiationPacket } from "../correlate/data-channel.ts";
import type { SessionFacts } from "../correlate/session-facts.ts";
import type { ControlEvent } from "../ftp/control-event.ts";
import type { HalfConnection } from "../tcp/half-connection.ts";
import type { Direction, GapReason } from "../tcp/stream-sink.ts";
import { walkOf } from "./data-handshake.ts";
import type { DataProgress } from "./data-progress.ts";
import type { LimitId } from "./limits.ts";
import { oncePer } from "./once-per.ts";
import { acknowledgedBy, isOwnReset } from "./packet-origin.ts";

/**
 * What the capture provably did not see. Most accusations rest on something that is *not* there: no reply, no command, no end of a
 * handshake. Absence proves something only where the capture would have shown it; acknowledgments and sequence numbers tell, since they
 * speak of bytes whether or not the capture has them.
 */

/** The other end acknowledged more than the capture has. (A FIN beyond a hole that is never acknowledged is the network's loss.) */
function missesTail(half: HalfConnection, other: HalfConnection): boolean {
  return acknowledgedBy(other, half) > half.seenUpTo;
}

/** Its FIN or an acknowledgment stands further on than all that the capture has of it. What is missing may also be lost on its way. */
export function spokeUnseen({ standsAt, seenUpTo }: HalfConnection): boolean {
  return standsAt > seenUpTo;
}

/** It said more than is kept of one session: the last words are not known. */
export function isBeyondLimit({ events }: Pick<SessionFacts, "events">): boolean {
  return events.length >= BOUNDS.sessionEvents.most;
}

/** The last words of either end are known only from acknowledgments, or from where its RST stands. */
export function losesTail({ client, server }: Pick<SessionFacts, "client" | "server">): boolean {
  return (
    missesTail(client, server) || missesTail(server, client) || missesBeforeReset(client) || missesBeforeReset(server)
  );
}

/** A RST stands where its end has got to (RFC 9293 section 3.10.7); a device that makes one up may put it anywhere, but not a little further on. */
const MAX_MISSED_BEFORE_RESET = 2 ** 20;

/** Its RST stands behind more than the capture has of it. */
function missesBeforeReset(half: HalfConnection): boolean {
  if (half.resets.length === 0) return false;
  const end = half.seenUpTo;
  return half.resets.some(
    (reset) => reset.at > end && reset.at - end <= MAX_MISSED_BEFORE_RESET && isOwnReset(reset, half),
  );
}

/** Bytes are missing that the other end has: the capture lost them, not the network. */
function missesReceived(half: HalfConnection, other: HalfConnection): boolean {
  if (missesTail(half, other) || missesBeforeReset(half)) return true;
  return half.missing > 0 && acknowledgedBy(other, half) >= half.highest;
}

const gapsIn = oncePer((events: readonly ControlEvent[]) => events.filter((event) => event.kind === "gap"));

function whyMissing({ reason }: { readonly reason: GapReason }): LimitId {
  return reason === "snaplen" ? "snaplen-cut" : "control-gap";
}

/** Why absence of anything in one direction of the control connection, after this packet, proves nothing; null when it does. */
export function controlBlindness(session: SessionFacts, direction: Direction, after: number): LimitId | null {
  const half = direction === "client" ? session.client : session.server;
  if (half.packets === 0) return "one-sided";
  // Joined midstream: what came before the first payload of this direction may have been payload too.
  if (!half.baseFromSyn && after < half.firstPayloadPacket) return "midstream";
  const hole = gapsIn(session.events).find((gap) => gap.direction === direction && gap.stamp.packet > after);
  if (hole) return whyMissing(hole);
  const other = direction === "client" ? session.server : session.client;
  if (missesTail(half, other)) return "control-gap";
  // A FIN or RST stands behind all that its end said. What a server still says to a client that has left is its goodbye.
  const isGoodbye = direction === "server" && other.closedBefore(half);
  return !isGoodbye && (half.finAt > half.highest || missesBeforeReset(half)) ? "control-gap" : null;
}

/**
 * Why what the client said since a negotiation may not be in the capture. Where its command is not, the grant tells when that was, and clocks that differ
 * may place behind the client's next words: what they acknowledge tells that they are the next.
 */
export function blindnessSince(session: SessionFacts, negotiation: NegotiationFacts | null): LimitId | null {
  const blindness = controlBlindness(session, "client", negotiationPacket(negotiation));
  const reply = negotiation?.reply;
  if (blindness || negotiation?.command || !reply) return blindness;
  const next = gapsIn(session.events).find(
    ({ direction, stamp }) => direction === "client" && stamp.acknowledged >= reply.endAt,
  );
  return next ? whyMissing(next) : null;
}

/** Something that either end said after one packet, and no later than another, is not in the capture: what answers what is not known. */
export function losesWordsBetween({ events }: SessionFacts, from: number, to: number): boolean {
  return gapsIn(events).some(({ stamp }) => stamp.packet > from && stamp.packet <= to);
}

/**
 * Whether a command may be missing before this packet, so that it is not known what the server was at: one was lost, or the capture began in
 * the middle and no command has been completed since.
 */
export function missesCommandBefore({ control, events, exchanges }: SessionFacts, packet: number): boolean {
  const lost = gapsIn(events).some(
    ({ direction, reason, stamp }) => direction === "client" && reason === "lost" && stamp.packet <= packet,
  );
  if (lost || !control.midstream) return lost;
  return !exchanges.some(({ command, final }) => command !== null && final !== null && final.stamp.packet < packet);
}

/** Why absence of anything on a data connection proves nothing; null when it does. */
export function dataBlindness({ connection }: Pick<DataProgress, "connection">): LimitId | null {
  const { originator, responder } = connection;
  if (originator.packets === 0 || responder.packets === 0) return "one-sided";
  if (!originator.baseFromSyn || !responder.baseFromSyn) return "midstream";
  return missesReceived(originator, responder) || missesReceived(responder, originator) ? "data-gap" : null;
}

/**
 * The same for what the records of a data connection show: headers that the capture cut or lost. What stands behind a hole was sent with what is
 * in it, also where the acknowledgment of both is missing too. `unread`: the capture has all that arrived, and yet the records were not followed to
 * their end, for the network lost bytes before it or too many segments came before one (`MAX_HELD_BYTES`); that is no limit of the capture's.
 */
export function recordBlindness(progress: DataProgress): LimitId | "unread" | null {
  const { connection } = progress;
  let unread = false;
  for (const half of [connection.originator, connection.responder]) {
    const walk = walkOf(progress, half);
    const sent = half.missing > 0 ? half.highest : Math.min(half.highest, half.acked);
    if (walk.state === "cleartext" || walk.walkedTo >= sent) continue;
    if (connection.cutPayloads > 0) return "snaplen-cut";
    if (half.missing > 0 ? !lostOnTheWay(progress, half) : walk.state !== "lost") return "data-gap";
    unread = true;
  }
  return dataBlindness(progress) ?? (unread ? "unread" : null);
}

/**
 * The sender's FIN is here and bytes before it are not, and the receiver does not have them either: it spoke after the FIN and had not got past
 * the hole. Where it says nothing more, its acknowledgment may be as lost as the bytes.
 */
export function neverArrived(progress: DataProgress): boolean {
  const { sender, receiver } = progress;
  if (sender.unseen === 0 || sender.finPacket === 0 || sender.finAcked || sender.acked >= sender.finAt) return false;
  if (dataBlindness(progress)) return false;
  // A RST need not tell how far its end has got.
  const reset = receiver.resets.some(({ packet }) => packet > sender.finPacket);
  return (reset ? receiver.finPacket : receiver.lastPacket) > sender.finPacket;
}

/** Bytes of a stream that the network lost. */
export interface LostBytes {
  readonly bytes: number;
  /** The packet that stands behind them. */
  readonly packet: number;
}

/**
 * What this end has sent and the other end had not got when it spoke last, after all that the capture has of it: the network lost it on its way here,
 * and no repetition came through. What stands behind the bytes tells that they were sent. Null where the capture may lack them.
 */
export function lostOnTheWay({ connection }: Pick<DataProgress, "connection">, half: HalfConnection): LostBytes | null {
  const other = half === connection.originator ? connection.responder : connection.originator;
  const behind = half.finAt > half.highest ? half.finPacket : half.lastNewPayloadPacket;
  if (half.acked > half.wholeUpTo || other.lastPacket <= behind || dataBlindness({ connection })) return null;
  if (half.unseen > 0) return { bytes: half.unseen, packet: behind };
  // Its packets may only stand in another order in the file than they were sent in.
  if (half.standsAt <= half.highest || half.finPacket !== 0) return null;
  return { bytes: half.standsAt - half.highest, packet: half.standsPacket };
}

/** The packets of one end of a data connection are missing. */
export function oneSided({ sender, receiver }: DataProgress): LimitId | null {
  return sender.packets === 0 || receiver.packets === 0 ? "one-sided" : null;
}
