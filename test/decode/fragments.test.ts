import assert from "node:assert/strict";
import { test } from "node:test";
import { AnomalyLog } from "../../src/anomaly.ts";
import type { Frame } from "../../src/capture/frame.ts";
import { PacketDecoder } from "../../src/decode/decode-packet.ts";
import { fragmentLimits } from "../../src/decode/fragments.ts";
import { emptyPacketView, PacketKind } from "../../src/decode/packet-view.ts";
import {
  ascii,
  type Bytes,
  decode,
  decodeFrames,
  ethernet,
  extension,
  type FrameFields,
  fragmentHeader,
  frameOf,
  icmp,
  ipv4,
  ipv6,
  payloadOf,
  tcp,
  tcpFacts,
  zeros,
} from "./frame-bytes.ts";

const text = "0123456789abcdefghijklmnopqrstuvwxyz".repeat(20);
const segment = tcp({}, text);

type Piece = readonly [from: number, to: number];

/** One fragment: bytes `from` … `to` of a datagram's payload; the last is the one that reaches its end. */
function fragment4([from, to]: Piece, fields: FrameFields = {}, payload: Bytes = segment, id = 9): Frame {
  const moreFragments = to < payload.length;
  const packet = ipv4({ fragmentOffset: from, moreFragments, id }, payload.slice(from, to));
  return frameOf(ethernet(0x0800, packet), fields);
}

function fragment6([from, to]: Piece, fields: FrameFields = {}, payload: Bytes = segment, next = 6): Frame {
  const data = fragmentHeader(next, from, to < payload.length, 0xfffffff0, payload.slice(from, to));
  return frameOf(ethernet(0x86dd, ipv6({ next: 44 }, data)), fields);
}

const end = segment.length;
const orders: readonly [what: string, pieces: readonly Piece[]][] = [
  [
    "in order",
    [
      [0, 64],
      [64, 400],
      [400, end],
    ],
  ],
  [
    "reversed",
    [
      [400, end],
      [64, 400],
      [0, 64],
    ],
  ],
  [
    "shuffled, in small pieces",
    [
      [8, 16],
      [400, end],
      [0, 8],
      [64, 400],
      [24, 64],
      [16, 24],
    ],
  ],
  [
    "with duplicates",
    [
      [0, 64],
      [0, 64],
      [400, end],
      [400, end],
      [64, 400],
    ],
  ],
];

for (const [what, pieces] of orders)
  for (const [family, build] of [
    ["IPv4", fragment4],
    ["IPv6", fragment6],
  ] as const)
    test(`${family} fragments ${what}`, () => {
      const frames = pieces.map((piece, i) => build(piece, { packetNumber: i + 1, seconds: 100 + i }));
      const { kind, view, codes } = decodeFrames(frames, true);
      assert.equal(kind, PacketKind.tcp);
      assert.deepEqual(codes, []);
      const whole = family === "IPv4" ? ipv4({ id: 9 }, segment) : ipv6({}, segment);
      const { view: expected } = decode(whole, {
        linkType: 101,
        packetNumber: pieces.length,
        seconds: 99 + pieces.length,
      });
      assert.deepEqual(tcpFacts(view), tcpFacts(expected));
      for (let i = 1; i < frames.length; i++)
        assert.equal(decodeFrames(frames.slice(0, i)).kind, PacketKind.other, `complete after ${i}`);
    });

test("trains that differ in Identification, protocol or address are kept apart", () => {
  const other = tcp({ sourcePort: 1 }, "x".repeat(text.length));
  const frames = [
    fragment4([0, 64]),
    fragment4([0, 64], {}, other, 10),
    frameOf(ethernet(0x0800, ipv4({ id: 9, protocol: 1, moreFragments: true }, zeros(64)))),
    frameOf(ethernet(0x0800, ipv4({ id: 9, source: [192, 0, 2, 11], moreFragments: true }, zeros(64)))),
    fragment4([64, end]),
  ];
  const { kind, view } = decodeFrames(frames);
  assert.equal(kind, PacketKind.tcp);
  assert.equal(payloadOf(view), text);
  const second = decodeFrames([...frames, fragment4([64, end], {}, other, 10)]);
  assert.equal(payloadOf(second.view), "x".repeat(text.length));
  assert.equal(second.view.sourcePort, 1);
});

test("the first copy wins where fragments overlap", () => {
  const forged = tcp({}, "?".repeat(text.length));
  for (const build of [fragment4, fragment6])
    for (const pieces of [
      [build([0, 64]), build([400, end]), build([40, 408], {}, forged), build([64, 400])],
      [build([0, 64]), build([0, 64], {}, forged), build([64, end])],
    ]) {
      const { view, codes } = decodeFrames(pieces);
      assert.deepEqual(codes, ["fragment-overlap"]);
      assert.equal(payloadOf(view).slice(0, 44), text.slice(0, 44));
      assert.equal(payloadOf(view).slice(380), text.slice(380));
    }
});

