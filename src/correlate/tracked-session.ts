import { AnomalyLog } from "../anomaly.ts";
import { BOUNDS } from "../bounds.ts";
import type { CommandEvent, ControlEvent, ReplyEvent } from "../ftp/control-event.ts";
import { type Security, unspokenSecurity } from "../ftp/control-security.ts";
import { ControlSession } from "../ftp/control-session.ts";
import { DeferredDialogue, type DialogueMemory } from "../ftp/deferred-dialogue.ts";
import { inDialogueOrder } from "../ftp/dialogue-order.ts";
import { asksForTransfer, type Exchange, negotiates, pairExchanges } from "../ftp/exchange.ts";
import { endpointOfCommand, endpointOfReply, type ParsedEndpoint, passiveVerbOf } from "../ftp/negotiation.ts";
import { identifyServer } from "../ftp/server-software.ts";
import { isFtpEvidence, isOtherProtocol } from "../ftp/signature.ts";
import type { Connection } from "../tcp/connection.ts";
import type { ConnectionTable } from "../tcp/connection-table.ts";
import type { ControlStream, Direction, GapReason, Stamp, UnreadWords } from "../tcp/stream-sink.ts";
import { ANY_POINT } from "../tcp/vantage-points.ts";
import { hostsOf, type Watcher } from "../tcp/watchlist.ts";
import type { DataRecords } from "../tls/data-records.ts";
import { CONTENT_TYPE } from "../tls/record.ts";
import { recordOverhead } from "../tls/sealing.ts";
import { OpenGrant } from "./sealed-grants.ts";
import type { Candidate, HandedOn, SessionFacts } from "./session-facts.ts";
import { sessionId } from "./session-id.ts";

/** After a session's last connection has closed, so long may stragglers come (seconds of capture time). */
export const SETTLE_SECONDS = 2;
/** After connections that all closed in good order, so long: packets are written to the file a few places late (REORDER_SECONDS). */
export const ORDERLY_SECONDS = 0.1;
/** A connection attempt without any answer is over when nothing of it has been seen for so long after the control closed. */
export const ATTEMPT_SECONDS = 5;
/** A SYN to a control port without answer: Linux gives up after 134 s (`net.ipv4.tcp_syn_retries` 6, tcp(7)), its longest pause is 67 s. */
export const UNANSWERED_SECONDS = 140;
/** An open data connection that says nothing for so long after its control connection closed is over. */
export const DATA_IDLE_SECONDS = 120;
/** A control connection that says nothing for so long is over: RFC 5382 asks NATs to keep one for 2 h 4 min. */
export const CONTROL_IDLE_SECONDS = 3 * 3600;
/** Events of one session that are kept; later ones are counted, not kept. */
const MAX_SESSION_EVENTS = BOUNDS.sessionEvents.most;
/** Connections of one session that are followed. */
const MAX_CANDIDATES = BOUNDS.candidates.most;
/** Connections to hosts other than the server, kept for one session whose control connection cannot be read. */
const MAX_FOREIGN = BOUNDS.foreignCandidates.most;
/** Ports of one session that its client handed on to other servers (FXP) and that are remembered. */
const MAX_HANDED_ON = 1024;
/** A client dials what it was told at once: a SYN to a foreign host counts only so soon after something the server said. */
const FOREIGN_SECONDS = 2;

/** Another protocol shows in so many lines. */
const TELLING_LINES = 8;
/** After the control connection has closed nobody fills a hole in what was said any more after so long (seconds). */
const HOLE_SECONDS = 1;

/** Who keeps the sessions, for what one of them cannot know. */
export interface SessionKeeper {
  /** What sessions have said that nobody had to read yet. */
  readonly dialogues: DialogueMemory;
  /** The session's control connection has spoken its first words: its initial sequence numbers are known. */
  began(session: TrackedSession): void;
  /** The session has negotiated a port: a connection to it may stand before that in the file. @param time when it was (seconds) */
  claimEarly(session: TrackedSession, port: number, time: number): void;
}

