import assert from "node:assert/strict";
import { test } from "node:test";
import { CONTROL_PORTS } from "../../src/analyze.ts";
import { AnomalyLog } from "../../src/anomaly.ts";
import { createCaptureReader } from "../../src/capture/capture-reader.ts";
import { emptyFrame } from "../../src/capture/frame.ts";
import type { SessionFacts } from "../../src/correlate/session-facts.ts";
import { MAX_SESSIONS, SessionTracker } from "../../src/correlate/session-tracker.ts";
import {
  ATTEMPT_SECONDS,
  CONTROL_IDLE_SECONDS,
  DATA_IDLE_SECONDS,
  ORDERLY_SECONDS,
  SETTLE_SECONDS,
  UNANSWERED_SECONDS,
} from "../../src/correlate/tracked-session.ts";
import { PacketDecoder } from "../../src/decode/decode-packet.ts";
import { emptyPacketView, PacketKind } from "../../src/decode/packet-view.ts";
import { CONTROL_SIGNATURE } from "../../src/ftp/signature.ts";
import { Connection } from "../../src/tcp/connection.ts";
import { ConnectionTable } from "../../src/tcp/connection-table.ts";
import { CaptureBuilder } from "../support/capture-builder.ts";

const CLIENT = "192.0.2.10";
const SERVER = "203.0.113.5";
const ENDS = { client: `${CLIENT}:40000`, server: `${SERVER}:21` };

/** A tracker that has seen all packets of a capture. */
function track(net: CaptureBuilder) {
  const anomalies = new AnomalyLog();
  const settled: SessionFacts[] = [];
  const ignore = () => {};
  const tracker = new SessionTracker(anomalies, (facts) => settled.push(facts), ignore);
  const table = new ConnectionTable(CONTROL_PORTS, CONTROL_SIGNATURE, tracker, anomalies);
  tracker.attach(table);
  const reader = createCaptureReader("capture", 0, anomalies);
  const decoder = new PacketDecoder(anomalies);
  const frame = emptyFrame();
  const view = emptyPacketView();
  reader.push(net.build());
  while (reader.next(frame)) {
    tracker.tick(frame.seconds, frame.nanoseconds);
    if (decoder.decode(frame, 0, view) === PacketKind.tcp) table.segment(view);
  }
  return { tracker, settled, end: frame.seconds + frame.nanoseconds / 1e9 };
}

/** How many seconds of capture time after its last packet the only session of a capture settles. */
function settlesAfter(net: CaptureBuilder): number {
  const { tracker, settled, end } = track(net);
  for (let tenths = 0; tenths < 10 * 4 * 3600; tenths++) {
    if (settled.length > 0) return (tenths - 1) / 10;
    const now = end + tenths / 10;
    tracker.tick(Math.floor(now), Math.floor((now % 1) * 1e9));
  }
  return Number.POSITIVE_INFINITY;
}

/** A session up to its first transfer. */
function opened(net: CaptureBuilder) {
  const control = net.connect(ENDS);
  control.server("220 ready\r\n");
  control.client("PASV\r\n");
  control.server("227 Entering Passive Mode (203,0,113,5,195,80)\r\n");
  return control;
}

const DATA = { client: `${CLIENT}:40001`, server: `${SERVER}:50000` };

/** Idle limits are looked at every 20 s, others every second. */
const ENDINGS: readonly (readonly [string, limit: number, late: number, (net: CaptureBuilder) => void])[] = [
  ["closed in good order", ORDERLY_SECONDS, 0.2, (net) => opened(net).finish("client")],
  ["reset", SETTLE_SECONDS, 1.1, (net) => opened(net).reset("server")],
  [
    "closed, with a data connection that nobody answered",
    ATTEMPT_SECONDS,
    1.1,
    (net) => {
      const control = opened(net);
      control.finish("client");
      net.segment({ from: DATA.client, to: DATA.server, flags: "S", seq: 1 });
    },
  ],
  [
    "closed, with a data connection that stays open",
    DATA_IDLE_SECONDS,
    1.1,
    (net) => {
      const control = opened(net);
      control.finish("client");
      net.connect(DATA).server("some data");
    },
  ],
  ["open and silent", CONTROL_IDLE_SECONDS, 21, opened],
  [
    "a SYN that nobody answers",
    UNANSWERED_SECONDS,
    21,
    (net) => net.segment({ from: ENDS.client, to: ENDS.server, flags: "S", seq: 1 }),
  ],
];
for (const [what, limit, late, build] of ENDINGS)
  test(`a session settles ${limit} s after its last packet: ${what}`, () => {
    const net = new CaptureBuilder();
    build(net);
    const after = settlesAfter(net);
    assert.ok(after >= limit - 0.1 && after <= limit + late, `after ${after} s`);
  });

