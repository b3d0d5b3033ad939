import type { AnomalyLog } from "../anomaly.ts";
import { type PacketView, TcpFlag } from "../decode/packet-view.ts";
import { windowScale } from "../decode/tcp.ts";
import type { Connection } from "./connection.ts";
import type { CopyMemory } from "./copy-memory.ts";
import type { HalfConnection } from "./half-connection.ts";
import type { HalfOpenCount } from "./half-open.ts";
import type { LentConnections } from "./lent-connections.ts";
import type { Stamp } from "./stream-sink.ts";

/** What the arrival of a segment asks of who follows the connections. */
export interface ArrivalObserver {
  /** A control connection was closed or reset. */
  controlChanged(connection: Connection): void;
  /** Whether the copy that came last is no copy but comes from another point; then it is looked at again there. */
  isFromElsewhere(connection: Connection, half: HalfConnection, view: PacketView): boolean;
}

/** What a segment does to the connection that it belongs to (RFC 9293 section 3.10.7, SEGMENT ARRIVES, as seen from beside). */
export class SegmentArrival {
  readonly #copies: CopyMemory;
  readonly #lent: LentConnections;
  readonly #halfOpen: HalfOpenCount;
  readonly #observer: ArrivalObserver;
  readonly #anomalies: AnomalyLog;

  constructor(
    copies: CopyMemory,
    lent: LentConnections,
    halfOpen: HalfOpenCount,
    observer: ArrivalObserver,
    anomalies: AnomalyLog,
  ) {
    this.#copies = copies;
    this.#lent = lent;
    this.#halfOpen = halfOpen;
    this.#observer = observer;
    this.#anomalies = anomalies;
  }

  /**
   * One segment of a followed connection. Nearly all are those of a transfer, in order, and take the short way; whatever else comes has been met
   * once before the code for them is optimized, and does not discard it.
   * @param forward whether the originator sent it
   */
  arrive(connection: Connection, view: PacketView, forward: boolean): void {
    const half = forward ? connection.originator : connection.responder;
    const other = forward ? connection.responder : connection.originator;
    const isCopy = this.#copies.isCopy(view, forward ? connection.salt : ~connection.salt);
    if (isCopy || !isOrdinary(connection, half, other, view)) {
      this.#other(connection, half, other, view, forward, isCopy);
      return;
    }
    const { packet, payloadLength: length } = view;
    connection.saw(view);
    half.saw(view);
    const acknowledged = other.offsetOf(view.acknowledgment);
    other.acknowledged(acknowledged);
    const time = view.seconds + view.nanoseconds / 1e9;
    noteWindow(half, view, time);
    if (length > 0) {
      const at = half.highest;
      if (view.payloadCaptured < length) connection.cutPayloads++;
      half.sentNext(length, packet, time);
      if (connection.tap !== null) tap(connection, view, forward, at, time, acknowledged);
    }
    this.#lent.lend(connection);
  }

  #other(
    connection: Connection,
    half: HalfConnection,
    other: HalfConnection,
    view: PacketView,
    forward: boolean,
    isCopy: boolean,
  ): void {
    const { flags, packet, sequence } = view;
    const time = view.seconds + view.nanoseconds / 1e9;
    if (isCopy && (connection.copies > 0 || !isNamelessReset(view))) {
      if (this.#observer.isFromElsewhere(connection, half, view)) return;
      connection.copies++;
      half.sawCopy(view);
      return;
    }
    if (isOutOfWindow(half, other, view)) {
      this.#noteOutOfWindow(half.offsetOf(sequence), half.acked, packet);
      return;
    }
    connection.saw(view);
    if ((flags & TcpFlag.rst) !== 0) {
      half.sawReset(view, other);
      this.#close(connection);
      return;
    }
    half.saw(view);

    const isSyn = (flags & TcpFlag.syn) !== 0;
    if (isSyn) {
      noteSyn(connection, half, view, time);
      // Its first payload only stood before the handshake.
      if (connection.originator.baseFromSyn && connection.responder.baseFromSyn) connection.midstream = false;
    }
    if ((flags & TcpFlag.ack) !== 0) {
      if (other.base < 0) {
        // Joined midstream the acknowledgment is where the other stream goes on, or has gone on a few places ahead in the file.
        other.base = view.acknowledgment;
        other.baseFromSyn = isSyn;
      }
      other.acknowledged(other.offsetOf(view.acknowledgment));
    }
    noteWindow(half, view, time);

    const length = view.payloadLength;
    const payloadSequence = isSyn ? (sequence + 1) >>> 0 : sequence;
    if (length > 0 && !(length === 1 && isKeepAlive(half, payloadSequence)))
      this.#payload(connection, half, other, view, forward, payloadSequence);
    else if (length === 0 && !isSyn && half.base >= 0) half.stands(half.offsetOf(sequence), packet);
    if ((flags & TcpFlag.fin) !== 0) noteFin(half, other, view, payloadSequence);
    if (connection.reassembler?.isWaiting) connection.reassembler.advance(time);
    if (half.finPacket !== 0 && other.finPacket !== 0 && (half.finAcked || other.finAcked)) this.#close(connection);
    if (length > 0 && connection.reassembler !== null) this.#lent.lend(connection);
  }

  #payload(
    connection: Connection,
    half: HalfConnection,
    other: HalfConnection,
    view: PacketView,
    forward: boolean,
    sequence: number,
  ): void {
    const { packet, payloadLength: length } = view;
    const time = view.seconds + view.nanoseconds / 1e9;
    if (half.base < 0) half.base = sequence;
    this.#halfOpen.end(connection);
    const at = half.offsetOf(sequence);
    if (view.payloadCaptured < length) connection.cutPayloads++;
    half.sent(at, length, packet, time, length === 1 && other.zeroWindowTime !== 0);
    const acknowledged = acknowledgedBy(view, other);
    if (connection.reassembler !== null) {
      const stamp: Stamp = { packet, time, acknowledged, ttl: view.ttl };
      const end = view.payloadAt + view.payloadCaptured;
      connection.reassembler.segment(half, at, view.bytes, view.payloadAt, end, length, stamp);
    } else if (connection.tap !== null) tap(connection, view, forward, at, time, acknowledged);
  }

  #close(connection: Connection): void {
    if (connection.closed) return;
    connection.closed = true;
    if (connection.role === "control") this.#observer.controlChanged(connection);
  }

  #noteOutOfWindow(at: number, expected: number, packet: number): void {
    const detail = () => `a segment at stream offset ${at} where ${expected} is expected; it is left out`;
    this.#anomalies.note("tcp-out-of-window", "tcp", packet, detail);
  }
}

