import type { Instant } from "../instant.ts";
import { ETHERTYPE_PLACES } from "./ethertype-place.ts";
import {
  ACTIVE_WORDS,
  BIG_ENDIAN,
  BUCKET_COUNT,
  BUCKETS,
  CAPTURE_INDEX,
  COPY_ENTRIES,
  COPY_SIGNATURES,
  COPY_TIMES,
  DIALOGUE_BLOCK_BYTES,
  DIALOGUE_BLOCKS,
  DIALOGUES,
  FIRST_PAIRS,
  FIRST_TIME,
  FLOOD_SYNS,
  FORMAT,
  HEADER_LENGTH,
  INTERFACE_WORDS,
  INTERFACES,
  LAST_TIME,
  LENT,
  LENT_BYTES,
  LINK,
  MAX_INTERFACES,
  MAX_LENGTH,
  MAX_LENT,
  MAX_NEGOTIATIONS,
  MAX_ROOMS,
  MAX_SYNS,
  NANOSECONDS_PER_TICK,
  ORIGINATOR_RATE,
  OTHER_TCP_PACKETS,
  PACKET_NUMBER,
  PAGES,
  PASSIVE_CODES,
  PCAP,
  PCAPNG,
  PORTS,
  RATE_COUNTERS,
  RESPONDER_RATE,
  ROOM_BYTES,
  ROOMS,
  SECOND_PAIRS,
  SESSION_ENDS,
  SHARED,
  SHARED_WORDS,
  SKIPPED,
  STATE_BYTES,
  SYN_BYTES,
  SYN_TAGS,
  SYNS,
  TICK_NANOSECONDS,
  TICK_SECONDS,
  TICKS_PER_SECOND,
  TIME,
  TOUCHED,
  TUNNEL_PORTS,
  UNTIL,
} from "./layout.ts";
import { PREFILTER_MODULE } from "./prefilter-module.ts";

/**
 * Nearly every packet of a capture leaves nothing behind, as a segment of a connection that nobody follows or a SYN of a scan, or only changes sums,
 * as bulk data does, or is a line that can wait to be understood. The prefilter steps over runs of them before any of our objects is filled, in WebAssembly (`assembly/prefilter.ts`): V8 reads a
 * header byte by byte and takes three times as long (docs/decisions/0007-prefilter-in-webassembly.md). It repeats what `capture/`, `decode/` and `tcp/` do
 * with such a packet; what it does not know it leaves to them. Where there is no WebAssembly they get all packets.
 */

const PAGE_BYTES = 65_536;

/** What this program uses of https://webassembly.github.io/spec/js-api/; undefined where it is switched off. */
declare const WebAssembly:
  | {
      Module: new (bytes: Uint8Array) => object;
      Instance: new (module: object) => { readonly exports: unknown };
    }
  | undefined;

interface PrefilterModule {
  readonly memory: { readonly buffer: ArrayBuffer };
  skip(state: number, at: number, limit: number, packetNumber: number): number;
}

/** The tables by which it is told whether anybody follows a packet. They belong to `tcp/` and only lie in the memory of the prefilter. */
export interface PrefilterTables {
  /** By port ({@link asLoaded}): `SOME` where a followed connection uses it, `ALL` where whatever comes is looked at. */
  readonly ports: Uint8Array;
  /** By port ({@link asLoaded}): not 0 where UDP to it may be a tunnel. */
  readonly tunnelPorts: Uint8Array;
  /** By two bytes, the first one the lower: a payload of which the first and the second two have a bit in common is looked at. */
  readonly firstPairs: Uint8Array;
  readonly secondPairs: Uint8Array;
  /** By connection hash, modulo their number: not 0 where a followed connection may have it. */
  readonly buckets: Uint16Array;
  /** A bit for each host hash, the lowest of a byte first: 1 where an end of a session has it. */
  readonly sessionEnds: Uint8Array;
  readonly syns: SynTables;
  readonly copies: CopyTables;
  /** Null where nobody would count what is lent. */
  readonly lent: LentTables | null;
  /** Null where nobody would add to them. */
  readonly dialogues: DialogueTables | null;
  /** The words of SHARED in `layout.ts`. */
  readonly shared: Uint32Array;
}

