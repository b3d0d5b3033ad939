import type { Cause } from "../cause.ts";
import type { ChannelRule } from "../context.ts";
import { epsvAllBefore } from "../epsv-all.ts";
import { EPSV_FOR_IPV6, ONLY_EPSV } from "../remedy.ts";
import { knowsNoSuchVerb, refusalOf } from "../reply-text.ts";
import { replyText } from "../wording.ts";

export const cause = {
  id: "pasv-refused",
  group: "Negotiation",
  traits: ["refusal"],
  title: "the server refuses PASV",
  meaning:
    "The server answers PASV negatively although nothing else is wrong: passive mode is disabled, or the address family does not fit.",
  remedy: ["Enable passive mode on the server."],
  setting: "passive-mode",
  situations: {
    "over-ipv6": { remedy: [EPSV_FOR_IPV6] },
    "after-epsv-all": { remedy: [ONLY_EPSV] },
  },
} as const satisfies Cause;

/** PASV (or LPSV, where the server knows it) turned down with no better cause: the mode is disabled, or the server cannot listen. */
export const rule: ChannelRule = ({ channel, session }) => {
  const { negotiation } = channel;
  if (negotiation?.verb !== "PASV" && negotiation?.verb !== "LPSV") return undefined;
  const reply = refusalOf(negotiation);
  if (reply === null) return undefined;
  const epsvAll = epsvAllBefore(session, negotiation);
  if (epsvAll.length === 0 && knowsNoSuchVerb(reply, negotiation.verb)) return undefined;
  const overIpv6 = negotiation.verb === "PASV" && session.control.ipVersion === 6;
  return {
    outcome: "refused",
    cause: "pasv-refused",
    confidence: "certain",
    facts: [...epsvAll, { packet: reply.stamp.packet, says: `${negotiation.verb} turned down: ${replyText(reply)}` }],
    situation: epsvAll.length > 0 ? "after-epsv-all" : overIpv6 ? "over-ipv6" : null,
  };
};
