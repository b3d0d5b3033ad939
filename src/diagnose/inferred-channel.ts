import type { ChannelRule } from "./context.ts";
import { vantageOf } from "./vantage.ts";
import { secondsText } from "./wording.ts";

/**
 * `syn-not-seen` by record lengths alone: the second proof of that cause, apart from `causes/syn-not-seen.ts`, which asks for a negotiation
 * that can be read. A guess with its numbers, never more than `possible`; when it may speak is decided in `correlate/inferred-negotiation.ts`.
 */
export const rule: ChannelRule = ({ channel, session }) => {
  if (channel.inferred === null) return undefined;
  const { mode, commandPacket, replyPacket, commandBytes, replyBytes, waitedSeconds } = channel.inferred;
  const passive = mode === "passive";
  return {
    outcome: "failed",
    cause: "syn-not-seen",
    confidence: "possible",
    contributing: ["control-encrypted"],
    facts: [
      {
        packet: commandPacket,
        says: `an encrypted command of ${commandBytes} bytes, as long as ${passive ? "PASV or EPSV" : "PORT with the client's own address"}`,
      },
      {
        packet: replyPacket,
        says: `an encrypted reply of ${replyBytes} bytes, as long as ${passive ? "a 227 or 229" : "its 200"}; then ${passive ? "" : "a command without an answer, "}${secondsText(waitedSeconds)} of silence, and no SYN (${vantageOf(session).reason})`,
      },
    ],
    alternatives: passive
      ? [
          { cause: "data-port-filtered", missing: "a capture at the client, to see where its SYN went" },
          { cause: "pasv-private-address", missing: "the reply itself: the server's log, or the client's" },
        ]
      : [
          { cause: "active-inbound-blocked", missing: "a capture at the server, to see where its SYN went" },
          { cause: "port-private-address", missing: "the command itself: the client's log, or the server's" },
        ],
  };
};