/** The tables of a memory of SYNs (`tcp/syn-memory.ts`). */
export interface SynTables {
  /** Eight integers for each. */
  readonly entries: Int32Array;
  /** A byte for each, of its hash. */
  readonly tags: Uint8Array;
  readonly originatorRate: Uint16Array;
  readonly responderRate: Uint16Array;
  /** The words of SHARED up to and with FLOOD_SYNS. */
  readonly rates: Uint32Array;
}

/** The tables of `tcp/copy-memory.ts`. */
export interface CopyTables {
  /** Two integers for each. */
  readonly signatures: Int32Array;
  readonly times: Float64Array;
}

/** The tables of `tcp/lent-connections.ts`. */
export interface LentTables {
  /** The records of LENT in `layout.ts`, as words, as doubles and as bytes. */
  readonly words: Uint32Array;
  readonly doubles: Float64Array;
  readonly bytes: Uint8Array;
  readonly touched: Uint16Array;
}

/** The tables of `ftp/deferred-dialogue.ts`. */
export interface DialogueTables {
  /** The blocks of DIALOGUES in `layout.ts`. */
  readonly blocks: Uint8Array;
  /** Of the commands that negotiate a port their first four letters, of the replies that do their codes. */
  readonly activeWords: Int32Array;
  readonly passiveCodes: Int32Array;
}

/** A number of 16 bits as it is loaded from a packet, the first byte the lower one: by it the prefilter asks tables of ports. It is its own inverse. */
export function asLoaded(number: number): number {
  return ((number & 0xff) << 8) | (number >>> 8);
}

/** Tables for so many SYNs (a power of two) that no prefilter uses. */
export function plainSynTables(syns: number): SynTables {
  return {
    entries: new Int32Array((syns * SYN_BYTES) / 4),
    tags: new Uint8Array(syns),
    originatorRate: new Uint16Array(RATE_COUNTERS),
    responderRate: new Uint16Array(RATE_COUNTERS),
    rates: new Uint32Array(FLOOD_SYNS + 1),
  };
}

/** Seconds, or nanoseconds, later than all that are told in 32 bits. */
const NEVER = 0xffff_ffff;

/** The prefilter of one analysis. */
export class Prefilter {
  readonly tables: PrefilterTables;
  readonly #buffer: ArrayBuffer;
  readonly #module: PrefilterModule | null;
  /** Offsets of the rooms that no capture has. */
  readonly #rooms: number[];

