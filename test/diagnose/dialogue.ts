import assert from "node:assert/strict";
import type { Control, DataChannel, Session } from "../../src/analysis.ts";
import { analyzeCapture } from "../../src/analyze.ts";
import type { CauseId } from "../../src/diagnose/causes.ts";
import type { ContributingCauseId } from "../../src/diagnose/contributing.ts";
import {
  CaptureBuilder,
  type CaptureOptions,
  type Connection,
  type ConnectOptions,
  type PacketNumber,
  type SegmentOptions,
  type Side,
} from "../support/capture-builder.ts";
import type { TlsHandshakeOptions, TlsVersion } from "../support/tls-records.ts";

/** Set-up that the tests of the causes share: an FTP session of a named server, and what is asserted of a verdict. */

export const CLIENT = "192.0.2.10";
export const SERVER = "203.0.113.5";
export const CLIENT6 = "2001:db8:1::10";
export const SERVER6 = "2001:db8:2::5";
/** A host that is neither of them. */
export const OTHER = "198.51.100.77";
export const ROUTER = "198.51.100.1";

/** What the servers say at the same point. */
export const SERVERS = {
  vsftpd: {
    greeting: "220 (vsFTPd 3.0.3)",
    password: "331 Please specify the password.",
    welcome: "230 Login successful.",
    pasv: (octets: string) => `227 Entering Passive Mode (${octets}).`,
    epsv: (port: number) => `229 Entering Extended Passive Mode (|||${port}|)`,
    port: "200 PORT command successful. Consider using PASV.",
    eprt: "200 EPRT command successful. Consider using EPSV.",
    list: "150 Here comes the directory listing.",
    sent: "226 Directory send OK.",
    connectFailed: "425 Failed to establish connection.",
  },
  proftpd: {
    greeting: "220 ProFTPD Server (Debian) [::ffff:203.0.113.5]",
    password: "331 Password required for alice",
    welcome: "230 User alice logged in",
    pasv: (octets: string) => `227 Entering Passive Mode (${octets}).`,
    epsv: (port: number) => `229 Entering Extended Passive Mode (|||${port}|)`,
    port: "200 PORT command successful",
    eprt: "200 EPRT command successful",
    list: "150 Opening ASCII mode data connection for file list",
    sent: "226 Transfer complete",
    connectFailed: "425 Unable to build data connection: Connection timed out",
  },
  "pure-ftpd": {
    greeting:
      "220---------- Welcome to Pure-FTPd [privsep] [TLS] ----------\r\n220 You will be disconnected after 15 minutes of inactivity.",
    password: "331 User alice OK. Password required",
    welcome: "230 OK. Current directory is /",
    pasv: (octets: string) => `227 Entering Passive Mode (${octets})`,
    epsv: (port: number) => `229 Extended Passive mode OK (|||${port}|)`,
    port: "200 PORT command successful",
    eprt: "200 PORT command successful",
    list: "150 Accepted data connection",
    sent: "226-Options: -a -l \r\n226 3 matches total",
    connectFailed: "425 No data connection",
  },
  pyftpdlib: {
    greeting: "220 pyftpdlib 1.5.7 ready.",
    password: "331 Username ok, send password.",
    welcome: "230 Login successful.",
    pasv: (octets: string) => `227 Entering passive mode (${octets}).`,
    epsv: (port: number) => `229 Entering extended passive mode (|||${port}|).`,
    port: "200 Active data connection established.",
    eprt: "200 Active data connection established.",
    list: "125 Data connection already open. Transfer starting.",
    sent: "226 Transfer complete.",
    connectFailed: "425 Can't connect to specified address.",
  },
} as const;

export type ServerName = keyof typeof SERVERS;

export interface DialogueOptions extends CaptureOptions {
  readonly client?: string;
  readonly server?: string;
  readonly port?: number;
  readonly software?: ServerName;
  /** What TTLs and round trips the control connection has. */
  readonly path?: Pick<ConnectOptions, "rttMs" | "clientTtl" | "serverTtl" | "mss">;
}

