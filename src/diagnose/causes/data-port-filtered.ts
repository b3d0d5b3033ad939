import { attemptState } from "../attempt.ts";
import type { ContributingCauseId } from "../cause.ts";
import type { ChannelRule } from "../context.ts";
import { endpointText, synText } from "../wording.ts";

/**
 * Passive: SYNs to a usable target and no answer of any kind, while the control connection lives. Inconclusive silence (one SYN at the
 * end of the capture, one-sided captures) never gets here: `outcome.ts` says `undetermined`.
 */
export const rule: ChannelRule = ({ channel, session }) => {
  const attempt = channel.connection?.connection;
  if (!attempt || attemptState(attempt) !== "unanswered" || attempt.originator.address === session.server.address)
    return undefined;
  const contributing: ContributingCauseId[] = channel.hidden ? ["control-encrypted"] : [];
  return {
    outcome: "failed",
    cause: "data-port-filtered",
    confidence: attempt.originator.synCount >= 2 ? "likely" : "possible",
    facts: [
      ...(channel.negotiation?.reply
        ? [
            {
              packet: channel.negotiation.reply.stamp.packet,
              says: `${channel.negotiation.reply.code} grants port ${attempt.responder.port}`,
            },
          ]
        : []),
      {
        packet: attempt.firstPacket,
        says: `SYN to ${endpointText(attempt.responder)}, ${synText(attempt)}, never answered`,
      },
    ],
    contributing,
    alternatives: [
      {
        cause: "data-port-rejected",
        missing: "a capture nearer to the server: a RST that is lost on the way back looks the same",
      },
    ],
  };
};
