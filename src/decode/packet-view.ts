/**
 * One decoded packet, seen in place: offsets and small integers, no copies. The decoder mutates one PacketView packet after
 * packet; `bytes` is borrowed (from the frame, or from the fragment buffer) and valid only until the next packet.
 */
export interface PacketView {
  bytes: Uint8Array;
  /** Capture index × 2³² + packet number (`capture/frame.ts`). */
  packet: number;
  seconds: number;
  nanoseconds: number;
  /** 4 or 6. */
  ipVersion: number;
  /** Offsets of the addresses in `bytes`: 4 bytes each for IPv4, 16 for IPv6, network byte order. */
  sourceAt: number;
  destinationAt: number;
  /** TTL (RFC 791) or Hop Limit (RFC 8200). */
  ttl: number;
  /** IPv4 Identification; -1 for IPv6. */
  ipId: number;
  /** Length of the IP packet in bytes as its header (or, for TSO packets of length 0, the frame) states it. */
  ipLength: number;

  // TCP (RFC 9293), valid when the decoder returned PacketKind.tcp
  sourcePort: number;
  destinationPort: number;
  /** Unsigned 32-bit. */
  sequence: number;
  /** Unsigned 32-bit; meaningful with the ACK flag. */
  acknowledgment: number;
  /** The eight flag bits FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128. */
  flags: number;
  /** The window field as sent, not scaled. */
  window: number;
  optionsAt: number;
  /** Bytes of options that are present in the capture. */
  optionsLength: number;
  /** Offset of the payload; `payloadLength` bytes were sent, of which `payloadCaptured` are in the capture. */
  payloadAt: number;
  payloadLength: number;
  payloadCaptured: number;

  // ICMP error (RFC 792, RFC 4443), valid when the decoder returned PacketKind.icmpError. The addresses above are those
  // of the ICMP packet itself (source: the router or host that complains).
  icmpType: number;
  icmpCode: number;
  /** The next-hop MTU of "fragmentation needed" (RFC 1191) and Packet Too Big (RFC 4443); else 0. */
  icmpMtu: number;
  /** Offsets of the quoted packet's addresses. */
  quotedSourceAt: number;
  quotedDestinationAt: number;
  quotedSourcePort: number;
  quotedDestinationPort: number;
  /** Unsigned 32-bit sequence number of the quoted segment. */
  quotedSequence: number;
}

/** What a decoded packet is to us; `other` covers all that is not TCP or an ICMP error about TCP, and all that is broken. */
export const PacketKind = { other: 0, tcp: 1, icmpError: 2 } as const;

/** TCP flag bits (RFC 9293 section 3.1). */
export const TcpFlag = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32 } as const;

/** Beyond 31 bits, so that V8 makes the field that holds it one for doubles from the first: else the first real one discards all code compiled till then. */
const NO_SEQUENCE = 0xffff_ffff;

/** A view that nothing has been decoded into. */
export function emptyPacketView(): PacketView {
  return {
    bytes: new Uint8Array(0),
    packet: 0,
    seconds: 0,
    nanoseconds: 0,
    ipVersion: 4,
    sourceAt: 0,
    destinationAt: 0,
    ttl: 0,
    ipId: 0,
    ipLength: 0,
    sourcePort: 0,
    destinationPort: 0,
    sequence: NO_SEQUENCE,
    acknowledgment: NO_SEQUENCE,
    flags: 0,
    window: 0,
    optionsAt: 0,
    optionsLength: 0,
    payloadAt: 0,
    payloadLength: 0,
    payloadCaptured: 0,
    icmpType: 0,
    icmpCode: 0,
    icmpMtu: 0,
    quotedSourceAt: 0,
    quotedDestinationAt: 0,
    quotedSourcePort: 0,
    quotedDestinationPort: 0,
    quotedSequence: NO_SEQUENCE,
  };
}
