import { uint16 } from "./layer-cursor.ts";
import type { PacketView } from "./packet-view.ts";

/**
 * Internet checksums (RFC 1071). A host drops what fails them, so what such a packet says was never believed. But a capture made on the
 * sender has its packets before the network card has put the checksums in: Linux leaves the sum over the pseudo header there, others zero.
 * Both are taken for right.
 */

/** Which checksum of a TCP packet in IP is wrong; null when none is, or when the capture does not hold all that it is a sum of. */
export function wrongChecksum(view: PacketView): "ip" | "tcp" | null {
  const { bytes, sourceAt } = view;
  // Addresses at the very beginning are those of a reassembly buffer, which has no header.
  if (view.ipVersion === 4 && sourceAt >= 12) {
    const at = sourceAt - 12;
    const isUnset = uint16(bytes, at + 10) === 0;
    if (!isUnset && folded(sumOf(bytes, at, (bytes[at] & 0x0f) * 4)) !== 0xffff) return "ip";
  }
  if (view.payloadCaptured < view.payloadLength) return null;
  const segmentAt = view.optionsAt - 20;
  const segmentLength = view.payloadAt + view.payloadLength - segmentAt;
  if (segmentLength > MAX_SUMMED) return null;
  const given = uint16(bytes, segmentAt + 16);
  const pseudo = folded(pseudoHeaderSum(view, segmentLength));
  if (given === 0 || given === pseudo) return null;
  return folded(pseudo + sumOf(bytes, segmentAt, segmentLength)) === 0xffff ? null : "tcp";
}

/** Longer than any packet that was on a wire: segmentation offload had yet to cut it, and its checksum says nothing. */
const MAX_SUMMED = 65_535;

/** RFC 9293 section 3.1, RFC 8200 section 8.1: addresses, protocol, length. */
function pseudoHeaderSum({ bytes, ipVersion, sourceAt, destinationAt }: PacketView, segmentLength: number): number {
  const addressLength = ipVersion === 4 ? 4 : 16;
  return sumOf(bytes, sourceAt, addressLength) + sumOf(bytes, destinationAt, addressLength) + 6 + segmentLength;
}

/** Sum of 16-bit words, the last one filled up with zero; at most 2¹⁵ of them, so a double holds it. */
function sumOf(bytes: Uint8Array, at: number, length: number): number {
  let sum = 0;
  const end = at + length - 1;
  let next = at;
  for (; next < end; next += 2) sum += uint16(bytes, next);
  return next === end ? sum + bytes[next] * 256 : sum;
}

function folded(sum: number): number {
  const once = (sum & 0xffff) + Math.floor(sum / 65_536);
  return (once & 0xffff) + (once >>> 16);
}
