import type { Scan } from "../../correlate/attempt-ledger.ts";
import type { AcrossFinding } from "../verdict.ts";
import type { FindingText } from "./across-rule.ts";

export const SCAN = {
  id: "scan",
  title: "one source tries the control ports of many hosts, or many ports of one",
  meaning: "Attempts on which nothing was said; they are counted here and are not reported as sessions.",
} as const satisfies FindingText;

/** A scan as a finding. */
export function scanFinding({
  source,
  targets,
  attempts,
  otherPorts,
  firstPacket,
  lastPacket,
  examples,
}: Scan): AcrossFinding {
  const ports = targets === 1 ? "1 control port" : `${targets} control ports`;
  const times = attempts === 1 ? "1 attempt" : `${attempts} attempts`;
  const besides = otherPorts > 0 ? ` and at least ${otherPorts} other ports` : "";
  return {
    id: "scan",
    title: `${source} tried ${ports} (${times})${besides}: a scan, not sessions`,
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
  };
}
