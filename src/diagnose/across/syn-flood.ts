import type { Flood } from "../../correlate/attempt-ledger.ts";
import type { AcrossFinding } from "../verdict.ts";
import type { FindingText } from "./across-rule.ts";

export const SYN_FLOOD = {
  id: "syn-flood",
  title: "a control port gets SYNs whose senders are not seen again",
  meaning: "Attempts on which nothing was said; they are counted here and are not reported as sessions.",
} as const satisfies FindingText;

/** A SYN flood as a finding. */
export function floodFinding({ target, attempts, firstPacket, lastPacket }: Flood): AcrossFinding {
  return {
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
  };
}
