import { type LayerCursor, Stop, stopForShort, uint16 } from "./layer-cursor.ts";
import { EtherType } from "./link.ts";

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
 */

const erspanTypes1And2 = 0x88be;
const erspanType3 = 0x22eb;

/** UDP destination ports of tunnels (IANA). Mirror ports of clouds and switches deliver their copies in VXLAN. */
export const TunnelPort = { vxlan: 4789, vxlanGpe: 4790, geneve: 6081 } as const;

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
 * Reads a UDP header (RFC 768) and, where the destination port is a tunnel's, the tunnel's header.
 * @returns the EtherType of what follows; Stop.notRead for all other UDP; or another {@link Stop}
 */
export function readUdpTunnel(cursor: LayerCursor): number {
  const { bytes, at, end } = cursor;
  if (end - at < 8) return Stop.notRead;
  const port = uint16(bytes, at + 2);
  if (port === TunnelPort.vxlan) {
    // Anyone may use the port: what lacks the I flag, or is too short to hold a frame, is not VXLAN.
    if (end - at < 16 || (bytes[at + 8] & 0x08) === 0) return Stop.notRead;
    cursor.at = at + 16;
    return EtherType.ethernet;
  }
  if (port === TunnelPort.vxlanGpe) {
    if (end - at < 16 || (bytes[at + 8] & 0x0c) !== 0x0c) return Stop.notRead;
    cursor.at = at + 16;
    return gpeEtherTypes[bytes[at + 11]] ?? Stop.notRead;
  }
  if (port === TunnelPort.geneve) {
    if (end - at < 16 || bytes[at + 8] >> 6 !== 0) return Stop.notRead;
    const length = 16 + (bytes[at + 8] & 0x3f) * 4;
    if (end - at < length) return stopForShort(cursor, length);
    cursor.at = at + length;
    const type = uint16(bytes, at + 10);
    return type > 1500 ? type : Stop.notRead;
  }
  return Stop.notRead;
}
