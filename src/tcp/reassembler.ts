import type { AnomalyLog } from "../anomaly.ts";
import { BOUNDS } from "../bounds.ts";
import type { HalfConnection } from "./half-connection.ts";
import type { AppendedReader, ControlStream, Direction, GapReason, Stamp } from "./stream-sink.ts";

/** Out-of-order bytes held for one direction; beyond it the hole before them is given up as lost. */
const MAX_PENDING_BYTES = BOUNDS.outOfOrderBytes.most;
/** Out-of-order segments held for one direction. */
const MAX_PENDING_SEGMENTS = BOUNDS.outOfOrderSegments.most;
/**
 * After the other end has acknowledged a hole, so many more segments of the connection may pass before the hole counts as
 * lost by the capture: packets are often written to the file a few places late.
 */
export const LATE_SEGMENTS = 16;
/** A hole that nobody filled for so long (seconds of capture time) is lost. */
export const HOLE_SECONDS = 10;
/** What stands before its SYN in the file is no further than this behind it in the stream: what a window holds without scaling (RFC 9293). */
const MAX_BEFORE_SYN = 65_535;
/** Joined midstream: so many segments are looked at before the lowest of them is taken for the start. */
const MIDSTREAM_SEGMENTS = 4;
/**
 * Bytes delivered last, of all control connections together: a ring, to compare retransmissions with the first copy. What has been
 * overwritten cannot be compared any more.
 */
const HISTORY_BYTES = 262_144;

interface PendingSegment {
  at: number;
  bytes: Uint8Array;
  /** Bytes on the wire, at least bytes.length; the rest was cut by the snaplen. */
  length: number;
  stamp: Stamp;
}

/**
 * Puts the two byte streams of one control connection in order (RFC 9293 section 3.10.7.4): the first copy of each byte wins, a
 * differing later copy is an anomaly, a hole becomes a gap once it is sure that nobody will fill it.
 */
export class ControlReassembler implements AppendedReader {
  readonly #sink: ControlStream;
  readonly #anomalies: AnomalyLog;
  readonly #client: StreamAssembly;
  readonly #server: StreamAssembly;
  /** Segments held in both directions. */
  #held = 0;

  constructor(
    client: HalfConnection,
    server: HalfConnection,
    sink: ControlStream,
    history: DeliveredBytes,
    anomalies: AnomalyLog,
  ) {
    this.#sink = sink;
    this.#anomalies = anomalies;
    this.#client = new StreamAssembly("client", client, history);
    this.#server = new StreamAssembly("server", server, history);
  }

  /**
   * One segment's payload. `at` is its stream offset, `from` … `to` what the capture holds of its `length` bytes.
   * @param half the sender's side, which tells the direction
   */
  segment(
    half: HalfConnection,
    at: number,
    bytes: Uint8Array,
    from: number,
    to: number,
    length: number,
    stamp: Stamp,
  ): void {
    const stream = half === this.#client.half ? this.#client : this.#server;
    if (!stream.started) {
      if (half.baseFromSyn) {
        stream.started = true;
        stream.nextAt = 0;
      } else {
        this.#hold(stream, at, bytes, from, to, length, stamp);
        if (stream.pending.length >= MIDSTREAM_SEGMENTS) this.#startBoth();
        return;
      }
    }
    if (at > stream.nextAt) {
      this.#hold(stream, at, bytes, from, to, length, stamp);
      if (stream.pendingBytes > MAX_PENDING_BYTES || stream.pending.length > MAX_PENDING_SEGMENTS) {
        const detail = `more than ${MAX_PENDING_BYTES} bytes or ${MAX_PENDING_SEGMENTS} segments behind a hole; it counts as lost`;
        this.#anomalies.note(BOUNDS.outOfOrderBytes.code, "tcp", stamp.packet, detail);
        this.#giveUpHole(stream, "lost");
      }
      return;
    }
    if (at === stream.nextAt && to - from === length) {
      // Nearly always: it goes on where the stream was, and all of it is there.
      stream.nextAt += length;
      stream.remember(bytes, from, to);
      this.#sink.data(stream.direction, bytes, from, to, stamp);
    } else this.#accept(stream, at, bytes, from, to, length, stamp);
    if (stream.pending.length > 0) this.#drain(stream);
  }

  /** Segments are held: something before them is missing. */
  get isWaiting(): boolean {
    return this.#held > 0;
  }

