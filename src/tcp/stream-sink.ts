/**
 * The border between the two halves: the fast half (capture, decode, tcp) calls it, the slow half (tls, ftp) implements it.
 * It is crossed once a segment of a control connection, never for a data connection's payload.
 */

/** Where a piece of a control connection's byte stream was seen. */
export interface Stamp {
  /** The packet (capture index × 2³² + number) whose first copy carried the piece. */
  readonly packet: number;
  /** Seconds since the epoch as a double, exact to a quarter of a microsecond. */
  readonly time: number;
  /**
   * How much of the *other* direction's stream this segment acknowledges, as an offset into that stream (0: nothing, counted
   * from the first byte after the SYN); -1 when unknown. It orders commands and replies even where packets were reordered: a
   * reply answers only what its segment acknowledges.
   */
  readonly acknowledged: number;
  /** TTL (IPv6: hop limit) of that packet, which tells the host from a device that speaks in its name; 0 on data connections. */
  readonly ttl: number;
}

/** Who sent it. On a control connection the FTP client is nearly always the TCP originator. */
export type Direction = "client" | "server";

/** Why bytes of the stream are not there: no packet carried them, or the capture cut them off (snaplen). */
export type GapReason = "lost" | "snaplen";

/** One control connection's two byte streams, in order, each byte once. */
export interface ControlStream {
  /** What has come and need not be understood yet; null, or left out, where everything is read as it comes. */
  readonly unread?: UnreadWords | null;
  /** Bytes `from` … `to` (exclusive) of `bytes` are the next bytes of the stream; borrowed, valid only during the call. */
  data(direction: Direction, bytes: Uint8Array, from: number, to: number, stamp: Stamp): void;
  /** `length` bytes of the stream are missing here; what follows is in order again. */
  gap(direction: Direction, length: number, reason: GapReason, stamp: Stamp): void;
}

/** Words that wait, to which the prefilter may add while nothing else happens on their connection (`lent-connections.ts`). */
export interface UnreadWords {
  /** Where in the prefilter's memory the block lies to which it may add; 0: to none. */
  readonly appendAt: number;
  /** Tells of what has been added since this was called last, in the order in which it came. */
  tellAppended(reader: AppendedReader): void;
}

/** Is told of words that the prefilter has added. */
export interface AppendedReader {
  /** Bytes `from` … `to` (exclusive) of `bytes` were the next of the stream. */
  appended(direction: Direction, bytes: Uint8Array, from: number, to: number): void;
}

/** Sees the payload of a data connection as it passes, nothing is kept for it. */
export interface PayloadTap {
  /**
   * @param offset the stream offset of `from`
   * @param acknowledged how much of the other end's stream the segment acknowledges, as in {@link Stamp}
   * @returns false when it has seen enough and wants no more
   */
  payload(
    fromOriginator: boolean,
    offset: number,
    bytes: Uint8Array,
    from: number,
    to: number,
    packet: number,
    time: number,
    acknowledged: number,
  ): boolean;
  /** Stream offset of either end up to which payload may be left out, as nothing would change by it. */
  unwantedTo(fromOriginator: boolean): number;
}
