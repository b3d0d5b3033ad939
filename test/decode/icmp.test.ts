import assert from "node:assert/strict";
import { test } from "node:test";
import { PacketKind, type PacketView } from "../../src/decode/packet-view.ts";
import {
  type Bytes,
  clientIpv4,
  clientIpv6,
  decode,
  ethernet,
  extension,
  fragmentHeader,
  icmp,
  ipv4,
  ipv6,
  serverIpv4,
  serverIpv6,
  tcp,
  u16,
  u32,
  zeros,
} from "./frame-bytes.ts";

const router4 = [203, 0, 113, 1];
const segment = tcp({ sourcePort: 50000, destinationPort: 60000, sequence: 0xf0000001 });
const v4 = (message: Bytes): Bytes =>
  ethernet(0x0800, ipv4({ protocol: 1, source: router4, destination: clientIpv4, ttl: 250 }, message));
const v6 = (message: Bytes): Bytes => ethernet(0x86dd, ipv6({ next: 58, hopLimit: 250 }, message));

function facts(view: PacketView): object {
  const length = view.ipVersion === 4 ? 4 : 16;
  const address = (at: number) => [...view.bytes.slice(at, at + length)];
  return {
    type: view.icmpType,
    code: view.icmpCode,
    mtu: view.icmpMtu,
    source: address(view.quotedSourceAt),
    destination: address(view.quotedDestinationAt),
    ports: [view.quotedSourcePort, view.quotedDestinationPort],
    sequence: view.quotedSequence,
  };
}

const quote4 = {
  mtu: 0,
  source: [...clientIpv4],
  destination: [...serverIpv4],
  ports: [50000, 60000],
  sequence: 0xf0000001,
};
const quote6 = { ...quote4, source: [...clientIpv6], destination: [...serverIpv6] };

const errors4: readonly [type: number, code: number, rest: Bytes, mtu: number][] = [
  [3, 1, zeros(4), 0],
  [3, 13, zeros(4), 0],
  [3, 4, [0, 0, ...u16(1400)], 1400],
  [3, 3, [0, 0, ...u16(1400)], 0], // these bytes are an MTU with code 4 only
  [11, 0, zeros(4), 0],
  [12, 4, [0, 0, ...u16(1400)], 0],
  [12, 0, [20, 0, 0, 0], 0],
];

for (const [type, code, rest, mtu] of errors4)
  test(`ICMP ${type}/${code}, the quoted segment whole, or 8 bytes of it`, () => {
    for (const quoted of [ipv4({}, segment), ipv4({}, segment).slice(0, 28)]) {
      const { kind, view, codes } = decode(v4(icmp(type, code, rest, quoted)));
      assert.equal(kind, PacketKind.icmpError);
      assert.deepEqual(facts(view), { ...quote4, type, code, mtu });
      assert.deepEqual([...view.bytes.slice(view.sourceAt, view.sourceAt + 4)], router4);
      assert.equal(view.ttl, 250);
      assert.deepEqual(codes, []);
    }
  });

const errors6: readonly [type: number, code: number, rest: Bytes, mtu: number][] = [
  [1, 4, zeros(4), 0],
  [2, 0, u32(1280), 1280],
  [2, 0, u32(0xffffffff), 0xffffffff],
  [3, 0, zeros(4), 0],
  [4, 1, u32(40), 0],
];

for (const [type, code, rest, mtu] of errors6)
  test(`ICMPv6 ${type}/${code}`, () => {
    const { kind, view, codes } = decode(v6(icmp(type, code, rest, ipv6({}, segment))));
    assert.equal(kind, PacketKind.icmpError);
    assert.deepEqual(facts(view), { ...quote6, type, code, mtu });
    assert.deepEqual(codes, []);
  });

test("a quoted IPv4 header with options", () => {
  const { kind, view } = decode(v4(icmp(3, 1, zeros(4), ipv4({ options: [1, 1, 1, 1, 1, 1, 1, 0] }, segment))));
  assert.equal(kind, PacketKind.icmpError);
  assert.deepEqual(facts(view), { ...quote4, type: 3, code: 1 });
});

