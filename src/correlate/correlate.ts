import type { Connection } from "../tcp/connection.ts";
import type { ChannelFacts, MatchedConnection } from "./data-channel.ts";
import { concernsData, draftChannels } from "./draft-channels.ts";
import { inferNegotiation } from "./inferred-negotiation.ts";
import { matchCandidates, type NegotiationWindow } from "./match.ts";
import type { SessionFacts } from "./session-facts.ts";

/**
 * Ties what was negotiated on a settled session's control connection to the connections that were seen: a pure function over two
 * lists, with hindsight. NAT failures are the inexact matches, so a connection is a candidate for every negotiation that its
 * ends or its port fit.
 */
export function correlate(session: SessionFacts): ChannelFacts[] {
  // Most sessions of a busy server log in, look and leave.
  if (session.candidates.length + session.hidden.length === 0 && !session.exchanges.some(concernsData)) return [];
  const drafts = draftChannels(session);
  const windows = drafts.map(
    ({ negotiation, transfer, from, until }): NegotiationWindow => ({
      negotiation,
      from,
      until,
      endedAt: transfer?.final ? transfer.final.stamp.time : Number.POSITIVE_INFINITY,
    }),
  );
  const { matched, unmatched } = matchCandidates(session, windows);
  const channels = drafts.map(
    ({ negotiation, transfer, from, until, followedBy }, i): ChannelFacts => ({
      negotiation,
      transfer,
      connection: decidingAttempt(matched[i]),
      attempts: matched[i],
      hidden: false,
      inferred: null,
      from,
      until,
      followedBy,
    }),
  );
  // Connections under a control connection that cannot be read: each is a channel of its own.
  for (const attempt of unmatched) {
    channels.push({
      negotiation: null,
      transfer: null,
      connection: attempt,
      attempts: [attempt],
      hidden: true,
      inferred: null,
      from: attempt.connection.firstTime,
      until: Number.POSITIVE_INFINITY,
      followedBy: [],
    });
  }
  const inferred = inferNegotiation(session);
  if (inferred) {
    channels.push({
      negotiation: null,
      transfer: null,
      connection: null,
      attempts: [],
      hidden: true,
      inferred,
      from: inferred.grantedAt,
      until: Number.POSITIVE_INFINITY,
      followedBy: [],
    });
  }
  return inOrder(channels, drafts.length);
}

/** By packet; but the first `negotiated`, in the order of the dialogue, stay so wherever their packets stand in the file. */
function inOrder(channels: ChannelFacts[], negotiated: number): ChannelFacts[] {
  if (channels.length === negotiated) return channels;
  let latest = 0;
  return channels
    .map((channel, i) => {
      const packet = channelPacket(channel);
      latest = Math.max(latest, packet);
      return { channel, packet: i < negotiated ? latest : packet };
    })
    .sort((a, b) => a.packet - b.packet)
    .map(({ channel }) => channel);
}

/** The packet by which channels are ordered: the command's, else the reply's, else the first SYN's. */
function channelPacket(channel: ChannelFacts): number {
  return (
    channel.negotiation?.command?.stamp.packet ??
    channel.negotiation?.reply?.stamp.packet ??
    channel.connection?.connection.firstPacket ??
    channel.transfer?.command.stamp.packet ??
    channel.inferred?.commandPacket ??
    0
  );
}

/**
 * Another host than the dialled one answered its SYN: a SYN-ACK to the very port that the SYN came from, and the dialling host, who knows no
 * connection to that host, resets it or says nothing (RFC 9293 section 3.10.7.3).
 */
export function isStrayAnswer(answer: Connection, dialled: Connection): boolean {
  const { originator, responder } = answer;
  return (
    originator.synCount === 0 &&
    originator.packets === originator.resetCount &&
    responder.synCount > 0 &&
    responder.bytes === 0 &&
    dialled.originator.synCount > 0 &&
    originator.port === dialled.originator.port &&
    originator.address === dialled.originator.address &&
    responder.address !== dialled.responder.address
  );
}

/** The attempt that decides the channel: one that carried data, else one that was established, else the first. */
function decidingAttempt(attempts: readonly MatchedConnection[]): MatchedConnection | null {
  let best: MatchedConnection | null = null;
  let bestRank = -1;
  for (const attempt of attempts) {
    const { connection } = attempt;
    const carried = connection.originator.bytes + connection.responder.bytes > 0;
    const isStray =
      connection.originator.synCount === 0 && attempts.some((other) => isStrayAnswer(connection, other.connection));
    const rank = isStray || attempt.match === "port-differs" ? 0 : connection.established ? (carried ? 3 : 2) : 1;
    // The first that worked counts; of failures too: the first is what the client was told to dial.
    if (rank > bestRank) {
      best = attempt;
      bestRank = rank;
    }
  }
  return best;
}
