import type { AnomalyCode } from "../anomaly.ts";
import { BOUNDS } from "../bounds.ts";
import type { CapturePrefilter } from "../prefilter/prefilter.ts";
import type { ByteFeed } from "./byte-feed.ts";
import { CaptureFormatError } from "./capture-format-error.ts";
import type { Frame } from "./frame.ts";
import { packetReference } from "./frame.ts";
import {
  type CaptureContext,
  type CaptureInterface,
  type FrameSource,
  MAX_FRAME_BYTES,
  maxFrameBytes,
  SEARCH_BYTES,
  stepOver,
} from "./frame-source.ts";
import { canonicalLinkType } from "./link-type.ts";

/*
 * pcapng (draft-ietf-opsawg-pcapng) is a row of blocks, each in the byte order of its section:
 *
 *   0  block type    4  total length    8  body …    total length − 4  total length again
 *
 *   Section Header     8 byte-order magic   12 major, minor (16)   16 section length (64)   24 options
 *   Interface Descr.   8 link type (16)     12 snaplen             16 options
 *   Enhanced Packet    8 interface          12 time, upper half    16 time, lower half   20 captured   24 original   28 data
 *   Packet (obsolete)  8 interface, drops (16), then as Enhanced Packet
 *   Simple Packet      8 original           12 data
 *
 * The section length is not needed: a section ends where the next Section Header Block begins.
 */
const BLOCK = {
  sectionHeader: 0x0a0d0d0a,
  interfaceDescription: 1,
  packet: 2,
  simplePacket: 3,
  enhancedPacket: 6,
} as const;

/** Type, length and length again. */
const MIN_BLOCK_BYTES = 12;

const MIN_PACKET_BLOCK_BYTES = 32;

const PACKET_HEADER_LENGTH = 28;
const SIMPLE_PACKET_HEADER_LENGTH = 12;

/** Blocks without a packet of a network that Wireshark numbers all the same (wiretap/pcapng.c, get_block_type_internal). */
const OTHER_NUMBERED_BLOCKS: readonly number[] = [
  0x00000bad, // Custom Block
  0x40000bad, // Custom Block that is not to be copied
  0x00000009, // systemd Journal Export
  0x00000204, // Sysdig Event
  0x00000216, // Sysdig Event, version 2
  0x00000221, // Sysdig Event, version 2, large
];

const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

const OPTION = { end: 0, interfaceName: 2, packetFlags: 2, timeResolution: 9, fcsLength: 13, timeOffset: 14 } as const;

/** Largest block that is put together in memory, in bytes. */
const MAX_BLOCK_BYTES = BOUNDS.blockBytes.most;

/** Largest block that is only stepped over, in bytes; costs no memory. About Wireshark's MAX_BLOCK_SIZE. */
const MAX_SKIPPED_BLOCK_BYTES = BOUNDS.skippedBlockBytes.most;

/** Blocks that reading may go on with behind damage: those of the draft, and custom blocks. */
const KNOWN_BLOCKS: readonly number[] = [1, 2, 3, 4, 5, 6, 10, 0x00000bad, 0x40000bad];

/** Largest of them that is believed there: a frame of the largest kind, and options. */
const MAX_RESUMED_BLOCK_BYTES = MAX_FRAME_BYTES + 65_536;

/** Interfaces remembered per capture: a file of nothing but Interface Description Blocks must not fill the memory. */
const MAX_INTERFACES = BOUNDS.interfaces.most;

/** Characters of an interface's name that are kept; Windows' `\Device\NPF_{…}` has 50. */
const MAX_NAME_LENGTH = 128;

interface Interface {
  /** Among all of the capture. */
  readonly index: number;
  readonly linkType: number;
  /** 0: no limit. */
  readonly snaplen: number;
  readonly fcsLength: number;
  readonly maxFrameBytes: number;
  /** Timestamp units in a second when that is a power of ten up to 10⁹; else 0, and `resolution` tells. */
  readonly ticksPerSecond: number;
  readonly nanosecondsPerTick: number;
  /** if_tsresol as in the file: 10^−n, or with the top bit 2^−n. */
  readonly resolution: number;
  /** Seconds to add to every timestamp. */
  readonly secondsOffset: number;
}

