import type { PayloadTap, Stamp } from "../tcp/stream-sink.ts";
import type { TlsHello } from "./hello.ts";
import { CONTENT_TYPE, helloFromFirstBytes, looksLikeRecordHeader } from "./record.ts";

/** One TLS record header seen on a data connection. */
export interface DataRecord {
  readonly fromOriginator: boolean;
  readonly contentType: number;
  /** The length field: bytes after the 5-byte header. */
  readonly length: number;
  readonly packet: number;
  readonly time: number;
  /** Stream offset behind it. */
  readonly endAt: number;
  /** How much of the other end's stream the segment that holds its header's last byte acknowledges; -1 when unknown. */
  readonly acknowledged: number;
  /** Level and description of an alert sent in the clear (length 2), e.g. 0x0233 fatal decrypt_error; -1 otherwise. */
  readonly alert: number;
}

/**
 * Whether a record was sent by an end that had received the other end's record, as acknowledgments tell; where they do not, whether it stands
 * behind it in the file.
 */
export function wasSentAfter(record: DataRecord, other: DataRecord): boolean {
  if (record.acknowledged >= other.endAt) return true;
  return record.acknowledged < 0 && record.packet > other.packet;
}

/** How many record headers of a data connection are kept. */
const MAX_DATA_RECORDS = 48;
/**
 * Out-of-order segments of one direction that are held while a record header is missing, and their bytes: more than a sender has under way before
 * it has heard of the other end's Finished (RFC 6928: ten segments), and what it may add to that in a few round trips.
 */
const MAX_HELD_SEGMENTS = 64;
const MAX_HELD_BYTES = 65536;
/** Bytes of a direction's beginning that are kept until its hello has been read. */
const HELLO_BYTES = 2048;

/**
 * Follows the TLS records of a data connection by their headers (RFC 8446 section 5.1), keeping neither payload nor more than
 * the first few headers, and reads both hellos.
 */
export class DataRecords implements PayloadTap {
  readonly records: DataRecord[] = [];
  readonly originator = new RecordWalk(true);
  readonly responder = new RecordWalk(false);

  payload(
    fromOriginator: boolean,
    offset: number,
    bytes: Uint8Array,
    from: number,
    to: number,
    packet: number,
    time: number,
    acknowledged: number,
  ): boolean {
    const walk = fromOriginator ? this.originator : this.responder;
    if (walk.wants(offset + (to - from)))
      walk.segment(this.records, offset, bytes, from, to, { packet, time, acknowledged, ttl: 0 });
    return !(this.originator.done && this.responder.done);
  }

  unwantedTo(fromOriginator: boolean): number {
    return (fromOriginator ? this.originator : this.responder).unwantedTo;
  }

  /** The TLS ClientHello of either end, whoever was the TLS client. */
  get clientHello(): TlsHello | null {
    return [this.originator.hello, this.responder.hello].find((hello) => hello?.role === "client") ?? null;
  }

  get serverHello(): TlsHello | null {
    return [this.originator.hello, this.responder.hello].find((hello) => hello?.role === "server") ?? null;
  }
}

const NO_HEADER = new Uint8Array(0);

/** `220 ` or `220-`. */
function isGreeting(bytes: Uint8Array, at: number): boolean {
  const after = bytes[at + 3];
  return bytes[at] === 0x32 && bytes[at + 1] === 0x32 && bytes[at + 2] === 0x30 && (after === 0x20 || after === 0x2d);
}

/** One direction. */
export class RecordWalk {
  readonly #fromOriginator: boolean;
  /** `undecided` before the first byte; `lost` when a header was not in the capture. */
  state: "undecided" | "tls" | "cleartext" | "lost" = "undecided";
  hello: TlsHello | null = null;
  /** The first bytes are those of a 220 reply (RFC 959 section 5.4): a control connection's, or a mail server's. */
  greets = false;
  applicationBytes = 0;
  /** The last record header seen. */
  last: { contentType: number; length: number } | null = null;
  #nextRecordAt = 0;
  #header = NO_HEADER;
  #headerLength = 0;
  #start: Uint8Array | null = null;
  #startLength = 0;
  /** Behind what is missing, in the order of their offsets. */
  #held: { offset: number; bytes: Uint8Array; stamp: Stamp }[] = [];
  #heldBytes = 0;

  constructor(fromOriginator: boolean) {
    this.#fromOriginator = fromOriginator;
  }

  /** Nothing more to learn from this direction. */
  get done(): boolean {
    return this.state === "cleartext" || this.state === "lost";
  }

  /** Stream offset up to which record headers have been read: the end of the last record known. */
  get walkedTo(): number {
    return this.#nextRecordAt;
  }

  /** Whether a segment that ends at this stream offset may hold a byte that matters. */
  wants(endsAt: number): boolean {
    return endsAt > this.unwantedTo;
  }