/** How far the other end's stream is acknowledged by a segment; -1 where that is not told. */
function acknowledgedBy({ flags, acknowledgment }: PacketView, other: HalfConnection): number {
  return other.base >= 0 && (flags & TcpFlag.ack) !== 0 ? other.offsetOf(acknowledgment) : -1;
}

function tap(
  connection: Connection,
  view: PacketView,
  forward: boolean,
  at: number,
  time: number,
  acknowledged: number,
): void {
  const end = view.payloadAt + view.payloadCaptured;
  const more = connection.tap!.payload(forward, at, view.bytes, view.payloadAt, end, view.packet, time, acknowledged);
  if (!more) connection.tap = null;
}

function noteSyn({ reassembler }: Connection, half: HalfConnection, view: PacketView, time: number): void {
  half.synCount++;
  if (half.synPacket === 0) {
    half.synPacket = view.packet;
    half.synTime = time;
    half.windowScale = windowScale(view);
    if (!half.baseFromSyn) {
      const base = (view.sequence + 1) >>> 0;
      // Offsets may already count from a first payload or acknowledgment. What has been delivered of it a SYN late in the file leaves where it is.
      const moved = half.base >= 0 && half.base !== base && reassembler?.beginsAt(half, base) === true;
      half.baseFromSyn = moved || half.payloadPackets === 0 || half.base === base;
      if (half.payloadPackets === 0) half.beginsAt(base);
    }
  }
  half.lastSynPacket = view.packet;
  half.lastSynTime = time;
}

function noteFin(half: HalfConnection, other: HalfConnection, view: PacketView, payloadSequence: number): void {
  half.finCount++;
  if (half.finPacket !== 0) return;
  half.finPacket = view.packet;
  half.finTime = view.seconds + view.nanoseconds / 1e9;
  if (half.base < 0) half.base = payloadSequence;
  half.endsAt(half.offsetOf(payloadSequence) + view.payloadLength, acknowledgedBy(view, other));
}

function noteWindow(half: HalfConnection, view: PacketView, time: number): void {
  half.window = view.window;
  if (view.window === 0) {
    if (half.zeroWindowPacket === 0 || half.zeroWindowTime === 0) {
      half.zeroWindowPacket = view.packet;
      half.zeroWindowTime = time;
    }
  } else if (half.zeroWindowTime !== 0) {
    const lasted = time - half.zeroWindowTime;
    if (lasted > half.zeroWindowLongest) half.zeroWindowLongest = lasted;
    half.zeroWindowTime = 0;
    half.zeroWindowUntil = time;
  }
}

/**
 * Whether the packet only brings the next bytes of a transfer, or acknowledges some in their place, on a data connection whose streams are both
 * placed: nothing of what else has to be looked for.
 */
function isOrdinary(connection: Connection, half: HalfConnection, other: HalfConnection, view: PacketView): boolean {
  return (
    connection.reassembler === null &&
    (view.flags & (TcpFlag.syn | TcpFlag.rst | TcpFlag.fin | TcpFlag.ack)) === TcpFlag.ack &&
    half.base >= 0 &&
    other.base >= 0 &&
    // So it is within the window too.
    half.acked <= half.highest &&
    half.offsetOf(view.sequence) === half.highest
  );
}

/**
 * Whether the receiving host threw the segment away for its sequence number (RFC 9293 section 3.10.7.4), so that neither its words nor its RST
 * or FIN were believed. Judged only behind a handshake, and with room for what the capture lost.
 */
function isOutOfWindow(half: HalfConnection, other: HalfConnection, { sequence, flags }: PacketView): boolean {
  if (half.acked < 0 || !half.baseFromSyn || !other.baseFromSyn || (flags & TcpFlag.syn) !== 0) return false;
  const at = half.offsetOf(sequence);
  const room = 2 * (65_535 << Math.max(0, other.windowScale));
  return at > Math.max(half.highest, half.acked) + room || at < half.acked - room;
}

/**
 * A RST without an IP-ID of its own: Linux gives 0 to those of no socket (RFC 6864 section 4.1 allows it), IPv6 has none. Each answers another
 * segment, and all are alike: only where other packets of the connection were captured twice is one of them a copy.
 */
function isNamelessReset({ flags, ipId }: PacketView): boolean {
  return (flags & TcpFlag.rst) !== 0 && ipId <= 0;
}

/** A keep-alive repeats the last byte already acknowledged (RFC 9293 section 3.8.4). */
function isKeepAlive(half: HalfConnection, sequence: number): boolean {
  if (half.base < 0 || half.highest === 0) return false;
  const at = half.offsetOf(sequence);
  return at === half.highest - 1 && half.acked >= half.highest;
}
