import { asLoaded } from "../prefilter/prefilter.ts";
import { type LayerCursor, Stop, stopForShort, uint16, uint32 } from "./layer-cursor.ts";
import { EtherType, looksLikeEthernet } from "./link.ts";

/**
 * Tunnels whose header names what it carries by EtherType. IP directly in IP (protocols 4 and 41) needs no header and is in
 * `decode-packet.ts`.
 *
 *     GRE (RFC 2784, 2890)     flags, version 2 · EtherType 2 · [checksum 2 · reserved 2] · [key 4] · [sequence 4]
 *     GRE version 1 (RFC 2637) the same; [key 4] is payload length and call, · [sequence 4] · [acknowledgment 4]
 *     ERSPAN I, II, III        GRE, then 0, 8 or 12 (+ 8) bytes, then Ethernet (draft-foschiano-erspan)
 *     UDP                      source port 2 · destination port 2 · length 2 · checksum 2
 *     VXLAN (RFC 7348)         flags 1 · 0 3 · network identifier 3 · 0 1, then Ethernet
 *     VXLAN-GPE                the same, with the next protocol in the last 0 byte before the identifier (draft-ietf-nvo3-vxlan-gpe)
 *     Geneve (RFC 8926)        version 2 bits, options length 6 bits · flags 1 · EtherType 2 · identifier 3 · 0 1 · options
 *     GTP-U (TS 29.281)        version, flags 1 · message 1 · length 2 · tunnel 4 · [sequence 2 · N-PDU 1 · next 1 · extensions], then IP
 *     L2TPv2 (RFC 2661)        flags, version 2 · [length 2] · tunnel, session 4 · [sequence 4] · [offset 2 and so much], then PPP
 *     L2TPv3 (RFC 3931)        [in UDP: flags, version 2 · 0 2] · session 4 · cookie 0, 4 or 8 · sublayer 0 or 4, then Ethernet or PPP
 */

const erspanTypes1And2 = 0x88be;
const erspanType3 = 0x22eb;

/** UDP destination ports of tunnels (IANA). Mirror ports of clouds and switches deliver their copies in VXLAN. */
const tunnelPorts = {
  1701: readL2tp,
  2152: readGtp,
  4789: readVxlan,
  4790: readVxlanGpe,
  6081: readGeneve,
} as const satisfies Readonly<Record<number, (cursor: LayerCursor) => number>>;

/** What Linux took for VXLAN before the port was assigned, and still does unless told otherwise (drivers/net/vxlan). */
const linuxVxlanPort = 8472;

const tunnelByPort: ReadonlyMap<number, (cursor: LayerCursor) => number> = new Map([
  ...Object.entries(tunnelPorts).map(([port, read]) => [Number(port), read] as const),
  [linuxVxlanPort, readVxlan],
]);

const isTunnel = new Uint8Array(65_536);
for (const port of tunnelByPort.keys()) isTunnel[port] = 1;

/** Whether UDP to this destination port may be a tunnel. */
export function isTunnelPort(port: number): boolean {
  return isTunnel[port] === 1;
}

/** Marks the ports that {@link isTunnelPort} knows. @param marks a byte for each port, as the prefilter asks for them */
export function markTunnelPorts(marks: Uint8Array): void {
  for (const port of tunnelByPort.keys()) marks[asLoaded(port)] = 1;
}

/** VXLAN-GPE's next protocol numbers, from 0. */
const gpeEtherTypes = [Stop.notRead, EtherType.ipv4, EtherType.ipv6, EtherType.ethernet] as const;

/**
 * Reads a GRE header and an ERSPAN header behind it.
 * @returns the EtherType of what follows, or a {@link Stop}
 */
export function readGre(cursor: LayerCursor): number {
  const { bytes, at, end } = cursor;
  if (end - at < 4) return stopForShort(cursor, 4);
  const flags = uint16(bytes, at);
  const version = flags & 7;
  const hasSequence = (flags & 0x1000) !== 0;
  // Source routes (RFC 1701) are obsolete, and of variable length.
  if (version > 1 || (flags & 0x4000) !== 0) return Stop.notRead;
  let length = 4;
  if ((flags & 0x8000) !== 0) length += 4;
  if ((flags & 0x2000) !== 0) length += 4;
  if (hasSequence) length += 4;
  if (version === 1 && (flags & 0x0080) !== 0) length += 4;
  const type = uint16(bytes, at + 2);
  if (type === erspanTypes1And2) {
    if (hasSequence) length += 8; // type II; type I has neither sequence nor header
  } else if (type === erspanType3) {
    length += 12;
    if (end - at < length) return stopForShort(cursor, length);
    if ((bytes[at + length - 1] & 1) !== 0) length += 8;
  }
  if (end - at < length) return stopForShort(cursor, length);
  cursor.at = at + length;
  if (type === erspanTypes1And2 || type === erspanType3) return EtherType.ethernet;
  return type > 1500 ? type : Stop.notRead; // 0 is a keepalive
}

/**
 * Reads a UDP header (RFC 768) and, where the destination port is a tunnel's, the tunnel's header. Anyone may use these ports: what does
 * not look like the tunnel is not read, and no anomaly.
 * @returns the EtherType of what follows; Stop.notRead for all other UDP; or another {@link Stop}
 */
