import { BOUNDS } from "../bounds.ts";
import { type LayerCursor, Stop, stopForShort, uint16 } from "./layer-cursor.ts";

/**
 * The link layer: from a LINKTYPE_ value and the frame's first byte to the EtherType of what it carries. A link type is one
 * row of {@link linkTypes}; tags and shims between link and network (VLAN, MPLS, PPPoE) are in {@link readEtherType}.
 *
 *     Ethernet          destination 6 · source 6 · EtherType or length 2
 *     VLAN tag          priority, DEI, VLAN id 2 · EtherType 2                     (behind a TPID as EtherType)
 *     LLC / SNAP        DSAP 1 · SSAP 1 · control 1 · OUI 3 · EtherType 2          (where the EtherType is a length)
 *     FDDI              frame control 1 · destination 6 · source 6 · LLC
 *     Linux cooked      packet type 2 · ARPHRD_ 2 · address length 2 · address 8 · EtherType 2
 *     Linux cooked v2   EtherType 2 · 0 2 · interface 4 · ARPHRD_ 2 · packet type 1 · address length 1 · address 8
 *     BSD loopback      address family 4
 *     PPP               address, control 2 (may be left out) · protocol 2 (1 when its first byte is odd)
 *     PPPoE session     version, type 1 · code 1 · session 2 · length 2 · PPP
 *     MPLS              label 20 bits · class 3 bits · bottom of stack 1 bit · TTL 8 bits
 *     VN-tag            direction, pointer, interfaces 4 · EtherType 2
 *     802.11            frame control 2 · duration 2 · addresses 18 · sequence 2 · [address 6] · [QoS 2] · [HT 4] · LLC
 *     radiotap          0 1 · pad 1 · length 2 · which fields there are 4 … · fields, then 802.11     (little endian)
 *     PPI               0 1 · flags 1 · length 2 · DLT_ value 4 · fields, then a frame of that type   (little endian)
 */

/** EtherTypes (IANA, IEEE 802 Numbers) that the decoder goes on with. */
export const EtherType = {
  ipv4: 0x0800,
  ipv6: 0x86dd,
  /** RFC 1701 Transparent Ethernet Bridging: an Ethernet frame follows. */
  ethernet: 0x6558,
  /** RFC 2637 section 4.1: PPP in GRE. */
  ppp: 0x880b,
  mpls: 0x8847,
  mplsMulticast: 0x8848,
  pppoeSession: 0x8864,
} as const;

/**
 * Reads a link header at `cursor.at` and moves the cursor behind it, and narrows it where the header tells of a trailer.
 * @returns the EtherType of what follows (of which only IPv4 and IPv6 are of use), or a {@link Stop}
 */
export type LinkDecoder = (cursor: LayerCursor) => number;

const maxShims = BOUNDS.shims.most;

/** Every link type that is read, by its LINKTYPE_ value. Source: www.tcpdump.org/linktypes.html, and what a row adds. */
const linkTypes = {
  0: readNull, // LINKTYPE_NULL
  1: readEthernet, // LINKTYPE_ETHERNET, IEEE 802.3
  9: readPppFrame, // LINKTYPE_PPP, RFC 1661 and RFC 1662
  10: readFddi, // LINKTYPE_FDDI, ISO 9314-2 and RFC 1188
  12: readRawIp, // DLT_RAW as most BSDs and libpcap before 2000 wrote it into files (pcap-common.c)
  14: readRawIp, // DLT_RAW as OpenBSD writes it into files (pcap-common.c)
  50: readPppHdlc, // LINKTYPE_PPP_HDLC, RFC 1662 or Cisco's framing, told apart by the first byte
  51: readPppoeFrame, // LINKTYPE_PPP_ETHER, RFC 2516
  101: readRawIp, // LINKTYPE_RAW
  104: readCiscoHdlc, // LINKTYPE_C_HDLC, RFC 1547 section 4.3.1
  105: readWireless, // LINKTYPE_IEEE802_11, IEEE 802.11-2020 section 9.2
  108: readLoop, // LINKTYPE_LOOP
  113: readLinuxCooked, // LINKTYPE_LINUX_SLL
  117: readPflog, // LINKTYPE_PFLOG, OpenBSD pflog(4)
  127: readRadiotap, // LINKTYPE_IEEE802_11_RADIOTAP, www.radiotap.org
  192: readPpi, // LINKTYPE_PPI, PPI Packet Header format 1.0.10 (CACE)
  204: readPppWithDirection, // LINKTYPE_PPP_WITH_DIR
  205: readCiscoHdlcWithDirection, // LINKTYPE_C_HDLC_WITH_DIR
  219: readMplsFrame, // LINKTYPE_MPLS
  228: readIpv4Only, // LINKTYPE_IPV4
  229: readIpv6Only, // LINKTYPE_IPV6
  239: readNflog, // LINKTYPE_NFLOG, www.tcpdump.org/linktypes/LINKTYPE_NFLOG.html
  276: readLinuxCooked2, // LINKTYPE_LINUX_SLL2
} as const satisfies Readonly<Record<number, LinkDecoder>>;

