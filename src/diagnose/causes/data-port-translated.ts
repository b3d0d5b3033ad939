import type { ChannelRule } from "../context.ts";
import { endpointText } from "../wording.ts";

/** The connection arrives on another port than negotiated, on the same host, in the window: a port mapping that is not one to one. */
export const rule: ChannelRule = ({ channel }) => {
  const { negotiation, connection } = channel;
  if (!negotiation?.advertised || connection?.match !== "port-differs") return undefined;
  return {
    outcome: "failed",
    cause: "data-port-translated",
    confidence: "possible",
    facts: [
      {
        packet: (negotiation.reply ?? negotiation.command)!.stamp.packet,
        says: `${negotiation.verb} negotiates port ${negotiation.advertised.port}`,
      },
      {
        packet: connection.connection.firstPacket,
        says: `the connection that follows goes to ${endpointText(connection.connection.responder)}`,
      },
    ],
  };
};
