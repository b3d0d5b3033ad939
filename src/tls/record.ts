import type { AnomalyLog } from "../anomaly.ts";
import type { Stamp } from "../tcp/stream-sink.ts";
import { HANDSHAKE_HEADER_LENGTH, isHelloRetryRequest, isHelloType, parseHello, type TlsHello } from "./hello.ts";

/**
 * TLS record framing of one direction, without keys: where each record begins and ends, and the first hello inside.
 *
 * ```
 *  0      1      2      3      4      5                    5 + length
 *  +------+------+------+------+------+--- … ---------------+
 *  | type | major| minor|   length    | fragment            |     RFC 8446 section 5.1
 *  +------+------+------+------+------+--- … ---------------+
 * ```
 */

/** Bytes of a record header (RFC 8446 section 5.1). */
export const RECORD_HEADER_LENGTH = 5;

/** Largest `length` of a record: 2^14 of plaintext plus 2048 of expansion (RFC 5246 section 6.2.3; TLS 1.3 allows less). */
export const MAX_RECORD_LENGTH = 16384 + 2048;

/** How much of a hello is put together; what is longer is read as far as it got. */
const MAX_HELLO_LENGTH = 16 * 1024;

/** Content types (RFC 8446 appendix B.1, RFC 6520 for heartbeat). In TLS 1.3 encrypted alerts and handshake messages bear that of application data. */
export const CONTENT_TYPE = {
  changeCipherSpec: 20,
  alert: 21,
  handshake: 22,
  applicationData: 23,
  heartbeat: 24,
} as const;

/** One record, as its header states it. */
export interface TlsRecord {
  readonly contentType: number;
  /** Bytes after the header. */
  readonly length: number;
  /** Stream offset of the header, and one past the record's last byte. */
  readonly startAt: number;
  readonly endAt: number;
  /** Stamp of the segment (or of the gap) with the record's last byte. */
  readonly stamp: Stamp;
}

/** Who wants to know of records. */
export interface RecordSink {
  record(record: TlsRecord): void;
  /** Once per {@link RecordReader}: as soon as its last byte is there, hence before the record event of that byte. */
  hello(hello: TlsHello, stamp: Stamp): void;
}

/**
 * Whether five bytes can be a record header: a type of 20 … 24, major version 3, minor 0 … 4, a length that RFC 5246 allows.
 * Text never looks like this: 0x14 … 0x18 are control characters.
 */
export function looksLikeRecordHeader(bytes: Uint8Array, at: number, to = bytes.length): boolean {
  return to - at >= RECORD_HEADER_LENGTH && couldBeRecordHeader(bytes, at, to);
}

/** The same for as many of the five bytes as there are, so that a header split over segments is not misjudged. */
export function couldBeRecordHeader(bytes: Uint8Array, at: number, to: number): boolean {
  const count = to - at;
  if (count < 1) return true;
  if (!isContentType(bytes[at])) return false;
  if (count < 2) return true;
  if (bytes[at + 1] !== 3) return false;
  if (count < 3) return true;
  if (bytes[at + 2] > 4) return false;
  if (count < 4) return true;
  return ((bytes[at + 3] << 8) | (count < 5 ? 0 : bytes[at + 4])) <= MAX_RECORD_LENGTH;
}

/** Whether a byte is one of the five content types. */
export function isContentType(byte: number): boolean {
  return byte >= CONTENT_TYPE.changeCipherSpec && byte <= CONTENT_TYPE.heartbeat;
}

/** Frames records one after the other. The caller judges, at each boundary, whether another record begins there. */
export class RecordReader {
  readonly #sink: RecordSink;
  readonly #anomalies: AnomalyLog;
  readonly #header = new Uint8Array(RECORD_HEADER_LENGTH);
  #headerLength = 0;
  #bodyLeft = 0;
  #startAt = 0;
  readonly #hello = new HelloCollector();

  constructor(sink: RecordSink, anomalies: AnomalyLog) {
    this.#sink = sink;
    this.#anomalies = anomalies;
  }