const decoderByLinkType: readonly (LinkDecoder | undefined)[] = Array.from(
  { length: Math.max(...Object.keys(linkTypes).map(Number)) + 1 },
  (_, linkType) => (linkTypes as Readonly<Record<number, LinkDecoder>>)[linkType],
);

/** The decoder for a LINKTYPE_ value; undefined when frames of that type are not read. */
export function linkDecoder(linkType: number): LinkDecoder | undefined {
  return decoderByLinkType[linkType];
}

/** Whether frames of a LINKTYPE_ value are read; all packets of other types are `other`. */
export function isReadableLinkType(linkType: number): boolean {
  return linkDecoder(linkType) !== undefined;
}

/** Ethernet II and IEEE 802.3, without preamble. */
function readEthernet(cursor: LayerCursor): number {
  if (cursor.end - cursor.at < 14) return stopForShort(cursor, 14);
  const typeOrLength = uint16(cursor.bytes, cursor.at + 12);
  cursor.at += 14;
  return readEtherType(cursor, typeOrLength);
}

/**
 * Goes on from an EtherType, with the cursor behind it, through VLAN tags (IEEE 802.1Q, 802.1ad and the older TPIDs of
 * stacked tags), MPLS (RFC 3032), PPPoE sessions (RFC 2516), PPP, bridged Ethernet and IEEE 802.2 LLC, in any order.
 * @returns the EtherType of the first that is none of these, or a {@link Stop}
 */
export function readEtherType(cursor: LayerCursor, first: number): number {
  let type = first;
  for (let shims = 0; shims < maxShims; shims++) {
    switch (type) {
      case EtherType.ipv4:
      case EtherType.ipv6:
        return type;
      case 0x8100: // IEEE 802.1Q
      case 0x88a8: // IEEE 802.1ad
      case 0x9100: // QinQ before 802.1ad
      case 0x9200:
        if (cursor.end - cursor.at < 4) return stopForShort(cursor, 4);
        type = uint16(cursor.bytes, cursor.at + 2);
        cursor.at += 4;
        break;
      case 0x8926: // VN-tag (draft of IEEE 802.1BR, Cisco fabric extenders)
        if (cursor.end - cursor.at < 6) return stopForShort(cursor, 6);
        type = uint16(cursor.bytes, cursor.at + 4);
        cursor.at += 6;
        break;
      case EtherType.mpls:
      case EtherType.mplsMulticast:
        type = readMpls(cursor);
        break;
      case EtherType.pppoeSession:
        type = readPppoe(cursor);
        break;
      case EtherType.ppp:
        type = readPpp(cursor);
        break;
      case EtherType.ethernet:
        if (cursor.end - cursor.at < 14) return stopForShort(cursor, 14);
        type = uint16(cursor.bytes, cursor.at + 12);
        cursor.at += 14;
        break;
      default:
        if (type > 1500 || type < 0) return type;
        type = readLlc(cursor);
        if (type >= 0 && type <= 1500) return Stop.notRead;
    }
  }
  return Stop.malformed;
}

