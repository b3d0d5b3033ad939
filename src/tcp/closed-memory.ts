import { captureIndexOf } from "../capture/frame.ts";
import type { PacketView } from "../decode/packet-view.ts";
import type { Connection } from "./connection.ts";
import { tagOf } from "./connection-ends.ts";

/** So long after its last packet (seconds of capture time) a connection that is followed no more is still known. */
export const CLOSED_SECONDS = 2;
/** Connections that are remembered; one whose place is taken is known no more. */
const ENTRIES = 65_536;
const MASK = ENTRIES - 1;

/**
 * Six integers an entry, side by side: originator key, responder key, both ports, the originator's first sequence number, seconds, capture index.
 */
const FIELDS = 6;
const RESPONDER = 1;
const PORTS = 2;
const BASE = 3;
const SECONDS = 4;
const CAPTURE = 5;

/**
 * Connections that were settled soon after they had closed. What comes of them still (a retransmission, a copy on a slower path) is nobody's: it
 * must neither begin a session nor a connection anew. The SYN again in another capture is another matter: there it is seen at a second point whose
 * clock is behind. Direct-mapped, of fixed size.
 */
export class ClosedMemory {
  readonly #entries = new Int32Array(ENTRIES * FIELDS);
  /** The {@link tagOf} each; 0: there is none. Most are asked for in vain, and these are in a cache more often. */
  readonly #tags = new Uint8Array(ENTRIES);

  remember({ hash, addressKeyA, addressKeyB, originator, responder, lastSeconds, lastPacket }: Connection): void {
    const entries = this.#entries;
    const at = (hash & MASK) * FIELDS;
    this.#tags[hash & MASK] = tagOf(hash);
    entries[at] = addressKeyA;
    entries[at + RESPONDER] = addressKeyB;
    entries[at + PORTS] = (originator.port << 16) | responder.port;
    entries[at + BASE] = originator.base;
    entries[at + SECONDS] = lastSeconds;
    entries[at + CAPTURE] = captureIndexOf(lastPacket);
  }

  /**
   * Whether the connection that the segment is of was settled a moment ago.
   * @param hash the connection hash of the table
   */
  holds(hash: number, sourceKey: number, destinationKey: number, view: PacketView): boolean {
    if (this.#tags[hash & MASK] !== tagOf(hash)) return false;
    const entries = this.#entries;
    const at = (hash & MASK) * FIELDS;
    if (Math.abs((view.seconds | 0) - entries[at + SECONDS]) > CLOSED_SECONDS) return false;
    const { sourcePort, destinationPort } = view;
    const ports = entries[at + PORTS];
    if (ports === ((sourcePort << 16) | destinationPort))
      return entries[at] === sourceKey && entries[at + RESPONDER] === destinationKey;
    if (ports === ((destinationPort << 16) | sourcePort))
      return entries[at] === destinationKey && entries[at + RESPONDER] === sourceKey;
    return false;
  }

  /** The same for a SYN or SYN-ACK, which begins another connection on the same addresses and ports unless its sequence number is the old. */
  holdsSyn(hash: number, sourceKey: number, destinationKey: number, view: PacketView, answered: boolean): boolean {
    if (!this.holds(hash, sourceKey, destinationKey, view)) return false;
    const base = answered ? view.acknowledgment : view.sequence + 1;
    const at = (hash & MASK) * FIELDS;
    return (base | 0) === this.#entries[at + BASE] && captureIndexOf(view.packet) === this.#entries[at + CAPTURE];
  }
}
