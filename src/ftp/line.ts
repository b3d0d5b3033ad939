import type { AnomalyLog } from "../anomaly.ts";
import { BOUNDS } from "../bounds.ts";
import type { Direction, GapReason, Stamp } from "../tcp/stream-sink.ts";
import { rememberingTexts } from "../text-memory.ts";

/**
 * Lines of one direction of a control connection (RFC 959 section 5.3: Telnet NVT text, ended by CR LF). As found in traces: bare LF (which some
 * servers take for an end and others do not: `endsInBareLf`), lines over several segments and several in one, a last line without an end.
 */

/** Longest line kept, in bytes of text; the rest is skipped up to the line's end. Zeek and Suricata both needed such a cap. */
export const MAX_LINE_BYTES = BOUNDS.lineBytes.most;

const LF = 0x0a;
const CR = 0x0d;

/** Telnet commands (RFC 854); `fb` … `fe` take one more byte, the option. */
const IAC = 0xff;
const LOWEST_TELNET_COMMAND = 0xf0;
const WILL = 0xfb;
const DONT = 0xfe;

/** One line, without its end and without Telnet commands. */
export interface Line {
  readonly text: string;
  /** Stream offset of the line's first byte, and one past its last (line end and Telnet bytes included). */
  readonly startAt: number;
  readonly endAt: number;
  /** Stamp of the segment with the line's first byte. */
  readonly firstStamp: Stamp;
  /** Stamp of the segment with the line's last byte. */
  readonly stamp: Stamp;
  /** Its end was not seen, or it was longer than {@link MAX_LINE_BYTES}. */
  readonly cut: boolean;
}

/**
 * Where a line ends that lies whole within `from` … `to` and is plain ASCII, as nearly every one does: one look at each byte, no copy.
 * @returns the index behind its LF; -1 for all other lines, which are {@link LineSplitter}'s
 */
export function wholeLineEnd(bytes: Uint8Array, from: number, to: number): number {
  let seen = 0;
  for (let at = from; at < to; at++) {
    const byte = bytes[at];
    if (byte === LF) return seen < 0x80 && at - from <= MAX_LINE_BYTES ? at + 1 : -1;
    seen |= byte === 0 ? 0x80 : byte;
  }
  return -1;
}

/** The line of {@link wholeLineEnd}. @param offset stream offset of `bytes[from]` */
export function wholeLine(
  direction: Direction,
  bytes: Uint8Array,
  from: number,
  end: number,
  offset: number,
  stamp: Stamp,
): Line {
  let textEnd = end - 1;
  while (textEnd > from && bytes[textEnd - 1] === CR) textEnd--;
  return {
    text: direction === "server" ? repeatedText(bytes, from, textEnd) : latin1(bytes, from, textEnd),
    startAt: offset,
    endAt: offset + end - from,
    firstStamp: stamp,
    stamp,
    cut: false,
  };
}

/** Splits one direction into lines. Its caller decides where lines begin; it says where each one ends. */
export class LineSplitter {
  readonly #direction: Direction;
  readonly #onLine: (line: Line) => void;
  readonly #anomalies: AnomalyLog;
  /** Text of a line that is not complete within one segment, or that holds Telnet commands. */
  #bytes: Uint8Array = NOTHING;
  #length = 0;
  /** A line has begun, perhaps with nothing but Telnet commands yet. */
  #open = false;
  #overlong = false;
  /** Whether the line may stand for itself only when its end is seen (it begins behind a hole in the stream). */
  #onlyWhole = false;
  #afterIac = false;
  #afterOptionCommand = false;
  #afterCr = false;
  #startAt = 0;
  #endAt = 0;
  #firstStamp: Stamp | undefined;
  #lastStamp: Stamp | undefined;

  constructor(direction: Direction, onLine: (line: Line) => void, anomalies: AnomalyLog) {
    this.#direction = direction;
    this.#onLine = onLine;
    this.#anomalies = anomalies;
  }

  /** Between two lines: the next byte would be the first of a line. */
  get atBoundary(): boolean {
    return !this.#open;
  }

  /** The next line begins behind missing bytes: a further loss before its end makes it untrustworthy. */
  distrustNext(): void {
    this.#onlyWhole = true;
  }

  /**
   * Takes bytes `from` … `to` up to and including the next line end.
   * @param offset stream offset of `bytes[from]`
   * @returns where it stopped: behind the line end, or `to`
   */
  push(bytes: Uint8Array, from: number, to: number, offset: number, stamp: Stamp): number {
    if (!this.#open) {
      const end = wholeLineEnd(bytes, from, to);
      if (end >= 0) {
        this.#onlyWhole = false;
        this.#onLine(wholeLine(this.#direction, bytes, from, end, offset, stamp));
        return end;
      }
      if (from === to) return to;
      this.#open = true;
      this.#startAt = offset;
      this.#firstStamp = stamp;
    }
    this.#lastStamp = stamp;
    for (let at = from; at < to; at++) {
      if (this.#take(bytes[at])) {
        this.#endAt = offset + at + 1 - from;
        this.#emit(this.#overlong);
        return at + 1;
      }
    }
    this.#endAt = offset + to - from;
    return to;
  }

