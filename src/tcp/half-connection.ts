import { type PacketView, TcpFlag } from "../decode/packet-view.ts";
import { sequenceDistance } from "./sequence.ts";

/**
 * What one end of a connection sent, summed up by sequence arithmetic: no payload is kept. Stream offsets count from the first
 * byte after the SYN (or, joined midstream, from the first byte seen) and never wrap. Times are seconds since the epoch as
 * doubles (exact to a quarter of a microsecond), packets are references (`capture/frame.ts`), 0 where there was none.
 */
export class HalfConnection {
  readonly address: string;
  readonly port: number;

  // What every packet reads or changes stands together, in few cache lines: thousands of sessions are open at once.

  packets = 0;
  lastPacket = 0;
  /** Seconds and nanoseconds of the last packet. */
  lastSeconds = 0;
  lastNanoseconds = 0;
  /** How much of this half's stream the other end acknowledged; -1 before its first ACK. */
  acked = -1;
  /** One past the highest byte sent. */
  highest = 0;
  /** Whether {@link base} comes from the handshake. */
  baseFromSyn = false;
  /** Sequence number of stream offset 0; -1 while unknown. */
  base = -1;
  windowScale = -1;
  /** The window that this end offers. */
  window = 0;
  zeroWindowTime = 0;
  // Who sent it: of all packets but resets
  ttl = 0;
  lowestTtl = 255;
  highestTtl = 0;
  ipId = -1;
  lastIpId = -1;
  /** Stream offset of the FIN; -1 before it. */
  finAt = -1;
  /** The FIN was acknowledged. */
  finAcked = false;
  finPacket = 0;
  #stalledAt = 0;
  #lastRepeatedAt = 0;
  /** The first of the largest payloads sent since {@link largestAcked} that are larger than it, and the offset behind it; 0 while there is none. */
  largerLength = 0;

  // The beginning
  /** SYNs, or SYN-ACKs. */
  synCount = 0;
  synPacket = 0;
  synTime = 0;
  lastSynPacket = 0;
  lastSynTime = 0;

  // The stream
  /** Payload bytes that the capture shows, each once (as sent: bytes cut by the snaplen count). */
  bytes = 0;
  /** Bytes of holes not (yet) seen below {@link highest}. */
  missing = 0;
  /** Where they are: the latest of them, null when there is none. */
  #holes: Hole[] | null = null;
  payloadPackets = 0;
  firstPayloadPacket = 0;
  firstPayloadTime = 0;
  lastNewPayloadPacket = 0;
  lastNewPayloadTime = 0;
  retransmissions = 0;

  /** The highest stream offset at which a packet without payload stands, and that packet. So much was sent, whether or not it came by here. */
  standsAt = 0;
  standsPacket = 0;

  // What is repeated in vain now: reset as soon as the other end acknowledges any of it
  stalledRetransmissions = 0;
  stalledFirstPacket = 0;
  stalledFirstTime = 0;
  stalledLastPacket = 0;
  stalledLastTime = 0;
  /** Largest payload among those retransmissions. */
  stalledLargest = 0;
  /** Largest payload that was acknowledged as a whole: {@link largestArrived} knows more. */
  largestAcked = 0;
  largerEnd = 0;

  // A window of nothing
  zeroWindowPacket = 0;
  zeroWindowLongest = 0;
  /** When it opened again, the last time (seconds). */
  zeroWindowUntil = 0;

  // The end
  finTime = 0;
  finCount = 0;
  /** How much of the other end's stream the FIN acknowledged, its FIN counting one byte; -1 when unknown. */
  finAcknowledged = -1;
  /** At most {@link MAX_RESETS}. */
  resets: readonly Reset[] = NO_RESETS;
  resetCount = 0;

  constructor(address: string, port: number) {
    this.address = address;
    this.port = port;
  }

  /** Notes a packet of this end that is no RST: a device may send that in its name, with headers of its own. */
  saw(view: PacketView): void {
    this.#sawAny(view);
    const { ttl, ipId } = view;
    if (this.ttl === 0) this.ttl = ttl;
    this.#sawTtl(ttl);
    if (this.ipId < 0) this.ipId = ipId;
    this.lastIpId = ipId;
  }