/** IEEE 802.2 LLC, with SNAP (RFC 1042) or with IP's own SAP. */
function readLlc(cursor: LayerCursor): number {
  if (cursor.end - cursor.at < 3) return stopForShort(cursor, 3);
  const { bytes, at } = cursor;
  if (bytes[at] === 0x06 && bytes[at + 1] === 0x06) {
    cursor.at += 3;
    return EtherType.ipv4;
  }
  if (bytes[at] !== 0xaa || bytes[at + 1] !== 0xaa || bytes[at + 2] !== 0x03) return Stop.notRead;
  if (cursor.end - at < 8) return stopForShort(cursor, 8);
  // OUI 0 says EtherType (RFC 1042); 00-00-F8 is the same through a bridge tunnel (IEEE 802.1H).
  if (bytes[at + 3] !== 0 || bytes[at + 4] !== 0 || (bytes[at + 5] !== 0 && bytes[at + 5] !== 0xf8))
    return Stop.notRead;
  cursor.at += 8;
  return uint16(bytes, at + 6);
}

function readFddi(cursor: LayerCursor): number {
  if (cursor.end - cursor.at < 13) return stopForShort(cursor, 13);
  if ((cursor.bytes[cursor.at] & 0xf0) !== 0x50) return Stop.notRead; // station management, tokens
  cursor.at += 13;
  return readEtherType(cursor, 0);
}

/**
 * RFC 3032. What lies under the stack is not said; as routers do, the first nibble tells IP (RFC 4928). A nibble of 0 begins the control
 * word of a pseudowire (RFC 4385), and one with Ethernet in it is known by its EtherType (RFC 4448).
 */
function readMpls(cursor: LayerCursor): number {
  for (let labels = 0; labels < maxShims; labels++) {
    if (cursor.end - cursor.at < 4) return stopForShort(cursor, 4);
    const isBottom = (cursor.bytes[cursor.at + 2] & 1) !== 0;
    cursor.at += 4;
    if (!isBottom) continue;
    if (cursor.at < cursor.end && cursor.bytes[cursor.at] >> 4 === 0) {
      if (!looksLikeEthernet(cursor, cursor.at + 4)) return Stop.notRead;
      cursor.at += 4;
      return EtherType.ethernet;
    }
    return readRawIp(cursor);
  }
  return Stop.malformed;
}

function readMplsFrame(cursor: LayerCursor): number {
  return readEtherType(cursor, EtherType.mpls);
}

/** Whether what stands at `at` is Ethernet with IP or a VLAN tag in it: for headers that do not say what they carry. */
export function looksLikeEthernet({ bytes, end }: LayerCursor, at: number): boolean {
  if (end - at < 15) return false;
  switch (uint16(bytes, at + 12)) {
    case EtherType.ipv4:
      return bytes[at + 14] >> 4 === 4;
    case EtherType.ipv6:
      return bytes[at + 14] >> 4 === 6;
    case 0x8100:
    case 0x88a8:
      return true;
    default:
      return false;
  }
}

/** RFC 2516 section 4, session stage. */
function readPppoe(cursor: LayerCursor): number {
  if (cursor.end - cursor.at < 8) return stopForShort(cursor, 8);
  const { bytes, at } = cursor;
  if (bytes[at] !== 0x11) return Stop.malformed;
  if (bytes[at + 1] !== 0) return Stop.notRead; // discovery: no PPP inside
  cursor.at += 6;
  return readPppProtocol(cursor);
}

/** RFC 1662, with or without address and control (RFC 1661 section 6.6). */
function readPpp(cursor: LayerCursor): number {
  if (cursor.end - cursor.at < 2) return stopForShort(cursor, 2);
  if (cursor.bytes[cursor.at] === 0xff && cursor.bytes[cursor.at + 1] === 0x03) cursor.at += 2;
  return readPppProtocol(cursor);
}

