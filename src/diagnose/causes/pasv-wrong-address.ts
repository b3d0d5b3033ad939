import { formatEndpoint, isPrivateUse, isUnusable } from "../../address.ts";
import { attemptOf, attemptState, prohibition, prohibitionFact } from "../attempt.ts";
import type { Cause } from "../cause.ts";
import type { ChannelRule } from "../context.ts";
import { USE_EPSV } from "../remedy.ts";
import { shareNetwork } from "../vantage.ts";
import type { Fact } from "../verdict.ts";
import { synText } from "../wording.ts";

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
  const state = attemptState(attempt);
  const target = `SYN to ${formatEndpoint(attempt.responder)}, ${synText(attempt)}`;
  const facts: Fact[] = [
    {
      packet: negotiation.reply!.stamp.packet,
      says: `${negotiation.reply!.code} advertises ${formatEndpoint({ address, port: negotiation.advertised!.port })}; the control connection's server is ${server}`,
    },
    { packet: attempt.firstPacket, says: state === "unanswered" ? `${target}, never answered` : target },
  ];
  const reset = attempt.responder.resets[0];
  const icmp = prohibition(attempt);
  if (reset) facts.push({ packet: reset.packet, says: `RST in answer, TTL ${reset.ttl}` });
  else if (icmp) facts.push(prohibitionFact(icmp, attempt));
  return {
    outcome: "failed",
    cause: "pasv-wrong-address",
    confidence: "likely",
    facts,
    alternatives: [
      {
        cause: state === "rejected" ? "data-port-rejected" : icmp ? "icmp-prohibited" : "data-port-filtered",
        missing: `whether ${address} is the server's`,
      },
    ],
  };
};
