import type { CommandEvent, ReplyEvent } from "../../ftp/control-event.ts";
import type { Cause } from "../cause.ts";
import type { ChannelRule } from "../context.ts";
import type { Situation } from "../remedy.ts";
import { refusalOf } from "../reply-text.ts";
import { replyText } from "../wording.ts";

export const cause = {
  id: "epsv-refused",
  group: "Negotiation",
  traits: ["refusal"],
  title: "the server refuses EPSV",
  meaning:
    "The server, or an inspecting firewall in its name, answers EPSV negatively; a client that falls back to PASV loses only time.",
  remedy: [
    "Switch EPSV off in the client (curl --disable-epsv, lftp set ftp:prefer-epsv no) to save the round trip, or enable it on the server.",
  ],
  situations: {
    "passive-refused": {
      remedy: ["The server refuses PASV too: enable passive mode on it, or use active mode."],
      setting: "passive-mode",
    },
    "other-family": {
      remedy: ["Let the client ask for EPSV without a family, or with one that the reply names (RFC 2428 section 3)."],
    },
    "over-ipv6": {
      remedy: [
        "Enable EPSV on the server, or let the firewall pass it that answers in its name: over IPv6 PASV cannot take its place.",
      ],
      setting: "passive-mode",
    },
  },
} as const satisfies Cause;

/** EPSV turned down with no better cause. A PASV that works afterwards makes it a cost in seconds, not a failure. */
export const rule: ChannelRule = ({ channel, channels, index, session }) => {
  const { negotiation } = channel;
  if (negotiation?.verb !== "EPSV") return undefined;
  const reply = refusalOf(negotiation);
  if (reply === null) return undefined;
  const pasv = channels.slice(index + 1).filter((later) => later.negotiation?.verb === "PASV");
  const passiveRefused =
    pasv.length > 0 && pasv.every((later) => later.negotiation!.reply !== null && later.negotiation!.reply.code >= 500);
  return {
    outcome: "refused",
    cause: "epsv-refused",
    confidence: "certain",
    situation: situation(reply, negotiation.command),
    facts: [{ packet: reply.stamp.packet, says: `EPSV turned down: ${replyText(reply)}` }],
  };

  function situation({ code }: ReplyEvent, command: CommandEvent | null): Situation | null {
    // It turns down the family that the client asked for, not EPSV.
    if (code === 522 && command?.argument) return "other-family";
    if (session.control.ipVersion === 6) return "over-ipv6";
    return passiveRefused ? "passive-refused" : null;
  }
};
