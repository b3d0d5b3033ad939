import { FTP_DATA_PORT, FTPS_DATA_PORT, UNPRIVILEGED_PORT } from "../ports.ts";
import type { Connection } from "../tcp/connection.ts";
import { REORDER_SECONDS } from "../tcp/early-packets.ts";
import type { MatchedConnection, NegotiationFacts } from "./data-channel.ts";
import { LostStretches } from "./lost-stretches.ts";
import { SealedGrants } from "./sealed-grants.ts";
import type { Candidate, SessionFacts } from "./session-facts.ts";

/** A negotiation with the time in which its data connection is due. */
export interface NegotiationWindow {
  readonly negotiation: NegotiationFacts | null;
  /** Seconds: its grant, and the next grant. */
  readonly from: number;
  readonly until: number;
  /** Seconds: the last reply to its transfer; infinite without. */
  readonly endedAt: number;
}

/**
 * A connection on another port than negotiated, between the two hosts, counts as the negotiation's (port mapping) only when it
 * begins within this time of the grant (seconds): clients dial at once.
 */
export const TRANSLATED_PORT_SECONDS = 5;

/** Negotiations of one port, the latest before a connection, among which it looks for its own: a listener waits for the one before. */
const NEGOTIATIONS_A_PORT = 64;

interface Score {
  readonly value: number;
  readonly match: MatchedConnection["match"];
}

/**
 * Ties each candidate connection to the negotiation that it fits best, or to none.
 * @returns for each window its connections in the order of their SYNs, and the connections that fit none but were seen while
 * the control connection could not be read
 */
export function matchCandidates(
  session: SessionFacts,
  windows: readonly NegotiationWindow[],
): { matched: MatchedConnection[][]; unmatched: MatchedConnection[] } {
  const matched: MatchedConnection[][] = windows.map(() => []);
  const unmatched: MatchedConnection[] = [];
  const leftOver: Candidate[] = [];
  const byPort = windowsByPort(windows);
  const lost = new LostStretches(
    session,
    windows.map(({ negotiation }) => negotiation),
  );
  for (const candidate of session.candidates) {
    let best = -1;
    let bestScore: Score | undefined;
    const indexes = byPort.get(candidate.connection.responder.port) ?? [];
    for (const i of latestOf(indexes, windows, candidate.connection)) {
      // A later negotiation of the same port that the capture lost has the better claim.
      if (lost.between(windows[i].endedAt, candidate.connection.firstTime)) continue;
      const score = scoreOf(session, candidate.connection, windows[i], matched[i]);
      if (score && (bestScore === undefined || score.value > bestScore.value)) {
        best = i;
        bestScore = score;
      }
    }
    if (bestScore)
      matched[best].push({
        candidate,
        connection: candidate.connection,
        match: bestScore.match,
      });
    else leftOver.push(candidate);
  }
  let grants: SealedGrants | null = null;
  for (const candidate of leftOver) {
    const { connection } = candidate;
    if (isHidden(session, connection)) {
      grants ??= new SealedGrants(session);
      if (looksLikeData(session, candidate, grants)) {
        unmatched.push({ candidate, connection, match: "inferred" });
      }
      continue;
    }
    const unread = unreadWindow(session, candidate, windows, matched);
    if (unread >= 0) {
      matched[unread].push({ candidate, connection, match: "inferred" });
      continue;
    }
    // To a port that the session negotiates it goes for that one's sake, though its SYN stands before the grant: the clocks of two capture points differ.
    const isAnothers = candidate.contested || byPort.has(connection.responder.port);
    const at = isAnothers ? -1 : translatedWindow(session, connection, windows, matched, lost);
    if (at >= 0) matched[at].push({ candidate, connection, match: "port-differs" });
  }
  for (const attempts of matched) attempts.sort((a, b) => a.connection.firstPacket - b.connection.firstPacket);
  return { matched, unmatched };
}

/** The windows of each port that was negotiated, as indexes, by the time of their grants. */
function windowsByPort(windows: readonly NegotiationWindow[]): Map<number, number[]> {
  const byPort = new Map<number, number[]>();
  windows.forEach(({ negotiation }, i) => {
    const port = negotiation?.advertised?.port;
    if (port === undefined) return;
    const others = byPort.get(port);
    if (others) others.push(i);
    else byPort.set(port, [i]);
  });
  for (const indexes of byPort.values()) indexes.sort((a, b) => windows[a].from - windows[b].from || a - b);
  return byPort;
}

/** Of windows sorted by time the last {@link NEGOTIATIONS_A_PORT} that were granted before the connection began. */
function latestOf(
  indexes: readonly number[],
  windows: readonly NegotiationWindow[],
  { firstTime }: Connection,
): readonly number[] {
  let low = 0;
  let high = indexes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (windows[indexes[middle]].from - REORDER_SECONDS <= firstTime) low = middle + 1;
    else high = middle;
  }
  return indexes.slice(Math.max(0, low - NEGOTIATIONS_A_PORT), low);
}

