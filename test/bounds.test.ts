import assert from "node:assert/strict";
import { test } from "node:test";
import { analyzeCapture } from "../src/analyze.ts";
import { type Anomaly, AnomalyLog } from "../src/anomaly.ts";
import { BOUNDS } from "../src/bounds.ts";
import { SessionTracker } from "../src/correlate/session-tracker.ts";
import type { SessionDiagnosis } from "../src/diagnose/diagnose.ts";
import { AcrossSessions } from "../src/diagnose/findings.ts";
import { CONTROL_SIGNATURE } from "../src/ftp/signature.ts";
import { Connection } from "../src/tcp/connection.ts";
import { ConnectionTable } from "../src/tcp/connection-table.ts";
import { ByteWriter, concat, PcapngWriter, pcapHeader, pcapRecord, readCapture } from "./capture/capture-bytes.ts";
import { decodeFrames, ethernet, extension, frameOf, ipv4, ipv6, tcp, u16, zeros } from "./decode/frame-bytes.ts";
import { FAILED_CHANNELS } from "./diagnose/thresholds.ts";
import { CaptureBuilder } from "./support/capture-builder.ts";

/** For each bound the least that makes it bite, and that one less does not. */

const CLIENT = "192.0.2.10:40000";
const SERVER = "203.0.113.5:21";

type Bite = (over: boolean) => readonly Anomaly[];

const pcapng = new PcapngWriter();

/** A record, or a block, of which there is nothing but its header. */
const recordOf = (network: number, captured: number) =>
  readCapture(
    concat(pcapHeader({ network }), pcapRecord(), pcapRecord({ captured, original: captured, data: zerosOf(0) })),
  ).anomalies;
const blockOf = (type: number, length: number) =>
  readCapture(concat(pcapng.section(), pcapng.write().uint32(type, length, 0, 0, 0, 0, 0, 0).finish())).anomalies;
const zerosOf = (length: number) => new Uint8Array(length);

const segment = tcp({}, "220 ready\r\n");
const decoded = (...contents: readonly (readonly number[])[]) =>
  decodeFrames(
    contents.map((content) => frameOf(content)),
    false,
  ).anomalies;
const nested = (depth: number): readonly number[] =>
  depth === 1 ? ipv4({}, segment) : ipv4({ protocol: 4 }, nested(depth - 1));
const chained = (headers: number): readonly number[] =>
  headers === 0 ? segment : extension(headers === 1 ? 6 : 60, chained(headers - 1));
const tags = (count: number): readonly number[] =>
  count === 0 ? ipv4({}, segment) : [...u16(1), ...u16(count === 1 ? 0x0800 : 0x8100), ...tags(count - 1)];
const fragment = (id: number, fragmentOffset: number, length: number) =>
  ethernet(0x0800, ipv4({ id, fragmentOffset, moreFragments: true }, zeros(length)));

/** Segments of the server behind a hole that nobody fills. */
const behindHole = (segments: number, length: number) => {
  const net = new CaptureBuilder();
  const control = net.connect({ client: CLIENT, server: SERVER });
  control.server("220 ready\r\n");
  net.uncaptured(() => control.server("200 lost\r\n"));
  for (let i = 0; i < segments; i++) control.server("x".repeat(length));
  return analyzeCapture(net.build()).anomalies;
};

const said = (server: string, client = "NOOP\r\n") => {
  const net = new CaptureBuilder();
  const control = net.connect({ client: CLIENT, server: SERVER });
  control.server("220 ready\r\n");
  control.client(client);
  control.server(server);
  return analyzeCapture(net.build()).anomalies;
};

/** Packets in a plain pcap, `perSecond` of them a second: the builder is made for dialogues, not for floods. */
function flood(count: number, packetOf: (i: number) => Uint8Array, perSecond = Number.POSITIVE_INFINITY) {
  const parts: Uint8Array[] = [pcapHeader()];
  for (let i = 0; i < count; i++) {
    const seconds = 1_700_000_000 + Math.floor(i / perSecond);
    parts.push(pcapRecord({ data: packetOf(i), seconds, fraction: i % 1_000_000 }));
  }
  const file = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  return analyzeCapture(file).anomalies;
}