test("quoted extension headers, and the first of several fragments", () => {
  const quotes = [
    ipv6({ next: 0 }, extension(60, extension(6, segment))),
    ipv6({ next: 44 }, fragmentHeader(6, 0, true, 5, segment)),
  ];
  for (const quoted of quotes) {
    const { kind, view } = decode(v6(icmp(1, 1, zeros(4), quoted)));
    assert.equal(kind, PacketKind.icmpError);
    assert.deepEqual(facts(view), { ...quote6, type: 1, code: 1 });
  }
});

test("an error in a tunnel", () => {
  const inner = ipv4({ protocol: 1, source: router4 }, icmp(3, 1, zeros(4), ipv4({}, segment)));
  const { kind, view } = decode(ethernet(0x0800, ipv4({ protocol: 4 }, inner)));
  assert.equal(kind, PacketKind.icmpError);
  assert.deepEqual(facts(view), { ...quote4, type: 3, code: 1 });
});

const rejected: readonly [what: string, frame: Bytes, anomaly?: string][] = [
  ["echo", v4(icmp(8, 0, zeros(4), zeros(56)))],
  ["redirect", v4(icmp(5, 1, router4, ipv4({}, segment)))],
  ["source quench", v4(icmp(4, 0, zeros(4), ipv4({}, segment)))],
  ["echo in IPv6", v6(icmp(128, 0, zeros(4), zeros(56)))],
  ["neighbour solicitation", v6(icmp(135, 0, zeros(4), zeros(16)))],
  ["type 0 in IPv6", v6(icmp(0, 0, zeros(4), ipv6({}, segment)))],
  ["quoted UDP", v4(icmp(3, 3, zeros(4), ipv4({ protocol: 17 }, zeros(30))))],
  ["quoted UDP in IPv6", v6(icmp(1, 4, zeros(4), ipv6({ next: 17 }, zeros(30))))],
  ["a quoted later fragment", v4(icmp(11, 1, zeros(4), ipv4({ fragmentOffset: 1480 }, segment)))],
  [
    "a quoted later fragment in IPv6",
    v6(icmp(3, 1, zeros(4), ipv6({ next: 44 }, fragmentHeader(6, 8, false, 1, segment)))),
  ],
  ["7 quoted bytes", v4(icmp(3, 1, zeros(4), ipv4({}, segment).slice(0, 27))), "icmp-header-malformed"],
  ["a quoted packet of another version", v4(icmp(3, 1, zeros(4), ipv6({}, segment))), "icmp-header-malformed"],
  [
    "a quoted IPv4 packet in IPv6",
    v6(icmp(1, 1, zeros(4), ipv4({}, [...segment, ...segment]))),
    "icmp-header-malformed",
  ],
  ["a message of 7 bytes", v4([3, 1, 0, 0, 0, 0, 0]), "icmp-header-malformed"],
  ["no quoted packet", v6(icmp(1, 1, zeros(4), [])), "icmp-header-malformed"],
  [
    "a quoted extension header that leaves the quote",
    v6(icmp(1, 1, zeros(4), ipv6({ next: 0 }, [6, 200, ...segment]))),
    "icmp-header-malformed",
  ],
];

for (const [what, frame, anomaly] of rejected) {
  test(`passes over ${what}`, () => {
    const { kind, codes } = decode(frame);
    assert.equal(kind, PacketKind.other);
    assert.deepEqual(codes, anomaly === undefined ? [] : [anomaly]);
  });
}

test("a quote cut by the snaplen", () => {
  const { kind, codes } = decode(v4(icmp(3, 1, zeros(4), ipv4({}, segment))), { capturedLength: 14 + 20 + 8 + 27 });
  assert.equal(kind, PacketKind.other);
  assert.deepEqual(codes, ["icmp-header-cut"]);
});
