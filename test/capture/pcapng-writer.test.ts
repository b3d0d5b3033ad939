import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AnomalyLog } from "../../src/anomaly.ts";
import { createCaptureReader } from "../../src/capture/capture-reader.ts";
import { emptyFrame } from "../../src/capture/frame.ts";
import {
  interfaceBlock,
  type PacketToWrite,
  packetBlock,
  sectionHeaderBlock,
} from "../../src/capture/pcapng-writer.ts";

const PACKET: PacketToWrite = {
  interfaceId: 0,
  seconds: 1_700_000_000,
  nanoseconds: 123_456_789,
  bytes: Uint8Array.of(1, 2, 3, 4, 5),
  originalLength: 1500,
  comment: "",
};

function read(...blocks: Uint8Array[]) {
  const anomalies = new AnomalyLog();
  const reader = createCaptureReader("written", 0, anomalies);
  reader.push(Buffer.concat(blocks));
  const frames = [];
  const frame = emptyFrame();
  while (reader.next(frame)) {
    const { bytes, start, capturedLength, ...rest } = frame;
    frames.push({ ...rest, bytes: [...bytes.subarray(start, start + capturedLength)] });
  }
  reader.end();
  assert.deepEqual(anomalies.list(), []);
  return { frames, interfaces: reader.summary.interfaces };
}

describe("pcapng as it is written", () => {
  test("is read back: time to the nanosecond, interface, lengths, link type, frame check sequence", () => {
    const { frames, interfaces } = read(
      sectionHeaderBlock("a verdict", "ftptrace"),
      interfaceBlock("eth0", 1, 0),
      interfaceBlock("ens1", 113, 4),
      packetBlock(PACKET),
      packetBlock({ ...PACKET, interfaceId: 1, nanoseconds: 999_999_999, comment: "what it shows" }),
    );
    assert.deepEqual(interfaces, [
      { name: "eth0", linkType: "EN10MB" },
      { name: "ens1", linkType: "LINUX_SLL" },
    ]);
    const { bytes, seconds, originalLength } = PACKET;
    const expected = { seconds, originalLength, bytes: [...bytes] };
    assert.deepEqual(frames, [
      { ...expected, nanoseconds: 123_456_789, linkType: 1, fcsLength: 0, packetNumber: 1, interfaceIndex: 0 },
      { ...expected, nanoseconds: 999_999_999, linkType: 113, fcsLength: 4, packetNumber: 2, interfaceIndex: 1 },
    ]);
  });

  test("blocks are of whole words, and options end where they say", () => {
    for (let length = 0; length < 9; length++) {
      const block = packetBlock({ ...PACKET, bytes: new Uint8Array(length), comment: "x".repeat(length) });
      const view = new DataView(block.buffer);
      assert.equal(block.length % 4, 0);
      assert.deepEqual([view.getUint32(4, true), view.getUint32(block.length - 4, true)], [block.length, block.length]);
    }
    // draft-ietf-opsawg-pcapng 3.5: opt_comment is 1, its text is UTF-8 and not ended by NUL, opt_endofopt is 0 and 0
    const block = Buffer.from(packetBlock({ ...PACKET, bytes: new Uint8Array(0), comment: "ä" }));
    assert.equal(block.subarray(28, -4).toString("hex"), "01000200c3a4000000000000");
  });

  test("a comment that is too long is cut between two characters", () => {
    const block = Buffer.from(sectionHeaderBlock(`x${"ä".repeat(40_000)}`, "ftptrace"));
    const length = block.readUInt16LE(26);
    const text = block.subarray(28, 28 + length).toString("utf8");
    assert.ok(length <= 32_000);
    assert.match(text, /^xä+$/);
  });
});
