import type { CapturePrefilter } from "../prefilter/prefilter.ts";
import type { ByteFeed } from "./byte-feed.ts";
import { CaptureFormatError } from "./capture-format-error.ts";
import type { Frame } from "./frame.ts";
import { packetReference } from "./frame.ts";
import {
  type CaptureContext,
  type CaptureInterface,
  type FrameSource,
  maxFrameBytes,
  SEARCH_BYTES,
  stepOver,
} from "./frame-source.ts";
import { canonicalLinkType } from "./link-type.ts";

/*
 * Classic pcap (draft-ietf-opsawg-pcap), in the byte order of the magic number:
 *
 *   file header                                     record header
 *   0  magic number                                 0  seconds since the epoch, unsigned
 *   4  major version (16)   6  minor version (16)   4  micro- or nanoseconds, by the magic number
 *   8  reserved: was time zone and accuracy         8  captured length
 *   16 snaplen                                      12 original length
 *   20 FCS length (4) · 0 · f · 0 (10) · link type (16)
 */

/** The variants of classic pcap by magic number. Sources: the draft; Wireshark's wiretap/libpcap.c. */
const VARIANTS = [
  { magic: 0xa1b2c3d4, fileHeaderLength: 24, recordHeaderLength: 16, nanosecondsPerFraction: 1000 },
  { magic: 0xa1b23c4d, fileHeaderLength: 24, recordHeaderLength: 16, nanosecondsPerFraction: 1 },
  // Alexey Kuznetzov's "modified" format: interface index, protocol and packet type behind each record header.
  { magic: 0xa1b2cd34, fileHeaderLength: 24, recordHeaderLength: 24, nanosecondsPerFraction: 1000 },
  // IXIA hardware and software captures: the file header ends with the length of all records.
  { magic: 0x1c0001ac, fileHeaderLength: 28, recordHeaderLength: 16, nanosecondsPerFraction: 1 },
  { magic: 0x1c0001ab, fileHeaderLength: 28, recordHeaderLength: 16, nanosecondsPerFraction: 1000 },
] as const;

/** AIX writes version 2.2, nanoseconds, and the interface type of RFC 1573 instead of the link type (wiretap/libpcap.c). */
const AIX_LINK_TYPES: ReadonlyMap<number, number> = new Map([
  [6, 1], // Ethernet
  [9, 6], // Token Ring
  [24, 0], // loopback
]);

const FCS_LENGTH_PRESENT = 0x04000000;

/** A record behind damage is taken for one only if its time is that close to the last one's: chance hits it once in 10¹³ bytes. */
const RESUME_SECONDS = 3600;

/** A record whose length cannot be, and what it claims. */
interface Damage {
  readonly offset: number;
  readonly problem: string;
}

/** A variant and the byte order in which its magic number was found. */
export interface PcapMagic {
  readonly variant: (typeof VARIANTS)[number];
  readonly littleEndian: boolean;
}

/** The pcap variant that begins with the four bytes at `at`, or null. */
export function recognisePcap(view: DataView, at: number): PcapMagic | null {
  for (const littleEndian of [true, false]) {
    const magic = view.getUint32(at, littleEndian);
    const variant = VARIANTS.find((candidate) => candidate.magic === magic);
    if (variant) return { variant, littleEndian };
  }
  return null;
}

/** The frames of a classic pcap capture. */
export class PcapSource implements FrameSource {
  readonly format = "pcap";
  readonly timeKnown = true;
  readonly interfaces: readonly CaptureInterface[];
  damaged = false;

  readonly #feed: ByteFeed;
  readonly #context: CaptureContext;
  readonly #littleEndian: boolean;
  readonly #recordHeaderLength: number;
  readonly #nanosecondsPerFraction: number;
  readonly #fractionsPerSecond: number;
  readonly #linkType: number;
  readonly #fcsLength: number;
  readonly #maxFrameBytes: number;
  /** Offsets of the two lengths in the record header: versions before 2.3 have them the other way round. */
  readonly #capturedAt: number;
  readonly #originalAt: number;
  /** Version 2.3 was written with both orders (libpcap sf-pcap.c): the captured length is the smaller one. */
  readonly #lengthsMaySwap: boolean;
  #packetNumber = 0;
  /** Of the last packet. */
  #seconds = 0;
  /** While the next record is searched for. */
  #damage: Damage | null = null;

