import type { AnomalyLog } from "../anomaly.ts";
import { BOUNDS } from "../bounds.ts";
import { captureIndexOf } from "../capture/frame.ts";
import { DialogueMemory } from "../ftp/deferred-dialogue.ts";
import type { DialogueTables } from "../prefilter/prefilter.ts";
import type { Connection } from "../tcp/connection.ts";
import type { ConnectionObserver, ConnectionTable } from "../tcp/connection-table.ts";
import { REORDER_SECONDS } from "../tcp/early-packets.ts";
import type { ControlStream } from "../tcp/stream-sink.ts";
import { ANY_POINT } from "../tcp/vantage-points.ts";
import type { Watcher } from "../tcp/watchlist.ts";
import { DataRecords } from "../tls/data-records.ts";
import { isAlone, mostLikely } from "./likeliest-session.ts";
import type { SessionFacts } from "./session-facts.ts";
import { ORDERLY_SECONDS, type SessionKeeper, TrackedSession } from "./tracked-session.ts";

/** Sessions followed at once; beyond it one is settled early. */
export const MAX_SESSIONS = BOUNDS.sessions.most;
/** So many of those that began first are looked at, and the one silent for longest is the one. */
const EVICTION_CHOICE = 64;
/** Data connections that began last, which a session may claim late. */
const LATEST_CONNECTIONS = 16;
/** How often the idle limits are looked at (seconds of capture time). */
const SWEEP_SECONDS = 20;

/**
 * Follows the sessions of a capture: takes the streams of control connections, says which further connections are wanted, and hands
 * each session out as facts once it has settled.
 */
export class SessionTracker implements ConnectionObserver, SessionKeeper {
  readonly #anomalies: AnomalyLog;
  readonly #onSettled: (facts: SessionFacts) => void;
  readonly controlNotFollowed: ConnectionObserver["controlNotFollowed"];
  /** In the order in which they began. */
  readonly #live = new Set<TrackedSession>();
  readonly #closing = new Set<TrackedSession>();
  /** Those of them that closed last and may have done so in good order, the first to close first. */
  readonly #fresh = new Set<TrackedSession>();
  #table!: ConnectionTable;
  /** Live sessions by the client's initial sequence number: the same session with translated addresses has it too. */
  readonly #bySequence = new Map<number, TrackedSession[]>();
  /** The data connections that began last, a ring. */
  readonly #latest: OpenedData[] = [];
  /** What sessions have said that nobody had to read yet. */
  readonly dialogues: DialogueMemory;
  #opened = 0;
  #clock = 0;
  #nextSweep = 0;

  /**
   * @param onNotFollowed gets attempts that there are too many of to follow each
   * @param dialogues those of the prefilter through which the segments come, if any
   */
  constructor(
    anomalies: AnomalyLog,
    onSettled: (facts: SessionFacts) => void,
    onNotFollowed: ConnectionObserver["controlNotFollowed"],
    dialogues: DialogueTables | null = null,
  ) {
    this.dialogues = new DialogueMemory(dialogues);
    this.#anomalies = anomalies;
    this.#onSettled = onSettled;
    this.controlNotFollowed = onNotFollowed;
  }

  /** The table that asks this tracker; set once, right after both exist. */
  attach(table: ConnectionTable): void {
    this.#table = table;
  }

  /** Sessions not yet settled. */
  get size(): number {
    return this.#live.size;
  }