  constructor() {
    this.#module = instantiate();
    const buffer = this.#module?.memory.buffer ?? new ArrayBuffer(PAGES * PAGE_BYTES);
    this.#buffer = buffer;
    this.#rooms = Array.from({ length: MAX_ROOMS }, (_, i) => ROOMS + (MAX_ROOMS - 1 - i) * (ROOM_BYTES + STATE_BYTES));
    const shared = new Uint32Array(buffer, SHARED, SHARED_WORDS);
    this.tables = {
      ports: new Uint8Array(buffer, PORTS, 65_536),
      tunnelPorts: new Uint8Array(buffer, TUNNEL_PORTS, 65_536),
      firstPairs: new Uint8Array(buffer, FIRST_PAIRS, 65_536),
      secondPairs: new Uint8Array(buffer, SECOND_PAIRS, 65_536),
      buckets: new Uint16Array(buffer, BUCKETS, BUCKET_COUNT),
      sessionEnds: new Uint8Array(buffer, SESSION_ENDS, 65_536 / 8),
      syns: {
        entries: new Int32Array(buffer, SYNS, (MAX_SYNS * SYN_BYTES) / 4),
        tags: new Uint8Array(buffer, SYN_TAGS, MAX_SYNS),
        originatorRate: new Uint16Array(buffer, ORIGINATOR_RATE, RATE_COUNTERS),
        responderRate: new Uint16Array(buffer, RESPONDER_RATE, RATE_COUNTERS),
        rates: shared.subarray(0, FLOOD_SYNS + 1),
      },
      copies: {
        signatures: new Int32Array(buffer, COPY_SIGNATURES, COPY_ENTRIES * 2),
        times: new Float64Array(buffer, COPY_TIMES, COPY_ENTRIES),
      },
      lent:
        this.#module === null
          ? null
          : {
              words: new Uint32Array(buffer, LENT, (MAX_LENT * LENT_BYTES) / 4),
              doubles: new Float64Array(buffer, LENT, (MAX_LENT * LENT_BYTES) / 8),
              bytes: new Uint8Array(buffer, LENT, MAX_LENT * LENT_BYTES),
              touched: new Uint16Array(buffer, TOUCHED, MAX_LENT),
            },
      dialogues:
        this.#module === null
          ? null
          : {
              blocks: new Uint8Array(buffer, DIALOGUES, DIALOGUE_BLOCKS * DIALOGUE_BLOCK_BYTES),
              activeWords: new Int32Array(buffer, SHARED + ACTIVE_WORDS * 4, MAX_NEGOTIATIONS),
              passiveCodes: new Int32Array(buffer, SHARED + PASSIVE_CODES * 4, MAX_NEGOTIATIONS),
            },
      shared,
    };
  }

  /** Packets behind this second, or from this nanosecond of any second on, are not stepped over. */
  setTick(seconds: number, nanoseconds: number): void {
    // Of times before 1970 the module knows nothing: then it steps over none.
    this.tables.shared[TICK_SECONDS] = Math.min(seconds, NEVER);
    this.tables.shared[TICK_NANOSECONDS] = seconds < 0 ? 0 : nanoseconds;
  }

  /** A prefilter for one capture. @param index of the capture in the report */
  forCapture(index: number): CapturePrefilter {
    return new CapturePrefilter(this.#module, this.#buffer, this.#rooms, index);
  }
}

/** Steps over the packets of one capture, while it has a room. */
export class CapturePrefilter {
  /** Chunks that lie here are not copied. Null before the capture has been opened, and where as many as there are rooms are open already. */
  room: Uint8Array | null = null;
  readonly #module: PrefilterModule | null;
  readonly #buffer: ArrayBuffer;
  readonly #rooms: number[];
  #stateAt = 0;
  /** The words of a capture in `layout.ts`. */
  #state = new Uint32Array(STATE_BYTES / 4);

  /** @param rooms offsets of those that no capture has */
  constructor(module: PrefilterModule | null, buffer: ArrayBuffer, rooms: number[], index: number) {
    this.#module = module;
    this.#buffer = buffer;
    this.#rooms = rooms;
    this.#state[CAPTURE_INDEX] = index;
    this.#state.fill(NEVER, FIRST_TIME, FIRST_TIME + 2);
  }

