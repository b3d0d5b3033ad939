import { IpProtocol, skipExtensionHeaders } from "./ip.ts";
import { emptyLayerCursor, type LayerCursor, Stop, stopForShort, uint16, uint32 } from "./layer-cursor.ts";
import { PacketKind, type PacketView } from "./packet-view.ts";

/**
 * ICMP errors (RFC 792) and ICMPv6 errors (RFC 4443) that quote a TCP segment. Both have one layout:
 *
 *     0  type 1 · code 1 · checksum 2
 *     4  depends on the type; next-hop MTU: bytes 6–7 of "fragmentation needed" (RFC 1191 section 4),
 *        bytes 4–7 of Packet Too Big (RFC 4443 section 3.2)
 *     8  the packet that caused the error: its IP header and, of its payload, at least 8 bytes (RFC 792), which of a TCP
 *        segment are ports and sequence number; from ICMPv6 and most routers of today as much as fits (RFC 1812 4.3.2.3)
 */

/** ICMP types that report a packet's fate and quote it (RFC 792). Source Quench (4) is obsolete (RFC 6633), Redirect no error. */
const icmpv4Errors = { destinationUnreachable: 3, timeExceeded: 11, parameterProblem: 12 } as const;
const fragmentationNeeded = 4;

/** ICMPv6 error types are those below 128; these four are assigned (RFC 4443 section 2.1). */
const icmpv6Errors = { destinationUnreachable: 1, packetTooBig: 2, timeExceeded: 3, parameterProblem: 4 } as const;

/** What must be quoted of a segment: ports and sequence number. */
const quotedTcpLength = 8;

/**
 * Reads an ICMP message of an IPv4 packet at the cursor into the view.
 * @returns PacketKind.icmpError; PacketKind.other for what is no error or not about TCP; or a {@link Stop}
 */
export function readIcmpv4(cursor: LayerCursor, view: PacketView): number {
  const { bytes, at, end } = cursor;
  if (end - at < 8) return stopForShort(cursor, 8);
  const type = bytes[at];
  if (
    type !== icmpv4Errors.destinationUnreachable &&
    type !== icmpv4Errors.timeExceeded &&
    type !== icmpv4Errors.parameterProblem
  )
    return PacketKind.other;
  const code = bytes[at + 1];
  const mtu = type === icmpv4Errors.destinationUnreachable && code === fragmentationNeeded ? uint16(bytes, at + 6) : 0;

  cursor.at = at + 8;
  if (end - cursor.at < 20) return stopForShort(cursor, 20);
  const quotedAt = cursor.at;
  const headerLength = (bytes[quotedAt] & 0x0f) * 4;
  if (bytes[quotedAt] >> 4 !== 4 || headerLength < 20) return Stop.malformed;
  const isLaterFragment = (uint16(bytes, quotedAt + 6) & 0x1fff) !== 0;
  if (bytes[quotedAt + 9] !== IpProtocol.tcp || isLaterFragment) return PacketKind.other;
  if (end - quotedAt < headerLength + quotedTcpLength) return stopForShort(cursor, headerLength + quotedTcpLength);
  return fillError(view, bytes, type, code, mtu, quotedAt + 12, quotedAt + 16, quotedAt + headerLength);
}

/** As {@link readIcmpv4}, for ICMPv6. */
export function readIcmpv6(cursor: LayerCursor, view: PacketView): number {
  const { bytes, at, end } = cursor;
  if (end - at < 8) return stopForShort(cursor, 8);
  const type = bytes[at];
  if (type < icmpv6Errors.destinationUnreachable || type > icmpv6Errors.parameterProblem) return PacketKind.other;
  const code = bytes[at + 1];
  const mtu = type === icmpv6Errors.packetTooBig ? uint32(bytes, at + 4) : 0;

  cursor.at = at + 8;
  if (end - cursor.at < 40) return stopForShort(cursor, 40);
  const quotedAt = cursor.at;
  if (bytes[quotedAt] >> 4 !== 6) return Stop.malformed;
  quoted.bytes = bytes;
  quoted.at = quotedAt + 40;
  quoted.end = end;
  quoted.sentEnd = cursor.sentEnd;
  quoted.fragmentOffset = 0;
  const protocol = skipExtensionHeaders(quoted, bytes[quotedAt + 6]);
  cursor.at = quoted.at;
  if (protocol < 0) return protocol;
  if (protocol !== IpProtocol.tcp || quoted.fragmentOffset !== 0) return PacketKind.other;
  if (end - quoted.at < quotedTcpLength) return stopForShort(quoted, quotedTcpLength);
  return fillError(view, bytes, type, code, mtu, quotedAt + 8, quotedAt + 24, quoted.at);
}

/** Walks the quoted packet, so that the fields of the packet which quotes it stay as they are. */
const quoted = emptyLayerCursor();

function fillError(
  view: PacketView,
  bytes: Uint8Array,
  type: number,
  code: number,
  mtu: number,
  sourceAt: number,
  destinationAt: number,
  tcpAt: number,
): number {
  view.bytes = bytes;
  view.icmpType = type;
  view.icmpCode = code;
  view.icmpMtu = mtu;
  view.quotedSourceAt = sourceAt;
  view.quotedDestinationAt = destinationAt;
  view.quotedSourcePort = uint16(bytes, tcpAt);
  view.quotedDestinationPort = uint16(bytes, tcpAt + 2);
  view.quotedSequence = uint32(bytes, tcpAt + 4);
  return PacketKind.icmpError;
}
