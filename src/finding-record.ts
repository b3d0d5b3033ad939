import type { Finding } from "./analysis.ts";
import { captureIndexOf, packetNumberOf } from "./capture/frame.ts";
import type { Scan } from "./correlate/attempt-ledger.ts";
import type { AcrossFinding } from "./diagnose/verdict.ts";

/** A finding over several sessions as plain data of the report. */
export function findingRecord({ facts, ...finding }: AcrossFinding): Finding {
  const evidence = facts.map(({ packet, says }) => ({
    capture: captureIndexOf(packet),
    packet: packetNumberOf(packet),
    says,
  }));
  return { ...finding, evidence };
}

/** A scan as a finding. */
export function scanFinding({ source, targets, attempts, firstPacket, lastPacket, examples }: Scan): Finding {
  return findingRecord({
    id: "scan",
    title: `${source} tried ${targets} control ports (${attempts} attempts): a scan, not sessions`,
    confidence: "likely",
    sessions: [],
    sessionCount: 0,
    facts: [
      {
        packet: firstPacket,
        says: `first attempt; targets ${examples.join(", ")}${targets > examples.length ? ", …" : ""}`,
      },
      { packet: lastPacket, says: "last packet of the attempts" },
    ],
    remedy: ["Nothing to repair; block the source if it is not yours."],
  });
}
