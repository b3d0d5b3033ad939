import { classifyAddress, formatEndpoint, isUnusable } from "../../address.ts";
import { isOvercome } from "../advertised-address.ts";
import type { Cause } from "../cause.ts";
import type { ChannelRule } from "../context.ts";
import { attemptElsewhere } from "../elsewhere.ts";
import { EPSV_FOR_IPV6, USE_EPSV } from "../remedy.ts";
import { vantageOf } from "../vantage.ts";
import type { Fact, Verdict } from "../verdict.ts";

export const cause = {
  id: "pasv-unusable-address",
  group: "Negotiation",
  traits: [],
  title: "the server advertises an address no host can have",
  meaning:
    "The reply to PASV names 0.0.0.0, a loopback or multicast address, or port 0; nothing can be reached there from another host.",
  remedy: ["Configure the server's external address for passive mode.", USE_EPSV],
  setting: "passive-address",
  situations: {
    "over-ipv6": { remedy: [EPSV_FOR_IPV6] },
  },
} as const satisfies Cause;

/**
 * 227 names an address that no other host can dial (0.0.0.0, loopback, multicast), or port 0. Many clients dial the control server instead: what became
 * of that decides, and where it may have happened unseen the reply alone is not certain to be the cause.
 */
export const rule: ChannelRule = (context) => {
  const { channel, session, capture } = context;
  const { negotiation, connection } = channel;
  if (negotiation?.mode !== "passive" || !negotiation.granted || !negotiation.advertised) return undefined;
  const { address, port } = negotiation.advertised;
  const server = session.server.address;
  const kind = address === null ? "public" : classifyAddress(address);
  const badAddress = address !== null && isUnusable(address);
  if (!badAddress && port !== 0) return undefined;
  // Both ends on one host, or a tunnel that ends here: loopback is right.
  if (port !== 0 && kind === "loopback" && classifyAddress(server) === "loopback") return undefined;
  const dialled = connection?.connection ?? attemptElsewhere(context);
  if (port !== 0 && (isOvercome(context) || (dialled && dialled.responder.address !== address))) return undefined;
  const { code, stamp } = negotiation.reply!;
  const target = formatEndpoint({ address: address ?? server, port });
  const overIpv6 = kind === "unspecified" && session.control.ipVersion === 6;
  const facts: Fact[] = [
    {
      packet: stamp.packet,
      says: overIpv6
        ? `${code} advertises ${target} on an IPv6 control connection: PASV cannot carry an IPv6 address, use EPSV`
        : `${code} advertises ${target}, ${badAddress ? `${kind}: an address` : "a port"} that no other host can dial`,
    },
  ];
  const verdict: Verdict = {
    outcome: "failed",
    cause: "pasv-unusable-address",
    confidence: "certain",
    facts,
    situation: overIpv6 ? "over-ipv6" : null,
  };
  if (dialled) {
    facts.push({
      packet: dialled.firstPacket,
      says: `the client's SYN to ${formatEndpoint(dialled.responder)} leads nowhere`,
    });
    return verdict;
  }
  const vantage = vantageOf(session);
  if (port === 0 || (vantage.side === "client" && capture.sawOtherTcp)) return verdict;
  facts.push({
    packet: stamp.packet,
    says: `no SYN of the client follows in this capture${capture.sawOtherTcp ? ` (${vantage.reason})` : ", which holds no connection but control connections"}`,
  });
  return {
    ...verdict,
    confidence: "likely",
    alternatives: [
      {
        cause: "syn-not-seen",
        missing: `a capture at the client${capture.sawOtherTcp ? "" : " that is not filtered to the control port"}: whether it dials ${server} instead, as many do`,
      },
    ],
  };
};
