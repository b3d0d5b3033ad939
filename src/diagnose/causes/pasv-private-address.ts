import { classifyAddress, isPrivateUse } from "../../address.ts";
import { attemptState, prohibition, prohibitionText } from "../attempt.ts";
import type { ContributingCauseId } from "../cause.ts";
import type { ChannelRule } from "../context.ts";
import type { Confidence, Fact } from "../verdict.ts";
import { synText } from "../wording.ts";

/**
 * 227 (or 229 with an address) names an address that the client cannot route to. Client side and middle: it is not the control
 * server's address as seen here. Server side: it is the server's own private address while the client comes from elsewhere.
 */
export const rule: ChannelRule = ({ channel, session, capture }) => {
  const { negotiation, connection } = channel;
  const attempt = connection?.connection;
  if (attempt?.established) return undefined;
  const contributing: ContributingCauseId[] = [];
  const facts: Fact[] = [];
  let confidence: Confidence;
  if (negotiation === null) {
    // Control encrypted: only a dead attempt at a private address, right after the server spoke, while the server is public.
    if (!channel.hidden || !attempt || attempt.originator.address !== session.client.address) return undefined;
    const target = attempt.responder.address;
    if (!isPrivateUse(target) || target === session.server.address || isPrivateUse(session.server.address))
      return undefined;
    contributing.push("control-encrypted");
    confidence = "likely";
  } else {
    if (negotiation.mode !== "passive" || !negotiation.granted) return undefined;
    const address =
      negotiation.advertised?.address ?? (negotiation.advertised === null ? attempt?.responder.address : null);
    if (!address || !isPrivateUse(address)) return undefined;
    const port = negotiation.advertised?.port ?? attempt!.responder.port;
    const own = address === session.server.address;
    const client = session.client.address;
    // The server's own address as seen here: a private network that the client may share, unless the client is plainly outside of it.
    if (own && (isPrivateUse(client) || attempt !== undefined)) return undefined;
    // Dialled elsewhere (the control server's address, as many clients do): what became of that decides, not the text.
    if (attempt && attempt.responder.address !== address) return undefined;
    const kind = classifyAddress(address);
    facts.push({
      packet: negotiation.reply!.stamp.packet,
      says: own
        ? `227 advertises ${address}:${port}, the server's own ${kind} address, to the client ${client} outside`
        : `227 advertises ${address}:${port}, a ${kind} address; the control connection's server is ${session.server.address}`,
    });
    if (session.security === "cleartext" && session.server.port !== 21) contributing.push("helper-absent");
    confidence = attempt ? "certain" : "likely";
    if (negotiation.advertised === null) confidence = "likely";
  }
  if (attempt) {
    contributing.push("client-obeys-private-address");
    facts.push({ packet: attempt.firstPacket, says: attemptText() });
  } else
    facts.push({
      packet: negotiation!.reply!.stamp.packet,
      says: `no SYN to it is in this capture${capture.sawOtherTcp ? "" : ", which holds no connection but control connections"}`,
    });
  return {
    outcome: "failed",
    cause: "pasv-private-address",
    confidence,
    facts,
    contributing,
    ...(attempt
      ? {}
      : {
          alternatives: [
            { cause: "syn-not-seen" as const, missing: "a capture at the client, to see where its SYN went" },
          ],
        }),
  };

  function attemptText(): string {
    const target = `SYN to ${attempt!.responder.address}:${attempt!.responder.port}, ${synText(attempt!)}`;
    const state = attemptState(attempt!);
    if (state === "rejected")
      return `${target}, answered by a RST (packet of somebody else: the address is not the server's)`;
    const icmp = prohibition(attempt!);
    return icmp ? `${target}; ICMP from ${icmp.from}: ${prohibitionText(icmp)}` : `${target}, never answered`;
  }
};
