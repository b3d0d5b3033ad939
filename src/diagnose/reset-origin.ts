import type { HalfConnection, Reset } from "../tcp/half-connection.ts";
import { hopsFrom } from "./vantage.ts";

/** Who sent a reset, as far as its TTL tells. */
export interface ResetOrigin {
  readonly who: "host" | "middlebox" | "unknown";
  readonly text: string;
}

/**
 * Compares a reset with the other packets of the host in whose name it came (their TTL as seen here): another hop distance means
 * another sender. Equal distances prove nothing against a middlebox on the same link, so "fits" is all that is said.
 */
export function resetOrigin(reset: Reset, host: HalfConnection): ResetOrigin {
  if (host.ttl === 0) return { who: "unknown", text: `TTL ${reset.ttl}, no other packet of that host to compare with` };
  const there = hopsFrom(host.ttl);
  const here = hopsFrom(reset.ttl);
  if (here === there) return { who: "host", text: `TTL ${reset.ttl} fits the host's other packets (${host.ttl})` };
  return {
    who: "middlebox",
    text: `TTL ${reset.ttl}, the host's other packets have ${host.ttl}: a middlebox between, about ${here} ${here === 1 ? "hop" : "hops"} from here`,
  };
}
