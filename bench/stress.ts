/**
 * `npx tsx bench/stress.ts [CASE …]`: captures made to be expensive, each at n and 2n, each in a process of its own. Prints CPU seconds of the
 * analysis with its NDJSON report, their ratio (2 is linear), and the peak memory. The captures are never written: chunks come as they are made.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Session } from "../src/analysis.ts";
import { createAnalyzer } from "../src/analyze.ts";
import { OUTPUT_FORMATS, type OutputFormatName } from "../src/report/formats.ts";

const CLIENT = 0xc000020a;
const SERVER = 0xcb007105;
const SYN = 0x02;
const RST = 0x04;
const PSH_ACK = 0x18;
const ACK = 0x10;
const FIN_ACK = 0x11;
const SYN_ACK = 0x12;

/** Seconds after which a process is ended. */
const LIMIT_SECONDS = 100;
const CHUNK = 512 * 1024;

/** Makes a pcap in chunks and hands each to the analyzer as soon as it is full. */
class Capture {
  readonly #push: (chunk: Uint8Array) => void;
  readonly #chunk = new Uint8Array(CHUNK);
  readonly #view = new DataView(this.#chunk.buffer);
  #at = 0;
  /** Microseconds since 2026-01-05. */
  now = 0;

  constructor(push: (chunk: Uint8Array) => void) {
    this.#push = push;
  }

  header(): void {
    this.#view.setUint32(0, 0xa1b2c3d4, true);
    this.#view.setUint16(4, 2, true);
    this.#view.setUint16(6, 4, true);
    this.#view.setUint32(16, 262_144, true);
    this.#view.setUint32(20, 1, true);
    this.#at = 24;
  }

  /** Any bytes. */
  raw(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length; ) {
      if (this.#at === CHUNK) this.flush();
      const part = bytes.subarray(from, from + CHUNK - this.#at);
      this.#chunk.set(part, this.#at);
      this.#at += part.length;
      from += part.length;
    }
  }

  /** One TCP segment in IPv4 in Ethernet. */
  tcp(
    from: number,
    fromPort: number,
    to: number,
    toPort: number,
    flags: number,
    sequence: number,
    acknowledgment: number,
    payload: Uint8Array = NOTHING,
  ): void {
    const length = 54 + payload.length;
    if (this.#at + 16 + length > CHUNK) this.flush();
    const view = this.#view;
    let at = this.#at;
    view.setUint32(at, 1_767_571_200 + Math.floor(this.now / 1e6), true);
    view.setUint32(at + 4, this.now % 1e6, true);
    view.setUint32(at + 8, length, true);
    view.setUint32(at + 12, length, true);
    at += 16;
    this.#chunk.fill(0, at, at + 54);
    view.setUint16(at + 12, 0x0800);
    view.setUint8(at + 14, 0x45);
    view.setUint16(at + 16, length - 14);
    view.setUint16(at + 18, this.now & 0xffff);
    view.setUint8(at + 22, 64);
    view.setUint8(at + 23, 6);
    view.setUint32(at + 26, from);
    view.setUint32(at + 30, to);
    view.setUint16(at + 34, fromPort);
    view.setUint16(at + 36, toPort);
    view.setUint32(at + 38, sequence >>> 0);
    view.setUint32(at + 42, acknowledgment >>> 0);
    view.setUint8(at + 46, 0x50);
    view.setUint8(at + 47, flags);
    view.setUint16(at + 48, 502);
    this.#chunk.set(payload, at + 54);
    this.#at = at + length;
    this.now += 100;
  }

  flush(): void {
    if (this.#at > 0) this.#push(this.#chunk.subarray(0, this.#at));
    this.#at = 0;
  }
}

const NOTHING = new Uint8Array(0);

/** A TCP connection between a client and a server that say things. */
class Talk {
  readonly #capture: Capture;
  readonly #client: number;
  readonly #port: number;
  readonly #server: number;
  readonly #serverPort: number;
  clientNext: number;
  serverNext: number;

  constructor(capture: Capture, port: number, client = CLIENT, server = SERVER, serverPort = 21, sequence = 1) {
    this.#capture = capture;
    this.#client = client;
    this.#port = port;
    this.#server = server;
    this.#serverPort = serverPort;
    this.clientNext = sequence;
    this.serverNext = sequence + 7;
  }

  open(): this {
    this.#capture.tcp(this.#client, this.#port, this.#server, this.#serverPort, SYN, this.clientNext - 1, 0);
    this.#capture.tcp(
      this.#server,
      this.#serverPort,
      this.#client,
      this.#port,
      SYN_ACK,
      this.serverNext - 1,
      this.clientNext,
    );
    this.#capture.tcp(this.#client, this.#port, this.#server, this.#serverPort, ACK, this.clientNext, this.serverNext);
    return this;
  }

  client(text: string | Uint8Array): void {
    const bytes = typeof text === "string" ? Buffer.from(text, "latin1") : text;
    this.#capture.tcp(
      this.#client,
      this.#port,
      this.#server,
      this.#serverPort,
      PSH_ACK,
      this.clientNext,
      this.serverNext,
      bytes,
    );
    this.clientNext += bytes.length;
  }

  server(text: string | Uint8Array, seen = this.clientNext): void {
    const bytes = typeof text === "string" ? Buffer.from(text, "latin1") : text;
    this.#capture.tcp(this.#server, this.#serverPort, this.#client, this.#port, PSH_ACK, this.serverNext, seen, bytes);
    this.serverNext += bytes.length;
  }

  close(): void {
    this.#capture.tcp(
      this.#client,
      this.#port,
      this.#server,
      this.#serverPort,
      FIN_ACK,
      this.clientNext,
      this.serverNext,
    );
    this.#capture.tcp(
      this.#server,
      this.#serverPort,
      this.#client,
      this.#port,
      FIN_ACK,
      this.serverNext,
      this.clientNext + 1,
    );
    this.#capture.tcp(
      this.#client,
      this.#port,
      this.#server,
      this.#serverPort,
      ACK,
      this.clientNext + 1,
      this.serverNext + 1,
    );
  }
}

