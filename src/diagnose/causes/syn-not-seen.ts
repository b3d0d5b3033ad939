import { formatEndpoint } from "../../address.ts";
import type { ChannelRule } from "../context.ts";
import type { Fact } from "../verdict.ts";
import { replyText } from "../wording.ts";

/**
 * Negotiated and wanted, and no SYN to any target that fits is in this capture: the client never tried, the SYN was stopped before
 * this point, it went another way, or the capture does not hold it.
 */
export const rule: ChannelRule = ({ channel, session, capture, vantage }) => {
  const { negotiation, transfer } = channel;
  if (!negotiation?.granted || channel.connection !== null) return undefined;
  const passive = negotiation.mode === "passive";
  const stamp = negotiation.reply?.stamp ?? negotiation.command!.stamp;
  const target = negotiation.advertised
    ? formatEndpoint({
        address: negotiation.advertised.address ?? (passive ? session.server.address : session.client.address),
        port: negotiation.advertised.port,
      })
    : "the negotiated port";
  const facts: Fact[] = [
    {
      packet: stamp.packet,
      says: `${negotiation.verb} is granted (${negotiation.reply?.code ?? "?"}), and no SYN to ${target} follows`,
    },
  ];
  const final = transfer?.final;
  if (final) facts.push({ packet: final.stamp.packet, says: replyText(final) });
  else if (!transfer)
    facts.push({
      packet: session.client.finPacket || session.control.lastPacket,
      says: "the client leaves without a transfer command",
    });
  const far = passive ? "client" : "server";
  const atDialler = vantage.side === far;
  facts.push({
    packet: session.control.firstPacket,
    says: atDialler
      ? `captured at the ${far} (${vantage.reason}): it sent no SYN, or sent it by another interface or to itself`
      : `captured at the ${vantage.side === "unknown" ? "unknown side" : vantage.side} (${vantage.reason}): stopped before this point, or never sent`,
  });
  if (!capture.sawOtherTcp)
    facts.push({
      packet: session.control.firstPacket,
      says: "the capture holds no connection but control connections: it may be filtered to them",
    });
  return {
    outcome: "failed",
    cause: "syn-not-seen",
    confidence: final && capture.sawOtherTcp ? "likely" : "possible",
    facts,
    alternatives: [
      { cause: passive ? "data-port-filtered" : "active-inbound-blocked", missing: `a capture at the ${far}` },
    ],
  };
};
