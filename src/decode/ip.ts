import { BOUNDS } from "../bounds.ts";
import { type LayerCursor, Stop, stopForShort, uint16, uint32 } from "./layer-cursor.ts";
import type { PacketView } from "./packet-view.ts";

/**
 * IPv4 (RFC 791), IPv6 and its extension headers (RFC 8200). Checksums are not verified: offload leaves them wrong in
 * captures made on a sender.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-------+-------+---------------+-------------------------------+
 *     |Version|  IHL  |Type of Service|          Total Length         |
 *     +-------+-------+---------------+-----+-------------------------+
 *     |         Identification        |Flags|      Fragment Offset    |
 *     +---------------+---------------+-----+-------------------------+
 *     |  Time to Live |    Protocol   |         Header Checksum       |
 *     +---------------+---------------+-------------------------------+
 *     |                         Source Address                        |
 *     |                      Destination Address                      |
 *     |                    Options (IHL > 5), padding                 |
 *     +---------------------------------------------------------------+
 *
 *     +-------+---------------+---------------------------------------+
 *     |Version| Traffic Class |               Flow Label              |
 *     +-------+---------------+-------+---------------+---------------+
 *     |         Payload Length        |  Next Header  |   Hop Limit   |
 *     +-------------------------------+---------------+---------------+
 *     |               Source Address (16), Destination Address (16)   |
 *     +---------------------------------------------------------------+
 */

/** Assigned Internet Protocol Numbers (IANA) that the decoder knows. */
export const IpProtocol = {
  hopByHop: 0,
  icmpv4: 1,
  ipv4: 4,
  tcp: 6,
  udp: 17,
  ipv6: 41,
  routing: 43,
  fragment: 44,
  gre: 47,
  authentication: 51,
  icmpv6: 58,
  destinationOptions: 60,
  l2tp: 115,
  mobility: 135,
  hostIdentity: 139,
  shim6: 140,
} as const;

const maxExtensionHeaders = BOUNDS.extensionHeaders.most;

/**
 * Reads an IPv4 header (RFC 791 section 3.1) into the view's address, TTL, identification and length fields and narrows the
 * cursor to the payload, which drops the padding of short Ethernet frames. A Total Length of 0 is a packet captured before
 * TCP segmentation offload cut it: the frame's length counts. A Total Length beyond the frame's end is believed, since
 * mirrors cut packets and say nothing.
 * @returns the protocol number, or a {@link Stop}
 */
export function readIpv4(cursor: LayerCursor, view: PacketView): number {
  const { bytes, at, end } = cursor;
  if (end - at < 20) return stopForShort(cursor, 20);
  const headerLength = (bytes[at] & 0x0f) * 4;
  if (bytes[at] >> 4 !== 4 || headerLength < 20) return Stop.malformed;
  const totalLength = uint16(bytes, at + 2) || cursor.sentEnd - at;
  if (totalLength < headerLength) return Stop.malformed;
  if (end - at < headerLength) return stopForShort(cursor, headerLength);

  view.ipVersion = 4;
  view.sourceAt = at + 12;
  view.destinationAt = at + 16;
  view.ttl = bytes[at + 8];
  view.ipId = uint16(bytes, at + 4);
  view.ipLength = totalLength;

  cursor.at = at + headerLength;
  cursor.sentEnd = at + totalLength;
  if (cursor.end > cursor.sentEnd) cursor.end = cursor.sentEnd;
  cursor.moreFragments = (bytes[at + 6] & 0x20) !== 0;
  cursor.fragmentOffset = (uint16(bytes, at + 6) & 0x1fff) * 8;
  cursor.fragmentId = view.ipId;
  return bytes[at + 9];
}

/**
 * Reads an IPv6 header (RFC 8200 section 3) with its extension headers, as {@link readIpv4} does. A Payload Length of 0 is a
 * jumbogram (RFC 2675) or a packet captured before segmentation offload: the frame's length counts.
 * @returns the upper-layer protocol; for a fragment that of its Fragment header, with the cursor at the fragment's data; or a
 *   {@link Stop}
 */
export function readIpv6(cursor: LayerCursor, view: PacketView): number {
  const { bytes, at, end } = cursor;
  if (end - at < 40) return stopForShort(cursor, 40);
  if (bytes[at] >> 4 !== 6) return Stop.malformed;
  const payloadLength = uint16(bytes, at + 4);
  const ipLength = payloadLength === 0 ? cursor.sentEnd - at : 40 + payloadLength;

  view.ipVersion = 6;
  view.sourceAt = at + 8;
  view.destinationAt = at + 24;
  view.ttl = bytes[at + 7];
  view.ipId = -1;
  view.ipLength = ipLength;

  cursor.at = at + 40;
  cursor.sentEnd = at + ipLength;
  if (cursor.end > cursor.sentEnd) cursor.end = cursor.sentEnd;
  cursor.moreFragments = false;
  cursor.fragmentOffset = 0;
  return skipExtensionHeaders(cursor, bytes[at + 6]);
}

/**
 * Moves the cursor behind the extension headers (RFC 8200 section 4; AH: RFC 4302) that begin with `first`. It stops behind
 * a Fragment header which says that more is needed than this packet; an atomic fragment (RFC 6946) is passed over.
 * @returns as {@link readIpv6}
 */
export function skipExtensionHeaders(cursor: LayerCursor, first: number): number {
  const { bytes } = cursor;
  let next = first;
  for (let headers = 0; headers < maxExtensionHeaders; headers++) {
    const { at } = cursor;
    let length: number;
    switch (next) {
      case IpProtocol.hopByHop:
      case IpProtocol.routing:
      case IpProtocol.destinationOptions:
      case IpProtocol.mobility:
      case IpProtocol.hostIdentity:
      case IpProtocol.shim6:
        if (cursor.end - at < 8) return stopForShort(cursor, 8);
        length = (bytes[at + 1] + 1) * 8;
        break;
      case IpProtocol.authentication:
        if (cursor.end - at < 8) return stopForShort(cursor, 8);
        length = (bytes[at + 1] + 2) * 4;
        break;
      case IpProtocol.fragment: {
        if (cursor.end - at < 8) return stopForShort(cursor, 8);
        const offsetAndFlags = uint16(bytes, at + 2);
        cursor.at = at + 8;
        next = bytes[at];
        if ((offsetAndFlags & 0xfff9) === 0) continue;
        cursor.fragmentOffset = offsetAndFlags & 0xfff8;
        cursor.moreFragments = (offsetAndFlags & 1) !== 0;
        cursor.fragmentId = uint32(bytes, at + 4);
        return next;
      }
      default:
        return next;
    }
    if (cursor.end - at < length) return stopForShort(cursor, length);
    next = bytes[at];
    cursor.at = at + length;
  }
  return Stop.malformed;
}
