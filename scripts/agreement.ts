// Lays what ftptrace finds beside what tshark finds: `npx tsx scripts/agreement.ts [CAPTURE or FOLDER …]`, without any for fixtures/.
// Compared are, for each followed connection, SYNs, FINs, RSTs, payload bytes and retransmissions by direction; which connections are
// control connections; and where each negotiation points to. Prints a line for each disagreement, and exits with 1 when there is one that
// docs/agreement.md does not list. Needs tshark.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { analyzeCapture, CONTROL_PORTS } from "../src/analyze.ts";
import { AnomalyLog } from "../src/anomaly.ts";
import { createCaptureReader } from "../src/capture/capture-reader.ts";
import { emptyFrame, packetNumberOf } from "../src/capture/frame.ts";
import { SessionTracker } from "../src/correlate/session-tracker.ts";
import { PacketDecoder } from "../src/decode/decode-packet.ts";
import { emptyPacketView, PacketKind } from "../src/decode/packet-view.ts";
import { CONTROL_SIGNATURE } from "../src/ftp/signature.ts";
import type { Connection } from "../src/tcp/connection.ts";
import { ConnectionTable } from "../src/tcp/connection-table.ts";
import type { HalfConnection } from "../src/tcp/half-connection.ts";

/** One packet, as tshark sees it. */
interface Seen {
  readonly packet: number;
  readonly stream: number;
  readonly from: string;
  readonly to: string;
  readonly flags: number;
  readonly sequence: number;
  readonly length: number;
  readonly retransmission: boolean;
  readonly isFtp: boolean;
  /** `address port` of a negotiation; null when it has none. */
  readonly endpoint: string | null;
}

const FIELDS = [
  ...["frame.number", "tcp.stream", "ip.src", "ipv6.src", "tcp.srcport", "ip.dst", "ipv6.dst", "tcp.dstport"],
  ...["tcp.flags", "tcp.seq_raw", "tcp.len", "tcp.analysis.retransmission", "frame.protocols"],
  ...["ftp.passive.ip", "ftp.passive.port", "ftp.active.cip", "ftp.active.port"],
  ...["ftp.eprt.ip", "ftp.eprt.ipv6", "ftp.eprt.port", "ftp.epsv.port"],
] as const;

/** The TCP packets of a capture by tshark; null when it cannot read the file. */
function seenByTshark(path: string): Seen[] | null {
  const { stdout } = spawnSync(
    "tshark",
    [
      // tshark knows of FTP on port 21; 990 is TLS first.
      ...[
        "-n",
        "-r",
        path,
        "-d",
        "tcp.port==2121,ftp",
        "-Y",
        "tcp && !icmp && !icmpv6",
        "-T",
        "fields",
        "-E",
        "occurrence=l",
      ],
      ...FIELDS.flatMap((field) => ["-e", field]),
    ],
    { encoding: "utf8", maxBuffer: 2 ** 30 },
  );
  if (stdout === "") return null;
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => {
      const [
        packet,
        stream,
        source4,
        source6,
        sourcePort,
        to4,
        to6,
        toPort,
        flags,
        sequence,
        length,
        again,
        protocols,
        ...ftp
      ] = line.split("\t");
      const [passiveIp, passivePort, activeIp, activePort, eprtIp, eprtIpv6, eprtPort, epsvPort] = ftp;
      const endpoints = [
        passivePort && `${passiveIp} ${passivePort}`,
        activePort && `${activeIp} ${activePort}`,
        eprtPort && `${eprtIp || eprtIpv6} ${eprtPort}`,
        epsvPort && `null ${epsvPort}`,
      ];
      return {
        packet: Number(packet),
        stream: Number(stream),
        from: `${source6 || source4} ${sourcePort}`,
        to: `${to6 || to4} ${toPort}`,
        flags: Number(flags),
        sequence: Number(sequence),
        length: Number(length),
        retransmission: again !== "",
        isFtp: /:ftp(?::|$)/.test(protocols ?? ""),
        endpoint: endpoints.find((text) => text) || null,
      };
    });
}

/** Every connection that ftptrace followed: control connections, and those that may be data connections. */
function followed(bytes: Uint8Array): { control: Connection[]; candidates: Connection[] } {
  const anomalies = new AnomalyLog();
  const control: Connection[] = [];
  const candidates = new Set<Connection>();
  const tracker = new SessionTracker(
    anomalies,
    (facts) => {
      control.push(facts.control);
      for (const { connection } of facts.candidates) candidates.add(connection);
    },
    () => {},
  );
  const table = new ConnectionTable(CONTROL_PORTS, CONTROL_SIGNATURE, tracker, anomalies);
  tracker.attach(table);
  const reader = createCaptureReader("capture", 0, anomalies);
  const decoder = new PacketDecoder(anomalies);
  const frame = emptyFrame();
  const view = emptyPacketView();
  reader.push(bytes);
  while (reader.next(frame)) {
    tracker.tick(frame.seconds, frame.nanoseconds);
    if (decoder.decode(frame, 0, view) === PacketKind.tcp) table.segment(view);
  }
  tracker.finish();
  return { control, candidates: [...candidates] };
}

const FIN = 1;
const SYN = 2;
const RST = 4;

