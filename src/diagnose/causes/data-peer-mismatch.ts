import type { ChannelContext, ChannelRule } from "../context.ts";
import { progressOf } from "../data-progress.ts";
import { mayMean } from "../reply-text.ts";
import type { Fact } from "../verdict.ts";
import { endpointText, replyText } from "../wording.ts";

/** Replies with which a server reports a data connection that it would not use (RFC 959 section 4.2). */
const NOT_USED: ReadonlySet<number> = new Set([421, 425, 426]);

/**
 * The data connection came from another host than the control connection's peer, and the server turned it down (RFC 2577). Where the
 * stranger's connection works, it is FXP or a client with several addresses, and nobody is to blame.
 */
export const rule: ChannelRule = (context) => {
  const { channel, session } = context;
  const { negotiation, transfer } = channel;
  const reply = transfer?.final ?? negotiation?.reply ?? null;
  // "foreign address" is also how a PORT that names another host is refused: that is the negotiation's own matter.
  if (!reply || negotiation?.granted === false) return undefined;
  const connection = channel.connection?.connection;
  const peer = negotiation?.mode === "active" ? session.server.address : session.client.address;
  const stranger = connection !== undefined && connection.originator.address !== peer;
  const says = mayMean(reply, "peer-mismatch", transfer?.command);
  if (!says && !(stranger && NOT_USED.has(reply.code) && droppedByServer(context))) return undefined;
  const facts: Fact[] = [{ packet: reply.stamp.packet, says: replyText(reply) }];
  if (stranger)
    facts.unshift({
      packet: connection.firstPacket,
      says: `data connection from ${endpointText(connection.originator)}; the control connection's peer is ${peer}`,
    });
  return {
    outcome: "failed",
    cause: "data-peer-mismatch",
    confidence: says ? "certain" : "likely",
    facts,
    alternatives: says
      ? []
      : [{ cause: "data-connection-reset", missing: "the server's log: why it dropped the data connection" }],
  };
};

/** The server accepted the connection, sent nothing on it, and ended it first. */
function droppedByServer({ channel, session }: ChannelContext): boolean {
  const progress = progressOf(channel, session);
  if (!progress || progress.server.bytes > 0) return false;
  const { client, server } = progress;
  return server.resetCount > 0 || server.closedBefore(client);
}
