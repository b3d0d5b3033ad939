import { formatEndpoint } from "../../address.ts";
import { attemptOf, cameAbout, isUnheard, REPEATED_SYNS, unheardFacts } from "../attempt.ts";
import type { Cause } from "../cause.ts";
import type { ChannelRule } from "../context.ts";
import { elsewhereFact, sameAttemptElsewhere } from "../elsewhere.ts";
import { ANSWER_LOST, THIRD_HOST, THIRD_HOST_OWN, USE_PASSIVE } from "../remedy.ts";
import { NAMED_BY_PORT, thirdHostOf } from "../third-host.ts";
import { replyText } from "../wording.ts";

export const cause = {
  id: "active-inbound-blocked",
  group: "Connecting",
  traits: [],
  title: "the server's SYN to the client is never answered",
  meaning:
    "In active mode the server connects to the client, and a firewall or NAT device on the client's side drops its SYN.",
  remedy: [
    USE_PASSIVE,
    "If active mode is needed: allow connections from the server to the client's port range (the source port need not be 20), or use a helper that reads the control connection.",
  ],
  situations: {
    "third-host": { remedy: [THIRD_HOST, THIRD_HOST_OWN] },
    "answer-lost": { remedy: [ANSWER_LOST] },
  },
} as const satisfies Cause;

/** Active: the server's SYN (from port 20 or any other) goes unanswered. */
export const rule: ChannelRule = (context) => {
  const { channel, session } = context;
  const attempt = attemptOf(context, "active");
  if (!attempt || !isUnheard(attempt)) return undefined;
  const elsewhere = sameAttemptElsewhere(attempt, session);
  // At another point it comes about: this one only lacks the answer.
  if (elsewhere && cameAbout(elsewhere)) return undefined;
  const third = thirdHostOf(channel, session) === attempt.responder.address;
  const ends = `${formatEndpoint(attempt.originator)} to ${formatEndpoint(attempt.responder)}`;
  const facts = unheardFacts(attempt, `the server's SYN from ${ends}${third ? `, ${NAMED_BY_PORT}` : ""}`);
  const reply = channel.transfer?.final ?? (channel.negotiation?.granted === false ? channel.negotiation.reply : null);
  if (reply) facts.push({ packet: reply.stamp.packet, says: replyText(reply) });
  if (elsewhere) facts.push(elsewhereFact(elsewhere));
  return {
    outcome: "failed",
    cause: "active-inbound-blocked",
    confidence: attempt.originator.synCount >= REPEATED_SYNS ? "likely" : "possible",
    facts,
    situation: third ? "third-host" : elsewhere?.established ? "answer-lost" : null,
    contributing: channel.hidden ? ["control-encrypted"] : [],
    alternatives: channel.hidden
      ? [{ cause: "port-private-address", missing: "the PORT or EPRT command, which is encrypted" }]
      : [],
  };
};
