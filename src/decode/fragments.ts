import type { AnomalyCode, AnomalyLog } from "../anomaly.ts";
import { BOUNDS } from "../bounds.ts";
import { captureIndexOf } from "../capture/frame.ts";
import { type LayerCursor, Stop } from "./layer-cursor.ts";
import type { PacketView } from "./packet-view.ts";

/**
 * Reassembly of IPv4 (RFC 791 section 3.2) and IPv6 fragments (RFC 8200 section 4.5). The fragments of one datagram are a
 * train: same addresses, Identification and, for IPv4, protocol. Its buffer holds
 *
 *     source address · destination address · payload, each fragment's data at its offset
 *
 * so that a complete train can be decoded like a packet. Where fragments overlap the first copy wins, as in Linux; which
 * copy the receiver took cannot be known, and IPv6 receivers take neither (RFC 5722), so an anomaly says that it happened.
 */

/** Limits of the table, so that neither a flood of fragments nor a lossy capture makes memory grow. */
export const fragmentLimits = {
  trains: BOUNDS.fragmentTrains.most,
  /** Bytes of all buffers together. */
  bytes: BOUNDS.fragmentBytes.most,
  /** Capture time after which a train is given up: RFC 791 advises 15 s, RFC 8200 60 s, Linux waits 30 s. */
  timeoutSeconds: 30,
} as const;

const maxPayloadLength = BOUNDS.datagramBytes.most;
const firstCapacity = 4096;
/** How many completed trains are remembered, to tell the copies of a mirrored port from fragments that lack their train. */
const rememberedTrains = 64;

interface Train {
  readonly hash: number;
  readonly captureIndex: number;
  readonly ipVersion: number;
  readonly id: number;
  /** IPv4: of all fragments. IPv6: -1 until the fragment with offset 0 has said it. */
  protocol: number;
  readonly firstPacket: number;
  readonly firstSeconds: number;
  /** Whether a train with this key was completed a moment ago, so that these are likely late duplicates. */
  readonly isEcho: boolean;
  buffer: Uint8Array;
  /** What has arrived: `from, to` pairs of payload offsets, ascending, neither touching nor overlapping. */
  ranges: number[];
  /** Payload length, known with the last fragment; else -1. */
  length: number;
  /** Up to here nothing was cut by the snaplen. */
  capturedTo: number;
  /** Of the fragment with offset 0 (any other's until it arrives), without the Fragment header. */
  headerLength: number;
}

/** Collects fragments until their datagram is whole. */
export class FragmentTable {
  readonly #anomalies: AnomalyLog;
  /** In order of arrival. */
  readonly #trains: Train[] = [];
  #bytes = 0;
  readonly #completedHashes = new Int32Array(rememberedTrains);
  readonly #completedSeconds = new Float64Array(rememberedTrains).fill(Number.NEGATIVE_INFINITY);
  #completed = 0;

  constructor(anomalies: AnomalyLog) {
    this.#anomalies = anomalies;
  }

  /**
   * Takes the fragment that the cursor stands at, with `view` holding its IP header. When it completes its datagram, cursor
   * and view point into the reassembled bytes as if they had come in one packet, this one.
   * @returns the datagram's protocol (IPv6: that behind the Fragment header), or Stop.notRead while more is to come
   */
  add(cursor: LayerCursor, view: PacketView, protocol: number): number {
    this.#expire(view.seconds);
    const offset = cursor.fragmentOffset;
    const end = offset + cursor.sentEnd - cursor.at;
    if (end > maxPayloadLength) return this.#refuse("fragment-oversize", cursor, view, end);
    if (end <= offset || (cursor.moreFragments && (end & 7) !== 0))
      return this.#refuse("fragment-malformed", cursor, view, end);

    const train = this.#find(cursor, view, protocol) ?? this.#begin(cursor, view, protocol);
    const lastTo = train.ranges.length === 0 ? 0 : train.ranges[train.ranges.length - 1];
    const isBeyondEnd = train.length >= 0 && end > train.length;
    if (isBeyondEnd || (!cursor.moreFragments && (train.length >= 0 ? end !== train.length : end < lastTo)))
      return this.#refuse("fragment-malformed", cursor, view, end);
    if (!cursor.moreFragments) train.length = end;
    const addressLength = view.ipVersion === 4 ? 4 : 16;
    if (offset === 0 || train.protocol < 0) {
      if (offset === 0) train.protocol = protocol;
      train.headerLength = cursor.at - view.sourceAt + (view.ipVersion === 4 ? 12 : 0);
    }
    this.#reserve(train, 2 * addressLength + end);
    this.#place(train, cursor, view, offset, end);

    if (train.length < 0 || train.ranges.length !== 2 || train.ranges[0] !== 0 || train.ranges[1] !== train.length)
      return Stop.notRead;
    this.#remove(this.#trains.indexOf(train));
    this.#remember(train, view.seconds);
    cursor.bytes = train.buffer;
    cursor.at = 2 * addressLength;
    cursor.end = cursor.at + Math.min(train.capturedTo, train.length);
    cursor.sentEnd = cursor.at + train.length;
    cursor.fragmentOffset = 0;
    cursor.moreFragments = false;
    view.sourceAt = 0;
    view.destinationAt = addressLength;
    view.ipLength = train.headerLength + train.length;
    return train.protocol;
  }

