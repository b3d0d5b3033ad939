import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AnomalyLog } from "../../src/anomaly.ts";
import { createCaptureReader } from "../../src/capture/capture-reader.ts";
import { emptyFrame } from "../../src/capture/frame.ts";
import { PacketDecoder } from "../../src/decode/decode-packet.ts";
import { emptyPacketView, PacketKind } from "../../src/decode/packet-view.ts";
import { CONTROL_SIGNATURE } from "../../src/ftp/signature.ts";
import type { Connection } from "../../src/tcp/connection.ts";
import { ConnectionTable } from "../../src/tcp/connection-table.ts";
import { ANY_POINT } from "../../src/tcp/vantage-points.ts";
import type { Watcher } from "../../src/tcp/watchlist.ts";
import { CaptureBuilder, type RawSegment } from "../support/capture-builder.ts";

const CLIENT = "192.0.2.10";
const SERVER = "203.0.113.5";
const DATA = { client: `${CLIENT}:40001`, server: `${SERVER}:50000` };

/** The data connection of a capture as the table follows it, for a session that was granted port 50000 before the capture began. */
function followed(net: CaptureBuilder, snaplen = 0) {
  const anomalies = new AnomalyLog();
  const opened: Connection[] = [];
  const ignore = () => {};
  const table = new ConnectionTable(
    [21],
    CONTROL_SIGNATURE,
    {
      controlOpened: () => null,
      dataOpened: (connection) => opened.push(connection),
      controlNotFollowed: ignore,
      dataWasControl: () => {},
      controlChanged: ignore,
      controlSeenElsewhere: ignore,
    },
    anomalies,
  );
  const watcher: Watcher = {
    controlAddress: SERVER,
    controlPort: 21,
    clientAddress: CLIENT,
    point: ANY_POINT,
    room: 1,
    awaits: () => true,
    wantsForeign: () => false,
  };
  // Address keys of IPv4 are the addresses, most significant byte first.
  table.watchlist.watchPair(CLIENT, 0xc000020a | 0, SERVER, 0xcb007105 | 0, watcher);
  table.watchlist.expectPort(50_000, watcher);
  const reader = createCaptureReader("capture", 0, anomalies);
  const decoder = new PacketDecoder(anomalies);
  const frame = emptyFrame();
  const view = emptyPacketView();
  reader.push(net.build({ snaplen }));
  while (reader.next(frame)) if (decoder.decode(frame, 0, view) === PacketKind.tcp) table.segment(view);
  assert.equal(opened.length, 1);
  const [{ originator, responder, cutPayloads, copies }] = opened;
  return { originator, responder, cutPayloads, copies, anomalies };
}

type Said = Omit<RawSegment, "from" | "to">;

/** Segments without options, so that no window is scaled. */
function byHand(net: CaptureBuilder) {
  return {
    client: (segment: Said) => net.segment({ ...segment, from: DATA.client, to: DATA.server }),
    server: (segment: Said) => net.segment({ ...segment, from: DATA.server, to: DATA.client }),
  };
}

/** A data connection whose streams begin at sequence numbers 101 and 1001. */
function opened(net: CaptureBuilder) {
  const ends = byHand(net);
  ends.client({ flags: "S", seq: 100 });
  ends.server({ flags: "SA", seq: 1000, ack: 101 });
  ends.client({ flags: "A", seq: 101, ack: 1001 });
  return ends;
}

const TEN_BYTES = "0123456789";

describe("RSTs with IP-ID 0, alike and microseconds apart", () => {
  const resets = (ipId: number, doubled: boolean) => {
    const net = new CaptureBuilder();
    const { client, server } = opened(net);
    if (doubled) for (const number of [3, 2, 1]) net.duplicate(number);
    for (let i = 0; i < 3; i++) client({ flags: "A", seq: 101 + 10 * i, ack: 1001, payload: TEN_BYTES });
    for (let i = 0; i < 3; i++) server({ flags: "R", seq: 1001, ack: 0, window: 0, ipId });
    const { responder, copies } = followed(net);
    return [responder.resetCount, copies];
  };

  it("answer one segment each", () => {
    assert.deepEqual(resets(0, false), [3, 0]);
  });

  it("are copies where they bear an IP-ID, or where other packets came twice", () => {
    assert.deepEqual(resets(7, false), [1, 2]);
    assert.deepEqual(resets(0, true), [1, 5]);
  });
});

