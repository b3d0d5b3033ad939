/**
 * A fixed-size memory of SYNs that belonged to nobody when they passed, so that a control connection recognised later by what
 * is said on it still has its handshake. Direct-mapped: a newer SYN overwrites an older one with the same slot, and what it
 * cost is counted.
 */
export const SYN_MEMORY_ENTRIES = 262_144;

const MASK = SYN_MEMORY_ENTRIES - 1;

export class SynMemory {
  readonly #originator = new Int32Array(SYN_MEMORY_ENTRIES);
  readonly #responder = new Int32Array(SYN_MEMORY_ENTRIES);
  readonly #ports = new Int32Array(SYN_MEMORY_ENTRIES);
  readonly #sequences = new Int32Array(SYN_MEMORY_ENTRIES);
  readonly #seconds = new Float64Array(SYN_MEMORY_ENTRIES);
  readonly #nanoseconds = new Int32Array(SYN_MEMORY_ENTRIES);
  readonly #packets = new Float64Array(SYN_MEMORY_ENTRIES);
  /** SYNs overwritten before anybody asked for them. */
  overwritten = 0;

  /** @param hash the connection hash of the table */
  remember(
    hash: number,
    originatorKey: number,
    responderKey: number,
    originatorPort: number,
    responderPort: number,
    sequence: number,
    packet: number,
    seconds: number,
    nanoseconds: number,
  ): void {
    const slot = hash & MASK;
    const ports = (originatorPort << 16) | responderPort;
    if (this.#packets[slot] !== 0) {
      const same =
        this.#originator[slot] === originatorKey &&
        this.#responder[slot] === responderKey &&
        this.#ports[slot] === ports;
      if (same && this.#sequences[slot] === (sequence | 0)) return; // a retransmission: the first SYN counts
      if (!same) this.overwritten++;
    }
    this.#originator[slot] = originatorKey;
    this.#responder[slot] = responderKey;
    this.#ports[slot] = ports;
    this.#sequences[slot] = sequence;
    this.#packets[slot] = packet;
    this.#seconds[slot] = seconds;
    this.#nanoseconds[slot] = nanoseconds;
  }

  /** The SYN of this connection if it is still remembered. */
  recall(
    hash: number,
    originatorKey: number,
    responderKey: number,
    originatorPort: number,
    responderPort: number,
  ): RememberedSyn | undefined {
    const slot = hash & MASK;
    const ports = (originatorPort << 16) | responderPort;
    if (
      this.#packets[slot] === 0 ||
      this.#originator[slot] !== originatorKey ||
      this.#responder[slot] !== responderKey ||
      this.#ports[slot] !== ports
    )
      return undefined;
    return {
      sequence: this.#sequences[slot] >>> 0,
      packet: this.#packets[slot],
      seconds: this.#seconds[slot],
      nanoseconds: this.#nanoseconds[slot],
    };
  }
}

export interface RememberedSyn {
  readonly sequence: number;
  readonly packet: number;
  readonly seconds: number;
  readonly nanoseconds: number;
}
