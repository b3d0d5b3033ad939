import { formatEndpoint } from "../../address.ts";
import type { ChannelRule } from "../context.ts";
import { replyText } from "../wording.ts";

/**
 * The server refuses PORT or EPRT by policy: mode disabled, port below 1024, third-party address. 522 names the families it would take
 * (RFC 2428), which is no policy, but a refusal all the same.
 */
export const rule: ChannelRule = ({ channel, session }) => {
  const { negotiation } = channel;
  if (
    negotiation?.mode !== "active" ||
    negotiation.granted ||
    negotiation.reply === null ||
    negotiation.reply.code < 400
  )
    return undefined;
  const { reply, advertised, malformed } = negotiation;
  const facts = [{ packet: reply.stamp.packet, says: replyText(reply) }];
  if (malformed)
    facts.unshift({
      packet: negotiation.command!.stamp.packet,
      says: `${negotiation.verb} is malformed: ${malformed}`,
    });
  else if (advertised?.address && advertised.address !== session.client.address) {
    facts.unshift({
      packet: negotiation.command!.stamp.packet,
      says: `${negotiation.verb} names ${formatEndpoint({ address: advertised.address, port: advertised.port })}, not the client ${session.client.address}`,
    });
  } else if (advertised && advertised.port < 1024)
    facts.unshift({
      packet: negotiation.command!.stamp.packet,
      says: `${negotiation.verb} names port ${advertised.port}, below 1024 (RFC 2577)`,
    });
  return {
    outcome: "refused",
    cause: "port-refused",
    confidence: malformed || reply.code === 501 ? "likely" : "certain",
    facts,
  };
};