/** RFC 1661 section 2: the protocol field, one byte when it is odd (section 6.5). */
function readPppProtocol(cursor: LayerCursor): number {
  if (cursor.end - cursor.at < 2) return stopForShort(cursor, 2);
  const { bytes, at } = cursor;
  const isCompressed = (bytes[at] & 1) === 1;
  const protocol = isCompressed ? bytes[at] : uint16(bytes, at);
  cursor.at += isCompressed ? 1 : 2;
  switch (protocol) {
    case 0x0021: // RFC 1332
      return EtherType.ipv4;
    case 0x0057: // RFC 5072
      return EtherType.ipv6;
    case 0x0281: // RFC 3032 section 4.3
      return EtherType.mpls;
    default:
      return Stop.notRead;
  }
}

function readPppFrame(cursor: LayerCursor): number {
  return readEtherType(cursor, EtherType.ppp);
}

function readPppoeFrame(cursor: LayerCursor): number {
  return readEtherType(cursor, EtherType.pppoeSession);
}

function readPppHdlc(cursor: LayerCursor): number {
  if (cursor.end - cursor.at < 1) return stopForShort(cursor, 1);
  const address = cursor.bytes[cursor.at];
  return address === 0x0f || address === 0x8f ? readCiscoHdlc(cursor) : readPppFrame(cursor);
}

function readPppWithDirection(cursor: LayerCursor): number {
  if (cursor.end - cursor.at < 1) return stopForShort(cursor, 1);
  cursor.at += 1;
  return readPppFrame(cursor);
}

/** Address (0x0f unicast, 0x8f broadcast), control, EtherType. */
function readCiscoHdlc(cursor: LayerCursor): number {
  if (cursor.end - cursor.at < 4) return stopForShort(cursor, 4);
  const type = uint16(cursor.bytes, cursor.at + 2);
  cursor.at += 4;
  return type > 1500 ? readEtherType(cursor, type) : Stop.notRead;
}

/** One byte says whether the frame was sent or received. */
function readCiscoHdlcWithDirection(cursor: LayerCursor): number {
  if (cursor.end - cursor.at < 1) return stopForShort(cursor, 1);
  cursor.at += 1;
  return readCiscoHdlc(cursor);
}

/**
 * An 802.11 data frame. What is encrypted, and a frame that is one piece of several, cannot be read; management and control frames carry
 * no IP. Of frames aggregated into one (A-MSDU) the first is read.
 * @param padded whether the header is followed by padding to a multiple of 4 bytes, as some adapters hand it over
 */
function readWireless(cursor: LayerCursor, padded = false): number {
  if (cursor.end - cursor.at < 24) {
    // Acknowledgments and the like are shorter, and no data.
    const isData = cursor.end > cursor.at && (cursor.bytes[cursor.at] & 0x0c) === 0x08;
    return isData ? stopForShort(cursor, 24) : Stop.notRead;
  }
  const { bytes, at } = cursor;
  const control = bytes[at];
  const flags = bytes[at + 1];
  const carriesData = (control & 0x4c) === 0x08;
  const isFragment = (flags & 0x04) !== 0 || (bytes[at + 22] & 0x0f) !== 0;
  if (!carriesData || isFragment || (flags & 0x40) !== 0) return Stop.notRead;
  const betweenAccessPoints = (flags & 0x03) === 0x03;
  let length = betweenAccessPoints ? 30 : 24;
  let isAggregate = false;
  if ((control & 0x80) !== 0) {
    if (cursor.end - at < length + 2) return stopForShort(cursor, length + 2);
    isAggregate = (bytes[at + length] & 0x80) !== 0;
    length += (flags & 0x80) !== 0 ? 6 : 2;
  }
  if (padded) length = (length + 3) & ~3;
  if (isAggregate) length += 14; // destination, source, length of the first
  if (cursor.end - at < length) return stopForShort(cursor, length);
  cursor.at += length;
  return readEtherType(cursor, 0);
}

