import assert from "node:assert/strict";
import { describe, it, test } from "node:test";
import fc from "fast-check";
import { analyzeCapture } from "../../src/analyze.ts";
import { packetNumberOf } from "../../src/capture/frame.ts";
import { SessionTracker } from "../../src/correlate/session-tracker.ts";
import { ControlSession } from "../../src/ftp/control-session.ts";
import { MAX_DEFERRED_LINES } from "../../src/prefilter/layout.ts";
import type { Connection } from "../../src/tcp/connection.ts";
import { ConnectionTable } from "../../src/tcp/connection-table.ts";
import { withoutWebAssembly } from "../prefilter/without-webassembly.ts";
import { CaptureBuilder, type CaptureOptions, type RawSegment } from "../support/capture-builder.ts";

/** The report on a capture, what was read of the dialogues, all that is known of the connections, and the TCP packets that the table got. */
function analyzed(bytes: Uint8Array) {
  const handedOut: number[] = [];
  const connections: Connection[] = [];
  const { segment } = ConnectionTable.prototype;
  const { controlOpened } = SessionTracker.prototype;
  const { data } = ControlSession.prototype;
  const said: unknown[] = [];
  ConnectionTable.prototype.segment = function (view) {
    handedOut.push(packetNumberOf(view.packet));
    segment.call(this, view);
  };
  SessionTracker.prototype.controlOpened = function (connection, recognised) {
    connections.push(connection);
    return controlOpened.call(this, connection, recognised);
  };
  ControlSession.prototype.data = function (direction, bytes, from, to, stamp) {
    said.push({ direction, text: String.fromCharCode(...bytes.subarray(from, to)), ...stamp });
    data.call(this, direction, bytes, from, to, stamp);
  };
  try {
    const analysis = analyzeCapture(bytes);
    return { analysis, handedOut, known: { said, connections: connections.map(ends) } };
  } finally {
    ConnectionTable.prototype.segment = segment;
    SessionTracker.prototype.controlOpened = controlOpened;
    ControlSession.prototype.data = data;
  }
}

function ends({ originator, responder, firstPacket, lastPacket, lastTime, packets, copies, closed }: Connection) {
  const halves = [originator, responder].map((half) => ({ ...half, hole: half.wholeUpTo, arrived: half.arrivedUpTo }));
  return { halves, firstPacket, lastPacket, lastTime, packets, copies, closed };
}

/** The same with and without a prefilter. @returns with it */
function assertSame(net: CaptureBuilder, options: CaptureOptions = {}): ReturnType<typeof analyzed> {
  const bytes = net.build(options);
  const lent = analyzed(bytes);
  const expected = withoutWebAssembly(() => analyzed(bytes));
  assert.equal(expected.handedOut.length, net.packets().length);
  assert.ok(expected.analysis.sessions.length > 0);
  assert.deepEqual(lent.analysis, expected.analysis);
  assert.deepEqual(lent.known, expected.known);
  return lent;
}

interface Hosts {
  readonly client: string;
  readonly server: string;
}

const IPV4: Hosts = { client: "192.0.2.10:40001", server: "203.0.113.5:21" };
const IPV6: Hosts = { client: "[2001:db8::10]:40001", server: "[2001:db8:5::1]:21" };

type Said = Partial<Omit<RawSegment, "from" | "to">>;

/** A handshake, greeting and USER: seven packets, of which each has to be handed out, as has whatever comes first of an end. */
function greeted(options: CaptureOptions = {}, hosts = IPV4) {
  const net = new CaptureBuilder(options);
  const next = { client: 101, server: 1001 };
  const say = (side: "client" | "server", said: Said = {}) => {
    const other = side === "client" ? "server" : "client";
    const [from, to] = [hosts[side], hosts[other]];
    const ttl = side === "client" ? 64 : 57;
    const segment = { ttl, flags: "PA", seq: next[side], ack: next[other], ...said, from, to };
    next[side] = Math.max(next[side], segment.seq + (segment.payload?.length ?? 0));
    const number = net.segment(segment);
    // All of it within one tick of the analyzer.
    net.wait(1);
    return number;
  };
  const client = (payload: string, said: Said = {}) => say("client", { payload, ...said });
  const server = (payload: string, said: Said = {}) => say("server", { payload, ...said });
  say("client", { flags: "S", seq: 100 });
  say("server", { flags: "SA", seq: 1000, ack: 101 });
  say("client", { flags: "A" });
  server("220 ProFTPD Server ready.\r\n");
  client("USER alice\r\n");
  return { net, client, server, say };
}

