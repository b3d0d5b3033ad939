import type { AnomalyLog } from "../anomaly.ts";
import { compareInstants, type Instant } from "../instant.ts";
import type { CapturePrefilter } from "../prefilter/prefilter.ts";
import { ByteFeed } from "./byte-feed.ts";
import { CaptureFormatError } from "./capture-format-error.ts";
import { type Frame, packetReference } from "./frame.ts";
import type { CaptureContext, FrameSource } from "./frame-source.ts";
import { linkTypeName } from "./link-type.ts";
import { PcapSource, recognisePcap } from "./pcap.ts";
import { PcapngSource, recognisePcapng } from "./pcapng.ts";

/** What is known about a capture, so far while it is read. */
export interface CaptureReaderSummary {
  /** Null until the first bytes have told. */
  readonly format: "pcap" | "pcapng" | null;
  /** LINKTYPE_ names of the interfaces, without the prefix, each once. */
  readonly linkTypes: readonly string[];
  /** The interfaces of all sections in the order described; one without a name for classic pcap. */
  readonly interfaces: readonly { readonly name: string | null; readonly linkType: string }[];
  /** Frames handed out or stepped over. pcapng may have greater packet numbers: Wireshark numbers custom blocks too. */
  readonly packets: number;
  /** Bytes pushed. */
  readonly bytes: number;
  /** The earliest and the latest time of a frame; null without a frame that has one. */
  readonly first: Instant | null;
  readonly last: Instant | null;
  /** The bytes ended inside a record. */
  readonly truncated: boolean;
  /** A length that cannot be was met: what stands behind it was skipped, or not read at all. */
  readonly damaged: boolean;
}

/**
 * Reads one capture from chunks of any size. The result does not depend on how the bytes are cut.
 *
 * ```ts
 * for (chunk of chunks) {
 *   reader.push(chunk);
 *   while (reader.next(frame)) { … }
 * }
 * reader.end();
 * ```
 */
export interface CaptureReader {
  /**
   * The next bytes. The chunk is borrowed until {@link next} has returned false; the caller may then overwrite it.
   * @throws Error when `next` has not returned false since the last push
   */
  push(chunk: Uint8Array): void;
  /**
   * Fills `frame` with the next packet; false when that takes more bytes or reading is over. Does not allocate.
   * @throws CaptureFormatError when the bytes are not a capture
   */
  next(frame: Frame): boolean;
  /**
   * There are no more bytes; call it once `next` has returned false. A record that is not complete becomes the anomaly
   * `truncated-file`.
   * @throws CaptureFormatError when there was no complete file header
   */
  end(): void;
  /** A snapshot. */
  readonly summary: CaptureReaderSummary;
}

/**
 * A reader for pcap and pcapng, told apart by their first bytes.
 * @param name what messages call the capture, usually its path
 * @param captureIndex index into the report's captures
 * @param anomalies gets `truncated-file`, `record-length-invalid`, `block-length-invalid`, `section-invalid`,
 *   `timestamp-invalid`, `no-timestamp`, `captured-exceeds-original`, `interface-unknown`, `interface-limit`, `option-invalid`
 * @param options.strict damage ends the capture; else reading goes on where a plausible record stands behind it
 * @param options.prefilter steps over packets that nobody is to see; they are in the summary only
 */
export function createCaptureReader(
  name: string,
  captureIndex: number,
  anomalies: AnomalyLog,
  {
    strict = false,
    prefilter = null,
  }: { readonly strict?: boolean; readonly prefilter?: CapturePrefilter | null } = {},
): CaptureReader {
  return new FormatDetectingReader({ name, index: captureIndex, anomalies, strict, prefilter });
}

/** Formats that people hand in for a capture, by their first bytes (as latin1). */
const OTHER_FORMATS = [
  { begins: "snoo", advice: "a Solaris snoop capture; convert it with `editcap -F pcapng IN OUT`" },
  { begins: "GMBU", advice: "a Microsoft Network Monitor capture; convert it with `editcap -F pcapng IN OUT`" },
  { begins: "RTSS", advice: "a Microsoft Network Monitor 1 capture; convert it with `editcap -F pcapng IN OUT`" },
  { begins: "XCP\0", advice: "a NetXRay or Windows Sniffer capture; convert it with `editcap -F pcapng IN OUT`" },
  { begins: "\x1f\x8b", advice: "gzip data; decompress it first" },
  { begins: "\x28\xb5\x2f\xfd", advice: "zstd data; decompress it first" },
  { begins: "\xfd7zX", advice: "xz data; decompress it first" },
  { begins: "\x04\x22\x4d\x18", advice: "lz4 data; decompress it first" },
  { begins: "BZh", advice: "bzip2 data; decompress it first" },
  { begins: "PK\x03\x04", advice: "a zip archive; unpack it first" },
] as const;

const MAGIC_LENGTH = 4;

