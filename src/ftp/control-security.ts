import { FTPS_PORT } from "../ports.ts";
import type { Direction } from "../tcp/stream-sink.ts";
import { TLS_1_3 } from "../tls/hello.ts";
import { CONTENT_TYPE } from "../tls/record.ts";

/**
 * How a control connection is protected: the joint state of its two directions.
 *
 * It begins in the clear. `AUTH TLS` asks for TLS (RFC 4217 section 4), `234` grants it, and the first TLS record shows it; with implicit TLS the
 * records come first. CCC (RFC 2228 section 3) ends the protection: the command travels inside TLS and is never seen. What *is* seen is text
 * where the next record header should begin,
 *
 * ```
 * C: 17 03 03 00 16 …                                   CCC, encrypted
 * S: 17 03 03 00 22 …                                   200, encrypted
 * S: 17 03 03 00 13 …                                   close_notify, in TLS 1.3 not visibly an alert
 * C: 17 03 03 00 13 …  54 59 50 45 20 49 0d 0a          close_notify and `TYPE I` in one segment
 * S: 32 30 30 20 …                                      `200 …` in the clear
 * ```
 *
 * possibly in one segment with the close_notify, possibly without any close_notify (curl), and not at the same moment in both
 * directions. So each direction has its own framing (control-framing.ts), and this table says what the two make together:
 *
 * | state                    | AUTH command   | reply 234    | negative reply | TLS record               | command under TLS | cleartext line      |
 * |--------------------------|----------------|--------------|----------------|--------------------------|-------------------|---------------------|
 * | cleartext                | auth-requested |              |                | tls-handshake (implicit) |                   |                     |
 * | auth-requested           |                | tls-expected | cleartext      | tls-handshake            |                   |                     |
 * | tls-expected             |                |              |                | tls-handshake            |                   | cleartext           |
 * | tls-handshake            |                |              |                |                          | tls               | cleartext           |
 * | tls                      |                |              |                |                          |                   | cleartext-after-ccc |
 * | cleartext-after-ccc      | auth-requested |              |                | tls-handshake            |                   |                     |
 * | unknown (joined midway)  |                |              |                | tls                      |                   | cleartext           |
 *
 * An empty cell changes nothing. Because the packets of the two directions can be out of step, "TLS record" is the moment in which a
 * direction *turns to* TLS, and in TLS "cleartext line" is one of a direction that has been in TLS since: the `234` that arrives late,
 * behind the ClientHello, is no CCC, and neither is `421` from a server that never answered the ClientHello with TLS. In state tls it is the
 * client's alone. Text before the client
 * can have sent a command under TLS is no CCC either: the handshake failed, and nothing was ever protected.
 */
const TRANSITIONS = {
  cleartext: { "auth-command": "auth-requested", "tls-record": "tls-handshake" },
  "auth-requested": { "reply-234": "tls-expected", "negative-reply": "cleartext", "tls-record": "tls-handshake" },
  "tls-expected": { "tls-record": "tls-handshake", "cleartext-line": "cleartext" },
  "tls-handshake": { "tls-command": "tls", "cleartext-line": "cleartext" },
  tls: { "cleartext-line": "cleartext-after-ccc" },
  "cleartext-after-ccc": { "auth-command": "auth-requested", "tls-record": "tls-handshake" },
  unknown: { "tls-record": "tls", "cleartext-line": "cleartext" },
} as const satisfies Readonly<Record<string, Readonly<Partial<Record<SecurityInput, string>>>>>;

/** The joint state of a control connection's two directions. */
export type ControlSecurityState = keyof typeof TRANSITIONS;

/** What moves it. */
export type SecurityInput =
  | "auth-command"
  | "reply-234"
  | "negative-reply"
  | "tls-record"
  | "tls-command"
  | "cleartext-line";

/**
 * How the control connection was protected over its whole life (`control.security` of the report): TLS by AUTH (RFC 4217) or from the first byte, and
 * CCC after it (RFC 2228).
 */
export type Security =
  | "cleartext"
  | "explicit-tls"
  | "implicit-tls"
  | "explicit-tls-then-ccc"
  | "implicit-tls-then-ccc";

/** How a connection would have been protected on which nobody has said anything. */
export function unspokenSecurity(serverPort: number): Security {
  return serverPort === FTPS_PORT ? "implicit-tls" : "cleartext";
}

/** The state after `input` in `state`. */
export function nextSecurityState(state: ControlSecurityState, input: SecurityInput): ControlSecurityState {
  const row: Readonly<Partial<Record<SecurityInput, ControlSecurityState>>> = TRANSITIONS[state];
  return row[input] ?? state;
}

