import { isUnusable } from "../../address.ts";
import type { ChannelRule } from "../context.ts";

/** 227 names an address that no other host can dial (0.0.0.0, loopback, multicast), or port 0. */
export const rule: ChannelRule = ({ channel, session }) => {
  const { negotiation } = channel;
  if (negotiation?.mode !== "passive" || !negotiation.granted || !negotiation.advertised) return undefined;
  const { address, port } = negotiation.advertised;
  // Both ends on one host: loopback is right there (tunnels).
  if (address !== null && address === session.server.address) return undefined;
  const bad = address !== null && isUnusable(address) ? address : port === 0 ? "port 0" : undefined;
  if (bad === undefined) return undefined;
  const v6 = address === "0.0.0.0" && session.control.ipVersion === 6;
  const says = v6
    ? "227 with 0.0.0.0 on an IPv6 control connection: PASV cannot carry an IPv6 address, use EPSV"
    : `227 advertises ${bad}${address === null ? "" : `:${port}`}, which no other host can dial`;
  return {
    outcome: "failed",
    cause: "pasv-unusable-address",
    confidence: "certain",
    facts: [{ packet: negotiation.reply!.stamp.packet, says }],
  };
};
