import { formatEndpoint } from "../address.ts";
import type { AnomalyLog } from "../anomaly.ts";
import type { AcrossRule } from "./across/across-rule.ts";
import { BLIND_HELPER, BlindHelper } from "./across/blind-helper.ts";
import { BRUTE_FORCE, BruteForce } from "./across/brute-force.ts";
import { CLIENT_NETWORK, ClientNetwork } from "./across/client-network.ts";
import { EPSV_FALLBACK, EpsvFallback } from "./across/epsv-fallback.ts";
import { BLOCKED_PORT, PASSIVE_RANGE, PassiveRange } from "./across/passive-range.ts";
import { PORTS_EXHAUSTED, PortsExhausted } from "./across/ports-exhausted.ts";
import { SCAN } from "./across/scan.ts";
import { SYN_FLOOD } from "./across/syn-flood.ts";
import type { SessionDiagnosis } from "./diagnose.ts";
import type { AcrossFinding } from "./verdict.ts";

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

/** All sessions compared with one another, as they settle. */
export class AcrossSessions {
  readonly #anomalies: AnomalyLog;
  /** In the order of {@link FINDINGS}. */
  readonly #rules: readonly AcrossRule[];

  /** @param anomalies counts the sessions for which a rule had no room */
  constructor(anomalies: AnomalyLog) {
    this.#anomalies = anomalies;
    const range = new PassiveRange();
    this.#rules = [
      range,
      new PortsExhausted(),
      new BlindHelper(),
      new ClientNetwork(range),
      new EpsvFallback(),
      new BruteForce(),
    ];
  }

  add(diagnosis: SessionDiagnosis): void {
    let isWhole = true;
    for (const rule of this.#rules) isWhole = rule.add(diagnosis) && isWhole;
    if (isWhole) return;
    const { client, server, control } = diagnosis.facts;
    this.#anomalies.note(
      "comparison-over-limit",
      "correlate",
      control.firstPacket,
      () => `the session of ${formatEndpoint(client)} with ${formatEndpoint(server)}`,
    );
  }

  findings(): AcrossFinding[] {
    return this.#rules.flatMap((rule) => rule.findings());
  }
}
