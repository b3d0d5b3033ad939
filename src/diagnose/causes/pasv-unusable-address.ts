import { classifyAddress, formatEndpoint, isUnusable } from "../../address.ts";
import type { ChannelRule } from "../context.ts";
import type { Fact } from "../verdict.ts";
import { endpointText } from "../wording.ts";

/** 227 names an address that no other host can dial (0.0.0.0, loopback, multicast), or port 0. */
export const rule: ChannelRule = ({ channel, session }) => {
  const { negotiation, connection } = channel;
  if (negotiation?.mode !== "passive" || !negotiation.granted || !negotiation.advertised) return undefined;
  const { address, port } = negotiation.advertised;
  const server = session.server.address;
  const kind = address === null ? "public" : classifyAddress(address);
  const badAddress = address !== null && isUnusable(address);
  if (!badAddress && port !== 0) return undefined;
  // Both ends on one host, or a tunnel that ends here: loopback is right.
  if (port !== 0 && kind === "loopback" && classifyAddress(server) === "loopback") return undefined;
  // Many clients dial the control server instead: what became of that decides.
  if (port !== 0 && connection && connection.connection.responder.address !== address) return undefined;
  const { code, stamp } = negotiation.reply!;
  const target = formatEndpoint({ address: address ?? server, port });
  const overIpv6 = kind === "unspecified" && session.control.ipVersion === 6;
  const facts: Fact[] = [
    {
      packet: stamp.packet,
      says: overIpv6
        ? `${code} advertises ${target} on an IPv6 control connection: PASV cannot carry an IPv6 address, use EPSV`
        : `${code} advertises ${target}, ${badAddress ? `${kind}: an address` : "a port"} that no other host can dial`,
    },
  ];
  if (connection)
    facts.push({
      packet: connection.connection.firstPacket,
      says: `the client's SYN to ${endpointText(connection.connection.responder)} leads nowhere`,
    });
  return {
    outcome: "failed",
    cause: "pasv-unusable-address",
    confidence: "certain",
    facts,
    situation: overIpv6 ? "over-ipv6" : null,
  };
};
