import { EventEmitter } from "node:events";
import { createRequire } from "node:module";
import { CaptureOpenError, type OpenCapture, openCapture } from "./open-capture.ts";

/** A packet as pcap-parser hands it out; it has no declarations of its own. */
export interface ParsedPacket {
  readonly header: {
    readonly timestampSeconds: number;
    readonly timestampMicroseconds: number;
    readonly capturedLength: number;
    readonly originalLength: number;
  };
  readonly data: Buffer;
}

/** What we use of pcap-parser. */
export interface PcapParser {
  /** Emits `packet` with a {@link ParsedPacket} for each, and `error`. */
  parse(input: EventEmitter): EventEmitter;
}

/** The package itself, loaded only when it is asked for. */
export function loadPcapParser(): PcapParser {
  return createRequire(import.meta.url)("pcap-parser");
}

/** Bytes of a classic capture's file header, and of the header of each record. */
export const FILE_HEADER_BYTES = 24;
export const RECORD_HEADER_BYTES = 16;

/** What pcap-parser is made for, in words. */
export const PCAP_PARSER_READS = "pcap-parser reads only classic pcap 2.4 with microseconds";

/** Classic pcap with microseconds, either byte order, version 2.4: what pcap-parser is made for. Older ones swap the two lengths. */
export function isReadByPcapParser(head: Uint8Array): boolean {
  if (head.length < FILE_HEADER_BYTES) return false;
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const littleEndian = view.getUint32(0, true) === 0xa1b2c3d4;
  if (!littleEndian && view.getUint32(0) !== 0xa1b2c3d4) return false;
  return view.getUint16(4, littleEndian) === 2 && view.getUint16(6, littleEndian) === 4;
}

/** pcap-parser, fed by hand: it takes a stream's `data` events and answers each at once with the packets that it completes. */
export class HandFedParser {
  readonly #stream = Object.assign(new EventEmitter(), { pause() {}, resume() {} });
  #packets: ParsedPacket[] = [];
  #problem: string | null = null;

  constructor(parser: PcapParser) {
    parser
      .parse(this.#stream)
      .on("packet", (packet: ParsedPacket) => this.#packets.push(packet))
      .on("error", (error: Error) => {
        this.#problem ??= `pcap-parser says: ${error.message}`;
      });
  }

  /** What it complained about; null when it did not. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Gives it the next bytes, which it keeps. @returns the packets that they complete */
  read(bytes: Buffer): ParsedPacket[] {
    this.#packets = [];
    if (bytes.length > 0) this.#stream.emit("data", bytes);
    return this.#packets;
  }
}

/**
 * Opens a capture so that pcap-parser finds its packets: each is written out again as the record that it was, and what lies behind the last
 * whole record is handed on as it is, so that a cut or a length beyond all bounds is seen by who reads on.
 * @throws CaptureOpenError as {@link openCapture}, and for what pcap-parser does not read
 */
export async function openThroughPcapParser(path: string): Promise<OpenCapture> {
  const capture = await openCapture(path);
  const head = await firstBytes(capture);
  if (head.length > 0 && !isReadByPcapParser(head)) {
    capture.close();
    throw new CaptureOpenError(path, `${PCAP_PARSER_READS}; leave --reader away`);
  }
  return new ParsedCapture(capture, head);
}

/** At least a file header, if there is one. */
async function firstBytes(capture: OpenCapture): Promise<Buffer> {
  let head = Buffer.alloc(0);
  while (head.length < FILE_HEADER_BYTES) {
    const chunk = await capture.read();
    if (chunk === null) break;
    head = Buffer.concat([head, chunk]);
  }
  return head;
}

/** Bytes behind the last whole packet that are waited for: more is no packet but a damaged length. */
const MAX_PENDING_BYTES = 1024 * 1024;

class ParsedCapture implements OpenCapture {
  readonly name: string;
  readonly size: number | null;
  readonly compressed: boolean;
  readonly #capture: OpenCapture;
  readonly #parser = new HandFedParser(loadPcapParser());
  readonly #littleEndian: boolean;
  #head: Buffer | null;
  /** Bytes given to the parser that are no whole packet yet. */
  #pending: Buffer = Buffer.alloc(0);
  #givenUp = false;

  constructor(capture: OpenCapture, head: Buffer) {
    this.name = capture.name;
    this.size = capture.size;
    this.compressed = capture.compressed;
    this.#capture = capture;
    this.#littleEndian = head[0] === 0xd4;
    this.#head = head;
  }

  get position(): number {
    return this.#capture.position;
  }

  get problem(): string | null {
    return this.#parser.problem ?? this.#capture.problem;
  }

  async read(): Promise<Uint8Array | null> {
    for (;;) {
      const chunk = this.#head ?? (await this.#capture.read());
      if (chunk === null || chunk.length === 0 || this.#parser.problem !== null) return this.#takePending();
      if (this.#givenUp) return chunk;
      const records = this.#parse(Buffer.from(chunk));
      if (records.length > 0) return records;
      if (this.#pending.length > MAX_PENDING_BYTES) {
        this.#givenUp = true;
        return this.#takePending();
      }
    }
  }

  #takePending(): Buffer | null {
    const pending = this.#pending;
    this.#pending = Buffer.alloc(0);
    return pending.length > 0 ? pending : null;
  }

  /** The records that the next bytes complete, before them the file header. */
  #parse(bytes: Buffer): Buffer {
    const records = this.#parser.read(bytes).map((packet) => this.#record(packet));
    if (this.#head !== null) {
      records.unshift(bytes.subarray(0, FILE_HEADER_BYTES));
      this.#head = null;
    }
    const result = Buffer.concat(records);
    const unread = this.#pending.length + bytes.length - result.length;
    this.#pending = unread === 0 ? Buffer.alloc(0) : Buffer.concat([this.#pending, bytes]).subarray(-unread);
    return result;
  }

  #record({ header, data }: ParsedPacket): Buffer {
    const record = Buffer.alloc(RECORD_HEADER_BYTES + data.length);
    const { timestampSeconds, timestampMicroseconds, capturedLength, originalLength } = header;
    [timestampSeconds, timestampMicroseconds, capturedLength, originalLength].forEach((value, i) => {
      if (this.#littleEndian) record.writeUInt32LE(value, 4 * i);
      else record.writeUInt32BE(value, 4 * i);
    });
    record.set(data, RECORD_HEADER_BYTES);
    return record;
  }

  close(): void {
    this.#capture.close();
  }
}
