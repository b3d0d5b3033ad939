import {
  DIALOGUE_BLOCK_BYTES as BLOCK_BYTES,
  BLOCK_HEADER,
  BLOCK_USED,
  MAX_DEFERRED_LINES,
  OF_CLIENT,
  RECORD_ACKNOWLEDGED,
  RECORD_HEADER,
  RECORD_LENGTH,
  RECORD_PACKET,
  RECORD_TIME,
} from "../prefilter/layout.ts";
import type { DialogueTables } from "../prefilter/prefilter.ts";
import type { AppendedReader, ControlStream, Direction, Stamp, UnreadWords } from "../tcp/stream-sink.ts";
import { ACTIVE_VERBS, PASSIVE_CODES, passiveVerbOf } from "./negotiation.ts";

/**
 * What both ends say before a session negotiates anything means nothing to other connections, and need not be understood before the session
 * settles or negotiates. Until then it waits here as bytes, a twelfth of what its commands and replies would take, and out of the collector's sight:
 * thousands of sessions are open at once, and most of what they have said they keep until they end.
 *
 * Blocks of one size, in pieces that are never given back; a block is a link, its use, and records, each aligned to eight bytes. The first pieces lie in
 * the memory of the prefilter, which adds records of its own (`carryOn` in `assembly/prefilter.ts`):
 *
 *     0  next block (32) · bytes used (16) · lines of the session so far (16)
 *     8  time (double) · packet (double) · acknowledged (32) · length (16) · direction (8) · TTL (8) · text …
 */

const BLOCKS_IN_PIECE = 2048;
const PIECE_BYTES = BLOCK_BYTES * BLOCKS_IN_PIECE;
/** Longest text of a segment that is kept. */
const MAX_TEXT = BLOCK_BYTES - BLOCK_HEADER - RECORD_HEADER;
/** Blocks at once (64 MiB); what is beyond is read at once. */
const MAX_BLOCKS = 131_072;
const NO_BLOCK = -1;
/** Of a block: the bits of its bytes used. */
const USED_MASK = 0xffff;
const LINES_SHIFT = 16;

const LF = 0x0a;
const CR = 0x0d;
const TAB = 0x09;
const SPACE = 0x20;
const TILDE = 0x7e;
const ZERO = 0x30;
/** The commands that negotiate by themselves, as four letters in capitals. */
const ACTIVE_WORDS = ACTIVE_VERBS.map(
  (verb) => (verb.charCodeAt(0) << 24) | (verb.charCodeAt(1) << 16) | (verb.charCodeAt(2) << 8) | verb.charCodeAt(3),
);
const CAPITALS = 0xdfdfdfdf | 0;

/** One megabyte of blocks. */
class Piece {
  readonly bytes: Uint8Array;
  readonly integers: Int32Array;
  readonly doubles: Float64Array;
  /** The prefilter can reach it. */
  readonly isShared: boolean;

  constructor(bytes: Uint8Array, isShared: boolean) {
    this.bytes = bytes;
    this.integers = new Int32Array(bytes.buffer, bytes.byteOffset, PIECE_BYTES / 4);
    this.doubles = new Float64Array(bytes.buffer, bytes.byteOffset, PIECE_BYTES / 8);
    this.isShared = isShared;
  }
}

/** The blocks of all sessions of an analysis. */
export class DialogueMemory {
  readonly #pieces: Piece[] = [];
  /** Blocks that were given back, linked. */
  #free = NO_BLOCK;
  #made = 0;

  /** @param tables those of the prefilter, which is told what it leaves to be read at once; null: there is none */
  constructor(tables: DialogueTables | null = null) {
    if (tables === null) return;
    tables.activeWords.set(ACTIVE_WORDS);
    tables.passiveCodes.set(PASSIVE_CODES);
    const { blocks } = tables;
    for (let at = 0; at < blocks.length; at += PIECE_BYTES)
      this.#pieces.push(new Piece(blocks.subarray(at, at + PIECE_BYTES), true));
  }

