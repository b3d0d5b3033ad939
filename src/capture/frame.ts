/**
 * One captured frame, seen in place. A reader fills one reused Frame again and again; `bytes` belongs to the reader and is
 * valid only until its next `next()` or `push()`: whoever wants to keep anything copies it.
 */
export interface Frame {
  bytes: Uint8Array;
  /** Offset of the frame's first byte in `bytes`. */
  start: number;
  /** Bytes present (at most the snaplen). */
  capturedLength: number;
  /** Bytes on the wire. */
  originalLength: number;
  /** Unix time: whole seconds, and nanoseconds within the second (0 … 999 999 999). */
  seconds: number;
  nanoseconds: number;
  /** LINKTYPE_ value as registered by tcpdump.org (1 is Ethernet). */
  linkType: number;
  /** Bytes of frame check sequence at the end of each frame, when the capture says so; else 0. */
  fcsLength: number;
  /** 1-based number of the packet within its capture, as Wireshark shows it. */
  packetNumber: number;
  /** Which of the capture's interfaces, in the order in which they are described, over all sections; 0 for classic pcap. */
  interfaceIndex: number;
}

/** A frame that no reader has filled yet. */
export function emptyFrame(): Frame {
  return {
    bytes: new Uint8Array(0),
    start: 0,
    capturedLength: 0,
    originalLength: 0,
    seconds: 0,
    nanoseconds: 0,
    linkType: 0,
    fcsLength: 0,
    packetNumber: 0,
    interfaceIndex: 0,
  };
}

/** A packet across all captures of an analysis: capture index × 2³² + packet number, one exact double. */
export type PacketReference = number;

/** The reference of a packet. @param packetNumber 1 … 2³²−1, as Wireshark counts */
export function packetReference(captureIndex: number, packetNumber: number): PacketReference {
  return captureIndex * 2 ** 32 + packetNumber;
}

/** Which capture of the analysis a packet is in, from 0. */
export function captureIndexOf(reference: PacketReference): number {
  return Math.floor(reference / 2 ** 32);
}

/** The number of a packet in its capture, as Wireshark counts. */
export function packetNumberOf(reference: PacketReference): number {
  return reference >>> 0; // modulo 2³², and many times faster than `%` on doubles
}