const GREETED = [1, 2, 3, 4, 5];

/** The rest of a login, six packets. */
function login({ client, server, say }: ReturnType<typeof greeted>) {
  server("331 Password required\r\n");
  client("PASS secret\r\n");
  say("server", { flags: "A" });
  server("230-Welcome\r\n 227 files\r\n230 .\r\n");
  client("SYST\r\nFEAT\r\n");
  say("server", { flags: "A" });
}

describe("what is said before a port is negotiated is kept by the prefilter, as it would be by the session", () => {
  for (const [layout, options, hosts] of [
    ["IPv4", {}, IPV4],
    ["IPv6", {}, IPV6],
    ["VLAN", { vlan: [7] }, IPV4],
    ["pcapng", { format: "pcapng" }, IPV4],
    ["an odd port", {}, { ...IPV4, server: "203.0.113.5:8021" }],
  ] as const)
    it(layout, () => {
      const control = greeted(options, hosts);
      login(control);
      const { analysis, handedOut } = assertSame(control.net);
      const [{ control: told }] = analysis.sessions;
      assert.equal(told.user, "alice");
      assert.equal(told.serverSoftware, "ProFTPD");
      assert.equal(told.lastPacket.packet, 11);
      // On an odd port nothing before the greeting is of interest, and the client is heard for the first time behind it.
      assert.deepEqual(
        handedOut,
        layout === "an odd port" ? handedOut.slice(0, 2).concat(handedOut.slice(2)) : GREETED,
      );
      assert.ok(handedOut.every((number) => number <= 5));
    });

  it("and is read once a port is negotiated", () => {
    const control = greeted();
    login(control);
    control.client("PASV\r\n");
    const granted = control.server("227 Entering Passive Mode (203,0,113,5,195,80).\r\n");
    control.net.connect({ client: "192.0.2.10:40002", server: "203.0.113.5:50000" });
    control.client("LIST\r\n");
    const { analysis, handedOut } = assertSame(control.net);
    const [{ dataChannels }] = analysis.sessions;
    assert.deepEqual(
      dataChannels.map(({ negotiation }) => [negotiation?.commandPacket, negotiation?.replyPacket]),
      [[granted - 1, granted]],
    );
    assert.equal(dataChannels[0].connection?.firstPacket, granted + 1);
    const behind = Array.from({ length: 5 }, (_, i) => granted + i);
    assert.deepEqual(handedOut, [...GREETED, ...behind]);
  });

  it("of several sessions each its own, also where there are more than have a place", () => {
    const net = new CaptureBuilder();
    const sessions = Array.from({ length: 4200 }, (_, i) =>
      net.connect({ client: `192.0.${2 + (i >> 8)}.${i & 255}:40001`, server: "203.0.113.5:21" }),
    );
    for (const session of sessions) session.server("220 ready\r\n");
    for (const [i, session] of sessions.entries()) session.client(`USER u${i}\r\n`);
    for (const session of sessions) session.server("331 password\r\n");
    for (const session of sessions) session.client("PASS x\r\n");
    const { analysis, handedOut } = assertSame(net);
    assert.deepEqual(new Set(analysis.sessions.map(({ control }) => control.user)).size, sessions.length);
    // The first five of each; then one in each tick, and those whose place or bucket is another's.
    assert.ok(handedOut.length < 0.9 * net.packets().length, `${handedOut.length} of ${net.packets().length}`);
  });
});