  /** Stream offset up to which no byte matters. */
  get unwantedTo(): number {
    return this.done ? Number.POSITIVE_INFINITY : this.#wanted;
  }

  /** A segment that {@link wants} lets through. */
  segment(records: DataRecord[], offset: number, bytes: Uint8Array, from: number, to: number, stamp: Stamp): void {
    if (offset > this.#wanted) {
      this.#hold(offset, bytes, from, to, stamp);
      return;
    }
    this.#walk(records, offset, bytes, from, to, stamp);
    while (this.#held.length > 0 && this.#held[0].offset <= this.#wanted && !this.done) {
      const next = this.#held.shift()!;
      this.#heldBytes -= next.bytes.length;
      if (next.offset + next.bytes.length > this.#wanted)
        this.#walk(records, next.offset, next.bytes, 0, next.bytes.length, next.stamp);
    }
    if (this.done) this.#held = [];
  }

  #hold(offset: number, bytes: Uint8Array, from: number, to: number, stamp: Stamp): void {
    const before = this.#held.findLastIndex((other) => other.offset <= offset);
    const known = this.#held[before];
    if (known && known.offset + known.bytes.length >= offset + (to - from)) return;
    if (this.#held.length >= MAX_HELD_SEGMENTS || this.#heldBytes + (to - from) > MAX_HELD_BYTES) {
      this.state = "lost";
      this.#held = [];
      return;
    }
    this.#held.splice(before + 1, 0, { offset, bytes: bytes.slice(from, to), stamp });
    this.#heldBytes += to - from;
  }

  /** Stream offset of the next byte that matters. */
  get #wanted(): number {
    if (this.#start !== null || this.state === "undecided") return this.#startLength;
    return this.#nextRecordAt + this.#headerLength;
  }

  #walk(records: DataRecord[], offset: number, bytes: Uint8Array, from: number, to: number, stamp: Stamp): void {
    if (this.state === "undecided" && this.#headerLength === 0 && this.#start === null) {
      // Cleartext at first sight, before anything is set up to follow records.
      const start = from - offset;
      const first = bytes[start];
      if (offset <= 0 && (first < 20 || first > 24)) {
        this.state = "cleartext";
        this.greets = to - start >= 4 && isGreeting(bytes, start);
        return;
      }
      this.#header = new Uint8Array(7);
    }
    this.#keepStart(offset, bytes, from, to);
    const end = offset + (to - from);
    for (;;) {
      const at = this.#nextRecordAt + this.#headerLength;
      if (at >= end || at < offset) break;
      this.#header[this.#headerLength++] = bytes[from + at - offset];
      if (this.#headerLength < 5) continue;
      const length = (this.#header[3] << 8) | this.#header[4];
      const contentType = this.#header[0];
      if (this.#headerLength === 5) {
        if (!looksLikeRecordHeader(this.#header, 0)) {
          this.state = this.state === "undecided" ? "cleartext" : "lost";
          this.#start = null;
          return;
        }
        this.state = "tls";
        if (contentType === CONTENT_TYPE.alert && length === 2) continue; // an alert in the clear: its two bytes are wanted too
      } else if (this.#headerLength === 6) continue;
      if (contentType === CONTENT_TYPE.applicationData) this.applicationBytes += length;
      if (this.last === null) this.last = { contentType, length };
      else {
        this.last.contentType = contentType;
        this.last.length = length;
      }
      if (records.length < MAX_DATA_RECORDS) {
        const alert = this.#headerLength === 7 ? (this.#header[5] << 8) | this.#header[6] : -1;
        const endAt = this.#nextRecordAt + 5 + length;
        records.push({ fromOriginator: this.#fromOriginator, contentType, length, ...stamp, endAt, alert });
      }
      this.#nextRecordAt += 5 + length;
      this.#headerLength = 0;
    }
  }

  /** Keeps the first bytes of the stream until the hello in them is complete. */
  #keepStart(offset: number, bytes: Uint8Array, from: number, to: number): void {
    if (this.hello !== null || (this.#start === null && this.#startLength > 0)) return;
    const skip = this.#startLength - offset;
    if (skip < 0 || from + skip >= to) return;
    this.#start ??= new Uint8Array(HELLO_BYTES);
    const room = HELLO_BYTES - this.#startLength;
    const part = bytes.subarray(from + skip, Math.min(to, from + skip + room));
    this.#start.set(part, this.#startLength);
    this.#startLength += part.length;
    if (this.#startLength < 5) return;
    const recordEnd = 5 + ((this.#start[3] << 8) | this.#start[4]);
    if (this.#startLength >= Math.min(recordEnd, HELLO_BYTES)) {
      this.hello = helloFromFirstBytes(this.#start, 0, this.#startLength) ?? null;
      this.#start = null;
    }
  }
}
