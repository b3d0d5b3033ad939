import { classifyAddress, isPrivateUse } from "../../address.ts";
import type { ChannelContext, ChannelRule } from "../context.ts";
import type { Fact } from "../verdict.ts";
import { replyText, synText } from "../wording.ts";

/**
 * PORT or EPRT names an address that the server cannot reach. Server side and middle: another than the control client's as seen here.
 * Client side: the client's own private address, towards a public server, with a refusal or no SYN in return.
 */
export const rule: ChannelRule = (context) => {
  const { channel, session } = context;
  const { negotiation, connection } = channel;
  if (negotiation?.mode !== "active" || !negotiation.advertised || negotiation.command === null) return undefined;
  const { address, port } = negotiation.advertised;
  if (address === null || !isPrivateUse(address) || connection?.connection.established) return undefined;
  const own = address === session.client.address;
  // One network: the server may well reach it.
  if (own && isPrivateUse(session.server.address)) return undefined;
  if (own && connection) return undefined; // its SYN came to the client itself: what became of it decides
  if (own && negotiation.granted && !wanted(context)) return undefined;
  const facts: Fact[] = [
    {
      packet: negotiation.command.stamp.packet,
      says: own
        ? `${negotiation.verb} names ${address}:${port}, a ${classifyAddress(address)} address, to the public server ${session.server.address}`
        : `${negotiation.verb} names ${address}:${port}, a ${classifyAddress(address)} address; the control connection's client is ${session.client.address}`,
    },
  ];
  if (connection)
    facts.push({
      packet: connection.connection.firstPacket,
      says: `the server's SYN to ${address}:${port}, ${synText(connection.connection)}, leads nowhere`,
    });
  const reply = negotiation.granted ? channel.transfer?.final : negotiation.reply;
  if (reply) facts.push({ packet: reply.stamp.packet, says: replyText(reply) });
  const tried =
    connection !== null || (reply !== undefined && reply !== null && (reply.code === 425 || reply.code === 421));
  return {
    outcome: negotiation.granted || tried ? "failed" : "refused",
    cause: "port-private-address",
    confidence: own ? "likely" : "certain",
    facts,
    alternatives: own
      ? [
          {
            cause: negotiation.granted ? "syn-not-seen" : "port-refused",
            missing: "a capture beyond the client's NAT: whether a helper rewrites the address",
          },
        ]
      : [],
  };
};

/** The server tried or was asked to: 425, 421, or a transfer that came to nothing. */
function wanted({ channel }: ChannelContext): boolean {
  const final = channel.transfer?.final;
  return channel.transfer !== null && (!final || final.code >= 400);
}
