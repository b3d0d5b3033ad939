import assert from "node:assert/strict";
import { test } from "node:test";
import { analyzeCapture } from "../../src/analyze.ts";
import { FLOOD_ATTEMPTS } from "../../src/correlate/attempt-ledger.ts";
import { CaptureBuilder } from "../support/capture-builder.ts";

const SERVER = "203.0.113.5:21";

/** Attempts of so many clients at one server, within seconds. */
function attempts(clients: number, attempt: (net: CaptureBuilder, client: string) => void) {
  const net = new CaptureBuilder();
  for (let i = 0; i < clients; i++) attempt(net, `198.51.${100 + (i >> 8)}.${i & 0xff}:${40000 + i}`);
  const { sessions, findings } = analyzeCapture(net.build());
  return { sessions: sessions.length, findings: findings.map(({ id }) => id) };
}

const lone = (net: CaptureBuilder, from: string) => net.segment({ from, to: SERVER, flags: "S", seq: 4242 });

test("lone SYNs of many sources to one target are a flood beyond a number, before that sessions", () => {
  assert.deepEqual(attempts(FLOOD_ATTEMPTS, lone), { sessions: FLOOD_ATTEMPTS, findings: [] });
  assert.deepEqual(attempts(FLOOD_ATTEMPTS + 1, lone), { sessions: 0, findings: ["syn-flood"] });
});

test("SYNs that were answered and never acknowledged are a flood too (SYN cookies)", () => {
  const answered = (net: CaptureBuilder, from: string) => {
    lone(net, from);
    net.segment({ from: SERVER, to: from, flags: "SA", seq: 99, ack: 4243 });
  };
  assert.deepEqual(attempts(FLOOD_ATTEMPTS + 1, answered), { sessions: 0, findings: ["syn-flood"] });
});

test("look-alikes: clients that repeat their SYN, and clients that are turned down, are sessions however many", () => {
  const repeated = (net: CaptureBuilder, from: string) => {
    lone(net, from);
    lone(net, from);
  };
  assert.deepEqual(attempts(FLOOD_ATTEMPTS + 1, repeated).findings, []);
  const refused = (net: CaptureBuilder, from: string) => {
    lone(net, from);
    net.segment({ from: SERVER, to: from, flags: "RA", seq: 0, ack: 4243 });
  };
  assert.deepEqual(attempts(FLOOD_ATTEMPTS + 1, refused), { sessions: FLOOD_ATTEMPTS + 1, findings: [] });
});

test("three targets are a scan where all were tried from one port, and else sessions", () => {
  const tried = (portOf: (i: number) => number, targets: readonly string[]) => {
    const net = new CaptureBuilder();
    targets.forEach((to, i) => {
      const from = `198.51.100.9:${portOf(i)}`;
      net.segment({ from, to, flags: "S", seq: 4242 });
      if (i === 0) {
        net.segment({ from: to, to: from, flags: "SA", seq: 99, ack: 4243 });
        net.segment({ from, to, flags: "R", seq: 4243 });
      } else net.segment({ from: to, to: from, flags: "RA", seq: 0, ack: 4243 });
    });
    const { sessions, findings } = analyzeCapture(net.build());
    return { sessions: sessions.length, findings: findings.map(({ id }) => id) };
  };
  const ports = ["203.0.113.5:21", "203.0.113.5:990", "203.0.113.5:2121"];
  const hosts = ["203.0.113.5:21", "203.0.113.6:21", "203.0.113.7:21"];
  for (const targets of [ports, hosts]) {
    assert.deepEqual(
      tried(() => 54321, targets),
      { sessions: 0, findings: ["scan"] },
    );
    assert.deepEqual(
      tried((i) => 54321 + i, targets),
      { sessions: 3, findings: [] },
    );
    assert.deepEqual(
      tried((i) => 54321 + (i >> 1), targets),
      { sessions: 3, findings: [] },
    );
    assert.deepEqual(
      tried(() => 54321, targets.slice(1)),
      { sessions: 2, findings: [] },
    );
  }
});

