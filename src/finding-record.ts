import type { Finding } from "./analysis.ts";
import { captureIndexOf, packetNumberOf } from "./capture/frame.ts";
import type { Scan } from "./correlate/attempt-ledger.ts";

/** A scan as a finding of the report. */
export function scanFinding(scan: Scan): Finding {
  const { source, targets, attempts, firstPacket, lastPacket, examples } = scan;
  const at = (packet: number, says: string) => ({
    capture: captureIndexOf(packet),
    packet: packetNumberOf(packet),
    says,
  });
  return {
    id: "scan",
    title: `${source} tried ${targets} control ports (${attempts} attempts): a scan, not sessions`,
    confidence: "likely",
    sessions: [],
    sessionCount: 0,
    evidence: [
      at(firstPacket, `first attempt; targets ${examples.join(", ")}${targets > examples.length ? ", …" : ""}`),
      at(lastPacket, "last packet of the attempts"),
    ],
    remedy: ["Nothing to repair; block the source if it is not yours."],
  };
}
