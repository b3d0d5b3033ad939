import type { AcrossRule } from "./across/across-rule.ts";
import { BLIND_HELPER, BlindHelper } from "./across/blind-helper.ts";
import { BRUTE_FORCE, BruteForce } from "./across/brute-force.ts";
import { CLIENT_NETWORK, ClientNetwork } from "./across/client-network.ts";
import { EPSV_FALLBACK, EpsvFallback } from "./across/epsv-fallback.ts";
import { BLOCKED_PORT, PASSIVE_RANGE, PassiveRange } from "./across/passive-range.ts";
import { PORTS_EXHAUSTED, PortsExhausted } from "./across/ports-exhausted.ts";
import { SCAN } from "./across/scan.ts";
import { SYN_FLOOD } from "./across/syn-flood.ts";

/** What only several sessions together show, or attempts that are no sessions, in the order of the report's findings. */
export const FINDINGS = [
  PASSIVE_RANGE,
  BLOCKED_PORT,
  PORTS_EXHAUSTED,
  BLIND_HELPER,
  CLIENT_NETWORK,
  EPSV_FALLBACK,
  BRUTE_FORCE,
  SCAN,
  SYN_FLOOD,
] as const;

/** The id of a finding: API as those of the causes. */
export type FindingId = (typeof FINDINGS)[number]["id"];

/** The ids of all findings. */
export const FINDING_IDS: readonly FindingId[] = FINDINGS.map(({ id }) => id);

/** The rules over all sessions, in the same order. */
export function createAcrossRules(): AcrossRule[] {
  const range = new PassiveRange();
  return [
    range,
    new PortsExhausted(),
    new BlindHelper(),
    new ClientNetwork(range),
    new EpsvFallback(),
    new BruteForce(),
  ];
}