/** The fields are in the order of their bits, each aligned to its size: of use is only the second, one byte of flags. */
function readRadiotap(cursor: LayerCursor): number {
  if (cursor.end - cursor.at < 8) return stopForShort(cursor, 8);
  const { bytes, at } = cursor;
  const headerLength = bytes[at + 2] | (bytes[at + 3] << 8);
  if (bytes[at] !== 0 || headerLength < 8) return Stop.malformed;
  if (cursor.end - at < headerLength) return stopForShort(cursor, headerLength);
  let fieldsAt = at + 8;
  while ((bytes[fieldsAt - 1] & 0x80) !== 0) {
    fieldsAt += 4;
    if (fieldsAt > at + headerLength) return Stop.malformed;
  }
  const hasTimer = (bytes[at + 4] & 1) !== 0;
  const hasFlags = (bytes[at + 4] & 2) !== 0;
  const flagsAt = hasTimer ? at + ((fieldsAt - at + 7) & ~7) + 8 : fieldsAt;
  const flags = hasFlags && flagsAt < at + headerLength ? bytes[flagsAt] : 0;
  cursor.at += headerLength;
  if ((flags & 0x10) !== 0) leaveOutCheckSequence(cursor);
  if ((flags & 0x40) !== 0) return Stop.notRead; // bad check sequence: not what was sent
  return readWireless(cursor, (flags & 0x20) !== 0);
}

/** A frame check sequence of 4 bytes at the end of the frame that the link header, not the capture, tells of. */
function leaveOutCheckSequence(cursor: LayerCursor): void {
  cursor.sentEnd = Math.max(cursor.at, cursor.sentEnd - 4);
  cursor.end = Math.min(cursor.end, cursor.sentEnd);
}

const ppiCommonField = 2; // 802.11-Common: timer 8 · flags 2 …

function readPpi(cursor: LayerCursor): number {
  if (cursor.end - cursor.at < 8) return stopForShort(cursor, 8);
  const { bytes, at } = cursor;
  const headerLength = bytes[at + 2] | (bytes[at + 3] << 8);
  if (bytes[at] !== 0 || headerLength < 8) return Stop.malformed;
  if (cursor.end - at < headerLength) return stopForShort(cursor, headerLength);
  const linkType = bytes[at + 4] | (bytes[at + 5] << 8) | (bytes[at + 6] << 16) | (bytes[at + 7] << 24);
  // A PPI header in a PPI header would be recursion that a capture decides on.
  const readInner = linkType === 192 ? undefined : linkDecoder(linkType);
  if (readInner === undefined) return Stop.notRead;
  const hasCommon = headerLength >= 8 + 4 + 10 && bytes[at + 8] === ppiCommonField && bytes[at + 9] === 0;
  const hasCheckSequence = hasCommon && (bytes[at + 20] & 1) !== 0;
  cursor.at += headerLength;
  if (hasCheckSequence) leaveOutCheckSequence(cursor);
  return readInner(cursor);
}

function readRawIp(cursor: LayerCursor): number {
  if (cursor.end - cursor.at < 1) return stopForShort(cursor, 1);
  switch (cursor.bytes[cursor.at] >> 4) {
    case 4:
      return EtherType.ipv4;
    case 6:
      return EtherType.ipv6;
    default:
      return Stop.notRead;
  }
}

function readIpv4Only(): number {
  return EtherType.ipv4;
}

function readIpv6Only(): number {
  return EtherType.ipv6;
}

/**
 * A 4-byte address family in the byte order of the host that wrote it: families are small, so one half is zero and says which
 * order it is. Where neither is, or the number is too great for a family, it ends in an EtherType (as found in captures, and
 * read so by Wireshark).
 */
function readNull(cursor: LayerCursor): number {
  if (cursor.end - cursor.at < 4) return stopForShort(cursor, 4);
  const { bytes, at } = cursor;
  const low = uint16(bytes, at + 2);
  if (low !== 0 && low <= 1500 && (bytes[at] !== 0 || bytes[at + 1] !== 0)) return Stop.malformed;
  cursor.at += 4;
  if (low > 1500) return low;
  return etherTypeOfFamily(low === 0 ? bytes[at] | (bytes[at + 1] << 8) : low);
}