/** Whether a pcapng Section Header Block begins with the four bytes at `at`. */
export function recognisePcapng(view: DataView, at: number): boolean {
  return view.getUint32(at, true) === BLOCK.sectionHeader;
}

/**
 * The frames of a pcapng capture.
 *
 * A Simple Packet Block has no time: its frame gets the time of the packet before (0 without one), since that keeps the
 * order of the capture, and the anomaly `no-timestamp`.
 */
export class PcapngSource implements FrameSource {
  readonly format = "pcapng";
  timeKnown = false;
  damaged = false;
  readonly interfaces: CaptureInterface[] = [];

  readonly #feed: ByteFeed;
  readonly #context: CaptureContext;
  #sections = 0;
  #littleEndian = true;
  /** Of the current section, by interface id. */
  #sectionInterfaces: Interface[] = [];
  #packetNumber = 0;
  /** Time of the packet before. */
  #seconds = 0;
  #nanoseconds = 0;
  /** The block being stepped over: bytes of its body still to come, and its total length; 0 when there is none. */
  #skipLeft = 0;
  #skippedLength = 0;
  #skippedIsNumbered = false;
  /** While the next block is searched for: where the damage is, and what. */
  #damage: { readonly offset: number; readonly problem: string } | null = null;

  constructor(feed: ByteFeed, context: CaptureContext) {
    this.#feed = feed;
    this.#context = context;
  }

