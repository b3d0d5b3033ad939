import assert from "node:assert/strict";
import { test } from "node:test";
import { isReadableLinkType } from "../../src/decode/link.ts";
import { PacketKind } from "../../src/decode/packet-view.ts";
import { ENCAPSULATIONS } from "./encapsulations.ts";
import {
  type Bytes,
  decode,
  ethernet,
  ipv4,
  ipv6,
  payloadOf,
  tcp,
  tcpFacts,
  u16,
  u32,
  vlan,
  zeros,
} from "./frame-bytes.ts";

const ip4 = ipv4({}, tcp({}, "220 ready"));
const ip6 = ipv6({}, tcp({}, "220 ready"));
const snap = (type: number, payload: Bytes): Bytes => [0xaa, 0xaa, 3, 0, 0, 0, ...u16(type), ...payload];
const pppoe = (protocol: number, payload: Bytes): Bytes => [
  0x11,
  0,
  ...u16(1),
  ...u16(payload.length + 2),
  ...u16(protocol),
  ...payload,
];
const cooked = (type: number, payload: Bytes, arphrd = 1): Bytes => [
  ...u16(0),
  ...u16(arphrd),
  ...u16(6),
  ...zeros(8),
  ...u16(type),
  ...payload,
];
const cooked2 = (type: number, payload: Bytes, arphrd = 1): Bytes => [
  ...u16(type),
  ...zeros(2),
  ...u32(3),
  ...u16(arphrd),
  0,
  6,
  ...zeros(8),
  ...payload,
];
const little = (value: number): Bytes => [...u32(value)].reverse();
/** An attribute of NFLOG in the writer's byte order. */
const attribute = (order: "little" | "big", type: number, value: Bytes): Bytes => {
  const word = (n: number) => (order === "big" ? u16(n) : [...u16(n)].reverse());
  return [...word(4 + value.length), ...word(type), ...value, ...zeros((4 - (value.length % 4)) % 4)];
};

const frames: readonly [what: string, linkType: number, frame: Bytes][] = [
  ["NULL, little endian", 0, [...little(2), ...ip4]],
  ["NULL, big endian", 0, [...u32(2), ...ip4]],
  ["NULL, IPv6 of Linux", 0, [...little(10), ...ip6]],
  ["NULL, IPv6 of Windows", 0, [...little(23), ...ip6]],
  ["NULL, IPv6 of OpenBSD", 0, [...u32(24), ...ip6]],
  ["NULL, IPv6 of FreeBSD", 0, [...little(28), ...ip6]],
  ["NULL, IPv6 of macOS", 0, [...little(30), ...ip6]],
  ["NULL with an EtherType", 0, [0x0f, 0, ...u16(0x0800), ...ip4]],
  ["Ethernet, IPv4", 1, ethernet(0x0800, ip4)],
  ["Ethernet, IPv6", 1, ethernet(0x86dd, ip6)],
  ["802.1Q", 1, ethernet(0x8100, vlan(0x0800, ip4))],
  ["802.1ad", 1, ethernet(0x88a8, vlan(0x8100, vlan(0x86dd, ip6)))],
  ["QinQ of old", 1, ethernet(0x9100, vlan(0x8100, vlan(0x0800, ip4)))],
  ["QinQ of old, other", 1, ethernet(0x9200, vlan(0x9100, vlan(0x88a8, vlan(0x8100, vlan(0x0800, ip4)))))],
  ["802.3, LLC, SNAP", 1, ethernet(8 + ip4.length, snap(0x0800, ip4))],
  ["802.3, LLC, SNAP in a VLAN", 1, ethernet(0x8100, vlan(8 + ip6.length, snap(0x86dd, ip6)))],
  ["802.3, LLC with the SAP of IP", 1, ethernet(3 + ip4.length, [6, 6, 3, ...ip4])],
  ["PPPoE", 1, ethernet(0x8864, pppoe(0x0021, ip4))],
  ["PPPoE, IPv6 in a VLAN", 1, ethernet(0x8100, vlan(0x8864, pppoe(0x0057, ip6)))],
  ["MPLS", 1, ethernet(0x8847, [...u32(0x0006413f), ...ip4])],
  [
    "MPLS, three labels, IPv6",
    1,
    ethernet(0x8848, [...u32(0x00064040), ...u32(0x00065040), ...u32(0x0006613f), ...ip6]),
  ],
  ["MPLS in PPPoE", 1, ethernet(0x8864, pppoe(0x0281, [...u32(0x0006413f), ...ip4]))],
  ["PPP", 9, [0xff, 3, ...u16(0x0021), ...ip4]],
  ["PPP without address and control", 9, [...u16(0x0057), ...ip6]],
  ["PPP, protocol of one byte", 9, [0xff, 3, 0x21, ...ip4]],
  ["FDDI", 10, [0x57, ...zeros(12), ...snap(0x0800, ip4)]],
  ["RAW of old", 12, ip4],
  ["RAW of OpenBSD", 14, ip6],
  ["PPP_HDLC", 50, [0xff, 3, ...u16(0x0021), ...ip4]],
  ["PPP_HDLC, Cisco", 50, [0x0f, 0, ...u16(0x0800), ...ip4]],
  ["PPP_ETHER", 51, pppoe(0x0021, ip4)],
  ["RAW, IPv4", 101, ip4],
  ["RAW, IPv6", 101, ip6],
  ["C_HDLC", 104, [0x8f, 0, ...u16(0x86dd), ...ip6]],
  ["LOOP", 108, [...u32(2), ...ip4]],
  ["LOOP, IPv6", 108, [...u32(24), ...ip6]],
  ["LINUX_SLL", 113, cooked(0x0800, ip4)],
  ["LINUX_SLL, VLAN, IPv6", 113, cooked(0x8100, vlan(0x86dd, ip6))],
  ["LINUX_SLL, LLC", 113, cooked(4, snap(0x0800, ip4))],
  ["PFLOG", 117, [61, 2, ...zeros(62), ...ip4]],
  ["PPP_WITH_DIR", 204, [1, 0xff, 3, ...u16(0x0021), ...ip4]],
  ["IPV4", 228, ip4],
  ["IPV6", 229, ip6],
  ["NFLOG, little", 239, [2, 0, 0, 5, ...attribute("little", 10, [65, 0]), ...attribute("little", 9, ip4)]],
  ["NFLOG, big", 239, [10, 0, 0, 5, ...attribute("big", 1, [0, 0, 0, 0]), ...attribute("big", 9, ip6)]],
  ["LINUX_SLL2", 276, cooked2(0x0800, ip4)],
  ["LINUX_SLL2, IPv6", 276, cooked2(0x86dd, ip6)],
];