export function readUdpTunnel(cursor: LayerCursor): number {
  const { bytes, at, end } = cursor;
  if (end - at < 8) return Stop.notRead;
  const read = tunnelByPort.get(uint16(bytes, at + 2));
  if (read === undefined) return Stop.notRead;
  cursor.at = at + 8;
  return read(cursor);
}

/** What lacks the I flag, or is too short to hold a frame, is not VXLAN. */
function readVxlan(cursor: LayerCursor): number {
  const { bytes, at, end } = cursor;
  if (end - at < 8 || (bytes[at] & 0x08) === 0) return Stop.notRead;
  cursor.at = at + 8;
  return EtherType.ethernet;
}

function readVxlanGpe(cursor: LayerCursor): number {
  const { bytes, at, end } = cursor;
  if (end - at < 8 || (bytes[at] & 0x0c) !== 0x0c) return Stop.notRead;
  cursor.at = at + 8;
  return gpeEtherTypes[bytes[at + 3]] ?? Stop.notRead;
}

function readGeneve(cursor: LayerCursor): number {
  const { bytes, at, end } = cursor;
  if (end - at < 8 || bytes[at] >> 6 !== 0) return Stop.notRead;
  const length = 8 + (bytes[at] & 0x3f) * 4;
  if (end - at < length) return stopForShort(cursor, length);
  cursor.at = at + length;
  const type = uint16(bytes, at + 2);
  return type > 1500 ? type : Stop.notRead;
}

const gtpUserData = 255; // message type G-PDU
const maxGtpExtensions = 8;

/** 3GPP TS 29.281 section 5: version 1, protocol type GTP. */
function readGtp(cursor: LayerCursor): number {
  const { bytes, at, end } = cursor;
  if (end - at < 8 || bytes[at] >> 4 !== 3 || bytes[at + 1] !== gtpUserData) return Stop.notRead;
  let next = at + 8;
  if ((bytes[at] & 0x07) !== 0) {
    next += 4;
    if (end < next) return stopForShort(cursor, 12);
    let extension = (bytes[at] & 0x04) !== 0 ? bytes[next - 1] : 0;
    for (let count = 0; extension !== 0; count++) {
      if (count === maxGtpExtensions) return Stop.malformed;
      if (end - next < 1) return stopForShort(cursor, next + 1 - at);
      const length = bytes[next] * 4;
      if (length === 0) return Stop.malformed;
      next += length;
      if (end < next) return stopForShort(cursor, next - at);
      extension = bytes[next - 1];
    }
  }
  cursor.at = next;
  return ipEtherType(cursor);
}

/** Versions 2 and 3 share the port; control messages are not read. */
function readL2tp(cursor: LayerCursor): number {
  const { bytes, at, end } = cursor;
  if (end - at < 8) return Stop.notRead;
  const flags = uint16(bytes, at);
  const version = flags & 0x000f;
  if ((flags & 0x8000) !== 0) return Stop.notRead;
  if (version === 3) {
    cursor.at = at + 4;
    return readL2tpSession(cursor);
  }
  if (version !== 2) return Stop.notRead;
  let length = 6;
  if ((flags & 0x4000) !== 0) length += 2;
  if ((flags & 0x0800) !== 0) length += 4;
  if ((flags & 0x0200) !== 0) {
    length += 2;
    if (end - at < length) return stopForShort(cursor, length);
    length += uint16(bytes, at + length - 2);
  }
  if (end - at < length) return stopForShort(cursor, length);
  cursor.at = at + length;
  return EtherType.ppp;
}

/** The lengths of cookie and sublayer together: 0, 4 or 8, and 0 or 4. */
const l2tpGaps = [0, 4, 8, 12] as const;

/**
 * An L2TPv3 data message from its session id on. How long cookie and sublayer are and what is carried was agreed upon by control messages
 * that a capture seldom has; so, as Wireshark does, the first place is taken where a header stands that leads to IP.
 * @returns the EtherType of what follows, or a {@link Stop}
 */
export function readL2tpSession(cursor: LayerCursor): number {
  const { bytes, at, end } = cursor;
  // Session 0 is for control messages.
  if (end - at < 4 || uint32(bytes, at) === 0) return Stop.notRead;
  for (const gap of l2tpGaps) {
    const next = at + 4 + gap;
    if (looksLikeEthernet(cursor, next)) {
      cursor.at = next;
      return EtherType.ethernet;
    }
    if (end - next >= 5 && bytes[next] === 0xff && bytes[next + 1] === 0x03 && isPppIp(bytes, next + 2)) {
      cursor.at = next;
      return EtherType.ppp;
    }
  }
  return Stop.notRead;
}

/** PPP's protocol numbers for IPv4 (RFC 1332) and IPv6 (RFC 5072), and the version that must follow. */
function isPppIp(bytes: Uint8Array, at: number): boolean {
  const protocol = uint16(bytes, at);
  const version = bytes[at + 2] >> 4;
  return (protocol === 0x0021 && version === 4) || (protocol === 0x0057 && version === 6);
}

function ipEtherType({ bytes, at, end }: LayerCursor): number {
  if (end <= at) return Stop.notRead;
  const version = bytes[at] >> 4;
  if (version === 4) return EtherType.ipv4;
  return version === 6 ? EtherType.ipv6 : Stop.notRead;
}
