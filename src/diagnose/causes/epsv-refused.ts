import type { ChannelRule } from "../context.ts";
import { refusesSession } from "../reply-text.ts";
import { replyText } from "../wording.ts";

/** EPSV turned down with no better cause. A PASV that works afterwards makes it a cost in seconds, not a failure. */
export const rule: ChannelRule = ({ channel, channels, index }) => {
  const { negotiation } = channel;
  if (negotiation?.verb !== "EPSV") return undefined;
  if (negotiation.granted || negotiation.reply === null || negotiation.reply.code < 400) return undefined;
  if (refusesSession(negotiation.reply)) return undefined;
  const pasv = channels.slice(index + 1).filter((later) => later.negotiation?.verb === "PASV");
  const passiveRefused =
    pasv.length > 0 && pasv.every((later) => later.negotiation!.reply !== null && later.negotiation!.reply.code >= 500);
  return {
    outcome: "refused",
    cause: "epsv-refused",
    confidence: "certain",
    situation: passiveRefused ? "passive-refused" : null,
    facts: [
      {
        packet: negotiation.reply.stamp.packet,
        says: `${negotiation.verb} turned down: ${replyText(negotiation.reply)}`,
      },
    ],
  };
};