  controlOpened(connection: Connection, recognised: boolean): ControlStream {
    if (this.#live.size >= MAX_SESSIONS) this.#evict();
    const session = new TrackedSession(connection, recognised, this, this.#table, this.#anomalies);
    connection.owner = session;
    this.#live.add(session);
    // Something is being said already: a negotiation may be under way.
    if (connection.midstream || recognised) session.watch();
    return session;
  }

  dataOpened(connection: Connection, watchers: readonly Watcher[]): void {
    const records = new DataRecords();
    connection.tap = records;
    const holders: TrackedSession[] = [];
    const { port } = connection.responder;
    const sessions = watchers as readonly TrackedSession[];
    const isClear = sessions.length === 1 || isAlone(sessions);
    for (const session of mostLikely(sessions, connection)) {
      session.addCandidate(connection, records, !isClear && !session.expects(port));
      holders.push(session);
    }
    connection.owner = holders;
    this.#latest[this.#opened++ % LATEST_CONNECTIONS] = { connection, records };
  }

  dataWasControl(connection: Connection): void {
    const holders = connection.owner as TrackedSession[];
    for (const holder of holders) holder.dropCandidate(connection);
    connection.owner = [];
  }

  /**
   * A session has negotiated a port. A connection to it that stands just before that in the file was given to other sessions: this one is
   * meant, with those of the same hosts that negotiated the port too (FXP), and no session that merely seemed likely.
   */
  claimEarly(session: TrackedSession, port: number, time: number): void {
    for (const opened of this.#latest) {
      const { connection } = opened;
      if (connection.responder.port !== port) continue;
      if (Math.abs(connection.firstTime - time) <= REORDER_SECONDS) claim(session, port, opened);
    }
  }

  controlChanged(connection: Connection): void {
    const session = connection.owner;
    if (!(session instanceof TrackedSession) || !(connection.closed || connection.over) || this.#closing.has(session))
      return;
    this.#closing.add(session);
    this.#fresh.add(session);
  }

  controlSeenElsewhere(connection: Connection, elsewhere: Connection): void {
    const first = connection.owner as TrackedSession;
    const further = elsewhere.owner as TrackedSession;
    first.bindCandidates();
    further.bindCandidates();
    further.isFurtherView = true;
    first.join(further);
    const captures = `${captureIndexOf(connection.firstPacket) + 1} and ${captureIndexOf(elsewhere.firstPacket) + 1}`;
    this.#anomalies.note(
      "two-vantage-points",
      "correlate",
      elsewhere.firstPacket,
      `captures ${captures} show one session at two points of the network; it is reported as seen at each, the two name each other in sameAs`,
    );
  }

  /** Capture time went on: settles what is due. To be called several times a second. */
  tick(seconds: number, nanoseconds: number): void {
    this.#settleOrderly(seconds + nanoseconds / 1e9);
    if (seconds <= this.#clock) return;
    this.#clock = seconds;
    this.#table.catchUp();
    for (const session of this.#closing) {
      if (session.isDone(seconds)) this.#settle(session, false);
      else session.closeStreams(seconds);
    }
    if (seconds < this.#nextSweep) return;
    this.#nextSweep = seconds + SWEEP_SECONDS;
    for (const session of this.#live) {
      if (session.isIdle(seconds)) this.#settle(session, false);
    }
  }

  /** Sessions that ended in good order need not wait for stragglers. */
  #settleOrderly(now: number): void {
    for (const session of this.#fresh) {
      if (now - session.connection.lastTime < ORDERLY_SECONDS) break;
      // Not held any longer: what it settles with is garbage at once, and does not outlive the young generation.
      this.#fresh.delete(session);
      if (session.isDoneOrderly(now)) this.#settle(session, false);
    }
  }

  /** The end of all captures: settles everything, in the order of first packets. */
  finish(): void {
    for (const session of [...this.#live].sort((a, b) => a.connection.firstPacket - b.connection.firstPacket))
      this.#settle(session, true);
  }

  /** A control connection has spoken its first words: its initial sequence numbers are known. */
  began(session: TrackedSession): void {
    const sequence = session.connection.originator.base;
    const others = this.#bySequence.get(sequence);
    if (!others) {
      this.#bySequence.set(sequence, [session]);
      return;
    }
    for (const other of others) {
      if (!areTwins(session, other) || session.twins.includes(other)) continue;
      if (this.#table.setApart(other.connection, session.connection))
        this.controlSeenElsewhere(other.connection, session.connection);
    }
    others.push(session);
  }

  /** Sessions with the same initial sequence numbers at both ends are one, seen on both sides of a NAT: each learns the other's id. */
  #tellTwins(session: TrackedSession): void {
    const { originator } = session.connection;
    const others = this.#bySequence.get(originator.base);
    if (!others) return;
    const at = others.indexOf(session);
    if (at >= 0) others.splice(at, 1);
    if (others.length === 0) this.#bySequence.delete(originator.base);
    for (const other of others) if (areTwins(session, other)) session.join(other);
  }

  #evict(): void {
    this.#table.catchUp();
    let oldest: TrackedSession | undefined;
    let seen = 0;
    for (const session of this.#live) {
      if (!oldest || session.connection.lastTime < oldest.connection.lastTime) oldest = session;
      if (++seen === EVICTION_CHOICE) break;
    }
    if (!oldest) return;
    this.#anomalies.note(
      "sessions-over-limit",
      "correlate",
      oldest.connection.firstPacket,
      `more than ${MAX_SESSIONS} sessions at once; of the first of them the one silent for longest was settled early`,
    );
    this.#settle(oldest, false);
  }

  #settle(session: TrackedSession, atCaptureEnd: boolean): void {
    this.#live.delete(session);
    this.#closing.delete(session);
    this.#tellTwins(session);
    const facts = session.settle(this.#clock, atCaptureEnd);
    if (facts) this.#onSettled(facts);
  }
}

/** Whether two sessions that began with the same initial sequence number of the client have the same of the server too. */
function areTwins({ connection: one }: TrackedSession, { connection: other }: TrackedSession): boolean {
  return (
    one.originator.baseFromSyn &&
    one.responder.baseFromSyn &&
    other.responder.baseFromSyn &&
    one.responder.base === other.responder.base
  );
}

/** A data connection, and what the sessions that it may belong to have of it. */
interface OpenedData {
  readonly connection: Connection;
  readonly records: DataRecords;
}

/** Gives a data connection that stood before its negotiation to the session of that, unless another has more right to it. */
function claim(session: TrackedSession, port: number, { connection, records }: OpenedData): void {
  const holders = connection.owner as TrackedSession[];
  const hosts = session.hostsOf(connection);
  if (connection.over || holders.length === 0 || holders.includes(session) || hosts === 0) return;
  // A port may be granted again as soon as it has had its connection.
  const isOfEarlierGrant = (holder: TrackedSession) =>
    holder.hostsOf(connection) >= hosts &&
    (holder.hadAs(port, connection) || (connection.closed && holder.expects(port)));
  if (holders.some(isOfEarlierGrant)) return;
  if (session.point !== ANY_POINT && session.point !== connection.point) return;
  if (holders.some((holder) => holder.hostsOf(connection) > hosts)) return;
  for (const holder of [...holders]) {
    if (holder.hostsOf(connection) === hosts && holder.expects(port)) continue;
    holder.dropCandidate(connection);
    holders.splice(holders.indexOf(holder), 1);
  }
  session.addCandidate(connection, records, false);
  holders.push(session);
}
