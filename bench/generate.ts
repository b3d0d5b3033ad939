import { type CaptureForm, CaptureWriter } from "./capture-writer.ts";
import { FtpTraffic } from "./ftp-session.ts";
import { KINDS, type Kind, type KindName } from "./kinds.ts";
import { Timeline } from "./traffic.ts";
import type { CaptureTruth } from "./truth.ts";

/** Makes captures of a kind from a seed: same kind, amount, seed and variant, same bytes. */

const PLAIN: CaptureForm = { format: "pcap", nanoseconds: false, bigEndian: false, vlan: false, ipVersion: 4 };

/** Ways to write the same traffic. `gz` is the plain one, compressed by whoever writes the file. */
export const VARIANTS = {
  plain: PLAIN,
  pcapng: { ...PLAIN, format: "pcapng", nanoseconds: true },
  ns: { ...PLAIN, nanoseconds: true },
  "big-endian": { ...PLAIN, bigEndian: true },
  vlan: { ...PLAIN, vlan: true },
  ipv6: { ...PLAIN, ipVersion: 6 },
  gz: PLAIN,
} as const satisfies Record<string, CaptureForm>;

export type VariantName = keyof typeof VARIANTS;

/** What to make. */
export interface CaptureOrder {
  readonly kind: KindName;
  /** In the kind's own unit. */
  readonly amount: number;
  readonly variant: VariantName;
  readonly seed: number;
}

/**
 * Makes one capture.
 * @param write gets its bytes in order; a chunk is only lent
 * @returns what is true of it
 */
export function generate(order: CaptureOrder, write: (chunk: Uint8Array) => void): CaptureTruth {
  const kind: Kind = KINDS[order.kind];
  const writer = new CaptureWriter(VARIANTS[order.variant], write);
  const timeline = new Timeline(writer, order.seed);
  const ftp = new FtpTraffic(timeline);
  kind.begin(ftp, order.amount);
  timeline.run();
  writer.end();
  return { sessions: ftp.truths, finding: kind.finding ?? [], packets: writer.packets, bytes: writer.length };
}
