import type { ChannelRule } from "../context.ts";

/**
 * The command was acknowledged and never answered while the rest of the session lives: an inspecting middlebox swallowed it. A server
 * still inside an earlier transfer answers nothing either (that is `not-attempted`).
 */
export const rule: ChannelRule = ({ channel, session }) => {
  const { negotiation } = channel;
  if (!negotiation?.command || negotiation.reply !== null || negotiation.duringTransfer) return undefined;
  const { command } = negotiation;
  if (session.client.acked < command.endAt) return undefined;
  const next = session.exchanges.find(
    (exchange) =>
      exchange.command !== null &&
      exchange.command.startAt >= command.endAt &&
      exchange.final !== null &&
      exchange.final.code < 400,
  );
  if (!next) return undefined;
  return {
    outcome: "failed",
    cause: "negotiation-blocked",
    confidence: "likely",
    facts: [
      { packet: command.stamp.packet, says: `${command.verb} is acknowledged and never answered` },
      {
        packet: next.final!.stamp.packet,
        says: `the session lives on: ${next.command!.verb} is answered ${next.final!.code}`,
      },
    ],
  };
};