  /** Takes the file header, whose bytes are all in the feed's window. @throws CaptureFormatError for an unknown version */
  constructor(feed: ByteFeed, context: CaptureContext, { variant, littleEndian }: PcapMagic) {
    const { view, at } = feed;
    const major = view.getUint16(at + 4, littleEndian);
    const minor = view.getUint16(at + 6, littleEndian);
    if (major < 2) {
      throw new CaptureFormatError(context.name, feed.offset + 4, `pcap version ${major}.${minor} is not supported`);
    }
    const network = view.getUint32(at + 20, littleEndian);
    const aixLinkType =
      major === 2 && minor === 2 && variant.magic === 0xa1b2c3d4 ? AIX_LINK_TYPES.get(network) : undefined;
    this.#feed = feed;
    this.#context = context;
    this.#littleEndian = littleEndian;
    this.#recordHeaderLength = variant.recordHeaderLength;
    this.#nanosecondsPerFraction = aixLinkType === undefined ? variant.nanosecondsPerFraction : 1;
    this.#fractionsPerSecond = 1e9 / this.#nanosecondsPerFraction;
    this.#linkType = aixLinkType ?? canonicalLinkType(network & 0xffff);
    this.#fcsLength = network & FCS_LENGTH_PRESENT ? (network >>> 28) * 2 : 0;
    this.#maxFrameBytes = maxFrameBytes(this.#linkType);
    // 543.0 is DG/UX's tcpdump (libpcap sf-pcap.c).
    const swapped = (major === 2 && minor < 3) || major === 543;
    this.#capturedAt = swapped ? 12 : 8;
    this.#originalAt = swapped ? 8 : 12;
    this.#lengthsMaySwap = major === 2 && minor === 3;
    this.interfaces = [{ name: null, linkType: this.#linkType }];
    if (this.#fcsLength === 0 && !swapped && !this.#lengthsMaySwap) {
      context.prefilter?.expectPcap(!littleEndian, variant.recordHeaderLength, this.#maxFrameBytes);
      context.prefilter?.addInterface(0, this.#linkType, this.#fractionsPerSecond);
    }
    feed.at = at + variant.fileHeaderLength;
  }

  next(frame: Frame): boolean {
    const feed = this.#feed;
    const headerLength = this.#recordHeaderLength;
    if (this.#damage !== null && !this.#resume(this.#damage)) return false;
    if (feed.memoryAt >= 0) this.#skip(this.#context.prefilter!);
    if (feed.limit - feed.at < headerLength && !feed.more(headerLength)) return false;
    let view = feed.view;
    let at = feed.at;
    const littleEndian = this.#littleEndian;
    let captured = view.getUint32(at + this.#capturedAt, littleEndian);
    let original = view.getUint32(at + this.#originalAt, littleEndian);
    if (captured > original && this.#lengthsMaySwap) {
      const smaller = original;
      original = captured;
      captured = smaller;
    }
    if (captured > this.#maxFrameBytes) return this.#damaged(captured) && this.next(frame);
    const length = headerLength + captured;
    if (feed.limit - at < length) {
      if (!feed.more(length)) return false;
      view = feed.view;
      at = feed.at;
    }
    this.#packetNumber++;
    if (frame.bytes !== feed.bytes) frame.bytes = feed.bytes;
    frame.start = at + headerLength;
    frame.capturedLength = captured;
    frame.originalLength = original;
    frame.seconds = view.getUint32(at, littleEndian);
    frame.linkType = this.#linkType;
    frame.fcsLength = this.#fcsLength;
    frame.packetNumber = this.#packetNumber;
    const fraction = view.getUint32(at + 4, littleEndian);
    if (fraction < this.#fractionsPerSecond) frame.nanoseconds = fraction * this.#nanosecondsPerFraction;
    else this.#carryFraction(frame, fraction);
    if (captured > original) this.#noteLonger(frame);
    this.#seconds = frame.seconds;
    feed.at = at + length;
    return true;
  }

  /** Steps over what nobody is to see. */
  #skip(prefilter: CapturePrefilter): void {
    if (!stepOver(this.#feed, prefilter, this.#packetNumber)) return;
    this.#packetNumber = prefilter.packetNumber;
    this.#seconds = prefilter.seconds;
  }

  unfinished(): string | null {
    if (this.#damage === null) return this.#feed.pending > 0 ? `packet ${this.#packetNumber + 1}` : null;
    this.#noteDamage(this.#damage, "nothing behind it is read");
    return null;
  }

  /** A length that cannot be. @returns whether a record has been found to go on with */
  #damaged(captured: number): boolean {
    const damage = {
      offset: this.#feed.offset,
      problem: `packet ${this.#packetNumber + 1} claims ${captured} captured bytes (at most ${this.#maxFrameBytes})`,
    };
    this.damaged = true;
    // Without a packet before there is no time to know a record by.
    if (this.#context.strict || this.#packetNumber === 0) {
      this.#feed.stop();
      this.#noteDamage(damage, "nothing behind it is read");
      return false;
    }
    this.#damage = damage;
    this.#feed.at++;
    return this.#resume(damage);
  }

  /** Searches for the next record; false when that takes more bytes. */
  #resume(damage: Damage): boolean {
    const feed = this.#feed;
    const headerLength = this.#recordHeaderLength;
    for (;;) {
      const enough = feed.limit - feed.at >= SEARCH_BYTES || feed.more(SEARCH_BYTES);
      const last = feed.limit - headerLength;
      while (feed.at <= last && !this.#isPlausible(feed.view, feed.at)) feed.at++;
      if (feed.at <= last) break;
      if (!enough) return false;
    }
    this.#damage = null;
    const { offset } = feed;
    this.#noteDamage(damage, `${offset - damage.offset} bytes skipped, reading goes on at offset ${offset}`);
    return true;
  }

  /** Whether a record header may stand at `at`. */
  #isPlausible(view: DataView, at: number): boolean {
    const littleEndian = this.#littleEndian;
    const captured = view.getUint32(at + this.#capturedAt, littleEndian);
    if (captured === 0 || captured > this.#maxFrameBytes) return false;
    const original = view.getUint32(at + this.#originalAt, littleEndian);
    if (original < captured || original > this.#maxFrameBytes) return false;
    const seconds = view.getUint32(at, littleEndian);
    return (
      Math.abs(seconds - this.#seconds) <= RESUME_SECONDS &&
      view.getUint32(at + 4, littleEndian) < this.#fractionsPerSecond
    );
  }

  #noteDamage({ offset, problem }: Damage, consequence: string): void {
    this.#context.anomalies.note(
      "record-length-invalid",
      "capture",
      packetReference(this.#context.index, 0),
      () => `offset ${offset}: ${problem}; ${consequence}`,
    );
  }

  /** More than a second's worth of micro- or nanoseconds: some writers forget to carry. */
  #carryFraction(frame: Frame, fraction: number): void {
    const whole = Math.floor(fraction / this.#fractionsPerSecond);
    frame.seconds += whole;
    frame.nanoseconds = (fraction - whole * this.#fractionsPerSecond) * this.#nanosecondsPerFraction;
    this.#context.anomalies.note(
      "timestamp-invalid",
      "capture",
      packetReference(this.#context.index, frame.packetNumber),
      () => `${fraction} is not a fraction of a second (below ${this.#fractionsPerSecond})`,
    );
  }

  #noteLonger({ packetNumber, capturedLength, originalLength }: Frame): void {
    this.#context.anomalies.note(
      "captured-exceeds-original",
      "capture",
      packetReference(this.#context.index, packetNumber),
      () => `${capturedLength} bytes captured of a packet of ${originalLength}`,
    );
  }
}
