import type { Host } from "./capture-writer.ts";
import type { FtpTraffic, SessionPlan, Trouble } from "./ftp-session.ts";
import { type Actor, Connection, FULL_SEGMENT, type Timeline } from "./traffic.ts";

/** What happens in each kind of capture. */
export interface Kind {
  readonly what: string;
  /** What an amount counts. */
  readonly unit: string;
  /** The amount where none is given. */
  readonly amount: number;
  /** Starts the kind's actors. */
  readonly begin: (ftp: FtpTraffic, amount: number) => void;
  /** The report must have one finding with one of these ids. */
  readonly finding?: readonly string[];
  /** Made to be expensive: measured at the amount and at twice that. */
  readonly stress?: true;
}

const MEGABYTE = 1_000_000;
/** Microseconds. */
const SECOND = 1_000_000;
const FTP_CLIENTS: Host = 0x59f70000;
const FTP_SERVERS: Host = 0x5dbe4610;
const WEB_CLIENTS: Host = 0x0a100000;
const WEB_SERVERS: Host = 0xc6120000;
const NAME_SERVER: Host = 0x0a000035;
const SCANNED: Host = 0xc6130000;
const FLOODED: Host = 0xc6120001;
const SCANNERS: Host = 0x2d9e0000;
/** No protocol of its own is known there. */
const CALL_PORT = 31_234;
/** Ports that are FTP's: a background scan that met them would be a session or a finding, by chance. */
const FTP_PORTS: ReadonlySet<number> = new Set([21, 990, 2121]);

