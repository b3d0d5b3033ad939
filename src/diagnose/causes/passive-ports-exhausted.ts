import type { ChannelRule } from "../context.ts";
import { mayMean } from "../reply-text.ts";
import { replyText } from "../wording.ts";

/** The server has no passive port left and says so, to the negotiation or to the transfer. Login limits are `server-busy`. */
export const rule: ChannelRule = ({ channel }) => {
  const { negotiation, transfer } = channel;
  if (negotiation?.mode !== "passive") return undefined;
  const reply = negotiation.granted ? (transfer?.final ?? null) : negotiation.reply;
  if (!reply || !mayMean(reply, "ports-exhausted")) return undefined;
  return {
    outcome: negotiation.granted ? "failed" : "refused",
    cause: "passive-ports-exhausted",
    confidence: "likely",
    facts: [{ packet: reply.stamp.packet, says: replyText(reply) }],
    alternatives: [{ cause: "pasv-refused", missing: "the server's log: which ports of its range were in use" }],
  };
};
