import type { ChannelFacts, NegotiationFacts } from "../../correlate/data-channel.ts";
import type { SessionFacts } from "../../correlate/session-facts.ts";
import { endsInBareLf } from "../../ftp/command.ts";
import type { CommandEvent, ReplyEvent } from "../../ftp/control-event.ts";
import type { HalfConnection } from "../../tcp/half-connection.ts";
import type { Cause } from "../cause.ts";
import type { ChannelRule } from "../context.ts";
import { controlEnd, DEAD_RETRANSMISSIONS, IDLE_SECONDS } from "../control-end.ts";
import { SMALL_SEGMENT } from "../data-progress.ts";
import { oncePer } from "../once-per.ts";
import { USE_PASSIVE } from "../remedy.ts";
import { secondsText } from "../wording.ts";

export const cause = {
  id: "negotiation-dropped-by-helper",
  group: "Negotiation",
  traits: ["device"],
  title: "a NAT helper drops the packet that holds the negotiation",
  meaning:
    "Exactly the segment with the 227, 229 or PORT is retransmitted and never acknowledged, while smaller lines before it got through: a helper in the path cannot parse it.",
  remedy: [
    "Switch the FTP helper off on the NAT device and open or forward a fixed passive range instead.",
    "If it must stay on: the reply has to fit one segment and keep to the form of RFC 959.",
  ],
  situations: {
    "active-mode": {
      remedy: [
        USE_PASSIVE,
        "If active mode is needed: the command has to fit one segment and keep to the form of RFC 959 (PORT) or RFC 2428 (EPRT).",
      ],
    },
  },
} as const satisfies Cause;

/**
 * Exactly the 227, 229 or PORT segment is repeated with back-off and never acknowledged, while the lines before it were: a NAT
 * helper that cannot parse it drops it (Linux nf_conntrack_ftp does). Random loss recovers; a path MTU stops big segments only;
 * a connection that a NAT forgot was idle before. What is negotiated behind it waits for it too.
 */
export const rule: ChannelRule = ({ channel, channels, index, session }) => {
  if (!channel.negotiation || channel.connection) return undefined;
  const stuck = stuckLines(channels, session).find((line) => line.index <= index);
  if (!stuck) return undefined;
  const { half, line, negotiation } = stuck;
  if (half.stalledLargest >= SMALL_SEGMENT || controlEnd(session).idleBefore >= IDLE_SECONDS) return undefined;
  const what = line.kind === "command" ? negotiation.verb : `the ${line.code} reply`;
  // Who says nothing more at all may be gone, and the path with it.
  const other = half === session.client ? session.server : session.client;
  const heard = other.lastPacket > half.stalledFirstPacket;
  const split = line.kind === "reply" && line.firstStamp.packet !== line.stamp.packet;
  const unusual = negotiation.malformed ?? (line.kind === "command" && endsInBareLf(line) ? "LF alone ends it" : null);
  const form = unusual === null ? "" : `; its form is not the usual one (${unusual})`;
  const facts = [
    {
      packet: line.stamp.packet,
      says: `${what}${split ? ", split over two segments," : ""} is repeated ${half.stalledRetransmissions} times over ${secondsText(half.stalledLastTime - half.lastNewPayloadTime)} and never acknowledged; everything before it was${form}`,
    },
    { packet: half.stalledLastPacket, says: "the last repetition" },
  ];
  const { command, reply, verb } = channel.negotiation;
  if (negotiation !== channel.negotiation)
    facts.push({
      packet: (command ?? reply)!.stamp.packet,
      says: `${verb} came behind it: TCP delivers nothing past what is missing`,
    });
  return {
    outcome: "failed",
    cause: "negotiation-dropped-by-helper",
    confidence: heard ? "likely" : "possible",
    facts,
    situation: negotiation.mode === "active" ? "active-mode" : null,
    alternatives: [{ cause: "control-connection-lost", missing: "a capture on the other side of the NAT" }],
  };
};

/** Where either end is stuck, the server first. */
const stuckLines = oncePer((channels: readonly ChannelFacts[], session: SessionFacts) =>
  [session.server, session.client].flatMap((half) => stuckAt(half, channels, session) ?? []),
);

/** The first thing that an end said and the other never acknowledged, where it is the line of a negotiation that a helper reads. */
function stuckAt(half: HalfConnection, channels: readonly ChannelFacts[], session: SessionFacts) {
  if (half.acked <= 0 || half.stalledRetransmissions < DEAD_RETRANSMISSIONS) return undefined;
  const kind = half === session.client ? "command" : "reply";
  const line = session.events.find(
    (event): event is CommandEvent | ReplyEvent => event.kind === kind && event.endAt > half.acked,
  );
  if (!line || line.startAt < half.acked) return undefined;
  const index = channels.findIndex(({ negotiation }) => negotiation && lineOf(negotiation) === line);
  return index < 0 ? undefined : { half, line, index, negotiation: channels[index].negotiation! };
}

/** Where the address and port of a negotiation stand. */
function lineOf({ mode, command, reply }: NegotiationFacts): CommandEvent | ReplyEvent | null {
  return mode === "active" ? command : reply;
}