/** Of a session that has negotiated nothing; nothing is ever added. */
const NO_PORTS = new Map<number, Connection | null>();

/** What most sessions have none of, the same array for all of them; nothing is ever added to it. */
const NONE: never[] = [];

/** `list` with one more: the same array unless it is {@link NONE}. */
function added<Item>(list: Item[], item: Item): Item[] {
  if (list === NONE) return [item];
  list.push(item);
  return list;
}

/** A PORT that hands a port of this session's on to another server. */
interface HandOn {
  readonly port: number;
  readonly session: TrackedSession;
  readonly command: CommandEvent;
}

/** A session while it is being followed. */
export class TrackedSession implements ControlStream, Watcher {
  readonly connection: Connection;
  readonly controlAddress: string;
  readonly controlPort: number;
  readonly clientAddress: string;
  room = MAX_CANDIDATES;
  /** Sessions that are this one with translated addresses, or seen at another point. */
  twins: TrackedSession[] = NONE;
  /** It became known as one that is seen at another point already. */
  isFurtherView = false;
  readonly #recognised: boolean;
  readonly #keeper: SessionKeeper;
  readonly #table: ConnectionTable;
  readonly #anomalies: AnomalyLog;
  #events: ControlEvent[] = NONE;
  #candidates: Candidate[] = NONE;
  /** The ports negotiated, and the latest connection to each since. */
  #expectedPorts = NO_PORTS;
  #handedOn: HandOn[] = NONE;
  /** Its server was told to dial a port of another session's: once this one is settled, its negotiations and transfers. Null: it was not. */
  #told: readonly Exchange[] | null = null;
  /** What has been said while there is no parser. */
  readonly #deferred: DeferredDialogue;
  #parser: ControlSession | null = null;
  #security: Security;
  #watching = false;
  #watchingHost = false;
  #foreignCount = 0;
  /** The last grant of a passive port was cut by the snaplen: where it points to is not known. */
  #grantCut = false;
  #lastServerTime = Number.NEGATIVE_INFINITY;
  #begun = false;
  #hiddenFrom = -1;
  #hidden: { readonly from: number; readonly to: number }[] = NONE;
  #lostBytes = false;
  #cutBytes = false;
  #ftpEvidence = false;
  #otherProtocol = false;
  #linesSeen = 0;
  /** Of a control connection under TLS whose cipher is known. */
  #openGrant: OpenGrant | null = null;
  #settled = false;

  constructor(
    connection: Connection,
    recognised: boolean,
    keeper: SessionKeeper,
    table: ConnectionTable,
    anomalies: AnomalyLog,
  ) {
    this.connection = connection;
    this.#keeper = keeper;
    this.#recognised = recognised;
    this.#table = table;
    this.#anomalies = anomalies;
    this.#deferred = new DeferredDialogue(keeper.dialogues);
    this.clientAddress = connection.originator.address;
    this.controlAddress = connection.responder.address;
    this.controlPort = connection.responder.port;
    this.#security = unspokenSecurity(this.controlPort);
  }

  /** The two are one session, seen twice: each learns of the other. */
  join(other: TrackedSession): void {
    if (!this.twins.includes(other)) this.twins = added(this.twins, other);
    if (!other.twins.includes(this)) other.twins = added(other.twins, this);
  }

  // ControlStream

  get unread(): UnreadWords | null {
    return this.#parser === null ? this.#deferred : null;
  }

