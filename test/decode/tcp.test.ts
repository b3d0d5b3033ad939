import assert from "node:assert/strict";
import { test } from "node:test";
import { PacketKind, type PacketView } from "../../src/decode/packet-view.ts";
import { windowScale } from "../../src/decode/tcp.ts";
import { type Bytes, decode, ethernet, ipv4, payloadOf, synOptions, tcp, u32 } from "./frame-bytes.ts";

const segment = (options: Bytes, payload = ""): Bytes =>
  ethernet(0x0800, ipv4({}, tcp({ flags: 2, options }, payload)));

function viewOf(options: Bytes): PacketView {
  const padded = [...options, ...new Array<number>((4 - (options.length % 4)) % 4).fill(0)];
  const { kind, view } = decode(segment(padded, "payload that looks like no option"));
  assert.equal(kind, PacketKind.tcp);
  return view;
}

test("options of a SYN", () => {
  assert.equal(windowScale(viewOf(synOptions)), 7);
  assert.equal(windowScale(viewOf([1, 1, 8, 10, ...u32(17), ...u32(18), 3, 3, 9])), 9);
});

test("options that are absent", () => {
  for (const options of [[], [1, 1, 1, 1], [0, 0, 0, 0], [0, 3, 3, 7], [30, 4, 0, 0]])
    assert.equal(windowScale(viewOf(options)), -1);
});

test("options that are malformed end the walk", () => {
  for (const options of [
    [30, 0, 3, 3, 7],
    [30, 1, 3, 3, 7],
    [30, 200, 3, 3, 7],
    [3, 4, 7, 0, 0, 0, 0, 0],
    [1, 1, 1, 3],
  ])
    assert.equal(windowScale(viewOf(options)), -1);
  assert.equal(windowScale(viewOf([3, 3, 200, 0])), 14); // RFC 7323 section 2.3
});

test("a window scale of 0 is not absence", () => {
  assert.equal(windowScale(viewOf([3, 3, 0, 0])), 0);
});

test("payload cut by the snaplen", () => {
  const { kind, view } = decode(segment([], "0123456789"), { capturedLength: 54 + 4 });
  assert.equal(kind, PacketKind.tcp);
  assert.equal(view.payloadLength, 10);
  assert.equal(view.payloadCaptured, 4);
  assert.equal(payloadOf(view), "0123");
});

test("options cut by the snaplen", () => {
  for (let capturedLength = 54; capturedLength < 54 + synOptions.length; capturedLength++) {
    const { kind, view, codes } = decode(segment(synOptions, "0123456789"), { capturedLength });
    assert.equal(kind, PacketKind.tcp);
    assert.deepEqual(codes, []);
    assert.equal(view.optionsLength, capturedLength - 54);
    assert.equal(view.payloadLength, 10);
    assert.equal(view.payloadCaptured, 0);
    assert.equal(view.payloadAt, view.optionsAt + view.optionsLength);
    assert.equal(windowScale(view), capturedLength >= 74 ? 7 : -1);
  }
});

test("fewer than 20 bytes of header", () => {
  const { kind, anomalies } = decode(segment([]), { capturedLength: 53 });
  assert.equal(kind, PacketKind.other);
  assert.equal(anomalies.length, 1);
  assert.equal(anomalies[0].code, "tcp-header-cut");
  assert.equal(anomalies[0].layer, "tcp");
  assert.equal(anomalies[0].first.detail, "tcp header cut at offset 34 of the frame, 19 bytes present");
});

test("a data offset that cannot be", () => {
  for (const dataOffset of [0, 4, 7, 15]) {
    const { kind, codes } = decode(ethernet(0x0800, ipv4({}, tcp({ dataOffset }, "1234"))));
    assert.equal(kind, PacketKind.other);
    assert.deepEqual(codes, ["tcp-header-malformed"]);
  }
});

test("numbers are unsigned", () => {
  const fields = { sourcePort: 65535, destinationPort: 65534, sequence: 0xffffffff, acknowledgment: 0x80000000 };
  for (const linkType of [1, 101]) {
    const packet = ipv4({ id: 65535 }, tcp({ ...fields, window: 65535 }));
    const { view } = decode(linkType === 1 ? ethernet(0x0800, packet) : packet, { linkType });
    const { sourcePort, destinationPort, sequence, acknowledgment } = view;
    assert.deepEqual({ sourcePort, destinationPort, sequence, acknowledgment }, fields);
    assert.equal(view.window, 65535);
    assert.equal(view.ipId, 65535);
  }
});