describe("segments of a data connection", () => {
  it("place a stream whose SYN was not captured, even if it begins one before the wrap", () => {
    const net = new CaptureBuilder();
    const { client, server } = byHand(net);
    client({ flags: "S", seq: 100 });
    server({ flags: "A", seq: 0xffffffff, ack: 101, payload: TEN_BYTES });
    client({ flags: "A", seq: 101, ack: 9 });
    const { responder } = followed(net);
    assert.deepEqual([responder.base, responder.highest, responder.acked], [0xffffffff, 10, 10]);
  });

  it("place the stream of an end that was never heard by what is acknowledged of it", () => {
    const net = new CaptureBuilder();
    const { client } = byHand(net);
    client({ flags: "S", seq: 100 });
    client({ flags: "A", seq: 101, ack: 1001 });
    client({ flags: "A", seq: 101, ack: 1501 });
    const { responder } = followed(net);
    assert.deepEqual([responder.base, responder.acked], [1001, 500]);
  });

  it("are left out where their receiver has long gone on, although the capture has nothing of that", () => {
    const net = new CaptureBuilder();
    const { client, server } = opened(net);
    client({ flags: "A", seq: 101, ack: 1001 + 2 * 65_535 + 1 });
    server({ flags: "A", seq: 1001, ack: 101, payload: TEN_BYTES });
    const { responder, anomalies } = followed(net);
    assert.deepEqual([responder.bytes, responder.highest, anomalies.count("tcp-out-of-window")], [0, 0, 1]);
  });

  it("count once what comes again, and what comes in another order", () => {
    const net = new CaptureBuilder();
    const { server } = opened(net);
    for (const seq of [1001, 1001, 1021, 1011]) server({ flags: "A", seq, ack: 101, payload: TEN_BYTES });
    const { responder } = followed(net);
    assert.deepEqual(
      [responder.bytes, responder.highest, responder.missing, responder.retransmissions],
      [30, 30, 0, 1],
    );
  });

  it("acknowledge nothing without ACK, whatever stands in that field", () => {
    const net = new CaptureBuilder();
    const { client, server } = opened(net);
    server({ flags: "A", seq: 1001, ack: 101, payload: TEN_BYTES });
    client({ flags: "P", seq: 101, ack: 1011, payload: TEN_BYTES });
    const { originator, responder } = followed(net);
    assert.deepEqual([originator.bytes, responder.bytes, responder.acked], [10, 10, 0]);
  });

  it("are counted where the snaplen cut their payload", () => {
    const net = new CaptureBuilder();
    const { client, server } = opened(net);
    server({ flags: "A", seq: 1001, ack: 101, payload: TEN_BYTES });
    server({ flags: "A", seq: 1011, ack: 101, payload: "x".repeat(100) });
    server({ flags: "A", seq: 1111, ack: 101, payload: "x".repeat(100) });
    client({ flags: "A", seq: 101, ack: 1211 });
    const { responder, cutPayloads } = followed(net, 14 + 20 + 20 + 50);
    assert.deepEqual([cutPayloads, responder.bytes, responder.acked], [2, 210, 210]);
  });

  it("close a window and open it again", () => {
    const net = new CaptureBuilder();
    const { client, server } = opened(net);
    server({ flags: "A", seq: 1001, ack: 101, payload: TEN_BYTES });
    const closed = client({ flags: "A", seq: 101, ack: 1011, window: 0 });
    net.wait(2000);
    client({ flags: "A", seq: 101, ack: 1011, window: 300 });
    const { originator } = followed(net);
    assert.deepEqual(
      [originator.zeroWindowPacket, Math.round(originator.zeroWindowLongest), originator.zeroWindowTime],
      [closed, 2, 0],
    );
    assert.equal(originator.window, 300);
  });
});