for (const [what, linkType, frame] of frames) {
  test(`reads ${what}`, () => {
    const { kind, view, codes } = decode(frame, { linkType });
    assert.equal(kind, PacketKind.tcp);
    assert.deepEqual(codes, []);
    const bare = decode(view.ipVersion === 4 ? ip4 : ip6, { linkType: 101 });
    assert.deepEqual(tcpFacts(view), tcpFacts(bare.view));
    assert.equal(payloadOf(view), "220 ready");
  });
}

const rejected: readonly [what: string, linkType: number, frame: Bytes, anomaly?: string][] = [
  ["ARP", 1, ethernet(0x0806, zeros(46))],
  ["a frame of 13 bytes", 1, zeros(13), "link-header-malformed"],
  ["LLC that is no SNAP", 1, ethernet(46, [0x42, 0x42, 3, ...zeros(43)])],
  ["SNAP of another organisation", 1, ethernet(46, [0xaa, 0xaa, 3, 0, 0, 0x0c, ...u16(0x0800), ...ip4])],
  [
    "a VLAN tag without end",
    1,
    ethernet(0x8100, new Array<Bytes>(40).fill([0, 1, 0x81, 0]).flat()),
    "link-header-malformed",
  ],
  ["labels without end", 1, ethernet(0x8847, zeros(200)), "link-header-malformed"],
  ["what is no IP under a label", 1, ethernet(0x8847, [...u32(0x0006413f), ...zeros(60)])],
  ["PPPoE discovery", 1, ethernet(0x8864, [0x11, 9, ...zeros(40)])],
  ["PPPoE of another version", 1, ethernet(0x8864, [0x21, 0, ...zeros(40)]), "link-header-malformed"],
  ["LCP", 9, [0xff, 3, ...u16(0xc021), ...zeros(20)]],
  ["another family", 108, [...u32(7), ...zeros(20)]],
  ["a family beyond reason", 108, [...u32(0x02000000), ...ip4], "link-header-malformed"],
  ["netlink", 113, cooked(0x0800, ip4, 824)],
  ["CAN", 276, cooked2(0x000c, zeros(16))],
  ["NFLOG without a packet", 239, [2, 0, 0, 5, ...attribute("little", 10, [65, 0])]],
  ["NFLOG with an attribute of no length", 239, [2, 0, 0, 5, ...zeros(20)], "link-header-malformed"],
  ["IPv6 where IPv4 is announced", 228, ip6, "ip-header-malformed"],
  ["a link type that is not read", 147, ip4],
];

for (const [what, linkType, frame, anomaly] of rejected) {
  test(`passes over ${what}`, () => {
    const { kind, codes } = decode(frame, { linkType });
    assert.equal(kind, PacketKind.other);
    assert.deepEqual(codes, anomaly === undefined ? [] : [anomaly]);
  });
}

test("says which link types are read", () => {
  const read = new Set([...frames.map(([, linkType]) => linkType), ...ENCAPSULATIONS.map(({ linkType }) => linkType)]);
  for (let linkType = 0; linkType < 400; linkType++) assert.equal(isReadableLinkType(linkType), read.has(linkType));
  assert.equal(isReadableLinkType(0x7fffffff), false);
  assert.equal(isReadableLinkType(-1), false);
});

test("says where a link header is broken", () => {
  const { anomalies } = decode(ethernet(0x8100, [0, 1]), { packetNumber: 12, originalLength: 60 });
  assert.deepEqual(anomalies, [
    {
      code: "link-header-cut",
      layer: "link",
      count: 1,
      first: { capture: 0, packet: 12, detail: "link header cut at offset 14 of the frame, 2 bytes present" },
    },
  ]);
});

test("a frame check sequence is no payload", () => {
  // The length of 0 of a segmentation offload leaves the frame's own length to say where the packet ends.
  for (const totalLength of [0, ip4.length]) {
    const frame = ethernet(0x0800, [...ipv4({ totalLength }, tcp({}, "220 ready")), 1, 2, 3, 4]);
    const { kind, view } = decode(frame, { fcsLength: 4 });
    assert.equal(kind, PacketKind.tcp);
    assert.equal(payloadOf(view), "220 ready");
    assert.equal(view.payloadLength, 9);
    // The same where the IP header claims more than the frame holds.
    const longer = decode(ethernet(0x0800, [...ipv4({ totalLength: 60 }, tcp({}, "220 ready")), 1, 2, 3, 4]), {
      fcsLength: 4,
    });
    assert.equal(payloadOf(longer.view), "220 ready");
    // Cut by the snaplen: what is left of the frame does not hold the frame check sequence any more.
    const cut = decode(frame, { fcsLength: 4, capturedLength: frame.length - 5 });
    assert.equal(payloadOf(cut.view), "220 read");
    assert.equal(cut.view.payloadLength, 9);
  }
});
