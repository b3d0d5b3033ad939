import { closeSync, createReadStream, fstatSync, openSync, readSync } from "node:fs";
import type { Readable } from "node:stream";
import { createGunzip, type Gunzip } from "node:zlib";
import { AnomalyLog } from "../anomaly.ts";
import { EXPANSION } from "../bounds.ts";
import { createCaptureReader } from "../capture/capture-reader.ts";
import { emptyFrame } from "../capture/frame.ts";
import type { Instant } from "../instant.ts";
import { ROOM_BYTES } from "../prefilter/layout.ts";
import { displayName, isStandardInput } from "../report/capture-name.ts";
import { youngCollector } from "./v8-settings.ts";

/** A capture cannot be opened: there is none, it is a directory, permission is denied. The message names it. */
export class CaptureOpenError extends Error {
  override readonly name = "CaptureOpenError";
  readonly path: string;

  constructor(path: string, problem: string) {
    super(`${displayName(path)}: ${problem}`);
    this.path = path;
  }
}

/** A capture as a row of chunks, decompressed. */
export interface OpenCapture {
  /** The path as given; `-` is standard input. */
  readonly name: string;
  /** Bytes on disk; null when that is not known (a pipe). */
  readonly size: number | null;
  /** gzip or zstd, told by its first bytes. */
  readonly compressed: boolean;
  /** Bytes taken from disk so far, out of `size`. */
  readonly position: number;
  /** Why the bytes ended before their time (damaged compression, an I/O error); null when they did not. */
  readonly problem: string | null;
  /**
   * The next bytes, never empty; null at the end and after a {@link problem}. A plain file answers at once, everything else by
   * a promise. The chunk may be overwritten by the next call.
   * @param room where a plain file may put it
   */
  read(room?: Uint8Array | null): Uint8Array | null | Promise<Uint8Array | null>;
  /** Gives the file back, also halfway. */
  close(): void;
}

/** What to use in place of the process's own. */
export interface OpenCaptureOptions {
  readonly stdin?: Readable & { readonly isTTY?: boolean };
  /** Loads the zstd decompressor; fails when it is not installed. */
  readonly loadZstd?: () => Promise<Zstd>;
}

/** Bytes read from a pipe at once: what a pipe holds. */
const PIPE_CHUNK_BYTES = 64 * 1024;

/** Compressed bytes read from disk at once; zlib takes each piece in a thread of its own, and 64 KiB would cost a fifth more CPU time. */
const COMPRESSED_CHUNK_BYTES = 256 * 1024;

/** Decompressed bytes that zlib hands out at once. */
const GUNZIP_CHUNK_BYTES = 256 * 1024;

/** So many decompressed bytes are left to the collector at once. With twice as many, V8 still collects its whole heap, which is no larger, 60 times in a gigabyte. */
const LEFT_BYTES = 4 * 2 ** 20;

/** Compressed bytes given to zlib at once where they are damaged, from one reading of the file to the next: few steps each time, not 64 Ki. */
const DAMAGE_STEP_BYTES = [256, 1];

/** Compressed bytes given to fzstd at once: it hands out whole blocks of 128 KiB, and a few bytes can stand for one. */
const ZSTD_STEP_BYTES = 4096;

/** ZstdErrorCode.UnexpectedEOF of fzstd. */
const ZSTD_UNEXPECTED_END = "5";

const MAGIC_BYTES = 4;

/**
 * Opens a capture for reading; `-` is standard input. gzip (of several members too) and zstd are found by their magic number,
 * never by the name. Whether the bytes are a capture at all is not looked at here.
 * @throws CaptureOpenError when it cannot be opened, or is zstd and the optional package fzstd is not installed
 */
export async function openCapture(path: string, options: OpenCaptureOptions = {}): Promise<OpenCapture> {
  const source = isStandardInput(path) ? openStandardInput(options.stdin ?? process.stdin) : openFile(path);
  try {
    const head = await source.peek();
    if (head[0] === 0x1f && head[1] === 0x8b) return new StreamedCapture(path, source, gunzip(source));
    if (head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd) {
      return new StreamedCapture(
        path,
        source,
        unzstd(source, await importZstd(path, options.loadZstd ?? (() => import("fzstd")))),
      );
    }
    return new PlainCapture(path, source);
  } catch (error) {
    source.close();
    throw error instanceof CaptureOpenError ? error : new CaptureOpenError(path, plainWords(error));
  }
}

/**
 * The time of a capture's first packet that has one; null when it has none or is standard input, which cannot be read twice.
 * Reads no further than that packet.
 * @throws CaptureOpenError as {@link openCapture}
 * @throws CaptureFormatError when the bytes are not a capture
 */
