import type { ChannelRule } from "../context.ts";
import { controlEnd, DEAD_RETRANSMISSIONS, IDLE_SECONDS } from "../control-end.ts";
import { SMALL_SEGMENT } from "../data-progress.ts";

/**
 * Exactly the 227, 229 or PORT segment is repeated with back-off and never acknowledged, while the lines before it were: a NAT
 * helper that cannot parse it drops it (Linux nf_conntrack_ftp does). Random loss recovers; a path MTU stops big segments only;
 * a connection that a NAT forgot was idle before.
 */
export const rule: ChannelRule = ({ channel, session }) => {
  const { negotiation } = channel;
  if (!negotiation) return undefined;
  const line = negotiation.mode === "active" ? negotiation.command : negotiation.reply;
  const half = negotiation.mode === "active" ? session.client : session.server;
  if (!line || half.acked <= 0 || half.acked > line.startAt || half.stalledRetransmissions < DEAD_RETRANSMISSIONS)
    return undefined;
  if (half.stalledLargest >= SMALL_SEGMENT || controlEnd(session).idleBefore >= IDLE_SECONDS) return undefined;
  return {
    outcome: "failed",
    cause: "negotiation-dropped-by-helper",
    confidence: "likely",
    facts: [
      {
        packet: line.stamp.packet,
        says: `the ${negotiation.mode === "active" ? negotiation.verb : `${negotiation.reply!.code} reply`}, repeated ${half.stalledRetransmissions} times and never acknowledged; everything before it was`,
      },
      { packet: half.stalledLastPacket, says: "the last repetition" },
    ],
    alternatives: [{ cause: "control-connection-lost", missing: "a capture on the other side of the NAT" }],
  };
};
