import { formatEndpoint } from "../../address.ts";
import type { Cause } from "../cause.ts";
import type { ChannelRule } from "../context.ts";
import { progressOf } from "../data-progress.ts";

export const cause = {
  id: "data-port-translated",
  group: "Connecting",
  traits: [],
  title: "the data connection arrives on another port than negotiated",
  meaning:
    "A NAT device maps the passive range to other ports, so the connection does not reach the port the server opened.",
  remedy: ["Forward the passive range 1:1: the same port numbers outside and inside."],
  setting: "passive-range",
} as const satisfies Cause;

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
        says: `the connection that follows goes to ${formatEndpoint(connection.connection.responder)}`,
      },
    ],
  };
};

/**
 * The connection came about, and who accepted it greets: a range of ports that is mapped to one, the control port. No server of FTP begins a data
 * connection before it has announced the transfer (RFC 959 section 5.4), so the file's own words are not meant.
 */
export const greetingRule: ChannelRule = ({ channel, session }) => {
  const { transfer } = channel;
  const progress = progressOf(channel, session);
  if (!progress || transfer?.replyLost || transfer?.replies.some(({ code }) => code < 400)) return undefined;
  const { connection, server, records } = progress;
  if (server !== connection.responder || !records.responder.greets) return undefined;
  return {
    outcome: "failed",
    cause: "data-port-translated",
    confidence: "possible",
    facts: [
      {
        packet: server.firstPayloadPacket,
        says: `what ${formatEndpoint(server)} says first is a 220 greeting, as on a control connection: the port leads to another service`,
      },
    ],
  };
};