export async function firstInstant(path: string): Promise<Instant | null> {
  if (isStandardInput(path)) return null;
  const capture = await openCapture(path);
  try {
    const reader = createCaptureReader(path, 0, new AnomalyLog());
    const frame = emptyFrame();
    for (let chunk = await capture.read(); chunk !== null; chunk = await capture.read()) {
      reader.push(chunk);
      while (reader.next(frame)) {
        // Zero stands for no time; a capture that really begins in 1970 is found below.
        const { seconds, nanoseconds } = frame;
        if (seconds !== 0 || nanoseconds !== 0) return { seconds, nanoseconds };
      }
    }
    if (capture.problem !== null && reader.summary.format === null) throw new CaptureOpenError(path, capture.problem);
    reader.end();
    return reader.summary.first;
  } finally {
    capture.close();
  }
}

/** Bytes as they lie on disk. */
interface ByteSource {
  readonly size: number | null;
  readonly position: number;
  /** At least the first four bytes, without taking them; fewer only when there are no more. */
  peek(): Uint8Array | Promise<Uint8Array>;
  /** The next bytes. @param into where a file puts them, as many as there is room for */
  read(into: Uint8Array): Uint8Array | null | Promise<Uint8Array | null>;
  /** The same bytes from the beginning, as long as this is open; null when they are gone. */
  again(): ByteSource | null;
  close(): void;
}

function openFile(path: string): ByteSource {
  let descriptor: number;
  try {
    descriptor = openSync(path, "r");
  } catch (error) {
    throw new CaptureOpenError(path, plainWords(error));
  }
  const status = fstatSync(descriptor);
  if (status.isDirectory()) {
    closeSync(descriptor);
    throw new CaptureOpenError(path, "is a directory, not a capture");
  }
  // A readSync on a named pipe would block the whole process, signals and all.
  return status.isFile() || status.isBlockDevice()
    ? new FileSource(descriptor, status.isFile() ? status.size : null)
    : new StreamSource(createReadStream(path, { fd: descriptor, highWaterMark: PIPE_CHUNK_BYTES }));
}

function openStandardInput(stdin: Readable & { readonly isTTY?: boolean }): ByteSource {
  if (stdin.isTTY) throw new CaptureOpenError("-", "is a terminal; send a capture into it");
  return new StreamSource(stdin);
}

class FileSource implements ByteSource {
  readonly size: number | null;
  position = 0;
  readonly #descriptor: number;
  #open = true;

  constructor(descriptor: number, size: number | null) {
    this.#descriptor = descriptor;
    this.size = size;
  }

