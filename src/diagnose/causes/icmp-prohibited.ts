import { attemptOf, attemptState, isTimeExceeded, prohibition, prohibitionFact } from "../attempt.ts";
import type { ChannelRule } from "../context.ts";
import { standsNearClient } from "../vantage.ts";
import { endpointText, synText } from "../wording.ts";

/** An ICMP error quotes the client's SYN to the passive port; the router that sent it is named. "Too big" is not among them. */
export const rule: ChannelRule = (context) => {
  const attempt = attemptOf(context, "passive");
  if (!attempt || attemptState(attempt) !== "prohibited") return undefined;
  const error = prohibition(attempt)!;
  const isRouter = error.from !== attempt.responder.address;
  return {
    outcome: "failed",
    cause: "icmp-prohibited",
    confidence: "certain",
    facts: [
      { packet: attempt.firstPacket, says: `SYN to ${endpointText(attempt.responder)}, ${synText(attempt)}` },
      { packet: error.packet, says: prohibitionFact(error, attempt) },
    ],
    situation: isTimeExceeded(error)
      ? "routing-loop"
      : isRouter && standsNearClient(context.session, error.ttl)
        ? "client-side"
        : null,
    contributing: context.channel.hidden ? ["control-encrypted"] : [],
  };
};
