import assert from "node:assert/strict";
import { test } from "node:test";
import { analyzeCapture } from "../../src/analyze.ts";
import { AnomalyLog } from "../../src/anomaly.ts";
import { BOUNDS } from "../../src/bounds.ts";
import { emptyPacketView, type PacketView } from "../../src/decode/packet-view.ts";
import { EarlyPackets, REORDER_SECONDS } from "../../src/tcp/early-packets.ts";
import { CaptureBuilder } from "../support/capture-builder.ts";
import { tlsFlights } from "../support/tls-records.ts";

const KEPT = BOUNDS.earlyPackets.most;

/** Packet `packet` at so many milliseconds, IPv4, with `payload` behind two bytes of options. */
function packet(number: number, milliseconds: number, payload = ""): PacketView {
  const text = Array.from(payload, (letter) => letter.charCodeAt(0));
  return {
    ...emptyPacketView(),
    bytes: Uint8Array.from([192, 0, 2, number, 203, 0, 113, 5, 1, 1, ...text]),
    packet: number,
    seconds: 1000 + Math.floor(milliseconds / 1000),
    nanoseconds: (milliseconds % 1000) * 1e6,
    ipVersion: 4,
    sourceAt: 0,
    destinationAt: 4,
    optionsAt: 8,
    optionsLength: 2,
    payloadAt: 10,
    payloadLength: text.length,
    payloadCaptured: text.length,
    sourcePort: 1000 + number,
    sequence: 0xfffffff0 + number,
  };
}

const all = () => true;
const numbers = (views: readonly PacketView[]) => views.map((view) => view.packet);

test("a kept packet is a copy: the view and its bytes are the next packet's a moment later", () => {
  const early = new EarlyPackets(new AnomalyLog(), 4);
  const view = packet(7, 0, "HELLO");
  early.keep(99, view);
  view.bytes.fill(0);
  view.sourcePort = 0;
  const [taken] = early.take(1000, (_, hash) => hash === 99);
  assert.ok(taken);
  const { bytes, sourceAt, destinationAt, optionsAt, optionsLength, payloadAt, payloadCaptured, payloadLength } = taken;
  assert.deepEqual([...bytes.subarray(sourceAt, sourceAt + 4)], [192, 0, 2, 7]);
  assert.deepEqual([...bytes.subarray(destinationAt, destinationAt + 4)], [203, 0, 113, 5]);
  assert.deepEqual([...bytes.subarray(optionsAt, optionsAt + optionsLength)], [1, 1]);
  assert.equal(String.fromCharCode(...bytes.subarray(payloadAt, payloadAt + payloadCaptured)), "HELL");
  assert.deepEqual([payloadLength, taken.sourcePort, taken.sequence], [5, 1007, 0xfffffff7]);
});

test("a packet is taken once, by whom it fits, if it stands near enough before or behind", () => {
  const early = new EarlyPackets(new AnomalyLog());
  for (const [number, at] of [
    [1, 0],
    [2, 30],
    [3, 70],
    [4, 130],
  ] as const)
    early.keep(number, packet(number, at));
  assert.deepEqual(numbers(early.take(1000.07, (view) => view.sourcePort !== 1003)), [2]);
  assert.deepEqual(numbers(early.take(1000.07, all)), [3]);
  assert.deepEqual(numbers(early.take(1000.07, all)), []);
  assert.deepEqual(numbers(early.take(1000.13 + REORDER_SECONDS / 2, all)), [4]);
});

test("the oldest goes first, and is taken first", () => {
  const anomalies = new AnomalyLog();
  const early = new EarlyPackets(anomalies);
  for (let number = 1; number <= KEPT + 3; number++) early.keep(number, packet(number, number));
  const taken = numbers(early.take(1000.01, all));
  assert.deepEqual(
    taken,
    Array.from({ length: KEPT }, (_, i) => i + 4),
  );
  assert.equal(anomalies.count(BOUNDS.earlyPackets.code), 3);
});