/** What one end of a stream sent, by tshark's fields. */
function sumOf(packets: readonly Seen[]) {
  const count = (flag: number) => packets.filter(({ flags }) => (flags & flag) !== 0).length;
  const payload = packets.filter(({ length }) => length > 0);
  // Sequence numbers counted from the first, so that they do not wrap; each byte once.
  const base = payload[0]?.sequence ?? 0;
  const spans = payload
    .map(({ sequence, length, flags }) => {
      const from = ((sequence + ((flags & SYN) !== 0 ? 1 : 0) - base) | 0) + 0;
      return [from, from + length] as const;
    })
    .sort(([a], [b]) => a - b);
  let bytes = 0;
  let end = Number.NEGATIVE_INFINITY;
  for (const [from, to] of spans) {
    bytes += Math.max(0, to - Math.max(from, end));
    end = Math.max(end, to);
  }
  return {
    SYNs: count(SYN),
    FINs: count(FIN),
    RSTs: count(RST),
    "payload bytes": bytes,
    retransmissions: payload.filter(({ retransmission }) => retransmission).length,
  };
}

function ourSum(half: HalfConnection): ReturnType<typeof sumOf> {
  return {
    SYNs: half.synCount,
    FINs: half.finCount,
    RSTs: half.resetCount,
    "payload bytes": half.bytes,
    retransmissions: half.retransmissions,
  };
}

/** Disagreements about one capture, each `packet N: …`. */
function disagreements(path: string): string[] {
  const bytes = new Uint8Array(readFileSync(path));
  const seen = seenByTshark(path);
  if (seen === null) return [];
  const found: string[] = [];
  const byPacket = new Map(seen.map((packet) => [packet.packet, packet]));
  const { control, candidates } = followed(bytes);

  for (const connection of [...control, ...candidates]) {
    const first = packetNumberOf(connection.firstPacket);
    const stream = byPacket.get(first)?.stream;
    const packets = seen.filter((packet) => packet.stream === stream);
    if (stream === undefined) {
      found.push(`packet ${first}: a connection of which tshark sees nothing`);
      continue;
    }
    for (const half of [connection.originator, connection.responder]) {
      const end = `${half.address} ${half.port}`;
      const theirs = sumOf(packets.filter(({ from }) => from === end));
      const ours = ourSum(half);
      for (const what of Object.keys(ours) as (keyof typeof ours)[])
        if (ours[what] !== theirs[what])
          found.push(
            `packet ${first}: ${what} of ${end}: ${ours[what]} here, ${theirs[what]} by tshark` +
              (connection.copies > 0 ? ` (${connection.copies} copies)` : ""),
          );
    }
  }

  const ours = new Set(control.map(({ firstPacket }) => byPacket.get(packetNumberOf(firstPacket))?.stream));
  for (const stream of new Set(seen.filter(({ isFtp }) => isFtp).map((packet) => packet.stream)))
    if (!ours.has(stream)) {
      const packet = seen.find((other) => other.stream === stream)!;
      found.push(`packet ${packet.packet}: a control connection for tshark only`);
    }

  const negotiated = new Map<number, string>();
  for (const { dataChannels } of analyzeCapture(bytes).sessions)
    for (const { negotiation } of dataChannels) {
      const packet = negotiation?.mode === "passive" ? negotiation.replyPacket : negotiation?.commandPacket;
      if (negotiation?.advertised && packet)
        negotiated.set(packet, `${negotiation.advertised.address} ${negotiation.advertised.port}`);
    }
  for (const packet of new Set([
    ...negotiated.keys(),
    ...seen.filter(({ endpoint }) => endpoint).map((s) => s.packet),
  ])) {
    const here = negotiated.get(packet) ?? "nothing";
    const there = byPacket.get(packet)?.endpoint ?? "nothing";
    if (here !== there) found.push(`packet ${packet}: negotiates ${here} here, ${there} by tshark`);
  }
  return found;
}

/** Each line of docs/agreement.md's table that begins with a capture and a packet. */
function listed(): Set<string> {
  const page = join("docs", "agreement.md");
  const rows = existsSync(page) ? readFileSync(page, "utf8").matchAll(/^\| `([^`]+)` +\| (\d+) +\|/gm) : [];
  return new Set([...rows].map(([, name, packet]) => `${name} ${packet}`));
}

const known = listed();
/** Captures with the names that the table has for them: those within a folder by their path in it. */
const captures = (process.argv.length > 2 ? process.argv.slice(2) : ["fixtures"]).flatMap((path) =>
  statSync(path).isDirectory()
    ? readdirSync(path, { recursive: true })
        .map(String)
        .filter((name) => /\.(?:pcap|pcapng|cap)$/.test(name))
        .sort()
        .map((name) => ({ name, path: join(path, name) }))
    : [{ name: basename(path), path }],
);
let unlisted = 0;
let explained = 0;
for (const { name, path } of captures)
  for (const line of disagreements(path)) {
    const packet = /^packet (\d+)/.exec(line)?.[1];
    if (known.has(`${name} ${packet}`)) {
      explained++;
      continue;
    }
    unlisted++;
    console.log(`${name}: ${line}`);
  }
console.log(`${captures.length} captures: ${explained} disagreements that docs/agreement.md lists, ${unlisted} others`);
process.exitCode = unlisted > 0 ? 1 : 0;