const NOT_KEPT: readonly { what: string; say: (control: ReturnType<typeof greeted>) => void }[] = [
  { what: "PORT", say: ({ client }) => client("PORT 192,0,2,10,195,80\r\n") },
  { what: "eprt", say: ({ client }) => client("eprt |1|192.0.2.10|50000|\r\n") },
  { what: "LPRT behind another command", say: ({ client }) => client("NOOP\r\nLPRT 4,4,192,0,2,10,2,195,80\r\n") },
  { what: "227", say: ({ server }) => server("227 (203,0,113,5,195,80)\r\n") },
  { what: "228 behind another reply", say: ({ server }) => server("200 ok\r\n228 (4,4,203,0,113,5,2,195,80)\r\n") },
  { what: "229", say: ({ server }) => server("229 (|||50000|)\r\n") },
  { what: "a command whose end is missing", say: ({ client }) => client("PASS sec") },
  { what: "a reply whose end is missing", say: ({ server }) => server("331 Pass") },
  { what: "what is no text", say: ({ client }) => client("CWD caf\xc3\xa9\r\n") },
  { what: "a control character", say: ({ server }) => server("331 \x1b[2J\r\n") },
  { what: "a command that does not begin with a letter", say: ({ client }) => client(" PASS secret\r\n") },
  { what: "an empty command", say: ({ client }) => client("\r\n") },
  { what: "TLS", say: ({ client }) => client("\x16\x03\x01\x00\x05hello") },
  { what: "a FIN behind a command", say: ({ client }) => client("QUIT\r\n", { flags: "FPA" }) },
  { what: "a RST", say: ({ say }) => say("server", { flags: "RA" }) },
  { what: "what came before", say: ({ client }) => client("USER alice\r\n", { seq: 101 }) },
  { what: "what stands behind a hole", say: ({ server }) => server("331 password\r\n", { seq: 1050 }) },
  { what: "what is said over another number of routers", say: ({ server }) => server("331 password\r\n", { ttl: 56 }) },
  { what: "a closed window", say: ({ say }) => say("client", { flags: "A", window: 0 }) },
  {
    what: "an acknowledgment of what has not come",
    say: ({ server }) => server("331 x\r\n", { ack: 113 + 2 ** 31 - 5 }),
  },
  { what: "more than a block has room for", say: ({ server }) => server(`214 ${"x".repeat(460)}\r\n`) },
];

describe("what may not wait, or is not ordinary, is handed out", () => {
  for (const { what, say } of NOT_KEPT)
    it(what, () => {
      const control = greeted();
      control.server("200 ok\r\n");
      say(control);
      const { handedOut } = assertSame(control.net);
      assert.deepEqual(handedOut, [...GREETED, 7]);
    });

  it("more lines than may wait", () => {
    const control = greeted();
    for (let i = 0; i < MAX_DEFERRED_LINES / 3; i++) control.server("200 three\r\n200 b\r\n200 c\r\n");
    const { handedOut, analysis } = assertSame(control.net);
    // The greeting and USER are lines, too; what is behind is read as it comes. Blocks that are full come between.
    const last = GREETED.length + MAX_DEFERRED_LINES / 3;
    assert.equal(handedOut.at(-1), last);
    assert.ok(!handedOut.includes(last - 1));
    assert.equal(analysis.sessions[0].control.lastPacket.packet, last);
  });

  it("of text that the snaplen cut", () => {
    const control = greeted();
    control.server(`331 ${"x".repeat(80)}\r\n`);
    assert.deepEqual(assertSame(control.net, { snaplen: 14 + 40 + 40 }).handedOut, [...GREETED, 6]);
  });

  it("once it is read, all", () => {
    const control = greeted();
    control.client("\r\n");
    control.server("331 password\r\n");
    control.client("PASS secret\r\n");
    assert.deepEqual(assertSame(control.net).handedOut, [...GREETED, 6, 7, 8]);
  });
});

