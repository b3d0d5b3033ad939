import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { anomalyCounts, BYTE_ORDERS, concat, hex, PcapngWriter, payload, readCapture } from "./capture-bytes.ts";

const UTF8 = new TextEncoder();

describe("pcapng", () => {
  const little = new PcapngWriter();
  const times = (bytes: Uint8Array) => readCapture(bytes).frames.map(({ time }) => time);
  const numbers = (bytes: Uint8Array) => readCapture(bytes).frames.map(({ packetNumber }) => packetNumber);

  for (const order of BYTE_ORDERS) {
    it(`reads all packet blocks and steps over the rest, ${order} endian`, () => {
      const file = new PcapngWriter(order);
      const bytes = concat(
        file.section({ length: 4096n }),
        file.interface({ options: [{ code: 2, value: UTF8.encode("eth0\0") }] }),
        file.interface({ linkType: 113, options: [{ code: 2, value: UTF8.encode("wlan-ü") }] }),
        file.block(4, payload(16)), // name resolution
        file.packet({ data: payload(61), original: 1500 }),
        file.block(5, payload(40)), // interface statistics
        file.packet({ id: 1, time: 1700000001000001n }),
        file.block(10, payload(8)), // decryption secrets
        file.oldPacket({ id: 1, time: 1700000002000000n, data: payload(3) }),
        file.block(0x80000001, payload(5)),
        file.simplePacket({ data: payload(42) }),
      );
      for (const chunkSize of [1, 7, bytes.length]) {
        const result = readCapture(bytes, chunkSize);
        const common = { fcsLength: 0 };
        assert.deepEqual(result.frames, [
          {
            ...common,
            packetNumber: 1,
            time: "1700000000.000000000",
            original: 1500,
            linkType: 1,
            bytes: hex(payload(61)),
          },
          {
            ...common,
            packetNumber: 2,
            time: "1700000001.000001000",
            original: 60,
            linkType: 113,
            bytes: hex(payload(60)),
          },
          {
            ...common,
            packetNumber: 3,
            time: "1700000002.000000000",
            original: 3,
            linkType: 113,
            bytes: hex(payload(3)),
          },
          {
            ...common,
            packetNumber: 4,
            time: "1700000002.000000000",
            original: 42,
            linkType: 1,
            bytes: hex(payload(42)),
          },
        ]);
        assert.deepEqual(anomalyCounts(result), ["no-timestamp×1"]);
        assert.deepEqual(result.summary, {
          format: "pcapng",
          linkTypes: ["EN10MB", "LINUX_SLL"],
          interfaces: [
            { name: "eth0", linkType: "EN10MB" },
            { name: "wlan-ü", linkType: "LINUX_SLL" },
          ],
          packets: 4,
          bytes: bytes.length,
          first: { seconds: 1700000000, nanoseconds: 0 },
          last: { seconds: 1700000002, nanoseconds: 0 },
          truncated: false,
          damaged: false,
        });
      }
    });
  }

  it("reads sections of either byte order, each with its own interfaces", () => {
    const big = new PcapngWriter("big");
    const bytes = concat(
      little.section(),
      little.interface(),
      little.packet(),
      big.section(),
      big.interface({ linkType: 101 }),
      big.packet(),
      little.section(),
      little.packet(),
      little.interface({ linkType: 276 }),
      little.packet(),
    );
    const result = readCapture(bytes);
    assert.deepEqual(
      result.frames.map(({ packetNumber, linkType }) => `${packetNumber}: ${linkType}`),
      ["1: 1", "2: 101", "4: 276"],
    );
    assert.deepEqual(anomalyCounts(result), ["interface-unknown×1"]);
    assert.deepEqual(result.summary.linkTypes, ["EN10MB", "RAW", "LINUX_SLL2"]);
  });

  it("numbers custom blocks and records of other systems as Wireshark does, without handing them out", () => {
    const bytes = concat(
      little.section(),
      little.interface(),
      little.block(0xbad, payload(20)),
      little.packet(),
      little.block(0x40000bad, payload(20)),
      little.block(9, payload(20)),
      little.block(0x204, payload(20)),
      little.block(0x208, payload(20)),
      little.packet(),
    );
    assert.deepEqual(numbers(bytes), [2, 6]);
  });

  describe("times", () => {
    const at = (resolution: number, time: bigint, offset: bigint | null = null) =>
      times(
        concat(
          little.section(),
          little.interface({
            options: [
              { code: 9, value: Uint8Array.of(resolution) },
              ...(offset === null
                ? []
                : [{ code: 14, value: little.write().uint64(BigInt.asUintN(64, offset)).finish() }]),
            ],
          }),
          little.packet({ time }),
        ),
      )[0];

    it("have the resolution of their interface", () => {
      assert.equal(at(6, 1700000000123456n), "1700000000.123456000");
      assert.equal(at(9, 1700000000123456789n), "1700000000.123456789");
      assert.equal(at(0, 1700000000n), "1700000000.000000000");
      assert.equal(at(12, 1700000000123456789n), "1700000.000123456");
      assert.equal(at(0x88, (1700000000n << 8n) | 128n), "1700000000.500000000");
      assert.equal(at(0x80 | 32, (1700000000n << 32n) | 0x80000000n), "1700000000.500000000");
    });

    it("have the offset of their interface", () => {
      assert.equal(at(9, 1700000000123456789n, -3600n), "1699996400.123456789");
      assert.equal(at(6, 1000000n, 1700000000n), "1700000001.000000000");
    });

    it("are exact for all 64 bits", () => {
      fc.assert(
        fc.property(
          fc.integer({ min: 1, max: 64 }).chain((bits) => fc.bigInt({ min: 0n, max: 2n ** BigInt(bits) - 1n })),
          fc.constantFrom(0, 1, 3, 6, 7, 9, 10, 12, 20, 0x80, 0x83, 0xa0, 0xbf),
          (time, resolution) => {
            const perSecond = resolution & 0x80 ? 1n << BigInt(resolution & 0x7f) : 10n ** BigInt(resolution);
            const seconds = time / perSecond;
            fc.pre(seconds < 2n ** 53n);
            const nanoseconds = ((time % perSecond) * 1_000_000_000n) / perSecond;
            assert.equal(at(resolution, time), `${seconds}.${String(nanoseconds).padStart(9, "0")}`);
          },
        ),
        { numRuns: 2000 },
      );
    });

    it("of a simple packet are those of the packet before, which do not count for the capture", () => {
      const alone = readCapture(concat(little.section(), little.interface(), little.simplePacket()));
      assert.equal(alone.frames[0]?.time, "0.000000000");
      assert.equal(alone.summary.first, null);
      const then = readCapture(
        concat(little.section(), little.interface(), little.simplePacket(), little.packet(), little.simplePacket()),
      );
      assert.deepEqual(
        then.frames.map(({ time }) => time),
        ["0.000000000", "1700000000.000000000", "1700000000.000000000"],
      );
      assert.deepEqual(then.summary.first, { seconds: 1700000000, nanoseconds: 0 });
    });
  });

  it("cuts a simple packet at the snaplen of the first interface", () => {
    const bytes = concat(
      little.section(),
      little.interface({ snaplen: 41 }),
      little.simplePacket({ data: payload(41), original: 1500 }),
    );
    const [frame] = readCapture(bytes).frames;
    assert.equal(frame?.bytes, hex(payload(41)));
    assert.equal(frame?.original, 1500);
  });

  it("takes the FCS length in bits, in bytes as found in traces, and that of the packet before both", () => {
    const fcs = (value: number, flags: number | null = null) =>
      readCapture(
        concat(
          little.section(),
          little.interface({ options: [{ code: 13, value: Uint8Array.of(value) }] }),
          little.packet({
            options: [
              { code: 1, value: UTF8.encode("a comment") },
              ...(flags === null ? [] : [{ code: 2, value: little.write().uint32(flags).finish() }]),
            ],
          }),
        ),
      ).frames[0]?.fcsLength;
    assert.equal(fcs(32), 4);
    assert.equal(fcs(4), 4);
    assert.equal(fcs(0), 0);
    assert.equal(fcs(32, 1), 4);
    assert.equal(fcs(32, 2 << 5), 2);
  });

  describe("damage", () => {
    const head = concat(little.section(), little.interface(), little.packet());
    const behind = (bad: Uint8Array) => readCapture(concat(head, bad, little.packet()));
    const packetLength = little.packet().length;

    const fatal = [
      { name: "a block length below 12", bad: little.block(0x77, payload(0), { length: 8 }) },
      { name: "a packet block too short for its header", bad: little.block(6, payload(8)) },
      { name: "an interface block too short for its header", bad: little.block(1, payload(4)) },
      { name: "a packet block above 16 MiB", bad: little.block(6, payload(60), { length: 16 * 1024 * 1024 + 4 }) },
      { name: "an unknown block above 129 MiB", bad: little.block(0x77, payload(60), { length: 0x7fffffff }) },
      { name: "a length above 2³¹", bad: little.block(0x77, payload(60), { length: 0xfffffffe }) },
      { name: "two lengths that differ", bad: little.block(6, payload(88), { trailer: 88 }) },
      { name: "two lengths that differ around an unknown block", bad: little.block(0x77, payload(8), { trailer: 24 }) },
    ];
    for (const { name, bad } of fatal) {
      it(`goes on behind ${name}, where the next block stands; stops there when strict`, () => {
        const bytes = concat(head, bad, little.packet());
        const result = readCapture(bytes);
        assert.deepEqual(anomalyCounts(result), ["block-length-invalid×1"]);
        const offset = `(${head.length}|${head.length + 16})`;
        const at = bytes.length - packetLength;
        assert.match(
          result.anomalies[0]!.first.detail,
          new RegExp(`^offset ${offset}: .*; \\d+ bytes skipped, reading goes on at offset ${at}$`),
        );
        assert.deepEqual(
          result.frames.map(({ packetNumber }) => packetNumber),
          [1, 2],
        );
        assert.equal(result.frames[1]?.bytes, result.frames[0]?.bytes);
        assert.equal(result.summary.damaged, true);
        assert.deepEqual(readCapture(bytes, 1), result);

        const strict = readCapture(bytes, bytes.length, { strict: true });
        assert.deepEqual(anomalyCounts(strict), ["block-length-invalid×1"]);
        assert.match(
          strict.anomalies[0]!.first.detail,
          new RegExp(`^offset ${offset}: .*; nothing behind it is read$`),
        );
        assert.equal(strict.frames.length, 1);
        assert.equal(strict.summary.damaged, true);
        assert.deepEqual(readCapture(bytes, 1, { strict: true }), strict);
      });
    }

    it("stops at damage behind which no block stands", () => {
      const result = readCapture(concat(head, little.block(0x77, payload(0), { length: 8 }), payload(5000)));
      assert.deepEqual(anomalyCounts(result), ["block-length-invalid×1"]);
      assert.match(result.anomalies[0]!.first.detail, /; nothing behind it is read$/);
      assert.equal(result.frames.length, 1);
      assert.equal(result.summary.truncated, false);
    });

    for (const [name, section] of [
      ["of an unknown version", little.section({ major: 2 })],
      ["without byte-order magic", little.section({ magic: 0x12345678 })],
    ] as const) {
      it(`stops at a section ${name}, but refuses a capture that begins with one`, () => {
        const later = behind(section);
        assert.deepEqual(anomalyCounts(later), ["section-invalid×1"]);
        assert.equal(later.frames.length, 1);
        assert.equal(readCapture(section).error?.offset, 0);
      });
    }

    const tolerable = [
      { code: "interface-unknown", bad: little.packet({ id: 7 }) },
      { code: "record-length-invalid", bad: little.packet({ captured: 61 + 3 }) },
      { code: "record-length-invalid", bad: little.packet({ captured: 0xffffffff }) },
      { code: "record-length-invalid", bad: little.packet({ data: new Uint8Array(262_145) }) },
    ];
    for (const { code, bad } of tolerable) {
      it(`leaves out a packet with ${code} and goes on`, () => {
        const result = behind(bad);
        assert.deepEqual(anomalyCounts(result), [`${code}×1`]);
        assert.equal(result.anomalies[0]?.first.packet, 2);
        assert.deepEqual(
          result.frames.map(({ packetNumber }) => packetNumber),
          [1, 3],
        );
        assert.equal(result.summary.damaged, false);
      });
    }

    it("reads the packet of a block whose length leaves out the padding", () => {
      const result = behind(little.block(6, little.packet({ data: payload(61) }).subarray(8, -4), { length: 93 }));
      assert.equal(result.frames.length, 3);
      assert.equal(result.frames[1]?.bytes, hex(payload(61)));
      assert.deepEqual(result.anomalies, []);
    });

    it("reads no option beyond its block", () => {
      const bad = { code: 9, value: Uint8Array.of(9), length: 200 };
      const result = readCapture(
        concat(
          little.section(),
          little.interface({ options: [bad] }),
          little.packet({ options: [{ ...bad, code: 1 }] }),
        ),
      );
      assert.deepEqual(anomalyCounts(result), ["option-invalid×2"]);
      assert.equal(result.frames[0]?.time, "1700000000.000000000");
    });

    it("keeps going when more was captured than there was", () => {
      const result = behind(little.packet({ original: 10 }));
      assert.equal(result.frames.length, 3);
      assert.deepEqual(anomalyCounts(result), ["captured-exceeds-original×1"]);
    });

    it("describes no more interfaces than fit the memory set aside", () => {
      const many = Buffer.concat([
        little.section(),
        Buffer.alloc(65_537 * 20, little.interface()),
        little.packet({ id: 65_535 }),
        little.packet({ id: 65_536 }),
      ]);
      const result = readCapture(many);
      assert.equal(result.summary.interfaces.length, 65_536);
      assert.equal(result.frames.length, 1);
      assert.deepEqual(anomalyCounts(result), ["interface-limit×1", "interface-unknown×1"]);
    });

    it("has packet blocks of the length these tests count on", () => {
      assert.equal(packetLength, 92);
    });
  });
});
