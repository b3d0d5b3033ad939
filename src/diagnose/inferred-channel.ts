import type { ChannelRule } from "./context.ts";
import { secondsText } from "./wording.ts";

/**
 * `syn-not-seen` by record lengths alone: the second proof of that cause, apart from `causes/syn-not-seen.ts`, which asks for a negotiation
 * that can be read. A guess with its numbers, never more than `possible`; when it may speak is decided in `correlate/inferred-negotiation.ts`.
 */
export const rule: ChannelRule = ({ channel, vantage }) => {
  if (channel.inferred === null) return undefined;
  const { commandPacket, replyPacket, commandBytes, replyBytes, waitedSeconds } = channel.inferred;
  return {
    outcome: "failed",
    cause: "syn-not-seen",
    confidence: "possible",
    contributing: ["control-encrypted"],
    facts: [
      { packet: commandPacket, says: `an encrypted command of ${commandBytes} bytes, as long as PASV or EPSV` },
      {
        packet: replyPacket,
        says: `an encrypted reply of ${replyBytes} bytes, as long as a 227 or 229; then ${secondsText(waitedSeconds)} of silence, and no SYN (${vantage.reason})`,
      },
    ],
    alternatives: [
      { cause: "data-port-filtered", missing: "a capture at the client, to see where its SYN went" },
      { cause: "pasv-private-address", missing: "the reply itself: the server's log, or the client's" },
    ],
  };
};