describe("what the prefilter kept", () => {
  it("counts from where a stream begins of which the other end's first acknowledgment tells", () => {
    const net = new CaptureBuilder();
    const server = (seq: number, flags: string, payload = "200 ok\r\n") =>
      net.segment({ from: IPV4.server, to: IPV4.client, ttl: 57, flags, seq, ack: 500, payload });
    for (let i = 0; i < 8; i++) server(1000 + 8 * i, i < 5 ? "P" : "PA");
    for (let i = 0; i < 2; i++)
      net.segment({
        from: IPV4.client,
        to: IPV4.server,
        flags: "PA",
        seq: 500 + 6 * i,
        ack: 1064,
        payload: "NOOP\r\n",
      });
    assertSame(net);
  });

  it("is not what stands before the segment that told where its stream begins", () => {
    const { net, client, server, say } = greeted();
    say("client", { flags: "S", seq: 70_000 });
    server("331 password\r\n");
    net.move(client("TYPE I\r\n", { seq: 70_001 }), -1);
    server("200 ok\r\n");
    assertSame(net);
  });

  it("is compared with what is sent again", () => {
    const control = greeted();
    control.server("331 password\r\n");
    control.client("PASS secret\r\n");
    control.client("PASS SECRET\r\n", { seq: 113 });
    const { analysis } = assertSame(control.net);
    assert.deepEqual(
      analysis.anomalies.map(({ code, first }) => [code, first.packet]),
      [["tcp-overlap-differs", 8]],
    );
  });

  it("goes on where it is handed out again", () => {
    const control = greeted();
    control.server("331 pass");
    control.server("word\r\n");
    control.client("PASS x\r\n");
    const [session] = assertSame(control.net).analysis.sessions;
    assert.deepEqual(session.control.limits, []);
    assert.equal(session.control.lastPacket.packet, 8);
  });

  it("keeps its session open: only what says nothing for three hours is over", () => {
    const control = greeted();
    for (let i = 0; i < 4; i++) {
      control.net.wait(2 * 3600 * 1000);
      // With this packet time goes on.
      control.net.segment({ from: "192.0.2.77:5000", to: "203.0.113.77:5001", flags: "A" });
      control.client("NOOP\r\n");
      control.server("200 ok\r\n");
    }
    const { analysis, handedOut } = assertSame(control.net);
    assert.equal(analysis.sessions.length, 1);
    assert.equal(analysis.sessions[0].control.lastPacket.packet, 17);
    assert.deepEqual(handedOut, [...GREETED, 6, 9, 12, 15]);
  });

  it("is read where it tells which session is meant, and what comes then is read, too", () => {
    const [one, other] = [40_001, 40_002].map((port) =>
      greeted({}, { client: `192.0.2.10:${port}`, server: "203.0.113.5:21" }),
    );
    const both = [one, other];
    for (const control of both) control.server("331 password\r\n");
    one.net.segment({ from: "192.0.2.10:45000", to: "203.0.113.5:50001", flags: "S" });
    for (const control of both) {
      control.client("PASS secret\r\n");
      control.server("230 .\r\n");
      control.client("SYST\r\n");
    }
    const packets = both.flatMap(({ net }) => net.packets()).sort((a, b) => Number(a.time - b.time));
    one.net.edit(() => packets);
    const { analysis } = assertSame(one.net);
    assert.deepEqual(
      analysis.sessions.map(({ control }) => control.user),
      ["alice", "alice"],
    );
  });

  it("ends with a SYN that uses its ports again", () => {
    const control = greeted();
    login(control);
    control.say("client", { flags: "S", seq: 70_000 });
    const { analysis } = assertSame(control.net);
    assert.deepEqual(
      analysis.sessions.map(({ control: { lastPacket, user } }) => [lastPacket.packet, user]),
      [
        [11, "alice"],
        [12, null],
      ],
    );
  });
});