/** Packets of a command and of the replies to it. */
export interface Asked {
  readonly command: PacketNumber;
  /** The last reply. */
  readonly reply: PacketNumber;
  readonly replies: readonly PacketNumber[];
}

export interface DialOptions
  extends Partial<Pick<ConnectOptions, "rttMs" | "clientTtl" | "serverTtl" | "mss" | "serverIsn">> {
  /** The listener's address, where it is not the control connection's. */
  readonly address?: string;
  /** The dialler's address, where it is not the control connection's. */
  readonly from?: string;
}

/** One FTP session under construction. */
export class Dialogue {
  readonly net: CaptureBuilder;
  readonly control: Connection;
  readonly client: string;
  readonly server: string;
  readonly texts: (typeof SERVERS)[ServerName];
  #nextPort = 41000;

  constructor(options: DialogueOptions = {}) {
    this.net = new CaptureBuilder(options);
    this.client = options.client ?? CLIENT;
    this.server = options.server ?? SERVER;
    this.texts = SERVERS[options.software ?? "vsftpd"];
    this.control = this.net.connect({
      client: endpoint(this.client, 40000),
      server: endpoint(this.server, options.port ?? 21),
      ...options.path,
    });
  }

  /** Greeting, USER, PASS. */
  login(): this {
    this.control.server(`${this.texts.greeting}\r\n`);
    this.ask("USER alice", this.texts.password);
    this.ask("PASS secret", this.texts.welcome);
    return this;
  }

  /** Greeting, AUTH TLS, handshake, and the login under TLS with PBSZ and PROT P. */
  secureLogin(version: TlsVersion = "1.3", greeting: string = this.texts.greeting): this {
    this.control.server(`${greeting}\r\n`);
    this.ask("AUTH TLS", "234 Proceed with negotiation.");
    this.control.tls({ version });
    for (const [command, reply] of [
      ["USER alice", this.texts.password],
      ["PASS secret", this.texts.welcome],
      ["PBSZ 0", "200 PBSZ set to 0."],
      ["PROT P", "200 PROT now Private."],
    ])
      this.askSealed(command, [reply], version);
    return this;
  }

  /** CCC under TLS: the control connection can be read again. */
  clearAgain(): this {
    this.askSealed("CCC", ["200 Clearing control channel protection"]);
    this.control.closeNotify("server");
    this.control.closeNotify("client");
    return this;
  }

  /** A command and its replies, each in a segment of its own. */
  ask(command: string, ...replies: string[]): Asked {
    const asked = this.control.client(`${command}\r\n`);
    const numbers = replies.map((reply) => this.control.server(`${reply}\r\n`));
    return { command: asked, reply: numbers.at(-1) ?? 0, replies: numbers };
  }

  /** The same under TLS: only record lengths are seen. */
  askSealed(command: string, replies: readonly string[], version: TlsVersion = "1.3"): Asked {
    const asked = this.control.sealed("client", `${command}\r\n`, version);
    const numbers = replies.map((reply) => this.control.sealed("server", `${reply}\r\n`, version));
    return { command: asked, reply: numbers.at(-1) ?? 0, replies: numbers };
  }

  /** PASV, granted. */
  passive(port: number, address = this.server): Asked {
    return this.ask("PASV", this.texts.pasv(octets(address, port)));
  }

  /** EPSV, granted. */
  extended(port: number): Asked {
    return this.ask("EPSV", this.texts.epsv(port));
  }

  /** PORT, granted unless another reply is given. */
  active(port: number, address = this.client, reply: string = this.texts.port): Asked {
    return this.ask(`PORT ${octets(address, port)}`, reply);
  }

  /** EPRT, granted unless another reply is given. */
  extendedActive(port: number, address = this.client, reply: string = this.texts.eprt): Asked {
    return this.ask(`EPRT |${address.includes(":") ? 2 : 1}|${address}|${port}|`, reply);
  }

