import { formatEndpoint } from "../../address.ts";
import { attemptOf, attemptState, mayBeAdvertised } from "../attempt.ts";
import type { Cause } from "../cause.ts";
import type { ChannelRule } from "../context.ts";
import { isTimeExceeded, prohibition, prohibitionFact } from "../prohibition.ts";
import { CORRECT_SENDER, FORWARD_RANGE, OPEN_AT_CLIENT } from "../remedy.ts";
import { standsNearClient } from "../vantage.ts";
import { synText } from "../wording.ts";

export const cause = {
  id: "icmp-prohibited",
  group: "Connecting",
  traits: ["refusal"],
  title: "a router answers the data connection's SYN with ICMP unreachable",
  meaning: "An ICMP error quotes the data connection's SYN: a router or host on the path refuses to carry it.",
  remedy: [CORRECT_SENDER, FORWARD_RANGE],
  setting: "passive-range",
  situations: {
    "client-side": {
      remedy: [CORRECT_SENDER, OPEN_AT_CLIENT],
    },
    "routing-loop": {
      remedy: [
        "Packets to that port go in a circle between routers: follow the route (traceroute -T -p PORT) from the router that sent the ICMP message on, its NAT and policy routes too.",
      ],
    },
  },
} as const satisfies Cause;

/** An ICMP error quotes the client's SYN to the passive port; the router that sent it is named. "Too big" is not among them. */
export const rule: ChannelRule = (context) => {
  const attempt = attemptOf(context, "passive");
  if (!attempt || attemptState(attempt) !== "prohibited") return undefined;
  const error = prohibition(attempt)!;
  const isRouter = error.from !== attempt.responder.address;
  const alternatives = mayBeAdvertised(context, attempt);
  return {
    outcome: "failed",
    cause: "icmp-prohibited",
    // It was refused; that the address was right is not known.
    confidence: alternatives.length > 0 ? "likely" : "certain",
    facts: [
      { packet: attempt.firstPacket, says: `SYN to ${formatEndpoint(attempt.responder)}, ${synText(attempt)}` },
      prohibitionFact(error, attempt),
    ],
    situation: isTimeExceeded(error)
      ? "routing-loop"
      : isRouter && standsNearClient(context.session, error.ttl)
        ? "client-side"
        : null,
    contributing: context.channel.hidden ? ["control-encrypted"] : [],
    alternatives,
  };
};
