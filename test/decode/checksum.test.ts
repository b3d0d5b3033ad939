import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { AnomalyLog } from "../../src/anomaly.ts";
import { createCaptureReader } from "../../src/capture/capture-reader.ts";
import { emptyFrame } from "../../src/capture/frame.ts";
import { PacketDecoder } from "../../src/decode/decode-packet.ts";
import { emptyPacketView, PacketKind } from "../../src/decode/packet-view.ts";
import { type Bytes, ethernet, frameOf, ipv4, ipv6, u16 } from "./frame-bytes.ts";

/**
 * 10.0.0.1:1024 to 10.0.0.2:21, ACK, "A". Sums by hand: the IP header's words are 4500 0029 0001 0000 4006 0a00 0001 0a00 0002, together
 * 9933, so the checksum is 66cc. Pseudo header: 0a00 0001 0a00 0002 0006 0015 = 141e. Segment: 0400 0015 0000 0001 0000 0001 5010 1000
 * 0000 4100 = a527. Together b945, so the checksum is 46ba.
 */
const IP_CHECKSUM = 0x66cc;
const TCP_CHECKSUM = 0x46ba;
const PSEUDO_SUM = 0x141e;

const segment = (checksum: number): Bytes => [
  ...[0x04, 0, 0, 0x15, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 0x10, 0],
  ...u16(checksum),
  ...[0, 0, 0x41],
];
const packet = (ip: number, tcp: number): Bytes =>
  ethernet(0x0800, [
    ...[0x45, 0, 0, 0x29, 0, 1, 0, 0, 0x40, 6],
    ...u16(ip),
    ...[10, 0, 0, 1, 10, 0, 0, 2],
    ...segment(tcp),
  ]);

function verified(content: Bytes, capturedLength = content.length): { kind: number; codes: string[] } {
  const log = new AnomalyLog();
  const frame = frameOf(content, { capturedLength });
  const kind = new PacketDecoder(log, { verifyChecksums: true }).decode(frame, 0, emptyPacketView());
  return { kind, codes: log.list().map(({ code }) => code) };
}

const READ = { kind: PacketKind.tcp, codes: [] };

test("a packet with right checksums is read", () => {
  assert.deepEqual(verified(packet(IP_CHECKSUM, TCP_CHECKSUM)), READ);
});

test("what a sender's network card had yet to compute is taken for right", () => {
  assert.deepEqual(verified(packet(IP_CHECKSUM, PSEUDO_SUM)), READ);
  assert.deepEqual(verified(packet(0, 0)), READ);
});

test("a packet with a wrong checksum is left out, and counted", () => {
  const leftOut = (code: string) => ({ kind: PacketKind.other, codes: [code] });
  assert.deepEqual(verified(packet(IP_CHECKSUM + 1, TCP_CHECKSUM)), leftOut("ip-checksum-wrong"));
  assert.deepEqual(verified(packet(IP_CHECKSUM, TCP_CHECKSUM + 1)), leftOut("tcp-checksum-wrong"));
  assert.deepEqual(verified(ethernet(0x0800, ipv4({}, segment(TCP_CHECKSUM)))), leftOut("ip-checksum-wrong"));
});

test("IPv6 has a longer pseudo header and no checksum of its own", () => {
  // 2001:0db8::0010 and ::0021, protocol 6, length 21: 2001 + 0db8 + 0010 + 2001 + 0db8 + 0021 + 0006 + 0015 = 5bbe; a527 + 5bbe = 100e5 = 00e6.
  assert.deepEqual(verified(ethernet(0x86dd, ipv6({}, segment(0xff19)))), READ);
  assert.deepEqual(verified(ethernet(0x86dd, ipv6({}, segment(TCP_CHECKSUM)))).codes, ["tcp-checksum-wrong"]);
});

test("nothing is said of a packet that the capture has only a part of", () => {
  const content = packet(IP_CHECKSUM, TCP_CHECKSUM + 1);
  assert.deepEqual(verified(content, content.length - 1), READ);
});

test("unless asked, checksums say nothing", () => {
  const frame = frameOf(packet(1, 1));
  assert.equal(new PacketDecoder(new AnomalyLog()).decode(frame, 0, emptyPacketView()), PacketKind.tcp);
});

test("real captures of sender and receiver have no packet to leave out", () => {
  let packets = 0;
  const log = new AnomalyLog();
  const decoder = new PacketDecoder(log, { verifyChecksums: true });
  for (const name of readdirSync("fixtures").filter((file) => /\.pcap(?:ng)?$/.test(file))) {
    const reader = createCaptureReader(name, 0, new AnomalyLog());
    const frame = emptyFrame();
    const view = emptyPacketView();
    reader.push(readFileSync(join("fixtures", name)));
    while (reader.next(frame)) if (decoder.decode(frame, 0, view) === PacketKind.tcp) packets++;
  }
  assert.ok(packets > 5000);
  assert.deepEqual(
    log.list().filter(({ code }) => code.endsWith("-checksum-wrong")),
    [],
  );
});
