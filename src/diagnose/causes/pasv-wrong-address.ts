import { formatEndpoint, isPrivateUse, isUnusable } from "../../address.ts";
import { attemptFacts, attemptOf, attemptState } from "../attempt.ts";
import type { Cause } from "../cause.ts";
import type { ChannelRule } from "../context.ts";
import { prohibition } from "../prohibition.ts";
import { USE_EPSV } from "../remedy.ts";
import { shareNetwork } from "../vantage.ts";
import type { Fact } from "../verdict.ts";

export const cause = {
  id: "pasv-wrong-address",
  group: "Negotiation",
  traits: [],
  title: "the server advertises the address of another host",
  meaning:
    "The reply to PASV names a routable address that is not the control server's, and nothing there accepts the data connection.",
  remedy: [
    "Correct the external address in the server's configuration: it may be stale (dynamic address, old DNS name) or belong to another interface.",
    USE_EPSV,
  ],
  setting: "passive-address",
} as const satisfies Cause;

/**
 * 227 names an address that the client can route to and that is not the control server's, and the attempt at it failed. Silent without an
 * attempt: seen from the server's side of a NAT the public address is right, and in FXP the other server's address is.
 */
export const rule: ChannelRule = (context) => {
  const { channel, session } = context;
  const { negotiation } = channel;
  const attempt = attemptOf(context, "passive");
  if (negotiation?.mode !== "passive" || !negotiation.granted || !attempt || attempt.established) return undefined;
  const address = negotiation.advertised?.address ?? null;
  const server = session.server.address;
  if (address === null || isUnusable(address) || address === server) return undefined;
  // Private, and in another network than the server: `pasv-private-address`.
  if (isPrivateUse(address) && !shareNetwork(address, server)) return undefined;
  if (attempt.responder.address !== address) return undefined;
  const isRejected = attemptState(attempt) === "rejected";
  const facts: Fact[] = [
    {
      packet: negotiation.reply!.stamp.packet,
      says: `${negotiation.reply!.code} advertises ${formatEndpoint({ address, port: negotiation.advertised!.port })}; the control connection's server is ${server}`,
    },
    ...attemptFacts(attempt),
  ];
  return {
    outcome: "failed",
    cause: "pasv-wrong-address",
    confidence: "likely",
    facts,
    alternatives: [
      {
        cause: isRejected ? "data-port-rejected" : prohibition(attempt) ? "icmp-prohibited" : "data-port-filtered",
        missing: `whether ${address} is the server's`,
      },
    ],
  };
};
