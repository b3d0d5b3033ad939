import { formatEndpoint } from "../../address.ts";
import type { Cause } from "../cause.ts";
import type { ChannelRule } from "../context.ts";
import { DEAD_RETRANSMISSIONS } from "../control-end.ts";
import { isRetransmittingInVain, progressOf, SMALL_SEGMENT } from "../data-progress.ts";
import { secondsText } from "../wording.ts";

export const cause = {
  id: "mtu-blackhole",
  group: "Transfer",
  traits: [],
  title: "full-size packets of the data connection vanish (MTU black hole)",
  meaning:
    "Small segments arrive and full-size ones never do, and no ICMP message tells the sender to make them smaller.",
  remedy: [
    "Clamp the MSS where the MTU shrinks (nftables: tcp option maxseg size set rt mtu; iptables: -j TCPMSS --clamp-mss-to-pmtu; Cisco: ip tcp adjust-mss).",
    "Let ICMP type 3 code 4 and ICMPv6 type 2 through.",
  ],
} as const satisfies Cause;

/**
 * Full-size segments are repeated and never acknowledged, and nothing as large ever was, while small packets pass in both directions:
 * the handshake, and the control connection. Where large segments arrived before, be it part of a payload that the network card cut
 * into such, it is a stall.
 */
export const rule: ChannelRule = ({ channel, session }) => {
  const progress = progressOf(channel, session);
  if (!progress) return undefined;
  const half = [progress.sender, progress.receiver].find((side) => isRetransmittingInVain(side));
  if (!half || half.stalledLargest < SMALL_SEGMENT || half.largestArrived >= half.stalledLargest) return undefined;
  // The segments of what arrived are not all in the capture: large ones may be among them, where there is room for one.
  if (half.arrivedUpTo > half.wholeUpTo && half.missing >= SMALL_SEGMENT) return undefined;
  const other = half === progress.sender ? progress.receiver : progress.sender;
  if (other.packets === 0) return undefined;
  // What the same host says on the control connection is small, and is not acknowledged either: nothing gets through (`data-stalled`).
  const words = half === progress.client ? session.client : session.server;
  if (words.stalledRetransmissions >= DEAD_RETRANSMISSIONS) return undefined;
  const facts = [
    {
      packet: half.stalledFirstPacket,
      says: `${half.stalledLargest} bytes from ${formatEndpoint(half)} repeated ${half.stalledRetransmissions} times over ${secondsText(half.stalledLastTime - half.stalledFirstTime)}, never acknowledged`,
    },
    {
      packet: other.lastPacket,
      says:
        half.largestArrived > 0
          ? `segments of up to ${half.largestArrived} bytes were acknowledged`
          : "small packets (handshake, acknowledgments) pass",
    },
  ];
  const tooBig = progress.connection.icmpErrors.find(
    (error) => error.mtu > 0 || (error.ipVersion === 4 && error.type === 3 && error.code === 4),
  );
  if (tooBig)
    facts.push({
      packet: tooBig.packet,
      says: `ICMP "too big" from ${tooBig.from}, next hop MTU ${tooBig.mtu}: ignored`,
    });
  return {
    outcome: "failed",
    cause: "mtu-blackhole",
    confidence: "likely",
    facts,
    alternatives: [
      {
        cause: "data-stalled",
        missing: "a test with smaller segments (ping -M do -s …), or a capture beyond the narrow link",
      },
    ],
  };
};
