/**
 * Two identical packets (connection, direction, sequence, acknowledgment, flags, window, length, IP-ID) closer than this are copies of one:
 * Linux retransmits no sooner than 200 ms (its floor for the timer of RFC 6298), a mirror or `-i any` copies within microseconds, and a
 * router between its two interfaces within its queueing delay.
 */
export const COPY_SECONDS = 0.1;

/** Packets of followed connections that are remembered; a copy that comes later than so many others is not told from a retransmission. */
export const COPY_ENTRIES = 16_384;

const MASK = COPY_ENTRIES - 1;

/** Remembers the signatures of the packets seen last, to tell copies from retransmissions. Direct-mapped, of fixed size. */
export class CopyMemory {
  readonly #signatures = new Float64Array(COPY_ENTRIES);
  readonly #times = new Float64Array(COPY_ENTRIES);

  /**
   * True when a packet with this signature was seen a moment ago; else it is remembered.
   * @param signature 53 bits that are equal for copies of one packet and, but for chance, different for all others
   * @param time seconds
   */
  isCopy(signature: number, time: number): boolean {
    const slot = (signature % 4_294_967_296) & MASK;
    if (this.#signatures[slot] === signature && Math.abs(time - this.#times[slot]) <= COPY_SECONDS) return true;
    this.#signatures[slot] = signature;
    this.#times[slot] = time;
    return false;
  }
}
