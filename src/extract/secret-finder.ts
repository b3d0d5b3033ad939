import { AnomalyLog } from "../anomaly.ts";
import { type Command, isKnownVerb, parseCommand, secretsOf } from "../ftp/command.ts";
import { ControlFraming, type FramingSink } from "../ftp/control-framing.ts";
import type { Line } from "../ftp/line.ts";
import { passiveVerbOf } from "../ftp/negotiation.ts";
import { replyCode } from "../ftp/reply.ts";
import { SecretMemory, withoutCredentials } from "../ftp/secret-text.ts";
import type { ControlStream, Direction, GapReason, Stamp } from "../tcp/stream-sink.ts";
import type { TlsRecord } from "../tls/record.ts";

/** Bytes of a stream or of a payload, by offset: the first, and one past the last. */
export interface SecretRange {
  readonly from: number;
  readonly to: number;
}

/** How much may follow what is understood; more would reach into other connections of the same endpoints. */
const REST_BYTES = 1024 * 1024;

/**
 * Finds the bytes of a control connection that hold a secret or may hold one, so that they can be overwritten:
 *
 * - the arguments of PASS, ACCT, ADAT and of all verbs and SITE commands that `ftp/command.ts` counts among them, passwords in URLs;
 * - what the server repeats of them;
 * - text that is no command at all, or of which the beginning is missing: a password may stand anywhere in it.
 *
 * TLS records are left alone: what is in them is encrypted, and the analysis needs their headers.
 */
export class SecretFinder implements ControlStream, FramingSink {
  readonly #ranges: Record<Direction, SecretRange[]> = { client: [], server: [] };
  readonly #framings: Readonly<Record<Direction, ControlFraming>>;
  /** Offset up to which each direction is understood. */
  readonly #understood: Record<Direction, number> = { client: 0, server: 0 };
  readonly #inTls: Record<Direction, boolean> = { client: false, server: false };
  readonly #secrets = new SecretMemory<Line>();

  /** @param joinedMidstream the connection's first bytes are not in the capture */
  constructor(joinedMidstream: boolean) {
    const anomalies = new AnomalyLog();
    const framing = (direction: Direction) => new ControlFraming(direction, joinedMidstream, this, anomalies);
    this.#framings = { client: framing("client"), server: framing("server") };
  }

  data(direction: Direction, bytes: Uint8Array, from: number, to: number, stamp: Stamp): void {
    this.#framings[direction].data(bytes, from, to, stamp);
  }

  gap(direction: Direction, length: number, reason: GapReason, stamp: Stamp): void {
    this.#framings[direction].gap(length, reason, stamp);
  }

  /** The streams have ended. @returns the ranges of a direction; they may overlap */
  finish(): Readonly<Record<Direction, readonly SecretRange[]>> {
    for (const direction of ["client", "server"] as const) {
      this.#framings[direction].finish();
      const from = this.#understood[direction];
      if (!this.#inTls[direction]) this.#ranges[direction].push({ from, to: from + REST_BYTES });
    }
    return this.#ranges;
  }

  // FramingSink

  tlsBegan(direction: Direction): void {
    this.#inTls[direction] = true;
  }

  tlsRecord(direction: Direction, { endAt }: TlsRecord): void {
    this.#understood[direction] = endAt;
  }

  tlsHello(): void {
    // It holds no secret, and its record is understood.
  }

  line(direction: Direction, line: Line): void {
    if (!this.#inTls[direction] && line.startAt > this.#understood[direction])
      this.#ranges[direction].push({ from: this.#understood[direction], to: line.startAt });
    this.#inTls[direction] = false;
    this.#understood[direction] = line.endAt;
    if (direction === "client") this.#clientLine(line);
    else {
      this.#serverLine(line);
      this.#secrets.keep(line);
    }
  }

  #clientLine(line: Line): void {
    const { text, cut } = line;
    const command = parseCommand(text, cut);
    for (const recent of this.#secrets.learn(secretsOf(text, command), cut)) this.#serverLine(recent);
    if (command === undefined || !isKnownVerb(command.verb)) this.#hide("client", line, 0, text.length);
    else this.#hideDifference("client", line, this.#publicText(text, command));
  }

  #serverLine(line: Line): void {
    const { text, cut } = line;
    // The numbers of a negotiation are nobody's password.
    const isGrant = passiveVerbOf(replyCode(text)) !== undefined;
    // What does not begin like a reply may be a command that travels the wrong way.
    const command = /^\d{3}/.test(text) ? undefined : parseCommand(text, cut);
    const clean = command && isKnownVerb(command.verb) ? this.#publicText(text, command) : withoutCredentials(text);
    this.#hideDifference("server", line, this.#secrets.scrub(clean, isGrant));
  }

  /** A command line without what is secret of its argument. */
  #publicText(text: string, { verb, argument }: Command): string {
    const verbEnd = text.toUpperCase().indexOf(verb) + verb.length;
    // The blank stays, so that the verb remains one.
    if (argument === null) return text.slice(0, verbEnd + 1);
    let argumentAt = verbEnd;
    while (text[argumentAt] === " " || text[argumentAt] === "\t") argumentAt++;
    return text.slice(0, argumentAt) + this.#secrets.scrub(argument);
  }

  /** Hides what `clean` lacks of the line's text. */
  #hideDifference(direction: Direction, line: Line, clean: string): void {
    const { text } = line;
    if (clean === text || clean === text.trimEnd()) return;
    let from = 0;
    while (from < clean.length && clean[from] === text[from]) from++;
    let tail = 0;
    while (tail < clean.length - from && clean[clean.length - 1 - tail] === text[text.length - 1 - tail]) tail++;
    this.#hide(direction, line, from, text.length - tail);
  }

  /** Hides characters `from` … `to` of a line; all from `from` on where characters and bytes do not agree. */
  #hide(direction: Direction, { text, startAt, endAt }: Line, from: number, to: number): void {
    if (from >= to) return;
    const agrees = /^[\x20-\x7e]*$/.test(text) && endAt - startAt - text.length <= LINE_END_BYTES;
    this.#ranges[direction].push(
      agrees ? { from: startAt + from, to: startAt + to } : { from: startAt + Math.min(from, VERB_BYTES), to: endAt },
    );
  }
}

const LINE_END_BYTES = 2;
/** `PASS `: what stays of a line whose characters cannot be told apart from its bytes. */
const VERB_BYTES = 5;
