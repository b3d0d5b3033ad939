import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AnomalyLog } from "../../src/anomaly.ts";
import { HalfConnection } from "../../src/tcp/half-connection.ts";
import { ControlReassembler, DeliveredBytes, HOLE_SECONDS, LATE_SEGMENTS } from "../../src/tcp/reassembler.ts";
import type { Stamp } from "../../src/tcp/stream-sink.ts";

const UTF8 = new TextEncoder();

/** A control connection whose client sends segments at stream offsets; what comes out is written down. */
function connection(fromSyn = true) {
  const client = new HalfConnection("192.0.2.1", 40_000);
  const server = new HalfConnection("192.0.2.2", 21);
  for (const half of [client, server]) {
    half.base = 0;
    half.baseFromSyn = fromSyn;
  }
  const told: string[] = [];
  const anomalies = new AnomalyLog();
  const sink = {
    data: (direction: string, bytes: Uint8Array, from: number, to: number, { acknowledged }: Stamp) =>
      told.push(`${direction} ${new TextDecoder().decode(bytes.subarray(from, to))} ack ${acknowledged}`),
    gap: (direction: string, length: number, reason: string) => told.push(`${direction} gap ${length} ${reason}`),
  };
  const reassembler = new ControlReassembler(client, server, sink, new DeliveredBytes(), anomalies);
  let packet = 0;
  const send = (
    half: HalfConnection,
    at: number,
    text: string,
    time = 0,
    sentLength = text.length,
    acknowledged = 0,
  ) => {
    const bytes = UTF8.encode(text);
    half.sent(at, sentLength, ++packet, time);
    reassembler.segment(half, at, bytes, 0, bytes.length, sentLength, { packet, time, acknowledged, ttl: 64 });
    reassembler.advance(time);
  };
  return { client, server, told, anomalies, reassembler, send };
}

describe("one direction", () => {
  test("comes out in order, each byte once, whatever the order in the file", () => {
    const { client, told, send } = connection();
    send(client, 5, "PASV");
    send(client, 0, "CWD \n");
    send(client, 0, "CWD \nPASV\r\n");
    assert.deepEqual(told, ["client CWD \n ack 0", "client PASV ack 0", "client \r\n ack 0"]);
  });

  test("the first copy of a byte wins, and a second that differs is an anomaly", () => {
    const { client, told, anomalies, send } = connection();
    send(client, 0, "USER a");
    send(client, 0, "USER b");
    assert.deepEqual(told, ["client USER a ack 0"]);
    assert.equal(anomalies.count("tcp-overlap-differs"), 1);
  });

  test("what the snaplen cut is a gap of its own kind", () => {
    const { client, told, send } = connection();
    send(client, 0, "USER", 0, 10);
    send(client, 10, "PASS");
    assert.deepEqual(told, ["client USER ack 0", "client gap 6 snaplen", "client PASS ack 0"]);
  });
});

describe("a hole", () => {
  test("is lost once it was acknowledged and enough segments have passed", () => {
    const { client, server, told, send } = connection();
    send(client, 10, "LIST");
    assert.equal(told.length, 0);
    client.acknowledged(14);
    for (let i = 0; i < LATE_SEGMENTS; i++) send(server, i, "x");
    assert.ok(!told.some((line) => line.startsWith("client")));
    send(server, LATE_SEGMENTS, "x");
    assert.deepEqual(
      told.filter((line) => line.startsWith("client")),
      ["client gap 10 lost", "client LIST ack 0"],
    );
  });

  test("that nobody acknowledged waits, for so many seconds and not longer", () => {
    const { client, server, told, send } = connection();
    send(client, 10, "LIST", 0);
    for (let i = 0; i < 3 * LATE_SEGMENTS; i++) send(server, i, "x", HOLE_SECONDS);
    assert.ok(!told.some((line) => line.startsWith("client")));
    send(server, 3 * LATE_SEGMENTS, "x", HOLE_SECONDS + 0.1);
    assert.equal(told.filter((line) => line.startsWith("client"))[0], "client gap 10 lost");
  });

  test("is told at the end, and what stands behind it is delivered", () => {
    const { client, told, reassembler, send } = connection();
    send(client, 0, "A");
    send(client, 4, "B");
    reassembler.finish();
    assert.deepEqual(told, ["client A ack 0", "client gap 3 lost", "client B ack 0"]);
  });
});

describe("joined midstream", () => {
  test("both directions begin at the lowest segment, and acknowledgments count from there", () => {
    const { client, server, told, send } = connection(false);
    send(client, 8, "PASV\r\n", 0, 6, 19);
    send(server, 0, "200 ok\r\n", 0, 8, 8);
    send(client, 0, "TYPE I\r\n", 0, 8, 0);
    send(server, 8, "227 (1,2)\r\n", 0, 11, 14);
    send(client, 14, "LIST\r\n", 0, 6, 19);
    send(client, 20, "QUIT\r\n", 0, 6, 19);
    assert.deepEqual(told, [
      "client TYPE I\r\n ack 0",
      "client PASV\r\n ack 19",
      "client LIST\r\n ack 19",
      "client QUIT\r\n ack 19",
      "server 200 ok\r\n ack 8",
      "server 227 (1,2)\r\n ack 14",
    ]);
  });

  test("one direction alone, what the other acknowledged of it before is a hole, and acknowledgments count from where they did", () => {
    const { client, server, told, reassembler, send } = connection();
    server.baseFromSyn = false;
    send(client, 0, "PASV\r\n", 0, 6, 20);
    server.acknowledged(20);
    send(server, 20, "227 (...)\r\n", 0, 11, 6);
    reassembler.finish();
    assert.deepEqual(told, ["client PASV\r\n ack 20", "server gap 20 lost", "server 227 (...)\r\n ack 6"]);
    assert.equal(server.acked, 20);
  });

  test("a segment before the one that told where to begin is the beginning", () => {
    const { client, server, told, send, reassembler } = connection(false);
    send(client, 0, "PASV\r\n", 0, 6, 8);
    send(server, 0, "200 ok\r\n", 0, 8, 0);
    send(client, -8, "TYPE I\r\n", 0, 8, 0);
    reassembler.finish();
    assert.deepEqual(told, ["client TYPE I\r\n ack 0", "client PASV\r\n ack 8", "server 200 ok\r\n ack 8"]);
    assert.equal(client.highest, 14);
  });

  test("a SYN behind the first segments tells where the stream begins, and what the other end's next words acknowledge", () => {
    const { client, told, reassembler, send, server } = connection(false);
    server.baseFromSyn = true;
    client.base = 8;
    send(client, 0, "PASS b\r\n", 0, 8, 0);
    assert.equal(reassembler.beginsAt(client, 0), true);
    client.baseFromSyn = true;
    send(server, 0, "220 hi\r\n", 0, 8, 0);
    send(client, 0, "USER a\r\n", 0, 8, 8);
    send(server, 8, "331 go\r\n", 0, 8, 8);
    assert.deepEqual(told, [
      "server 220 hi\r\n ack 0",
      "client USER a\r\n ack 8",
      "client PASS b\r\n ack 0",
      "server 331 go\r\n ack 8",
    ]);
  });

  test("a SYN that stands further behind than a window, or before which no segment stood, is another connection's", () => {
    for (const base of [-70_000, 1]) {
      const { client, reassembler, send } = connection(false);
      send(client, 0, "PASV\r\n");
      assert.equal(reassembler.beginsAt(client, base >>> 0), false, String(base));
    }
  });
});
