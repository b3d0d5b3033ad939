import type { CaptureReader } from "./capture/capture-reader.ts";
import { emptyFrame } from "./capture/frame.ts";
import { compareInstants, type Instant } from "./instant.ts";
import type { CapturePrefilter } from "./prefilter/prefilter.ts";
import { OtherTraffic } from "./tcp/other-traffic.ts";

/** One capture of an analysis while its bytes come in. */
export interface OpenedCapture {
  /** The analyzer waits for bytes of this capture; while it is false, neither push nor end may be called. */
  readonly hungry: boolean;
  /**
   * Where chunks are best put before they are pushed: others are copied there. Null where there is none. The capture takes it when it is asked for first and
   * has it until its end; what was pushed stays there until the capture is hungry again.
   */
  readonly room: Uint8Array | null;
  /**
   * The next bytes. They are borrowed until the capture is hungry again.
   * @throws CaptureFormatError when they are not a capture; the capture is then over, others go on
   */
  push(chunk: Uint8Array): void;
  /** There are no more bytes. @throws CaptureFormatError when there was not even a file header */
  end(): void;
}

/** Before all packets: which of several captures comes next is not known yet. */
const NOTHING_YET: Instant = { seconds: 0, nanoseconds: 0 };

/** One capture among those being merged. */
export class CaptureSource implements OpenedCapture {
  readonly name: string;
  readonly index: number;
  readonly reader: CaptureReader;
  readonly prefilter: CapturePrefilter | null;
  readonly frame = emptyFrame();
  hungry = false;
  /** What the table saw of it. */
  readonly traffic = new OtherTraffic();
  /** `waiting` for bytes, `ready` with a frame, or `over`. */
  state: "waiting" | "ready" | "over" = "waiting";
  /** A lower bound of the next packet's time while waiting; null: unknown, so it is asked at once. */
  #bound: Instant | null;
  readonly #advance: () => void;

  constructor(
    name: string,
    index: number,
    startsAt: Instant | null,
    reader: CaptureReader,
    prefilter: CapturePrefilter | null,
    advance: () => void,
  ) {
    this.name = name;
    this.index = index;
    this.reader = reader;
    this.prefilter = prefilter;
    this.#bound = startsAt;
    this.#advance = advance;
  }

  /** It holds TCP that belongs to no control connection: it is not filtered to them. */
  get sawOtherTcp(): boolean {
    return this.traffic.isSeen(this.prefilter?.otherTcpPackets ?? 0);
  }

  get room(): Uint8Array | null {
    if (this.prefilter !== null && this.prefilter.room === null && this.state !== "over") this.prefilter.open();
    return this.prefilter?.room ?? null;
  }

  push(chunk: Uint8Array): void {
    if (!this.hungry) throw new Error(`${this.name}: push while the analyzer wants no bytes of it`);
    try {
      if (this.room !== null) this.prefilter?.setUntil(NOTHING_YET);
      this.reader.push(chunk);
      if (this.reader.next(this.frame)) this.state = "ready";
    } catch (error) {
      this.#over();
      throw error;
    }
    if (this.state === "ready") this.#advance();
  }

  end(): void {
    if (!this.hungry) throw new Error(`${this.name}: end while the analyzer wants no bytes of it`);
    try {
      this.reader.end();
    } finally {
      this.#over();
    }
  }

  /** The analysis is over before this capture was. */
  abandon(): void {
    this.state = "over";
    this.prefilter?.close();
  }

  /** When its next packet is due, or a time before that; nothing is known to be before the earliest time. */
  get due(): Instant {
    return this.#time() ?? NOTHING_YET;
  }

  /** All frames of the bytes so far have been used. */
  ranDry(): void {
    this.state = "waiting";
    this.#bound = { seconds: this.frame.seconds, nanoseconds: this.frame.nanoseconds };
  }

  /** Whether its next packet comes before the other's, by all that is known; equal times keep the order of opening. */
  isBefore(other: CaptureSource): boolean {
    const mine = this.#time();
    const theirs = other.#time();
    if (mine === null || theirs === null) return mine === null && theirs !== null;
    const order = compareInstants(mine, theirs);
    return order < 0 || (order === 0 && this.index < other.index);
  }

  #time(): Instant | null {
    return this.state === "ready" ? this.frame : this.#bound;
  }

  #over(): void {
    this.abandon();
    this.#advance();
  }
}