test("it is no loss to overwrite what has been taken, or is too old to be early", () => {
  const anomalies = new AnomalyLog();
  const early = new EarlyPackets(anomalies);
  for (let number = 1; number <= KEPT; number++) early.keep(number, packet(number, 0));
  for (let number = 1; number <= KEPT; number++) early.keep(number, packet(number, 51));
  early.take(1000.051, all);
  for (let number = 1; number <= KEPT; number++) early.keep(number, packet(number, 52));
  assert.deepEqual(anomalies.list(), []);
});

for (const port of [989, 50_000])
  test(`a SYN to a third host that stands before the 227 it obeys is followed, to port ${port}`, () => {
    const net = new CaptureBuilder();
    const control = net.connect({ client: "192.0.2.10:40000", server: "203.0.113.5:21" });
    control.server("220 ready\r\n");
    control.client("PASV\r\n");
    const granted = control.server(`227 Entering Passive Mode (198,51,100,7,${port >> 8},${port & 255})\r\n`);
    const data = net.connect({ client: "192.0.2.10:40001", server: `198.51.100.7:${port}` });
    net.move(data.handshake.syn, granted - data.handshake.syn);
    const [{ dataChannels }] = analyzeCapture(net.build()).sessions;
    assert.deepEqual(
      dataChannels.map(({ connection }) => [connection?.responder.port, connection?.synCount, connection?.firstPacket]),
      [[port, 1, granted]],
    );
  });

/** A session whose passive data connection is answered as `answer` says, in the capture one place before its SYN. */
function answeredEarly(answer: (net: CaptureBuilder, syn: { client: string; server: string }) => number) {
  const net = new CaptureBuilder();
  const control = net.connect({ client: "192.0.2.10:40000", server: "203.0.113.5:21" });
  control.server("220 ready\r\n");
  control.client("PASV\r\n");
  control.server("227 Entering Passive Mode (203,0,113,5,195,80)\r\n");
  control.client("LIST\r\n");
  net.move(answer(net, { client: "192.0.2.10:40001", server: "203.0.113.5:50000" }), -1);
  const [{ dataChannels }] = analyzeCapture(net.build()).sessions;
  return dataChannels.map(({ outcome, cause }) => [outcome, cause]);
}

test("a RST that stands before the SYN it answers is followed", () => {
  const channels = answeredEarly((net, ends) => net.synRefused(ends).reset);
  assert.deepEqual(channels, [["failed", "data-port-rejected"]]);
});

test("an ICMP error that stands before the SYN it quotes is followed", () => {
  const channels = answeredEarly((net, ends) => {
    const [syn] = net.synUnanswered({ ...ends, retries: 0 });
    return net.icmpError({ from: "203.0.113.1", quoting: syn, type: 3, code: 13 });
  });
  assert.deepEqual(channels, [["failed", "icmp-prohibited"]]);
});

test("a ClientHello that stands before the SYN of its data connection is followed", () => {
  const net = new CaptureBuilder();
  const control = net.connect({ client: "192.0.2.10:40000", server: "203.0.113.5:21" });
  control.server("220 ready\r\n");
  control.client("AUTH TLS\r\n");
  control.server("234 go ahead\r\n");
  control.tls();
  control.sealed("client", "PASV\r\n");
  control.sealed("server", "227 Entering Passive Mode (203,0,113,5,195,80)\r\n");
  const data = net.connect({ client: "192.0.2.10:40001", server: "203.0.113.5:50000" });
  const [hello] = data.tls({}, 1);
  net.move(hello, data.handshake.syn - hello);
  const [{ dataChannels }] = analyzeCapture(net.build()).sessions;
  assert.deepEqual(
    dataChannels.map(({ connection }) => connection?.bytesFromOriginator),
    [tlsFlights()[0].bytes.length],
  );
});