/** Length of an alert in TLS 1.3: level, description, content type, and 16 bytes of AEAD tag (RFC 8446 sections 5.2 and 6). */
const SEALED_ALERT_LENGTH = 19;

/** Runs the table over one control connection and remembers what {@link Security} needs. */
export class SecurityTracker {
  #state: ControlSecurityState;
  /** Told by the port: what a connection is without a word, and TLS that nobody is seen to have asked for where its beginning was not seen. */
  readonly #unspoken: Security;
  #beginningSeen: boolean;
  /** AUTH, or the 234 that grants it, was read: TLS behind it is explicit, whoever else spoke in the clear before. */
  #authSeen = false;
  /** Anything was read in the clear. */
  #spoken = false;
  #tls: "explicit-tls" | "implicit-tls" | undefined;
  #ccc = false;
  /** Directions that turned to TLS since the joint state last did. */
  #clientInTls = false;
  #serverInTls = false;
  /** Records of the client still to come before the one that can hold a command. */
  #beforeCommand = 0;

  /**
   * @param joinedMidstream the connection's first bytes are not in the capture
   * @param serverPort the server's port
   */
  constructor(joinedMidstream: boolean, serverPort: number) {
    this.#state = joinedMidstream ? "unknown" : "cleartext";
    this.#beginningSeen = !joinedMidstream;
    this.#unspoken = unspokenSecurity(serverPort);
  }

  /** The joint state now. */
  get state(): ControlSecurityState {
    return this.#state;
  }

  /**
   * The protection over the whole life so far. AUTH alone changes nothing, a TLS record does. Where nobody has said a word the port tells what would
   * have been spoken.
   */
  get security(): Security {
    if (this.#tls === undefined) return this.#spoken ? "cleartext" : this.#unspoken;
    return this.#ccc ? `${this.#tls}-then-ccc` : this.#tls;
  }

  /**
   * A direction turned to TLS: a record header where a line or nothing was before. A client of implicit TLS at a server that greets in the clear, and the
   * reverse, are implicit TLS that came to nothing, whoever of the two was first.
   */
  tlsBegan(direction: Direction): void {
    const unasked = !this.#authSeen && (this.#beginningSeen || this.#unspoken === "implicit-tls");
    this.#tls ??= unasked ? "implicit-tls" : "explicit-tls";
    if (!this.#isInTls) {
      this.#clientInTls = false;
      this.#serverInTls = false;
      this.#beforeCommand = 0;
    }
    if (direction === "client") this.#clientInTls = true;
    else this.#serverInTls = true;
    this.#move("tls-record");
  }

  /** A line in the clear. */
  line(direction: Direction): void {
    this.#spoken = true;
    // After CCC the client is the first to speak in the clear; a server that does so alone lost its TLS (vsftpd's `500 OOPS: …` to a client that is gone).
    if (this.#state === "tls" && direction === "server") return;
    if (this.#isInTls && !(direction === "client" ? this.#clientInTls : this.#serverInTls)) return;
    this.#move("cleartext-line");
    if (this.#state === "cleartext-after-ccc") this.#ccc = true;
    // TLS came to nothing, and the client goes on without it.
    if (this.#state === "cleartext" && direction === "client" && !this.#ccc) this.#tls = undefined;
  }

  /** The version that the server chose: in TLS 1.3 the client's Finished looks like application data and comes before any command. */
  serverHello(version: number): void {
    this.#beforeCommand = version >= TLS_1_3 ? 1 : 0;
  }

  /** A TLS record, by the fields of its header. */
  record(direction: Direction, contentType: number, length: number): void {
    if (direction === "server" || contentType !== CONTENT_TYPE.applicationData || length <= SEALED_ALERT_LENGTH) return;
    if (this.#beforeCommand > 0) this.#beforeCommand--;
    else this.#move("tls-command");
  }

  /** AUTH in the clear, after {@link line}. */
  authCommand(): void {
    this.#authSeen = true;
    this.#move("auth-command");
  }

  /** A reply in the clear, after {@link line}; the caller vouches that a negative one can answer the AUTH. */
  reply(code: number): void {
    if (code === 234) {
      this.#authSeen = true;
      this.#move("reply-234");
    } else if (code >= 400 && code < 600) this.#move("negative-reply");
  }

  /** Bytes are missing: what stood before the first TLS record is not known, nor whether a command was among them. */
  gap(): void {
    if (this.#tls === undefined) this.#beginningSeen = false;
    this.#move("tls-command");
  }

  get #isInTls(): boolean {
    return this.#state === "tls" || this.#state === "tls-handshake";
  }

  #move(input: SecurityInput): void {
    this.#state = nextSecurityState(this.#state, input);
  }
}
