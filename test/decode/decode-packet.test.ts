import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AnomalyLog } from "../../src/anomaly.ts";
import type { Frame } from "../../src/capture/frame.ts";
import { PacketDecoder } from "../../src/decode/decode-packet.ts";
import { emptyPacketView, PacketKind, type PacketView } from "../../src/decode/packet-view.ts";
import { windowScale } from "../../src/decode/tcp.ts";
import {
  type Bytes,
  ethernet,
  extension,
  fragmentHeader,
  frameOf,
  icmp,
  ipv4,
  ipv6,
  synOptions,
  tcp,
  u16,
  u32,
  udp,
  vlan,
  zeros,
} from "./frame-bytes.ts";

const segment = tcp({ options: synOptions }, "220 ready\r\n");
const vxlan: Bytes = [8, 0, 0, 0, 0, 0, 1, 0];

/** One frame for each way through the decoder. */
const samples: readonly [what: string, linkType: number, frame: Bytes][] = [
  ["Ethernet, IPv4", 1, ethernet(0x0800, ipv4({}, segment))],
  ["IPv4 options", 1, ethernet(0x0800, ipv4({ options: zeros(12) }, segment))],
  ["length 0", 1, ethernet(0x0800, ipv4({ totalLength: 0 }, segment))],
  ["VLAN, IPv6", 1, ethernet(0x88a8, vlan(0x8100, vlan(0x86dd, ipv6({}, segment))))],
  ["extension headers", 1, ethernet(0x86dd, ipv6({ next: 0 }, extension(43, extension(60, extension(6, segment), 2))))],
  ["a fragment", 1, ethernet(0x86dd, ipv6({ next: 44 }, fragmentHeader(6, 0, true, 1, segment.slice(0, 48))))],
  ["ICMP", 1, ethernet(0x0800, ipv4({ protocol: 1 }, icmp(3, 4, u32(1400), ipv4({ options: zeros(4) }, segment))))],
  ["ICMPv6", 1, ethernet(0x86dd, ipv6({ next: 58 }, icmp(2, 0, u32(1280), ipv6({ next: 0 }, extension(6, segment)))))],
  [
    "VXLAN",
    1,
    ethernet(0x0800, ipv4({ protocol: 17 }, udp(1, 4789, [...vxlan, ...ethernet(0x0800, ipv4({}, segment))]))),
  ],
  [
    "GRE",
    1,
    ethernet(
      0x0800,
      ipv4({ protocol: 47 }, [0xb0, 0, 8, 0, ...zeros(12), ...ipv4({ protocol: 41 }, ipv6({}, segment))]),
    ),
  ],
  [
    "ERSPAN III",
    1,
    ethernet(
      0x0800,
      ipv4({ protocol: 47 }, [
        0x10,
        0,
        0x22,
        0xeb,
        ...zeros(15),
        1,
        ...zeros(8),
        ...ethernet(0x0800, ipv4({}, segment)),
      ]),
    ),
  ],
  ["SNAP", 1, ethernet(200, [0xaa, 0xaa, 3, 0, 0, 0, 8, 0, ...ipv4({}, segment)])],
  ["PPPoE", 1, ethernet(0x8864, [0x11, 0, 0, 1, 0, 99, 0, 0x21, ...ipv4({}, segment)])],
  ["MPLS", 1, ethernet(0x8847, [...u32(0x1040), ...u32(0x2140), ...ipv4({}, segment)])],
  ["NULL", 0, [2, 0, 0, 0, ...ipv4({}, segment)]],
  ["RAW", 101, ipv6({}, segment)],
  ["LINUX_SLL", 113, [...zeros(14), ...u16(0x0800), ...ipv4({}, segment)]],
  ["LINUX_SLL2", 276, [...u16(0x0800), ...zeros(18), ...ipv4({}, segment)]],
  ["NFLOG", 239, [2, 0, 0, 0, 8, 0, 1, 0, ...zeros(4), 100, 0, 9, 0, ...ipv4({}, segment)]],
  ["PFLOG", 117, [61, 2, ...zeros(62), ...ipv4({}, segment)]],
  ["PPP_HDLC", 50, [0xff, 3, 0x21, ...ipv4({}, segment)]],
];

/** A frame whose bytes fail the test when anything outside the frame is read. */
function guarded(frame: Frame): Frame {
  const { bytes, start, capturedLength } = frame;
  const guard = new Proxy(bytes, {
    get(target, key) {
      const index = typeof key === "string" ? Number(key) : Number.NaN;
      if (Number.isInteger(index) && (index < start || index >= start + capturedLength))
        throw new assert.AssertionError({ message: `read at ${index - start} of ${capturedLength} bytes` });
      return Reflect.get(target, key, target);
    },
  });
  return { ...frame, bytes: guard };
}

/** Everything that a view of this kind points at lies inside its bytes. */
function checkView(kind: number, view: PacketView, frame: Frame): void {
  const isFrames = view.bytes === frame.bytes;
  const from = isFrames ? frame.start : 0;
  const to = isFrames ? frame.start + frame.capturedLength : view.bytes.length;
  const inside = (at: number, length: number) =>
    assert.ok(at >= from && length >= 0 && at + length <= to, `${at} + ${length} is not in ${from} … ${to}`);
  const addressLength = view.ipVersion === 4 ? 4 : 16;
  if (kind === PacketKind.other) return;
  inside(view.sourceAt, addressLength);
  inside(view.destinationAt, addressLength);
  if (kind === PacketKind.icmpError) {
    inside(view.quotedSourceAt, addressLength);
    inside(view.quotedDestinationAt, addressLength);
    return;
  }
  inside(view.optionsAt, view.optionsLength);
  inside(view.payloadAt, view.payloadCaptured);
  assert.ok(view.payloadLength >= view.payloadCaptured);
  windowScale(view);
}