/** One client's SYNs to the ports of a host, from these ports of its own, `apart` ms apart; all are turned down. */
function probes(
  ports: readonly number[],
  portOf: (i: number) => number,
  { apart = 1, hostOf = (_: number): number => 5 } = {},
) {
  const net = new CaptureBuilder();
  ports.forEach((port, i) => {
    const [from, to] = [`198.51.100.9:${portOf(i)}`, `203.0.113.${hostOf(i)}:${port}`];
    net.segment({ from, to, flags: "S", seq: 4242 + i });
    net.segment({ from: to, to: from, flags: "RA", seq: 0, ack: 4243 + i });
    net.wait(apart);
  });
  const { sessions, findings } = analyzeCapture(net.build());
  return { sessions: sessions.length, findings: findings.map(({ title }) => title) };
}
const scan = (others: number) => ({
  sessions: 0,
  findings: [`198.51.100.9 tried 1 control port (1 attempt) and at least ${others} other ports: a scan, not sessions`],
});
const oneSession = { sessions: 1, findings: [] };
const upwards = (count: number, first: number) => Array.from({ length: count }, (_, i) => first + i);

test("a control port tried from the port from which two other ports of the host were tried is part of a scan", () => {
  assert.deepEqual(
    probes([22, 21, 80], () => 40000),
    scan(2),
  );
  assert.deepEqual(
    probes([22, 21], () => 40000),
    oneSession,
  );
  assert.deepEqual(
    probes([22, 21, 80], (i) => 40000 + i),
    oneSession,
  );
});

test("behind a NAT one port serves connections to several hosts, which is no scan", () => {
  assert.deepEqual(
    probes([22, 21, 80, 443], () => 40000, { hostOf: (i) => 5 + i }),
    oneSession,
  );
});

test("what was tried more than a minute before or after is no part of it", () => {
  assert.deepEqual(
    probes([22, 21, 80], () => 40000, { apart: 30_000 }),
    scan(2),
  );
  assert.deepEqual(
    probes([22, 21, 80], () => 40000, { apart: 62_000 }),
    oneSession,
  );
});

test("many well-known ports of one host are a scan from whatever ports they were tried; a handful, and high ports, are not", () => {
  const newPort = (i: number) => 40000 + i;
  assert.deepEqual(probes(upwards(18, 10), newPort), scan(17));
  assert.deepEqual(probes(upwards(17, 10), newPort), oneSession);
  assert.deepEqual(probes([21, ...upwards(40, 50_000)], newPort), oneSession);
});

test("a scan that leaves the control port open or silent is one too", () => {
  const net = new CaptureBuilder();
  const from = "198.51.100.9:40000";
  for (const port of [22, 21, 990, 80]) {
    const to = `203.0.113.5:${port}`;
    net.segment({ from, to, flags: "S", seq: 4242 });
    if (port !== 21) continue;
    net.segment({ from: to, to: from, flags: "SA", seq: 99, ack: 4243 });
    net.segment({ from, to, flags: "R", seq: 4243 });
  }
  const { sessions, findings } = analyzeCapture(net.build());
  assert.deepEqual(sessions, []);
  assert.deepEqual(
    findings.map(({ title }) => title),
    ["198.51.100.9 tried 2 control ports (2 attempts) and at least 2 other ports: a scan, not sessions"],
  );
});

test("a server that greets the scanner of its ports makes that connection a session, before and after the scan is known", () => {
  const from = "198.51.100.9:40000";
  for (const order of [
    [22, 80, 21, 990],
    [22, 80, 990, 21],
  ]) {
    const net = new CaptureBuilder();
    for (const port of order) {
      const to = `203.0.113.5:${port}`;
      if (port === 21) {
        const control = net.connect({ client: from, server: to });
        control.server("220 ready\r\n");
        control.reset("client");
      } else {
        net.segment({ from, to, flags: "S", seq: 4242 });
        net.segment({ from: to, to: from, flags: "RA", seq: 0, ack: 4243 });
      }
      for (let second = 0; second < 14; second++) {
        net.wait(1000);
        net.udp({ from: "198.51.100.1:5353", to: "203.0.113.77:5353", payload: new Uint8Array(8) });
      }
    }
    const { sessions, findings } = analyzeCapture(net.build());
    assert.deepEqual(
      [sessions.map(({ control }) => control.server.port), findings.map(({ id }) => id)],
      [[21], ["scan"]],
    );
  }
});