  data(direction: Direction, bytes: Uint8Array, from: number, to: number, stamp: Stamp): void {
    if (this.#parser === null && this.#defer(direction, bytes, from, to, stamp)) return;
    this.#read().data(direction, bytes, from, to, stamp);
  }

  gap(direction: Direction, length: number, reason: GapReason, stamp: Stamp): void {
    if (reason === "snaplen") this.#cutBytes = true;
    else this.#lostBytes = true;
    this.#read().gap(direction, length, reason, stamp);
  }

  // Watcher

  get point(): number {
    return this.connection.point;
  }

  wantsForeign(time: number): boolean {
    const unread = this.#hiddenFrom >= 0 || this.#grantCut;
    if (!unread || time - this.#lastServerTime > FOREIGN_SECONDS) return false;
    if (this.#foreignCount < MAX_FOREIGN) return true;
    this.#anomalies.note(
      BOUNDS.foreignCandidates.code,
      "correlate",
      this.connection.firstPacket,
      `while a session could not be read its client opened more than ${MAX_FOREIGN} connections to other hosts; later ones are not tied to it`,
    );
    return false;
  }

  /** From the first byte of the dialogue on the two hosts are watched. */
  watch(): void {
    if (this.#watching) return;
    this.#watching = true;
    const keys = this.#hostKeys();
    this.#table.watchlist.watchPair(this.clientAddress, keys.client, this.controlAddress, keys.server, this);
  }

  /** Puts off reading what is said. @returns false when it has to be read now */
  #defer(direction: Direction, bytes: Uint8Array, from: number, to: number, stamp: Stamp): boolean {
    if (!this.#deferred.keep(direction, bytes, from, to, stamp)) return false;
    this.#begin();
    return true;
  }

  /** The first words. */
  #begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    this.watch();
    this.#keeper.began(this);
  }

  /** Reads what has been put off, and from now on everything as it comes. */
  #read(): ControlSession {
    if (this.#parser) return this.#parser;
    this.#table.recall(this.connection);
    this.#parser = new ControlSession({
      serverPort: this.controlPort,
      joinedMidstream: this.connection.midstream,
      anomalies: this.#anomalies,
      onEvent: (event) => this.#onEvent(event),
    });
    this.#begin();
    this.#deferred.read(this.#parser);
    return this.#parser;
  }