interface Case {
  readonly n: number;
  readonly format?: OutputFormatName;
  readonly make: (capture: Capture, n: number) => void;
}

function session(capture: Capture): Talk {
  capture.header();
  const talk = new Talk(capture, 40_000).open();
  talk.server("220 (vsFTPd 3.0.3)\r\n");
  return talk;
}

const LONG = "x".repeat(1200);

const CASES: Readonly<Record<string, Case>> = {
  nothing: { n: 1, make: (capture) => capture.header() },
  "commands, each answered": {
    n: 500_000,
    make(capture, n) {
      const talk = session(capture);
      for (let i = 0; i < n; i++) {
        talk.client("NOOP\r\n");
        talk.server("200 ok\r\n");
      }
    },
  },
  "commands pipelined, then their replies": {
    n: 20_000,
    make(capture, n) {
      const talk = session(capture);
      const seen: number[] = [];
      for (let i = 0; i < n; i++) {
        talk.client("NOOP\r\n");
        seen.push(talk.clientNext);
      }
      for (let i = 0; i < n; i++) talk.server("200 ok\r\n");
    },
  },
  "commands never answered, holes between": {
    n: 10_000,
    make(capture, n) {
      const talk = session(capture);
      for (let i = 0; i < n; i++) {
        talk.client("NOOP\r\n");
        talk.serverNext += 10;
        for (let k = 0; k < 10; k++) talk.server("\r\n");
      }
    },
  },
  "negotiations granted, transfer confirmed": {
    n: 10_000,
    make(capture, n) {
      const talk = session(capture);
      for (let i = 0; i < n; i++) {
        talk.client("PASV\r\n");
        talk.server(`227 Entering Passive Mode (203,0,113,5,${100 + (i % 100)},${i % 250})\r\n`);
        talk.client("LIST\r\n");
        talk.server("150 here\r\n");
        talk.server("226 done\r\n");
      }
    },
  },
  "negotiations granted, never used": {
    n: 10_000,
    make(capture, n) {
      const talk = session(capture);
      for (let i = 0; i < n; i++) talk.server("227 Entering Passive Mode (203,0,113,5,195,80)\r\n");
    },
  },
  "negotiations never granted": {
    n: 10_000,
    make(capture, n) {
      const talk = session(capture);
      for (let i = 0; i < n; i++) {
        talk.client("EPSV\r\n");
        talk.server("500 no\r\n");
      }
    },
  },
  "transfers without negotiation": {
    n: 5_000,
    make(capture, n) {
      const talk = session(capture);
      for (let i = 0; i < n; i++) {
        talk.client("LIST\r\n");
        talk.server("425 Use PORT or PASV first.\r\n");
      }
    },
  },
  "negotiations refused by 425, long replies": {
    n: 5_000,
    make(capture, n) {
      const talk = session(capture);
      for (let i = 0; i < n; i++) {
        talk.client("PASV\r\n");
        talk.server("227 Entering Passive Mode (10,0,0,5,195,80)\r\n");
        talk.client(`RETR ${LONG}\r\n`);
        talk.server(`425 ${LONG}\r\n`);
      }
    },
  },
  "the same as a table": {
    n: 2_000,
    format: "table",
    make(capture, n) {
      CASES["negotiations refused by 425, long replies"]!.make(capture, n);
    },
  },
  "data connections of one session": {
    n: 5_000,
    make(capture, n) {
      const talk = session(capture);
      for (let i = 0; i < n; i++) {
        const port = 1024 + (i % 60_000);
        talk.client("PASV\r\n");
        talk.server(`227 Entering Passive Mode (203,0,113,5,${port >> 8},${port & 255})\r\n`);
        const data = new Talk(capture, 1024 + ((i * 7) % 60_000), CLIENT, SERVER, port, i * 1000 + 1).open();
        talk.client("LIST\r\n");
        talk.server("150 here\r\n");
        data.server("file\r\n");
        data.close();
        talk.server("226 done\r\n");
        capture.now += 300_000;
      }
    },
  },
  "SYNs to one client's sessions with one server": {
    n: 1_000,
    make(capture, n) {
      capture.header();
      const talks = Array.from({ length: n }, (_, i) =>
        new Talk(capture, 1024 + i, CLIENT, SERVER, 21, i * 5000 + 1).open(),
      );
      for (const talk of talks) talk.server("220 ready\r\n");
      for (let i = 0; i < n; i++) capture.tcp(CLIENT, 30_000 + i, SERVER, 50_000, SYN, i, 0);
    },
  },
  "sessions that negotiate one port": {
    n: 5_000,
    make(capture, n) {
      capture.header();
      for (let i = 0; i < n; i++) {
        const talk = new Talk(capture, 40_000, CLIENT + i, SERVER, 21, i * 5000 + 1).open();
        talk.server("220 ready\r\n");
        talk.client("EPSV\r\n");
        talk.server("229 ok (|||50000|)\r\n");
      }
      for (let i = 0; i < n; i++) capture.tcp(CLIENT + i, 40_001, SERVER, 50_000, SYN, i, 0);
    },
  },
  "sessions with the same sequence numbers": {
    n: 1_000,
    make(capture, n) {
      capture.header();
      for (let i = 0; i < n; i++) {
        const talk = new Talk(capture, 40_000, CLIENT + i).open();
        talk.server("220 ready\r\n");
        talk.client("PASV\r\n");
      }
    },
  },
  "one line without end, MiB": {
    n: 100,
    make(capture, n) {
      const talk = session(capture);
      const part = Buffer.alloc(1024, "a");
      for (let i = 0; i < n * 1024; i++) talk.client(part);
    },
  },
  "a reply of endless lines": {
    n: 200_000,
    make(capture, n) {
      const talk = session(capture);
      talk.server("220-first\r\n");
      for (let i = 0; i < n; i++) talk.server(`226-line ${LONG.slice(0, 100)}\r\n`);
    },
  },
  "lines of digits (227)": {
    n: 500,
    make(capture, n) {
      const talk = session(capture);
      const digits = "9".repeat(1400);
      for (let i = 0; i < n; i++) {
        talk.client("PASV\r\n");
        talk.server("227 ");
        for (let k = 0; k < 5; k++) talk.server(digits);
        talk.server("\r\n");
      }
    },
  },
  "long replies kept": {
    n: 10_000,
    make(capture, n) {
      const talk = session(capture);
      for (let i = 0; i < n; i++) {
        for (let k = 0; k < 6; k++) talk.server(k === 0 ? `213-${LONG}` : LONG);
        talk.server("\r\n213 end\r\n");
      }
    },
  },
  "sessions joined midstream": {
    n: 10_000,
    make(capture, n) {
      capture.header();
      for (let i = 0; i < n; i++) {
        const talk = new Talk(capture, 40_000, CLIENT + i, SERVER, 2121, i * 5000 + 1);
        talk.server("226 Transfer complete\r\n");
        talk.client("PASV\r\n");
        talk.server("227 Entering Passive Mode (10,0,0,5,195,80)\r\n");
      }
    },
  },
  "SYN flood on port 21": {
    n: 150_000,
    make(capture, n) {
      capture.header();
      for (let i = 0; i < n; i++) capture.tcp((i * 2_654_435_761) >>> 0, 1024 + (i % 60_000), SERVER, 21, SYN, i, 0);
    },
  },
  "SYN flood on port 21 with RST": {
    n: 150_000,
    make(capture, n) {
      capture.header();
      for (let i = 0; i < n; i++) {
        const source = (i * 2_654_435_761) >>> 0;
        capture.tcp(source, 1024 + (i % 60_000), SERVER, 21, SYN, i, 0);
        capture.tcp(SERVER, 21, source, 1024 + (i % 60_000), RST | ACK, 0, i + 1);
      }
    },
  },
  "scan of all ports beside a session": {
    n: 100_000,
    make(capture, n) {
      const talk = session(capture);
      talk.client("PASV\r\n");
      for (let i = 0; i < n; i++) capture.tcp(CLIENT, 1024 + (i >> 16), SERVER, i & 0xffff, SYN, i, 0);
    },
  },
  "scan of port 21 over a network": {
    n: 150_000,
    make(capture, n) {
      capture.header();
      for (let i = 0; i < n; i++) capture.tcp(CLIENT, 40_000, SERVER + i, 21, SYN, i, 0);
    },
  },
  "clock that jumps while sessions are open": {
    n: 3_000,
    make(capture, n) {
      capture.header();
      for (let i = 0; i < n; i++) {
        const talk = new Talk(capture, 40_000, CLIENT + i, SERVER, 21, i * 5000 + 1).open();
        talk.server("220 ready\r\n");
        capture.now += 21_000_000;
      }
    },
  },
  "first packet from the year 2106": {
    n: 30_000,
    make(capture, n) {
      capture.header();
      capture.now = 2_500_000_000e6;
      capture.tcp(CLIENT, 1, SERVER, 2, ACK, 1, 1);
      capture.now = 0;
      for (let i = 0; i < n; i++) {
        const talk = new Talk(capture, 40_000, CLIENT + i, SERVER, 21, i * 5000 + 1).open();
        talk.server("220 ready\r\n");
        talk.client("QUIT\r\n");
        talk.server("221 bye\r\n");
        talk.close();
        capture.now += 1_000_000;
      }
    },
  },
  "pcapng: options of one packet": {
    n: 1_000_000,
    make(capture, n) {
      pcapngHeader(capture, 1);
      for (let left = n; left > 0; left -= 200_000) {
        const options = new Uint8Array(Math.min(left, 200_000) * 8);
        const view = new DataView(options.buffer);
        for (let at = 0; at < options.length; at += 8) view.setUint32(at, 0x0004_0001, true);
        block(capture, 6, [new Uint32Array([0, 0, 0, 0, 0]), options]);
      }
    },
  },
  "pcapng: interfaces with long names": {
    n: 2_000,
    make(capture, n) {
      pcapngHeader(capture, 0);
      const name = new Uint8Array(60_000 + 4).fill(0x61);
      new DataView(name.buffer).setUint32(0, (60_000 << 16) | 2, true);
      for (let i = 0; i < n; i++) block(capture, 1, [new Uint32Array([1, 0]), name]);
    },
  },
  "pcapng: interfaces": {
    n: 100_000,
    make(capture, n) {
      pcapngHeader(capture, n);
    },
  },
};

