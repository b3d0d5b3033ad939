/**
 * Anomalies: what was malformed, truncated, lost or beyond a limit. A value, never an exception: the layer that met it
 * stops, the analysis goes on (ARCHITECTURE.md: three kinds of error). Every occurrence is counted, the first of each code kept.
 */

/** The layer that noticed. */
export type AnomalyLayer = "capture" | "link" | "ip" | "tcp" | "icmp" | "tls" | "ftp" | "correlate";

/** Packets or bytes that are in the capture were not read, and nobody asked for that: who looks only at the exit status is told too (4). */
const UNREAD_TEXT = {
  "truncated-file": "the file ends in the middle of a record",
  "record-length-invalid": "a record's length cannot be; reading goes on where records make sense again",
  "block-length-invalid": "a pcapng block's length cannot be; reading goes on where blocks make sense again",
  "section-invalid": "a pcapng section that cannot be read; nothing behind it is",
  "interface-limit": "more pcapng interfaces than are kept; packets of the others are left out",
  "interface-unknown": "a packet of a pcapng interface that no block describes; left out",
  "link-type-unsupported": "packets of a link type that is not read",
} as const;

/** All of the capture was read: what was odd in it, too much of a kind, or left out as asked for. */
const ODD_TEXT = {
  "option-invalid": "a pcapng option does not fit its block; the block's other options are not read",
  "captured-exceeds-original": "a record says that more bytes were captured than the packet had",
  "timestamp-invalid": "a fraction of a second that is none; the surplus is carried over",
  "no-timestamp": "a pcapng Simple Packet Block has no time; that of the packet before is used",
  "link-header-cut": "a link header is not captured whole",
  "link-header-malformed": "a link header that cannot be",
  "ip-header-cut": "an IP header is not captured whole",
  "ip-header-malformed": "an IP header that cannot be",
  "tcp-header-cut": "a TCP header is not captured whole",
  "tcp-header-malformed": "a TCP header that cannot be",
  "icmp-header-cut": "an ICMP message is not captured whole",
  "icmp-header-malformed": "an ICMP message that cannot be",
  "ip-checksum-wrong": "packets with a wrong IP checksum, left out as asked for (--verify-checksums)",
  "tcp-checksum-wrong": "packets with a wrong TCP checksum, left out as asked for (--verify-checksums)",
  "nesting-too-deep": "more IP packets inside one another than are unpacked",
  "fragment-malformed": "an IP fragment whose place and length do not agree with the others",
  "fragment-oversize": "an IP fragment that reaches beyond the longest datagram",
  "fragment-overlap": "IP fragments that overlap; the first copy counts",
  "fragments-dropped": "a datagram whose fragments did not all come, or not soon enough",
  "tcp-out-of-window": "a segment or reset outside the window, which its receiver ignores; it may be forged",
  "tcp-overlap-differs": "a segment repeats other bytes than were sent before; the first copy counts",
  "out-of-order-over-limit": "more out-of-order bytes than are kept; the hole before them counts as lost",
  "tls-framing-lost": "neither a TLS record nor text where one should begin",
  "tls-hello-malformed": "a TLS handshake that begins with no ClientHello or ServerHello that can be read",
  "ftp-line-too-long": "a line longer than is kept",
  "ftp-reply-too-long": "a reply longer than is kept",
  "control-attempts-over-limit": "more control connections without a word than are followed: a scan or a SYN flood",
  "data-connections-over-limit": "more connections of one session than are followed",
  "sessions-over-limit": "more sessions at once than are followed; the one silent for longest was settled early",
  "commands-pending-over-limit": "more commands without a reply than are waited for; the oldest is waited for no more",
  "foreign-connections-over-limit":
    "more connections of a client to other hosts, while its session could not be read, than may belong to it",
  "syn-memory-over-limit": "more SYNs of nobody than are remembered; the older are forgotten",
  "early-packets-over-limit":
    "more packets that may stand too early in the file than are kept; the older are forgotten",
  "two-vantage-points": "captures show one session at two points of the network; it is reported as seen at each",
  "session-events-over-limit": "more lines and records of one session than are used",
  "comparison-over-limit":
    "more servers, clients or ports than are compared; what these sessions show together with others may not be told",
} as const;

/** Every code, and what it says: `ftptrace explain` lists them. */
export const ANOMALY_TEXT = { ...UNREAD_TEXT, ...ODD_TEXT };

/** Whether a code means that part of the capture was not read, so that its analysis is one in part. */
export function meansUnread(code: AnomalyCode): boolean {
  return code in UNREAD_TEXT;
}

/** The name of one kind of oddity. */
export type AnomalyCode = keyof typeof ANOMALY_TEXT;

/** One kind of oddity as the report lists it. */
export interface Anomaly {
  readonly code: AnomalyCode;
  readonly layer: AnomalyLayer;
  /** How often it occurred. */
  readonly count: number;
  readonly first: {
    /** Index into the report's `captures`. */
    readonly capture: number;
    /** 1-based packet number in that capture; 0 when it belongs to no packet. */
    readonly packet: number;
    readonly detail: string;
  };
}

/** Counts anomalies and keeps the first of each code. */
export class AnomalyLog {
  readonly #byCode = new Map<AnomalyCode, { layer: AnomalyLayer; count: number; packet: number; detail: string }>();

  /**
   * @param packet a {@link ./capture/frame.ts packet reference} (capture index × 2³² + packet number)
   * @param detail text, or a function that makes it: it runs only for the first of its code
   * @param times how often it occurred, where that is noted once for all
   */
  note(code: AnomalyCode, layer: AnomalyLayer, packet: number, detail: string | (() => string), times = 1): void {
    const known = this.#byCode.get(code);
    if (known) {
      known.count += times;
      return;
    }
    this.#byCode.set(code, { layer, count: times, packet, detail: typeof detail === "string" ? detail : detail() });
  }

  /** How often `code` was noted. */
  count(code: AnomalyCode): number {
    return this.#byCode.get(code)?.count ?? 0;
  }

  /** All anomalies, in the order in which their codes first occurred. */
  list(): Anomaly[] {
    return [...this.#byCode].map(([code, { layer, count, packet, detail }]) => ({
      code,
      layer,
      count,
      first: { capture: Math.floor(packet / 2 ** 32), packet: packet % 2 ** 32, detail },
    }));
  }
}
