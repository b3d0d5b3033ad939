import type { HalfConnection, Reset } from "../tcp/half-connection.ts";
import { hopsFrom, initialTtl } from "./vantage.ts";

/** Who sent a reset, as far as its TTL tells. */
export interface ResetOrigin {
  /** `middlebox`: a device nearer than the host; `beyond`: one farther away; `unknown`: the TTL does not tell. */
  readonly who: "host" | "middlebox" | "beyond" | "unknown";
  readonly text: string;
}

/**
 * Compares a reset with the other packets of the host in whose name it came. Another hop distance means another sender; the same distance
 * fits the host, and proves nothing against a device on the same link. IP-ID and window are said for people who know the device: stacks
 * differ too much (Linux answers for a closed port with IP-ID 0, others count on) for a rule.
 */
export function resetOrigin(reset: Reset, host: HalfConnection): ResetOrigin {
  const form = `TTL ${reset.ttl}${reset.ipId >= 0 ? `, IP-ID ${reset.ipId}` : ""}, window ${reset.window}`;
  if (host.ttl === 0) return { who: "unknown", text: `${form}; no other packet of that host to compare with` };
  const there = hopsFrom(host.ttl);
  const here = hopsFrom(reset.ttl);
  const others = host.lowestTtl < host.highestTtl ? `${host.lowestTtl} to ${host.highestTtl}` : `${host.ttl}`;
  // Routes change: a TTL among those of the host's other packets is the host's.
  if (reset.ttl >= host.lowestTtl && reset.ttl <= host.highestTtl)
    return {
      who: "host",
      text: `${form}; the TTL fits the host's other packets (${others}), ${hopsText(there)} from here`,
    };
  if (here === there)
    return {
      who: "unknown",
      text: `${form}; the host's other packets have TTL ${others}: as far away, but an initial TTL of ${initialTtl(reset.ttl)} instead of ${initialTtl(host.ttl)}`,
    };
  const near = here < there;
  return {
    who: near ? "middlebox" : "beyond",
    text: `${form}; the host's other packets have TTL ${others}: sent ${hopsText(here)} from here, ${hopsText(Math.abs(there - here))} ${near ? "before" : "beyond"} the host (${hopsText(there)})${near ? ", by a middlebox" : ""}`,
  };
}

function hopsText(hops: number): string {
  return hops === 1 ? "1 hop" : `${hops} hops`;
}