  /** Notes a copy of one. Captured on both sides of a router, all that this end sends has two TTLs, and of a RST the copy may be all there is. */
  sawCopy({ flags, ttl, sequence }: PacketView): void {
    if ((flags & TcpFlag.rst) === 0) {
      if (Math.abs(ttl - this.ttl) === 1) this.#sawTtl(ttl);
      return;
    }
    const reset = this.resets.at(-1);
    if (reset?.sequence === sequence && Math.abs(ttl - reset.ttl) === 1) reset.copyTtl = ttl;
  }

  #sawTtl(ttl: number): void {
    if (ttl < this.lowestTtl) this.lowestTtl = ttl;
    if (ttl > this.highestTtl) this.highestTtl = ttl;
  }

  #sawAny({ packet, seconds, nanoseconds }: PacketView): void {
    this.packets++;
    this.lastPacket = packet;
    this.lastSeconds = seconds;
    this.lastNanoseconds = nanoseconds;
  }

  /** The stream offset of a sequence number, chosen nearest to the highest offset seen. */
  offsetOf(sequence: number): number {
    const reference = (this.base + this.highest) >>> 0;
    return this.highest + sequenceDistance(sequence, reference);
  }

  /** Lets offsets count from this one on: what was `at` is now `at - offset`. */
  rebase(offset: number): void {
    this.base = (this.base + offset) >>> 0;
    this.highest -= offset;
    if (this.acked >= 0) this.acked = Math.max(0, this.acked - offset);
    if (this.finAt >= 0) this.finAt -= offset;
    this.standsAt = Math.max(0, this.standsAt - offset);
    this.#stalledAt -= offset;
    this.#lastRepeatedAt -= offset;
    this.largerEnd -= offset;
    this.#holes = this.#holes?.map(({ from, to }) => ({ from: from - offset, to: to - offset })) ?? null;
  }

  /** The handshake comes late in the file and says where offset 0 is; no payload has been seen, but the FIN may. */
  beginsAt(base: number): void {
    if (this.finAt >= 0) this.finAt = Math.max(0, this.finAt + sequenceDistance(this.base, base));
    this.base = base;
  }

  /** Notes payload that begins where all sent before ends. */
  sentNext(length: number, packet: number, time: number): void {
    this.bytes += length;
    this.#sentUpTo(this.highest + length, length, packet, time);
  }

  #sawPayload(packet: number, time: number): void {
    this.payloadPackets++;
    if (this.firstPayloadPacket === 0) {
      this.firstPayloadPacket = packet;
      this.firstPayloadTime = time;
    }
  }

  #sentUpTo(end: number, length: number, packet: number, time: number): void {
    this.#sawPayload(packet, time);
    this.highest = end;
    this.lastNewPayloadPacket = packet;
    this.lastNewPayloadTime = time;
    if (length > this.largestAcked && length > this.largerLength) {
      this.largerLength = length;
      this.largerEnd = end;
    }
  }

  /**
   * Notes payload at stream offset `at`.
   * @param isProbe a byte into a closed window (RFC 9293 section 3.8.6.1): it is repeated until the window opens, and that is no stall
   * @returns whether it brought bytes not seen before
   */
  sent(at: number, length: number, packet: number, time: number, isProbe = false): boolean {
    const end = at + length;
    if (end > this.highest) {
      if (at > this.highest) {
        this.#openHole(this.highest, at);
        this.bytes += length;
      } else this.bytes += end - this.highest;
      // Its acknowledgment stands before it in the file.
      if (end <= this.acked && length > this.largestAcked) this.largestAcked = length;
      this.#sentUpTo(end, length, packet, time);
      return true;
    }
    this.#sawPayload(packet, time);
    if (this.#holes !== null) {
      const filled = this.#fillHoles(at, end);
      this.missing -= filled;
      this.bytes += filled;
      if (filled === length) return true;
    }
    if (isProbe) return false;
    this.retransmissions++;
    if (end > this.acked) {
      if (this.stalledRetransmissions === 0) {
        this.stalledFirstPacket = packet;
        this.stalledFirstTime = time;
        this.stalledLargest = length;
        this.#stalledAt = at;
      } else if (at < this.#stalledAt) this.#stalledAt = at;
      this.#lastRepeatedAt = at;
      this.stalledRetransmissions++;
      this.stalledLastPacket = packet;
      this.stalledLastTime = time;
      if (length > this.stalledLargest) this.stalledLargest = length;
    }
    return false;
  }

  #openHole(from: number, to: number): void {
    this.missing += to - from;
    this.#holes ??= [];
    if (this.#holes.length >= MAX_HOLES) this.#holes.shift();
    this.#holes.push({ from, to });
  }

  /** @returns how many bytes of `at` … `end` had been missing */
  #fillHoles(at: number, end: number): number {
    let filled = 0;
    const left: Hole[] = [];
    for (const hole of this.#holes!) {
      const from = Math.max(hole.from, at);
      const to = Math.min(hole.to, end);
      if (from >= to) {
        left.push(hole);
        continue;
      }
      filled += to - from;
      if (hole.from < from) left.push({ from: hole.from, to: from });
      if (to < hole.to) left.push({ from: to, to: hole.to });
    }
    this.#holes = left.length > 0 ? left : null;
    return filled;
  }

  /** Notes that the other end acknowledged this half's stream up to `offset` (one more than the last byte; the FIN counts one). */
  acknowledged(offset: number): void {
    if (this.finAt >= 0 && offset > this.finAt) {
      this.finAcked = true;
      offset = this.finAt;
    }
    if (offset <= this.acked) return;
    this.acked = offset;
    // An acknowledgment of less stands late in the file, or is of what was sent before.
    if (offset > this.#stalledAt) this.stalledRetransmissions = 0;
    if (this.largerLength !== 0 && offset >= this.largerEnd) {
      if (this.largerLength > this.largestAcked) this.largestAcked = this.largerLength;
      this.largerLength = 0;
    }
  }

  /** Notes the FIN, at this offset, and what it acknowledges; its own acknowledgment may stand before it in the file. */
  endsAt(offset: number, acknowledged: number): void {
    this.finAt = offset;
    this.finAcknowledged = acknowledged;
    if (this.acked <= offset) return;
    this.finAcked = true;
    this.acked = offset;
  }

  /** One past the highest byte sent that the capture has, a FIN right behind it counting one byte. */
  get seenUpTo(): number {
    return this.highest + (this.finAt === this.highest ? 1 : 0);
  }

  /** Whether this end closed or reset the connection. */
  get ended(): boolean {
    return this.finPacket !== 0 || this.resetCount > 0;
  }

  /** Bytes that are not seen although what follows them is, be it only the FIN. */
  get unseen(): number {
    return this.missing + Math.max(0, this.finAt - this.highest);
  }

  /**
   * Stream offset up to which all has arrived, as far as this end shows that it knows: it repeats what is not acknowledged from its beginning on
   * (RFC 6298 section 5), also where the capture lacks the acknowledgments before it.
   */
  get arrivedUpTo(): number {
    return this.stalledRetransmissions > 0 ? Math.max(this.acked, this.#stalledAt) : this.acked;
  }

  /**
   * It went on behind what it had repeated: it has heard that it arrived, though the capture has no acknowledgment (RFC 6298 section 5: until then it
   * sends the first of what is not acknowledged and nothing else).
   */
  get wentOn(): boolean {
    return this.lastNewPayloadTime > this.stalledLastTime || this.#lastRepeatedAt > this.#stalledAt;
  }

  /**
   * Largest payload that arrived, of those in the capture. Of one that segmentation offload sent as many segments, what was acknowledged of it
   * counts; an acknowledgment may stand before it in the file.
   */
  get largestArrived(): number {
    const ofLarger = this.arrivedUpTo - (this.largerEnd - this.largerLength);
    return Math.max(this.largestAcked, Math.min(this.largerLength, ofLarger));
  }

  /** Notes a packet without payload. */
  stands(offset: number, packet: number): void {
    if (offset <= this.standsAt) return;
    this.standsAt = offset;
    this.standsPacket = packet;
  }

  /** Stream offset up to which the capture has all: of the first hole, as far as the holes are known. */
  get wholeUpTo(): number {
    return this.#holes?.reduce((least, { from }) => Math.min(least, from), this.highest) ?? this.highest;
  }

  /** Whether this end closed its stream before it had seen the other end's FIN; of FINs that cross, the first in the file counts. */
  closedBefore(other: HalfConnection): boolean {
    if (this.finPacket === 0) return false;
    if (other.finPacket === 0) return true;
    if (this.finAcknowledged > other.finAt) return false;
    return other.finAcknowledged > this.finAt || this.finPacket < other.finPacket;
  }

  /** Time of the last packet (seconds). */
  get lastTime(): number {
    return this.lastSeconds + this.lastNanoseconds / 1e9;
  }

  /** Notes a RST: all are counted, the first {@link MAX_RESETS} kept. @param other the other end's stream, which it may acknowledge */
  sawReset(view: PacketView, other: HalfConnection): void {
    this.#sawAny(view);
    this.resetCount++;
    if (this.resets.length >= MAX_RESETS) return;
    const hasAck = (view.flags & TcpFlag.ack) !== 0;
    const reset: Reset = {
      packet: view.packet,
      time: this.lastTime,
      ttl: view.ttl,
      copyTtl: 0,
      ipId: view.ipId,
      window: view.window,
      sequence: view.sequence,
      at: this.base < 0 ? -1 : this.offsetOf(view.sequence),
      hasAck,
      acknowledges: hasAck && other.base >= 0 ? other.offsetOf(view.acknowledgment) : -1,
      bytesBefore: this.bytes,
      otherBytesBefore: other.bytes,
    };
    this.resets = [...this.resets, reset];
  }

  /** Bytes sent and not acknowledged. */
  get unacknowledged(): number {
    return Math.max(0, this.highest - Math.max(this.acked, 0));
  }
}

/** A RST as it was seen. */
export interface Reset {
  readonly packet: number;
  readonly time: number;
  readonly ttl: number;
  /** The TTL of its copy on the other side of a router; 0 where there is none. */
  copyTtl: number;
  readonly ipId: number;
  readonly window: number;
  /** Its sequence number; 0 in answer to a SYN. */
  readonly sequence: number;
  /** Stream offset at which it stands; -1 while no stream of its end is known. */
  readonly at: number;
  /** Whether it acknowledges anything, as a RST in answer to a SYN does (RFC 9293 section 3.10.7.1). */
  readonly hasAck: boolean;
  /** How much of the other end's stream it acknowledges; -1 when nothing, or unknown. */
  readonly acknowledges: number;
  /** Payload bytes that the capture shows before it: of its own end, and of the other. More may still come of either. */
  readonly bytesBefore: number;
  readonly otherBytesBefore: number;
}

/** The first RST of two ends in the file, with whose it is; null when there is none. */
export function earliestReset(
  one: HalfConnection,
  other: HalfConnection,
): { readonly half: HalfConnection; readonly reset: Reset } | null {
  if (one.resets.length + other.resets.length === 0) return null;
  let earliest: { half: HalfConnection; reset: Reset } | null = null;
  for (const half of [one, other])
    for (const reset of half.resets)
      if (earliest === null || reset.packet < earliest.reset.packet) earliest = { half, reset };
  return earliest;
}

/** Bytes not seen, by stream offset. */
interface Hole {
  readonly from: number;
  readonly to: number;
}

/** How many holes of one stream are known by their place; what was missing in older ones stays missing. */
const MAX_HOLES = 256;
/** How many resets of one end are kept; all are counted. */
const MAX_RESETS = 4;
const NO_RESETS: readonly Reset[] = [];
