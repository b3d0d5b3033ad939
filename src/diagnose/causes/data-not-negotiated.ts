import { formatEndpoint } from "../../address.ts";
import { isLoggedIn } from "../../correlate/session-facts.ts";
import { attemptOf } from "../attempt.ts";
import type { Cause } from "../cause.ts";
import type { ChannelRule } from "../context.ts";
import { mayMean, saysUsedUp } from "../reply-text.ts";
import { replyText } from "../wording.ts";

export const cause = {
  id: "data-not-negotiated",
  group: "Negotiation",
  traits: [],
  title: "a transfer command without PASV or PORT before it",
  meaning: "The client asks for a transfer with no negotiation in force, and the server has no data connection to use.",
  remedy: ["Correct the client: each transfer needs its own PASV, EPSV, PORT or EPRT."],
} as const satisfies Cause;

/**
 * A transfer command with no negotiation in force. Silent on legacy active mode, where the server dials the client's control port
 * (RFC 959 section 3.2): whether that works or not, nothing was missing.
 */
export const rule: ChannelRule = (context) => {
  const { channel, channels, index, session } = context;
  const { negotiation, transfer } = channel;
  const reply = transfer?.final;
  if (!reply || attemptOf(context, "active")) return undefined;
  const textual = mayMean(reply, "not-negotiated", transfer.command);
  // A PORT that has served a transfer: to many servers it is used up, and they say so.
  const isUsedUp = negotiation !== null && channels[index - 1]?.negotiation === negotiation;
  if (negotiation !== null && !(isUsedUp && (textual || saysUsedUp(reply)))) return undefined;
  // "503 Login with USER first" is about another sequence.
  if (!textual && reply.code === 503 && !session.control.midstream && !isLoggedIn(session)) return undefined;
  return {
    outcome: "refused",
    cause: "data-not-negotiated",
    confidence: textual ? "certain" : "likely",
    facts: [
      {
        packet: transfer.command.stamp.packet,
        says: isUsedUp
          ? `${transfer.command.verb} after the ${negotiation.verb} before it has served a transfer, and no other`
          : `${transfer.command.verb} with no PASV, EPSV, PORT or EPRT in force`,
      },
      { packet: reply.stamp.packet, says: replyText(reply) },
    ],
  };
};

/**
 * Under TLS: ProFTPD 1.3.8 dials the port below that of the control connection where no PORT came (as recorded). Only where that fails: somebody may
 * listen there.
 */
export const hiddenRule: ChannelRule = (context) => {
  const { channel, session } = context;
  if (!channel.hidden || session.software?.name !== "ProFTPD") return undefined;
  const attempt = attemptOf(context, "active");
  if (!attempt || attempt.established) return undefined;
  const { address, port } = attempt.responder;
  if (address !== session.client.address || port !== session.client.port - 1) return undefined;
  return {
    outcome: "refused",
    cause: "data-not-negotiated",
    confidence: "likely",
    facts: [
      {
        packet: attempt.firstPacket,
        says: `the server's SYN to ${formatEndpoint(attempt.responder)}: ProFTPD dials the port below the control connection's where nothing was negotiated`,
      },
    ],
    contributing: ["control-encrypted"],
    alternatives: [{ cause: "active-inbound-rejected", missing: "the PORT or EPRT command, which is encrypted" }],
  };
};