const bare = (flags: number, source: number, target: number, sourcePort: number, port: number, sequence: number) =>
  new ByteWriter("big")
    .bytes(ethernet(0x0800, []))
    .bytes([0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6, 0, 0])
    .uint32(source, target)
    .uint16(sourcePort, port)
    .uint32(sequence, 0)
    .bytes([0x50, flags, 1, 0, 0, 0, 0, 0])
    .finish();
const SERVER_KEY = 0xcb007105;
const syn = (source: number, port: number, i: number) => bare(2, source, SERVER_KEY, 1024 + (i % 60_000), port, i);

/** What a server on this port says to the client. */
const saidFrom = (port: number, texts: readonly string[]) =>
  texts.map((text, i) =>
    Uint8Array.from(
      ethernet(
        0x0800,
        ipv4(
          { source: [203, 0, 113, 5], destination: [192, 0, 2, 10], id: i },
          tcp({ sourcePort: port, destinationPort: 40_000, sequence: 1 + i * 11, acknowledgment: 1 }, text),
        ),
      ),
    ),
  );
/** Two packets of a session between the hosts of the SYNs. */
const greeting = saidFrom(21, ["220 ready\r\n", "230 in\r\n"]);

/** A SYN, many of others, each of its own host to a host of its own, and what a server says on the connection of the first. */
const rememberedBehind = (port: number, others: number, before: number) => {
  const words = saidFrom(port, ["220 FTP server ready\r\n"]);
  const packets = (i: number) => {
    if (i < before) return syn(0x0b000000 + i, port, i);
    if (i === before) return bare(2, 0xc000020a, SERVER_KEY, 40_000, port, 0);
    if (i > before + others) return words[0]!;
    return bare(2, 0x0a000000 + i, port === 21 ? SERVER_KEY : 0x14000000 + i, 1024 + (i % 60_000), port, i);
  };
  return flood(before + others + 2, packets, port === 21 ? Number.POSITIVE_INFINITY : 100);
};

/** Diagnosed sessions, as many of which would take minutes to read. */
function compared(sessions: number, diagnosisOf: (i: number) => SessionDiagnosis): readonly Anomaly[] {
  const anomalies = new AnomalyLog();
  const across = new AcrossSessions(anomalies);
  for (let i = 0; i < sessions; i++) across.add(diagnosisOf(i));
  return anomalies.list();
}

/** A session of a client and a server of these numbers, with what the rules over sessions look at. */
function diagnosis(client: number, server: number, channels: readonly object[], verdict: object | null = null) {
  const ends = {
    client: { address: `10.0.${client >> 8}.${client & 255}`, port: 40_000 },
    server: { address: `10.1.${server >> 8}.${server & 255}`, port: 21 },
  };
  const control = { addressKeyA: 0x0a000000 + client, addressKeyB: 0x0a800000 + server, firstPacket: 1 };
  const facts = { ...ends, id: `${client}`, control, exchanges: [] };
  return { facts, channels, verdict } as unknown as SessionDiagnosis;
}

/** A listing in passive mode on a port of this number. */
function listing(client: number, server: number, becomes: "ok" | "data-port-filtered", number = 0): SessionDiagnosis {
  const { facts } = diagnosis(client, server, []);
  const port = 1024 + (number & 32_767);
  const attempt = new Connection("data", 4, facts.client, { ...facts.server, port }, 1, 0, 0);
  attempt.originator.synCount = 1;
  if (becomes === "ok") attempt.responder.synCount = 1;
  const connection = { connection: attempt };
  const negotiation = { mode: "passive", granted: true, advertised: { port } };
  const verdict = becomes === "ok" ? null : { cause: becomes, facts: [] };
  const outcome = verdict ? "failed" : "ok";
  return diagnosis(client, server, [{ facts: { connection, negotiation }, outcome, verdict }]);
}

