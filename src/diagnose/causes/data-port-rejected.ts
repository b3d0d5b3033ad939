import { attemptState } from "../attempt.ts";
import type { ChannelRule } from "../context.ts";
import { resetOrigin } from "../reset-origin.ts";
import { endpointText } from "../wording.ts";

/** Passive: the SYN is answered by a RST. Whose it is shows in its TTL, compared with the server's other packets. */
export const rule: ChannelRule = ({ channel, session }) => {
  const attempt = channel.connection?.connection;
  if (!attempt || attemptState(attempt) !== "rejected" || attempt.originator.address === session.server.address)
    return undefined;
  const reset = attempt.responder.resets[0];
  const origin = attempt.responder.address === session.server.address ? resetOrigin(reset, session.server) : undefined;
  return {
    outcome: "failed",
    cause: "data-port-rejected",
    confidence: "certain",
    facts: [
      { packet: attempt.firstPacket, says: `SYN to ${endpointText(attempt.responder)}` },
      { packet: reset.packet, says: `RST in answer${origin ? `: ${origin.text}` : ""}` },
    ],
  };
};