  #hostKeys(): { client: number; server: number } {
    const { addressKeyA, addressKeyB } = this.connection;
    return { client: addressKeyA, server: addressKeyB };
  }

  #onEvent(event: ControlEvent): void {
    if (this.#events.length < MAX_SESSION_EVENTS) this.#events = added(this.#events, event);
    else this.#leaveOut(event.stamp.packet);
    const { time } = event.stamp;
    switch (event.kind) {
      case "command":
      case "reply":
      case "odd-line":
        this.#linesSeen++;
        if (this.#hiddenFrom >= 0 && event.kind !== "odd-line") this.#endHidden(time);
        if (!this.#ftpEvidence) this.#ftpEvidence = isFtpEvidence(event);
        // On a control port evidence for FTP decides, whatever else is said.
        if (!this.#otherProtocol && this.#linesSeen <= TELLING_LINES && (this.#recognised || !this.#ftpEvidence))
          this.#otherProtocol = isOtherProtocol(event);
        if (event.kind === "reply") this.#noteReply(event);
        this.#expectFrom(event);
        break;
      case "tls-record":
        if (this.#hiddenFrom < 0 && event.contentType === CONTENT_TYPE.applicationData) this.#beginHidden(time);
        if (event.contentType === CONTENT_TYPE.applicationData) this.#openGrant?.record(event);
        // Those of a handshake are no words.
        if (event.direction === "server" && event.contentType === CONTENT_TYPE.applicationData)
          this.#lastServerTime = time;
        break;
      case "tls-hello":
        if (event.hello.role === "server") {
          const overhead = recordOverhead(event.hello);
          this.#openGrant = overhead === undefined ? null : new OpenGrant(overhead);
        }
        if (this.#hiddenFrom < 0) this.#beginHidden(time);
        break;
      case "gap":
        break;
    }
  }

  /** What is not used may be the answer to what is, as what the capture lost may be. */
  #leaveOut(packet: number): void {
    this.#lostBytes = true;
    this.#anomalies.note(
      "session-events-over-limit",
      "correlate",
      packet,
      `a session said more than ${MAX_SESSION_EVENTS} lines and records; the rest is not used`,
    );
  }

  #noteReply(event: ReplyEvent): void {
    this.#lastServerTime = event.stamp.time;
    if (passiveVerbOf(event.code) === undefined) return;
    this.#grantCut = event.cut;
    if (event.cut) this.#watchHost();
  }

  #beginHidden(time: number): void {
    this.#hiddenFrom = time;
    this.#watchHost();
  }

  /** What the client opens to other hosts may be its answer to a grant that cannot be read. */
  #watchHost(): void {
    if (this.#watchingHost) return;
    this.#watchingHost = true;
    this.#table.watchlist.watchHost(this.clientAddress, this.#hostKeys().client, this);
  }

  #endHidden(time: number): void {
    this.#hidden = added(this.#hidden, { from: this.#hiddenFrom, to: time });
    this.#hiddenFrom = -1;
  }

  /** A negotiated port: connections to it are looked at whatever their addresses. */
  #expectFrom(event: ControlEvent): void {
    const parsed = negotiatedEndpoint(event);
    if (!parsed || !("port" in parsed) || parsed.port === 0) return;
    // Negotiated again: the latest session that did so comes last, and is preferred.
    if (this.#expectedPorts.has(parsed.port)) this.#table.watchlist.unexpectPort(parsed.port, this);
    if (this.#expectedPorts === NO_PORTS) this.#expectedPorts = new Map();
    this.#expectedPorts.set(parsed.port, null);
    this.#table.watchlist.expectPort(parsed.port, this);
    this.#table.followEarlySyns(parsed.port, event.stamp.time);
    this.#keeper.claimEarly(this, parsed.port, event.stamp.time);
    if (event.kind === "command" && parsed.address !== this.clientAddress) this.#handOn(parsed, event);
  }

  /** PORT names another host: the client may have got that address from a server there (FXP). */
  #handOn({ address, port }: { readonly address: string | null; readonly port: number }, command: CommandEvent): void {
    const sessions = this.#table.watchlist.expecting(port) as readonly TrackedSession[];
    const granting = sessions.filter(
      (session) =>
        session.clientAddress === this.clientAddress &&
        (session.controlAddress === address || session.#namesLately(address, port)),
    );
    const granted = granting.findLast(({ point }) => point === this.point) ?? granting.at(-1);
    if (!granted || granted.#handedOn.length >= MAX_HANDED_ON) return;
    granted.#handedOn = added(granted.#handedOn, { port, session: this, command });
    this.#told = NONE;
  }

  /** Behind a NAT its server grants another address than the control connection's. */
  #namesLately(address: string | null, port: number): boolean {
    return this.#events.slice(-LATE_EVENTS).some((event) => {
      const granted = event.kind === "reply" ? negotiatedEndpoint(event) : undefined;
      return granted !== undefined && "port" in granted && granted.port === port && granted.address === address;
    });
  }

  /** What its server has answered by now. @param anomalies is told what cannot be paired */
  #exchanges(events: readonly ControlEvent[], anomalies: AnomalyLog): Exchange[] {
    const { originator, responder } = this.connection;
    return pairExchanges(events, anomalies, originator.highest, responder.baseFromSyn);
  }

  /** What became of a command that handed a port on: a session settles before or after the one that granted the port. */
  afterHandOn(asked: CommandEvent): Pick<HandedOn, "reply" | "transfer"> {
    // What cannot be paired is told when it settles.
    const told = (this.#settled && this.#told) || this.#exchanges(inDialogueOrder(this.#events), new AnomalyLog());
    const at = told.findIndex(({ command }) => command === asked);
    if (at < 0 || told[at].replyLost) return { reply: null, transfer: null };
    const later = told.slice(at + 1);
    const next = later.findIndex(negotiates);
    const transfer = later.slice(0, next < 0 ? undefined : next).find(asksForTransfer);
    return { reply: told[at].final, transfer: transfer?.replyLost ? null : (transfer ?? null) };
  }

  /** When the server said or sent something last (seconds). */
  get lastServerTime(): number {
    if (!this.#deferred.isEmpty) this.#read();
    return this.#lastServerTime;
  }

  /** Under TLS: when it may have been granted a port that nobody has dialled yet (seconds); infinite: not, or nobody can tell. */
  get grantedAt(): number {
    return this.#openGrant?.since ?? Number.POSITIVE_INFINITY;
  }

  /** It is under TLS now. */
  get isHidden(): boolean {
    return this.#hiddenFrom >= 0;
  }

  /** An end has closed the control connection: nothing new is negotiated on it. */
  get isLeaving(): boolean {
    const { closed, originator, responder } = this.connection;
    return closed || originator.finPacket !== 0 || responder.finPacket !== 0;
  }

  /** Whether this session negotiated the port. */
  expects(port: number): boolean {
    return this.#expectedPorts.has(port);
  }

  /** Whether this is the connection that it negotiated the port for. */
  hadAs(port: number, connection: Connection): boolean {
    return this.#expectedPorts.get(port) === connection;
  }

  awaits(port: number): boolean {
    const connection = this.#expectedPorts.get(port);
    return connection !== undefined && !connection?.established;
  }

  /** How many of the connection's ends are its client or its server. */
  hostsOf({ originator, responder }: Connection): number {
    return hostsOf(this, originator.address, responder.address);
  }

  /** The connection turned out to be another session's. */
  dropCandidate(connection: Connection): void {
    const at = this.#candidates.findIndex((candidate) => candidate.connection === connection);
    if (at < 0) return;
    this.room++;
    this.#candidates.splice(at, 1);
  }

  /** @param contested another session between the same hosts may be meant as well */
  addCandidate(connection: Connection, records: DataRecords, contested: boolean): void {
    this.room--;
    const foreign = this.hostsOf(connection) < 2;
    if (!foreign && connection.originator.address === this.clientAddress) this.#openGrant?.met();
    const { port } = connection.responder;
    const known = this.#expectedPorts.get(port);
    if (known === undefined) {
      if (foreign) this.#foreignCount++;
    } else if (!known?.established) this.#expectedPorts.set(port, connection);
    this.#candidates = added(this.#candidates, { connection, records, foreign, contested });
  }

  /** Those that may be its data connections, also after it has been settled. */
  get connections(): readonly Connection[] {
    return this.#candidates.map(({ connection }) => connection);
  }

  /** The point at which the session is seen has become known: what it holds already is of that point too. */
  bindCandidates(): void {
    for (const { connection } of this.#candidates)
      if (connection.point === ANY_POINT) this.#table.setPoint(connection, this.point);
  }

  /** The control connection has closed, and so have all its data connections; stragglers had their time. */
  isDone(now: number): boolean {
    if (now - this.connection.lastTime < SETTLE_SECONDS) return false;
    return this.#candidates.every(({ connection }) => {
      const quiet = now - connection.lastTime;
      if (connection.closed || connection.over) return quiet >= SETTLE_SECONDS;
      return quiet >= (connection.established ? DATA_IDLE_SECONDS : ATTEMPT_SECONDS);
    });
  }

  /** The same, and all of them closed in good order. */
  isDoneOrderly(now: number): boolean {
    if (this.#settled || !this.connection.closedOrderly) return false;
    return this.#candidates.every(
      ({ connection }) => connection.closedOrderly && now - connection.lastTime >= ORDERLY_SECONDS,
    );
  }

  /** Once nobody fills a hole any more, what reassembly and parsing hold can go while data connections go on. */
  closeStreams(now: number): void {
    const { connection } = this;
    if (connection.reassembler === null || now - connection.lastTime < HOLE_SECONDS) return;
    connection.reassembler.finish();
    connection.reassembler = null;
    this.#endParser();
  }

  #endParser(): void {
    if (!this.#deferred.isEmpty) this.#read();
    if (this.#parser === null) return;
    this.#parser.finish();
    this.#security = this.#parser.security;
    this.#parser = null;
  }

  /** Nothing has been seen of it for longer than such a connection can be alive. */
  isIdle(now: number): boolean {
    const { connection } = this;
    if (connection.closed || connection.over) return this.isDone(now);
    const quiet = now - connection.lastTime;
    if (quiet < UNANSWERED_SECONDS) return false;
    if (!connection.established && !connection.midstream) return true;
    if (quiet < CONTROL_IDLE_SECONDS) return false;
    return this.#candidates.every(({ connection: data }) => now - data.lastTime >= CONTROL_IDLE_SECONDS);
  }

  /** Ends it: gives back what it watched. @returns undefined when it was no FTP session */
  settle(now: number, atCaptureEnd: boolean): SessionFacts | undefined {
    const { connection } = this;
    this.#settled = true;
    connection.reassembler?.finish();
    this.#endParser();
    this.#release();
    if (this.#hiddenFrom >= 0) this.#endHidden(Number.POSITIVE_INFINITY);
    if (!this.#isSession()) return undefined;
    const events = inDialogueOrder(this.#events);
    // The session has grown old, and what an old object refers to outlives it: until then nothing of its last words would be collected.
    this.#events = NONE;
    const exchanges = this.#exchanges(events, this.#anomalies);
    if (this.#told) this.#told = exchanges.filter((exchange) => negotiates(exchange) || asksForTransfer(exchange));
    const elsewhere = this.twins.flatMap((twin) => twin.connections);
    for (const seen of elsewhere) this.#table.recall(seen);
    const user = exchanges.findLast((exchange) => exchange.command?.verb === "USER")?.command?.argument ?? null;
    return {
      id: sessionId(connection),
      control: connection,
      client: connection.originator,
      server: connection.responder,
      security: this.#security,
      events,
      exchanges,
      candidates: this.#candidates.sort((a, b) => a.connection.firstPacket - b.connection.firstPacket),
      software: identifyServer(events.filter((event) => event.kind === "reply")) ?? null,
      user,
      sameAs: this.twins.map(({ connection: twin }) => sessionId(twin)),
      elsewhere,
      handedOn: this.#handedOn === NONE ? NONE : this.#handedOn.map(answered),
      isFurtherView: this.isFurtherView,
      hidden: this.#hidden,
      settledAt: now,
      atCaptureEnd,
      lostBytes: this.#lostBytes,
      cutBytes: this.#cutBytes,
      hasDialogue: events.length > 0,
    };
  }

  /** A connection to a control port is a session until it speaks another protocol; on an odd port it must speak FTP. */
  #isSession(): boolean {
    if (this.#recognised) return this.#ftpEvidence && !this.#otherProtocol;
    if (this.#ftpEvidence) return true;
    if (this.#otherProtocol) return false;
    // Joined midstream with nothing that can be read, and no TLS either: no session that anybody could name.
    return (
      !this.connection.midstream ||
      this.#events.some((event) => event.kind === "command" || event.kind === "reply" || event.kind === "tls-record")
    );
  }

  #release(): void {
    this.#table.retire(this.connection);
    this.connection.reassembler = null;
    const { watchlist } = this.#table;
    const keys = this.#hostKeys();
    if (this.#watching) watchlist.unwatchPair(this.clientAddress, keys.client, this.controlAddress, keys.server, this);
    if (this.#watchingHost) watchlist.unwatchHost(this.clientAddress, keys.client, this);
    for (const port of this.#expectedPorts.keys()) watchlist.unexpectPort(port, this);
    for (const { connection } of this.#candidates) {
      const holders = connection.owner as TrackedSession[];
      holders.splice(holders.indexOf(this), 1);
      if (holders.length === 0) {
        connection.tap = null;
        this.#table.retire(connection);
      } else this.#table.recall(connection);
    }
  }
}

/** A client hands a port on as soon as it is granted: further back nobody looks for the grant. */
const LATE_EVENTS = 16;

function answered({ port, session, command }: HandOn): HandedOn {
  return { port, to: session.controlAddress, command, ...session.afterHandOn(command) };
}

/** The endpoint that a command or reply negotiates, if it is one that does. Of a port that the snaplen cut the first digits are another port's. */
function negotiatedEndpoint(event: ControlEvent): ParsedEndpoint | undefined {
  if ((event.kind !== "command" && event.kind !== "reply") || event.cut) return undefined;
  if (event.kind === "reply") return endpointOfReply(event.code, event.lines);
  return event.argument === null ? undefined : endpointOfCommand(event.verb, event.argument);
}