  /** Bytes are missing here: the line in hand ends, cut. */
  gap(reason: GapReason): void {
    if (this.#onlyWhole && reason === "lost") this.#clear();
    else this.finish();
  }

  /** Nothing will follow: a line in hand ends, cut; one with no text in it vanishes. */
  finish(): void {
    if (this.#open && this.#length > 0) this.#emit(true);
    else this.#clear();
  }

  /** @returns true at the line's end */
  #take(byte: number): boolean {
    if (this.#afterOptionCommand) {
      this.#afterOptionCommand = false;
      return false;
    }
    if (this.#afterIac) {
      this.#afterIac = false;
      if (byte >= WILL && byte <= DONT) {
        this.#afterOptionCommand = true;
        return false;
      }
      if (byte !== IAC && byte >= LOWEST_TELNET_COMMAND) return false;
      // IAC IAC is the byte 0xff; before anything else it is text of a client that does not know Telnet (0xff: ÿ in Latin-1).
      this.#append(IAC);
      if (byte === IAC) return false;
    }
    if (byte === IAC) {
      this.#afterIac = true;
      return false;
    }
    if (byte === LF) return true;
    // CR NUL is a carriage return within a line (RFC 854; RFC 2640 section 3.1 for path names), not its end.
    if (byte === 0 && this.#afterCr) {
      this.#afterCr = false;
      return false;
    }
    this.#afterCr = byte === CR;
    this.#append(byte);
    return false;
  }

  #append(byte: number): void {
    if (this.#length === this.#bytes.length) {
      if (this.#length >= MAX_LINE_BYTES) {
        if (byte !== CR) this.#overlong = true; // a CR here is most likely that of the line's end
        return;
      }
      const larger = new Uint8Array(Math.min(Math.max(256, this.#length * 2), MAX_LINE_BYTES));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes[this.#length++] = byte;
  }

  #emit(cut: boolean): void {
    const stamp = this.#lastStamp as Stamp;
    const firstStamp = this.#firstStamp as Stamp;
    if (this.#overlong)
      this.#anomalies.note("ftp-line-too-long", "ftp", stamp.packet, `a line of more than ${MAX_LINE_BYTES} bytes`);
    let end = this.#length;
    while (end > 0 && this.#bytes[end - 1] === CR) end--;
    const text = decodeText(this.#bytes, 0, end, cut);
    const { startAt, endAt } = { startAt: this.#startAt, endAt: this.#endAt };
    this.#clear();
    this.#onLine({ text, startAt, endAt, firstStamp, stamp, cut });
  }

  #clear(): void {
    this.#length = 0;
    // Kept for the next line unless it has grown: most sessions never need more than the first size.
    if (this.#bytes.length > 256) this.#bytes = NOTHING;
    this.#open = false;
    this.#overlong = false;
    this.#onlyWhole = false;
    this.#afterIac = false;
    this.#afterOptionCommand = false;
    this.#afterCr = false;
    this.#firstStamp = undefined;
    this.#lastStamp = undefined;
  }
}

const NOTHING = new Uint8Array(0);

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Text of a line: UTF-8 (RFC 2640), or Latin-1 where it is not valid UTF-8. Control characters stay as they are.
 * @param cut the text may end within a UTF-8 sequence, which is then left out
 */
export function decodeText(bytes: Uint8Array, from: number, to: number, cut = false): string {
  let ascii = true;
  for (let at = from; at < to && ascii; at++) ascii = bytes[at] < 0x80;
  if (ascii) return latin1(bytes, from, to);
  try {
    return utf8.decode(bytes.subarray(from, cut ? endOfWholeUtf8(bytes, from, to) : to));
  } catch {
    return latin1(bytes, from, to);
  }
}

/** Where the last UTF-8 sequence ends that is not cut short by `to`. */
function endOfWholeUtf8(bytes: Uint8Array, from: number, to: number): number {
  for (let at = to - 1; at >= from && at >= to - 3; at--) {
    const byte = bytes[at];
    if (byte < 0x80) return to;
    if (byte >= 0xc0) return at + (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) > to ? at : to;
  }
  return to;
}

/** The array last seen as a Buffer: segments come in one reused buffer, and a view costs as much as the text of a line. */
let viewed: Uint8Array = NOTHING;
let view: Buffer = Buffer.alloc(0);

function latin1(bytes: Uint8Array, from: number, to: number): string {
  if (bytes !== viewed) {
    view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    viewed = bytes;
  }
  return view.toString("latin1", from, to);
}

/** What the codes of replies begin with. */
const DIGIT_ONE = 0x31;
const DIGIT_SIX = 0x36;

const repeated = rememberingTexts((text) => text);

/**
 * ASCII text of a server's line. A server says the same lines to all its clients: of those that come again the first is handed out, since each lives as
 * long as its session. For what begins like a reply only: any other line may be a password.
 */
function repeatedText(bytes: Uint8Array, from: number, to: number): string {
  const text = latin1(bytes, from, to);
  const first = bytes[from];
  return first < DIGIT_ONE || first > DIGIT_SIX ? text : repeated(text);
}