  /** Between two records: the next byte would be the first of a header. */
  get atBoundary(): boolean {
    return this.#headerLength === 0;
  }

  /**
   * Takes bytes `from` … `to` as far as the record in hand goes.
   * @param offset stream offset of `bytes[from]`
   * @returns where it stopped: behind the record's last byte, or `to`
   */
  push(bytes: Uint8Array, from: number, to: number, offset: number, stamp: Stamp): number {
    let at = from;
    if (this.#headerLength === 0) this.#startAt = offset;
    while (this.#headerLength < RECORD_HEADER_LENGTH) {
      if (at === to) return at;
      this.#header[this.#headerLength++] = bytes[at++];
      if (this.#headerLength === RECORD_HEADER_LENGTH) this.#begin();
    }
    const taken = Math.min(this.#bodyLeft, to - at);
    if (this.#hello.wants) {
      const helloStamp = this.#hello.push(bytes, at, at + taken, stamp);
      if (helloStamp) this.#emitHello(helloStamp);
    }
    this.#bodyLeft -= taken;
    if (this.#bodyLeft === 0) this.#end(stamp);
    return at + taken;
  }

  /**
   * `length` bytes are missing. Inside a record's body its header still says where it ends, so the framing survives a gap
   * that ends there or before.
   * @returns false when the framing is lost
   */
  skip(length: number, stamp: Stamp): boolean {
    if (this.#headerLength < RECORD_HEADER_LENGTH) return false;
    this.flush();
    this.#hello.miss();
    const kept = length <= this.#bodyLeft;
    this.#bodyLeft -= Math.min(length, this.#bodyLeft);
    if (this.#bodyLeft === 0) this.#end(stamp);
    return kept;
  }

  /** Nothing more will come of a hello in hand: hand out what is there of it. */
  flush(): void {
    const stamp = this.#hello.cut();
    if (stamp) this.#emitHello(stamp);
  }

  /** Forgets the record in hand: the next byte is the first of a header. */
  reset(): void {
    this.#headerLength = 0;
    this.#bodyLeft = 0;
  }

  #begin(): void {
    this.#bodyLeft = (this.#header[3] << 8) | this.#header[4];
    if (!this.#hello.accepts(this.#header[0])) this.flush();
  }

  #end(stamp: Stamp): void {
    const header = this.#header;
    const length = (header[3] << 8) | header[4];
    this.#headerLength = 0;
    this.#sink.record({
      contentType: header[0],
      length,
      startAt: this.#startAt,
      endAt: this.#startAt + RECORD_HEADER_LENGTH + length,
      stamp,
    });
  }

  #emitHello(stamp: Stamp): void {
    const hello = this.#hello.take();
    if (hello) this.#sink.hello(hello, stamp);
    else this.#anomalies.note("tls-hello-malformed", "tls", stamp.packet, "no ClientHello or ServerHello in it");
  }
}

/**
 * Puts the first hello of a direction together: handshake messages are cut into records at will, and a HelloRetryRequest
 * comes before the real ServerHello.
 */
class HelloCollector {
  #state: "waiting" | "collecting" | "done" = "waiting";
  #inHandshake = false;
  #bytes = new Uint8Array(0);
  #length = 0;
  #stamp: Stamp | undefined;

  get wants(): boolean {
    return this.#inHandshake;
  }

  /** A record begins. @returns false when a message in hand ends here, unfinished */
  accepts(contentType: number): boolean {
    this.#inHandshake = contentType === CONTENT_TYPE.handshake && this.#state !== "done";
    // Middlebox compatibility: a change_cipher_spec may stand between HelloRetryRequest and ServerHello (RFC 8446 D.4).
    if (contentType === CONTENT_TYPE.handshake || contentType === CONTENT_TYPE.changeCipherSpec) return true;
    return this.#state !== "collecting";
  }

  /** @returns the stamp of the message's last byte, once it is complete */
  push(bytes: Uint8Array, from: number, to: number, stamp: Stamp): Stamp | undefined {
    for (let at = from; at < to && this.#state !== "done"; ) {
      if (this.#state === "waiting" && !isHelloType(bytes[at])) {
        // Joined after the hellos: another handshake message, or an encrypted one.
        this.#finish();
        return undefined;
      }
      this.#state = "collecting";
      this.#stamp = stamp;
      const taken = Math.min(this.#wanted() - this.#length, to - at);
      this.#reserve(this.#length + taken);
      this.#bytes.set(bytes.subarray(at, at + taken), this.#length);
      this.#length += taken;
      at += taken;
      if (this.#length < HANDSHAKE_HEADER_LENGTH || this.#length < this.#wanted()) continue;
      if (isHelloRetryRequest(this.#bytes, 0, this.#length)) {
        this.#length = 0;
        this.#state = "waiting";
        continue;
      }
      return stamp;
    }
    return undefined;
  }

  /** @returns the stamp of the last byte of an unfinished message */
  cut(): Stamp | undefined {
    return this.#state === "collecting" ? this.#stamp : undefined;
  }

  /** Bytes of the record are missing: what follows in it begins anywhere in a message. */
  miss(): void {
    if (this.#inHandshake) this.#finish();
  }

  /** The hello in hand; there will be no other. */
  take(): TlsHello | undefined {
    const hello = parseHello(this.#bytes, 0, this.#length);
    this.#finish();
    return hello;
  }

  #finish(): void {
    this.#state = "done";
    this.#inHandshake = false;
    this.#bytes = new Uint8Array(0);
    this.#length = 0;
  }

  /** Bytes to have before the message can be read: its header, then all of it. */
  #wanted(): number {
    if (this.#length < HANDSHAKE_HEADER_LENGTH) return HANDSHAKE_HEADER_LENGTH;
    const body = (this.#bytes[1] << 16) | (this.#bytes[2] << 8) | this.#bytes[3];
    return Math.min(HANDSHAKE_HEADER_LENGTH + body, MAX_HELLO_LENGTH);
  }

  #reserve(length: number): void {
    if (length <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(length, 2 * this.#bytes.length, 512));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}

/**
 * The hello in the first TLS record or records of a stream, e.g. of a data connection of which only the first bytes were kept.
 * @param bytes the stream's bytes `from` … `to`, possibly cut
 * @returns undefined when the stream does not begin with a hello in TLS records
 */
export function helloFromFirstBytes(bytes: Uint8Array, from: number, to: number): TlsHello | undefined {
  // A handshake message may be cut into several records, so their fragments are joined.
  const joined = new Uint8Array(Math.min(Math.max(to - from, 0), MAX_HELLO_LENGTH));
  let length = 0;
  let last: TlsHello | undefined;
  for (let at = from; at + RECORD_HEADER_LENGTH <= to; ) {
    const contentType = bytes[at];
    if (bytes[at + 1] !== 3 || bytes[at + 2] > 4) break;
    const recordLength = (bytes[at + 3] << 8) | bytes[at + 4];
    const end = Math.min(at + RECORD_HEADER_LENGTH + recordLength, to);
    if (contentType === CONTENT_TYPE.handshake) {
      const part = bytes.subarray(
        at + RECORD_HEADER_LENGTH,
        Math.min(end, at + RECORD_HEADER_LENGTH + joined.length - length),
      );
      joined.set(part, length);
      length += part.length;
      const body = (joined[1] << 16) | (joined[2] << 8) | joined[3];
      const needed = HANDSHAKE_HEADER_LENGTH + (length < HANDSHAKE_HEADER_LENGTH ? 0 : body);
      if (length >= needed) {
        last = parseHello(joined, 0, needed);
        if (!isHelloRetryRequest(joined, 0, needed)) return last;
        joined.copyWithin(0, needed, length);
        length -= needed;
      }
    } else if (contentType !== CONTENT_TYPE.changeCipherSpec) break; // it may stand between (RFC 8446 D.4)
    at += RECORD_HEADER_LENGTH + recordLength;
  }
  return (length > 0 ? parseHello(joined, 0, length) : undefined) ?? last;
}