test("of a data connection that two sessions negotiated (FXP) each tells all", () => {
  const net = new CaptureBuilder();
  const [source, target] = ["203.0.113.5", "203.0.113.6"];
  const dial = (port: number, server: string) => {
    const control = net.connect({ client: `192.0.2.10:${port}`, server: `${server}:21` });
    control.server("220 ready\r\n");
    control.client("USER alice\r\n");
    control.server("230 in\r\n");
    return control;
  };
  const [one, other] = [dial(40_001, source), dial(40_002, target)];
  one.client("PASV\r\n");
  one.server("227 (203,0,113,5,195,80)\r\n");
  other.client("PORT 203,0,113,5,195,80\r\n");
  other.server("200 ok\r\n");
  one.client("RETR f\r\n");
  other.client("STOR f\r\n");
  const data = net.connect({ client: `${target}:20`, server: `${source}:50000` });
  for (const control of [one, other]) control.server("150 go\r\n");
  data.serverData(30_000);
  const { analysis } = assertSame(net);
  for (const { dataChannels } of analysis.sessions)
    assert.equal(dataChannels[0].connection?.bytesFromResponder, 30_000);
});

/** What may happen next; many of them together reach states that nobody thought of. */
const STEPS: readonly ((control: ReturnType<typeof greeted>) => void)[] = [
  ({ server }) => server("331 password\r\n"),
  ({ client }) => client("PASS secret\r\n"),
  ({ server }) => server("230-Hello\r\n there\r\n230 .\r\n"),
  ({ client }) => client("NOOP\r\nSYST\r\n"),
  ({ say }) => say("client", { flags: "A" }),
  ({ say }) => say("server", { flags: "A", window: 100 }),
  ({ server }) => server(`200 ${"y".repeat(300)}\r\n`),
  ({ server, net }) => net.duplicate(server("200 twice\r\n")),
  ({ client, net }) => net.move(client("TYPE I\r\n"), -1),
  ({ server, net }) => net.drop(server("200 lost\r\n")),
  ({ net }) => net.wait(11_000),
  ({ net }) => net.wait(-3),
  ({ client }) => client("TYPE"),
  ({ client }) => client(" A\r\n"),
  ({ client }) => client("USER alice\r\n", { seq: 101 }),
  ({ client }) => client("USER ALICE\r\n", { seq: 101 }),
  ({ say }) => say("client", { flags: "A", window: 0 }),
  ({ server }) => server("200 from elsewhere\r\n", { ttl: 50 }),
  ({ client }) => client("PASV\r\n"),
  ({ server }) => server("227 (203,0,113,5,195,80)\r\n"),
  // To a port that none of the sessions between these hosts has negotiated, or one has: which of them is meant hangs on what was said.
  ({ net }) =>
    net.segment({ from: "192.0.2.10:45000", to: "203.0.113.5:50001", flags: "S", seq: net.packets().length }),
  ({ net }) =>
    net.segment({ from: "192.0.2.10:45001", to: "203.0.113.5:50000", flags: "S", seq: net.packets().length }),
  ({ say }) => say("client", { flags: "FA" }),
  ({ say }) => say("server", { flags: "RA" }),
  ({ say }) => say("client", { flags: "S", seq: 70_000 }),
];

test("whatever comes in whatever order is told the same", () => {
  const steps = fc.array(fc.record({ of: fc.nat(2), step: fc.nat(STEPS.length - 1), calm: fc.boolean() }), {
    minLength: 5,
    maxLength: 40,
  });
  fc.assert(
    fc.property(steps, (chosen) => {
      const nets = [0, 1, 2].map((i) => greeted({}, { client: `192.0.2.10:${40_001 + i}`, server: "203.0.113.5:21" }));
      // What is said in order comes three times as often as the rest.
      for (const { of, step, calm } of chosen) STEPS[calm ? step % 7 : step](nets[of]);
      const [{ net }, ...others] = nets;
      const all = nets.flatMap((each) => each.net.packets()).sort((a, b) => Number(a.time - b.time));
      for (const other of others) assert.ok(other.net.packets().length > 0);
      net.edit(() => all);
      assertSame(net);
    }),
    { numRuns: 300 },
  );
});
