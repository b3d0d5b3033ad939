import { attemptState, prohibition, prohibitionText } from "../attempt.ts";
import type { ChannelRule } from "../context.ts";
import { resetOrigin } from "../reset-origin.ts";
import { endpointText } from "../wording.ts";

/** Active: the server's SYN is answered by a RST or an ICMP error. */
export const rule: ChannelRule = ({ channel, session }) => {
  const attempt = channel.connection?.connection;
  if (!attempt || attempt.originator.address !== session.server.address) return undefined;
  const state = attemptState(attempt);
  if (state !== "rejected" && state !== "prohibited") return undefined;
  const syn = {
    packet: attempt.firstPacket,
    says: `the server's SYN from ${endpointText(attempt.originator)} to ${endpointText(attempt.responder)}`,
  };
  const error = prohibition(attempt);
  const answer =
    state === "rejected"
      ? {
          packet: attempt.responder.resets[0].packet,
          says: `RST in answer: ${resetOrigin(attempt.responder.resets[0], session.client).text}`,
        }
      : {
          packet: error!.packet,
          says: `ICMP type ${error!.type} code ${error!.code} from ${error!.from}: ${prohibitionText(error!)}`,
        };
  return { outcome: "failed", cause: "active-inbound-rejected", confidence: "certain", facts: [syn, answer] };
};
