import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { AnomalyLog } from "../../src/anomaly.ts";
import { createCaptureReader } from "../../src/capture/capture-reader.ts";
import { emptyFrame } from "../../src/capture/frame.ts";
import { linkTypeName } from "../../src/capture/link-type.ts";
import { concat, PcapngWriter, payload, pcapHeader, pcapRecord, readCapture } from "./capture-bytes.ts";

const UTF8 = new TextEncoder();

/** A capture, and where each of its packets ends. */
interface Sample {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly headerLength: number;
  readonly packetEnds: readonly number[];
  /** Ends of records and blocks: a cut there is no cut. */
  readonly ends: readonly number[];
}

function sample(
  name: string,
  header: Uint8Array,
  parts: readonly (readonly ["packet" | "other", Uint8Array])[],
): Sample {
  const ends: number[] = [header.length];
  const packetEnds: number[] = [];
  for (const [kind, part] of parts) {
    const end = ends.at(-1)! + part.length;
    ends.push(end);
    if (kind === "packet") packetEnds.push(end);
  }
  const bytes = concat(header, ...parts.map(([, part]) => part));
  return { name, bytes, headerLength: header.length, packetEnds, ends };
}

const little = new PcapngWriter("little");
const big = new PcapngWriter("big");

const samples: readonly Sample[] = [
  sample("pcap, little endian", pcapHeader(), [
    ["packet", pcapRecord({ data: payload(60) })],
    ["packet", pcapRecord({ data: payload(0) })],
    ["packet", pcapRecord({ data: payload(131, 2) })],
  ]),
  sample("pcap, big endian, modified", pcapHeader({ order: "big", magic: 0xa1b2cd34 }), [
    ["packet", pcapRecord({ order: "big", extra: payload(8) })],
    ["packet", pcapRecord({ order: "big", extra: payload(8), data: payload(17) })],
  ]),
  sample("pcapng", little.section(), [
    ["other", little.interface({ options: [{ code: 2, value: UTF8.encode("eth0") }] })],
    ["packet", little.packet({ data: payload(61), options: [{ code: 1, value: UTF8.encode("comment") }] })],
    ["other", little.block(0x12345, payload(77))],
    ["packet", little.oldPacket({ data: payload(10) })],
    ["other", big.section()],
    ["other", big.interface()],
    ["packet", big.packet({ data: payload(33) })],
    ["packet", big.simplePacket({ data: payload(5) })],
  ]),
];