test("the overlap is what the anomaly describes", () => {
  const { anomalies } = decodeFrames([
    fragment4([0, 64]),
    fragment4([40, 400], { packetNumber: 8 }),
    fragment4([400, end]),
  ]);
  assert.deepEqual(anomalies, [
    {
      code: "fragment-overlap",
      layer: "ip",
      count: 1,
      first: {
        capture: 0,
        packet: 8,
        detail:
          "bytes 40–400 of datagram 9 overlap earlier ones (fragment data at offset 20 of its IP packet); the first copy is used",
      },
    },
  ]);
});

test("a first fragment with the whole TCP header is no TCP while its train is not complete", () => {
  for (const build of [fragment4, fragment6]) {
    const { kind, codes, anomalies } = decodeFrames([build([0, 400])], true);
    assert.equal(kind, PacketKind.other);
    assert.deepEqual(codes, ["fragments-dropped"]);
    assert.match(anomalies[0].first.detail, /400 of an unknown number of bytes when the capture ended/);
  }
});

test("a train is given up after a while", () => {
  const late = 1000 + fragmentLimits.timeoutSeconds + 1;
  const { kind, codes } = decodeFrames([
    fragment4([0, 64], { seconds: 1000 }),
    fragment4([64, end], { seconds: late }),
  ]);
  assert.equal(kind, PacketKind.other);
  assert.deepEqual(codes, ["fragments-dropped"]);
  const inTime = decodeFrames([fragment4([0, 64], { seconds: 1000 }), fragment4([64, end], { seconds: late - 1 })]);
  assert.equal(inTime.kind, PacketKind.tcp);
});

test("an earlier capture does not complete a later one's train", () => {
  const { kind } = decodeFrames([fragment4([0, 64], { seconds: 5000 }), fragment4([64, end], { seconds: 1000 })]);
  assert.equal(kind, PacketKind.other);
});

test("the number of trains has a limit", () => {
  const frames: Frame[] = [];
  for (let id = 0; id < fragmentLimits.trains + 10; id++) frames.push(fragment4([0, 64], {}, segment, id));
  const { anomalies } = decodeFrames(frames);
  assert.equal(anomalies[0].code, "fragments-dropped");
  assert.equal(anomalies[0].count, 10);
  assert.equal(decodeFrames([...frames, fragment4([64, end], {}, segment, 5)]).kind, PacketKind.other);
  assert.equal(decodeFrames([...frames, fragment4([64, end], {}, segment, 15)]).kind, PacketKind.tcp);
});

test("so has the number of their bytes", () => {
  const frames: Frame[] = [];
  for (let id = 0; id < 200; id++)
    frames.push(frameOf(ethernet(0x0800, ipv4({ id, fragmentOffset: 65000, moreFragments: false }, zeros(100)))));
  const { anomalies } = decodeFrames(frames);
  assert.equal(anomalies[0].code, "fragments-dropped");
  assert.ok(anomalies[0].count >= 200 - fragmentLimits.bytes / 65536);
});

test("a train that grows costs the oldest of the others", () => {
  const far = (id: number) =>
    frameOf(ethernet(0x0800, ipv4({ id, fragmentOffset: 65000, moreFragments: true }, zeros(104))));
  const frames = [fragment4([0, 64], {}, segment, 0), fragment4([0, 64], {}, segment, 1000)];
  for (let id = 1; id < fragmentLimits.bytes / 65536; id++) frames.push(far(id));
  const large = tcp({}, "x".repeat(60_000));
  frames.push(fragment4([64, large.length], {}, large, 0));
  const { kind, view, codes } = decodeFrames(frames);
  assert.equal(kind, PacketKind.tcp);
  assert.equal(view.payloadLength, large.length - 20);
  assert.deepEqual(codes, ["fragments-dropped"]);
  assert.deepEqual(decodeFrames(frames.slice(0, -1)).codes, []);
});

test("the first fragment says what the datagram is (RFC 8200 section 4.5)", () => {
  const { kind, view } = decodeFrames([fragment6([64, end], {}, segment, 60), fragment6([0, 64])]);
  assert.equal(kind, PacketKind.tcp);
  assert.equal(payloadOf(view), text);
});

