import { captureIndexOf, packetNumberOf, packetReference } from "../capture/frame.ts";
import type { PacketView } from "../decode/packet-view.ts";

/**
 * A fixed-size memory of SYNs that belonged to nobody when they passed, so that a control connection recognised later by what
 * is said on it still has its handshake. Direct-mapped: a newer SYN overwrites an older one with the same slot, and what it
 * cost is counted.
 */
export const SYN_MEMORY_ENTRIES = 65_536;

const MASK = SYN_MEMORY_ENTRIES - 1;

/**
 * One entry is eight integers in a row, so that it touches one cache line (seven arrays side by side cost three times as much on a SYN
 * flood): originator key, responder key, both ports, sequence number, seconds, nanoseconds, packet number (0: empty), capture index.
 */
const FIELDS = 8;
const RESPONDER = 1;
const PORTS = 2;
const SEQUENCE = 3;
const SECONDS = 4;
const NANOSECONDS = 5;
const PACKET = 6;
const CAPTURE = 7;

export class SynMemory {
  readonly #entries = new Int32Array(SYN_MEMORY_ENTRIES * FIELDS);
  /** SYNs overwritten before anybody asked for them. */
  overwritten = 0;

  /**
   * Takes the view itself: numbers beyond 31 bits passed one by one would be allocated, four million times in a SYN flood.
   * @param hash the connection hash of the table
   * @param view a SYN of its originator
   */
  remember(hash: number, originatorKey: number, responderKey: number, view: PacketView): void {
    const entries = this.#entries;
    const at = (hash & MASK) * FIELDS;
    const ports = (view.sourcePort << 16) | view.destinationPort;
    if (entries[at + PACKET] !== 0) {
      const same =
        entries[at] === originatorKey && entries[at + RESPONDER] === responderKey && entries[at + PORTS] === ports;
      if (same && entries[at + SEQUENCE] === (view.sequence | 0)) return; // a retransmission: the first SYN counts
      if (!same) this.overwritten++;
    }
    entries[at] = originatorKey;
    entries[at + RESPONDER] = responderKey;
    entries[at + PORTS] = ports;
    entries[at + SEQUENCE] = view.sequence;
    entries[at + SECONDS] = view.seconds;
    entries[at + NANOSECONDS] = view.nanoseconds;
    entries[at + PACKET] = packetNumberOf(view.packet);
    entries[at + CAPTURE] = captureIndexOf(view.packet);
  }

  /** The SYN of this connection if it is still remembered. */
  recall(
    hash: number,
    originatorKey: number,
    responderKey: number,
    originatorPort: number,
    responderPort: number,
  ): RememberedSyn | undefined {
    const entries = this.#entries;
    const at = (hash & MASK) * FIELDS;
    if (entries[at + PACKET] === 0 || entries[at] !== originatorKey || entries[at + RESPONDER] !== responderKey)
      return undefined;
    if (entries[at + PORTS] !== ((originatorPort << 16) | responderPort)) return undefined;
    return {
      sequence: entries[at + SEQUENCE] >>> 0,
      packet: packetReference(entries[at + CAPTURE], entries[at + PACKET] >>> 0),
      seconds: entries[at + SECONDS] >>> 0,
      nanoseconds: entries[at + NANOSECONDS],
    };
  }
}

export interface RememberedSyn {
  readonly sequence: number;
  readonly packet: number;
  readonly seconds: number;
  readonly nanoseconds: number;
}