  /** Takes a room, if there is one. */
  open(): void {
    const roomAt = this.#rooms.pop();
    if (roomAt === undefined) return;
    this.room = new Uint8Array(this.#buffer, roomAt, ROOM_BYTES);
    this.#stateAt = roomAt + ROOM_BYTES;
    const state = new Uint32Array(this.#buffer, this.#stateAt, STATE_BYTES / 4);
    state.set(this.#state);
    this.#state = state;
  }

  /** Gives the room to another capture; what was counted stays known. */
  close(): void {
    if (this.room === null) return;
    this.#rooms.push(this.room.byteOffset);
    this.room = null;
    this.#state = this.#state.slice();
  }

  /** What follows are records of classic pcap. @param headerLength bytes of a record header */
  expectPcap(bigEndian: boolean, headerLength: number, maxLength: number): void {
    this.#expect(PCAP, bigEndian, maxLength);
    this.#state[HEADER_LENGTH] = headerLength;
  }

  /** What follows is a section of pcapng, whose interfaces are still to be described. */
  expectPcapng(bigEndian: boolean, maxLength: number): void {
    this.#expect(PCAPNG, bigEndian, maxLength);
  }

  #expect(format: number, bigEndian: boolean, maxLength: number): void {
    this.#state[FORMAT] = format;
    this.#state[BIG_ENDIAN] = Number(bigEndian);
    this.#state[MAX_LENGTH] = maxLength;
    this.#state.fill(0, INTERFACES, INTERFACES + MAX_INTERFACES * INTERFACE_WORDS);
  }

  /**
   * An interface of plain packets: no frame check sequence, times since 1970.
   * @param id in its section; 0 for classic pcap
   * @param ticksPerSecond units of its times, a power of ten up to 10⁹
   */
  addInterface(id: number, linkType: number, ticksPerSecond: number): void {
    const place = ETHERTYPE_PLACES.find((known) => known.linkType === linkType);
    if (place === undefined || id >= MAX_INTERFACES) return;
    const at = INTERFACES + id * INTERFACE_WORDS;
    this.#state[at + LINK] = place.ipAt | (place.typeAt << 8) | (place.arphrdAt << 16);
    this.#state[at + TICKS_PER_SECOND] = ticksPerSecond;
    this.#state[at + NANOSECONDS_PER_TICK] = 1e9 / ticksPerSecond;
  }

  /** Packets from this time on are not stepped over; null: all may be. */
  setUntil(until: Instant | null): void {
    const { seconds, nanoseconds } = until ?? { seconds: NEVER, nanoseconds: NEVER };
    this.#state[UNTIL] = seconds < 0 ? 0 : nanoseconds;
    this.#state[UNTIL + 1] = Math.max(0, Math.min(seconds, NEVER));
  }

  /**
   * Steps over the records at the beginning of a window that leave nothing behind but what they are counted for.
   * @param memoryAt where in the room's memory the window begins, at a record
   * @param length bytes of the window
   * @param packetNumber of the packet before
   * @returns how many bytes these records have
   */
  skip(memoryAt: number, length: number, packetNumber: number): number {
    return this.#module === null ? 0 : this.#module.skip(this.#stateAt, memoryAt, memoryAt + length, packetNumber);
  }

  /** Of the packet stepped over last. */
  get packetNumber(): number {
    return this.#state[PACKET_NUMBER];
  }

  get seconds(): number {
    return this.#state[TIME + 1];
  }

  get nanoseconds(): number {
    return this.#state[TIME];
  }

  /** How many packets were stepped over. */
  get skipped(): number {
    return this.#state[SKIPPED];
  }

  /** The earliest time of a packet stepped over; meaningless where none was. */
  get first(): Instant {
    return { seconds: this.#state[FIRST_TIME + 1], nanoseconds: this.#state[FIRST_TIME] };
  }

  /** The latest. */
  get last(): Instant {
    return { seconds: this.#state[LAST_TIME + 1], nanoseconds: this.#state[LAST_TIME] };
  }

  /** How many of them were TCP that nobody follows. */
  get otherTcpPackets(): number {
    return this.#state[OTHER_TCP_PACKETS];
  }
}

/** The module, compiled once for all analyses of a process; null where there is no memory to be had for it. */
let compiled: object | null | undefined;

function instantiate(): PrefilterModule | null {
  if (typeof WebAssembly === "undefined" || compiled === null) return null;
  try {
    compiled ??= new WebAssembly.Module(Uint8Array.from(atob(PREFILTER_MODULE), (byte) => byte.charCodeAt(0)));
    return new WebAssembly.Instance(compiled).exports as PrefilterModule;
  } catch {
    // Without address space for a guarded memory, as under `ulimit -v`, there is none. All works as well, only slower. To try again costs V8 a full collection.
    compiled = null;
    return null;
  }
}
