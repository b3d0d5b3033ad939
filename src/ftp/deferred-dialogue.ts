import type { ControlStream, Direction, Stamp } from "../tcp/stream-sink.ts";
import { ACTIVE_VERBS, passiveVerbOf } from "./negotiation.ts";

/**
 * What both ends say before a session negotiates anything means nothing to other connections, and need not be understood before the session
 * settles or negotiates. Until then it waits here as bytes, a twelfth of what its commands and replies would take, and out of the collector's sight:
 * thousands of sessions are open at once, and most of what they have said they keep until they end.
 *
 * Blocks of one size, in pieces that are never given back; a block is a link and a length, then records, each aligned to eight bytes:
 *
 *     0  next block (32) · bytes used (32)
 *     8  time (double) · packet (double) · acknowledged (32) · length (16) · direction (8) · TTL (8) · text …
 */

const BLOCK_BYTES = 512;
const BLOCK_HEADER = 8;
const RECORD_HEADER = 24;
const BLOCKS_IN_PIECE = 2048;
/** Longest text of a segment that is kept. */
const MAX_TEXT = BLOCK_BYTES - BLOCK_HEADER - RECORD_HEADER;
/** Blocks at once (64 MiB); what is beyond is read at once. */
const MAX_BLOCKS = 131_072;
/**
 * Lines of one session: fewer than a reply may have, so that no limit on replies (`BOUNDS.replyLines`) can bite later than it would have. A session
 * that says more will go on for a while, and is read as it comes.
 */
export const MAX_DEFERRED_LINES = 60;
const NO_BLOCK = -1;

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
  readonly bytes = new Uint8Array(BLOCK_BYTES * BLOCKS_IN_PIECE);
  readonly integers = new Int32Array(this.bytes.buffer);
  readonly doubles = new Float64Array(this.bytes.buffer);
}

/** The blocks of all sessions of an analysis. */
export class DialogueMemory {
  readonly #pieces: Piece[] = [];
  /** Blocks that were given back, linked. */
  #free = NO_BLOCK;
  #made = 0;

  /** The piece that holds a block. */
  pieceOf(block: number): Piece {
    return this.#pieces[(block / BLOCKS_IN_PIECE) | 0];
  }

  /** @returns an empty block; {@link NO_BLOCK} when there are as many as there may be */
  take(): number {
    let block = this.#free;
    if (block === NO_BLOCK) {
      if (this.#made === MAX_BLOCKS) return NO_BLOCK;
      block = this.#made++;
      if (block % BLOCKS_IN_PIECE === 0) this.#pieces.push(new Piece());
    } else this.#free = this.pieceOf(block).integers[startOf(block) >> 2];
    const { integers } = this.pieceOf(block);
    const at = startOf(block) >> 2;
    integers[at] = NO_BLOCK;
    integers[at + 1] = BLOCK_HEADER;
    return block;
  }

  /** Gives back one block. */
  free(block: number): void {
    this.pieceOf(block).integers[startOf(block) >> 2] = this.#free;
    this.#free = block;
  }
}

/** Where in its piece a block begins. */
function startOf(block: number): number {
  return (block % BLOCKS_IN_PIECE) * BLOCK_BYTES;
}

/** What one session has said and nobody has read yet. */
export class DeferredDialogue {
  readonly #memory: DialogueMemory;
  #first = NO_BLOCK;
  #last = NO_BLOCK;
  #lines = 0;

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
    const lines = linesThatCanWait(direction === "client", bytes, from, to);
    if (lines === 0 || this.#lines + lines > MAX_DEFERRED_LINES) return false;
    const memory = this.#memory;
    const size = RECORD_HEADER + ((length + 7) & ~7);
    let block = this.#last;
    let used = block === NO_BLOCK ? BLOCK_BYTES : memory.pieceOf(block).integers[(startOf(block) >> 2) + 1];
    if (used + size > BLOCK_BYTES) {
      const next = memory.take();
      if (next === NO_BLOCK) return false;
      if (block === NO_BLOCK) this.#first = next;
      else memory.pieceOf(block).integers[startOf(block) >> 2] = next;
      this.#last = next;
      block = next;
      used = BLOCK_HEADER;
    }
    const piece = memory.pieceOf(block);
    const start = startOf(block);
    let at = start + used;
    piece.doubles[at >> 3] = stamp.time;
    piece.doubles[(at >> 3) + 1] = stamp.packet;
    piece.integers[(at >> 2) + 4] = acknowledged;
    piece.integers[(at >> 2) + 5] = length | (direction === "client" ? 1 << 16 : 0) | (stamp.ttl << 24);
    at += RECORD_HEADER;
    for (let i = from; i < to; i++) piece.bytes[at++] = bytes[i];
    piece.integers[(start >> 2) + 1] = used + size;
    this.#lines += lines;
    return true;
  }

  /** Hands out all that is kept, in the order in which it came, and forgets it. */
  read(stream: ControlStream): void {
    const memory = this.#memory;
    for (let block = this.#first; block !== NO_BLOCK; ) {
      const { bytes, integers, doubles } = memory.pieceOf(block);
      const start = startOf(block);
      const end = start + integers[(start >> 2) + 1];
      for (let at = start + BLOCK_HEADER; at < end; ) {
        const time = doubles[at >> 3];
        const packet = doubles[(at >> 3) + 1];
        const acknowledged = integers[(at >> 2) + 4];
        const rest = integers[(at >> 2) + 5];
        const length = rest & 0xffff;
        const direction = (rest & (1 << 16)) === 0 ? "server" : "client";
        const text = at + RECORD_HEADER;
        stream.data(direction, bytes, text, text + length, { packet, time, acknowledged, ttl: rest >>> 24 });
        at = text + ((length + 7) & ~7);
      }
      const next = integers[start >> 2];
      memory.free(block);
      block = next;
    }
    this.#first = NO_BLOCK;
    this.#last = NO_BLOCK;
    this.#lines = 0;
  }

  /** Nothing is kept. */
  get isEmpty(): boolean {
    return this.#first === NO_BLOCK;
  }
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