test("the end of the captures settles all, in the order in which they began", () => {
  const net = new CaptureBuilder();
  const second = { client: `${CLIENT}:40002`, server: ENDS.server };
  opened(net);
  net.connect(second).server("220 ready\r\n");
  const { tracker, settled } = track(net);
  assert.deepEqual([settled.length, tracker.size], [0, 2]);
  tracker.finish();
  assert.deepEqual(
    settled.map(({ client, atCaptureEnd }) => [client.port, atCaptureEnd]),
    [
      [40000, true],
      [40002, true],
    ],
  );
  assert.equal(tracker.size, 0);
});

test("a data connection is the session's that negotiated its port, of two between the same hosts", () => {
  const net = new CaptureBuilder();
  const other = net.connect({ client: `${CLIENT}:40002`, server: ENDS.server });
  other.server("220 ready\r\n");
  opened(net);
  other.client("NOOP\r\n");
  other.server("200 ok\r\n");
  net.connect(DATA);
  const { tracker, settled } = track(net);
  tracker.finish();
  assert.deepEqual(
    settled.map(({ client, candidates }) => [
      client.port,
      candidates.map(({ connection }) => connection.responder.port),
    ]),
    [
      [40002, []],
      [40000, [50000]],
    ],
  );
});

test("sessions with the same initial sequence numbers are one on both sides of a NAT, and know of each other", () => {
  const net = new CaptureBuilder();
  const inside = { client: "10.0.0.7:40000", server: ENDS.server };
  for (const ends of [inside, ENDS, { client: "10.0.0.8:40000", server: ENDS.server }]) {
    const clientIsn = ends.client === "10.0.0.8:40000" ? 7 : 1000;
    net.connect({ ...ends, clientIsn, serverIsn: 2000 }).server("220 ready\r\n");
  }
  const { tracker, settled } = track(net);
  tracker.finish();
  const [a, b, c] = settled;
  assert.ok(a && b && c);
  assert.deepEqual([a.sameAs, b.sameAs, c.sameAs], [[b.id], [a.id], []]);
});

test("where there are too many at once, the one that was silent for longest of those that began first goes", () => {
  const settled: SessionFacts[] = [];
  const anomalies = new AnomalyLog();
  const ignore = () => {};
  let caughtUp = false;
  const settle = (facts: SessionFacts) => {
    // It settles between two ticks, and what the prefilter has counted of its transfers is known by then.
    assert.ok(caughtUp);
    settled.push(facts);
  };
  const tracker = new SessionTracker(anomalies, settle, ignore);
  const table = new ConnectionTable([21], CONTROL_SIGNATURE, tracker, anomalies);
  table.catchUp = () => {
    caughtUp = true;
  };
  tracker.attach(table);
  for (let i = 0; i <= MAX_SESSIONS; i++) {
    const client = { address: `10.0.${i >> 8}.${i & 255}`, port: 40_000 };
    const connection = new Connection("control", 4, client, { address: SERVER, port: 21 }, i + 1, 100, 0);
    // The eleventh said nothing since the others began; one that began later, and never spoke at all, is not among those asked.
    if (i === 10) connection.lastSeconds = 50;
    if (i === 500) connection.lastSeconds = 0;
    tracker.controlOpened(connection, false);
  }
  assert.deepEqual(
    settled.map(({ client }) => client.address),
    ["10.0.0.10"],
  );
  assert.equal(tracker.size, MAX_SESSIONS);
});

test("a connection under TLS is of the session whose server spoke last, and a handshake is no speech", () => {
  const net = new CaptureBuilder();
  const secure = (port: number) => {
    const control = net.connect({ client: `${CLIENT}:${port}`, server: ENDS.server });
    control.server("220 ready\r\n");
    control.client("AUTH TLS\r\n");
    control.server("234 go ahead\r\n");
    return control;
  };
  const owner = secure(40_000);
  owner.tls({ version: "1.2" });
  const other = secure(40_002);
  owner.sealed("client", "PASV\r\n", "1.2");
  owner.sealed("server", "227 Entering Passive Mode (203,0,113,5,195,80).\r\n", "1.2");
  other.tls({ version: "1.2" });
  net.connect({ client: `${CLIENT}:40001`, server: DATA.server }).serverData(500);
  const { tracker, settled } = track(net);
  tracker.finish();
  assert.deepEqual(
    settled.map(({ client, candidates }) => [client.port, candidates.length]),
    [
      [40_000, 1],
      [40_002, 0],
    ],
  );
});

test("a connection that nobody negotiated is of the session whose server spoke last, though nothing it said had to be read yet", () => {
  const net = new CaptureBuilder();
  const controls = [40_000, 40_002].map((port) => {
    const control = net.connect({ client: `${CLIENT}:${port}`, server: ENDS.server });
    control.server("220 ready\r\n");
    control.client("SYST\r\n");
    return control;
  });
  controls[1].server("215 UNIX\r\n");
  controls[0].server("215 UNIX\r\n");
  net.connect({ client: `${CLIENT}:40001`, server: DATA.server }).serverData(500);
  const { tracker, settled } = track(net);
  tracker.finish();
  assert.deepEqual(
    settled.map(({ client, candidates, events }) => [client.port, candidates.length, events.length]),
    [
      [40_000, 1, 3],
      [40_002, 0, 3],
    ],
  );
});