/** How well a connection fits a negotiation; undefined when it does not. The port must fit, and one of the hosts. */
function scoreOf(
  session: SessionFacts,
  connection: Connection,
  window: NegotiationWindow,
  taken: readonly MatchedConnection[],
): Score | undefined {
  const { negotiation } = window;
  if (!negotiation?.advertised || connection.responder.port !== negotiation.advertised.port) return undefined;
  const time = connection.firstTime;
  if (time < window.from - REORDER_SECONDS) return undefined;
  const { originator, responder } = connection;
  const passive = negotiation.mode === "passive";
  const dialler = passive ? session.client.address : session.server.address;
  const listener = negotiation.advertised.address ?? session.server.address;
  const listenerPeer = passive ? session.server.address : session.client.address;
  let value = 4;
  const responderFits = responder.address === listener;
  const originatorFits = originator.address === dialler;
  if (responderFits) value += 4;
  else if (responder.address === listenerPeer) value += 3;
  if (originatorFits) value += 3;
  if (value < 7) return undefined;
  // Of several negotiations of one port the latest before the SYN counts; one already followed by another fits less well, and so
  // does one that already has its connection: a listener accepts one. That a SYN stands before its grant is the exception, and weighs more than an
  // address that a NAT translates.
  if (time >= window.from) value += 2;
  if (time < window.until) value += 2;
  if (taken.some(({ connection: other }) => other.established)) value -= 2;
  value += window.from / 1e12;
  return { value, match: responderFits && originatorFits ? "exact" : "address-differs" };
}

/** Whether the control connection could not be read when this connection began. */
function isHidden(session: SessionFacts, connection: Connection): boolean {
  const { control } = session;
  // After the control connection has closed nothing is negotiated on it any more.
  if (control.closed && connection.firstTime > control.lastTime) return false;
  return session.hidden.some(({ from, to }) => connection.firstTime >= from && connection.firstTime <= to);
}

/** Whether a connection seen under an unreadable control connection is likely to be one of its data connections. */
function looksLikeData(session: SessionFacts, candidate: Candidate, grants: SealedGrants): boolean {
  const { connection } = candidate;
  const { originator, responder } = connection;
  if (grants.beginsTooSoon(connection)) return false;
  const isOfClient = originator.address === session.client.address;
  if (isOfClient && !connection.established && !grants.mayAnswer(candidate)) return false;
  if (candidate.foreign) {
    // A host that is not the server: only an attempt that failed says anything about this session (a wrong 227).
    return !connection.established && isOfClient && responder.port >= UNPRIVILEGED_PORT;
  }
  if (isOfClient) return responder.port >= UNPRIVILEGED_PORT || responder.port === FTPS_DATA_PORT;
  return (
    originator.address === session.server.address &&
    (responder.port >= UNPRIVILEGED_PORT || originator.port === FTP_DATA_PORT)
  );
}

/**
 * The window whose grant names no port that can be read and into which this connection of the client fits; -1 for none: the snaplen cut it, or its form is
 * wrong, and clients make of it what they can (of 451,80 lftp and Python's ftplib dial port 50000 of the server).
 */
function unreadWindow(
  session: SessionFacts,
  { connection, contested }: Candidate,
  windows: readonly NegotiationWindow[],
  matched: readonly MatchedConnection[][],
): number {
  const { originator, responder } = connection;
  if (originator.address !== session.client.address || responder.port < UNPRIVILEGED_PORT) return -1;
  const mayBeMeant = !contested && responder.address === session.server.address;
  return windows.findIndex(({ negotiation, from, until }, i) => {
    if (negotiation?.mode !== "passive" || !negotiation.granted || negotiation.advertised) return false;
    if (!negotiation.reply?.cut && !mayBeMeant) return false;
    if (matched[i].length > 0) return false;
    return (
      connection.firstTime >= from - REORDER_SECONDS &&
      connection.firstTime < Math.min(until, from + TRANSLATED_PORT_SECONDS)
    );
  });
}

/** The window whose negotiation has no connection and into which this one fits but for its port; -1 for none. */
function translatedWindow(
  session: SessionFacts,
  connection: Connection,
  windows: readonly NegotiationWindow[],
  matched: readonly MatchedConnection[][],
  lost: LostStretches,
): number {
  const { originator, responder } = connection;
  if (responder.port < UNPRIVILEGED_PORT) return -1;
  // An attempt that failed is a weak sign: with lines lost it may belong to a negotiation that is not in the capture.
  if (!connection.established && (session.lostBytes || session.cutBytes || session.server.packets === 0)) return -1;
  // A later negotiation, answered or not, is what the client dials for.
  const superseded = (own: NegotiationFacts, from: number) =>
    windows.some(({ negotiation }) => {
      if (negotiation === own) return false;
      const asked = negotiation?.command ? negotiation.command.stamp.time : Number.NEGATIVE_INFINITY;
      return asked > from && asked <= connection.firstTime;
    });
  return windows.findIndex(({ negotiation, from, until }, i) => {
    if (!negotiation?.granted || !negotiation.advertised || matched[i].length > 0) return false;
    const dialler = negotiation.mode === "passive" ? session.client : session.server;
    const listener = negotiation.mode === "passive" ? session.server : session.client;
    if (originator.address !== dialler.address || responder.address !== listener.address) return false;
    const sinceGrant = connection.firstTime - from;
    const isTimely =
      sinceGrant >= -REORDER_SECONDS && connection.firstTime < Math.min(until, from + TRANSLATED_PORT_SECONDS);
    return isTimely && !superseded(negotiation, from) && !lost.between(from, connection.firstTime);
  });
}
