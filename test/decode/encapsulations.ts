import { type Bytes, ethernet, ipv4, ipv6, tcp, u16, u32, udp, vlan, zeros } from "./frame-bytes.ts";

/**
 * One segment in every link type and tunnel that is read: what we make of each, and what tshark makes of the same bytes. The segment goes
 * from 192.0.2.10 or 2001:db8::10, port 40000, to 198.51.100.21 or 2001:db8::21, port 21, with sequence number 0xfedcba98, as
 * `frame-bytes.ts` writes it; the packets around it have other addresses.
 */

export const TEXT = "220 ready\r\n";
const segment = tcp({}, TEXT);
const v4 = ipv4({ id: 77, ttl: 5 }, segment);
const v6 = ipv6({ hopLimit: 5 }, segment);
const OUTER = { source: [10, 0, 0, 1], destination: [10, 0, 0, 2] } as const;
const outer = (protocol: number, payload: Bytes) => ethernet(0x0800, ipv4({ ...OUTER, protocol }, payload));
const outer6 = (next: number, payload: Bytes) => ethernet(0x86dd, ipv6({ next }, payload));
const tunnel = (port: number, payload: Bytes) => outer(17, udp(50_000, port, payload));

const little16 = (value: number): Bytes => [value & 0xff, value >> 8];
const little32 = (value: number): Bytes => [...little16(value & 0xffff), ...little16(value >>> 16)];
const snap = (type: number, payload: Bytes): Bytes => [0xaa, 0xaa, 3, 0, 0, 0, ...u16(type), ...payload];
const ppp = (payload: Bytes): Bytes => [0xff, 3, ...u16(0x0021), ...payload];
const pppoe = (protocol: number, payload: Bytes): Bytes => [
  0x11,
  0,
  ...u16(7),
  ...u16(payload.length + 2),
  ...u16(protocol),
  ...payload,
];
const gre = (flags: number, type: number, payload: Bytes) => outer(47, [...u16(flags), ...u16(type), ...payload]);
const bottomLabel = u32(0x0006413f);
/** tshark looks for addresses of known vendors where nothing else tells Ethernet. */
const vendorsEthernet: Bytes = [0, 0, 0x0c, 1, 2, 3, 0, 0, 0x0c, 4, 5, 6, ...u16(0x0800), ...v4];
const cooked = (type: number, payload: Bytes): Bytes => [
  ...u16(0),
  ...u16(1),
  ...u16(6),
  ...zeros(8),
  ...u16(type),
  ...payload,
];
const cooked2 = (type: number, payload: Bytes): Bytes => [
  ...u16(type),
  ...zeros(2),
  ...u32(3),
  ...u16(1),
  0,
  6,
  ...zeros(8),
  ...payload,
];
/** Frame control, duration, three addresses, sequence control; more by the flags. */
const wireless = (control: number, flags: number, more: Bytes, payload: Bytes): Bytes => [
  control,
  flags,
  ...u16(0),
  2,
  ...zeros(5),
  4,
  ...zeros(5),
  6,
  ...zeros(5),
  ...u16(0x1000),
  ...more,
  ...snap(0x0800, payload),
];
const dataFrame = wireless(0x08, 0x01, [], v4);
/** With the fields that the bits of `present` promise. */
const radiotap = (present: number, fields: Bytes, frame: Bytes): Bytes => [
  0,
  0,
  ...little16(8 + fields.length),
  ...little32(present),
  ...fields,
  ...frame,
];
const ppi = (linkType: number, fields: Bytes, frame: Bytes): Bytes => [
  0,
  0,
  ...little16(8 + fields.length),
  ...little32(linkType),
  ...fields,
  ...frame,
];
/** 802.11-Common of PPI: timer, flags, rate, channel, channel flags, FHSS, signal, noise. */
const ppiCommon = (flags: number): Bytes => [
  ...little16(2),
  ...little16(20),
  ...zeros(8),
  ...little16(flags),
  ...zeros(10),
];
const attribute = (type: number, value: Bytes): Bytes => [
  ...little16(4 + value.length),
  ...little16(type),
  ...value,
  ...zeros(-value.length & 3),
];
/** pflog of OpenBSD 3.4 … 5: 61 bytes and padding; a rule number, interface and so on are of no use here. */
const pflog = (family: number, payload: Bytes): Bytes => [61, family, 0, 0, ...zeros(60), ...payload];
const checkSequence: Bytes = [0xde, 0xad, 0xbe, 0xef];
const vxlan: Bytes = [0x08, 0, 0, 0, 0, 0, 9, 0];
/** G-PDU: flags, message, length, tunnel. */
const gtp = (flags: number, optional: Bytes, payload: Bytes) =>
  tunnel(2152, [0x30 | flags, 255, ...u16(optional.length + payload.length), ...u32(9), ...optional, ...payload]);

const ETHERNET = 1;

/** What an L2TPv3 session carries, and with how long a cookie, is said by control messages. */
const L2TP_ETHERNET = ["-d", "l2tp.pw_type==0,eth"] as const;