  /** Where the prefilter may add to what the streams have brought, which is all that has been seen of them (`UnreadWords.appendAt`); 0: nowhere. */
  get appendAt(): number {
    const { unread } = this.#sink;
    // Where no segment is held, all that was sent has been delivered; until an end has sent anything, the other's acknowledgment tells where it begins.
    if (!unread || this.#held > 0 || this.#client.half.base < 0 || this.#server.half.base < 0) return 0;
    return unread.appendAt;
  }

  /** Takes note of what the prefilter has added. */
  catchUp(): void {
    this.#sink.unread?.tellAppended(this);
  }

  appended(direction: Direction, bytes: Uint8Array, from: number, to: number): void {
    const stream = direction === "client" ? this.#client : this.#server;
    stream.nextAt += to - from;
    stream.remember(bytes, from, to);
  }

  /** While segments are held, called for every segment of the connection after its acknowledgment was noted: decides about holes. */
  advance(time: number): void {
    this.#advance(this.#client, this.#server, time);
    this.#advance(this.#server, this.#client, time);
  }

  /**
   * The SYN stands behind segments of its stream, or behind what acknowledges them: it tells where the stream begins, and so what both ends acknowledge.
   * @returns false where the stream has begun, or the SYN cannot be its own
   */
  beginsAt(half: HalfConnection, base: number): boolean {
    const [stream, other] = half === this.#client.half ? [this.#client, this.#server] : [this.#server, this.#client];
    const beginning = half.offsetOf(base);
    const first = stream.pending[0]?.at ?? 0;
    if (stream.started || beginning > first || beginning < first - MAX_BEFORE_SYN) return false;
    if (stream.pending.length > 0) this.#rebase(stream, other, beginning);
    else this.#countFrom(beginning, other);
    return true;
  }

  /** No more segments: what is held is delivered, holes become gaps. */
  finish(): void {
    this.#startBoth();
    for (const stream of [this.#client, this.#server]) {
      while (stream.pending.length > 0) this.#giveUpHole(stream, "lost");
    }
  }

  #advance(stream: StreamAssembly, other: StreamAssembly, time: number): void {
    if (stream.pending.length === 0) return;
    if (!stream.started) {
      stream.waited++;
      if (stream.half.baseFromSyn) this.#start([stream]);
      else if (stream.waited > LATE_SEGMENTS || time - stream.pending[0].stamp.time > 1) this.#startBoth();
      return;
    }
    // "lost by the capture": the receiver has the bytes that we have not
    if (stream.half.acked > stream.nextAt || other.half.finAcked) stream.waited++;
    if (stream.waited > LATE_SEGMENTS || time - stream.pending[0].stamp.time > HOLE_SECONDS)
      this.#giveUpHole(stream, "lost");
  }

  /**
   * Begins what was joined midstream, both directions at once: their acknowledgments count from each other's beginnings. Where one had begun, its
   * acknowledgments count from the first of them, and what it acknowledged since and is not here is a hole.
   */
  #startBoth(): void {
    this.#start([this.#client, this.#server].filter((stream) => !stream.started));
  }

  #start(streams: readonly StreamAssembly[]): void {
    for (const stream of streams) {
      const beginning = stream.half.baseFromSyn ? 0 : (stream.pending[0]?.at ?? 0);
      if (beginning < 0 || (beginning > 0 && streams.length > 1))
        this.#rebase(stream, stream === this.#client ? this.#server : this.#client, beginning);
      stream.started = true;
      stream.waited = 0;
    }
    for (const stream of streams) this.#drain(stream);
  }

  /** Lets a stream count from this offset on: a segment, early in the file, told it where to begin, and what came before stood behind. */
  #rebase(stream: StreamAssembly, other: StreamAssembly, beginning: number): void {
    stream.half.rebase(beginning);
    for (const segment of stream.pending) segment.at -= beginning;
    this.#countFrom(beginning, other);
  }

  /** What the other end acknowledges counts from this offset on. */
  #countFrom(beginning: number, other: StreamAssembly): void {
    for (const segment of other.pending) {
      const { acknowledged } = segment.stamp;
      if (acknowledged !== -1) segment.stamp = { ...segment.stamp, acknowledged: acknowledged - beginning };
    }
  }

  #hold(
    stream: StreamAssembly,
    at: number,
    bytes: Uint8Array,
    from: number,
    to: number,
    length: number,
    stamp: Stamp,
  ): void {
    let i = stream.pending.length;
    while (i > 0 && stream.pending[i - 1].at > at) i--;
    const before = stream.pending[i - 1];
    if (before && before.at === at && before.length >= length) return;
    if (stream.pending === NOTHING_PENDING) stream.pending = [];
    stream.pending.splice(i, 0, { at, bytes: bytes.slice(from, to), length, stamp });
    stream.pendingBytes += length;
    this.#held++;
    if (stream.started && stream.pending.length === 1) stream.waited = 0;
  }

  #drain(stream: StreamAssembly): void {
    while (stream.pending.length > 0 && stream.pending[0].at <= stream.nextAt) {
      const first = stream.pending.shift()!;
      stream.pendingBytes -= first.length;
      this.#held--;
      this.#accept(stream, first.at, first.bytes, 0, first.bytes.length, first.length, first.stamp);
    }
    if (stream.pending.length === 0) stream.waited = 0;
  }

  #giveUpHole(stream: StreamAssembly, reason: GapReason): void {
    const first = stream.pending[0];
    if (!first) return;
    if (first.at > stream.nextAt) {
      this.#gap(stream, first.at - stream.nextAt, reason, first.stamp);
      stream.nextAt = first.at;
    }
    stream.waited = 0;
    this.#drain(stream);
  }

  #gap(stream: StreamAssembly, length: number, reason: GapReason, stamp: Stamp): void {
    this.#sink.gap(stream.direction, length, reason, stamp);
  }

  /** Delivers what is new of a segment that starts at or before the next expected byte. */
  #accept(
    stream: StreamAssembly,
    at: number,
    bytes: Uint8Array,
    from: number,
    to: number,
    length: number,
    stamp: Stamp,
  ): void {
    const end = at + length;
    const overlap = stream.nextAt - at;
    if (overlap > 0 && stream.differs(at, bytes, from, Math.min(to, from + overlap))) {
      this.#anomalies.note(
        "tcp-overlap-differs",
        "tcp",
        stamp.packet,
        `a ${stream.direction} segment repeats other bytes at stream offset ${at}; the first copy counts`,
      );
    }
    if (end <= stream.nextAt) return;
    const start = from + overlap;
    if (start < to) {
      stream.nextAt += to - start;
      stream.remember(bytes, start, to);
      this.#sink.data(stream.direction, bytes, start, to, stamp);
    }
    const cut = end - stream.nextAt;
    if (cut > 0) {
      stream.nextAt = end;
      this.#gap(stream, cut, "snaplen", stamp);
    }
  }
}

