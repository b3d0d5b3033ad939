import { isPrivateUse, parseAddress } from "../address.ts";
import type { SessionFacts } from "../correlate/session-facts.ts";
import { millisecondsText } from "./wording.ts";

/** Where the capture was taken, seen from the session. */
export interface Vantage {
  readonly side: "client" | "server" | "middle" | "unknown";
  /** Why, in words with the numbers. */
  readonly reason: string;
}

/** Initial TTLs of the stacks in use: Linux, BSD and macOS 64; Windows 128; Solaris and network gear 255. */
const INITIAL_TTLS: readonly number[] = [64, 128, 255];

/** Routers between the sender and the capture point, assuming the nearest initial TTL above; -1 when nothing was seen. */
export function hopsFrom(ttl: number): number {
  return ttl <= 0 ? -1 : initialTtl(ttl) - ttl;
}

/** The TTL with which a packet most likely set out. */
export function initialTtl(ttl: number): number {
  return INITIAL_TTLS.find((candidate) => candidate >= ttl) ?? 255;
}

/**
 * A packet that no router has touched was captured at its sender's host or on its link; where TTLs do not tell, addresses may. How long the server's
 * SYN-ACK took is said beside them: within a millisecond it came from nearby.
 */
export function vantageOf(session: SessionFacts): Vantage {
  const client = hopsFrom(session.client.ttl);
  const server = hopsFrom(session.server.ttl);
  const synAckAfter = session.server.synTime - session.client.lastSynTime;
  const distance =
    session.client.synCount > 0 && session.server.synCount > 0 && synAckAfter >= 0
      ? `, whose SYN-ACK took ${millisecondsText(synAckAfter)}`
      : "";
  const numbers = `TTL ${session.client.ttl || "?"} from the client, ${session.server.ttl || "?"} from the server${distance}`;
  if (client === 0 && server !== 0)
    return { side: "client", reason: `${numbers}: the client's packets have passed no router` };
  if (server === 0 && client !== 0)
    return { side: "server", reason: `${numbers}: the server's packets have passed no router` };
  if (client > 0 && server > 0) return { side: "middle", reason: `${numbers}: both have passed routers` };
  // Both untouched (one link, or a device that sets TTLs anew), or one is not there: addresses decide, for no private one crosses the Internet.
  const seen = client === 0 ? `${numbers}: neither has passed a router` : numbers;
  const hidden = [session.client.address, session.server.address].map(isPrivateUse);
  if (hidden[0] && !hidden[1])
    return {
      side: "client",
      reason: `${seen}; the client's private address ${session.client.address} has not been translated yet`,
    };
  if (hidden[1] && !hidden[0])
    return {
      side: "server",
      reason: `${seen}; the server's private address ${session.server.address} is behind its translation`,
    };
  return { side: "unknown", reason: seen };
}

/**
 * Whether whoever sent a packet towards the client stands nearer to the client than to the server, counted in links: only where the packet came by
 * here, and TTLs tell how far all three are.
 * @param ttl of the packet
 */
export function standsNearClient({ client, server }: SessionFacts, ttl: number): boolean {
  const [toClient, toSender, toServer] = [hopsFrom(client.ttl), hopsFrom(ttl), hopsFrom(server.ttl)];
  if (toClient < 0 || toSender < 0 || toServer < 0) return false;
  return (toClient + toSender + 1) * 2 < toClient + toServer + 1;
}

/** Bytes of an address that name the network, where nobody says otherwise: /24 for IPv4, /64 for IPv6. */
const NETWORK_BYTES: Readonly<Record<number, number>> = { 4: 3, 16: 8 };

/** Whether two addresses most likely stand in one network, so that one reaches the other without a NAT. */
export function shareNetwork(a: string, b: string): boolean {
  const [one, other] = [parseAddress(a), parseAddress(b)];
  if (!one || !other || one.length !== other.length) return false;
  return one.subarray(0, NETWORK_BYTES[one.length]).every((byte, i) => byte === other[i]);
}
