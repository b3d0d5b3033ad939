import type { ChannelRule } from "../context.ts";
import { epsvAllBefore } from "../epsv-all.ts";
import { knowsNoSuchVerb, refusesSession } from "../reply-text.ts";
import { replyText } from "../wording.ts";

/** PASV (or LPSV, where the server knows it) turned down with no better cause: the mode is disabled, or the server cannot listen. */
export const rule: ChannelRule = ({ channel, session }) => {
  const { negotiation } = channel;
  if (negotiation?.verb !== "PASV" && negotiation?.verb !== "LPSV") return undefined;
  if (negotiation.granted || negotiation.reply === null || negotiation.reply.code < 400) return undefined;
  if (refusesSession(negotiation.reply)) return undefined;
  const epsvAll = epsvAllBefore(session, negotiation);
  if (epsvAll.length === 0 && knowsNoSuchVerb(negotiation.reply, negotiation.verb)) return undefined;
  const overIpv6 = negotiation.verb === "PASV" && session.control.ipVersion === 6;
  return {
    outcome: "refused",
    cause: "pasv-refused",
    confidence: "certain",
    facts: [
      ...epsvAll,
      {
        packet: negotiation.reply.stamp.packet,
        says: `${negotiation.verb} turned down: ${replyText(negotiation.reply)}`,
      },
    ],
    situation: epsvAll.length > 0 ? "after-epsv-all" : overIpv6 ? "over-ipv6" : null,
  };
};
