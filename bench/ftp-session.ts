import { addressText, type Host } from "./capture-writer.ts";
import { type Actor, Connection, type End, FULL_SEGMENT, type Timeline } from "./traffic.ts";
import type { ChannelTruth, SessionTruth } from "./truth.ts";

/** What goes wrong at the end of a session. */
export type Trouble =
  | "filtered"
  | "rejected"
  | "prohibited"
  | "private-address"
  | "inbound-blocked"
  | "reset"
  | "not-dialled"
  | "login";

/** By how they are told apart; a private address is none of IPv6. */
const TROUBLES: readonly Trouble[] = [
  ...["filtered", "rejected", "prohibited", "inbound-blocked", "reset", "not-dialled", "login"],
  "private-address",
] as readonly Trouble[];

/** The cause that is expected of each: the cause is set up here, so it is known. */
const CAUSE_OF = {
  filtered: "data-port-filtered",
  rejected: "data-port-rejected",
  prohibited: "icmp-prohibited",
  "private-address": "pasv-private-address",
  "inbound-blocked": "active-inbound-blocked",
  reset: "data-connection-reset",
  "not-dialled": "syn-not-seen",
  login: "login-failed",
} as const satisfies Record<Trouble, string>;

/** One session before it happens. */
export interface SessionPlan {
  readonly client: Host;
  readonly server: Host;
  /** 21 unless said otherwise. */
  readonly serverPort?: number;
  readonly transfers: number;
  /** Bytes of a transfer, from … to. */
  readonly sizes: readonly [number, number];
  readonly trouble: Trouble | null;
  /** Between the opening of the control connection and the greeting, microseconds; 0 unless said otherwise. */
  readonly greetingDelay?: number;
  /** Longest pause before a command, microseconds. */
  readonly pause?: number;
}

const CONTROL_PORT = 21;
const DATA_PORT = 20;
const [FIRST_PASSIVE_PORT, LAST_PASSIVE_PORT] = [49_152, 65_000];
const [FIRST_CLIENT_PORT, LAST_CLIENT_PORT] = [10_000, 48_000];
/** The router that says "prohibited". */
const ROUTER: Host = 0x5dbe4601;
const PRIVATE_SERVER: Host = 0x0a141e28;

/** The FTP clients and servers of a capture, and what is true of their sessions. */
export class FtpTraffic {
  readonly timeline: Timeline;
  readonly truths: SessionTruth[] = [];
  readonly #ipVersion: 4 | 6;
  readonly #clientPorts = new Map<Host, number>();
  readonly #passivePorts = new Map<Host, number>();
  #asked = 0;

  constructor(timeline: Timeline) {
    this.timeline = timeline;
    this.#ipVersion = timeline.writer.form.ipVersion;
  }

  /** Of so many sessions one gets a trouble, each time the next one. */
  troubleOneIn(times: number): Trouble | null {
    const turn = this.#asked++;
    if (turn % times !== 0) return null;
    const troubles = this.#ipVersion === 6 ? TROUBLES.slice(0, -1) : TROUBLES;
    return troubles[(turn / times) % troubles.length]!;
  }