  /** Gives up all trains that are not complete: the captures have ended. */
  finish(): void {
    while (this.#trains.length > 0) this.#drop("the capture ended");
  }

  #find(cursor: LayerCursor, view: PacketView, protocol: number): Train | undefined {
    const hash = hashOf(cursor, view, protocol);
    return this.#trains.find(
      (train) =>
        train.hash === hash &&
        train.id === cursor.fragmentId &&
        train.ipVersion === view.ipVersion &&
        (view.ipVersion === 6 || train.protocol === protocol) &&
        train.captureIndex === captureIndexOf(view.packet) &&
        Math.abs(view.seconds - train.firstSeconds) <= fragmentLimits.timeoutSeconds &&
        hasAddressesOf(train.buffer, cursor.bytes, view),
    );
  }

  #begin(cursor: LayerCursor, view: PacketView, protocol: number): Train {
    if (this.#trains.length >= fragmentLimits.trains) this.#drop("too many at once");
    const hash = hashOf(cursor, view, protocol);
    const buffer = new Uint8Array(firstCapacity);
    const addressesLength = view.ipVersion === 4 ? 8 : 32;
    for (let i = 0; i < addressesLength; i++) buffer[i] = cursor.bytes[view.sourceAt + i];
    const train: Train = {
      hash,
      captureIndex: captureIndexOf(view.packet),
      ipVersion: view.ipVersion,
      id: cursor.fragmentId,
      protocol: view.ipVersion === 4 ? protocol : -1,
      firstPacket: view.packet,
      firstSeconds: view.seconds,
      isEcho: this.#isRemembered(hash, view.seconds),
      buffer,
      ranges: [],
      length: -1,
      capturedTo: maxPayloadLength,
      headerLength: 0,
    };
    this.#trains.push(train);
    this.#bytes += buffer.length;
    return train;
  }

  /** Makes room for `length` bytes in a train's buffer, at the cost of the oldest other trains. */
  #reserve(train: Train, length: number): void {
    if (length <= train.buffer.length) return;
    let capacity = train.buffer.length;
    while (capacity < length) capacity *= 2;
    const buffer = new Uint8Array(capacity);
    buffer.set(train.buffer);
    this.#bytes += capacity - train.buffer.length;
    train.buffer = buffer;
    while (this.#bytes > fragmentLimits.bytes) this.#drop("too many bytes held", this.#trains[0] === train ? 1 : 0);
  }

  /** Copies what of the fragment has not come before and enters it into the ranges. */
  #place(train: Train, cursor: LayerCursor, view: PacketView, offset: number, end: number): void {
    const { ranges } = train;
    const merged: number[] = [];
    let from = offset;
    let to = end;
    let position = offset;
    let isOverlap = false;
    let isNew = false;
    let isSame = true;
    let i = 0;
    for (; i < ranges.length && ranges[i + 1] < offset; i += 2) merged.push(ranges[i], ranges[i + 1]);
    for (; i < ranges.length && ranges[i] <= end; i += 2) {
      const heldFrom = ranges[i];
      const heldTo = ranges[i + 1];
      if (heldFrom > position) {
        this.#copy(train, cursor, offset, position, heldFrom);
        isNew = true;
      }
      const overlapFrom = Math.max(heldFrom, offset);
      const overlapTo = Math.min(heldTo, end);
      if (overlapTo > overlapFrom) {
        isOverlap = true;
        isSame &&= this.#equals(train, cursor, offset, overlapFrom, overlapTo);
      }
      position = Math.max(position, heldTo);
      from = Math.min(from, heldFrom);
      to = Math.max(to, heldTo);
    }
    if (position < end) {
      this.#copy(train, cursor, offset, position, end);
      isNew = true;
    }
    merged.push(from, to);
    for (; i < ranges.length; i += 2) merged.push(ranges[i], ranges[i + 1]);
    train.ranges = merged;
    // The very same fragment once more is a duplicated packet, not an overlap.
    if (isOverlap && (isNew || !isSame))
      this.#anomalies.note(
        "fragment-overlap",
        "ip",
        view.packet,
        () =>
          `bytes ${offset}–${end} of datagram ${train.id} overlap earlier ones ${isSame ? "" : "and differ from them "}(fragment data at offset ${dataOffset(cursor, view)} of its IP packet); the first copy is used`,
      );
  }

  /** Copies payload bytes `from` … `to` of a fragment whose data at the cursor begin at `offset`. */
  #copy(train: Train, cursor: LayerCursor, offset: number, from: number, to: number): void {
    const { bytes, at } = cursor;
    const presentTo = Math.max(from, Math.min(to, offset + cursor.end - at));
    if (presentTo < to) train.capturedTo = Math.min(train.capturedTo, presentTo);
    const shift = train.ipVersion === 4 ? 8 : 32;
    const { buffer } = train;
    for (let i = from; i < presentTo; i++) buffer[shift + i] = bytes[at + i - offset];
  }

  #equals(train: Train, cursor: LayerCursor, offset: number, from: number, to: number): boolean {
    const { bytes, at } = cursor;
    const presentTo = Math.min(to, offset + cursor.end - at, train.capturedTo);
    const shift = train.ipVersion === 4 ? 8 : 32;
    for (let i = from; i < presentTo; i++) if (train.buffer[shift + i] !== bytes[at + i - offset]) return false;
    return true;
  }

  #expire(seconds: number): void {
    while (this.#trains.length > 0 && seconds - this.#trains[0].firstSeconds > fragmentLimits.timeoutSeconds)
      this.#drop(`nothing more came for ${fragmentLimits.timeoutSeconds} s`);
  }

  #drop(reason: string, index = 0): void {
    const train = this.#trains[index];
    this.#remove(index);
    if (train.isEcho) return;
    this.#anomalies.note("fragments-dropped", "ip", train.firstPacket, () => {
      const held = train.ranges.reduce((sum, to, i) => sum + (i % 2 === 0 ? -to : to), 0);
      const length = train.length < 0 ? "an unknown number of" : `${train.length}`;
      return `datagram ${train.id}: ${held} of ${length} bytes when ${reason}`;
    });
  }

  #remove(index: number): void {
    this.#bytes -= this.#trains[index].buffer.length;
    this.#trains.splice(index, 1);
  }

  #refuse(code: AnomalyCode, cursor: LayerCursor, view: PacketView, end: number): number {
    const { fragmentOffset, fragmentId } = cursor;
    this.#anomalies.note(
      code,
      "ip",
      view.packet,
      () =>
        `bytes ${fragmentOffset}–${end} of datagram ${fragmentId} (fragment data at offset ${dataOffset(cursor, view)} of its IP packet)`,
    );
    return Stop.notRead;
  }

  #remember(train: Train, seconds: number): void {
    const slot = this.#completed++ % rememberedTrains;
    this.#completedHashes[slot] = train.hash;
    this.#completedSeconds[slot] = seconds;
  }

  #isRemembered(hash: number, seconds: number): boolean {
    for (let slot = 0; slot < rememberedTrains; slot++)
      if (
        this.#completedHashes[slot] === hash &&
        Math.abs(seconds - this.#completedSeconds[slot]) <= fragmentLimits.timeoutSeconds
      )
        return true;
    return false;
  }
}

/** Where a fragment's data begin in its IP packet: an offset into the buffer would depend on how the capture was cut into chunks. */
function dataOffset(cursor: LayerCursor, view: PacketView): number {
  return cursor.at - view.sourceAt + (view.ipVersion === 4 ? 12 : 8);
}

function hashOf(cursor: LayerCursor, view: PacketView, protocol: number): number {
  const { bytes } = cursor;
  const { sourceAt } = view;
  const addressesLength = view.ipVersion === 4 ? 8 : 32;
  let hash = cursor.fragmentId ^ (view.ipVersion === 4 ? protocol << 16 : 0x600000);
  for (let i = 0; i < addressesLength; i++) hash = (Math.imul(hash, 31) + bytes[sourceAt + i]) | 0;
  return hash;
}

/** In both IP headers the destination follows the source, as in a train's buffer. */
function hasAddressesOf(buffer: Uint8Array, bytes: Uint8Array, view: PacketView): boolean {
  const addressesLength = view.ipVersion === 4 ? 8 : 32;
  for (let i = 0; i < addressesLength; i++) if (buffer[i] !== bytes[view.sourceAt + i]) return false;
  return true;
}
