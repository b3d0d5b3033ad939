import { attemptOf, attemptState, cameAbout, lateReset, REPEATED_SYNS } from "../attempt.ts";
import type { ChannelRule } from "../context.ts";
import { elsewhereFact, sameAttemptElsewhere } from "../elsewhere.ts";
import { NAMED_BY_PORT, thirdHostOf } from "../third-host.ts";
import type { Fact } from "../verdict.ts";
import { endpointText, replyText, secondsText, synText } from "../wording.ts";

/** Active: the server's SYN (from port 20 or any other) goes unanswered. */
export const rule: ChannelRule = (context) => {
  const { channel, session } = context;
  const attempt = attemptOf(context, "active");
  if (!attempt) return undefined;
  // The client has given up and closed its port by then.
  const late = lateReset(attempt);
  if (attemptState(attempt) !== "unanswered" && !late) return undefined;
  const elsewhere = sameAttemptElsewhere(attempt, session);
  // At another point it comes about: this one only lacks the answer.
  if (elsewhere && cameAbout(elsewhere)) return undefined;
  const third = thirdHostOf(channel, session) === attempt.responder.address;
  const facts: Fact[] = [
    {
      packet: attempt.firstPacket,
      says: `the server's SYN from ${endpointText(attempt.originator)} to ${endpointText(attempt.responder)}${third ? `, ${NAMED_BY_PORT}` : ""}, ${synText(attempt)}, ${late ? "of which only the last is answered" : "never answered"}`,
    },
  ];
  if (late)
    facts.push({
      packet: late.packet,
      says: `RST ${secondsText(late.time - attempt.originator.synTime)} after the first SYN`,
    });
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
