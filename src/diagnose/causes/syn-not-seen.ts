import { formatEndpoint, isPrivateUse } from "../../address.ts";
import { cameAbout } from "../attempt.ts";
import type { ChannelContext, ChannelRule } from "../context.ts";
import { attemptElsewhere, elsewhereFact } from "../elsewhere.ts";
import { mayMean, reportsAttempt, tellsOfTls } from "../reply-text.ts";
import { handedOn, thirdHostOf } from "../third-host.ts";
import { mayBeDialling } from "../vain-wait.ts";
import { shareNetwork, vantageOf } from "../vantage.ts";
import type { Fact } from "../verdict.ts";
import { replyText, secondsText } from "../wording.ts";

/**
 * Negotiated and wanted, and no SYN to any target that fits is in this capture: the client never tried, the SYN was stopped before
 * this point, it went another way, or the capture does not hold it. What the capture rules out of these is said.
 */
export const rule: ChannelRule = (context) => {
  const { channel, session, capture } = context;
  const vantage = vantageOf(session);
  const { negotiation, transfer } = channel;
  if (!negotiation || channel.connection !== null) return undefined;
  const tried = negotiation.mode === "active" && negotiation.reply !== null && reportsAttempt(negotiation.reply);
  const dialling = mayBeDialling(session, negotiation);
  if (!negotiation.granted && !tried && !dialling) return undefined;
  const final = transfer?.final ?? (tried ? negotiation.reply : null);
  // The server speaks of what happened on a data connection, so there was one: its text says more than that the capture lacks it.
  if (mayMean(final, "session-reuse-required") || tellsOfTls(session, final)) return undefined;
  const elsewhere = attemptElsewhere(context);
  // It came about where the other capture was taken: this one only does not hold it.
  if (elsewhere && cameAbout(elsewhere)) return undefined;
  const passive = negotiation.mode === "passive";
  const handed = handedOn(channel, session);
  const dialler = handed ? `server ${handed.to}` : passive ? "client" : "server";
  const stamp = (negotiation.reply ?? negotiation.command)!.stamp;
  const facts: Fact[] = [
    {
      packet: stamp.packet,
      says: `${negotiation.verb} is ${dialling ? "acknowledged and never answered: some servers dial first" : `${negotiation.granted ? "granted" : "answered"} (${negotiation.reply?.code ?? "?"})`}, and no SYN of the ${dialler} to ${targets(context)} follows`,
    },
  ];
  if (handed)
    facts.push({
      packet: handed.stamp.packet,
      says: `the client hands the port on: it tells ${handed.to} to dial it (FXP)`,
    });
  if (negotiation.malformed !== null)
    facts.push({
      packet: (passive ? negotiation.reply : negotiation.command)!.stamp.packet,
      says: `its form is wrong, so the ${dialler} may not have known where to dial: ${negotiation.malformed}`,
    });
  if (final) facts.push({ packet: final.stamp.packet, says: replyText(final) });
  else if (transfer)
    facts.push({ packet: transfer.command.stamp.packet, says: `${transfer.command.verb} gets no final reply` });
  else {
    const left = session.client.finPacket !== 0;
    facts.push({
      packet: session.client.finPacket || session.control.lastPacket,
      says: left
        ? `the client leaves ${secondsText(Math.max(0, session.client.finTime - channel.from))} later without a transfer command`
        : "no transfer command follows",
    });
  }
  const unfiltered: Fact = {
    packet: session.control.firstPacket,
    says: capture.sawOtherTcp
      ? "other connections are in the capture, so it is not filtered to the control port"
      : "the capture holds no connection but control connections: it may be filtered to them",
  };
  if (elsewhere)
    return {
      outcome: "failed",
      cause: "syn-not-seen",
      confidence: capture.sawOtherTcp ? "likely" : "possible",
      facts: [...facts, elsewhereFact(elsewhere), unfiltered],
      situation: capture.sawOtherTcp ? "seen-elsewhere" : null,
    };
  const atDialler = vantage.side === dialler;
  // Its own words: there was a SYN, and a RST. (That there is no route its own host may have said.)
  const answered = !passive && final != null && /connection refused/i.test(final.lines.join(" "));
  const where = vantage.side === "unknown" ? "the side is unknown" : `captured at the ${vantage.side}`;
  const place = where === "captured at the middle" ? "captured between the two" : where;
  facts.push({
    packet: session.control.firstPacket,
    says: atDialler
      ? `${where} (${vantage.reason}): the network did not stop it; the ${dialler} sent no SYN, or sent it by another interface or to itself${passive && transfer ? ", or left it to another server to dial (FXP)" : ""}`
      : answered
        ? `${place} (${vantage.reason}): by its own words the server sent one, and it was turned away where this capture does not see it`
        : `${place} (${vantage.reason}): the ${dialler} sent none, or it was stopped before this point, or went another way`,
  });
  facts.push(unfiltered);
  return {
    outcome: "failed",
    cause: "syn-not-seen",
    situation: handed
      ? "handed-on"
      : atDialler
        ? "at-dialler"
        : thirdHostOf(channel, session) !== undefined
          ? "third-host"
          : null,
    confidence: final && capture.sawOtherTcp ? "likely" : "possible",
    facts,
    alternatives: [
      {
        cause: passive ? "data-port-filtered" : answered ? "active-inbound-rejected" : "active-inbound-blocked",
        missing: atDialler
          ? `the ${dialler}'s own firewall log: what is dropped there never reaches its capture`
          : `a capture at the ${dialler}`,
      },
      ...(dialling
        ? [
            {
              cause: "negotiation-blocked" as const,
              missing: "the same: whether the command arrives there as the client sent it",
            },
          ]
        : []),
      ...(namesPrivateServer(context)
        ? [
            {
              cause: "pasv-private-address" as const,
              missing: "whether the client's network has a route to that address",
            },
          ]
        : []),
    ],
  };
};

/** The server's own private address, given to a client in another private network: reachable if somebody routes between them. */
function namesPrivateServer({ channel: { negotiation }, session: { client, server } }: ChannelContext): boolean {
  if (negotiation?.mode !== "passive" || negotiation.advertised?.address !== server.address) return false;
  return isPrivateUse(server.address) && isPrivateUse(client.address) && !shareNetwork(server.address, client.address);
}

/** Where the SYN was due, in words. */
function targets({ channel, session }: ChannelContext): string {
  const { advertised, mode } = channel.negotiation!;
  if (!advertised) return "any negotiated port";
  const peer = mode === "passive" ? session.server.address : session.client.address;
  const target = formatEndpoint({ address: advertised.address ?? peer, port: advertised.port });
  if (advertised.address === null || advertised.address === peer) return target;
  return `${target}, nor to ${formatEndpoint({ address: peer, port: advertised.port })},`;
}
