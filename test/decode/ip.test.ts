import assert from "node:assert/strict";
import { test } from "node:test";
import { PacketKind } from "../../src/decode/packet-view.ts";
import {
  type Bytes,
  clientIpv4,
  decode,
  ethernet,
  extension,
  fragmentHeader,
  ipv4,
  ipv6,
  payloadOf,
  serverIpv4,
  tcp,
  tcpFacts,
  u16,
  u32,
  udp,
  zeros,
} from "./frame-bytes.ts";

test("fills the fields of IPv4 and TCP", () => {
  const { kind, view } = decode(ethernet(0x0800, ipv4({ ttl: 57, id: 0xbeef }, tcp({ flags: 0xd1 }, "NOOP\r\n"))));
  assert.equal(kind, PacketKind.tcp);
  assert.deepEqual(tcpFacts(view), {
    ipVersion: 4,
    source: [...clientIpv4],
    destination: [...serverIpv4],
    ttl: 57,
    ipId: 0xbeef,
    ipLength: 46,
    sourcePort: 40000,
    destinationPort: 21,
    sequence: 0xfedcba98,
    acknowledgment: 0x89abcdef,
    flags: 0xd1,
    window: 502,
    options: [],
    payload: "NOOP\r\n",
    payloadLength: 6,
    packet: 7007,
    seconds: 1_700_000_000,
    nanoseconds: 123_456_789,
  });
});

test("the fast route and the general one agree", () => {
  const packets: readonly Bytes[] = [
    ipv4({}, tcp({}, "USER anonymous\r\n")),
    ipv4({ totalLength: 20_000 }, tcp({ options: [1, 1, 1, 0] }, "a mirror cut this")),
    ipv4({ totalLength: 0 }, tcp({}, "x".repeat(3000))),
    [...ipv4({}, tcp({ flags: 2 })), ...zeros(6)],
  ];
  for (const packet of packets)
    for (const cut of [0, 1, 4]) {
      const capturedLength = packet.length - cut;
      const general = decode(packet, { linkType: 101, capturedLength });
      const fast = decode(ethernet(0x0800, packet), { capturedLength: 14 + capturedLength });
      assert.equal(general.kind, PacketKind.tcp);
      assert.equal(fast.kind, PacketKind.tcp);
      assert.deepEqual(tcpFacts(fast.view), tcpFacts(general.view));
    }
});

test("packets of a later capture are told from those of the first", () => {
  const { view } = decode(ethernet(0x0800, ipv4({}, tcp({}))), { packetNumber: 4_000_000_000 });
  assert.equal(view.packet, 4_000_000_000);
});

test("padding of a short frame is no payload", () => {
  const { kind, view } = decode(ethernet(0x0800, [...ipv4({}, tcp({ flags: 16 })), ...zeros(6)]));
  assert.equal(kind, PacketKind.tcp);
  assert.equal(view.payloadLength, 0);
  assert.equal(view.payloadCaptured, 0);
  const six = decode(ethernet(0x86dd, [...ipv6({}, tcp({ flags: 16 })), ...zeros(6)]));
  assert.equal(six.view.payloadLength, 0);
});

test("a length of 0 is a packet that offload had yet to cut: the frame's length counts", () => {
  const payload = "x".repeat(70_000);
  for (const frame of [
    ethernet(0x0800, ipv4({ totalLength: 0 }, tcp({}, payload))),
    ethernet(0x86dd, ipv6({ payloadLength: 0 }, tcp({}, payload))),
    // with the Jumbo Payload option of RFC 2675
    ethernet(0x86dd, ipv6({ payloadLength: 0, next: 0 }, [6, 0, 0xc2, 4, ...u32(70_028), ...tcp({}, payload)])),
  ]) {
    const { kind, view, codes } = decode(frame, { capturedLength: 200 });
    assert.equal(kind, PacketKind.tcp);
    assert.equal(view.payloadLength, 70_000);
    assert.equal(view.payloadAt + view.payloadCaptured, 37 + 200);
    assert.equal(view.ipLength, frame.length - 14);
    assert.deepEqual(codes, []);
  }
});

test("a length beyond the frame's end is believed, but nothing is read there", () => {
  const { kind, view, codes } = decode(ethernet(0x0800, ipv4({ totalLength: 1500 }, tcp({}, "abc"))));
  assert.equal(kind, PacketKind.tcp);
  assert.equal(view.payloadLength, 1460);
  assert.equal(payloadOf(view), "abc");
  assert.deepEqual(codes, []);
});

test("options of IPv4", () => {
  const { kind, view } = decode(ethernet(0x0800, ipv4({ options: [0x94, 4, 0, 0, 1, 1, 1, 0] }, tcp({}, "LIST\r\n"))));
  assert.equal(kind, PacketKind.tcp);
  assert.equal(view.ipLength, 20 + 8 + 20 + 6);
  assert.equal(payloadOf(view), "LIST\r\n");
});

