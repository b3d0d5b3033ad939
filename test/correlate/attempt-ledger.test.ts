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
