/** Captures byte by byte, also such as no program would write, and what the reader makes of them. */
import { type Anomaly, AnomalyLog } from "../../src/anomaly.ts";
import { CaptureFormatError } from "../../src/capture/capture-format-error.ts";
import { type CaptureReaderSummary, createCaptureReader } from "../../src/capture/capture-reader.ts";
import { emptyFrame } from "../../src/capture/frame.ts";

export type ByteOrder = "little" | "big";

export const BYTE_ORDERS: readonly ByteOrder[] = ["little", "big"];

/** Appends numbers in one byte order. */
export class ByteWriter {
  readonly #bytes: number[] = [];
  readonly #little: boolean;

  constructor(order: ByteOrder) {
    this.#little = order === "little";
  }

  uint8(...values: readonly number[]): this {
    this.#bytes.push(...values);
    return this;
  }

  uint16(...values: readonly number[]): this {
    for (const value of values) this.#append(BigInt(value), 2);
    return this;
  }

  uint32(...values: readonly number[]): this {
    for (const value of values) this.#append(BigInt(value), 4);
    return this;
  }

  uint64(value: bigint): this {
    this.#append(value, 8);
    return this;
  }

  bytes(bytes: Iterable<number>): this {
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }

  finish(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  #append(value: bigint, length: number): void {
    const digits = Array.from({ length }, (_, index) => Number((value >> BigInt(8 * index)) & 0xffn));
    this.#bytes.push(...(this.#little ? digits : digits.reverse()));
  }
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** `length` bytes that differ from packet to packet. */
export function payload(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 7 + seed * 31) & 0xff);
}

export interface PcapHeader {
  readonly order?: ByteOrder;
  readonly magic?: number;
  readonly major?: number;
  readonly minor?: number;
  /** Link type and FCS bits. */
  readonly network?: number;
  readonly trailer?: Uint8Array;
}

export function pcapHeader({
  order = "little",
  magic = 0xa1b2c3d4,
  major = 2,
  minor = 4,
  network = 1,
  trailer = new Uint8Array(0),
}: PcapHeader = {}): Uint8Array {
  return new ByteWriter(order).uint32(magic).uint16(major, minor).uint32(0, 0, 262144, network).bytes(trailer).finish();
}

export interface PcapRecord {
  readonly order?: ByteOrder;
  readonly seconds?: number;
  readonly fraction?: number;
  readonly data?: Uint8Array;
  readonly captured?: number;
  readonly original?: number;
  /** Behind the record header, before the data. */
  readonly extra?: Uint8Array;
}

export function pcapRecord({
  order = "little",
  seconds = 1700000000,
  fraction = 0,
  data = payload(60),
  captured = data.length,
  original = data.length,
  extra = new Uint8Array(0),
}: PcapRecord = {}): Uint8Array {
  return new ByteWriter(order).uint32(seconds, fraction, captured, original).bytes(extra).bytes(data).finish();
}

export interface Option {
  readonly code: number;
  readonly value: Uint8Array;
  /** When it is not the value's. */
  readonly length?: number;
}

/** Blocks of one pcapng section. */
export class PcapngWriter {
  readonly order: ByteOrder;

  constructor(order: ByteOrder = "little") {
    this.order = order;
  }

  write(): ByteWriter {
    return new ByteWriter(this.order);
  }

  /** Any block; `length` and `trailer` when they shall be wrong. */
  block(type: number, body: Uint8Array, { length = -1, trailer = -1 } = {}): Uint8Array {
    const padded = concat(body, new Uint8Array(-body.length & 3));
    const total = length >= 0 ? length : padded.length + 12;
    return this.write()
      .uint32(type, total)
      .bytes(padded)
      .uint32(trailer >= 0 ? trailer : total)
      .finish();
  }

  section({ major = 1, minor = 0, length = -1n, magic = 0x1a2b3c4d } = {}): Uint8Array {
    return this.block(0x0a0d0d0a, this.write().uint32(magic).uint16(major, minor).uint64(length).finish());
  }