class FormatDetectingReader implements CaptureReader {
  readonly #context: CaptureContext;
  readonly #feed = new ByteFeed();
  #source: FrameSource | null = null;
  #packets = 0;
  #truncated = false;
  #ended = false;
  #timeKnown = false;
  #firstSeconds = 0;
  #firstNanoseconds = 0;
  #lastSeconds = 0;
  #lastNanoseconds = 0;

  constructor(context: CaptureContext) {
    this.#context = context;
  }

  push(chunk: Uint8Array): void {
    this.#feed.push(chunk, this.#context.prefilter?.room ?? null);
  }

  next(frame: Frame): boolean {
    const source = this.#source ?? this.#recognise();
    if (source === null || !source.next(frame)) return false;
    this.#packets++;
    const seconds = frame.seconds;
    const nanoseconds = frame.nanoseconds;
    if (this.#timeKnown) {
      if (seconds > this.#lastSeconds || (seconds === this.#lastSeconds && nanoseconds > this.#lastNanoseconds)) {
        this.#lastSeconds = seconds;
        this.#lastNanoseconds = nanoseconds;
      } else if (
        seconds < this.#firstSeconds ||
        (seconds === this.#firstSeconds && nanoseconds < this.#firstNanoseconds)
      ) {
        this.#firstSeconds = seconds;
        this.#firstNanoseconds = nanoseconds;
      }
    } else if (source.timeKnown) {
      this.#timeKnown = true;
      this.#firstSeconds = this.#lastSeconds = seconds;
      this.#firstNanoseconds = this.#lastNanoseconds = nanoseconds;
    }
    return true;
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    const { index, anomalies } = this.#context;
    const source = this.#source ?? this.#recognise();
    if (source === null) throw this.#noFileHeader();
    const unfinished = source.unfinished();
    this.#feed.stop();
    if (unfinished === null) return;
    this.#truncated = true;
    const { received } = this.#feed;
    anomalies.note(
      "truncated-file",
      "capture",
      packetReference(index, 0),
      () => `offset ${received}: the capture ends inside ${unfinished}`,
    );
  }

  /** The source for the format that the capture's first bytes tell; null while there are too few. */
  #recognise(): FrameSource | null {
    const feed = this.#feed;
    if (feed.limit - feed.at < MAGIC_LENGTH && !feed.more(MAGIC_LENGTH)) return null;
    if (recognisePcapng(feed.view, feed.at)) {
      this.#source = new PcapngSource(feed, this.#context);
      return this.#source;
    }
    const magic = recognisePcap(feed.view, feed.at);
    if (magic === null) {
      const error = this.#notACapture();
      feed.stop();
      throw error;
    }
    const headerLength = magic.variant.fileHeaderLength;
    if (feed.limit - feed.at < headerLength && !feed.more(headerLength)) return null;
    this.#source = new PcapSource(feed, this.#context, magic);
    return this.#source;
  }

  #noFileHeader(): CaptureFormatError {
    const { name } = this.#context;
    const { received, view, at, limit } = this.#feed;
    if (received === 0) return new CaptureFormatError(name, 0, "empty file");
    if (limit - at >= MAGIC_LENGTH && recognisePcap(view, at) !== null) {
      return new CaptureFormatError(name, received, "the capture ends inside the pcap file header");
    }
    return this.#notACapture();
  }

  /** Names what the first bytes are, if they are known; else shows them. */
  #notACapture(): CaptureFormatError {
    const { bytes, at, limit } = this.#feed;
    const shown = [...bytes.subarray(at, Math.min(limit, at + MAGIC_LENGTH))];
    const text = String.fromCharCode(...shown);
    const known = OTHER_FORMATS.find(({ begins }) => text.startsWith(begins));
    const hex = shown.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    return new CaptureFormatError(
      this.#context.name,
      0,
      known
        ? `not a pcap or pcapng capture but ${known.advice}`
        : `not a packet capture (begins with ${hex} "${text.replace(/[^ -~]/g, ".")}")`,
    );
  }

  get summary(): CaptureReaderSummary {
    const source = this.#source;
    const interfaces = (source?.interfaces ?? []).map((known) => ({
      name: known.name,
      linkType: linkTypeName(known.linkType),
    }));
    const { prefilter } = this.#context;
    const skipped = prefilter?.skipped ?? 0;
    const times: Instant[] = [];
    if (this.#timeKnown)
      times.push(
        { seconds: this.#firstSeconds, nanoseconds: this.#firstNanoseconds },
        { seconds: this.#lastSeconds, nanoseconds: this.#lastNanoseconds },
      );
    if (prefilter !== null && skipped > 0) times.push(prefilter.first, prefilter.last);
    times.sort(compareInstants);
    return {
      format: source?.format ?? null,
      linkTypes: [...new Set(interfaces.map((known) => known.linkType))],
      interfaces,
      packets: this.#packets + skipped,
      bytes: this.#feed.received,
      first: times.at(0) ?? null,
      last: times.at(-1) ?? null,
      truncated: this.#truncated,
      damaged: source?.damaged ?? false,
    };
  }
}