function block(capture: Capture, type: number, parts: readonly (Uint8Array | Uint32Array)[]): void {
  const length = parts.reduce((sum, { byteLength }) => sum + byteLength, 12);
  capture.raw(bytesOf(new Uint32Array([type, length])));
  for (const part of parts) capture.raw(bytesOf(part));
  capture.raw(bytesOf(new Uint32Array([length])));
}

function bytesOf(part: Uint8Array | Uint32Array): Uint8Array {
  return new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
}

function pcapngHeader(capture: Capture, interfaces: number): void {
  block(capture, 0x0a0d0d0a, [new Uint32Array([0x1a2b3c4d, 1, 0xffffffff, 0xffffffff])]);
  for (let i = 0; i < interfaces; i++) block(capture, 1, [new Uint32Array([1, 0])]);
}

/** What one process measured. */
interface Measurement {
  readonly seconds: number;
  readonly bytes: number;
  readonly peakMiB: number;
  readonly sessions: number;
  readonly channels: number;
}

async function measure({ make, format = "ndjson" }: Case, n: number): Promise<Measurement> {
  const writer = (await OUTPUT_FORMATS[format].load())({ width: 120, colour: false });
  let bytes = 0;
  let made = 0;
  let written = writer.begin().length;
  const startedAt = process.cpuUsage();
  let outside = 0;
  const analyzer = createAnalyzer({
    keepSessions: false,
    onSession: (session: Session) => {
      written += writer.session(session).length;
    },
  });
  const opened = analyzer.beginCapture("stress");
  let madeFrom = process.cpuUsage();
  const capture = new Capture((chunk) => {
    const { user, system } = process.cpuUsage(madeFrom);
    outside += user + system;
    bytes += chunk.length;
    made++;
    opened.push(chunk);
    madeFrom = process.cpuUsage();
  });
  make(capture, n);
  capture.flush();
  if (opened.hungry) opened.end();
  const { counts, ...summary } = analyzer.finish();
  written += writer.end({ ...summary, counts }).length;
  const { user, system } = process.cpuUsage(startedAt);
  if (made === 0 || written === 0) throw new Error("nothing was analysed");
  return {
    seconds: (user + system - outside) / 1e6,
    bytes,
    peakMiB: process.resourceUsage().maxRSS / 1024,
    sessions: counts.sessions,
    channels: counts.channels,
  };
}