const authentication = (next: number, payload: Bytes): Bytes => [next, 4, ...zeros(22), ...payload];

test("extension headers of IPv6", () => {
  const segment = tcp({}, "EPSV\r\n");
  const chains: readonly [number, Bytes][] = [
    [0, extension(6, segment)],
    [0, extension(43, extension(60, extension(6, segment, 3), 5))],
    [60, extension(51, authentication(6, segment))],
    [44, fragmentHeader(6, 0, false, 1, segment)], // atomic, RFC 6946
    [135, extension(139, extension(140, extension(6, segment)))],
  ];
  for (const [next, payload] of chains) {
    const { kind, view, codes } = decode(ethernet(0x86dd, ipv6({ next, hopLimit: 9 }, payload)));
    assert.equal(kind, PacketKind.tcp);
    assert.equal(view.ipVersion, 6);
    assert.equal(view.ttl, 9);
    assert.equal(view.ipId, -1);
    assert.equal(view.ipLength, 40 + payload.length);
    assert.equal(payloadOf(view), "EPSV\r\n");
    assert.deepEqual(codes, []);
  }
});

test("AH in IPv4", () => {
  const { kind, view } = decode(ethernet(0x0800, ipv4({ protocol: 51 }, authentication(6, tcp({}, "PASV\r\n")))));
  assert.equal(kind, PacketKind.tcp);
  assert.equal(payloadOf(view), "PASV\r\n");
});

const segment = tcp({}, "226 done\r\n");
const gre = (flags: number, type: number, payload: Bytes): Bytes => [...u16(flags), ...u16(type), ...payload];
const inner4 = ipv4({ id: 77, ttl: 5 }, segment);
const inner6 = ipv6({ hopLimit: 5 }, segment);
const vxlan: Bytes = [0x08, 0, 0, 0, 0, 0, 9, 0];
const tunnels: readonly [what: string, packet: Bytes][] = [
  ["IPv4 in IPv4", ipv4({ protocol: 4 }, inner4)],
  ["IPv6 in IPv4", ipv4({ protocol: 41 }, inner6)],
  ["IPv4 in IPv6", ipv6({ next: 4 }, inner4)],
  ["IPv6 in IPv6", ipv6({ next: 41 }, inner6)],
  ["GRE", ipv4({ protocol: 47 }, gre(0, 0x0800, inner4))],
  ["GRE, checksum, key and sequence", ipv4({ protocol: 47 }, gre(0xb000, 0x86dd, [...zeros(12), ...inner6]))],
  ["GRE in IPv6", ipv6({ next: 47 }, gre(0x2000, 0x0800, [...zeros(4), ...inner4]))],
  ["bridged Ethernet in GRE", ipv4({ protocol: 47 }, gre(0, 0x6558, ethernet(0x8100, [0, 1, 8, 0, ...inner4])))],
  ["PPTP", ipv4({ protocol: 47 }, gre(0x3081, 0x880b, [...zeros(12), 0xff, 3, ...u16(0x21), ...inner4]))],
  ["ERSPAN I", ipv4({ protocol: 47 }, gre(0, 0x88be, ethernet(0x0800, inner4)))],
  ["ERSPAN II", ipv4({ protocol: 47 }, gre(0x1000, 0x88be, [...zeros(4 + 8), ...ethernet(0x0800, inner4)]))],
  ["ERSPAN III", ipv4({ protocol: 47 }, gre(0x1000, 0x22eb, [...zeros(4 + 12), ...ethernet(0x86dd, inner6)]))],
  [
    "ERSPAN III with its subheader",
    ipv4({ protocol: 47 }, gre(0x1000, 0x22eb, [...zeros(4 + 11), 1, ...zeros(8), ...ethernet(0x0800, inner4)])),
  ],
  ["VXLAN", ipv4({ protocol: 17 }, udp(5000, 4789, [...vxlan, ...ethernet(0x0800, inner4)]))],
  ["VXLAN in IPv6", ipv6({ next: 17 }, udp(5000, 4789, [...vxlan, ...ethernet(0x0800, inner4)]))],
  ["VXLAN-GPE", ipv4({ protocol: 17 }, udp(5000, 4790, [0x0c, 0, 0, 2, 0, 0, 9, 0, ...inner6]))],
  [
    "Geneve with options",
    ipv4({ protocol: 17 }, udp(5000, 6081, [2, 0, ...u16(0x6558), ...zeros(4 + 8), ...ethernet(0x0800, inner4)])),
  ],
  ["three layers", ipv4({ protocol: 4 }, ipv4({ protocol: 47 }, gre(0, 0x0800, inner4)))],
];

