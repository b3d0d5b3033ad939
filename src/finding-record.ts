import type { Finding } from "./analysis.ts";
import { captureIndexOf, packetNumberOf } from "./capture/frame.ts";
import type { Flood, Scan } from "./correlate/attempt-ledger.ts";
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

/** A SYN flood as a finding. */
export function floodFinding({ target, attempts, firstPacket, lastPacket }: Flood): Finding {
  return findingRecord({
    id: "syn-flood",
    title: `${target} got ${attempts} SYNs whose senders were not seen again: a SYN flood, not sessions`,
    confidence: "likely",
    sessions: [],
    sessionCount: 0,
    facts: [
      { packet: firstPacket, says: "first of these SYNs" },
      { packet: lastPacket, says: "last packet of these attempts" },
    ],
    remedy: ["Nothing to repair in FTP; SYN cookies or a rate limit in front of the server keep it reachable."],
  });
}
