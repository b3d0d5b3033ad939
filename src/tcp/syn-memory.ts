import { captureIndexOf, packetNumberOf, packetReference } from "../capture/frame.ts";
import type { PacketView } from "../decode/packet-view.ts";
import { FLOOD_SYNS as FLOOD_SYNS_AT, RATE_COUNTERS, RATE_SECOND, WAS_FLOODED } from "../prefilter/layout.ts";
import type { SynTables } from "../prefilter/prefilter.ts";
import { type ConnectionEnds, tagOf } from "./connection-ends.ts";

/**
 * From one host, or to one endpoint, so many SYNs within a second are a scan or a flood and are not remembered: each would cost a cache miss
 * and push out the SYN of a session. A busy NAT stays below (256 new connections a second).
 */
export const FLOOD_SYNS = 256;
/**
 * One entry is eight integers in a row, so that it touches one cache line (seven arrays side by side cost three times as much on a SYN
 * flood): originator key, responder key, both ports, sequence number, seconds, nanoseconds, packet number, capture index. Before it is
 * read its tag (`tagOf`; 0: there is no entry) is asked, which is in a cache more often.
 */
const FIELDS = 8;
const RESPONDER = 1;
const PORTS = 2;
const SEQUENCE = 3;
const SECONDS = 4;
const NANOSECONDS = 5;
const PACKET = 6;
const CAPTURE = 7;

/**
 * A fixed-size memory of SYNs that belonged to nobody when they passed, so that a control connection recognised later by what
 * is said on it still has its handshake. Direct-mapped: a newer SYN overwrites an older one with the same slot. What that costs shows only when
 * a SYN is asked for that may be one of those: `mayHaveLost`.
 */
export class SynMemory {
  readonly #entries: Int32Array;
  readonly #tags: Uint8Array;
  readonly #mask: number;
  readonly #originatorRate: Uint16Array;
  readonly #responderRate: Uint16Array;
  readonly #rates: Uint32Array;

  /** @param tables with room for as many SYNs as a power of two; the prefilter may use them as well (`assembly/prefilter.ts`) */
  constructor({ entries, tags, originatorRate, responderRate, rates }: SynTables) {
    this.#entries = entries;
    this.#tags = tags;
    this.#mask = entries.length / FIELDS - 1;
    this.#originatorRate = originatorRate;
    this.#responderRate = responderRate;
    this.#rates = rates;
    rates[FLOOD_SYNS_AT] = FLOOD_SYNS;
  }

  /**
   * Takes the view itself: numbers beyond 31 bits passed one by one would be allocated, four million times in a SYN flood.
   * @param hash the connection hash of the table
   * @param view a SYN of its originator
   */
  remember(hash: number, originatorKey: number, responderKey: number, view: PacketView): void {
    const entries = this.#entries;
    const place = hash & this.#mask;
    const at = place * FIELDS;
    const ports = (view.sourcePort << 16) | view.destinationPort;
    if (this.#tags[place] === tagOf(hash)) {
      const same =
        entries[at] === originatorKey && entries[at + RESPONDER] === responderKey && entries[at + PORTS] === ports;
      if (same && entries[at + SEQUENCE] === (view.sequence | 0)) return; // a retransmission: the first SYN counts
    }
    this.#tags[place] = tagOf(hash);
    entries[at] = originatorKey;
    entries[at + RESPONDER] = responderKey;
    entries[at + PORTS] = ports;
    entries[at + SEQUENCE] = view.sequence;
    entries[at + SECONDS] = view.seconds;
    entries[at + NANOSECONDS] = view.nanoseconds;
    entries[at + PACKET] = packetNumberOf(view.packet);
    entries[at + CAPTURE] = captureIndexOf(view.packet);
  }

  /** Counts the SYN; true when its source or its target has had too many in this second, so that it is better not remembered. */
  isFlood(originatorKey: number, responderKey: number, view: PacketView): boolean {
    // The word has 32 bits; pcapng has times beyond them.
    if (view.seconds >>> 0 !== this.#rates[RATE_SECOND]) {
      this.#rates[RATE_SECOND] = view.seconds;
      this.#originatorRate.fill(0);
      this.#responderRate.fill(0);
    }
    const originator = (Math.imul(originatorKey, 0x9e3779b1) >>> 20) & (RATE_COUNTERS - 1);
    const responder = (Math.imul(responderKey ^ view.destinationPort, 0x9e3779b1) >>> 20) & (RATE_COUNTERS - 1);
    const fromOne = ++this.#originatorRate[originator];
    const toOne = ++this.#responderRate[responder];
    if (fromOne === 0xffff) this.#originatorRate[originator] = FLOOD_SYNS + 1;
    if (toOne === 0xffff) this.#responderRate[responder] = FLOOD_SYNS + 1;
    const isFlood = fromOne > FLOOD_SYNS || toOne > FLOOD_SYNS;
    if (isFlood) this.#rates[WAS_FLOODED] = 1;
    return isFlood;
  }

  /** Whether a SYN that {@link recall} does not know may have been one: another has its place, or some were not remembered. */
  mayHaveLost(hash: number): boolean {
    return this.#rates[WAS_FLOODED] !== 0 || this.#tags[hash & this.#mask] !== 0;
  }

  /**
   * Shows each remembered SYN of one host, in no order; one of a connection in several captures may be shown twice. It searches all places: to be asked seldom.
   * @param originatorKey the host (`addressKey`)
   * @param see gets the key of the other host, both ports and the second of the SYN
   */
  ofHost(
    originatorKey: number,
    see: (responderKey: number, sourcePort: number, destinationPort: number, seconds: number) => void,
  ): void {
    const entries = this.#entries;
    // A search of its own by the array takes a tenth of the time of a loop here, which is seldom met and so not optimized.
    for (let at = entries.indexOf(originatorKey); at >= 0; at = entries.indexOf(originatorKey, at + 1)) {
      if (at % FIELDS !== 0) continue;
      const ports = entries[at + PORTS];
      see(entries[at + RESPONDER], ports >>> 16, ports & 0xffff, entries[at + SECONDS] >>> 0);
    }
  }

  /** The SYN of this connection if it is still remembered. @param hash under which it was */
  recall({ hash: own, originator, responder }: ConnectionEnds, hash = own): RememberedSyn | undefined {
    const place = hash & this.#mask;
    if (this.#tags[place] !== tagOf(hash)) return undefined;
    const entries = this.#entries;
    const at = place * FIELDS;
    if (entries[at] !== originator.key || entries[at + RESPONDER] !== responder.key) return undefined;
    if (entries[at + PORTS] !== ((originator.port << 16) | responder.port)) return undefined;
    return {
      sequence: entries[at + SEQUENCE] >>> 0,
      packet: packetReference(entries[at + CAPTURE], entries[at + PACKET] >>> 0),
      seconds: entries[at + SECONDS] >>> 0,
      nanoseconds: entries[at + NANOSECONDS],
    };
  }
}

/** What is remembered of a SYN: its sequence number, its packet reference, and when it came. */
export interface RememberedSyn {
  readonly sequence: number;
  readonly packet: number;
  readonly seconds: number;
  readonly nanoseconds: number;
}