for (const [what, packet] of tunnels) {
  test(`${what}: the innermost packet counts`, () => {
    const { kind, view, codes } = decode(ethernet(packet[0] >> 4 === 4 ? 0x0800 : 0x86dd, packet));
    assert.equal(kind, PacketKind.tcp);
    assert.deepEqual(codes, []);
    const bare = decode(view.ipVersion === 4 ? inner4 : inner6, { linkType: 101 });
    assert.deepEqual(tcpFacts(view), tcpFacts(bare.view));
  });
}

test("a mirror that cuts packets leaves the sender's length", () => {
  const { kind, view } = decode(
    ethernet(0x0800, ipv4({ protocol: 17 }, udp(1, 4789, [...vxlan, ...ethernet(0x0800, inner4.slice(0, 45))]))),
  );
  assert.equal(kind, PacketKind.tcp);
  assert.equal(view.payloadLength, 10);
  assert.equal(payloadOf(view), "226 d");
});

const nested = (depth: number): Bytes => (depth === 0 ? inner4 : ipv4({ protocol: 4 }, nested(depth - 1)));

test("nesting has a limit", () => {
  assert.equal(decode(ethernet(0x0800, nested(3))).kind, PacketKind.tcp);
  const { kind, codes } = decode(ethernet(0x0800, nested(4)));
  assert.equal(kind, PacketKind.other);
  assert.deepEqual(codes, ["nesting-too-deep"]);
});

const rejected: readonly [what: string, type: number, packet: Bytes, anomaly?: string][] = [
  ["UDP", 0x0800, ipv4({ protocol: 17 }, udp(53, 53, zeros(30)))],
  ["UDP in IPv6", 0x86dd, ipv6({ next: 17 }, udp(53, 53, zeros(30)))],
  ["UDP that is too short", 0x0800, ipv4({ protocol: 17 }, zeros(4))],
  ["other traffic to the port of VXLAN", 0x0800, ipv4({ protocol: 17 }, udp(53, 4789, zeros(30)))],
  ["other traffic to the port of VXLAN-GPE", 0x0800, ipv4({ protocol: 17 }, udp(53, 4790, zeros(30)))],
  ["ESP", 0x0800, ipv4({ protocol: 50 }, zeros(40))],
  ["no next header", 0x86dd, ipv6({ next: 59 }, zeros(10))],
  ["ICMPv6 in IPv4", 0x0800, ipv4({ protocol: 58 }, zeros(60))],
  ["ICMP in IPv6", 0x86dd, ipv6({ next: 1 }, zeros(60))],
  ["GRE with source routes", 0x0800, ipv4({ protocol: 47 }, gre(0x4000, 0x0800, inner4))],
  ["a GRE keepalive", 0x0800, ipv4({ protocol: 47 }, gre(0, 0, []))],
  ["GRE cut by its packet", 0x0800, ipv4({ protocol: 47 }, gre(0x2000, 0x0800, [])), "ip-header-malformed"],
  ["version 5", 0x0800, [0x55, ...inner4.slice(1)], "ip-header-malformed"],
  ["IHL 4", 0x0800, [0x44, ...inner4.slice(1)], "ip-header-malformed"],
  ["a total length below the header's", 0x0800, ipv4({ totalLength: 19 }, segment), "ip-header-malformed"],
  ["IPv4 where IPv6 is announced", 0x86dd, inner4, "ip-header-malformed"],
  ["extension headers without end", 0x86dd, ipv6({ next: 0 }, zeros(400)), "ip-header-malformed"],
  [
    "an extension header that leaves the packet",
    0x86dd,
    ipv6({ next: 60 }, [6, 9, ...zeros(30)]),
    "ip-header-malformed",
  ],
];

for (const [what, type, packet, anomaly] of rejected) {
  test(`passes over ${what}`, () => {
    const { kind, codes } = decode(ethernet(type, packet));
    assert.equal(kind, PacketKind.other);
    assert.deepEqual(codes, anomaly === undefined ? [] : [anomaly]);
  });
}

test("a header cut by the snaplen is not called malformed", () => {
  assert.deepEqual(decode(ethernet(0x0800, inner4), { capturedLength: 30 }).codes, ["ip-header-cut"]);
  assert.deepEqual(decode(ethernet(0x86dd, inner6), { capturedLength: 30 }).codes, ["ip-header-cut"]);
  const withOptions = ethernet(0x0800, ipv4({ options: zeros(8) }, segment));
  assert.deepEqual(decode(withOptions, { capturedLength: 14 + 27 }).codes, ["ip-header-cut"]);
  assert.deepEqual(decode(ethernet(0x0800, inner4.slice(0, 16))).codes, ["ip-header-malformed"]);
});
