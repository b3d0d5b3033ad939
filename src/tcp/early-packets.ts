import type { AnomalyLog } from "../anomaly.ts";
import { BOUNDS } from "../bounds.ts";
import { emptyPacketView, type PacketView } from "../decode/packet-view.ts";

/**
 * Capture points with several queues write packets a few places away from where they belong: a RST before the SYN that it answers, a SYN
 * before the 227 that it obeys. The last few such packets that belonged to nobody when they passed are kept here, to be followed after all
 * once it is known to whom they belong.
 */

/** So much earlier than what explains it (seconds) may a packet stand in the file: queues hold a packet no longer. */
export const REORDER_SECONDS = 0.05;
/** Packets kept of each kind. */
const KEPT = BOUNDS.earlyPackets.most;
/** Longest options of a TCP header. */
const MAX_OPTIONS = 40;
/** Where the payload stands in a kept packet: behind four addresses and the options. */
const PAYLOAD_AT = 64 + MAX_OPTIONS;

/** A ring of packets of one kind, overwritten oldest first; nothing is allocated when one is kept. */
export class EarlyPackets {
  readonly #slots: readonly EarlyPacket[];
  readonly #anomalies: AnomalyLog;
  #next = 0;
  /** Latest time of a packet kept (seconds). */
  #lastTime = Number.NEGATIVE_INFINITY;

  /** @param payloadBytes how much payload of a packet is kept */
  constructor(anomalies: AnomalyLog, payloadBytes = 0) {
    this.#anomalies = anomalies;
    // All of them now: the second view of a program changes what V8 knows of views, and discards code compiled for the first.
    this.#slots = Array.from({ length: KEPT }, () => {
      // Not copies by spreading: their fields would hold numbers beyond 31 bits as objects, allocated with every packet.
      const view = emptyPacketView();
      view.bytes = new Uint8Array(PAYLOAD_AT + payloadBytes);
      return { hash: 0, view };
    });
  }

  /** Keeps a copy of the packet's headers and of the payload's beginning. @param hash the connection hash of the table */
  keep(hash: number, view: PacketView): void {
    const slot = this.#slots[this.#next];
    if (slot.view.packet !== 0 && isNear(slot.view, view.seconds + view.nanoseconds / 1e9)) {
      this.#anomalies.note(
        BOUNDS.earlyPackets.code,
        "tcp",
        slot.view.packet,
        `more than ${KEPT} packets of one kind that nobody knew within ${REORDER_SECONDS * 1000} ms; the first is not looked at again if its session stands behind it in the file`,
      );
    }
    this.#lastTime = Math.max(this.#lastTime, view.seconds + view.nanoseconds / 1e9);
    slot.hash = hash;
    copyPacket(view, slot.view);
    this.#next = (this.#next + 1) % KEPT;
  }

  /** Takes out the packets that fit and stand within {@link REORDER_SECONDS} of `time` (seconds), the oldest first. */
  take(time: number, fits: (view: PacketView, hash: number) => boolean): PacketView[] {
    const taken: PacketView[] = [];
    if (time - this.#lastTime > REORDER_SECONDS) return taken;
    for (const { view, hash } of this.#slots) {
      if (view.packet === 0 || !fits(view, hash)) continue;
      if (!isNear(view, time)) continue;
      // Of the class that all views have: one made by spreading would discard the code compiled for them.
      taken.push(Object.assign(emptyPacketView(), view, { bytes: view.bytes.slice() }));
      view.packet = 0;
    }
    return taken.sort((a, b) => a.packet - b.packet);
  }
}

/** Whether the packet stands so near to `time` (seconds) that it may be early. */
function isNear({ seconds, nanoseconds }: PacketView, time: number): boolean {
  return Math.abs(seconds + nanoseconds / 1e9 - time) <= REORDER_SECONDS;
}

interface EarlyPacket {
  hash: number;
  /** Its packet number is 0 when there is none, or it has been taken. */
  readonly view: PacketView;
}

/** Addresses at 0 and 16, quoted addresses at 32 and 48, TCP options from 64 on, then as much payload as there is room for. */
function copyPacket(from: PacketView, to: PacketView): void {
  const { bytes } = to;
  const length = from.ipVersion === 4 ? 4 : 16;
  for (let i = 0; i < length; i++) {
    bytes[i] = from.bytes[from.sourceAt + i];
    bytes[16 + i] = from.bytes[from.destinationAt + i];
    bytes[32 + i] = from.bytes[from.quotedSourceAt + i];
    bytes[48 + i] = from.bytes[from.quotedDestinationAt + i];
  }
  const optionsLength = Math.min(from.optionsLength, MAX_OPTIONS);
  for (let i = 0; i < optionsLength; i++) bytes[64 + i] = from.bytes[from.optionsAt + i];
  const payloadCaptured = Math.min(from.payloadCaptured, bytes.length - PAYLOAD_AT);
  for (let i = 0; i < payloadCaptured; i++) bytes[PAYLOAD_AT + i] = from.bytes[from.payloadAt + i];
  // Field by field: a scan brings millions of them, and copying the object as a whole costs ten times as much.
  to.packet = from.packet;
  to.seconds = from.seconds;
  to.nanoseconds = from.nanoseconds;
  to.ipVersion = from.ipVersion;
  to.sourceAt = 0;
  to.destinationAt = 16;
  to.ttl = from.ttl;
  to.ipId = from.ipId;
  to.ipLength = from.ipLength;
  to.sourcePort = from.sourcePort;
  to.destinationPort = from.destinationPort;
  to.sequence = from.sequence;
  to.acknowledgment = from.acknowledgment;
  to.flags = from.flags;
  to.window = from.window;
  to.optionsAt = 64;
  to.optionsLength = optionsLength;
  to.payloadAt = PAYLOAD_AT;
  to.payloadLength = from.payloadLength;
  to.payloadCaptured = payloadCaptured;
  to.icmpType = from.icmpType;
  to.icmpCode = from.icmpCode;
  to.icmpMtu = from.icmpMtu;
  to.quotedSourceAt = 32;
  to.quotedDestinationAt = 48;
  to.quotedSourcePort = from.quotedSourcePort;
  to.quotedDestinationPort = from.quotedDestinationPort;
  to.quotedSequence = from.quotedSequence;
}
