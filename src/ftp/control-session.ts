import type { AnomalyLog } from "../anomaly.ts";
import type { ControlStream, Direction, GapReason, Stamp } from "../tcp/stream-sink.ts";
import type { TlsHello } from "../tls/hello.ts";
import type { TlsRecord } from "../tls/record.ts";
import { type Command, isNegotiation, parseCommand, secretsOf, withoutSecrets } from "./command.ts";
import type { ControlEvent, ReplyEvent } from "./control-event.ts";
import { ControlFraming, type FramingSink } from "./control-framing.ts";
import { type ControlSecurityState, type Security, SecurityTracker } from "./control-security.ts";
import type { Line } from "./line.ts";
import { passiveVerbOf } from "./negotiation.ts";
import { ReplyAssembler, type ReplySink } from "./reply.ts";
import { SecretMemory } from "./secret-text.ts";

/** How much of a line that is neither command nor reply is kept. */
const MAX_ODD_LINE = 200;

/** What a control connection is read with. */
export interface ControlSessionOptions {
  /** The server's port: 990 is implicit TLS where the connection's beginning was not captured. */
  readonly serverPort: number;
  /** The connection's first bytes are not in the capture, so its streams may begin in the middle of anything. */
  readonly joinedMidstream?: boolean;
  readonly anomalies: AnomalyLog;
  readonly onEvent: (event: ControlEvent) => void;
}

/**
 * One control connection: two byte streams in, {@link ControlEvent}s out. The events are the same however the bytes are cut into
 * segments, except where a gap leaves nothing but segment starts to tell where a line or record begins.
 */
export class ControlSession implements ControlStream, FramingSink, ReplySink {
  readonly #onEvent: (event: ControlEvent) => void;
  readonly #tracker: SecurityTracker;
  readonly #client: ControlFraming;
  readonly #server: ControlFraming;
  readonly #replies: ReplyAssembler;
  /** Client stream offset behind the last AUTH: a reply whose segment acknowledges less answers an earlier command. */
  #authEndAt = 0;
  readonly #secrets = new SecretMemory<ReplyEvent>();

  constructor(options: ControlSessionOptions) {
    const { anomalies, joinedMidstream = false } = options;
    this.#onEvent = options.onEvent;
    this.#tracker = new SecurityTracker(joinedMidstream, options.serverPort);
    this.#client = new ControlFraming("client", joinedMidstream, this, anomalies);
    this.#server = new ControlFraming("server", joinedMidstream, this, anomalies);
    this.#replies = new ReplyAssembler(this, anomalies);
  }

  /** How the connection was protected over its whole life so far. */
  get security(): Security {
    return this.#tracker.security;
  }

  /** The joint state of both directions now. */
  get state(): ControlSecurityState {
    return this.#tracker.state;
  }

  data(direction: Direction, bytes: Uint8Array, from: number, to: number, stamp: Stamp): void {
    (direction === "client" ? this.#client : this.#server).data(bytes, from, to, stamp);
  }

  gap(direction: Direction, length: number, reason: GapReason, stamp: Stamp): void {
    if (direction === "client") this.#client.gap(length, reason, stamp);
    else {
      this.#server.gap(length, reason, stamp);
      this.#replies.gap();
    }
    this.#tracker.gap();
    const endAt = (direction === "client" ? this.#client : this.#server).offset;
    this.#onEvent({ kind: "gap", direction, startAt: endAt - length, endAt, length, reason, stamp });
  }

  /** The streams have ended: what is unfinished is handed out as cut. */
  finish(): void {
    this.#client.finish();
    this.#server.finish();
    this.#replies.finish();
  }

  // FramingSink

  line(direction: Direction, line: Line): void {
    if (direction === "client") this.#clientLine(line);
    else {
      if (line.text !== "") this.#tracker.line("server");
      this.#replies.line(line);
    }
  }

  tlsBegan(direction: Direction): void {
    if (direction === "server") this.#replies.finish();
    this.#tracker.tlsBegan(direction);
  }

  tlsRecord(direction: Direction, { contentType, length, startAt, endAt, stamp }: TlsRecord): void {
    this.#tracker.record(direction, contentType, length);
    this.#onEvent({ kind: "tls-record", direction, contentType, length, startAt, endAt, stamp });
  }

  tlsHello(direction: Direction, hello: TlsHello, stamp: Stamp): void {
    if (hello.role === "server") this.#tracker.serverHello(hello.version);
    this.#onEvent({ kind: "tls-hello", direction, hello, stamp });
  }

  // ReplySink

  reply(reply: ReplyEvent): void {
    this.#scrub(reply);
    this.#secrets.keep(reply);
    const { acknowledged } = reply.firstStamp;
    if (acknowledged < 0 || acknowledged >= this.#authEndAt) this.#tracker.reply(reply.code);
    this.#onEvent(reply);
  }

  odd(line: Line): void {
    this.#odd("server", line);
  }

  #clientLine(line: Line): void {
    if (line.text === "") return;
    this.#tracker.line("client");
    const command = parseCommand(line.text, line.cut);
    // Out of replies, too, that stand before it in the file.
    for (const reply of this.#secrets.learn(secretsOf(line.text, command), line.cut)) this.#scrub(reply);
    if (!command) {
      if (line.text.trim() !== "") this.#odd("client", line);
      return;
    }
    const { startAt, endAt, stamp, cut } = line;
    if (command.verb === "AUTH") {
      this.#tracker.authCommand();
      this.#authEndAt = endAt;
    }
    const argument =
      command.argument === null || isNegotiation(command.verb)
        ? command.argument
        : this.#secrets.scrub(command.argument);
    this.#onEvent({ kind: "command", verb: command.verb, argument, startAt, endAt, stamp, cut });
  }

  /** Takes known secrets out of a reply. It is changed in place: nobody else has it yet, or the secret came later than it. */
  #scrub(reply: ReplyEvent): void {
    const { code, lines } = reply;
    // The numbers of a negotiation are nobody's password.
    const isGrant = passiveVerbOf(code) !== undefined;
    for (let i = 0; i < lines.length; i++) {
      const clean = this.#secrets.scrub(lines[i], isGrant);
      if (clean === lines[i]) continue;
      // Not in the lines themselves, which other sessions may share.
      (reply as { lines: readonly string[] }).lines = reply.lines.with(i, clean);
    }
  }

  /** Neither command nor reply where it stands: a command in the server's direction, a reply in the client's, or anything else. */
  #odd(direction: Direction, line: Line): void {
    const command = direction === "server" ? parseCommand(line.text, line.cut) : undefined;
    const text = command ? commandText(command) : line.text;
    this.#onEvent({
      kind: "odd-line",
      direction,
      text: withoutSecrets(text).slice(0, MAX_ODD_LINE),
      startAt: line.startAt,
      endAt: line.endAt,
      stamp: line.stamp,
    });
  }
}

function commandText(command: Command): string {
  return command.argument === null ? command.verb : `${command.verb} ${command.argument}`;
}