  next(frame: Frame): boolean {
    const feed = this.#feed;
    for (;;) {
      if (this.#damage !== null && !this.#resume(this.#damage)) return false;
      if (this.#skippedLength > 0 && !this.#stepOver()) {
        if (this.#damage === null) return false;
        continue;
      }
      if (feed.memoryAt >= 0) this.#skip(this.#context.prefilter!);
      if (feed.limit - feed.at < MIN_BLOCK_BYTES && !feed.more(MIN_BLOCK_BYTES)) return false;
      const type = feed.view.getUint32(feed.at, this.#littleEndian);
      if (type === BLOCK.sectionHeader && !this.#setByteOrder()) return false;
      const littleEndian = this.#littleEndian;
      const declared = feed.view.getUint32(feed.at + 4, littleEndian);
      const minimum = type === BLOCK.enhancedPacket ? MIN_PACKET_BLOCK_BYTES : minimumLength(type);
      if (minimum === 0) {
        this.#beginStepOver(type, declared);
        continue;
      }
      if (declared < minimum || declared > MAX_BLOCK_BYTES) {
        this.#wrongLength(type, declared);
        continue;
      }
      // Some writers leave the padding out of the total length, though not out of the file; Wireshark copes with them too.
      const length = (declared + 3) & ~3;
      if (feed.limit - feed.at < length && !feed.more(length)) return false;
      const { view, at } = feed;
      const trailer = view.getUint32(at + length - 4, littleEndian);
      if (trailer !== declared && trailer !== length) {
        this.#wrongTrailer(declared, trailer);
        continue;
      }
      if (type === BLOCK.enhancedPacket || type === BLOCK.packet) {
        feed.at = at + length;
        if (this.#packet(frame, view, at, type, length)) return true;
      } else if (type === BLOCK.simplePacket) {
        feed.at = at + length;
        if (this.#simplePacket(frame, view, at, length)) return true;
      } else if (type === BLOCK.interfaceDescription) {
        this.#describeInterface(view, at, length);
        feed.at = at + length;
      } else {
        if (!this.#beginSection(view, at)) return false;
        feed.at = at + length;
      }
    }
  }

  /** Steps over what nobody is to see. */
  #skip(prefilter: CapturePrefilter): void {
    if (!stepOver(this.#feed, prefilter, this.#packetNumber)) return;
    this.#packetNumber = prefilter.packetNumber;
    this.#seconds = prefilter.seconds;
    this.#nanoseconds = prefilter.nanoseconds;
  }

  /** @throws CaptureFormatError when not even the first section header is complete */
  unfinished(): string | null {
    const { name } = this.#context;
    if (this.#sections === 0 && !this.damaged) {
      throw new CaptureFormatError(name, this.#feed.received, "the capture ends inside the pcapng section header");
    }
    if (this.#damage !== null) {
      this.#noteDamage("block-length-invalid", this.#damage, "nothing behind it is read");
      return null;
    }
    if (this.#skippedLength === 0 && this.#feed.pending === 0) return null;
    return `a block behind packet ${this.#packetNumber}`;
  }

  /** An Enhanced Packet Block or its predecessor, whole at `at`; false when it has no packet that can be used. */
  #packet(frame: Frame, view: DataView, at: number, type: number, length: number): boolean {
    this.#packetNumber++;
    const littleEndian = this.#littleEndian;
    const id = type === BLOCK.packet ? view.getUint16(at + 8, littleEndian) : view.getUint32(at + 8, littleEndian);
    const source = this.#sectionInterfaces[id];
    if (source === undefined) return this.#rejectInterface(id);
    const captured = view.getUint32(at + 20, littleEndian);
    const original = view.getUint32(at + 24, littleEndian);
    if (captured > length - 32 || captured > source.maxFrameBytes) return this.#rejectLength(captured, length);
    const high = view.getUint32(at + 12, littleEndian);
    const low = view.getUint32(at + 16, littleEndian);
    const ticks = source.ticksPerSecond;
    if (high < 0x200000 && ticks > 0) {
      // Below 2⁵³ a double is exact, and the quotient of two cannot be rounded up to the next integer.
      const time = high * 4_294_967_296 + low;
      const seconds = Math.floor(time / ticks);
      this.#seconds = seconds + source.secondsOffset;
      this.#nanoseconds = (time - seconds * ticks) * source.nanosecondsPerTick;
    } else {
      this.#convertLongTime(high, low, source);
    }
    this.timeKnown = true;
    this.#fill(frame, at + PACKET_HEADER_LENGTH, captured, original, source);
    const options = at + PACKET_HEADER_LENGTH + captured + (-captured & 3);
    if (at + length - 4 - options >= 8) this.#readPacketOptions(frame, view, options, at + length - 4);
    return true;
  }

  /** A Simple Packet Block, whole at `at`: always of the section's first interface. */
  #simplePacket(frame: Frame, view: DataView, at: number, length: number): boolean {
    this.#packetNumber++;
    const source = this.#sectionInterfaces[0];
    if (source === undefined) return this.#rejectInterface(0);
    const original = view.getUint32(at + 8, this.#littleEndian);
    const captured = Math.min(original, source.snaplen || original, length - 16);
    if (captured > source.maxFrameBytes) return this.#rejectLength(captured, length);
    this.#fill(frame, at + SIMPLE_PACKET_HEADER_LENGTH, captured, original, source);
    this.#note("no-timestamp", () => "a Simple Packet Block has no time; that of the packet before is used");
    return true;
  }

  #fill(frame: Frame, start: number, captured: number, original: number, source: Interface): void {
    if (frame.bytes !== this.#feed.bytes) frame.bytes = this.#feed.bytes;
    frame.start = start;
    frame.capturedLength = captured;
    frame.originalLength = original;
    frame.seconds = this.#seconds;
    frame.nanoseconds = this.#nanoseconds;
    frame.linkType = source.linkType;
    frame.fcsLength = source.fcsLength;
    frame.interfaceIndex = source.index;
    frame.packetNumber = this.#packetNumber;
    if (captured > original) this.#noteLonger(captured, original);
  }

  /** epb_flags may give the FCS length of this one packet: bits 5 to 8, in bytes. */
  #readPacketOptions(frame: Frame, view: DataView, from: number, end: number): void {
    let at = from;
    while (at + 4 <= end) {
      const code = view.getUint16(at, this.#littleEndian);
      const length = view.getUint16(at + 2, this.#littleEndian);
      if (code === OPTION.end) return;
      if (at + 4 + length > end) {
        this.#noteOption(code, length);
        return;
      }
      if (code === OPTION.packetFlags && length === 4) {
        const fcsLength = (view.getUint32(at + 4, this.#littleEndian) >>> 5) & 0xf;
        if (fcsLength > 0) frame.fcsLength = fcsLength;
      }
      at += 4 + length + (-length & 3);
    }
  }

  /** The byte order of the section that begins at the feed's `at`; false (and stopped) when it has none. */
  #setByteOrder(): boolean {
    const { view, at } = this.#feed;
    if (view.getUint32(at + 8, true) === BYTE_ORDER_MAGIC) this.#littleEndian = true;
    else if (view.getUint32(at + 8, false) === BYTE_ORDER_MAGIC) this.#littleEndian = false;
    else return this.#stop("a pcapng section header without byte-order magic", "section-invalid");
    this.#context.prefilter?.expectPcapng(!this.#littleEndian, MAX_FRAME_BYTES);
    return true;
  }

  /** A Section Header Block, whole at `at`; false (and stopped) when its version is unknown. */
  #beginSection(view: DataView, at: number): boolean {
    const major = view.getUint16(at + 12, this.#littleEndian);
    const minor = view.getUint16(at + 14, this.#littleEndian);
    if (major !== 1) return this.#stop(`pcapng version ${major}.${minor} is not supported`, "section-invalid");
    this.#sections++;
    this.#sectionInterfaces = [];
    return true;
  }

  /** An Interface Description Block, whole at `at`. */
  #describeInterface(view: DataView, at: number, length: number): void {
    if (this.interfaces.length >= MAX_INTERFACES) {
      this.#note("interface-limit", () => `more than ${MAX_INTERFACES} interfaces; packets of the others are left out`);
      return;
    }
    const littleEndian = this.#littleEndian;
    const linkType = canonicalLinkType(view.getUint16(at + 8, littleEndian));
    let name: string | null = null;
    let resolution = 6;
    let fcsLength = 0;
    let secondsOffset = 0;
    const end = at + length - 4;
    for (let option = at + 16; option + 4 <= end; ) {
      const code = view.getUint16(option, littleEndian);
      const valueLength = view.getUint16(option + 2, littleEndian);
      const value = option + 4;
      if (code === OPTION.end) break;
      if (value + valueLength > end) {
        this.#noteOption(code, valueLength);
        break;
      }
      if (code === OPTION.interfaceName) {
        // No more is decoded than is kept: a slice of a longer text would hold on to all of it.
        const kept = this.#feed.bytes.subarray(value, value + Math.min(valueLength, 4 * MAX_NAME_LENGTH));
        name = new TextDecoder().decode(kept).replace(/\0.*$/s, "").slice(0, MAX_NAME_LENGTH);
      } else if (code === OPTION.timeResolution && valueLength >= 1) {
        resolution = view.getUint8(value);
      } else if (code === OPTION.fcsLength && valueLength >= 1) {
        // Bits by the draft; as found in traces, some writers give bytes.
        const given = view.getUint8(value);
        fcsLength = given >= 8 ? given >>> 3 : given;
      } else if (code === OPTION.timeOffset && valueLength >= 8) {
        const high = view.getUint32(littleEndian ? value + 4 : value, littleEndian) | 0;
        const low = view.getUint32(littleEndian ? value : value + 4, littleEndian);
        secondsOffset = high * 4_294_967_296 + low;
      }
      option = value + valueLength + (-valueLength & 3);
    }
    const decimal = resolution <= 9;
    if (decimal && fcsLength === 0 && secondsOffset === 0)
      this.#context.prefilter?.addInterface(this.#sectionInterfaces.length, linkType, 10 ** resolution);
    this.#sectionInterfaces.push({
      index: this.interfaces.length,
      linkType,
      snaplen: view.getUint32(at + 12, littleEndian),
      fcsLength,
      maxFrameBytes: maxFrameBytes(linkType),
      ticksPerSecond: decimal ? 10 ** resolution : 0,
      nanosecondsPerTick: decimal ? 10 ** (9 - resolution) : 0,
      resolution,
      secondsOffset,
    });
    this.interfaces.push({ name, linkType });
  }

  /** Times of 2⁵³ units and more: all nanoseconds of our days. */
  #convertLongTime(high: number, low: number, source: Interface): void {
    const ticks = source.ticksPerSecond;
    if (ticks === 0) {
      this.#convertExoticTime(high, low, source);
      return;
    }
    // Long division in steps of 16 bits: every intermediate stays below 2⁴⁸, so doubles are exact.
    const upperRest = high * 65_536 + (low >>> 16);
    const upper = Math.floor(upperRest / ticks);
    const lowerRest = (upperRest - upper * ticks) * 65_536 + (low & 0xffff);
    const lower = Math.floor(lowerRest / ticks);
    this.#seconds = upper * 65_536 + lower + source.secondsOffset;
    this.#nanoseconds = (lowerRest - lower * ticks) * source.nanosecondsPerTick;
  }

  /** Binary resolutions and those finer than nanoseconds: rare, so exact and slow. */
  #convertExoticTime(high: number, low: number, { resolution, secondsOffset }: Interface): void {
    const ticks = (BigInt(high) << 32n) | BigInt(low);
    const perSecond = resolution & 0x80 ? 1n << BigInt(resolution & 0x7f) : 10n ** BigInt(resolution);
    this.#seconds = Number(ticks / perSecond) + secondsOffset;
    this.#nanoseconds = Number(((ticks % perSecond) * 1_000_000_000n) / perSecond);
  }

  /** A block that is not read, at the feed's `at`. */
  #beginStepOver(type: number, declared: number): void {
    if (declared < MIN_BLOCK_BYTES || declared > MAX_SKIPPED_BLOCK_BYTES) {
      this.#wrongLength(type, declared);
      return;
    }
    this.#skipLeft = ((declared + 3) & ~3) - MIN_BLOCK_BYTES;
    this.#skippedLength = declared;
    this.#skippedIsNumbered = OTHER_NUMBERED_BLOCKS.includes(type);
    this.#feed.at += 8;
  }

  /** Goes on stepping over a block; true when all of it, trailer included, is behind; false also when the trailer is wrong. */
  #stepOver(): boolean {
    this.#skipLeft = this.#feed.skip(this.#skipLeft);
    if (this.#skipLeft > 0 || (this.#feed.limit - this.#feed.at < 4 && !this.#feed.more(4))) return false;
    const declared = this.#skippedLength;
    const trailer = this.#feed.view.getUint32(this.#feed.at, this.#littleEndian);
    this.#skippedLength = 0;
    if (trailer !== declared && trailer !== ((declared + 3) & ~3)) {
      this.#wrongTrailer(declared, trailer);
      return false;
    }
    if (this.#skippedIsNumbered) this.#packetNumber++;
    this.#feed.at += 4;
    return true;
  }

  #wrongLength(type: number, declared: number): void {
    this.#damaged(`block type 0x${type.toString(16)} claims a length of ${declared} bytes`);
  }

  #wrongTrailer(declared: number, trailer: number): void {
    this.#damaged(`a block begins with length ${declared} and ends with ${trailer}`);
  }

  /**
   * The capture ends here.
   * @throws CaptureFormatError when not even the first section could be read
   */
  #stop(problem: string, code: AnomalyCode): false {
    const { name } = this.#context;
    const offset = this.#feed.offset;
    this.damaged = true;
    this.#feed.stop();
    if (this.#sections === 0) throw new CaptureFormatError(name, offset, problem);
    this.#noteDamage(code, { offset, problem }, "nothing behind it is read");
    return false;
  }

  /** Damage at the feed's `at`: from here on the next block is searched for, unless reading is to stop. */
  #damaged(problem: string): void {
    if (this.#context.strict || this.#sections === 0) {
      this.#stop(problem, "block-length-invalid");
      return;
    }
    this.damaged = true;
    this.#damage = { offset: this.#feed.offset, problem };
    this.#feed.at++;
  }

  /** Searches for the next block; false when that takes more bytes. */
  #resume(damage: { readonly offset: number; readonly problem: string }): boolean {
    const feed = this.#feed;
    for (;;) {
      const enough = feed.limit - feed.at >= SEARCH_BYTES || feed.more(SEARCH_BYTES);
      while (feed.limit - feed.at >= MIN_BLOCK_BYTES) {
        const length = this.#plausibleLength(feed.view, feed.at);
        if (length > 0) {
          if (feed.limit - feed.at < length && !feed.more(length)) return false;
          if (feed.view.getUint32(feed.at + length - 4, this.#littleEndian) === length) {
            this.#damage = null;
            const { offset } = feed;
            const consequence = `${offset - damage.offset} bytes skipped, reading goes on at offset ${offset}`;
            this.#noteDamage("block-length-invalid", damage, consequence);
            return true;
          }
        }
        feed.at++;
      }
      if (!enough) return false;
    }
  }

  /** The length of the block that may stand at `at`; 0 when none may. A section in the other byte order is not looked for. */
  #plausibleLength(view: DataView, at: number): number {
    const type = view.getUint32(at, this.#littleEndian);
    const isSection = type === BLOCK.sectionHeader && view.getUint32(at + 8, this.#littleEndian) === BYTE_ORDER_MAGIC;
    if (!isSection && !KNOWN_BLOCKS.includes(type)) return 0;
    const length = view.getUint32(at + 4, this.#littleEndian);
    if (length % 4 !== 0 || length < Math.max(MIN_BLOCK_BYTES, minimumLength(type))) return 0;
    if (type === BLOCK.enhancedPacket && view.getUint32(at + 8, this.#littleEndian) >= this.#sectionInterfaces.length)
      return 0;
    return length <= MAX_RESUMED_BLOCK_BYTES ? length : 0;
  }

  #noteDamage(
    code: AnomalyCode,
    { offset, problem }: { readonly offset: number; readonly problem: string },
    consequence: string,
  ): void {
    const detail = () => `offset ${offset}: ${problem}; ${consequence}`;
    this.#context.anomalies.note(code, "capture", packetReference(this.#context.index, 0), detail);
  }

  #rejectInterface(id: number): false {
    this.#note("interface-unknown", () => `packet of interface ${id}, which no block describes; left out`);
    return false;
  }

  #rejectLength(captured: number, length: number): false {
    this.#note("record-length-invalid", () => `${captured} captured bytes in a block of ${length}; left out`);
    return false;
  }

  #noteLonger(captured: number, original: number): void {
    this.#note("captured-exceeds-original", () => `${captured} bytes captured of a packet of ${original}`);
  }

  #noteOption(code: number, length: number): void {
    this.#note("option-invalid", () => `option ${code} of ${length} bytes does not fit its block`);
  }

  #note(code: AnomalyCode, detail: () => string): void {
    this.#context.anomalies.note(code, "capture", packetReference(this.#context.index, this.#packetNumber), detail);
  }
}

/** The least total length of a block that is read, in bytes; 0 for one that is stepped over. */
function minimumLength(type: number): number {
  switch (type) {
    case BLOCK.enhancedPacket:
    case BLOCK.packet:
      return MIN_PACKET_BLOCK_BYTES;
    case BLOCK.simplePacket:
      return 16;
    case BLOCK.interfaceDescription:
      return 20;
    case BLOCK.sectionHeader:
      return 28;
    default:
      return 0;
  }
}
