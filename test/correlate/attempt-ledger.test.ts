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
