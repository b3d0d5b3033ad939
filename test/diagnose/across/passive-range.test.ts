import assert from "node:assert/strict";
import { test } from "node:test";
import { CaptureBuilder } from "../../support/capture-builder.ts";
import {
  BLOCKED_PORT_FAILURES,
  BLOCKED_PORT_OTHERS,
  FAILED_CHANNELS,
  FAILING_CLIENTS,
  RANGE_PORTS,
} from "../thresholds.ts";
import { findingsOf, SERVER, session } from "./sessions.ts";

test("a range of which only the lower part is forwarded is told from its ports", () => {
  const net = new CaptureBuilder();
  for (const [i, port] of [50000, 50003, 50010].entries()) session(net, "203.0.113.9", 40000 + 2 * i, "works", port);
  for (const [i, port] of [50021, 50040].entries()) session(net, "203.0.113.9", 41000 + 2 * i, "filtered", port);
  const [finding] = findingsOf(net).filter(({ id }) => id === "passive-range");
  assert.equal(finding.title, `${SERVER}: passive ports 50000–50010 let connections through, 50021–50040 do not`);
  assert.equal(finding.sessionCount, 2);
  assert.equal(finding.evidence.length, 2);
});

test("a port whose answer does not arrive is none that lets connections through", () => {
  const net = new CaptureBuilder();
  for (const [i, port] of [50000, 50003].entries()) session(net, "203.0.113.9", 40000 + 2 * i, "unheard", port);
  for (const [i, port] of [50021, 50040].entries()) session(net, "203.0.113.9", 41000 + 2 * i, "filtered", port);
  for (const [i, port] of [50000, 50003].entries()) session(net, `203.0.113.${20 + i}`, 40000, "unheard", port);
  assert.deepEqual(findingsOf(net), []);
});

test("that none of a server's passive ports works takes so many clients and ports, and nobody who gets through", () => {
  const closed = (clients: readonly string[], ports: number, more?: (net: CaptureBuilder) => void) => {
    const net = new CaptureBuilder();
    for (const [i, client] of clients.entries()) session(net, client, 40000, "filtered", 50000 + (i % ports));
    more?.(net);
    return findingsOf(net);
  };
  const several = ["203.0.113.9", "192.0.2.44"];
  const [finding, ...others] = closed(several, RANGE_PORTS);
  assert.deepEqual(others, []);
  assert.equal(
    finding.title,
    `${SERVER}: none of the 2 passive ports that 2 clients dialled, 50000–50001, lets a connection through`,
  );
  assert.deepEqual([finding.id, finding.confidence, finding.sessionCount], ["passive-range", "likely", 2]);
  // One network's own firewall does the same.
  const [together] = closed(["203.0.113.9", "203.0.113.10"], RANGE_PORTS);
  assert.equal(together.confidence, "possible");
  assert.match(together.remedy[1], /its own firewall/);
  assert.deepEqual(closed(several.slice(0, FAILING_CLIENTS - 1), RANGE_PORTS), []);
  assert.deepEqual(closed(several, RANGE_PORTS - 1), []);
  assert.deepEqual(
    closed(several, RANGE_PORTS, (net) => session(net, "203.0.113.60", 40000, "works", 50001)),
    [],
  );
});

test("a range takes so many ports of either kind", () => {
  const range = (working: number, failing: number) => {
    const net = new CaptureBuilder();
    for (let i = 0; i < working; i++) session(net, "203.0.113.9", 40000 + 2 * i, "works", 50000 + i);
    for (let i = 0; i < failing; i++) session(net, "203.0.113.9", 41000 + 2 * i, "filtered", 50100 + i);
    return findingsOf(net).map(({ id }) => id);
  };
  assert.deepEqual(range(RANGE_PORTS, RANGE_PORTS), ["passive-range"]);
  assert.deepEqual(range(RANGE_PORTS - 1, RANGE_PORTS), []);
  assert.deepEqual(range(RANGE_PORTS, RANGE_PORTS - 1), []);
});

