import { classifyAddress, formatEndpoint, isPrivateUse } from "../../address.ts";
import { UNPRIVILEGED_PORT } from "../../ports.ts";
import { isOvercome } from "../advertised-address.ts";
import { isUnheard, unheardFacts } from "../attempt.ts";
import type { Cause } from "../cause.ts";
import type { ChannelContext, ChannelRule } from "../context.ts";
import { USE_PASSIVE } from "../remedy.ts";
import { mayRefuseAddress, refusesSession, reportsAttempt } from "../reply-text.ts";
import { shareNetwork } from "../vantage.ts";
import type { Fact } from "../verdict.ts";
import { replyText, synText } from "../wording.ts";

export const cause = {
  id: "port-private-address",
  group: "Negotiation",
  traits: [],
  title: "the client advertises a private address",
  meaning:
    "PORT or EPRT names an address that is valid only in the client's own network, so the server cannot open the data connection.",
  remedy: [
    USE_PASSIVE,
    "If active mode is needed, the NAT device of the client must run an FTP helper, and the helper must be able to read the control connection (no TLS, control port known to it).",
  ],
} as const satisfies Cause;

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
  const client = session.client.address;
  const server = session.server.address;
  const own = address === client;
  // One network: the server may well reach it.
  if (own && isPrivateUse(server)) return undefined;
  // A third host beside the server or the client: FXP, or a client with several addresses; no NAT hides it (`port-refused`).
  if (!own && (shareNetwork(address, server) || shareNetwork(address, client))) return undefined;
  if (isOvercome(context)) return undefined;
  if (own && connection) return undefined; // its SYN came to the client itself: what became of it decides
  if (own && negotiation.granted && !wanted(context)) return undefined;
  const refusal = negotiation.granted ? null : negotiation.reply;
  // Never answered: nobody has turned it down, and nobody has dialled (`negotiation-blocked`).
  if (!negotiation.granted && refusal === null && connection === null) return undefined;
  if (refusal !== null && refusesSession(refusal)) return undefined;
  // A refusal that reports no attempt must be about the address.
  const dialled = refusal !== null && reportsAttempt(refusal);
  if (refusal !== null && !dialled && !mayRefuseAddress(refusal)) return undefined;
  if (port < UNPRIVILEGED_PORT && refusal !== null) return undefined; // refused for the port (RFC 2577), whatever the address
  const target = formatEndpoint({ address, port });
  const facts: Fact[] = [
    {
      packet: negotiation.command.stamp.packet,
      says: own
        ? `${negotiation.verb} names ${target}, a ${classifyAddress(address)} address, to the public server ${server}`
        : `${negotiation.verb} names ${target}, a ${classifyAddress(address)} address; the control connection's client is ${client}`,
    },
  ];
  if (connection) {
    const attempt = connection.connection;
    const replaced = attempt.responder.address === client ? ", the control connection's client instead" : "";
    const syn = `the server's SYN to ${formatEndpoint(attempt.responder)}${replaced}`;
    if (isUnheard(attempt)) facts.push(...unheardFacts(attempt, syn));
    else facts.push({ packet: attempt.firstPacket, says: `${syn}, ${synText(attempt)}, turned away` });
  }
  const reply = negotiation.granted ? (channel.transfer?.final ?? null) : negotiation.reply;
  if (reply) facts.push({ packet: reply.stamp.packet, says: replyText(reply) });
  return {
    outcome: negotiation.granted || connection !== null || dialled ? "failed" : "refused",
    cause: "port-private-address",
    confidence: own ? "likely" : "certain",
    facts,
    contributing: own ? [] : ["helper-absent"],
    alternatives: own
      ? [
          {
            cause: negotiation.granted || dialled ? "syn-not-seen" : "port-refused",
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
