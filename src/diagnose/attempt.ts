import { formatEndpoint } from "../address.ts";
import type { ChannelFacts, MatchedConnection } from "../correlate/data-channel.ts";
import { ALERT_BYTES, looksPassive, sealedWords } from "../correlate/sealed-word.ts";
import type { SessionFacts } from "../correlate/session-facts.ts";
import type { ReplyEvent } from "../ftp/control-event.ts";
import type { ChannelMode } from "../ftp/negotiation.ts";
import type { Connection } from "../tcp/connection.ts";
import { REORDER_SECONDS } from "../tcp/early-packets.ts";
import type { HalfConnection, Reset } from "../tcp/half-connection.ts";
import type { ChannelContext } from "./context.ts";
import { isForged } from "./packet-origin.ts";
import { prohibition, prohibitionFact } from "./prohibition.ts";
import { mayMean, speaksOfConnection } from "./reply-text.ts";
import { vantageOf } from "./vantage.ts";
import type { Alternative, Fact } from "./verdict.ts";
import { secondsText, synText, timesText } from "./wording.ts";

/** What became of an attempt to connect, by what the capture has of both ends. */
export type AttemptState =
  /** SYN, and nothing came back. */
  | "unanswered"
  /** SYN, and a RST came back. */
  | "rejected"
  /** SYN after SYN, and nothing came back but a RST in the end. */
  | "answered-late"
  /** SYN, and an ICMP error quotes it. */
  | "prohibited"
  /** The responder answered with a SYN-ACK, or data flows. */
  | "established"
  /** The capture lacks the originator's SYN, or the answer to it. */
  | "unclear";

/** What became of a connection attempt. */
export function attemptState(connection: Connection): AttemptState {
  if (connection.established) return "established";
  if (connection.originator.synCount === 0) return "unclear";
  const { originator, responder } = connection;
  if (responder.resets.length > 0) {
    if (lateReset(connection)) return "answered-late";
    return responder.resets.some((reset) => answersSyn(reset, originator)) ? "rejected" : "unclear";
  }
  return prohibition(connection) ? "prohibited" : "unanswered";
}

/**
 * A closed port answers a SYN with sequence number 0 and acknowledges it (RFC 9293 section 3.10.7.1). A RST that acknowledges nothing, or more than
 * that, or that comes with a sequence number and a window, as out of a socket, belongs to a connection that stood: the capture lacks what came before.
 */
function answersSyn({ hasAck, acknowledges, sequence, window }: Reset, originator: HalfConnection): boolean {
  // A SYN may carry data (TCP Fast Open).
  return hasAck && acknowledges <= originator.highest && (sequence === 0 || window === 0);
}

/** What the server says unasked when the data connection comes from a stranger: pyftpdlib, which closes it at once, before the transfer command. */
export function turnedAway({ followedBy }: ChannelFacts): ReplyEvent | null {
  const unasked = followedBy.filter(({ command }) => command === null).map(({ final }) => final);
  return unasked.find((reply) => mayMean(reply, "peer-mismatch")) ?? null;
}

/** The client dials another host than the server, and the 227 that may have named it cannot be read: its address may be what is wrong. */
export function mayBeAdvertised({ channel, session }: ChannelContext, { responder }: Connection): Alternative[] {
  if (!channel.hidden || responder.address === session.server.address) return [];
  const missing = `the 227, which is encrypted: whether it names ${responder.address}, and whether that is the server's`;
  return [{ cause: "pasv-wrong-address", missing }];
}

/**
 * The server had already given up the data connection when the SYN came, and the host itself answers it by a RST: its listener was gone by then,
 * and the RST is the end's consequence, not its cause. A device that rejects does so at any time. Under TLS it is enough that it may be so.
 */