function inOwnProcess(name: string, n: number): Measurement | string {
  const run = spawnSync(
    process.execPath,
    ["--import", "tsx", fileURLToPath(import.meta.url), "--one", name, String(n)],
    {
      encoding: "utf8",
      timeout: LIMIT_SECONDS * 1000,
      killSignal: "SIGKILL",
      maxBuffer: 2 ** 26,
    },
  );
  if (run.signal === "SIGKILL") return `more than ${LIMIT_SECONDS} s`;
  if (run.status !== 0) return `fails: ${/(?:\w*Error|FATAL)[^\n]*/.exec(run.stderr)?.[0] ?? run.status}`;
  return JSON.parse(run.stdout) as Measurement;
}

const words = process.argv.slice(2);
if (words[0] === "--one") console.log(JSON.stringify(await measure(CASES[words[1]!]!, Number(words[2]))));
else {
  const names = Object.keys(CASES).filter((name) => words.length === 0 || words.some((word) => name.includes(word)));
  console.log(
    "| case | n | MiB | CPU at n | at 2n | ratio | peak MiB | sessions | channels |\n|---|---|---|---|---|---|---|---|---|",
  );
  for (const name of names) {
    const { n } = CASES[name]!;
    const [once, twice] = [inOwnProcess(name, n), inOwnProcess(name, 2 * n)];
    const show = (result: Measurement | string) =>
      typeof result === "string" ? result : `${result.seconds.toFixed(2)} s`;
    const last = typeof twice === "string" ? once : twice;
    const ratio =
      typeof once === "string" || typeof twice === "string" ? "" : (twice.seconds / once.seconds).toFixed(1);
    const rest =
      typeof last === "string" ? "| | | " : `${last.peakMiB.toFixed(0)} | ${last.sessions} | ${last.channels}`;
    const size = typeof last === "string" ? "" : (last.bytes / 2 ** 20).toFixed(0);
    console.log(`| ${name} | ${n} | ${size} | ${show(once)} | ${show(twice)} | ${ratio} | ${rest} |`);
  }
}