/** A 4-byte address family in network byte order. */
function readLoop(cursor: LayerCursor): number {
  if (cursor.end - cursor.at < 4) return stopForShort(cursor, 4);
  const { bytes, at } = cursor;
  if (bytes[at] !== 0 || bytes[at + 1] !== 0) return Stop.malformed;
  cursor.at += 4;
  return etherTypeOfFamily(uint16(bytes, at + 2));
}

/** AF_ values: IPv4 is 2 everywhere, IPv6 differs from system to system. */
function etherTypeOfFamily(family: number): number {
  switch (family) {
    case 2:
      return EtherType.ipv4;
    case 10: // Linux
    case 23: // Windows
    case 24: // OpenBSD, NetBSD
    case 28: // FreeBSD
    case 30: // macOS
      return EtherType.ipv6;
    default:
      return Stop.notRead;
  }
}

const ARPHRD_NETLINK = 824;

/** Whether a Linux cooked frame is one of netlink, with a netlink family where others have an EtherType. @param at of its ARPHRD_ value */
export function isNetlink(bytes: Uint8Array, at: number): boolean {
  return uint16(bytes, at) === ARPHRD_NETLINK;
}

function readLinuxCooked(cursor: LayerCursor): number {
  if (cursor.end - cursor.at < 16) return stopForShort(cursor, 16);
  const { bytes, at } = cursor;
  if (isNetlink(bytes, at + 2)) return Stop.notRead;
  cursor.at += 16;
  return readCookedType(cursor, uint16(bytes, at + 14));
}

function readLinuxCooked2(cursor: LayerCursor): number {
  if (cursor.end - cursor.at < 20) return stopForShort(cursor, 20);
  const { bytes, at } = cursor;
  if (isNetlink(bytes, at + 8)) return Stop.notRead;
  cursor.at += 20;
  return readCookedType(cursor, uint16(bytes, at));
}

/** Below 1501 Linux has its own numbers, of which only ETH_P_802_2 (4, an LLC header follows) can lead to IP. */
function readCookedType(cursor: LayerCursor, type: number): number {
  return type > 1500 || type === 4 ? readEtherType(cursor, type) : Stop.notRead;
}

/** Header length 1 (without its padding to 4 bytes), address family 1, then what is of no use here. */
function readPflog(cursor: LayerCursor): number {
  if (cursor.end - cursor.at < 4) return stopForShort(cursor, 4);
  const { bytes, at } = cursor;
  const headerLength = (bytes[at] + 3) & ~3;
  if (headerLength < 4) return Stop.malformed;
  if (cursor.end - at < headerLength) return stopForShort(cursor, headerLength);
  cursor.at += headerLength;
  return etherTypeOfFamily(bytes[at + 1]);
}

const nflogPayload = 9; // NFULA_PAYLOAD
const maxNflogAttributes = 64;

/**
 * Family 1, version 1, resource 2, then attributes of length 2, type 2 (both in the byte order of the host that wrote them)
 * and value, each padded to 4 bytes; the packet is the value of one of them.
 */
function readNflog(cursor: LayerCursor): number {
  if (cursor.end - cursor.at < 4) return stopForShort(cursor, 4);
  const { bytes, at, end } = cursor;
  if (bytes[at + 1] !== 0) return Stop.malformed;
  let attributeAt = at + 4;
  for (let attributes = 0; attributes < maxNflogAttributes; attributes++) {
    if (end - attributeAt < 4) return Stop.notRead;
    // Types are below 256 (the highest bits are flags): a zero second byte means little endian.
    const isLittle = bytes[attributeAt + 3] === 0;
    const length = isLittle
      ? bytes[attributeAt] | (bytes[attributeAt + 1] << 8)
      : (bytes[attributeAt] << 8) | bytes[attributeAt + 1];
    if (length < 4) return Stop.malformed;
    if ((isLittle ? bytes[attributeAt + 2] : bytes[attributeAt + 3]) === nflogPayload) {
      cursor.at = attributeAt + 4;
      return etherTypeOfFamily(bytes[at]);
    }
    attributeAt += (length + 3) & ~3;
  }
  return Stop.malformed;
}
