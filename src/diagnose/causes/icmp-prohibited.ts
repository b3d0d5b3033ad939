import { attemptState, prohibition, prohibitionText } from "../attempt.ts";
import type { ChannelRule } from "../context.ts";
import { endpointText, synText } from "../wording.ts";

/** An ICMP error quotes the client's SYN to the passive port; the router that sent it is named. "Too big" is not among them. */
export const rule: ChannelRule = ({ channel, session }) => {
  const attempt = channel.connection?.connection;
  if (!attempt || attemptState(attempt) !== "prohibited" || attempt.originator.address === session.server.address)
    return undefined;
  const error = prohibition(attempt)!;
  const by =
    error.from === attempt.responder.address
      ? "the target itself"
      : error.from === session.server.address
        ? "the server"
        : `the router ${error.from}`;
  return {
    outcome: "failed",
    cause: "icmp-prohibited",
    confidence: "certain",
    facts: [
      { packet: attempt.firstPacket, says: `SYN to ${endpointText(attempt.responder)}, ${synText(attempt)}` },
      {
        packet: error.packet,
        says: `ICMP type ${error.type} code ${error.code} from ${by}: ${prohibitionText(error)}`,
      },
    ],
  };
};