/** One way to carry the segment. */
export interface Encapsulation {
  readonly what: string;
  readonly linkType: number;
  readonly frame: Bytes;
  readonly version: 4 | 6;
  /** What tshark has to be told, since the packet does not say it. */
  readonly tsharkOptions?: readonly string[];
  /** Why tshark does not get as far. */
  readonly unseenByTshark?: string;
}

const row = (what: string, linkType: number, frame: Bytes, version: 4 | 6 = 4): Encapsulation => ({
  what,
  linkType,
  frame,
  version,
});

/** Every link type and tunnel that is read. */
export const ENCAPSULATIONS: readonly Encapsulation[] = [
  row("BSD loopback", 0, [...little32(2), ...v4]),
  row("BSD loopback, IPv6", 0, [...little32(30), ...v6], 6),
  row("Ethernet", ETHERNET, ethernet(0x0800, v4)),
  row("Ethernet, IPv6", ETHERNET, ethernet(0x86dd, v6), 6),
  row("VLAN", ETHERNET, ethernet(0x8100, vlan(0x0800, v4))),
  row("VLAN in VLAN", ETHERNET, ethernet(0x88a8, vlan(0x8100, vlan(0x0800, v4)))),
  row("VN-tag", ETHERNET, ethernet(0x8926, [...u32(0x80010000), ...u16(0x8100), ...vlan(0x0800, v4)])),
  row("802.3 with LLC and SNAP", ETHERNET, ethernet(8 + v4.length, snap(0x0800, v4))),
  row("802.3 with LLC", ETHERNET, ethernet(3 + v4.length, [6, 6, 3, ...v4])),
  row("PPPoE", ETHERNET, ethernet(0x8864, pppoe(0x0021, v4))),
  row("PPPoE, IPv6", ETHERNET, ethernet(0x8864, pppoe(0x0057, v6)), 6),
  row("MPLS", ETHERNET, ethernet(0x8847, [...bottomLabel, ...v4])),
  row("MPLS, two labels, IPv6", ETHERNET, ethernet(0x8847, [...u32(0x00064040), ...bottomLabel, ...v6]), 6),
  row("Ethernet pseudowire in MPLS", ETHERNET, ethernet(0x8847, [...bottomLabel, ...u32(0), ...vendorsEthernet])),
  row("MPLS in PPP", 9, [0xff, 3, ...u16(0x0281), ...bottomLabel, ...v4]),
  row("PPP", 9, ppp(v4)),
  row("FDDI", 10, [0x57, ...zeros(12), ...snap(0x0800, v4)]),
  row("PPP in HDLC framing", 50, ppp(v4)),
  row("Cisco HDLC by its address", 50, [0x0f, 0, ...u16(0x0800), ...v4]),
  row("PPPoE as link type", 51, pppoe(0x0021, v4)),
  row("raw IP", 101, v4),
  row("raw IP, IPv6", 101, v6, 6),
  row("Cisco HDLC", 104, [0x0f, 0, ...u16(0x0800), ...v4]),
  row("Cisco HDLC, IPv6", 104, [0x0f, 0, ...u16(0x86dd), ...v6], 6),
  row("802.11", 105, dataFrame),
  row("802.11, QoS", 105, wireless(0x88, 0x02, [0, 0], v4)),
  row("802.11, between access points", 105, wireless(0x08, 0x03, [8, 0, 0, 0, 0, 0], v4)),
  row("802.11, QoS with HT control", 105, wireless(0x88, 0x81, [0, 0, ...zeros(4)], v4)),
  row("OpenBSD loopback", 108, [...u32(2), ...v4]),
  row("Linux cooked", 113, cooked(0x0800, v4)),
  row("Linux cooked with a VLAN tag", 113, cooked(0x8100, vlan(0x86dd, v6)), 6),
  row("pflog", 117, pflog(2, v4)),
  row("pflog, IPv6", 117, pflog(24, v6), 6),
  row("radiotap", 127, radiotap(0, [], dataFrame)),
  row(
    "radiotap, timer, flags, check sequence",
    127,
    radiotap(3, [...zeros(8), 0x10], [...dataFrame, ...checkSequence]),
  ),
  row("radiotap, padding behind the 802.11 header", 127, radiotap(2, [0x20], wireless(0x88, 0x01, [0, 0, 0, 0], v4))),
  row(
    "radiotap with further words of what is present",
    127,
    radiotap(0x8000_0002, [...little32(0), 0x10], [...dataFrame, ...checkSequence]),
  ),
  row("PPI", 192, ppi(105, ppiCommon(0), dataFrame)),
  row("PPI with a check sequence", 192, ppi(105, ppiCommon(1), [...dataFrame, ...checkSequence])),
  row("PPP with direction", 204, [1, ...ppp(v4)]),
  {
    ...row("Cisco HDLC with direction", 205, [1, 0x0f, 0, ...u16(0x0800), ...v4]),
    unseenByTshark: "it does not know the link type",
  },
  { ...row("MPLS as link type", 219, [...bottomLabel, ...v4]), unseenByTshark: "it does not know the link type" },
  row("IPv4", 228, v4),
  row("IPv6", 229, v6, 6),
  row("NFLOG", 239, [2, 0, 0, 5, ...attribute(10, [65, 0]), ...attribute(9, v4)]),
  row("Linux cooked v2", 276, cooked2(0x0800, v4)),
  row("Linux cooked v2, IPv6", 276, cooked2(0x86dd, v6), 6),

  row("IPv4 in IPv4", ETHERNET, outer(4, v4)),
  row("6in4", ETHERNET, outer(41, v6), 6),
  row("IPv4 in IPv6", ETHERNET, outer6(4, v4)),
  row("GRE, IPv4", ETHERNET, gre(0, 0x0800, v4)),
  row("GRE, IPv6", ETHERNET, gre(0, 0x86dd, v6), 6),
  row("GRE, Ethernet", ETHERNET, gre(0, 0x6558, ethernet(0x0800, v4))),
  row("GRE, MPLS", ETHERNET, gre(0, 0x8847, [...bottomLabel, ...v4])),
  row("GRE in IPv6, checksum, key and sequence", ETHERNET, outer6(47, [...u32(0xb0000800), ...zeros(12), ...v4])),
  row("PPTP", ETHERNET, gre(0x3081, 0x880b, [...u16(ppp(v4).length), ...zeros(10), ...ppp(v4)])),
  row("ERSPAN I", ETHERNET, gre(0, 0x88be, ethernet(0x0800, v4))),
  row("ERSPAN II", ETHERNET, gre(0x1000, 0x88be, [...u32(1), 0x10, 1, ...zeros(6), ...ethernet(0x0800, v4)])),
  row("ERSPAN III", ETHERNET, gre(0x1000, 0x22eb, [...u32(1), 0x20, 1, ...zeros(10), ...ethernet(0x0800, v4)])),
  row(
    "ERSPAN III with its subheader",
    ETHERNET,
    gre(0x1000, 0x22eb, [...u32(1), 0x20, 1, ...zeros(9), 1, ...zeros(8), ...ethernet(0x86dd, v6)]),
    6,
  ),
  row("VXLAN", ETHERNET, tunnel(4789, [...vxlan, ...ethernet(0x0800, v4)])),
  {
    ...row("VXLAN on the port of old Linux", ETHERNET, tunnel(8472, [...vxlan, ...ethernet(0x0800, v4)])),
    tsharkOptions: ["-d", "udp.port==8472,vxlan"],
  },
  row("VXLAN-GPE", ETHERNET, tunnel(4790, [0x0c, 0, 0, 2, 0, 0, 9, 0, ...v6]), 6),
  row("Geneve, Ethernet", ETHERNET, tunnel(6081, [0, 0, ...u16(0x6558), ...zeros(4), ...ethernet(0x0800, v4)])),
  row(
    "Geneve, IPv6, an option",
    ETHERNET,
    tunnel(6081, [2, 0, ...u16(0x86dd), ...zeros(4), ...u16(0x0102), 3, 1, ...zeros(4), ...v6]),
    6,
  ),
  row("GTP-U", ETHERNET, gtp(0, [], v4)),
  row("GTP-U, sequence number, IPv6", ETHERNET, gtp(2, [...u16(1), 0, 0], v6), 6),
  row("GTP-U, PDU session container", ETHERNET, gtp(4, [...u16(0), 0, 0x85, 1, 0, 9, 0], v4)),
  row("L2TPv2", ETHERNET, tunnel(1701, [...u16(0x0002), ...u16(1), ...u16(2), ...ppp(v4)])),
  row(
    "L2TPv2, length, sequence and offset",
    ETHERNET,
    tunnel(1701, [
      ...u16(0x4a02),
      ...u16(16 + ppp(v4).length),
      ...u32(0x00010002),
      ...u32(0x00050006),
      ...u16(2),
      ...zeros(2),
      ...ppp(v4),
    ]),
  ),
  {
    ...row("L2TPv3 in IP, Ethernet", ETHERNET, outer(115, [...u32(77), ...ethernet(0x0800, v4)])),
    tsharkOptions: L2TP_ETHERNET,
  },
  {
    ...row("L2TPv3 in IP, cookie", ETHERNET, outer(115, [...u32(77), ...u32(0x12345678), ...ethernet(0x0800, v4)])),
    tsharkOptions: [...L2TP_ETHERNET, "-o", "l2tp.cookie_size:4 Byte Cookie"],
  },
  {
    ...row(
      "L2TPv3 in IP, cookie and sublayer",
      ETHERNET,
      outer(115, [...u32(77), ...u32(0x12345678), ...u32(0x40000001), ...ethernet(0x86dd, v6)]),
      6,
    ),
    tsharkOptions: [
      ...L2TP_ETHERNET,
      "-o",
      "l2tp.cookie_size:4 Byte Cookie",
      "-o",
      "l2tp.l2_specific:Default L2-Specific",
    ],
  },
  {
    ...row(
      "L2TPv3 in UDP, Ethernet",
      ETHERNET,
      tunnel(1701, [...u16(0x0003), ...u16(0), ...u32(77), ...ethernet(0x0800, v4)]),
    ),
    tsharkOptions: L2TP_ETHERNET,
  },
];
