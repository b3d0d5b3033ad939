import { AnomalyLog } from "../anomaly.ts";
import { type CaptureReader, createCaptureReader } from "../capture/capture-reader.ts";
import { emptyFrame, type Frame } from "../capture/frame.ts";
import { compareInstants, type Instant } from "../instant.ts";
import { type Input, letOthersRun } from "./capture-inputs.ts";
import { type OpenCapture, openCapture } from "./open-capture.ts";

/** A frame and where it comes from; both are borrowed until the next one. */
export interface PlacedFrame {
  readonly frame: Frame;
  /** Index into the report's captures. */
  readonly captureIndex: number;
  readonly reader: CaptureReader;
}

/**
 * The frames of captures that have been analysed, once more and in the same order: by time, and by the order of the inputs where times are
 * equal. What is damaged was told of by the analysis and is stepped over here too.
 * @param afterChunk between two chunks; gets the bytes taken from disk so far, of all captures together
 * @throws CaptureOpenError when one has gone meanwhile
 */
export async function eachFrame(
  inputs: readonly Input[],
  take: (placed: PlacedFrame) => void,
  afterChunk: (bytesRead: number) => Promise<void>,
): Promise<void> {
  const turn = letOthersRun();
  const sources = inputs.flatMap((input, index) => (input.state === "unusable" ? [] : [new Source(input, index)]));
  try {
    for (;;) {
      const source = earliest(sources);
      if (source === undefined) return;
      if (source.ready) take(source);
      if (!source.advance()) {
        await afterChunk(sources.reduce((sum, { position }) => sum + position, 0));
        await turn();
        await source.nextChunk();
      }
    }
  } finally {
    for (const source of sources) source.close();
  }
}

function earliest(sources: readonly Source[]): Source | undefined {
  let best: Source | undefined;
  for (const source of sources) {
    if (source.over) continue;
    if (best === undefined || source.isBefore(best)) best = source;
  }
  return best;
}

class Source implements PlacedFrame {
  readonly frame = emptyFrame();
  readonly captureIndex: number;
  readonly reader: CaptureReader;
  readonly #path: string;
  #capture: OpenCapture | null = null;
  /** Null: unknown, so it goes first. */
  #time: Instant | null;
  /** `frame` is one that has not been taken yet. */
  ready = false;
  over = false;

  constructor({ path, startsAt }: Input, captureIndex: number) {
    this.#path = path;
    this.captureIndex = captureIndex;
    this.#time = startsAt;
    this.reader = createCaptureReader(path, captureIndex, new AnomalyLog());
  }

  /** Bytes taken from disk so far. */
  get position(): number {
    return this.#capture?.position ?? 0;
  }

  /** Goes to the next frame; false when that takes more bytes. */
  advance(): boolean {
    if (this.#capture === null) {
      this.ready = false;
      return false;
    }
    this.ready = this.reader.next(this.frame);
    this.#time = { seconds: this.frame.seconds, nanoseconds: this.frame.nanoseconds };
    return this.ready;
  }

  /** Reads on until there is a frame, or the capture is over. */
  async nextChunk(): Promise<void> {
    this.#capture ??= await openCapture(this.#path);
    while (!this.ready && !this.over) {
      const chunk = await this.#capture.read();
      if (chunk === null) {
        this.close();
        return;
      }
      this.reader.push(chunk);
      this.advance();
    }
  }

  isBefore(other: Source): boolean {
    if (this.#time === null || other.#time === null) return this.#time === null && other.#time !== null;
    return compareInstants(this.#time, other.#time) < 0;
  }

  close(): void {
    this.over = true;
    this.#capture?.close();
  }
}