export function cameTooLate({ channel, session }: ChannelContext, attempt: Connection): boolean {
  const host = [session.server, session.client].find(({ address }) => address === attempt.responder.address);
  const reset = attempt.responder.resets[0];
  if (host === undefined || reset === undefined || isForged(reset, host)) return false;
  if (channel.hidden && host === session.server && answeredMeanwhile(session, reset)) return true;
  const granted = channel.negotiation?.reply?.stamp.packet ?? Number.POSITIVE_INFINITY;
  const said = [
    channel.transfer?.final,
    ...session.exchanges.filter(({ command }) => command === null).map(({ final }) => final),
  ];
  return said.some(
    (reply) =>
      reply != null &&
      speaksOfConnection(reply) &&
      reply.stamp.packet > granted &&
      reply.stamp.packet < attempt.firstPacket,
  );
}

/**
 * Under TLS: behind words as long as a grant the client asked for something more, and was answered before the RST came. A client that dials after its
 * transfer command meets a closed port where the server has turned that down (550). If the server goes on by itself, its answer was a 150.
 */
function answeredMeanwhile(session: SessionFacts, reset: Reset): boolean {
  const words = (sealedWords(session) ?? []).filter(({ bytes }) => bytes !== ALERT_BYTES);
  const before = words.filter(({ packet }) => packet < reset.packet);
  const granted = before.findLastIndex((word, at) => looksPassive(before[at - 1], word));
  if (granted < 0 || words[before.length]?.fromClient === false) return false;
  const asked = before.findIndex(({ fromClient }, at) => fromClient && at > granted);
  return asked >= 0 && before.some(({ fromClient }, at) => !fromClient && at > asked);
}

/** What became of an attempt that failed: its SYNs, and what answered them. @param whose who may have sent a RST, in words behind its TTL */
export function attemptFacts(attempt: Connection, whose = ""): Fact[] {
  const target = `SYN to ${formatEndpoint(attempt.responder)}, ${synText(attempt)}`;
  const isUnanswered = attemptState(attempt) === "unanswered";
  const syn = { packet: attempt.firstPacket, says: isUnanswered ? `${target}, never answered` : target };
  const reset = attempt.responder.resets[0];
  if (reset) return [syn, { packet: reset.packet, says: `RST in answer, TTL ${reset.ttl}${whose}` }];
  const icmp = prohibition(attempt);
  return icmp ? [syn, prohibitionFact(icmp, attempt)] : [syn];
}

/**
 * The connection attempt that the rules about SYNs judge: the channel's own, if who was to dial is of this mode. A connection on another
 * port than negotiated is not meant (`data-port-translated` is). The mode is the negotiation's and not a matter of addresses: client and
 * server may be one host, and a server with several addresses may dial from another one.
 */
export function attemptOf(context: ChannelContext, mode: ChannelMode): Connection | undefined {
  const { channel, session } = context;
  if (channel.connection === null) return mode === "active" ? legacyAttempt(context) : undefined;
  const { connection, match } = channel.connection;
  if (match === "port-differs" || (channel.hidden && !followsWords(context))) return undefined;
  return modeOf(channel, session, connection) === mode ? connection : undefined;
}

/** Who had to dial for a channel: its negotiation says it; where that cannot be read, whose SYN it was. */
export function modeOf(
  { negotiation }: ChannelFacts,
  { client, server }: SessionFacts,
  { originator }: Connection,
): ChannelMode {
  if (negotiation !== null) return negotiation.mode;
  return originator.address === server.address && originator.address !== client.address ? "active" : "passive";
}

/**
 * Both ends dial at once when told to (seconds). Under an encrypted control connection an attempt that comes later may be any other traffic of the
 * two hosts: a web page on the server's port 8443, say.
 */
export const DIAL_SECONDS = 5;

/** Whether anything was said on the control connection right before a connection whose negotiation cannot be read. */
function followsWords({ channel, session }: ChannelContext): boolean {
  const { firstTime } = channel.connection!.connection;
  return session.events.some((event) => {
    const before = firstTime - event.stamp.time;
    return before >= -REORDER_SECONDS && before <= DIAL_SECONDS;
  });
}

/**
 * Active mode of old (RFC 959 section 3.2): a transfer command without PORT makes the server dial the client's default data port, which is
 * the port that the client's control connection uses.
 */
