import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CaptureFormatError } from "../../src/capture/capture-format-error.ts";
import {
  anomalyCounts,
  BYTE_ORDERS,
  concat,
  hex,
  type PcapHeader,
  payload,
  pcapHeader,
  pcapRecord,
  readCapture,
} from "./capture-bytes.ts";

describe("classic pcap", () => {
  const variants = [
    { name: "microseconds", magic: 0xa1b2c3d4, nanoseconds: "000123000", trailer: 0, extra: 0 },
    { name: "nanoseconds", magic: 0xa1b23c4d, nanoseconds: "000000123", trailer: 0, extra: 0 },
    { name: "Kuznetzov's modified format", magic: 0xa1b2cd34, nanoseconds: "000123000", trailer: 0, extra: 8 },
    { name: "IXIA hardware", magic: 0x1c0001ac, nanoseconds: "000000123", trailer: 4, extra: 0 },
    { name: "IXIA software", magic: 0x1c0001ab, nanoseconds: "000123000", trailer: 4, extra: 0 },
  ];
  for (const { name, magic, nanoseconds, trailer, extra } of variants) {
    for (const order of BYTE_ORDERS) {
      it(`reads ${name}, ${order} endian`, () => {
        const bytes = concat(
          pcapHeader({ order, magic, network: 113, trailer: new Uint8Array(trailer) }),
          pcapRecord({ order, fraction: 123, data: payload(61), original: 1500, extra: payload(extra) }),
          pcapRecord({ order, seconds: 4_000_000_000, data: payload(0), original: 0, extra: payload(extra) }),
        );
        const result = readCapture(bytes);
        const common = { linkType: 113, fcsLength: 0 };
        assert.deepEqual(result.frames, [
          { ...common, packetNumber: 1, time: `1700000000.${nanoseconds}`, original: 1500, bytes: hex(payload(61)) },
          { ...common, packetNumber: 2, time: "4000000000.000000000", original: 0, bytes: "" },
        ]);
        assert.deepEqual(result.anomalies, []);
        assert.deepEqual(result.summary, {
          format: "pcap",
          linkTypes: ["LINUX_SLL"],
          interfaces: [{ name: null, linkType: "LINUX_SLL" }],
          packets: 2,
          bytes: bytes.length,
          first: { seconds: 1700000000, nanoseconds: Number(nanoseconds) },
          last: { seconds: 4_000_000_000, nanoseconds: 0 },
          truncated: false,
          damaged: false,
        });
      });
    }
  }

  function readOne(header: PcapHeader, record: Parameters<typeof pcapRecord>[0] = {}) {
    const result = readCapture(concat(pcapHeader(header), pcapRecord(record)));
    assert.equal(result.frames.length, 1);
    return { ...result, frame: result.frames[0]! };
  }

  it("takes the FCS length only when the flag says that there is one", () => {
    assert.equal(readOne({ network: 0x24000001 }).frame.fcsLength, 4);
    assert.equal(readOne({ network: 0x20000001 }).frame.fcsLength, 0);
    assert.equal(readOne({ network: 0x24000001 }).frame.linkType, 1);
  });

  it("knows the DLT_RAW values of BSD as raw IP", () => {
    assert.equal(readOne({ network: 12 }).frame.linkType, 101);
    assert.equal(readOne({ network: 14 }).frame.linkType, 101);
    assert.deepEqual(readOne({ network: 9999 }).summary.linkTypes, ["LINKTYPE_9999"]);
  });

  it("carries a fraction of more than a second", () => {
    const microseconds = readOne({}, { fraction: 2_500_000 });
    assert.equal(microseconds.frame.time, "1700000002.500000000");
    assert.deepEqual(anomalyCounts(microseconds), ["timestamp-invalid×1"]);
    const nanoseconds = readOne({ magic: 0xa1b23c4d }, { fraction: 1_000_000_000 });
    assert.equal(nanoseconds.frame.time, "1700000001.000000000");
    assert.deepEqual(anomalyCounts(readOne({}, { fraction: 999_999 })), []);
  });

  it("has the lengths the other way round before version 2.3, and either way in it", () => {
    const swapped = { captured: 1500, original: 60 };
    for (const header of [{ minor: 2 }, { minor: 3 }, { major: 543, minor: 0 }]) {
      const { frame, anomalies } = readOne(header, swapped);
      assert.equal(frame.original, 1500);
      assert.equal(frame.bytes, hex(payload(60)));
      assert.deepEqual(anomalies, []);
    }
    assert.equal(readOne({ minor: 3 }, { original: 1500 }).frame.original, 1500);
  });

  it("knows AIX by its version and interface type", () => {
    const { frame } = readOne({ minor: 2, network: 6 }, { fraction: 123 });
    assert.equal(frame.linkType, 1);
    assert.equal(frame.time, "1700000000.000000123");
  });

  it("keeps going when more was captured than there was", () => {
    const bytes = concat(pcapHeader(), pcapRecord({ original: 10 }), pcapRecord());
    const result = readCapture(bytes);
    assert.deepEqual(
      result.frames.map(({ original }) => original),
      [10, 60],
    );
    assert.deepEqual(anomalyCounts(result), ["captured-exceeds-original×1"]);
    assert.deepEqual(result.anomalies[0]?.first, {
      capture: 3,
      packet: 1,
      detail: "60 bytes captured of a packet of 10",
    });
  });

  const record = pcapRecord();
  const impossible = pcapRecord({ captured: 262_145, original: 262_145 });

  it("goes on behind a length that cannot be, where the next record stands", () => {
    const bytes = concat(pcapHeader(), record, impossible, record, record);
    for (const chunkSize of [1, 7, bytes.length]) {
      const result = readCapture(bytes, chunkSize);
      assert.deepEqual(
        result.frames.map(({ packetNumber, bytes: frame }) => [packetNumber, frame]),
        [1, 2, 3].map((number) => [number, hex(payload(60))]),
      );
      assert.equal(result.summary.damaged, true);
      assert.equal(result.summary.truncated, false);
      assert.equal(result.summary.bytes, bytes.length);
      assert.deepEqual(anomalyCounts(result), ["record-length-invalid×1"]);
      assert.equal(
        result.anomalies[0]!.first.detail,
        "offset 100: packet 2 claims 262145 captured bytes (at most 262144); 76 bytes skipped, reading goes on at offset 176",
      );
    }
  });

  it("goes on behind any rubbish, and counts each place", () => {
    // More than is searched at once, and in it what is a record but for its time, its fraction or its lengths.
    const rubbish = concat(
      new Uint8Array(5000).fill(0xff),
      pcapRecord({ seconds: 1_700_000_000 + 3601 }),
      pcapRecord({ fraction: 1_000_000 }),
      pcapRecord({ original: 59 }),
      new Uint8Array(16),
    );
    const bytes = concat(pcapHeader(), record, rubbish, record, impossible, record);
    for (const chunkSize of [1, 100, bytes.length]) {
      const result = readCapture(bytes, chunkSize);
      assert.deepEqual(
        result.frames.map(({ bytes: frame }) => frame),
        new Array(3).fill(hex(payload(60))),
      );
      assert.deepEqual(anomalyCounts(result), ["record-length-invalid×2"]);
      assert.match(result.anomalies[0]!.first.detail, new RegExp(`; ${rubbish.length} bytes skipped, reading goes on`));
    }
  });

  it("stops at a length that cannot be where nothing behind it is a record, at the first record, and when strict", () => {
    for (const [bytes, strict, packets] of [
      [concat(pcapHeader(), record, impossible), false, 1],
      [concat(pcapHeader(), record, impossible, record, record), true, 1],
      [concat(pcapHeader(), impossible, record, record), false, 0],
    ] as const)
      for (const chunkSize of [1, 7, bytes.length]) {
        const result = readCapture(bytes, chunkSize, { strict });
        assert.equal(result.frames.length, packets);
        assert.equal(result.summary.damaged, true);
        assert.equal(result.summary.truncated, false);
        assert.equal(result.summary.bytes, bytes.length);
        assert.deepEqual(anomalyCounts(result), ["record-length-invalid×1"]);
        assert.match(
          result.anomalies[0]!.first.detail,
          /^offset (24|100): packet [12] claims 262145 captured bytes \(at most 262144\); nothing behind it is read$/,
        );
      }
  });

  it("takes the largest frame that libpcap writes, and larger ones of D-Bus", () => {
    assert.equal(readOne({}, { data: new Uint8Array(262_144) }).summary.damaged, false);
    assert.equal(readOne({ network: 231 }, { data: new Uint8Array(300_000) }).summary.damaged, false);
  });

  it("refuses version 1", () => {
    const { error } = readCapture(pcapHeader({ major: 1 }));
    assert.ok(error instanceof CaptureFormatError);
    assert.equal(error.message, "test.pcap: offset 4: pcap version 1.4 is not supported");
    assert.equal(error.offset, 4);
  });
});
