import type { PacketView } from "../decode/packet-view.ts";
import { COPY_ENTRIES, COPY_MILLISECONDS } from "../prefilter/layout.ts";
import type { CopyTables } from "../prefilter/prefilter.ts";

/**
 * Two identical packets (connection, direction, sequence, acknowledgment, flags, window, length, IP-ID) closer than this are copies of one:
 * Linux retransmits no sooner than 200 ms (its floor for the timer of RFC 6298), a mirror or `-i any` copies within microseconds, and a
 * router between its two interfaces within its queueing delay.
 */
export const COPY_SECONDS = COPY_MILLISECONDS / 1000;

const MASK = COPY_ENTRIES - 1;

/** Signature in two integers; the time beside them is a double. */
const FIELDS = 2;

/**
 * Remembers the signatures of the packets seen last, to tell copies from retransmissions. Direct-mapped, of fixed size: a copy that comes later than
 * {@link COPY_ENTRIES} others is not told from a retransmission. The prefilter writes those of the segments that it counts (`assembly/prefilter.ts`).
 */
export class CopyMemory {
  readonly #signatures: Int32Array;
  readonly #times: Float64Array;
  /** How far from the first the copy that was found last stands (seconds). */
  distance = 0;

  constructor({ signatures, times }: CopyTables) {
    this.#signatures = signatures;
    this.#times = times;
  }

  /**
   * True when the same packet was seen a moment ago; else it is remembered. Takes the view itself and makes the signature of two integers:
   * doubles would be allocated, for every packet that is followed.
   * @param salt tells connection and direction
   */
  isCopy(view: PacketView, salt: number): boolean {
    let low = Math.imul(view.sequence ^ salt, 0x9e3779b1) ^ Math.imul(view.acknowledgment + view.flags, 0x85ebca6b);
    low = Math.imul(low ^ (low >>> 15), 0xc2b2ae35) ^ view.window;
    low ^= low >>> 16;
    const mixed = (view.ipId + 1) * 8191 + view.payloadLength * 31 + view.flags + salt;
    const high = (mixed ^ (mixed >>> 11)) & 0x1fffff;
    const time = view.seconds + view.nanoseconds / 1e9;
    const slot = low & MASK;
    const at = slot * FIELDS;
    const signatures = this.#signatures;
    if (signatures[at] === low && signatures[at + 1] === high && Math.abs(time - this.#times[slot]) <= COPY_SECONDS) {
      this.distance = Math.abs(time - this.#times[slot]);
      return true;
    }
    signatures[at] = low;
    signatures[at + 1] = high;
    this.#times[slot] = time;
    return false;
  }
}