describe("capture reader", () => {
  for (const { name, bytes, headerLength, packetEnds, ends } of samples) {
    it(`gives the same for chunks of any size: ${name}`, () => {
      const whole = readCapture(bytes);
      assert.equal(whole.frames.length, packetEnds.length);
      for (const size of [1, 2, 3, 7, 16, 61, 100]) assert.deepEqual(readCapture(bytes, size), whole);
      fc.assert(
        fc.property(fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 8 }), (sizes) => {
          assert.deepEqual(readCapture(bytes, sizes), whole);
        }),
      );
    });

    it(`keeps every whole packet wherever the capture is cut: ${name}`, () => {
      const { frames } = readCapture(bytes);
      for (let length = 0; length <= bytes.length; length++) {
        const cut = readCapture(bytes.subarray(0, length), 7);
        if (length < headerLength) {
          assert.equal(cut.error?.captureName, "test.pcap", `cut at ${length}`);
          assert.equal(cut.frames.length, 0);
          continue;
        }
        const whole = packetEnds.filter((end) => end <= length).length;
        assert.equal(cut.error, null);
        assert.deepEqual(cut.frames, frames.slice(0, whole), `cut at ${length}`);
        assert.equal(cut.summary.truncated, !ends.includes(length), `cut at ${length}`);
        const truncated = cut.anomalies.find(({ code }) => code === "truncated-file");
        assert.equal(truncated !== undefined, cut.summary.truncated);
        if (truncated) assert.match(truncated.first.detail, new RegExp(`^offset ${length}: `));
      }
    });

    it(`survives any change of its bytes: ${name}`, () => {
      fc.assert(
        fc.property(
          fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
          fc.integer({ min: 1, max: 40 }),
          (changes, chunkSize) => {
            const changed = Uint8Array.from(bytes);
            for (const [at, value] of changes) changed[at] = value;
            const whole = readCapture(changed);
            const cut = readCapture(changed, chunkSize);
            assert.deepEqual(cut.frames, whole.frames);
            assert.deepEqual(cut.anomalies, whole.anomalies);
            assert.equal(cut.error?.message, whole.error?.message);
          },
        ),
        { numRuns: 500 },
      );
    });
  }

  it("survives any bytes behind a file header", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(pcapHeader(), concat(little.section(), little.interface())),
        fc.uint8Array({ maxLength: 200 }),
        (header, noise) => {
          const whole = readCapture(concat(header, noise));
          assert.equal(whole.error, null);
          assert.deepEqual(readCapture(concat(header, noise), 3), whole);
        },
      ),
      { numRuns: 500 },
    );
  });

  it("takes the earliest and the latest time, whatever the order", () => {
    const at = (seconds: number, fraction: number) => pcapRecord({ seconds, fraction });
    const { summary } = readCapture(
      concat(pcapHeader(), at(50, 7), at(60, 2), at(60, 3), at(40, 9), at(40, 8), at(55, 0)),
    );
    assert.deepEqual(summary.first, { seconds: 40, nanoseconds: 8000 });
    assert.deepEqual(summary.last, { seconds: 60, nanoseconds: 3000 });
    assert.equal(readCapture(pcapHeader()).summary.first, null);
  });

  describe("says what is no capture", () => {
    const problems = [
      ["", "empty file"],
      ["GET / HTTP/1.1", 'not a packet capture (begins with 47 45 54 20 "GET ")'],
      ["\x01\x02", 'not a packet capture (begins with 01 02 "..")'],
      ["snoop\0\0\0", /^not a pcap or pcapng capture but a Solaris snoop capture; convert it with `editcap/],
      ["GMBU1234", /but a Microsoft Network Monitor capture/],
      ["\x1f\x8b\x08\0", /but gzip data/],
      ["\x28\xb5\x2f\xfd", /but zstd data/],
    ] as const;
    for (const [text, problem] of problems) {
      it(JSON.stringify(text), () => {
        const bytes = Uint8Array.from(Buffer.from(text, "latin1"));
        for (const chunkSize of [1, Math.max(1, bytes.length)]) {
          const { error, summary } = readCapture(bytes, chunkSize);
          assert.equal(summary.format, null);
          assert.equal(error?.offset, 0);
          assert.equal(error?.captureName, "test.pcap");
          const said = error?.message.replace("test.pcap: offset 0: ", "") ?? "";
          if (typeof problem === "string") assert.equal(said, problem);
          else assert.match(said, problem);
        }
      });
    }
  });

  it("refuses the next chunk before the last is used up", () => {
    const reader = createCaptureReader("test.pcap", 0, new AnomalyLog());
    reader.push(concat(pcapHeader(), pcapRecord(), pcapRecord()));
    assert.equal(reader.next(emptyFrame()), true);
    assert.throws(() => reader.push(pcapRecord()), /not used up/);
  });

  it("is over at the end, and after an error", () => {
    const reader = createCaptureReader("test.pcap", 0, new AnomalyLog());
    reader.push(UTF8.encode("no capture"));
    const frame = emptyFrame();
    assert.throws(() => reader.next(frame), { name: "CaptureFormatError" });
    assert.equal(reader.next(frame), false);
    reader.push(pcapHeader());
    assert.equal(reader.next(frame), false);
  });

  it("hands out frames in place, without a copy", () => {
    const reader = createCaptureReader("test.pcap", 0, new AnomalyLog());
    const chunk = concat(pcapHeader(), pcapRecord());
    reader.push(chunk);
    const frame = emptyFrame();
    assert.equal(reader.next(frame), true);
    assert.equal(frame.bytes, chunk);
    assert.equal(frame.start, 24 + 16);
  });

  it("counts offsets beyond 4 GiB", () => {
    const log = new AnomalyLog();
    const reader = createCaptureReader("test.pcap", 0, log);
    const frame = emptyFrame();
    reader.push(pcapHeader());
    assert.equal(reader.next(frame), false);
    const record = pcapRecord({ data: new Uint8Array(262_128) });
    const chunk = new Uint8Array(64 * record.length);
    for (let at = 0; at < chunk.length; at += record.length) chunk.set(record, at);
    const pushes = 257;
    let packets = 0;
    for (let push = 0; push < pushes; push++) {
      reader.push(chunk);
      while (reader.next(frame)) packets++;
    }
    reader.push(pcapRecord({ captured: 0xffffffff }));
    assert.equal(reader.next(frame), false);
    reader.end();
    const offset = 24 + pushes * chunk.length;
    assert.ok(offset > 2 ** 32);
    assert.equal(packets, pushes * 64);
    assert.match(log.list()[0]!.first.detail, new RegExp(`^offset ${offset}: packet ${packets + 1} claims 4294967295`));
  });
});

describe("link types", () => {
  it("have the names of tcpdump.org", () => {
    const names = {
      0: "NULL",
      1: "EN10MB",
      101: "RAW",
      113: "LINUX_SLL",
      127: "IEEE802_11_RADIOTAP",
      276: "LINUX_SLL2",
    };
    for (const [linkType, name] of Object.entries(names)) assert.equal(linkTypeName(Number(linkType)), name);
    assert.equal(linkTypeName(60_000), "LINKTYPE_60000");
  });
});
