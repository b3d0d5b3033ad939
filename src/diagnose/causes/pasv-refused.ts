import type { ChannelRule } from "../context.ts";
import { refusesSession } from "../reply-text.ts";
import { replyText } from "../wording.ts";

/** PASV (or LPSV) turned down with no better cause: the mode is disabled, or the server cannot listen. */
export const rule: ChannelRule = ({ channel }) => {
  const { negotiation } = channel;
  if (negotiation?.verb !== "PASV" && negotiation?.verb !== "LPSV") return undefined;
  if (negotiation.granted || negotiation.reply === null || negotiation.reply.code < 400) return undefined;
  if (refusesSession(negotiation.reply)) return undefined;
  return {
    outcome: "refused",
    cause: "pasv-refused",
    confidence: "certain",
    facts: [
      {
        packet: negotiation.reply.stamp.packet,
        says: `${negotiation.verb} turned down: ${replyText(negotiation.reply)}`,
      },
    ],
  };
};