  options(options: readonly Option[]): Uint8Array {
    if (options.length === 0) return new Uint8Array(0);
    const writer = this.write();
    for (const { code, value, length = value.length } of options) {
      writer
        .uint16(code, length)
        .bytes(value)
        .bytes(new Uint8Array(-value.length & 3));
    }
    return writer.uint16(0, 0).finish();
  }

  interface({ linkType = 1, snaplen = 0, options = [] as readonly Option[] } = {}): Uint8Array {
    return this.block(1, this.write().uint16(linkType, 0).uint32(snaplen).bytes(this.options(options)).finish());
  }

  packet({
    id = 0,
    time = 1700000000000000n,
    data = payload(60),
    captured = -1,
    original = -1,
    options = [] as readonly Option[],
  } = {}): Uint8Array {
    const lengths = [captured, original].map((length) => (length >= 0 ? length : data.length));
    return this.block(
      6,
      this.write()
        .uint32(id, Number(time >> 32n), Number(time & 0xffffffffn), ...lengths)
        .bytes(data)
        .bytes(new Uint8Array(-data.length & 3))
        .bytes(this.options(options))
        .finish(),
    );
  }

  /** The obsolete block of type 2. */
  oldPacket({ id = 0, time = 1700000000000000n, data = payload(60) } = {}): Uint8Array {
    const body = this.write()
      .uint16(id, 0xffff)
      .uint32(Number(time >> 32n), Number(time & 0xffffffffn), data.length, data.length)
      .bytes(data);
    return this.block(2, body.finish());
  }

  simplePacket({ data = payload(60), original = -1 } = {}): Uint8Array {
    const length = original >= 0 ? original : data.length;
    return this.block(3, this.write().uint32(length).bytes(data).finish());
  }
}

/** A frame, copied out of the reader. */
export interface ReadFrame {
  readonly packetNumber: number;
  readonly time: string;
  readonly original: number;
  readonly linkType: number;
  readonly fcsLength: number;
  readonly bytes: string;
}

export interface ReadResult {
  readonly frames: readonly ReadFrame[];
  readonly anomalies: readonly Anomaly[];
  readonly summary: CaptureReaderSummary;
  readonly error: CaptureFormatError | null;
}

/**
 * Reads a capture in chunks of `chunkSize` bytes, or of the sizes given, over and over. All chunks lie in one buffer, which is
 * overwritten as soon as the reader has asked for more.
 * @throws whatever is no CaptureFormatError
 */
export function readCapture(
  bytes: Uint8Array,
  chunkSize: number | readonly number[] = bytes.length,
  options: { readonly strict?: boolean } = {},
): ReadResult {
  const sizes = typeof chunkSize === "number" ? [chunkSize] : chunkSize;
  const buffer = new Uint8Array(Math.max(1, ...sizes));
  const anomalies = new AnomalyLog();
  const reader = createCaptureReader("test.pcap", 3, anomalies, options);
  const frame = emptyFrame();
  const frames: ReadFrame[] = [];
  let error: CaptureFormatError | null = null;
  try {
    for (let at = 0, turn = 0; at < bytes.length; turn++) {
      const chunk = bytes.subarray(at, at + sizes[turn % sizes.length]!);
      buffer.set(chunk);
      reader.push(buffer.subarray(0, chunk.length));
      while (reader.next(frame)) {
        frames.push({
          packetNumber: frame.packetNumber,
          time: `${frame.seconds}.${String(frame.nanoseconds).padStart(9, "0")}`,
          original: frame.originalLength,
          linkType: frame.linkType,
          fcsLength: frame.fcsLength,
          bytes: Buffer.from(frame.bytes.subarray(frame.start, frame.start + frame.capturedLength)).toString("hex"),
        });
      }
      buffer.fill(0xee);
      at += chunk.length;
    }
    reader.end();
  } catch (thrown) {
    if (!(thrown instanceof CaptureFormatError)) throw thrown;
    error = thrown;
  }
  return { frames, anomalies: anomalies.list(), summary: reader.summary, error };
}

/** `code×count` of every anomaly. */
export function anomalyCounts(result: ReadResult): string[] {
  return result.anomalies.map(({ code, count }) => `${code}×${count}`);
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