  peek(): Uint8Array {
    const head = new Uint8Array(MAGIC_BYTES);
    return head.subarray(0, readSync(this.#descriptor, head, 0, MAGIC_BYTES, 0));
  }

  read(into: Uint8Array): Uint8Array | null {
    const count = readSync(this.#descriptor, into, 0, into.length, this.position);
    this.position += count;
    if (count === 0) return null;
    return count === into.length ? into : into.subarray(0, count);
  }

  again(): ByteSource {
    return new FileSource(this.#descriptor, this.size);
  }

  close(): void {
    if (this.#open) closeSync(this.#descriptor);
    this.#open = false;
  }
}

class StreamSource implements ByteSource {
  readonly size = null;
  position = 0;
  readonly #stream: Readable;
  readonly #chunks: AsyncIterator<Uint8Array>;
  #head: Uint8Array | null = null;

  constructor(stream: Readable) {
    this.#stream = stream;
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  async peek(): Promise<Uint8Array> {
    let head: Uint8Array = new Uint8Array(0);
    while (head.length < MAGIC_BYTES) {
      const { done, value } = await this.#chunks.next();
      if (done) break;
      head = head.length === 0 ? value : Buffer.concat([head, value]);
    }
    this.#head = head;
    return head;
  }

  async read(): Promise<Uint8Array | null> {
    let chunk = this.#head;
    this.#head = null;
    while (chunk === null || chunk.length === 0) {
      const { done, value } = await this.#chunks.next();
      if (done) return null;
      chunk = value;
    }
    this.position += chunk.length;
    return chunk;
  }

  again(): null {
    return null;
  }

  close(): void {
    this.#stream.destroy();
  }
}

class PlainCapture implements OpenCapture {
  readonly name: string;
  readonly compressed = false;
  problem: string | null = null;
  readonly #source: ByteSource;
  /** For callers without a place of their own. */
  #buffer: Uint8Array | null = null;

  constructor(name: string, source: ByteSource) {
    this.name = name;
    this.#source = source;
  }

  get size(): number | null {
    return this.#source.size;
  }

  get position(): number {
    return this.#source.position;
  }

  read(room?: Uint8Array | null): Uint8Array | null | Promise<Uint8Array | null> {
    if (this.problem !== null) return null;
    try {
      const chunk = this.#source.read(room ?? this.#ownRoom());
      return chunk instanceof Promise ? chunk.catch((error) => this.#fail(error)) : chunk;
    } catch (error) {
      return this.#fail(error);
    }
  }

  close(): void {
    this.#source.close();
  }

  #ownRoom(): Uint8Array {
    this.#buffer ??= Buffer.allocUnsafeSlow(ROOM_BYTES);
    return this.#buffer;
  }

  #fail(error: unknown): null {
    this.problem = `reading failed at byte ${this.position}: ${plainWords(error)}`;
    return null;
  }
}

class StreamedCapture implements OpenCapture {
  readonly name: string;
  readonly compressed = true;
  problem: string | null = null;
  readonly #source: ByteSource;
  readonly #chunks: AsyncGenerator<Uint8Array, string | null>;
  /** Decompressed bytes so far, and since they were collected last. */
  #expanded = 0;
  #left = 0;
  #collect: (() => void) | null = null;

  constructor(name: string, source: ByteSource, chunks: AsyncGenerator<Uint8Array, string | null>) {
    this.name = name;
    this.#source = source;
    this.#chunks = chunks;
  }

  get size(): number | null {
    return this.#source.size;
  }

  get position(): number {
    return this.#source.position;
  }

  async read(): Promise<Uint8Array | null> {
    if (this.problem !== null) return null;
    const { done, value } = await this.#chunks.next();
    if (!done) {
      this.#expanded += value.length;
      this.#left += value.length;
      if (this.#left >= LEFT_BYTES) this.#collectLeft();
      if (this.#expanded <= EXPANSION.bytes || this.#expanded <= EXPANSION.times * this.position) return value;
      this.problem = `it expands to more than ${EXPANSION.times} times its size, as no capture does`;
      return null;
    }
    this.problem = value ?? null;
    return null;
  }

  #collectLeft(): void {
    this.#left = 0;
    this.#collect ??= youngCollector();
    this.#collect();
  }

  close(): void {
    // Ends the generator where it stands, and with it the decompressor.
    void this.#chunks.return(null);
    this.#source.close();
  }
}

/** Compressed chunks. @param areHeld by the decompressor: then each has memory of its own, else the next one overwrites it */
async function* compressedChunks(source: ByteSource, areHeld: boolean): AsyncGenerator<Uint8Array> {
  let memory = Buffer.allocUnsafeSlow(COMPRESSED_CHUNK_BYTES);
  for (;;) {
    const chunk = await source.read(memory);
    if (chunk === null) return;
    yield chunk;
    if (areHeld) memory = Buffer.allocUnsafeSlow(COMPRESSED_CHUNK_BYTES);
  }
}

/** Decompressed chunks; returns what was wrong, or null. */
async function* gunzip(source: ByteSource): AsyncGenerator<Uint8Array, string | null> {
  const stream = createGunzip({ chunkSize: GUNZIP_CHUNK_BYTES });
  let delivered = 0;
  try {
    for await (const chunk of pumpThrough(stream, compressedChunks(source, false))) {
      delivered += chunk.length;
      yield chunk;
    }
    return null;
  } catch (error) {
    if (error instanceof AfterLastMember) return error.message;
    const code = codeOf(error);
    if (code === "Z_BUF_ERROR") return `the gzip data ends early, after ${source.position} bytes`;
    if (!code.startsWith("Z_")) return `reading failed at byte ${source.position}: ${plainWords(error)}`;
    const reason = plainWords(error);
    let soundBytes = stream.bytesWritten;
    for (const step of DAMAGE_STEP_BYTES) {
      const again = source.again();
      if (again === null) return `damaged gzip data behind byte ${soundBytes}: ${reason}`;
      const more = gunzipUpToDamage(again, soundBytes, step, delivered);
      let next = await more.next();
      for (; !next.done; next = await more.next()) {
        delivered += next.value.length;
        yield next.value;
      }
      soundBytes = next.value;
    }
    return `damaged gzip data at byte ${soundBytes}: ${reason}`;
  } finally {
    stream.destroy();
  }
}

/** Something other than padding follows the gzip data. */
class AfterLastMember extends Error {}

/**
 * zlib throws away the output of the call in which it meets the damage: all of a small capture. So the file is read once more,
 * and around the damage in smaller steps.
 * @param soundBytes compressed bytes known to be sound
 * @param stepBytes how many are given to zlib at once behind them
 * @param delivered decompressed bytes that are not to be delivered again
 * @returns the offset in the file of the step in which the damage shows
 */
async function* gunzipUpToDamage(
  source: ByteSource,
  soundBytes: number,
  stepBytes: number,
  delivered: number,
): AsyncGenerator<Uint8Array, number> {
  const stream = createGunzip({ chunkSize: GUNZIP_CHUNK_BYTES });
  let damagedAt = 0;
  async function* steps(): AsyncGenerator<Uint8Array> {
    let at = 0;
    for await (const chunk of compressedChunks(source, true)) {
      const sound = Math.min(Math.max(soundBytes - at, 0), chunk.length);
      if (sound > 0) yield chunk.subarray(0, sound);
      for (let step = sound; step < chunk.length; step += stepBytes) {
        damagedAt = at + step;
        yield chunk.subarray(step, step + stepBytes);
      }
      at += chunk.length;
    }
  }
  let toDrop = delivered;
  try {
    for await (const chunk of pumpThrough(stream, steps())) {
      const dropped = Math.min(toDrop, chunk.length);
      toDrop -= dropped;
      if (dropped < chunk.length) yield chunk.subarray(dropped);
    }
  } catch {
    // The damage itself, which the first pass has reported.
  } finally {
    stream.destroy();
  }
  return damagedAt;
}

/**
 * What comes out of `stream` when `chunks` go in, one after the other. The stream's own iterator would do, but it drops what is
 * buffered when an error comes. Zeros after the data are the padding of tapes and disks, which gzip(1) passes over too.
 * @throws AfterLastMember when something else follows the padding
 */
async function* pumpThrough(stream: Gunzip, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const output: Uint8Array[] = [];
  let failure: Error | null = null;
  let ended = false;
  let wake: () => void = () => {};
  stream.on("data", (chunk: Uint8Array) => output.push(chunk));
  stream.on("error", (error) => {
    failure = error;
    wake();
  });
  // At padding zlib ends before its input does, and never calls back for the write.
  stream.on("end", () => {
    ended = true;
    wake();
  });
  const run = (start: (done: () => void) => void): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
      start(resolve);
    });
  let given = 0;
  for await (const chunk of chunks) {
    if (!ended) await run((done) => stream.write(chunk, () => done()));
    yield* output.splice(0);
    if (failure) throw failure;
    if (ended) {
      const padding = chunk.subarray(Math.max(stream.bytesWritten - given, 0));
      const other = padding.findIndex((byte) => byte !== 0);
      const at = given + chunk.length - padding.length + other;
      if (other >= 0) throw new AfterLastMember(`after the padding of the gzip data, byte ${at} begins something else`);
    }
    given += chunk.length;
  }
  if (!ended) await run((done) => stream.once("end", done).end());
  yield* output.splice(0);
  if (failure) throw failure;
}

type Zstd = Pick<typeof import("fzstd"), "Decompress">;

async function importZstd(path: string, load: () => Promise<Zstd>): Promise<Zstd> {
  try {
    return await load();
  } catch {
    throw new CaptureOpenError(
      path,
      "is compressed with zstd; install the package fzstd beside ftptrace, or decompress it first (`zstd -d`)",
    );
  }
}

/** Decompressed chunks; returns what was wrong, or null. */
async function* unzstd(source: ByteSource, zstd: Zstd): AsyncGenerator<Uint8Array, string | null> {
  const blocks: Uint8Array[] = [];
  const decoder = new zstd.Decompress((block) => {
    if (block.length > 0) blocks.push(block);
  });
  let problem: string | null = null;
  try {
    for await (const chunk of compressedChunks(source, true)) {
      for (let at = 0; at < chunk.length; at += ZSTD_STEP_BYTES) {
        decoder.push(chunk.subarray(at, at + ZSTD_STEP_BYTES));
        yield* blocks.splice(0);
      }
    }
    decoder.push(new Uint8Array(0), true);
  } catch (error) {
    problem =
      codeOf(error) === ZSTD_UNEXPECTED_END
        ? `the zstd data ends early, after ${source.position} bytes`
        : `damaged zstd data before byte ${source.position}: ${plainWords(error)}`;
  }
  yield* blocks.splice(0);
  return problem;
}

/** The code of a system, zlib or fzstd error; empty without one. */
function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

function plainWords(error: unknown): string {
  switch (codeOf(error)) {
    case "ENOENT":
      return "no such file";
    case "EACCES":
    case "EPERM":
      return "permission denied";
    case "EISDIR":
      return "is a directory, not a capture";
    case "EMFILE":
    case "ENFILE":
      return "too many open files";
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
