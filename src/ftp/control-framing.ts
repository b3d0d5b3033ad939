import type { AnomalyLog } from "../anomaly.ts";
import type { Direction, GapReason, Stamp } from "../tcp/stream-sink.ts";
import type { TlsHello } from "../tls/hello.ts";
import {
  couldBeRecordHeader,
  isContentType,
  RECORD_HEADER_LENGTH,
  RecordReader,
  type RecordSink,
  type TlsRecord,
} from "../tls/record.ts";
import { isKnownVerb } from "./command.ts";
import { type Line, LineSplitter, wholeLine, wholeLineEnd } from "./line.ts";

/**
 * The framing of one direction of a control connection: lines, TLS records, or not known. It can change at a boundary only, that
 * is before the first byte of a line or of a record:
 *
 * | framing     | boundary                          | record header | text                                  | neither     |
 * |-------------|-----------------------------------|---------------|---------------------------------------|-------------|
 * | undecided   | the stream's first byte           | tls           | lines (a byte of text will do)        | lost        |
 * | lines       | behind each line end              | tls           | lines (whatever it is)                |             |
 * | tls         | behind each record                | tls           | lines: a verb or a reply code (CCC)   | lost-in-tls |
 * | lost        | segment starts                    | tls           | lines: a known verb or a reply code   | lost        |
 * |             | behind a line end, in text        | tls           | lines: a verb or a reply code         | lost        |
 * | lost-in-tls | segment starts                    | tls           | lines: a known verb or a reply code   | lost-in-tls |
 *
 * `lost` follows a gap, or the middle of a stream: there a line counts if it begins with a segment, since users lose whole packets and
 * the next one nearly always begins a fresh line; and it must be seen whole. Text that begins in the middle is passed over up to its line
 * end, so that no tail of a line is taken for a command. (Verbs are for the client's direction, codes for the server's.) A byte that text
 * does not hold shows that it is TLS: `lost-in-tls`.
 *
 * Judging needs up to {@link MAX_HEAD} bytes. Where a segment ends before, they wait in `head`: a lone 0x17 is neither yet.
 */

/** Bytes that must be there at most to tell a record header from text: a verb of seven letters and what follows it. */
const MAX_HEAD = 8;

const LF = 0x0a;
const SPACE = 0x20;
const IAC = 0xff;
/** From here on bytes are Telnet commands, IAC among them (RFC 854); neither text nor a record begins with one. */
const TELNET_COMMAND = 0xf0;

/** Who wants to know what the two directions say. */
export interface FramingSink {
  line(direction: Direction, line: Line): void;
  /** A record header where a line, or nothing known, was before. */
  tlsBegan(direction: Direction): void;
  tlsRecord(direction: Direction, record: TlsRecord): void;
  tlsHello(direction: Direction, hello: TlsHello, stamp: Stamp): void;
}

type Framing = "undecided" | "lines" | "tls" | "lost" | "lost-in-tls";

type Verdict = "record" | "text" | "neither" | "wait";

/** Of a direction in which no boundary ever had to be judged by several bytes; nothing is ever added. */
const NO_HEAD: number[] = [];

/** Splits one direction into lines and TLS records. What most sessions never need is made when it is needed. */
export class ControlFraming implements RecordSink {
  readonly #direction: Direction;
  readonly #sink: FramingSink;
  readonly #anomalies: AnomalyLog;
  /** Made with the first line that is not whole within its segment and plain ASCII. */
  #lines: LineSplitter | undefined;
  /** Made with the first record. */
  #records: RecordReader | undefined;
  #framing: Framing;
  /** It speaks TLS, whether or not its framing is lost at the moment. */
  #inTls = false;
  /** In `lost`: a line end was just passed, so that a line may begin within the segment. */
  #behindLineEnd = false;
  /** Stream offset of the next byte. */
  #offset = 0;
  /** The bytes at a boundary that are not enough to judge by. */
  #head = NO_HEAD;
  #headStamp: Stamp | undefined;

  /** @param joinedMidstream the stream's first byte need not begin anything */
  constructor(direction: Direction, joinedMidstream: boolean, sink: FramingSink, anomalies: AnomalyLog) {
    this.#direction = direction;
    this.#sink = sink;
    this.#anomalies = anomalies;
    this.#framing = joinedMidstream ? "lost" : "undecided";
  }

  /** Stream offset behind all that came, holes counted. */
  get offset(): number {
    return this.#offset;
  }

  /** The next bytes of the stream, one segment (or the rest of one). */
  data(bytes: Uint8Array, from: number, to: number, stamp: Stamp): void {
    let at = from;
    while (at < to) {
      const next = this.#step(bytes, at, to, at === from, stamp);
      this.#offset += next - at;
      at = next;
    }
  }