export const KINDS = {
  mixed: {
    what: "an office's traffic at an uplink, with an FTP session in every 4 MB",
    unit: "MB",
    amount: 1_000,
    begin(ftp, megabytes) {
      const { timeline } = ftp;
      const end = megabytes * MEGABYTE;
      for (let slot = 0; slot < Math.min(megabytes, 1_000); slot++)
        timeline.start(background(timeline, end), timeline.chance.between(0, SECOND));
      timeline.start(sessionsByLength(ftp, end, 4 * MEGABYTE, 5, { transfers: [1, 4], sizes: [2_000, 1_500_000] }));
    },
  },
  "ftp-heavy": {
    what: "bulk transfers, eight sessions at once",
    unit: "MB",
    amount: 1_000,
    begin(ftp, megabytes) {
      const { timeline } = ftp;
      for (let slot = 0; slot < 8; slot++)
        timeline.start(bulkSessions(ftp, megabytes * MEGABYTE), timeline.chance.between(0, SECOND));
    },
  },
  small: {
    what: "small packets: a SYN flood, a scan, names, chatter, and two FTP sessions in every MB",
    unit: "MB",
    amount: 200,
    begin(ftp, megabytes) {
      const { timeline } = ftp;
      const end = megabytes * MEGABYTE;
      timeline.start(flood(timeline, () => timeline.writer.length < end, FLOODED, 8, 80, 12));
      for (let scanner = 0; scanner < 20; scanner++)
        timeline.start(randomScan(timeline, end, SCANNERS + scanner), timeline.chance.between(0, 1000));
      for (let talker = 0; talker < 20; talker++)
        timeline.start(chatter(timeline, end), timeline.chance.between(0, SECOND));
      timeline.start(names(timeline, end));
      timeline.start(
        sessionsByLength(ftp, end, Math.min(MEGABYTE / 2, end / 45), 5, { transfers: [1, 2], sizes: [200, 4_000] }),
      );
    },
  },
  "control-only": {
    what: "sessions without data channels, 3,200 of them a second",
    unit: "sessions",
    amount: 40_000,
    begin(ftp, sessions) {
      ftp.timeline.start(loginsOnly(ftp, sessions));
    },
  },
  "syn-flood-on-21": {
    what: "a SYN flood from forged addresses on port 21 of one server, beside 20 sessions with others",
    unit: "SYNs",
    amount: 500_000,
    stress: true,
    finding: ["scan", "flood", "syn-flood"],
    begin(ftp, syns) {
      const { timeline } = ftp;
      let left = syns;
      timeline.start(flood(timeline, () => left-- > 0, FTP_SERVERS + 200, 1, 21, 10));
      twentySessions(ftp);
    },
  },
  "scan-of-all-ports": {
    what: "one host tries all ports of one host after the other, half of them answered by RST, beside 20 sessions",
    unit: "SYNs",
    amount: 500_000,
    stress: true,
    finding: ["scan"],
    begin(ftp, syns) {
      ftp.timeline.start(portScan(ftp.timeline, syns));
      twentySessions(ftp);
    },
  },
  "clients-failing-at-once": {
    what: "clients whose data connections are all filtered, in the same ten seconds",
    unit: "clients",
    amount: 50_000,
    stress: true,
    begin(ftp, clients) {
      const { timeline } = ftp;
      for (let client = 0; client < clients; client++) {
        const server = FTP_SERVERS + (client % 8);
        const plan = {
          client: FTP_CLIENTS + client,
          server,
          transfers: 0,
          sizes: [0, 0],
          trouble: "filtered",
        } as const;
        timeline.start(ftp.session(plan), timeline.chance.between(0, 10 * SECOND));
      }
    },
  },
  "many-commands": {
    what: "one session with so many commands",
    unit: "commands",
    amount: 1_000_000,
    stress: true,
    begin(ftp, commands) {
      ftp.timeline.start(
        ftp.longSession(FTP_CLIENTS, FTP_SERVERS, function* (talk) {
          for (let command = 0; command < commands; command++) yield* talk.ask("NOOP", "200 NOOP ok.");
        }),
      );
    },
  },
  "many-data-connections": {
    what: "one session with so many downloads",
    unit: "connections",
    amount: 100_000,
    stress: true,
    begin(ftp, connections) {
      const { chance } = ftp.timeline;
      ftp.timeline.start(
        ftp.longSession(FTP_CLIENTS, FTP_SERVERS, function* (talk, { channels }) {
          for (let connection = 0; connection < connections; connection++)
            channels.push(yield* ftp.passiveTransfer(FTP_CLIENTS, FTP_SERVERS, talk, chance.between(100, 900)));
        }),
      );
    },
  },
  "endless-line": {
    what: "one session, in which the client sends one line so long, between two downloads",
    unit: "MB",
    amount: 500,
    stress: true,
    begin(ftp, megabytes) {
      // Lower case letters: no byte that ends a line.
      const line = ftp.timeline.noise(FULL_SEGMENT).map((byte) => 0x61 + (byte & 15));
      ftp.timeline.start(
        ftp.longSession(FTP_CLIENTS, FTP_SERVERS, function* (talk, { channels }) {
          channels.push(yield* ftp.passiveTransfer(FTP_CLIENTS, FTP_SERVERS, talk, 1000));
          for (let sent = 0; sent < megabytes * MEGABYTE; sent += FULL_SEGMENT) yield* talk.drone(line);
          yield* talk.ask("", "500 Unknown command.");
          channels.push(yield* ftp.passiveTransfer(FTP_CLIENTS, FTP_SERVERS, talk, 1000));
        }),
      );
    },
  },
  "late-greeting-under-flood": {
    what: "sessions on port 7021, known by their greeting only, which comes 0.1 to 3 s after the SYN, under a flood of 100,000 SYNs a second on 4,000 hosts",
    unit: "sessions",
    amount: 100,
    stress: true,
    begin(ftp, sessions) {
      const { timeline } = ftp;
      const { chance } = timeline;
      const lasting = sessions * 100_000;
      timeline.start(flood(timeline, () => timeline.now < lasting + 4 * SECOND, FLOODED, 4_000, 80, 10));
      for (let session = 0; session < sessions; session++) {
        const ends = { client: FTP_CLIENTS + session, server: FTP_SERVERS + chance.between(0, 40), serverPort: 7021 };
        const greetingDelay = chance.between(100_000, 3 * SECOND);
        const plan = { ...ends, greetingDelay, transfers: 1, sizes: [200, 4_000], trouble: null } as const;
        timeline.start(ftp.session(plan), chance.between(0, lasting));
      }
    },
  },
} as const satisfies Record<string, Kind>;

export type KindName = keyof typeof KINDS;

