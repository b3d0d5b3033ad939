const EMPTY: Uint8Array = new Uint8Array(0);

/**
 * Chunks in, records out in place. The window `bytes[at … limit)` is either the pushed chunk itself (or its next piece, copied to the room
 * where chunks are wanted), or the carry: a small buffer of our own in which a record that straddles chunks is put together.
 *
 * ```
 * chunk 1  [rec][rec][re          the tail "re" is copied into the carry when more() finds it too short
 * carry              [re c]       more(n) appends just the bytes that are missing
 * chunk 2              c][rec]…   and the window moves on to the chunk, behind them
 * ```
 *
 * The hot loops read `bytes`, `at` and `limit` and advance `at`; everything else happens once a chunk.
 */
export class ByteFeed {
  bytes: Uint8Array;
  /** Over the same bytes as `bytes`: reading numbers through it costs a quarter less than shifting bytes. */
  view: DataView;
  at = 0;
  limit = 0;
  /** Where in the memory of the room `bytes` begins; negative where it does not lie there. */
  memoryAt = -1;

  #carry = new Uint8Array(1024);
  #carryView = viewOf(this.#carry);
  #inCarry = true;
  #chunk = EMPTY;
  /** First byte of the chunk that is not in the window yet. */
  #chunkAt = 0;
  /** Stream offset of the chunk's first byte: a double, so captures above 4 GiB are no special case. */
  #chunkOffset = 0;
  #stopped = false;
  /** What of a chunk that is taken in pieces has not been taken yet, and where its pieces go. */
  #rest: Uint8Array = EMPTY;
  #room: Uint8Array | null = null;

  constructor() {
    this.bytes = this.#carry;
    this.view = this.#carryView;
  }

  /** Bytes pushed so far. */
  get received(): number {
    return this.#chunkOffset + this.#chunk.length + this.#rest.length;
  }

  /** Offset in the stream of the byte at `at`. */
  get offset(): number {
    return this.#inCarry ? this.#chunkOffset + this.#chunkAt - (this.limit - this.at) : this.#chunkOffset + this.at;
  }

  /**
   * Takes the next chunk. It is borrowed: it must stay as it is until {@link more} or {@link skip} has said that all of it
   * is used up, and may be overwritten afterwards.
   * @param room the window's place: a chunk that lies elsewhere is copied there piece by piece. Null: it may lie anywhere
   * @throws Error when the chunk before has not been used up (a bug of the caller: its bytes may be overwritten already)
   */
  push(chunk: Uint8Array, room: Uint8Array | null = null): void {
    if (!this.#stopped && (!this.#inCarry || this.#chunkAt < this.#chunk.length || this.#rest.length > 0)) {
      throw new Error("push() before next() has returned false: the last chunk is not used up");
    }
    this.#forget();
    if (this.#stopped) {
      this.#chunkOffset += chunk.length;
      return;
    }
    this.#room = room;
    if (room === null || chunk.buffer === room.buffer) this.#take(chunk);
    else {
      this.#rest = chunk;
      this.#takePiece();
    }
  }

  /** Lets go of the last chunk, which counts as received. */
  #forget(): void {
    this.#chunkOffset = this.received;
    this.#chunk = EMPTY;
    this.#rest = EMPTY;
    this.#chunkAt = 0;
  }

  /** The next piece of a chunk that is taken in pieces; false when there is none. */
  #takePiece(): boolean {
    const rest = this.#rest;
    const room = this.#room;
    if (rest.length === 0 || room === null) return false;
    const length = Math.min(rest.length, room.length);
    room.set(length === rest.length ? rest : rest.subarray(0, length));
    this.#chunkOffset += this.#chunk.length;
    this.#rest = rest.subarray(length);
    this.#take(length === room.length ? room : room.subarray(0, length));
    return true;
  }

  #take(chunk: Uint8Array): void {
    // Never a Buffer: the hot loops are compiled for one class of bytes, and the carry is a Uint8Array.
    this.#chunk =
      chunk.constructor === Uint8Array ? chunk : new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.#chunkAt = 0;
    if (this.at === this.limit) this.#enterChunk();
  }

  /**
   * Makes at least `needed` bytes contiguous from `at` on; true when they are there. May replace `bytes`, `at` and `limit`
   * whatever it returns. False: push more. The carry grows with the bytes that came, never with what a header promises.
   */
  more(needed: number): boolean {
    while (!this.#reach(needed)) if (!this.#takePiece()) return false;
    return true;
  }

  #reach(needed: number): boolean {
    if (this.#stopped) return false;
    if (this.#inCarry && this.at === this.limit) this.#enterChunk();
    const have = this.limit - this.at;
    if (have >= needed) return true;
    if (!this.#inCarry) {
      this.#leaveChunk();
      return false;
    }
    const taken = Math.min(needed - have, this.#chunk.length - this.#chunkAt);
    this.#reserve(have + taken);
    this.#carry.set(this.#chunk.subarray(this.#chunkAt, this.#chunkAt + taken), this.limit);
    this.limit += taken;
    this.#chunkAt += taken;
    return have + taken >= needed;
  }

  /** Drops up to `count` bytes and returns how many are still to be dropped: push more, and call again. */
  skip(count: number): number {
    let left = this.#drop(count);
    while (left > 0 && this.#takePiece()) left = this.#drop(left);
    return left;
  }

  #drop(count: number): number {
    let left = count - this.#advance(count);
    if (left > 0 && this.#inCarry && !this.#stopped) {
      this.#enterChunk();
      left -= this.#advance(left);
    }
    if (left > 0 && !this.#inCarry) this.#leaveChunk();
    return left;
  }

  /** Bytes that arrived and were neither consumed nor skipped. */
  get pending(): number {
    return this.limit - this.at + (this.#inCarry ? this.#chunk.length - this.#chunkAt : 0) + this.#rest.length;
  }

  /** Reads no further: what is left and what is still pushed only counts as received. */
  stop(): void {
    this.#stopped = true;
    this.#inCarry = true;
    this.bytes = this.#carry;
    this.view = this.#carryView;
    this.memoryAt = -1;
    this.at = 0;
    this.limit = 0;
    this.#forget();
  }

  #advance(count: number): number {
    const step = Math.min(count, this.limit - this.at);
    this.at += step;
    return step;
  }

  #enterChunk(): void {
    this.#inCarry = false;
    this.bytes = this.#chunk;
    this.view = viewOf(this.#chunk);
    this.memoryAt = this.#room === null ? -1 : this.#chunk.byteOffset;
    this.at = this.#chunkAt;
    this.limit = this.#chunk.length;
    this.#chunkAt = this.#chunk.length;
  }

  #leaveChunk(): void {
    const tail = this.bytes.subarray(this.at, this.limit);
    this.#inCarry = true;
    this.at = 0;
    this.limit = 0;
    this.#reserve(tail.length);
    this.#carry.set(tail);
    this.bytes = this.#carry;
    this.view = this.#carryView;
    this.memoryAt = -1;
    this.limit = tail.length;
  }

  /** Room for `length` bytes from `at` on; doubling keeps byte-by-byte arrival linear. */
  #reserve(length: number): void {
    const kept = this.limit - this.at;
    if (length > this.#carry.length) {
      const grown = new Uint8Array(Math.max(length, this.#carry.length * 2));
      grown.set(this.#carry.subarray(this.at, this.limit));
      this.#carry = grown;
      this.#carryView = viewOf(grown);
      this.bytes = grown;
      this.view = this.#carryView;
    } else if (this.at > 0) {
      this.#carry.copyWithin(0, this.at, this.limit);
    }
    this.at = 0;
    this.limit = kept;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