  /** `length` bytes are missing. */
  gap(length: number, reason: GapReason, stamp: Stamp): void {
    this.#head.length = 0;
    this.#behindLineEnd = false;
    switch (this.#framing) {
      case "lines":
        this.#lines?.gap(reason);
        this.#framing = "lost";
        break;
      case "tls":
        if (!this.#records?.skip(length, stamp)) this.#framing = "lost-in-tls";
        break;
      case "undecided":
        this.#framing = "lost";
        break;
      default:
        break;
    }
    this.#offset += length;
  }

  /** Nothing will follow. */
  finish(): void {
    if (this.#framing === "lines") {
      this.#replayHead();
      this.#lines?.finish();
    }
    this.#head.length = 0;
    this.#records?.flush();
  }

  record(record: TlsRecord): void {
    this.#sink.tlsRecord(this.#direction, record);
  }

  hello(hello: TlsHello, stamp: Stamp): void {
    this.#sink.tlsHello(this.#direction, hello, stamp);
  }

  /** In text, at a boundary or within a line: takes bytes up to and including the next line end. @returns where it stopped */
  #text(bytes: Uint8Array, at: number, to: number, offset: number, stamp: Stamp): number {
    if (this.#lines === undefined) {
      const end = wholeLineEnd(bytes, at, to);
      if (end >= 0) {
        this.#sink.line(this.#direction, wholeLine(this.#direction, bytes, at, end, offset, stamp));
        return end;
      }
    }
    return this.#splitter().push(bytes, at, to, offset, stamp);
  }

