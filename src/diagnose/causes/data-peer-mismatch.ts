import type { ChannelRule } from "../context.ts";
import { mayMean } from "../reply-text.ts";
import { endpointText, replyText } from "../wording.ts";

/** The data connection came from another host than the control connection's peer, and the server turned it down (RFC 2577). */
export const rule: ChannelRule = ({ channel, session }) => {
  const reply = channel.transfer?.final ?? channel.negotiation?.reply ?? null;
  const connection = channel.connection?.connection;
  const peer = channel.negotiation?.mode === "passive" ? session.client.address : session.server.address;
  const stranger = connection !== undefined && connection.originator.address !== peer;
  // "foreign address" is also how a PORT that names another host is refused: that is the negotiation's own matter.
  if (!reply || !mayMean(reply, "peer-mismatch") || channel.negotiation?.granted === false) return undefined;
  const facts = [{ packet: reply.stamp.packet, says: replyText(reply) }];
  if (stranger)
    facts.unshift({
      packet: connection.firstPacket,
      says: `data connection from ${endpointText(connection.originator)}, the control connection's peer is ${peer}`,
    });
  return { outcome: "failed", cause: "data-peer-mismatch", confidence: "certain", facts };
};