  /** The piece that holds a block. */
  pieceOf(block: number): Piece {
    return this.#pieces[(block / BLOCKS_IN_PIECE) | 0];
  }

  /** Where in the prefilter's memory the block lies; 0: elsewhere. */
  addressOf(block: number): number {
    const { bytes, isShared } = this.pieceOf(block);
    return isShared ? bytes.byteOffset + startOf(block) : 0;
  }

  /** @param lines of the session so far @returns an empty block; {@link NO_BLOCK} when there are as many as there may be */
  take(lines: number): number {
    let block = this.#free;
    if (block === NO_BLOCK) {
      if (this.#made === MAX_BLOCKS) return NO_BLOCK;
      block = this.#made++;
      if (block === this.#pieces.length * BLOCKS_IN_PIECE)
        this.#pieces.push(new Piece(new Uint8Array(PIECE_BYTES), false));
    } else this.#free = this.pieceOf(block).integers[startOf(block) >> 2];
    const { integers } = this.pieceOf(block);
    const at = startOf(block) >> 2;
    integers[at] = NO_BLOCK;
    integers[at + USE] = BLOCK_HEADER | (lines << LINES_SHIFT);
    return block;
  }

  /** Gives back one block. */
  free(block: number): void {
    this.pieceOf(block).integers[startOf(block) >> 2] = this.#free;
    this.#free = block;
  }
}

/** Of a block: which of its integers tells its use. */
const USE = BLOCK_USED >> 2;

/** Where in its piece a block begins. */
function startOf(block: number): number {
  return (block % BLOCKS_IN_PIECE) * BLOCK_BYTES;
}

/** What one session has said and nobody has read yet. */
export class DeferredDialogue implements UnreadWords {
  readonly #memory: DialogueMemory;
  #first = NO_BLOCK;
  #last = NO_BLOCK;
  /** How much of the last block is known not to be the prefilter's, or has been told. */
  #told = 0;

  constructor(memory: DialogueMemory) {
    this.#memory = memory;
  }

  /**
   * Keeps bytes `from` … `to` of a direction's stream, if they are whole lines of plain text of which none negotiates. Whoever gets false reads
   * what is kept, and everything from there on, at once.
   */
  keep(direction: Direction, bytes: Uint8Array, from: number, to: number, stamp: Stamp): boolean {
    const length = to - from;
    const { acknowledged } = stamp;
    if (length > MAX_TEXT || acknowledged !== (acknowledged | 0)) return false;
    const memory = this.#memory;
    let block = this.#last;
    // Where there is no block yet it is as if there were a full one without a line.
    const use = block === NO_BLOCK ? BLOCK_BYTES : memory.pieceOf(block).integers[(startOf(block) >> 2) + USE];
    const further = linesThatCanWait(direction === "client", bytes, from, to);
    const lines = (use >>> LINES_SHIFT) + further;
    if (further === 0 || lines > MAX_DEFERRED_LINES) return false;
    let used = use & USED_MASK;
    const size = RECORD_HEADER + ((length + 7) & ~7);
    if (used + size > BLOCK_BYTES) {
      const next = memory.take(lines);
      if (next === NO_BLOCK) return false;
      if (block === NO_BLOCK) this.#first = next;
      else memory.pieceOf(block).integers[startOf(block) >> 2] = next;
      this.#last = next;
      block = next;
      used = BLOCK_HEADER;
    }
    const piece = memory.pieceOf(block);
    const start = startOf(block);
    const at = start + used;
    piece.doubles[(at + RECORD_TIME) >> 3] = stamp.time;
    piece.doubles[(at + RECORD_PACKET) >> 3] = stamp.packet;
    piece.integers[(at + RECORD_ACKNOWLEDGED) >> 2] = acknowledged;
    piece.integers[(at + RECORD_LENGTH) >> 2] = length | (direction === "client" ? OF_CLIENT : 0) | (stamp.ttl << 24);
    let place = at + RECORD_HEADER;
    for (let i = from; i < to; i++) piece.bytes[place++] = bytes[i];
    this.#told = used + size;
    piece.integers[(start >> 2) + USE] = this.#told | (lines << LINES_SHIFT);
    return true;
  }

  get appendAt(): number {
    return this.#last === NO_BLOCK ? 0 : this.#memory.addressOf(this.#last);
  }

  tellAppended(reader: AppendedReader): void {
    if (this.#last === NO_BLOCK) return;
    const { bytes, integers } = this.#memory.pieceOf(this.#last);
    const start = startOf(this.#last);
    const used = integers[(start >> 2) + USE] & USED_MASK;
    for (let at = start + this.#told; at < start + used; ) {
      const rest = integers[(at + RECORD_LENGTH) >> 2];
      const text = at + RECORD_HEADER;
      reader.appended(directionOf(rest), bytes, text, text + lengthOf(rest));
      at = text + ((lengthOf(rest) + 7) & ~7);
    }
    this.#told = used;
  }

  /** Hands out all that is kept, in the order in which it came, and forgets it. */
  read(stream: ControlStream): void {
    const memory = this.#memory;
    for (let block = this.#first; block !== NO_BLOCK; ) {
      const { bytes, integers, doubles } = memory.pieceOf(block);
      const start = startOf(block);
      const end = start + (integers[(start >> 2) + USE] & USED_MASK);
      for (let at = start + BLOCK_HEADER; at < end; ) {
        const time = doubles[(at + RECORD_TIME) >> 3];
        const packet = doubles[(at + RECORD_PACKET) >> 3];
        const acknowledged = integers[(at + RECORD_ACKNOWLEDGED) >> 2];
        const rest = integers[(at + RECORD_LENGTH) >> 2];
        const length = lengthOf(rest);
        const text = at + RECORD_HEADER;
        stream.data(directionOf(rest), bytes, text, text + length, { packet, time, acknowledged, ttl: rest >>> 24 });
        at = text + ((length + 7) & ~7);
      }
      const next = integers[start >> 2];
      memory.free(block);
      block = next;
    }
    this.#first = NO_BLOCK;
    this.#last = NO_BLOCK;
  }

  /** Nothing is kept. */
  get isEmpty(): boolean {
    return this.#first === NO_BLOCK;
  }
}

/** The last integer of a record's header tells both. */
function lengthOf(rest: number): number {
  return rest & (OF_CLIENT - 1);
}

function directionOf(rest: number): Direction {
  return (rest & OF_CLIENT) === 0 ? "server" : "client";
}

/** @returns how many lines `from` … `to` are; 0 when they are not whole lines of plain ASCII text, or one of them has to be read at once */
function linesThatCanWait(ofClient: boolean, bytes: Uint8Array, from: number, to: number): number {
  let lines = 0;
  for (let at = from; at < to; at++) {
    if (ofClient ? !isCommandThatCanWait(bytes, at, to) : isGrant(bytes, at, to)) return 0;
    while (at < to && bytes[at] !== LF) {
      const byte = bytes[at];
      if (byte > TILDE || (byte < SPACE && byte !== CR && byte !== TAB)) return 0;
      at++;
    }
    if (at === to) return 0;
    lines++;
  }
  return lines;
}

/** It begins with a letter (what stands before a verb takes a closer look), and negotiates nothing by itself. */
function isCommandThatCanWait(bytes: Uint8Array, at: number, to: number): boolean {
  const capital = bytes[at] & 0xdf;
  if (capital < 0x41 || capital > 0x5a) return false;
  if (to - at < 4) return true;
  const verb = ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) & CAPITALS;
  return !ACTIVE_WORDS.includes(verb);
}

/** Whether it begins like a reply that names an endpoint: 227, 228 or 229. */
function isGrant(bytes: Uint8Array, at: number, to: number): boolean {
  if (to - at < 3) return false;
  const code = (bytes[at] - ZERO) * 100 + (bytes[at + 1] - ZERO) * 10 + bytes[at + 2] - ZERO;
  return passiveVerbOf(code) !== undefined;
}