/** A session each time the capture has grown by `step` bytes; one in `times` has a trouble. */
function* sessionsByLength(
  ftp: FtpTraffic,
  end: number,
  step: number,
  times: number,
  range: { readonly transfers: readonly [number, number]; readonly sizes: readonly [number, number] },
): Actor {
  const { timeline } = ftp;
  const { writer } = timeline;
  for (let next = 0; next < end; next += step) {
    while (writer.length < next) yield 1_000;
    timeline.start(ftp.session(somePlan(ftp, range, ftp.troubleOneIn(times))));
  }
}

function somePlan(
  { timeline: { chance } }: FtpTraffic,
  { transfers, sizes }: { readonly transfers: readonly [number, number]; readonly sizes: readonly [number, number] },
  trouble: Trouble | null,
): SessionPlan {
  return {
    client: FTP_CLIENTS + chance.between(1, 4_000),
    server: FTP_SERVERS + chance.between(0, 40),
    transfers: chance.between(...transfers),
    sizes,
    trouble,
  };
}

function* bulkSessions(ftp: FtpTraffic, end: number): Actor {
  const { writer } = ftp.timeline;
  while (writer.length < end) {
    const largest = Math.max(20_000, Math.min(20 * MEGABYTE, end / 40));
    const range = { transfers: [1, 3], sizes: [largest / 20, Math.round(largest)] } as const;
    yield* ftp.session(somePlan(ftp, range, ftp.troubleOneIn(10)));
  }
}

function* loginsOnly(ftp: FtpTraffic, sessions: number): Actor {
  const { timeline } = ftp;
  for (let session = 0; session < sessions; session++) {
    const ends = { client: FTP_CLIENTS + (session % 60_000), server: FTP_SERVERS + (session % 16) };
    const trouble = timeline.chance.oneIn(20) ? "login" : null;
    timeline.start(ftp.session({ ...ends, transfers: 0, sizes: [0, 0], trouble, pause: 300_000 }));
    yield 312;
  }
}

function twentySessions(ftp: FtpTraffic): void {
  for (let session = 0; session < 20; session++) {
    const plan = somePlan(ftp, { transfers: [1, 2], sizes: [200, 20_000] }, session < 5 ? "filtered" : null);
    ftp.timeline.start(ftp.session(plan), ftp.timeline.chance.between(0, 4 * SECOND));
  }
}

/** One user after the other: web, names, calls, and attempts that come to nothing. */
function* background(timeline: Timeline, end: number): Actor {
  const { chance, writer } = timeline;
  while (writer.length < end) {
    const client = WEB_CLIENTS + chance.between(1, 4_000);
    const server = WEB_SERVERS + chance.between(1, 3_000);
    const port = chance.between(49_152, 65_000);
    const what = chance.between(0, 99);
    if (what < 70) yield* web(timeline, client, port, server, end);
    else if (what < 85) yield* ask(timeline, client, port);
    else if (what < 94) yield* call(timeline, client, port, server);
    else if (what < 97) yield* new Connection(timeline, client, port, server, chance.between(3_000, 9_000)).refused();
    else yield* new Connection(timeline, client, port, server, chance.between(3_000, 9_000)).knock();
    yield chance.between(10_000, 2 * SECOND);
  }
}

/** A TLS connection to a web server: requests, and answers of many sizes, as long as the capture is not full. */
function* web(timeline: Timeline, client: Host, clientPort: number, server: Host, end: number): Actor {
  const { chance, writer } = timeline;
  const connection = new Connection(timeline, client, clientPort, server, chance.pick([443, 443, 443, 80, 8080]));
  yield* connection.open();
  for (let requests = chance.between(1, 6); requests > 0 && writer.length < end; requests--) {
    yield* connection.say("originator", timeline.noise(chance.between(200, 900)));
    const size = chance.between(0, 99);
    const most = size < 50 ? 3_000 : size < 85 ? 50_000 : size < 99 ? 400_000 : 6_000_000;
    yield* connection.carry("responder", Math.min(chance.between(200, most), Math.round(end / 100)));
    yield chance.between(100_000, 3 * SECOND);
  }
  yield* connection.close("originator");
}

