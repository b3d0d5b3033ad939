import type { ChannelRule } from "../context.ts";
import { mayMean } from "../reply-text.ts";
import { replyText } from "../wording.ts";

/**
 * A transfer command with no negotiation in force. Silent on legacy active mode, where the server dials the client's control port
 * (RFC 959 section 3.2): there the transfer works and no reply complains.
 */
export const rule: ChannelRule = ({ channel }) => {
  const reply = channel.transfer?.final;
  if (!reply) return undefined;
  const textual = mayMean(reply, "not-negotiated");
  if (channel.negotiation !== null) return undefined;
  return {
    outcome: "refused",
    cause: "data-not-negotiated",
    confidence: textual ? "certain" : "likely",
    facts: [
      {
        packet: channel.transfer!.command.stamp.packet,
        says: `${channel.transfer!.command.verb} with no PASV, EPSV, PORT or EPRT in force`,
      },
      { packet: reply.stamp.packet, says: replyText(reply) },
    ],
  };
};