  #splitter(): LineSplitter {
    this.#lines ??= new LineSplitter(
      this.#direction,
      (line) => this.#sink.line(this.#direction, line),
      this.#anomalies,
    );
    return this.#lines;
  }

  /** Takes some bytes from `at` on. @returns where it stopped, behind `at` */
  #step(bytes: Uint8Array, at: number, to: number, segmentStart: boolean, stamp: Stamp): number {
    switch (this.#framing) {
      case "lines":
        if (this.#lines?.atBoundary === false) return this.#text(bytes, at, to, this.#offset, stamp);
        // The common case by far: nothing waits, and the byte is none that a record begins with.
        if (this.#head.length === 0 && !isContentType(bytes[at])) return this.#text(bytes, at, to, this.#offset, stamp);
        break;
      case "tls":
        if (!this.#records!.atBoundary) return this.#records!.push(bytes, at, to, this.#offset, stamp);
        // Net::FTP sends IAC IP IAC past TLS, as urgent data, and ABOR under it: what follows them tells.
        if (this.#head.length === 0 && bytes[at] >= TELNET_COMMAND) return behindTelnet(bytes, at, to);
        break;
      case "undecided":
        if (this.#head.length === 0 && !isContentType(bytes[at]) && isTextByte(bytes[at])) {
          this.#framing = "lines";
          return this.#text(bytes, at, to, this.#offset, stamp);
        }
        break;
      default:
        if (!segmentStart && !this.#behindLineEnd) return this.#passOver(bytes, at, to);
    }
    return this.#judge(bytes, at, to, stamp);
  }

  /** At a boundary: decides what begins here. */
  #judge(bytes: Uint8Array, at: number, to: number, stamp: Stamp): number {
    if (this.#head === NO_HEAD) this.#head = [];
    const head = this.#head;
    const waiting = head.length;
    let verdict: Verdict = "wait";
    let next = at;
    while (verdict === "wait" && next < to) {
      head.push(bytes[next++]);
      verdict = this.#verdict();
    }
    if (verdict === "wait") {
      if (waiting === 0) this.#headStamp = stamp;
      return next;
    }
    // What waited belongs to earlier segments and is taken first; what this segment holds of it is read from its own bytes.
    head.length = waiting;
    const before = this.#framing;
    if (verdict === "neither") {
      this.#lose(stamp);
      head.length = 0;
      return this.#passOver(bytes, at, to);
    }
    this.#behindLineEnd = false;
    if (verdict === "text") {
      this.#records?.flush();
      this.#inTls = false;
      this.#framing = "lines";
      if (before === "lost" || before === "lost-in-tls") this.#splitter().distrustNext();
    } else if (before !== "tls") {
      this.#framing = "tls";
      // TLS anew has a hello of its own.
      if (!this.#inTls) this.#records = undefined;
      this.#records ??= new RecordReader(this, this.#anomalies);
      this.#records.reset();
      if (!this.#inTls) this.#sink.tlsBegan(this.#direction);
      this.#inTls = true;
    }
    this.#replayHead();
    // At least one byte of this segment decided, so there is one to take.
    return this.#framing === "tls"
      ? this.#records!.push(bytes, at, to, this.#offset, stamp)
      : this.#text(bytes, at, to, this.#offset, stamp);
  }

  #replayHead(): void {
    const head = this.#head;
    if (head.length === 0) return;
    const bytes = Uint8Array.from(head);
    const startAt = this.#offset - head.length;
    const stamp = this.#headStamp as Stamp;
    head.length = 0;
    if (this.#framing === "tls") this.#records!.push(bytes, 0, bytes.length, startAt, stamp);
    else this.#text(bytes, 0, bytes.length, startAt, stamp);
  }

  #verdict(): Verdict {
    const head = this.#head;
    if (isContentType(head[0])) {
      const bytes = head as unknown as Uint8Array; // read by index only
      if (couldBeRecordHeader(bytes, 0, head.length)) return head.length < RECORD_HEADER_LENGTH ? "wait" : "record";
    }
    switch (this.#framing) {
      case "lines":
        return "text";
      case "undecided":
        return "neither";
      case "tls":
        return this.#direction === "client" ? beginOfText(head, "any verb") : beginOfText(head, "code");
      default:
        if (this.#behindLineEnd) return beginOfText(head, "any verb", "code");
        return this.#direction === "client" ? beginOfText(head, "known verb") : beginOfText(head, "code");
    }
  }

  #lose(stamp: Stamp): void {
    this.#behindLineEnd = false;
    if (this.#framing === "tls") {
      this.#framing = "lost-in-tls";
      this.#anomalies.note(
        "tls-framing-lost",
        "tls",
        stamp.packet,
        `neither a TLS record header nor text at stream offset ${this.#offset}`,
      );
    } else if (this.#framing === "undecided") this.#framing = "lost";
  }

  /** The framing is lost: passes over what cannot be framed. @returns where to look again */
  #passOver(bytes: Uint8Array, at: number, to: number): number {
    if (this.#framing === "lost-in-tls") return to;
    for (let i = at; i < to; i++) {
      const byte = bytes[i];
      if (byte === LF) {
        this.#behindLineEnd = true;
        return i + 1;
      }
      if (!isTextByte(byte)) {
        this.#framing = "lost-in-tls";
        return to;
      }
    }
    return to;
  }
}

/** What text may begin with: a known verb where the bytes may be the middle of anything, else whatever looks like one. */
type TextStart = "known verb" | "any verb" | "code";

/** Whether bytes begin a command or a reply: a verb and what follows it, or a code and what follows it, each to be seen whole. */
function beginOfText(head: readonly number[], ...allowed: readonly TextStart[]): Verdict {
  const first = head[0];
  const anyVerb = allowed.includes("any verb");
  if (first === IAC && anyVerb) return head.length < 2 ? "wait" : head[1] >= TELNET_COMMAND ? "text" : "neither"; // IAC IP IAC DM ABOR
  if (isDigit(first)) {
    if (first < 0x31 || first > 0x36 || !allowed.includes("code")) return "neither";
    for (let i = 1; i < 3; i++) {
      if (i === head.length) return "wait";
      if (!isDigit(head[i])) return "neither";
    }
    if (head.length < 4) return "wait";
    return head[3] === SPACE || head[3] === 0x2d || isVerbEnd(head[3]) ? "text" : "neither";
  }
  if (!anyVerb && !allowed.includes("known verb")) return "neither";
  for (let i = 0; i < head.length; i++) {
    if (isLetter(head[i]) || (i > 0 && isDigit(head[i]))) continue;
    if (i < 3 || !isVerbEnd(head[i])) return "neither";
    if (anyVerb) return "text";
    return isKnownVerb(String.fromCharCode(...head.slice(0, i)).toUpperCase()) ? "text" : "neither";
  }
  return head.length < MAX_HEAD ? "wait" : "neither";
}

/** @returns where the Telnet commands that begin at `at` end */
function behindTelnet(bytes: Uint8Array, at: number, to: number): number {
  let end = at + 1;
  while (end < to && bytes[end] >= TELNET_COMMAND) end++;
  return end;
}

/** Space, tab, CR or LF. */
function isVerbEnd(byte: number): boolean {
  return byte === SPACE || byte === 0x0d || byte === LF || byte === 0x09;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function isLetter(byte: number): boolean {
  const upper = byte & 0xdf;
  return byte < 0x80 && upper >= 0x41 && upper <= 0x5a;
}

/** Not a control character but for tab, LF, CR; bytes of UTF-8, Latin-1 and Telnet are text. */
function isTextByte(byte: number): boolean {
  return byte >= 0x20 || byte === 0x09 || byte === LF || byte === 0x0d;
}