  /** One session, from its SYN to its FIN. */
  *session(plan: SessionPlan): Actor {
    const { client, server, serverPort = CONTROL_PORT, trouble, greetingDelay = 0 } = plan;
    const clientPort = this.#clientPort(client);
    const control = new Connection(this.timeline, client, clientPort, server, serverPort);
    const truth: SessionTruth = {
      client: `${addressText(client, this.#ipVersion)} ${clientPort}`,
      server: `${addressText(server, this.#ipVersion)} ${serverPort}`,
      cause: trouble === "login" ? CAUSE_OF.login : null,
      channels: [],
    };
    this.truths.push(truth);
    const talk = new Talk(this.timeline, control, plan.pause ?? 20_000);
    yield* control.open();
    yield greetingDelay;
    yield* control.say("responder", "220 bench FTP server ready.\r\n");
    yield* talk.ask("USER bench", "331 Please specify the password.");
    if (trouble === "login") yield* talk.ask("PASS guess", "530 Login incorrect.");
    else {
      yield* talk.ask("PASS bench", "230 Login successful.");
      yield* talk.ask("PWD", '257 "/" is the current directory');
      yield* talk.ask("TYPE I", "200 Switching to Binary mode.");
      for (let done = 0; done < plan.transfers; done++) truth.channels.push(yield* this.#transfer(plan, talk));
      if (trouble) truth.channels.push(yield* this.#fail(trouble, plan, talk));
    }
    yield* talk.ask("QUIT", "221 Goodbye.");
    yield* control.close("responder");
  }

  /** A session that is open while `conversation` goes on in it. */
  *longSession(client: Host, server: Host, conversation: (talk: Talk, truth: SessionTruth) => Actor): Actor {
    const clientPort = this.#clientPort(client);
    const control = new Connection(this.timeline, client, clientPort, server, CONTROL_PORT);
    const truth: SessionTruth = {
      client: `${addressText(client, this.#ipVersion)} ${clientPort}`,
      server: `${addressText(server, this.#ipVersion)} ${CONTROL_PORT}`,
      cause: null,
      channels: [],
    };
    this.truths.push(truth);
    const talk = new Talk(this.timeline, control, 2_000);
    yield* control.open();
    yield* control.say("responder", "220 bench FTP server ready.\r\n");
    yield* talk.ask("USER bench", "331 Please specify the password.");
    yield* talk.ask("PASS bench", "230 Login successful.");
    yield* conversation(talk, truth);
    yield* talk.ask("QUIT", "221 Goodbye.");
    yield* control.close("responder");
  }

  /** One passive transfer within a session. */
  *passiveTransfer(client: Host, server: Host, talk: Talk, bytes: number): Generator<number, ChannelTruth, void> {
    const { verb, port } = yield* this.#passive(server, talk, server, "EPSV");
    const data = new Connection(this.timeline, client, this.#clientPort(client), server, port);
    yield* data.open();
    return yield* this.#carry(talk, data, "responder", verb, port, "RETR", bytes);
  }

  *#transfer({ client, server, sizes }: SessionPlan, talk: Talk): Generator<number, ChannelTruth, void> {
    const { chance } = this.timeline;
    const bytes = chance.between(...sizes);
    const transferVerb = chance.pick(["RETR", "RETR", "RETR", "STOR", "LIST"]);
    if (chance.oneIn(5)) {
      const { verb, port } = yield* this.#active(client, talk);
      const data = new Connection(this.timeline, server, DATA_PORT, client, port);
      const sender: End = transferVerb === "STOR" ? "responder" : "originator";
      return yield* this.#carry(talk, data, sender, verb, port, transferVerb, bytes, true);
    }
    const { verb, port } = yield* this.#passive(server, talk, server);
    const data = new Connection(this.timeline, client, this.#clientPort(client), server, port);
    yield* data.open();
    const sender: End = transferVerb === "STOR" ? "originator" : "responder";
    return yield* this.#carry(talk, data, sender, verb, port, transferVerb, bytes);
  }

  /** The transfer command, its bytes and its 226. `dials`: the connection is opened when the command was given. */
  *#carry(
    talk: Talk,
    data: Connection,
    sender: End,
    verb: string,
    port: number,
    transferVerb: string,
    bytes: number,
    dials = false,
  ): Generator<number, ChannelTruth, void> {
    const opening = `150 Opening BINARY mode data connection for file.bin${transferVerb === "RETR" ? ` (${bytes} bytes)` : ""}.`;
    if (dials) {
      yield* talk.command(`${transferVerb} file.bin`);
      yield* data.open();
      yield* talk.reply(opening);
    } else yield* talk.ask(`${transferVerb} file.bin`, opening);
    yield* data.carry(sender, bytes);
    yield* data.close(sender);
    yield* talk.reply("226 Transfer complete.");
    return { verb, transferVerb, port, outcome: "ok", cause: null, bytes };
  }

  *#fail(trouble: Trouble, { client, server }: SessionPlan, talk: Talk): Generator<number, ChannelTruth, void> {
    const cause = CAUSE_OF[trouble];
    const failed = (verb: string, port: number, transferVerb: string | null): ChannelTruth => {
      return { verb, transferVerb, port, outcome: "failed", cause, bytes: null };
    };
    if (trouble === "inbound-blocked") {
      const { verb, port } = yield* this.#active(client, talk);
      yield* talk.command("RETR file.bin");
      yield* new Connection(this.timeline, server, DATA_PORT, client, port).knock();
      yield* talk.reply("425 Failed to establish connection.");
      return failed(verb, port, "RETR");
    }
    const named = trouble === "private-address" ? PRIVATE_SERVER : server;
    const { verb, port } = yield* this.#passive(
      server,
      talk,
      named,
      trouble === "private-address" ? "PASV" : undefined,
    );
    if (trouble === "not-dialled") {
      yield* talk.command("RETR file.bin");
      yield 10_000_000;
      yield* talk.reply("425 Failed to establish connection.");
      return failed(verb, port, "RETR");
    }
    const data = new Connection(this.timeline, client, this.#clientPort(client), named, port);
    if (trouble === "rejected") yield* data.refused();
    else if (trouble === "prohibited") yield* data.prohibited(ROUTER);
    else if (trouble !== "reset") yield* data.knock();
    else {
      yield* data.open();
      yield* talk.ask("RETR file.bin", "150 Opening BINARY mode data connection for file.bin (900000 bytes).");
      yield* data.carry("responder", 20 * FULL_SEGMENT);
      data.reset("responder");
      yield 2_000;
      yield* talk.reply("426 Failure writing network stream.");
      return failed(verb, port, "RETR");
    }
    return failed(verb, port, null);
  }

  *#passive(
    server: Host,
    talk: Talk,
    named: Host,
    wanted?: "PASV" | "EPSV",
  ): Generator<number, { verb: string; port: number }, void> {
    const port = nextPort(this.#passivePorts, server, FIRST_PASSIVE_PORT, LAST_PASSIVE_PORT);
    const verb = this.#ipVersion === 6 ? "EPSV" : (wanted ?? this.timeline.chance.pick(["PASV", "PASV", "EPSV"]));
    if (verb === "EPSV") yield* talk.ask(verb, `229 Entering Extended Passive Mode (|||${port}|)`);
    else yield* talk.ask(verb, `227 Entering Passive Mode (${portText(named, port)}).`);
    return { verb, port };
  }

  *#active(client: Host, talk: Talk): Generator<number, { verb: string; port: number }, void> {
    const port = this.#clientPort(client);
    const verb = this.#ipVersion === 6 || this.timeline.chance.oneIn(4) ? "EPRT" : "PORT";
    const family = this.#ipVersion === 6 ? 2 : 1;
    const argument =
      verb === "EPRT" ? `|${family}|${addressText(client, this.#ipVersion)}|${port}|` : portText(client, port);
    yield* talk.ask(`${verb} ${argument}`, `200 ${verb} command successful.`);
    return { verb, port };
  }

