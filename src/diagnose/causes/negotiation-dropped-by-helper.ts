import type { ChannelRule } from "../context.ts";
import { controlEnd, DEAD_RETRANSMISSIONS, IDLE_SECONDS } from "../control-end.ts";
import { SMALL_SEGMENT } from "../data-progress.ts";
import { secondsText } from "../wording.ts";

/**
 * Exactly the 227, 229 or PORT segment is repeated with back-off and never acknowledged, while the lines before it were: a NAT
 * helper that cannot parse it drops it (Linux nf_conntrack_ftp does). Random loss recovers; a path MTU stops big segments only;
 * a connection that a NAT forgot was idle before.
 */
export const rule: ChannelRule = ({ channel, session }) => {
  const { negotiation } = channel;
  if (!negotiation || channel.connection) return undefined;
  const active = negotiation.mode === "active";
  const line = active ? negotiation.command : negotiation.reply;
  const half = active ? session.client : session.server;
  if (!line || half.acked <= 0 || half.acked > line.startAt || half.stalledRetransmissions < DEAD_RETRANSMISSIONS)
    return undefined;
  if (half.stalledLargest >= SMALL_SEGMENT || controlEnd(session).idleBefore >= IDLE_SECONDS) return undefined;
  const what = active ? negotiation.verb : `the ${negotiation.reply!.code} reply`;
  // Who says nothing more at all may be gone, and the path with it.
  const other = active ? session.server : session.client;
  const heard = other.lastPacket > half.stalledFirstPacket;
  const split = "firstStamp" in line && line.firstStamp.packet !== line.stamp.packet;
  const form = negotiation.malformed === null ? "" : `; its form is not the usual one (${negotiation.malformed})`;
  return {
    outcome: "failed",
    cause: "negotiation-dropped-by-helper",
    confidence: heard ? "likely" : "possible",
    facts: [
      {
        packet: line.stamp.packet,
        says: `${what}${split ? ", split over two segments," : ""} is repeated ${half.stalledRetransmissions} times over ${secondsText(half.stalledLastTime - half.lastNewPayloadTime)} and never acknowledged; everything before it was${form}`,
      },
      { packet: half.stalledLastPacket, says: "the last repetition" },
    ],
    alternatives: [{ cause: "control-connection-lost", missing: "a capture on the other side of the NAT" }],
  };
};
