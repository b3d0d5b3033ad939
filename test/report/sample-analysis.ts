import type { Endpoint } from "../../src/address.ts";
import type {
  Analysis,
  AnalysisCounts,
  AnalysisSummary,
  CaptureSummary,
  Control,
  DataChannel,
  DataConnection,
  Negotiation,
  Session,
  Transfer,
} from "../../src/analysis.ts";
import type { Conversation } from "../../src/conversation.ts";
import { CAUSE_TEXT, type CauseId } from "../../src/diagnose/causes.ts";
import { remedyFor } from "../../src/diagnose/remedy.ts";

/** Reports written by hand for the formats' tests: what the engine would say of captures that every reader can picture. */

function control(client: Endpoint, server: Endpoint, more: Partial<Control> = {}): Control {
  return {
    client,
    server,
    security: "cleartext",
    outcome: "ok",
    cause: null,
    confidence: null,
    alternatives: [],
    evidence: [],
    remedy: [],
    start: "2026-01-05T10:00:00.123456789Z",
    end: "2026-01-05T10:00:09.500000000Z",
    communityId: "1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
    serverSoftware: "vsftpd 3.0.3",
    user: "anonymous",
    limits: [],
    sameAs: [],
    firstPacket: { capture: 0, packet: 1 },
    lastPacket: { capture: 0, packet: 42 },
    ...more,
  };
}

function negotiation(
  verb: Negotiation["verb"],
  address: string | null,
  port: number,
  more: Partial<Negotiation> = {},
): Negotiation {
  return {
    verb,
    mode: verb === "PORT" || verb === "EPRT" || verb === "LPRT" ? "active" : "passive",
    advertised: { address, port },
    addressClass: null,
    commandPacket: 21,
    replyPacket: 23,
    replyCode: 227,
    malformed: null,
    ...more,
  };
}

function connection(originator: Endpoint, responder: Endpoint, more: Partial<DataConnection> = {}): DataConnection {
  return {
    originator,
    responder,
    match: "exact",
    synCount: 1,
    bytesFromOriginator: 0,
    bytesFromResponder: 339,
    firstPacket: 25,
    lastPacket: 36,
    communityId: "1:dOwt2d1ySAoXkfkW3pWd5g0pB9U=",
    ...more,
  };
}

const transfer: Transfer = { verb: "RETR", path: "pub/file", replies: [150, 226], commandPacket: 30 };

function channel(more: Partial<DataChannel> = {}): DataChannel {
  return {
    ordinal: 1,
    inferred: false,
    start: "2026-01-05T10:00:01.250000000Z",
    end: "2026-01-05T10:00:09.125000000Z",
    negotiation: null,
    transfer: null,
    connection: null,
    outcome: "ok",
    cause: null,
    contributing: [],
    confidence: "certain",
    alternatives: [],
    evidence: [],
    limits: [],
    remedy: [],
    ...more,
  };
}

const client: Endpoint = { address: "192.168.1.20", port: 47596 };
const server: Endpoint = { address: "5.9.12.92", port: 21 };

/** The server behind a NAT advertises its inner address; the client dials it in vain. */
export const privateAddressSession: Session = {
  id: "s-51c2a7e9d0b34f18",
  control: control(client, server),
  dataChannels: [
    channel({
      negotiation: negotiation("PASV", "10.0.1.121", 3846, { addressClass: "private" }),
      connection: connection(
        { address: "192.168.1.20", port: 54224 },
        { address: "10.0.1.121", port: 3846 },
        { synCount: 5, bytesFromResponder: 0, lastPacket: 33 },
      ),
      outcome: "failed",
      cause: "pasv-private-address",
      contributing: ["helper-absent"],
      confidence: "certain",
      alternatives: [
        { cause: "data-port-filtered", missing: "a capture at the server, showing whether the SYN reaches port 3846" },
      ],
      evidence: [
        { capture: 0, packet: 23, says: "227 advertises 10.0.1.121:3846, a private address; the server is 5.9.12.92" },
        { capture: 0, packet: 25, says: "SYN to 10.0.1.121:3846, sent 5 times over 7.2 s, never answered" },
        { capture: 0, packet: 40, says: "the client gives up: QUIT" },
      ],
      remedy: remedyFor(CAUSE_TEXT["pasv-private-address"], "vsftpd 3.0.3"),
    }),
  ],
};