/** A name asked and answered (RFC 1035): an A record of `www.example`. */
function* ask(timeline: Timeline, client: Host, clientPort: number): Actor {
  const { chance, writer } = timeline;
  const id = chance.between(0, 0xffff);
  writer.udp(timeline.now, client, clientPort, NAME_SERVER, 53, nameMessage(id, 0x0100, 0));
  yield chance.between(300, 20_000);
  writer.udp(timeline.now, NAME_SERVER, 53, client, clientPort, nameMessage(id, 0x8180, 1));
}

const QUESTION = Buffer.from("\x03www\x07example\0\0\x01\0\x01", "latin1");
const ANSWER = Buffer.from("\xc0\x0c\0\x01\0\x01\0\0\x0e\x10\0\x04\xc6\x12\0\x01", "latin1");

function nameMessage(id: number, flags: number, answers: 0 | 1): Uint8Array {
  const header = Buffer.alloc(12);
  for (const [index, word] of [id, flags, 1, answers].entries()) header.writeUInt16BE(word, 2 * index);
  return Buffer.concat(answers === 1 ? [header, QUESTION, ANSWER] : [header, QUESTION]);
}

/** A call: small datagrams every 20 ms, both ways. */
function* call(timeline: Timeline, client: Host, clientPort: number, server: Host): Actor {
  for (let left = timeline.chance.between(50, 800); left > 0; left--) {
    timeline.writer.udp(timeline.now, client, clientPort, server, CALL_PORT, timeline.noise(172));
    yield 10_000;
    timeline.writer.udp(timeline.now, server, CALL_PORT, client, clientPort, timeline.noise(172));
    yield 10_000;
  }
}

/** SYNs from forged addresses to one port of `targets` hosts, as long as `goesOn`. @param pause microseconds between two */
function* flood(
  timeline: Timeline,
  goesOn: () => boolean,
  target: Host,
  targets: number,
  port: number,
  pause: number,
): Actor {
  const { chance } = timeline;
  while (goesOn()) {
    const source = chance.between(0x0b00_0000, 0xdfff_ffff);
    const to = target + (targets > 1 ? chance.between(0, targets - 1) : 0);
    new Connection(timeline, source, chance.between(1024, 65_535), to, port).syn();
    yield pause;
  }
}

/** SYNs to random ports of random hosts, some answered by RST; never to one of FTP's. */
function* randomScan(timeline: Timeline, end: number, scanner: Host): Actor {
  const { chance, writer } = timeline;
  while (writer.length < end) {
    const port = chance.between(1, 65_535);
    const target = SCANNED + chance.between(1, 60_000);
    const attempt = new Connection(timeline, scanner, chance.between(1024, 65_535), target, port);
    if (FTP_PORTS.has(port)) continue;
    attempt.syn();
    yield 150;
    if (chance.oneIn(4)) attempt.reset("responder");
    yield 300;
  }
}

/** Every port of one host after the other, port 1 first. */
function* portScan(timeline: Timeline, syns: number): Actor {
  for (let tried = 0; tried < syns; tried++) {
    const [host, port] = [Math.floor(tried / 65_535), 1 + (tried % 65_535)];
    const attempt = new Connection(timeline, SCANNERS, 40_000 + (tried % 20_000), FTP_SERVERS + 100 + host, port);
    attempt.syn();
    yield 20;
    if (tried % 2 === 0) attempt.reset("responder");
    yield 20;
  }
}

/** Long connections of keystrokes. */
function* chatter(timeline: Timeline, end: number): Actor {
  const { chance, writer } = timeline;
  while (writer.length < end) {
    const ends = [WEB_CLIENTS + chance.between(1, 4_000), chance.between(49_152, 65_000)] as const;
    const connection = new Connection(timeline, ...ends, WEB_SERVERS + chance.between(300, 3_000), 22_022);
    yield* connection.open();
    for (let keys = chance.between(10, 60); keys > 0; keys--) {
      yield* connection.say(keys % 2 ? "originator" : "responder", timeline.noise(chance.between(16, 64)));
      yield chance.between(500, 3_000);
    }
    yield* connection.close("originator");
  }
}

/** Names asked, one after the other. */
function* names(timeline: Timeline, end: number): Actor {
  const { chance, writer } = timeline;
  while (writer.length < end) {
    yield* ask(timeline, WEB_CLIENTS + chance.between(1, 4_000), chance.between(49_152, 65_000));
    yield 200;
  }
}
