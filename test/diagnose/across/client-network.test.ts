import assert from "node:assert/strict";
import { test } from "node:test";
import { CaptureBuilder } from "../../support/capture-builder.ts";
import { FAILED_CHANNELS, WORKING_CLIENTS } from "../thresholds.ts";
import { findingsOf, SERVER, session } from "./sessions.ts";

test("a client network that never gets through is told from the server", () => {
  const net = new CaptureBuilder();
  session(net, "203.0.113.9", 40000, "works", 50000);
  session(net, "203.0.113.10", 40000, "works", 50040);
  for (const [i, port] of [50001, 50020, 50030].entries()) session(net, "192.0.2.66", 41000 + 2 * i, "filtered", port);
  const [finding] = findingsOf(net).filter(({ id }) => id === "client-network");
  assert.equal(finding.title, `all 3 data channels from 192.0.2.66 to ${SERVER} fail, while 2 other clients' work`);
  // Before or after: one that worked is enough.
  session(net, "192.0.2.66", 42000, "works", 50045);
  assert.deepEqual(
    findingsOf(net).filter(({ id }) => id === "client-network"),
    [],
  );
});

test("a client whose ports are among those that fail for others too is not told to look at its own network", () => {
  const beside = (ports: readonly number[]) => {
    const net = new CaptureBuilder();
    session(net, "203.0.113.10", 40000, "works", 50000);
    for (const [i, port] of [50050, 50051].entries()) session(net, "203.0.113.9", 40000 + 2 * i, "works", port);
    for (const [i, port] of [50100, 50101].entries()) session(net, "203.0.113.9", 41000 + 2 * i, "filtered", port);
    for (const [i, port] of ports.entries()) session(net, "192.0.2.66", 42000 + 2 * i, "filtered", port);
    return findingsOf(net).map(({ id }) => id);
  };
  assert.deepEqual(beside([50102, 50090, 50110]), ["passive-range"]);
  assert.deepEqual(beside([50102, 50010, 50110]), ["passive-range", "client-network"]);
});

test("a client that obeys a private address is not told to look at its own network", () => {
  const net = new CaptureBuilder();
  session(net, "203.0.113.9", 40000, "works", 50000);
  session(net, "203.0.113.10", 40000, "works", 50040);
  for (let i = 0; i < FAILED_CHANNELS; i++) {
    const client = `192.0.2.66:${41000 + 2 * i}`;
    const control = net.connect({ client, server: `${SERVER}:21` });
    control.server("220 ready\r\n");
    control.client("PASV\r\n");
    control.server("227 Entering Passive Mode (10,0,0,5,195,80).\r\n");
    control.client("LIST\r\n");
    net.synUnanswered({ client: `192.0.2.66:${41001 + 2 * i}`, server: "10.0.0.5:50000", retries: 3 });
    control.finish("client");
    net.wait(3000);
  }
  assert.deepEqual(findingsOf(net), []);
});

test("a client network takes so many failures, and so many clients that get through", () => {
  const network = (failures: number, clients: number) => {
    const net = new CaptureBuilder();
    for (let i = 0; i < clients; i++) session(net, `203.0.113.${9 + i}`, 40000, "works", 50000);
    for (let i = 0; i < failures; i++) session(net, "192.0.2.66", 41000 + 2 * i, "filtered", 50000);
    return findingsOf(net).map(({ id }) => id);
  };
  assert.deepEqual(network(FAILED_CHANNELS, WORKING_CLIENTS), ["client-network"]);
  assert.deepEqual(network(FAILED_CHANNELS - 1, WORKING_CLIENTS), []);
  assert.deepEqual(network(FAILED_CHANNELS, WORKING_CLIENTS - 1), []);
});
