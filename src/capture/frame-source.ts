import type { AnomalyLog } from "../anomaly.ts";
import { BOUNDS } from "../bounds.ts";
import type { CapturePrefilter } from "../prefilter/prefilter.ts";
import type { ByteFeed } from "./byte-feed.ts";
import type { Frame } from "./frame.ts";

/** Which capture is being read, and where its oddities are noted. */
export interface CaptureContext {
  /** As the caller named it. */
  readonly name: string;
  /** Index into the report's captures. */
  readonly index: number;
  readonly anomalies: AnomalyLog;
  /** Damage ends the capture, instead of being stepped over to where a plausible record stands. */
  readonly strict: boolean;
  /** Steps over packets that nobody is to see; null: all are handed out. */
  readonly prefilter: CapturePrefilter | null;
}

/** An interface that a capture describes. Classic pcap has one, without a name. */
export interface CaptureInterface {
  readonly name: string | null;
  /** LINKTYPE_ value. */
  readonly linkType: number;
}

/** The reader of one format: what {@link ./capture-reader.ts} finds behind a file's magic number. */
export interface FrameSource {
  readonly format: "pcap" | "pcapng";
  readonly interfaces: readonly CaptureInterface[];
  /** Whether the frames have a capture time; false until the first that has. */
  readonly timeKnown: boolean;
  /** A length that cannot be was met: what stands behind it was skipped, or not read at all. */
  readonly damaged: boolean;
  /** Fills `frame` with the next packet; false when that takes more bytes. */
  next(frame: Frame): boolean;
  /**
   * To be called once, at the end of the bytes.
   * @returns what the stream breaks off in, e.g. `packet 7`; null when it ends behind a whole record, or in damage that was noted
   */
  unfinished(): string | null;
}

/**
 * Steps over the records at the feed's `at` that nobody is to see.
 * @param packetNumber of the packet before
 * @returns whether there were any; the prefilter tells number and time of the last
 */
export function stepOver(feed: ByteFeed, prefilter: CapturePrefilter, packetNumber: number): boolean {
  const length = prefilter.skip(feed.memoryAt + feed.at, feed.limit - feed.at, packetNumber);
  feed.at += length;
  return length > 0;
}

/** Bytes in which the next record is searched for at once. */
export const SEARCH_BYTES = 4096;

/**
 * The largest captured length of a packet, in bytes: libpcap's MAXIMUM_SNAPLEN, and Wireshark's limit too. Writers keep to it
 * even where the stack hands over more (BIG TCP on loopback); a greater length means that the capture is damaged.
 */
export const MAX_FRAME_BYTES = BOUNDS.frameBytes.most;

/** The same for link types that do not carry packets of a network: they may have far larger records. */
const MAX_OTHER_FRAME_BYTES = BOUNDS.otherFrameBytes.most;

/** DBUS, USBPCAP, EBHSCR, ETW (libpcap's max_snaplen_for_dlt, Wireshark's wtap_max_snaplen_for_encap). */
const LARGE_FRAME_LINK_TYPES: readonly number[] = [231, 249, 279, 290];

/** The largest captured length to accept for `linkType`, in bytes. */
export function maxFrameBytes(linkType: number): number {
  return LARGE_FRAME_LINK_TYPES.includes(linkType) ? MAX_OTHER_FRAME_BYTES : MAX_FRAME_BYTES;
}
