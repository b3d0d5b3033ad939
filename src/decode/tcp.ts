import { type LayerCursor, Stop, stopForShort, uint16, uint32 } from "./layer-cursor.ts";
import { PacketKind, type PacketView } from "./packet-view.ts";

/**
 * The TCP header (RFC 9293 section 3.1).
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-------------------------------+-------------------------------+
 *     |          Source Port          |       Destination Port        |
 *     +-------------------------------+-------------------------------+
 *     |                        Sequence Number                        |
 *     |                    Acknowledgment Number                      |
 *     +-------+-------+---------------+-------------------------------+
 *     | Data  |Reser- |C E U A P R S F|            Window             |
 *     | Offset|ved    |W C R C S S Y I|                               |
 *     +-------+-------+---------------+-------------------------------+
 *     |           Checksum            |         Urgent Pointer        |
 *     +-------------------------------+-------------------------------+
 *     |                 Options (Data Offset > 5), padding            |
 *     +---------------------------------------------------------------+
 */

/**
 * Reads the segment that fills the cursor's range into the view. Of a header cut by the snaplen the first 20 bytes are enough;
 * the options are then those that are present.
 * @returns PacketKind.tcp, or a {@link Stop}
 */
export function readTcp(cursor: LayerCursor, view: PacketView): number {
  const { bytes, at, end } = cursor;
  if (end - at < 20) return stopForShort(cursor, 20);
  const headerLength = (bytes[at + 12] >> 4) * 4;
  if (headerLength < 20 || headerLength > cursor.sentEnd - at) return Stop.malformed;
  const payloadAt = Math.min(at + headerLength, end);

  view.bytes = bytes;
  view.sourcePort = uint16(bytes, at);
  view.destinationPort = uint16(bytes, at + 2);
  view.sequence = uint32(bytes, at + 4);
  view.acknowledgment = uint32(bytes, at + 8);
  view.flags = bytes[at + 13];
  view.window = uint16(bytes, at + 14);
  view.optionsAt = at + 20;
  view.optionsLength = payloadAt - at - 20;
  view.payloadAt = payloadAt;
  view.payloadLength = cursor.sentEnd - at - headerLength;
  view.payloadCaptured = end - payloadAt;
  return PacketKind.tcp;
}

/** TCP option kinds (IANA, TCP Parameters). */
const optionKind = {
  endOfList: 0,
  noOperation: 1,
  windowScale: 3,
} as const;

/** The shift count of the Window Scale option (RFC 7323 section 2.2), at most 14; -1 when absent. In SYN segments only. */
export function windowScale(view: PacketView): number {
  const at = optionAt(view, optionKind.windowScale, 3);
  return at < 0 ? -1 : Math.min(view.bytes[at + 2], 14);
}

/** Offset of the first option of a kind if it has the length it must have; -1 when absent, cut or malformed. */
function optionAt(view: PacketView, kind: number, length: number): number {
  const { bytes } = view;
  const end = view.optionsAt + view.optionsLength;
  for (let at = view.optionsAt; at < end; ) {
    const found = bytes[at];
    if (found === optionKind.endOfList) return -1;
    if (found === optionKind.noOperation) {
      at++;
      continue;
    }
    if (end - at < 2) return -1;
    const foundLength = bytes[at + 1];
    if (foundLength < 2 || foundLength > end - at) return -1;
    if (found === kind) return foundLength === length ? at : -1;
    at += foundLength;
  }
  return -1;
}