test("captures of the same traffic do not complete each other's trains", () => {
  const decoder = new PacketDecoder(new AnomalyLog());
  const view = emptyPacketView();
  assert.equal(decoder.decode(fragment4([0, 64]), 0, view), PacketKind.other);
  assert.equal(decoder.decode(fragment4([64, end]), 1, view), PacketKind.other);
  assert.equal(decoder.decode(fragment4([64, end]), 0, view), PacketKind.tcp);
  assert.equal(decoder.decode(fragment4([0, 64]), 1, view), PacketKind.tcp);
  assert.equal(view.packet, 2 ** 32 + 7007);
});

test("late copies of a completed train are no loss", () => {
  const frames = [fragment4([0, 64]), fragment4([0, 64]), fragment4([64, end]), fragment4([64, end])];
  assert.deepEqual(decodeFrames(frames, true).codes, []);
});

test("fragments cut by the snaplen give as much as comes before the first cut", () => {
  const headers = 14 + 20;
  const { kind, view } = decodeFrames([
    fragment4([0, 400], { capturedLength: headers + 100 }),
    fragment4([400, end], { capturedLength: headers + 50 }),
  ]);
  assert.equal(kind, PacketKind.tcp);
  assert.equal(view.payloadLength, text.length);
  assert.equal(payloadOf(view), text.slice(0, 80));
});

test("a datagram can not be larger than 65535 bytes", () => {
  const { kind, codes } = decodeFrames([
    frameOf(ethernet(0x0800, ipv4({ fragmentOffset: 65528 }, zeros(100)))),
    frameOf(ethernet(0x86dd, ipv6({ next: 44 }, fragmentHeader(6, 65528, false, 1, zeros(100))))),
  ]);
  assert.equal(kind, PacketKind.other);
  assert.deepEqual(codes, ["fragment-oversize"]);
});

test("fragments that break the rules are refused", () => {
  const wrong: readonly Frame[][] = [
    [frameOf(ethernet(0x0800, ipv4({ moreFragments: true }, zeros(63))))],
    [frameOf(ethernet(0x0800, ipv4({ fragmentOffset: 64 }, [])))],
    [fragment4([64, end]), frameOf(ethernet(0x0800, ipv4({ id: 9, fragmentOffset: 8 }, zeros(8))))],
    [
      fragment4([64, end]),
      frameOf(ethernet(0x0800, ipv4({ id: 9, fragmentOffset: 800, moreFragments: true }, zeros(8)))),
    ],
    [fragment4([400, 408]), frameOf(ethernet(0x0800, ipv4({ id: 9, fragmentOffset: 8 }, zeros(8))))],
  ];
  for (const frames of wrong) {
    const { kind, codes } = decodeFrames(frames);
    assert.equal(kind, PacketKind.other);
    assert.deepEqual(codes, ["fragment-malformed"]);
  }
});

test("extension headers that were fragmented themselves", () => {
  const payload = extension(60, extension(6, segment, 20));
  const { kind, view, codes } = decodeFrames([
    fragment6([80, payload.length], {}, payload, 0),
    fragment6([0, 80], {}, payload, 0),
  ]);
  assert.equal(kind, PacketKind.tcp);
  assert.equal(payloadOf(view), text);
  assert.deepEqual(codes, []);
});

test("a fragmented tunnel whose packet is a fragment as well", () => {
  const inner = [
    ipv4({ id: 1, moreFragments: true }, segment.slice(0, 400)),
    ipv4({ id: 1, fragmentOffset: 400 }, segment.slice(400)),
  ];
  const frames = inner.flatMap((packet, i) => [
    frameOf(ethernet(0x0800, ipv4({ protocol: 4, id: 50 + i, moreFragments: true }, packet.slice(0, 200)))),
    frameOf(ethernet(0x0800, ipv4({ protocol: 4, id: 50 + i, fragmentOffset: 200 }, packet.slice(200)))),
  ]);
  const { kind, view } = decodeFrames(frames);
  assert.equal(kind, PacketKind.tcp);
  assert.equal(payloadOf(view), text);
});

test("a fragmented ICMP error", () => {
  const message = icmp(3, 1, zeros(4), ipv4({}, tcp({ sequence: 5 }, text)));
  const { kind, view } = decodeFrames([
    frameOf(ethernet(0x0800, ipv4({ protocol: 1, moreFragments: true }, message.slice(0, 16)))),
    frameOf(ethernet(0x0800, ipv4({ protocol: 1, fragmentOffset: 16 }, message.slice(16)))),
  ]);
  assert.equal(kind, PacketKind.icmpError);
  assert.equal(view.quotedSequence, 5);
});

test("fragments of UDP are not collected", () => {
  const { codes } = decodeFrames(
    [frameOf(ethernet(0x0800, ipv4({ protocol: 17, moreFragments: true }, ascii("x".repeat(64)))))],
    true,
  );
  assert.deepEqual(codes, []);
});