function legacyAttempt({ channel, session }: ChannelContext): Connection | undefined {
  const { negotiation, transfer } = channel;
  if (negotiation !== null || transfer === null) return undefined;
  const asked = transfer.command.stamp.time;
  return session.candidates.find(
    ({ connection: { originator, responder, firstTime } }) =>
      originator.address === session.server.address &&
      responder.address === session.client.address &&
      responder.port === session.client.port &&
      firstTime >= asked,
  )?.connection;
}

/**
 * The RST that answers only the last of several SYNs, long after the first: so many went unanswered, and who rejects does it at once. Whoever listened
 * has given up by then.
 */
function lateReset({ originator, responder }: Connection): Reset | undefined {
  const first = responder.resets.find((reset) => answersSyn(reset, originator));
  if (first === undefined || originator.synCount <= REPEATED_SYNS) return undefined;
  return first.time - originator.synTime >= ANSWER_SECONDS ? first : undefined;
}

/** Nobody answered the SYNs, or only when that had been so for long. */
export function isUnheard(attempt: Connection): boolean {
  const state = attemptState(attempt);
  return state === "unanswered" || state === "answered-late";
}

/** That fact. @param whose what the SYN is and where it goes */
export function unheardFacts(attempt: Connection, whose: string): Fact[] {
  const late = lateReset(attempt);
  const syn = {
    packet: attempt.firstPacket,
    says: `${whose}, ${synText(attempt)}, ${late ? "of which only the last is answered" : "never answered"}`,
  };
  if (!late) return [syn];
  const after = secondsText(late.time - attempt.originator.synTime);
  return [syn, { packet: late.packet, says: `RST ${after} after the first SYN` }];
}

/** A single unanswered SYN proves nothing when the capture ended, or the client gave up, this soon after it (seconds). */
export const ANSWER_SECONDS = 3;

/** A SYN sent so often was not answered in time: stacks repeat it after a second (RFC 6298 section 2). */
export const REPEATED_SYNS = 2;
/** Repetitions of a SYN that span less than this are copies, or the capture's own, not a stack's back-off (seconds). */
const BACKOFF_SECONDS = 0.5;

/** Whether silence after this attempt's SYNs means something: two with back-off, or one and time enough. */
export function isConclusive(attempt: MatchedConnection, now: number): boolean {
  const { originator } = attempt.connection;
  if (originator.synCount >= REPEATED_SYNS && originator.lastSynTime - originator.synTime >= BACKOFF_SECONDS)
    return true;
  return originator.synCount >= 1 && now - originator.lastSynTime >= ANSWER_SECONDS;
}

/**
 * Whether the SYN arrives and its answer does not: the SYN-ACK is repeated, or the SYN behind it, and the originator never says anything else. A
 * handshake whose last packets only the capture lacks has nothing to repeat.
 */
export function isAnswerLost({ originator, responder }: Connection): boolean {
  if (originator.synCount === 0 || responder.synCount === 0 || responder.bytes > 0) return false;
  if (originator.packets !== originator.synCount) return false;
  return (
    responder.lastSynTime - responder.synTime >= BACKOFF_SECONDS ||
    originator.lastSynTime - responder.synTime >= BACKOFF_SECONDS
  );
}

/** That fact in words. Where the capture is from the originator's end the answer is seen to come so far. */
export function answerLostFact(connection: Connection, session: SessionFacts): Fact {
  const { originator, responder } = connection;
  const repeated =
    responder.synCount > 1
      ? `${formatEndpoint(responder)} repeats its SYN-ACK ${timesText(responder.synCount - 1)} over ${secondsText(responder.lastSynTime - responder.synTime)}, never acknowledged`
      : `${formatEndpoint(originator)} repeats its SYN although ${formatEndpoint(responder)} has answered it`;
  const end = originator.address === session.client.address ? "client" : "server";
  const where =
    vantageOf(session).side === end
      ? `the answer is in this capture, taken at the ${end}, so the ${end}'s own host does not take it, or a device right before it`
      : "it does not arrive";
  return { packet: responder.lastSynPacket, says: `${repeated}: ${where}` };
}

/** Whether a connection came about for both of its ends, as far as the capture shows. */
export function cameAbout(connection: Connection): boolean {
  return connection.established && !isAnswerLost(connection);
}
