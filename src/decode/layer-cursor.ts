/**
 * Where decoding stands in a packet that did not take the fast route: each layer reads its header at `at`, moves `at` behind
 * it, narrows `end` and `sentEnd` to its payload, and returns what comes next (an EtherType or an IP protocol number) or a
 * {@link Stop}. One cursor is reused for all packets.
 */
export interface LayerCursor {
  bytes: Uint8Array;
  /** Offset of the next header; after a {@link Stop} that of the header that could not be read. */
  at: number;
  /** Offset behind the last byte that the capture holds. Nothing at or behind it may be read. */
  end: number;
  /** Offset behind the last byte that was sent, as the innermost length field read so far says; at least `end`. */
  sentEnd: number;
  /** Set by the IP layer: where the payload at `at` belongs in its datagram, in bytes; 0 for what is no fragment. */
  fragmentOffset: number;
  /** Set by the IP layer: the datagram goes on behind this fragment. */
  moreFragments: boolean;
  /** Set by the IP layer for fragments: Identification, 16 bits (RFC 791) or 32 bits unsigned (RFC 8200 section 4.5). */
  fragmentId: number;
}

/** Why a layer does not go on: nothing that we read, a header cut by the snaplen, or one that breaks its own rules. */
export const Stop = { notRead: -1, cut: -2, malformed: -3 } as const;

/** A cursor that stands nowhere yet. */
export function emptyLayerCursor(): LayerCursor {
  return {
    bytes: new Uint8Array(0),
    at: 0,
    end: 0,
    sentEnd: 0,
    fragmentOffset: 0,
    moreFragments: false,
    fragmentId: 0,
  };
}

/** Which {@link Stop} it is when fewer than `length` bytes are present at `at`: were they sent at all? */
export function stopForShort(cursor: LayerCursor, length: number): number {
  return cursor.sentEnd - cursor.at >= length ? Stop.cut : Stop.malformed;
}

/** Unsigned 16-bit number at `at`, network byte order. */
export function uint16(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1];
}

/** Unsigned 32-bit number at `at`, network byte order. */
export function uint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}