test("ports that fail among ports that work are no range", () => {
  const net = new CaptureBuilder();
  for (const [i, port] of [50000, 50030, 50060].entries()) session(net, "203.0.113.9", 40000 + 2 * i, "works", port);
  for (const [i, port] of [50010, 50040].entries()) session(net, "203.0.113.9", 41000 + 2 * i, "filtered", port);
  assert.deepEqual(findingsOf(net), []);
});

test("one port that never works while others do is named", () => {
  const net = new CaptureBuilder();
  for (const [i, port] of [5050, 5055, 5070].entries()) session(net, "203.0.113.9", 40000 + 2 * i, "works", port);
  for (let i = 0; i < 2; i++) session(net, "203.0.113.9", 41000 + 2 * i, "filtered", 5060);
  const ids = findingsOf(net).map(({ id, title }) => [id, title]);
  assert.deepEqual(ids, [["blocked-port", `${SERVER}: port 5060 failed 2 times while 3 other passive ports work`]]);
});

test("a blocked port takes so many failures, and so many others that work", () => {
  const blocked = (failures: number, others: number) => {
    const net = new CaptureBuilder();
    for (let i = 0; i < others; i++) session(net, "203.0.113.9", 40000 + 2 * i, "works", 5050 + 5 * i);
    for (let i = 0; i < failures; i++) session(net, "203.0.113.9", 41000 + 2 * i, "filtered", 5062);
    return findingsOf(net).map(({ id }) => id);
  };
  assert.deepEqual(blocked(BLOCKED_PORT_FAILURES, BLOCKED_PORT_OTHERS), ["blocked-port"]);
  assert.deepEqual(blocked(BLOCKED_PORT_FAILURES - 1, BLOCKED_PORT_OTHERS), []);
  assert.deepEqual(blocked(BLOCKED_PORT_FAILURES, BLOCKED_PORT_OTHERS - 1), []);
});

test("the ports of one client that never gets through tell nothing of the server's range", () => {
  const net = new CaptureBuilder();
  for (const [i, port] of [50000, 50001].entries()) session(net, "203.0.113.9", 40000 + 2 * i, "works", port);
  for (const [i, port] of [50002, 50003].entries()) session(net, "203.0.113.10", 40000 + 2 * i, "works", port);
  for (const [i, port] of [50004, 50005, 50006].entries()) session(net, "192.0.2.66", 41000 + 2 * i, "filtered", port);
  assert.deepEqual(
    findingsOf(net).map(({ id }) => id),
    ["client-network"],
  );
});

test("nor does the one port of such a client", () => {
  const net = new CaptureBuilder();
  for (let i = 0; i < BLOCKED_PORT_OTHERS; i++) session(net, "203.0.113.9", 40000 + 2 * i, "works", 5050 + i);
  for (let i = 0; i < BLOCKED_PORT_FAILURES; i++) session(net, "192.0.2.66", 41000 + 2 * i, "filtered", 5060);
  assert.deepEqual(findingsOf(net), []);
});

test("several clients that never get through have no network in common: then it is the range, and not their networks", () => {
  const range = (failing: number) => {
    const net = new CaptureBuilder();
    for (const [i, port] of [50000, 50001].entries()) session(net, `203.0.113.${9 + i}`, 40000, "works", port);
    for (let c = 0; c < failing; c++)
      for (let i = 0; i < FAILED_CHANNELS; i++)
        session(net, `192.0.2.${66 + c}`, 41000 + 2 * i, "filtered", 50100 + 10 * c + i);
    return findingsOf(net).map(({ id, sessionCount }) => [id, sessionCount]);
  };
  assert.deepEqual(range(FAILING_CLIENTS), [["passive-range", FAILING_CLIENTS * FAILED_CHANNELS]]);
  assert.deepEqual(range(FAILING_CLIENTS - 1), [["client-network", FAILED_CHANNELS]]);
});