for (const [what, linkType, content] of samples)
  test(`${what}: cut at every byte`, () => {
    let readable = 0;
    for (let capturedLength = 0; capturedLength <= content.length; capturedLength++)
      for (const originalLength of [capturedLength, content.length]) {
        const log = new AnomalyLog();
        const view = emptyPacketView();
        const frame = guarded(frameOf(content, { linkType, capturedLength, originalLength }));
        const kind = new PacketDecoder(log).decode(frame, 0, view);
        checkView(kind, view, frame);
        if (kind !== PacketKind.other) {
          readable++;
          assert.deepEqual(log.list(), []);
        }
      }
    assert.ok(readable > 0 || what === "a fragment");
  });

const mutations = fc.array(fc.tuple(fc.nat(1023), fc.nat(255)), { minLength: 1, maxLength: 8 });
const fuzzedFrame = fc.record({
  sample: fc.constantFrom(...samples),
  mutations,
  linkType: fc.option(fc.constantFrom(0, 1, 9, 10, 50, 51, 101, 104, 108, 113, 117, 204, 228, 229, 239, 276)),
  cut: fc.nat(40),
  originalLength: fc.option(fc.nat(2000)),
  fcsLength: fc.constantFrom(0, 0, 4, 200),
});

test("mutated frames never throw and are never read outside", () => {
  fc.assert(
    fc.property(fc.array(fuzzedFrame, { minLength: 1, maxLength: 6 }), (cases) => {
      const decoder = new PacketDecoder(new AnomalyLog());
      const view = emptyPacketView();
      for (const { sample, mutations, linkType, cut, originalLength, fcsLength } of cases) {
        const content = [...sample[2]];
        for (const [at, value] of mutations) content[at % content.length] = value;
        const capturedLength = Math.max(0, content.length - cut);
        const frame = guarded(
          frameOf(content, {
            linkType: linkType ?? sample[1],
            capturedLength,
            originalLength: originalLength ?? content.length,
            fcsLength,
          }),
        );
        checkView(decoder.decode(frame, 0, view), view, frame);
      }
      decoder.finish();
    }),
    { numRuns: 3000 },
  );
});

test("mutated trains of fragments never throw and stay in their buffer", () => {
  const fragment = fc.record({
    offset: fc.nat(20).map((units) => units * 8),
    length: fc.integer({ min: 0, max: 120 }),
    more: fc.boolean(),
    id: fc.nat(1),
    six: fc.boolean(),
    cut: fc.nat(30),
  });
  fc.assert(
    fc.property(fc.array(fragment, { maxLength: 30 }), (fragments) => {
      const decoder = new PacketDecoder(new AnomalyLog());
      const view = emptyPacketView();
      const payload = [...segment, ...segment, ...segment, ...segment, ...segment];
      for (const { offset, length, more, id, six, cut } of fragments) {
        const data = payload.slice(offset, offset + length);
        const content = six
          ? ethernet(0x86dd, ipv6({ next: 44 }, fragmentHeader(6, offset, more, id, data)))
          : ethernet(0x0800, ipv4({ fragmentOffset: offset, moreFragments: more, id }, data));
        const frame = guarded(frameOf(content, { capturedLength: content.length - cut }));
        checkView(decoder.decode(frame, 0, view), view, frame);
      }
    }),
    { numRuns: 2000 },
  );
});

test("a million packets leave nothing behind on the heap", () => {
  const contents = [
    ethernet(0x0800, ipv4({}, segment)),
    ethernet(0x86dd, ipv6({}, segment)),
    ethernet(0x0800, ipv4({ protocol: 17 }, udp(53, 53, zeros(40)))),
    ethernet(0x0806, zeros(46)),
    ethernet(0x8100, vlan(0x0800, ipv4({}, segment))),
    ethernet(0x0800, ipv4({ protocol: 1 }, icmp(3, 1, zeros(4), ipv4({}, segment)))),
  ];
  const bytes = new Uint8Array(contents.length * 256);
  contents.forEach((content, i) => {
    bytes.set(content, i * 256);
  });
  const frame = { ...frameOf([]), bytes };
  const decoder = new PacketDecoder(new AnomalyLog());
  const view = emptyPacketView();
  const run = (packets: number): number => {
    let kinds = 0;
    for (let i = 0; i < packets; i++) {
      const which = i % contents.length;
      frame.start = which * 256;
      frame.capturedLength = contents[which].length;
      frame.originalLength = contents[which].length;
      frame.packetNumber = i;
      kinds += decoder.decode(frame, 1, view);
    }
    return kinds;
  };
  run(1_000_000); // until it is compiled, numbers do live on the heap
  // Garbage counts too: an object a packet would be some 200 kB a run. Now and then a collection falls into a run and the
  // heap shrinks; the median run has none, since the young generation holds several runs.
  const growths = Array.from({ length: 101 }, () => {
    const before = process.memoryUsage().heapUsed;
    run(10_000);
    return process.memoryUsage().heapUsed - before;
  });
  const median = growths.sort((a, b) => a - b)[50];
  assert.ok(median < 50_000, `heap grew by ${median} bytes in 10000 packets`);
});