/** A passive port that a firewall drops, under TLS, `count` sessions alike. */
export function filteredSessions(count: number): Session[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `s-f1${String(i).padStart(14, "0")}`,
    control: control(
      { address: `203.0.113.${10 + (i % 40)}`, port: 40000 + i },
      { address: "198.51.100.7", port: 990 },
      {
        security: "implicit-tls",
        serverSoftware: null,
        user: null,
        firstPacket: { capture: 0, packet: 100 + 20 * i },
        lastPacket: { capture: 0, packet: 119 + 20 * i },
      },
    ),
    dataChannels: [
      channel({
        inferred: true,
        connection: connection(
          { address: `203.0.113.${10 + (i % 40)}`, port: 41000 + i },
          { address: "198.51.100.7", port: 50000 + i },
          {
            match: "inferred",
            synCount: 4,
            bytesFromResponder: 0,
            firstPacket: 110 + 20 * i,
            lastPacket: 117 + 20 * i,
          },
        ),
        outcome: "failed",
        cause: "data-port-filtered",
        contributing: ["control-encrypted"],
        confidence: "likely",
        alternatives: [{ cause: "syn-not-seen", missing: "a capture at the server" }],
        evidence: [
          {
            capture: 0,
            packet: 110 + 20 * i,
            says: `SYN to 198.51.100.7:${50000 + i}, sent 4 times over 7.0 s, never answered`,
          },
        ],
        limits: ["one-sided"],
        remedy: remedyFor(CAUSE_TEXT["data-port-filtered"], null),
      }),
    ],
  }));
}

/** EPSV refused, then PASV that works; a 550; a transfer given up: nothing here is the network's fault but the first. */
export const healthySession: Session = {
  id: "s-0a4d21f37c6be955",
  control: control(client, server, { serverSoftware: "ProFTPD 1.3.8", sameAs: ["s-0a4d21f37c6be956"] }),
  dataChannels: [
    channel({
      negotiation: negotiation("EPSV", null, 0, {
        advertised: null,
        replyCode: 500,
        commandPacket: 9,
        replyPacket: 10,
      }),
      outcome: "refused",
      cause: "epsv-refused",
      evidence: [{ capture: 0, packet: 10, says: "500 'EPSV' not understood" }],
      remedy: remedyFor(CAUSE_TEXT["epsv-refused"], "ProFTPD 1.3.8"),
    }),
    channel({
      ordinal: 2,
      negotiation: negotiation("PASV", "5.9.12.92", 50001, { addressClass: "public" }),
      transfer,
      connection: connection({ address: "192.168.1.20", port: 54300 }, { address: "5.9.12.92", port: 50001 }),
    }),
    channel({
      ordinal: 3,
      negotiation: negotiation("PASV", "5.9.12.92", 50002, {
        addressClass: "public",
        commandPacket: 51,
        replyPacket: 52,
      }),
      transfer: { verb: "RETR", path: "no/such/file", replies: [550], commandPacket: 55 },
      outcome: "refused",
    }),
    channel({
      ordinal: 4,
      negotiation: negotiation("PORT", "192.168.1.20", 50100, { replyCode: 200, commandPacket: 61, replyPacket: 62 }),
      transfer: { verb: "STOR", path: "upload", replies: [150, 426, 226], commandPacket: 63 },
      outcome: "aborted",
    }),
    channel({
      ordinal: 5,
      negotiation: negotiation("PASV", "5.9.12.92", 50004, { commandPacket: 71, replyPacket: 72 }),
      outcome: "not-attempted",
    }),
  ],
};

/** IPv6, extended verbs, an active connection refused by ICMP. */
export const ipv6Session: Session = {
  id: "s-6b1f0e6d5a2c4788",
  control: control(
    { address: "2001:db8:85a3:8d3:1319:8a2e:370:7348", port: 52044 },
    { address: "2001:db8:ffff:ffff:ffff:ffff:ffff:fffe", port: 21 },
    { serverSoftware: "Pure-FTPd", user: "backup", start: "2026-01-06T00:00:03.000000000Z" },
  ),
  dataChannels: [
    channel({
      negotiation: negotiation("EPRT", "2001:db8:85a3:8d3:1319:8a2e:370:7348", 50123, { replyCode: 200 }),
      transfer: { verb: "LIST", path: null, replies: [425], commandPacket: 24 },
      connection: connection(
        { address: "2001:db8:ffff:ffff:ffff:ffff:ffff:fffe", port: 20 },
        { address: "2001:db8:85a3:8d3:1319:8a2e:370:7348", port: 50123 },
        { bytesFromResponder: 0, lastPacket: 26 },
      ),
      outcome: "failed",
      cause: "active-inbound-rejected",
      evidence: [
        {
          capture: 0,
          packet: 26,
          says: "ICMPv6 1/1 (administratively prohibited) from 2001:db8:85a3:8d3::1 quotes the SYN of packet 25",
        },
      ],
      remedy: remedyFor(CAUSE_TEXT["active-inbound-rejected"], "Pure-FTPd"),
    }),
    channel({
      ordinal: 2,
      negotiation: negotiation("EPSV", null, 50001, { replyCode: 229, commandPacket: 31, replyPacket: 32 }),
      transfer: { verb: "LIST", path: null, replies: [150, 226], commandPacket: 33 },
      outcome: "undetermined",
      limits: ["capture-filtered"],
    }),
  ],
};

/** What a stranger may put into a path, a greeting or a user name. */
export const HOSTILE_TEXTS = [
  "\x1b[2J\x1b]0;title\x07",
  "\u202egnp.exe",
  "\ud800lone",
  "line\r\nfeed",
  "</script><b>",
  "=cmd|'/C calc'!A0",
  "__proto__",
  "\u200b\ufeff\u2028",
  "日本語のとても長いファイル名🎉.txt",
  "x".repeat(20_000),
];