  #clientPort(client: Host): number {
    return nextPort(this.#clientPorts, client, FIRST_CLIENT_PORT, LAST_CLIENT_PORT);
  }
}

/** A control connection on which commands are answered. */
export class Talk {
  readonly #timeline: Timeline;
  readonly #control: Connection;
  readonly #pause: number;

  constructor(timeline: Timeline, control: Connection, pause: number) {
    this.#timeline = timeline;
    this.#control = control;
    this.#pause = pause;
  }

  /** A command and its reply. */
  *ask(command: string, reply: string): Actor {
    yield* this.command(command);
    yield* this.reply(reply);
  }

  /** A command, after a pause. */
  *command(command: string): Actor {
    yield this.#timeline.chance.between(100, this.#pause);
    yield* this.#control.say("originator", `${command}\r\n`);
  }

  *reply(reply: string): Actor {
    yield* this.#control.say("responder", `${reply}\r\n`);
  }

  /** Bytes of a line that does not end. */
  *drone(bytes: Uint8Array): Actor {
    yield* this.#control.say("originator", bytes);
  }
}

/** The argument of PORT and 227 (RFC 959). */
function portText(host: Host, port: number): string {
  return [host >>> 24, (host >>> 16) & 255, (host >>> 8) & 255, host & 255, port >> 8, port & 255].join(",");
}

function nextPort(ports: Map<Host, number>, host: Host, first: number, last: number): number {
  const port = ports.get(host) ?? first;
  ports.set(host, port === last ? first : port + 1);
  return port;
}