/** Of a stream in which no segment ever had to wait, as in nearly all; nothing is ever added. */
const NOTHING_PENDING: PendingSegment[] = [];

/** The state of one direction. */
class StreamAssembly {
  readonly direction: Direction;
  readonly half: HalfConnection;
  started = false;
  nextAt = 0;
  /** In the order of the stream. */
  pending: PendingSegment[] = NOTHING_PENDING;
  pendingBytes = 0;
  waited = 0;
  readonly #history: DeliveredBytes;
  /** Where the last two pieces delivered stand: stream offset, length, and place in the history. */
  #lastAt = 0;
  #lastLength = 0;
  #lastPlace = 0;
  #earlierAt = 0;
  #earlierLength = 0;
  #earlierPlace = 0;

  constructor(direction: Direction, half: HalfConnection, history: DeliveredBytes) {
    this.direction = direction;
    this.half = half;
    this.#history = history;
  }

  /** Keeps what was delivered; `nextAt` is already past it. */
  remember(bytes: Uint8Array, from: number, to: number): void {
    this.#earlierAt = this.#lastAt;
    this.#earlierLength = this.#lastLength;
    this.#earlierPlace = this.#lastPlace;
    this.#lastAt = this.nextAt - (to - from);
    this.#lastLength = to - from;
    this.#lastPlace = this.#history.add(bytes, from, to);
  }

  /** Whether bytes at stream offset `at` differ from what was delivered there, as far as it is remembered. */
  differs(at: number, bytes: Uint8Array, from: number, to: number): boolean {
    return (
      this.#history.differs(this.#lastPlace, this.#lastAt, this.#lastLength, at, bytes, from, to) ||
      this.#history.differs(this.#earlierPlace, this.#earlierAt, this.#earlierLength, at, bytes, from, to)
    );
  }
}

/** The ring of {@link HISTORY_BYTES}; shared by the connections of one table. */
export class DeliveredBytes {
  readonly #ring = new Uint8Array(HISTORY_BYTES);
  /** Bytes ever added; modulo the ring's size the place of the next. */
  #added = 0;

  /** @returns the place of the first byte, counted from the first byte ever added */
  add(bytes: Uint8Array, from: number, to: number): number {
    const ring = this.#ring;
    const place = this.#added;
    let at = place % HISTORY_BYTES;
    for (let i = from; i < to; i++) {
      ring[at++] = bytes[i];
      if (at === HISTORY_BYTES) at = 0;
    }
    this.#added += to - from;
    return place;
  }

  /** Whether `from` … `to` of `bytes`, at stream offset `at`, differ from the remembered piece where they overlap it. */
  differs(
    place: number,
    pieceAt: number,
    pieceLength: number,
    at: number,
    bytes: Uint8Array,
    from: number,
    to: number,
  ): boolean {
    if (this.#added - place > HISTORY_BYTES) return false;
    for (let i = from; i < to; i++) {
      const into = at + i - from - pieceAt;
      if (into >= 0 && into < pieceLength && this.#ring[(place + into) % HISTORY_BYTES] !== bytes[i]) return true;
    }
    return false;
  }
}
