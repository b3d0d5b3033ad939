/**
 * Blocks of a pcapng file (draft-ietf-opsawg-pcapng), little-endian, times in nanoseconds; `pcapng.ts` shows the layout. A section
 * header comes first, then its interfaces, numbered from 0 in the order in which they are written.
 */

const BLOCK = { sectionHeader: 0x0a0d0d0a, interfaceDescription: 1, enhancedPacket: 6 } as const;

const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

/** The section length is not known in advance. */
const UNKNOWN_LENGTH = 0xffff_ffff;

const OPTION = { end: 0, comment: 1, interfaceName: 2, application: 4, timeResolution: 9, fcsLength: 13 } as const;

/** if_tsresol: 10⁻⁹ s. */
const NANOSECONDS = 9;

/** The length of an option is a number of 16 bits; what a reader shows at once is less. */
const MAX_OPTION_BYTES = 32_000;

interface BlockOption {
  readonly code: number;
  readonly value: Uint8Array;
}

/** A Section Header Block. @param comment what is to be said of the whole file @param application who wrote it */
export function sectionHeaderBlock(comment: string, application: string): Uint8Array {
  const body = new Uint8Array(16);
  const view = new DataView(body.buffer);
  view.setUint32(0, BYTE_ORDER_MAGIC, true);
  view.setUint16(4, 1, true);
  view.setUint32(8, UNKNOWN_LENGTH, true);
  view.setUint32(12, UNKNOWN_LENGTH, true);
  return block(BLOCK.sectionHeader, body, [text(OPTION.comment, comment), text(OPTION.application, application)]);
}

/** An Interface Description Block without a snaplen. @param linkType LINKTYPE_ value @param fcsLength bytes, 0 for none */
export function interfaceBlock(name: string, linkType: number, fcsLength: number): Uint8Array {
  const body = new Uint8Array(8);
  new DataView(body.buffer).setUint16(0, linkType, true);
  return block(BLOCK.interfaceDescription, body, [
    text(OPTION.interfaceName, name),
    { code: OPTION.timeResolution, value: Uint8Array.of(NANOSECONDS) },
    ...(fcsLength > 0 ? [{ code: OPTION.fcsLength, value: Uint8Array.of(8 * fcsLength) }] : []),
  ]);
}

/** A packet to be written. */
export interface PacketToWrite {
  /** Number of its interface within the section. */
  readonly interfaceId: number;
  /** Unix time. */
  readonly seconds: number;
  readonly nanoseconds: number;
  /** What is there of it. */
  readonly bytes: Uint8Array;
  /** Bytes on the wire. */
  readonly originalLength: number;
  /** Empty: no comment. */
  readonly comment: string;
}

/** An Enhanced Packet Block. */
export function packetBlock(packet: PacketToWrite): Uint8Array {
  const { bytes } = packet;
  const body = new Uint8Array(20 + padded(bytes.length));
  const view = new DataView(body.buffer);
  const time = BigInt.asUintN(64, BigInt(packet.seconds) * 1_000_000_000n + BigInt(packet.nanoseconds));
  view.setUint32(0, packet.interfaceId, true);
  view.setUint32(4, Number(time >> 32n), true);
  view.setUint32(8, Number(time & 0xffff_ffffn), true);
  view.setUint32(12, bytes.length, true);
  view.setUint32(16, packet.originalLength, true);
  body.set(bytes, 20);
  return block(BLOCK.enhancedPacket, body, packet.comment === "" ? [] : [text(OPTION.comment, packet.comment)]);
}

function block(type: number, body: Uint8Array, options: readonly BlockOption[]): Uint8Array {
  // opt_endofopt is needed only behind options
  const optionBytes = options.reduce((sum, { value }) => sum + 4 + padded(value.length), options.length > 0 ? 4 : 0);
  const length = 12 + body.length + optionBytes;
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, length, true);
  bytes.set(body, 8);
  let at = 8 + body.length;
  for (const { code, value } of options) {
    view.setUint16(at, code, true);
    view.setUint16(at + 2, value.length, true);
    bytes.set(value, at + 4);
    at += 4 + padded(value.length);
  }
  view.setUint32(length - 4, length, true);
  return bytes;
}

function text(code: number, value: string): BlockOption {
  const bytes = new TextEncoder().encode(value);
  if (bytes.length <= MAX_OPTION_BYTES) return { code, value: bytes };
  let end = MAX_OPTION_BYTES;
  // not in the middle of a character
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return { code, value: bytes.subarray(0, end) };
}

function padded(length: number): number {
  return (length + 3) & ~3;
}
