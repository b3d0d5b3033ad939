import type { AnomalyLog } from "../anomaly.ts";
import { BOUNDS } from "../bounds.ts";
import type { Stamp } from "../tcp/stream-sink.ts";
import { rememberingTexts } from "../text-memory.ts";
import type { ReplyEvent } from "./control-event.ts";
import type { Line } from "./line.ts";
import { withoutCredentials } from "./secret-text.ts";

/**
 * Replies (RFC 959 section 4.2): one line `code SP text`, or many from `code-text` to the line that begins with the same code and a
 * space. What stands between may begin with anything, other codes included:
 *
 * ```
 * 230-Welcome
 * 226 files served today        not the end
 *  and this neither
 * 230 Anonymous login ok.
 * ```
 */

/** How many lines of a reply are kept, the last one besides: FEAT of a server with all modules has about forty. */
export const MAX_REPLY_LINES = BOUNDS.replyLines.most;

/** How many characters of a reply's lines are kept in all, the last line besides. */
const MAX_REPLY_CHARACTERS = BOUNDS.replyCharacters.most;

/** After so many lines a line with another code is no longer believed to be inside: the end was never sent, or not captured. */
export const RESYNCHRONISE_AFTER_LINES = 500;

const HYPHEN = 0x2d;

/**
 * The code 100 … 699 of a line whose fourth character is a space, a tab, a hyphen or missing; -1 for all other lines. 6xx are the protected
 * replies of RFC 2228.
 */
export function replyCode(text: string): number {
  if (text.length < 3) return -1;
  const hundreds = text.charCodeAt(0) - 0x30;
  const tens = text.charCodeAt(1) - 0x30;
  const ones = text.charCodeAt(2) - 0x30;
  if (hundreds < 1 || hundreds > 6 || tens < 0 || tens > 9 || ones < 0 || ones > 9) return -1;
  if (text.length > 3) {
    const next = text.charCodeAt(3);
    if (next !== 0x20 && next !== HYPHEN && next !== 0x09) return -1;
  }
  return hundreds * 100 + tens * 10 + ones;
}

/** The one line of a reply without its code; shared by the sessions in which it is said. */
const onlyLine = rememberingTexts((text): readonly string[] => [withoutCredentials(text.slice(4))]);

/** Who wants to know of replies. */
export interface ReplySink {
  reply(reply: ReplyEvent): void;
  /** A line outside any reply that begins with no code. */
  odd(line: Line): void;
}

/** Puts the lines of one direction together to replies, and leaves out the secrets that show as such. */
export class ReplyAssembler {
  readonly #sink: ReplySink;
  readonly #anomalies: AnomalyLog;
  /** The multi-line reply in hand. */
  #open: OpenReply | undefined;
  /** Bytes are missing right before the next line: a `code-` there need not be the first line of its reply. */
  #behindGap = false;

  constructor(sink: ReplySink, anomalies: AnomalyLog) {
    this.#sink = sink;
    this.#anomalies = anomalies;
  }

  /** The next line of the direction. */
  line(line: Line): void {
    const text = line.text;
    const code = replyCode(text);
    const open = this.#open;
    const behindGap = this.#behindGap;
    this.#behindGap = false;
    if (open) {
      const ends = code === open.code && text.charCodeAt(3) !== HYPHEN;
      if (ends) {
        this.#open = undefined;
        open.lines.push(text.slice(4));
        this.#emit(open, line, open.cut || line.cut);
        return;
      }
      const trusted = !open.gap && open.lineCount < RESYNCHRONISE_AFTER_LINES;
      if (code < 0 || code === open.code || trusted) {
        this.#keep(open, code === open.code ? text.slice(4) : text, line);
        return;
      }
      this.finish();
    }
    if (code < 0) {
      if (text.trim() !== "") this.#sink.odd(line);
      return;
    }
    if (text.charCodeAt(3) !== HYPHEN) {
      this.#sink.reply({
        kind: "reply",
        code,
        lines: onlyLine(text),
        startAt: line.startAt,
        endAt: line.endAt,
        stamp: line.stamp,
        firstStamp: line.firstStamp,
        cut: line.cut,
      });
      return;
    }
    this.#open = {
      code,
      lines: [text.slice(4)],
      lineCount: 1,
      characters: text.length,
      startAt: line.startAt,
      firstStamp: line.firstStamp,
      endAt: line.endAt,
      stamp: line.stamp,
      cut: line.cut || behindGap,
      gap: false,
    };
  }

  /** Bytes are missing here: the end of the reply in hand may be among them. */
  gap(): void {
    this.#behindGap = true;
    if (!this.#open) return;
    this.#open.gap = true;
    this.#open.cut = true;
  }

  /** Nothing will follow: a reply in hand is handed out as cut. */
  finish(): void {
    const open = this.#open;
    if (!open) return;
    this.#open = undefined;
    this.#emit(open, open, true);
  }

  #keep(open: OpenReply, text: string, line: Line): void {
    open.lineCount++;
    open.endAt = line.endAt;
    open.stamp = line.stamp;
    if (line.cut) open.cut = true;
    open.characters += text.length;
    if (open.lines.length < MAX_REPLY_LINES && open.characters <= MAX_REPLY_CHARACTERS) open.lines.push(text);
    else
      this.#anomalies.note(
        "ftp-reply-too-long",
        "ftp",
        line.stamp.packet,
        `a reply ${open.code} of more than ${MAX_REPLY_LINES} lines or ${MAX_REPLY_CHARACTERS} characters`,
      );
  }

  #emit(open: OpenReply, last: { endAt: number; stamp: Stamp }, cut: boolean): void {
    this.#sink.reply({
      kind: "reply",
      code: open.code,
      lines: open.lines.map(withoutCredentials),
      startAt: open.startAt,
      endAt: last.endAt,
      stamp: last.stamp,
      firstStamp: open.firstStamp,
      cut,
    });
  }
}

interface OpenReply {
  readonly code: number;
  readonly lines: string[];
  lineCount: number;
  characters: number;
  readonly startAt: number;
  readonly firstStamp: Stamp;
  endAt: number;
  stamp: Stamp;
  cut: boolean;
  /** Bytes were missing since it began. */
  gap: boolean;
}
