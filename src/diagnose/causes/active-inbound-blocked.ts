import { attemptState } from "../attempt.ts";
import type { ChannelRule } from "../context.ts";
import { endpointText, synText } from "../wording.ts";

/** Active: the server's SYN (from port 20 or any other) goes unanswered. */
export const rule: ChannelRule = ({ channel, session }) => {
  const attempt = channel.connection?.connection;
  if (!attempt || attempt.originator.address !== session.server.address || attemptState(attempt) !== "unanswered")
    return undefined;
  return {
    outcome: "failed",
    cause: "active-inbound-blocked",
    confidence: attempt.originator.synCount >= 2 ? "likely" : "possible",
    facts: [
      {
        packet: attempt.firstPacket,
        says: `the server's SYN from ${endpointText(attempt.originator)} to ${endpointText(attempt.responder)}, ${synText(attempt)}, never answered`,
      },
    ],
    contributing: channel.hidden ? ["control-encrypted"] : [],
    alternatives: channel.hidden
      ? [{ cause: "port-private-address", missing: "the PORT or EPRT command, which is encrypted" }]
      : [],
  };
};
