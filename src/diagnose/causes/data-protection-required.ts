import type { Cause } from "../cause.ts";
import type { ChannelRule } from "../context.ts";
import { mayMean } from "../reply-text.ts";
import { replyText } from "../wording.ts";

export const cause = {
  id: "data-protection-required",
  group: "TLS on the data connection",
  traits: ["refusal"],
  title: "the server demands an encrypted data connection (PROT P)",
  meaning:
    "The server refuses a cleartext data connection, and the client has not asked for a protected one with PROT P.",
  remedy: ["Let the client send PBSZ 0 and PROT P before the transfer (often a setting named 'encrypt data channel')."],
  setting: "data-protection",
  situations: {
    "cleartext-control": {
      remedy: [
        "Let the client ask for TLS (AUTH TLS) and then send PBSZ 0 and PROT P: the server does not take PROT on a cleartext control connection.",
      ],
      setting: "data-protection",
    },
  },
} as const satisfies Cause;

/** The server wants PROT P (RFC 4217 section 9) and said so. 521 and 522 alone also mean LPRT and EPRT families: the text decides. */
export const rule: ChannelRule = ({ channel, session }) => {
  const reply = channel.transfer?.final ?? channel.negotiation?.reply ?? null;
  if (!reply || !mayMean(reply, "protection-required", channel.transfer?.command)) return undefined;
  // With PROT P in force the text speaks of something else (a failed handshake).
  const before = session.exchanges.filter(
    (exchange) => exchange.command !== null && exchange.command.stamp.packet < reply.stamp.packet,
  );
  const prot = before.findLast((exchange) => exchange.command?.verb === "PROT");
  if (prot?.command?.argument?.trim().toUpperCase() === "P" && prot.final !== null && prot.final.code < 300)
    return undefined;
  return {
    outcome: "refused",
    cause: "data-protection-required",
    confidence: "certain",
    situation: session.security === "cleartext" && !session.control.midstream ? "cleartext-control" : null,
    facts: [
      {
        packet: reply.stamp.packet,
        says: `${replyText(reply)}; ${session.hidden.length > 0 ? "a PROT sent under TLS cannot be read" : prot ? `PROT ${prot.command?.argument ?? ""} was answered by ${prot.final?.code ?? "nothing"}` : "no PROT P was sent"}`,
      },
    ],
  };
};
