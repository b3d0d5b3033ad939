import assert from "node:assert/strict";
import { test } from "node:test";
import { BOUNDS } from "../../../src/bounds.ts";
import { CaptureBuilder } from "../../support/capture-builder.ts";
import { GUESSING_SESSIONS, REFUSALS_PER_LOGIN } from "../thresholds.ts";
import { findingsOf, SERVER } from "./sessions.ts";

const REFUSED = "530 Login incorrect.\r\n";
const ADMITTED = "230 logged in\r\n";

/** A session that says no more than its login. */
function logsIn(net: CaptureBuilder, client: string, port: number, answer: string): void {
  const control = net.connect({ client: `${client}:${port}`, server: `${SERVER}:21` });
  control.server("220 ready\r\n");
  control.client("USER root\r\n");
  control.server("331 password\r\n");
  control.client("PASS x\r\n");
  control.server(answer);
  control.finish("client");
}

/** So many sessions whose login is refused, and so many that are let in. */
function guesses(refused: number, admitted: number): string[] {
  const net = new CaptureBuilder();
  for (let i = 0; i < refused + admitted; i++) {
    logsIn(net, "203.0.113.9", 40000 + i, i < refused ? REFUSED : ADMITTED);
    net.wait(1000);
  }
  return findingsOf(net).map(({ id }) => id);
}

test("password guessing is five refused logins, and not four; many of them for each that is let in", () => {
  assert.deepEqual(guesses(GUESSING_SESSIONS, 0), ["brute-force"]);
  assert.deepEqual(guesses(GUESSING_SESSIONS - 1, 0), []);
  assert.deepEqual(guesses(2 * REFUSALS_PER_LOGIN + 1, 2), ["brute-force"]);
  assert.deepEqual(guesses(2 * REFUSALS_PER_LOGIN, 2), []);
});

test("a client that is turned away at each greeting guesses no password", () => {
  const net = new CaptureBuilder();
  for (let i = 0; i < GUESSING_SESSIONS; i++) {
    const control = net.connect({ client: `203.0.113.9:${40000 + i}`, server: "198.51.100.20:21" });
    control.server("421 Temporarily banned for too many failed login attempts\r\n");
    control.finish("server");
  }
  assert.deepEqual(findingsOf(net), []);
});

test("a guesser is told also behind thousands of clients who were let in, or refused once", () => {
  for (const answer of [ADMITTED, REFUSED]) {
    const net = new CaptureBuilder();
    for (let i = 0; i <= BOUNDS.comparedServers.most; i++) logsIn(net, `100.64.${i >>> 8}.${i & 0xff}`, 40000, answer);
    // Others may count among a pair's logins, never among its refusals.
    for (let i = 0; i < 50 * GUESSING_SESSIONS; i++) logsIn(net, "203.0.113.9", 41000 + i, REFUSED);
    const told = findingsOf(net);
    assert.deepEqual(
      told.map(({ id, sessionCount }) => [id, sessionCount]),
      [["brute-force", 50 * GUESSING_SESSIONS]],
      answer,
    );
  }
});

test("of clients that were refused fewer than five times the last thousand are kept", () => {
  const told = (others: number) => {
    const net = new CaptureBuilder();
    for (let i = 1; i < GUESSING_SESSIONS; i++) logsIn(net, "203.0.113.9", 40000 + i, REFUSED);
    for (let i = 0; i < others; i++) logsIn(net, `100.64.${i >>> 8}.${i & 0xff}`, 40000, REFUSED);
    logsIn(net, "203.0.113.9", 41000, REFUSED);
    return findingsOf(net).map(({ id }) => id);
  };
  assert.deepEqual(told(BOUNDS.refusedClients.most - 1), ["brute-force"]);
  assert.deepEqual(told(BOUNDS.refusedClients.most), []);
});
