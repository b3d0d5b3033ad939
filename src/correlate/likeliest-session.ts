import type { Connection } from "../tcp/connection.ts";
import type { TrackedSession } from "./tracked-session.ts";

/**
 * Of several sessions between the same two hosts one negotiated this port, and the latest to do so is meant, until it has had its connection. Where nobody
 * is seen to have (the control connections are encrypted) it is one that goes on, of those that may have been granted a port nobody has dialled yet the
 * first, and else the one whose server spoke last.
 */
export function mostLikely(sessions: readonly TrackedSession[], connection: Connection): readonly TrackedSession[] {
  if (sessions.length === 1) return sessions;
  const chosen = new Map<string, TrackedSession>();
  for (const session of sessions) {
    const pair = `${session.clientAddress} ${session.controlAddress}`;
    const rival = chosen.get(pair);
    if (rival === undefined || isLikelier(session, rival, connection)) chosen.set(pair, session);
  }
  return [...chosen.values()];
}

/** Whether of several sessions only one can have dialled: under TLS one alone goes on, or may have been granted a port that nobody has dialled. */
export function isAlone(sessions: readonly TrackedSession[]): boolean {
  const [one, ...others] = sessions.filter(({ isLeaving }) => !isLeaving);
  if (others.length === 0) return one?.isHidden === true;
  return sessions.filter(({ grantedAt }) => Number.isFinite(grantedAt)).length === 1;
}

function isLikelier(session: TrackedSession, rival: TrackedSession, { originator, responder }: Connection): boolean {
  const { port } = responder;
  if (session.awaits(port) || rival.awaits(port)) return session.awaits(port);
  const isDialled = originator.address === session.clientAddress;
  // Neither awaits it: one under TLS that may have been granted it since comes before one that has had its connection.
  const isGranted = (one: TrackedSession) => isDialled && Number.isFinite(one.grantedAt);
  if (isGranted(session) === isGranted(rival)) {
    const expects = session.expects(port);
    if (expects !== rival.expects(port)) return expects;
    if (expects) return true;
  }
  if (session.isLeaving !== rival.isLeaving) return rival.isLeaving;
  if (isDialled && session.grantedAt !== rival.grantedAt) return session.grantedAt < rival.grantedAt;
  return session.lastServerTime >= rival.lastServerTime;
}