/** The control connection itself failed, and every captured string is hostile. */
export const hostileSession: Session = {
  id: "s-bad0bad0bad0bad0",
  control: control(client, server, {
    outcome: "failed",
    cause: "login-failed",
    confidence: "certain",
    evidence: [{ capture: 0, packet: 12, says: `reply "530 ${HOSTILE_TEXTS[0]} ${HOSTILE_TEXTS[1]}"` }],
    serverSoftware: HOSTILE_TEXTS[3],
    user: HOSTILE_TEXTS[2],
    remedy: remedyFor(CAUSE_TEXT["login-failed"], null),
  }),
  dataChannels: HOSTILE_TEXTS.map((path, i) =>
    channel({
      ordinal: i + 1,
      negotiation: negotiation("PASV", "5.9.12.92", 50000 + i, { malformed: `"${HOSTILE_TEXTS[7]}" is no number` }),
      transfer: { verb: "RETR", path, replies: [550], commandPacket: 30 + i },
      outcome: "refused",
    }),
  ),
};

function capture(more: Partial<CaptureSummary> = {}): CaptureSummary {
  return {
    name: "client.pcap",
    format: "pcap",
    linkTypes: ["EN10MB"],
    packets: 42,
    bytes: 4375,
    start: "2026-01-05T10:00:00.123456789Z",
    end: "2026-01-05T10:00:09.500000000Z",
    limits: [],
    ...more,
  };
}

function analysis(sessions: Session[], more: Partial<Analysis> = {}): Analysis {
  return {
    schemaVersion: "1.0",
    tool: { name: "ftptrace", version: "0.1.0" },
    captures: [capture()],
    sessions,
    findings: [],
    anomalies: [],
    ...more,
  };
}

/** What the ends of every sample session did, with captured text at its worst. */
export const CONVERSATION: Conversation = {
  events: [
    {
      at: 0.5,
      place: { capture: 0, packet: 23 },
      channel: 1,
      from: "server",
      to: "client",
      kind: "reply",
      onData: false,
      text: "227 <script>alert(1)</script> \u202e\" ' & \ud800",
    },
    {
      at: 2,
      place: { capture: 0, packet: 25 },
      channel: 1,
      from: "client",
      to: "between",
      kind: "syn",
      onData: true,
      text: "SYN to 10.0.1.121:3846, 5 times over 7.2 s, never answered",
    },
  ],
  leftOut: [],
};

/** Whole reports, by the name of their golden files. */
export const SAMPLES: Readonly<Record<string, Analysis>> = {
  "private-address": analysis([privateAddressSession]),
  filtered: analysis(filteredSessions(30), {
    captures: [
      capture({ name: "ring 1.pcapng", format: "pcapng", packets: 123456, limits: ["one-sided"] }),
      capture({
        name: "ring 2.pcapng",
        format: "pcapng",
        packets: 7,
        start: "2026-01-05T23:59:59.000000000Z",
        end: "2026-01-06T00:10:00.000000000Z",
        limits: ["one-sided", "truncated-file"],
      }),
    ],
    findings: [
      {
        id: "passive-range",
        title: "no passive port from 50000 to 50029 of 198.51.100.7 is reachable",
        confidence: "likely",
        sessions: ["s-f100000000000000", "s-f100000000000001"],
        sessionCount: 30,
        evidence: [{ capture: 0, packet: 110, says: "port 50000: SYN never answered" }],
        remedy: ["Forward 50000 to 50029 to the server."],
      },
    ],
    anomalies: [
      {
        code: "truncated-file",
        layer: "capture",
        count: 1,
        first: { capture: 1, packet: 7, detail: "the file ends 12 bytes into a record of 1514 bytes" },
      },
      {
        code: "tcp-overlap-differs",
        layer: "tcp",
        count: 1234,
        first: { capture: 0, packet: 310, detail: "4 bytes differ" },
      },
    ],
  }),
  healthy: analysis([healthySession]),
  ipv6: analysis([privateAddressSession, ipv6Session]),
  hostile: analysis([hostileSession]),
  empty: analysis([], { captures: [capture({ packets: 0, start: null, end: null })] }),
};

/** The counts that the engine would give for these sessions. */
export function countsOf(sessions: readonly Session[]): AnalysisCounts {
  const channelsByOutcome = { ok: 0, failed: 0, refused: 0, aborted: 0, "not-attempted": 0, undetermined: 0 };
  const causes: Partial<Record<CauseId, number>> = {};
  const count = (cause: CauseId | null) => {
    if (cause !== null) causes[cause] = (causes[cause] ?? 0) + 1;
  };
  let channels = 0;
  for (const { control: ofSession, dataChannels } of sessions) {
    count(ofSession.cause);
    for (const { outcome, cause } of dataChannels) {
      channels++;
      channelsByOutcome[outcome]++;
      count(cause);
    }
  }
  return { sessions: sessions.length, channels, channelsByOutcome, causes };
}

/** A report as it is handed to a writer at its end. */
export function summaryOf({ sessions, ...rest }: Analysis): AnalysisSummary {
  return { ...rest, counts: countsOf(sessions) };
}
