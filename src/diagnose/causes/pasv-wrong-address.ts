import { isPrivateUse, isUnusable } from "../../address.ts";
import { attemptState } from "../attempt.ts";
import type { ChannelRule } from "../context.ts";
import { synText } from "../wording.ts";

/**
 * 227 names a routable address that is not the control server's, and the attempt at it failed. Silent without an attempt: seen from
 * the server's side of a NAT the public address is right, and in FXP the other server's address is.
 */
export const rule: ChannelRule = ({ channel, session }) => {
  const { negotiation, connection } = channel;
  const attempt = connection?.connection;
  if (negotiation?.mode !== "passive" || !negotiation.granted || !attempt || attempt.established) return undefined;
  const address = negotiation.advertised?.address ?? null;
  if (address === null || isPrivateUse(address) || isUnusable(address) || address === session.server.address)
    return undefined;
  if (attempt.responder.address !== address) return undefined;
  const state = attemptState(attempt);
  const how =
    state === "rejected"
      ? "answered by a RST"
      : state === "prohibited"
        ? "answered by an ICMP error"
        : "never answered";
  return {
    outcome: "failed",
    cause: "pasv-wrong-address",
    confidence: "likely",
    facts: [
      {
        packet: negotiation.reply!.stamp.packet,
        says: `227 advertises ${address}:${negotiation.advertised!.port}; the control connection's server is ${session.server.address}`,
      },
      { packet: attempt.firstPacket, says: `SYN to ${address}:${attempt.responder.port}, ${synText(attempt)}, ${how}` },
    ],
    alternatives: [
      {
        cause: state === "rejected" ? "data-port-rejected" : "data-port-filtered",
        missing: `whether ${address} is the server's`,
      },
    ],
  };
};
