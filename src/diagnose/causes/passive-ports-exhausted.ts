import type { ChannelFacts } from "../../correlate/data-channel.ts";
import type { Cause } from "../cause.ts";
import type { ChannelContext, ChannelRule } from "../context.ts";
import { oncePer } from "../once-per.ts";
import { mayMean } from "../reply-text.ts";
import type { Fact } from "../verdict.ts";
import { replyText } from "../wording.ts";

export const cause = {
  id: "passive-ports-exhausted",
  group: "Negotiation",
  traits: ["refusal"],
  title: "the server has no passive port left",
  meaning: "All ports of the server's passive range are in use or in TIME_WAIT, so it cannot open another data port.",
  remedy: [
    "Widen the passive range: each transfer occupies a port until 2 MSL (up to 4 minutes) after its end.",
    "Open the wider range on the firewall as well.",
  ],
  setting: "passive-range",
} as const satisfies Cause;

/** So many passive ports must have been granted before, from a range so narrow that they came back, to call a wordless refusal a used-up range. */
export const WORKED_BEFORE = 3;

/** Codes with which servers report that they cannot listen (RFC 959 has none of its own; which server says which: docs/causes/passive-ports-exhausted.md). */
const CANNOT_LISTEN: ReadonlySet<number> = new Set([421, 425, 451]);

/**
 * The server has no passive port left: it says so, to the negotiation or to the transfer, or turns a negotiation down without a reason
 * after it granted the few ports of a narrow range again and again. Login limits are `server-busy`; a first PASV turned down without words
 * is `pasv-refused`.
 */
export const rule: ChannelRule = (context) => {
  const { negotiation, transfer } = context.channel;
  if (negotiation?.mode !== "passive") return undefined;
  const reply = negotiation.granted ? (transfer?.final ?? null) : negotiation.reply;
  if (!reply) return undefined;
  const says = mayMean(reply, "ports-exhausted", negotiation.granted ? transfer?.command : negotiation.command);
  const before = says ? undefined : rangeUsedUp(context);
  if (!says && before === undefined) return undefined;
  const facts: Fact[] = [{ packet: reply.stamp.packet, says: replyText(reply) }];
  if (before) facts.unshift(before);
  return {
    outcome: negotiation.granted ? "failed" : "refused",
    cause: "passive-ports-exhausted",
    confidence: says ? "likely" : "possible",
    facts,
    alternatives: [
      {
        cause: negotiation.verb === "EPSV" ? "epsv-refused" : "pasv-refused",
        missing: "the server's log: which ports of its range were in use",
      },
    ],
  };
};

/** Earlier negotiations of the session were granted from few ports, some of them twice, and now one is turned down. */
function rangeUsedUp({ channel, channels, index }: ChannelContext): Fact | undefined {
  const { negotiation } = channel;
  if (negotiation === null || negotiation.granted || !CANNOT_LISTEN.has(negotiation.reply?.code ?? 0)) return undefined;
  const { granted, ports, least, most, lastPacket } = grantedBefore(channels)[index];
  if (granted < WORKED_BEFORE || ports >= granted) return undefined;
  return {
    packet: lastPacket,
    says: `${granted} passive ports were granted before, of only ${ports} (${least} to ${most}), and none is now`,
  };
}

/** What was granted before each channel of a session: how often, and how many different ports. */
const grantedBefore = oncePer((channels: readonly ChannelFacts[]) => {
  const different = new Set<number>();
  let sum = { granted: 0, ports: 0, least: Number.POSITIVE_INFINITY, most: 0, lastPacket: 0 };
  return channels.map(({ negotiation }) => {
    const before = sum;
    if (negotiation?.mode === "passive" && negotiation.advertised && negotiation.reply) {
      const { port } = negotiation.advertised;
      different.add(port);
      sum = {
        granted: sum.granted + 1,
        ports: different.size,
        least: Math.min(sum.least, port),
        most: Math.max(sum.most, port),
        lastPacket: negotiation.reply.stamp.packet,
      };
    }
    return before;
  });
});