  /** The client's data connection to the server (passive mode). */
  dial(port: number, { address = this.server, from = this.client, ...options }: DialOptions = {}): Connection {
    return this.net.connect({
      client: endpoint(from, this.#nextPort++),
      server: endpoint(address, port),
      ...options,
    });
  }

  /** The server's data connection to the client (active mode). */
  dialBack(port: number, { address = this.client, from = this.server, ...options }: DialOptions = {}): Connection {
    return this.net.connect({
      client: endpoint(address, port),
      server: endpoint(from, this.#nextPort++),
      originator: "server",
      ...options,
    });
  }

  /** Ends of an attempt, for `net.synUnanswered` and `net.synRefused`. */
  ends(port: number, { address, from }: DialOptions = {}, originator: Side = "client") {
    return originator === "client"
      ? {
          client: endpoint(from ?? this.client, this.#nextPort++),
          server: endpoint(address ?? this.server, port),
          originator,
        }
      : {
          client: endpoint(address ?? this.client, port),
          server: endpoint(from ?? this.server, this.#nextPort++),
          originator,
        };
  }

  /** LIST over an open data connection, with a listing of `length` bytes. */
  list(data: Connection, length = 300): Asked {
    const command = this.control.client("LIST\r\n");
    const first = this.control.server(`${this.texts.list}\r\n`);
    if (length > 0) data.serverData(length);
    data.finish("server");
    const reply = this.control.server(`${this.texts.sent}\r\n`);
    return { command, reply, replies: [first, reply] };
  }

  quit(): this {
    this.ask("QUIT", "221 Goodbye.");
    this.control.finish("server");
    return this;
  }

  quitSealed(): this {
    this.askSealed("QUIT", ["221 Goodbye."]);
    this.control.finish("server");
    return this;
  }

  /** Lets seconds pass. */
  pause(seconds: number): this {
    this.net.wait(seconds * 1000);
    return this;
  }

  /** Lets seconds pass, at whose end the capture still goes on: with a packet that is nobody's. */
  watch(seconds: number): this {
    this.pause(seconds).net.udp({ from: "192.0.2.77:5000", to: "192.0.2.1:53", payload: "x" });
    return this;
  }

  /** What was sent to this port, by whomever, was not captured (IPv4). */
  loseSentTo(port: number): this {
    this.net.edit((packets) =>
      packets.filter(({ datagram }) => !(datagram[9] === 6 && datagram[22] * 256 + datagram[23] === port)),
    );
    return this;
  }

  /** The one session of the capture as analysed. */
  session(): Session {
    const { sessions } = analyzeCapture(this.net.build());
    assert.equal(sessions.length, 1, "one session");
    return sessions[0];
  }

  /** Its data channels. */
  channels(): readonly DataChannel[] {
    return this.session().dataChannels;
  }

  /** The only data channel. */
  channel(): DataChannel {
    const channels = this.channels();
    assert.equal(channels.length, 1, "one channel");
    return channels[0];
  }
}

/** A TLS handshake and its end on a data connection. */
export function tlsListing(data: Connection, length: number, options: TlsHandshakeOptions = {}): void {
  data.tls(options);
  if (length > 0) data.sealed("server", length, options.version);
  data.closeNotify("server", options.version);
  data.fin("server");
  data.closeNotify("client", options.version);
  data.fin("client");
  data.ack("server");
}

export function endpoint(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** `h1,h2,h3,h4,p1,p2` of RFC 959. */
export function octets(address: string, port: number): string {
  return `${address.replaceAll(".", ",")},${port >> 8},${port & 0xff}`;
}

const RANK = { possible: 0, likely: 1, certain: 2 } as const;

/** The highest confidence that one capture point gives. */
const CEILING: Readonly<Record<CauseId, keyof typeof RANK>> = {
  "pasv-private-address": "certain",
  "pasv-unusable-address": "certain",
  "pasv-wrong-address": "likely",
  "port-private-address": "certain",
  "port-refused": "certain",
  "epsv-refused": "certain",
  "pasv-refused": "certain",
  "passive-ports-exhausted": "likely",
  "negotiation-blocked": "likely",
  "negotiation-dropped-by-helper": "likely",
  "data-not-negotiated": "certain",
  "data-port-filtered": "likely",
  "data-port-rejected": "certain",
  "icmp-prohibited": "certain",
  "active-inbound-blocked": "likely",
  "active-inbound-rejected": "certain",
  "syn-not-seen": "likely",
  "data-peer-mismatch": "certain",
  "data-port-translated": "possible",
  "data-protection-required": "certain",
  "tls-session-reuse-required": "certain",
  "data-tls-handshake-failed": "certain",
  "data-connection-reset": "likely",
  "data-stalled": "likely",
  "mtu-blackhole": "likely",
  "transfer-truncated": "likely",
  "control-port-filtered": "likely",
  "control-port-rejected": "certain",
  "control-icmp-prohibited": "certain",
  "auth-tls-blocked": "likely",
  "auth-tls-refused": "certain",
  "login-failed": "certain",
  "control-connection-lost": "possible",
  "control-idle-timeout": "likely",
  "server-busy": "certain",
};

export interface ExpectedVerdict {
  readonly outcome: "failed" | "refused";
  readonly cause: CauseId;
  readonly confidence: keyof typeof RANK;
  /** Packet numbers, in the order of the evidence. */
  readonly evidence: readonly PacketNumber[];
  readonly contributing?: readonly ContributingCauseId[];
  readonly alternatives?: readonly CauseId[];
  /** Something that the evidence must say. */
  readonly says?: RegExp | readonly RegExp[];
  /** What the first line of the remedy must say. */
  readonly remedy?: RegExp;
}

/** Asserts the whole verdict on a data channel or on a control connection. */
export function shows(judged: DataChannel | Control, expected: ExpectedVerdict): void {
  const { outcome, cause, confidence, evidence, remedy, alternatives } = judged;
  const told = evidence.map(({ packet, says }) => `${packet}: ${says}`).join("\n");
  assert.deepEqual({ outcome, cause }, { outcome: expected.outcome, cause: expected.cause }, told);
  assert.equal(confidence, expected.confidence, told);
  assert.ok(RANK[expected.confidence] <= RANK[CEILING[expected.cause]], "not above the ceiling");
  assert.deepEqual(
    evidence.map(({ packet }) => packet),
    expected.evidence,
    told,
  );
  for (const { says } of evidence) assert.doesNotMatch(says, /undefined|null|NaN|Infinity|\b-\d|TTL 0\b/, told);
  for (const pattern of [expected.says ?? []].flat()) assert.match(told, pattern);
  assert.ok(remedy.length > 0 && remedy.every((line) => line.length > 0), "a remedy");
  if (expected.remedy) assert.match(remedy[0], expected.remedy);
  for (const { cause: other, missing } of alternatives) {
    assert.notEqual(other, cause);
    assert.ok(missing.length > 0);
  }
  if (expected.alternatives)
    assert.deepEqual(
      alternatives.map((alternative) => alternative.cause),
      expected.alternatives,
    );
  if ("contributing" in judged) assert.deepEqual(judged.contributing, expected.contributing ?? [], "contributing");
}

/** Asserts that nobody is blamed on the channel (`ok` and the like), or that another cause is. */
export function judges(
  judged: DataChannel | Control,
  outcome: DataChannel["outcome"],
  cause: CauseId | null = null,
): void {
  const told = judged.evidence.map(({ packet, says }) => `${packet}: ${says}`).join("\n");
  assert.deepEqual({ outcome: judged.outcome, cause: judged.cause }, { outcome, cause }, told);
}

/** Options of a RST that a device on the way forged: nearer by hops, with its own IP-ID. */
export const FORGED: SegmentOptions = { ttl: 62, ipId: 0x4d2, window: 0 };
