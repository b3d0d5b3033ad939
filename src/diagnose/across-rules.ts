import type { AcrossRule } from "./across/across-rule.ts";
import { BlindHelper } from "./across/blind-helper.ts";
import { BruteForce } from "./across/brute-force.ts";
import { ClientNetwork } from "./across/client-network.ts";
import { EpsvFallback } from "./across/epsv-fallback.ts";
import { PassiveRange } from "./across/passive-range.ts";
import { PortsExhausted } from "./across/ports-exhausted.ts";

/** The rules over all sessions, in the order of the report's findings. */
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