function refusedLogin(client: number): SessionDiagnosis {
  return diagnosis(client, 1, [], { cause: "login-failed", facts: [{ packet: 1, says: "530" }] });
}

const BITES: Readonly<Record<keyof typeof BOUNDS, Bite>> = {
  frameBytes: (over) => recordOf(1, BOUNDS.frameBytes.most + Number(over)),
  otherFrameBytes: (over) => recordOf(231, BOUNDS.otherFrameBytes.most + Number(over)),
  blockBytes: (over) => blockOf(6, BOUNDS.blockBytes.most + 4 * Number(over)),
  skippedBlockBytes: (over) => blockOf(0x77, BOUNDS.skippedBlockBytes.most + 4 * Number(over)),
  interfaces: (over) => {
    const one = pcapng.interface();
    const many = new Uint8Array((BOUNDS.interfaces.most + Number(over)) * one.length);
    for (let at = 0; at < many.length; at += one.length) many.set(one, at);
    const section = pcapng.section();
    const file = new Uint8Array(section.length + many.length);
    file.set(section);
    file.set(many, section.length);
    return readCapture(file).anomalies;
  },
  nesting: (over) => decoded(ethernet(0x0800, nested(BOUNDS.nesting.most + Number(over)))),
  // The IP header behind the last tag takes one of the places.
  shims: (over) => decoded(ethernet(0x8100, tags(BOUNDS.shims.most - 1 + Number(over)))),
  // What follows the last of them takes one of the places.
  extensionHeaders: (over) =>
    decoded(ethernet(0x86dd, ipv6({ next: 60 }, chained(BOUNDS.extensionHeaders.most - 1 + Number(over))))),
  fragmentTrains: (over) =>
    decoded(...Array.from({ length: BOUNDS.fragmentTrains.most + Number(over) }, (_, id) => fragment(id, 0, 8))),
  // A buffer has room for its highest offset: 64 KiB each.
  fragmentBytes: (over) =>
    decoded(
      ...Array.from({ length: BOUNDS.fragmentBytes.most / 65_536 + Number(over) }, (_, id) => fragment(id, 60_000, 8)),
    ),
  datagramBytes: (over) => decoded(fragment(1, over ? 65_528 : 65_520, 8)),
  outOfOrderBytes: (over) => behindHole(32 + Number(over), BOUNDS.outOfOrderBytes.most / 32),
  outOfOrderSegments: (over) => behindHole(BOUNDS.outOfOrderSegments.most + Number(over), 10),
  lineBytes: (over) => said(`200 ${"x".repeat(BOUNDS.lineBytes.most - 4 + Number(over))}\r\n`),
  replyLines: (over) => said(`211-x\r\n${" y\r\n".repeat(BOUNDS.replyLines.most - 1 + Number(over))}211 z\r\n`),
  replyCharacters: (over) =>
    said(`211-${"x".repeat(BOUNDS.replyCharacters.most / 2)}\r\n ${"x".repeat(over ? 5000 : 1000)}\r\n211 end\r\n`),
  halfOpen: (over) => flood(BOUNDS.halfOpen.most + Number(over), (i) => syn(0x0a000000 + i, 21, i)),
  synMemory: (over) => rememberedBehind(2100, over ? 3 * BOUNDS.synMemory.most : 0, 0),
  waitingSyns: (over) => rememberedBehind(21, over ? BOUNDS.waitingSyns.most : 0, BOUNDS.halfOpen.most),
  // RSTs of control connections that nobody knows.
  earlyPackets: (over) =>
    flood(BOUNDS.earlyPackets.most + Number(over), (i) => bare(4, SERVER_KEY, 0x0a000000 + i, 21, 1024 + i, i)),
  // As many sessions with words in them would take a gigabyte.
  sessions: (over) => {
    const anomalies = new AnomalyLog();
    const ignore = () => {};
    const tracker = new SessionTracker(anomalies, ignore, ignore);
    tracker.attach(new ConnectionTable([21], CONTROL_SIGNATURE, tracker, anomalies));
    for (let i = 0; i < BOUNDS.sessions.most + Number(over); i++) {
      const client = { address: `10.0.${i >> 8}.${i & 255}`, port: 40_000 };
      const connection = new Connection("control", 4, client, { address: "203.0.113.5", port: 21 }, i + 1, i, 0);
      tracker.controlOpened(connection, false);
    }
    return anomalies.list();
  },
  pendingCommands: (over) => {
    const net = new CaptureBuilder();
    const control = net.connect({ client: CLIENT, server: SERVER, mss: 60_000 });
    control.server("220 ready\r\n");
    control.client("NOOP\r\n".repeat(BOUNDS.pendingCommands.most + Number(over)));
    return analyzeCapture(net.build()).anomalies;
  },
  sessionEvents: (over) => {
    const net = new CaptureBuilder();
    const control = net.connect({ client: CLIENT, server: SERVER, mss: 60_000 });
    control.server("220 ready\r\n");
    control.client("NOOP\r\n".repeat(BOUNDS.sessionEvents.most - 1 + Number(over)));
    return analyzeCapture(net.build()).anomalies;
  },
  candidates: (over) =>
    flood(greeting.length + BOUNDS.candidates.most + Number(over), (i) => greeting[i] ?? syn(0xc000020a, 50_000, i)),
  foreignCandidates: (over) => {
    const net = new CaptureBuilder();
    const control = net.connect({ client: CLIENT, server: SERVER });
    control.server("220 ready\r\n");
    control.client("AUTH TLS\r\n");
    control.server("234 go on\r\n");
    control.tls();
    control.sealed("server", "227 somewhere");
    for (let i = 0; i < BOUNDS.foreignCandidates.most + Number(over); i++)
      net.segment({ from: `192.0.2.10:${41_000 + i}`, to: `198.51.100.7:${50_000 + i}`, flags: "S", seq: i });
    return analyzeCapture(net.build()).anomalies;
  },
  comparedServers: (over) => compared(BOUNDS.comparedServers.most + Number(over), (i) => listing(1, i, "ok")),
  workingClients: (over) => compared(BOUNDS.workingClients.most + Number(over), (i) => listing(i, 1, "ok")),
  failingClients: (over) =>
    compared(BOUNDS.failingClients.most + Number(over), (i) => listing(i, 1, "data-port-filtered")),
  comparedPorts: (over) => compared(BOUNDS.comparedPorts.most + Number(over), (i) => listing(1, i >> 15, "ok", i)),
  refusedClients: (over) => compared(BOUNDS.refusedClients.most + Number(over), refusedLogin),
};

for (const [name, { code }] of Object.entries(BOUNDS))
  test(`${name} bites, and is counted as ${code}`, () => {
    const bite = BITES[name as keyof typeof BOUNDS];
    const noted = (anomalies: readonly Anomaly[]) => anomalies.find((anomaly) => anomaly.code === code);
    assert.equal(noted(bite(false)), undefined);
    const { count, layer, first } = noted(bite(true))!;
    assert.equal(count, 1);
    assert.ok(first.packet > 0 || layer === "capture", "it names a packet");
  });

test("once no more clients that work are kept, of no further client is said that nothing works", () => {
  const told = (working: number) => {
    const across = new AcrossSessions(new AnomalyLog());
    for (let i = 0; i < working; i++) across.add(listing(i, 1, "ok"));
    for (let i = 0; i < FAILED_CHANNELS; i++) across.add(listing(working, 1, "data-port-filtered"));
    return across.findings().map(({ id }) => id);
  };
  assert.deepEqual(told(BOUNDS.workingClients.most - 1), ["client-network"]);
  assert.deepEqual(told(BOUNDS.workingClients.most), []);
});
