import { type Endpoint, formatAddress } from "../address.ts";
import type { AnomalyLog } from "../anomaly.ts";
import { BOUNDS } from "../bounds.ts";
import { captureIndexOf } from "../capture/frame.ts";
import { type PacketView, TcpFlag } from "../decode/packet-view.ts";
import { FTP_DATA_PORT, UNPRIVILEGED_PORT } from "../ports.ts";
import { ALL, BUCKET_COUNT, SEVERAL_CAPTURES, SOME } from "../prefilter/layout.ts";
import { asLoaded, Prefilter, type PrefilterTables, plainSynTables } from "../prefilter/prefilter.ts";
import { ClosedMemory } from "./closed-memory.ts";
import { Connection, type ConnectionRole, MAX_ICMP_ERRORS } from "./connection.ts";
import { addressKey, type ConnectionEnds, connectionHash, endsOf, hashIn, sameAddresses } from "./connection-ends.ts";
import { ConnectionPoints } from "./connection-points.ts";
import { CopyMemory } from "./copy-memory.ts";
import { EarlyTraffic } from "./early-traffic.ts";
import type { HalfConnection } from "./half-connection.ts";
import { HalfOpenCount, MAX_HALF_OPEN } from "./half-open.ts";
import { LentConnections } from "./lent-connections.ts";
import { OtherTraffic } from "./other-traffic.ts";
import { ControlReassembler, DeliveredBytes } from "./reassembler.ts";
import { SegmentArrival } from "./segment-arrival.ts";
import type { ControlStream } from "./stream-sink.ts";
import { type RememberedSyn, SynMemory } from "./syn-memory.ts";
import { ANY_POINT, type VantagePoints } from "./vantage-points.ts";
import { hostsOf, type Watcher, Watchlist } from "./watchlist.ts";

/** What the table asks of the slow half. */
export interface ConnectionObserver {
  /**
   * A connection to a control port, or one on which something was said that begins like a control connection.
   * @param recognised true when only what was said made it a candidate (odd port)
   * @returns who takes its streams, or null when the connection is not wanted
   */
  controlOpened(connection: Connection, recognised: boolean): ControlStream | null;
  /** A SYN that these watchers want followed. */
  dataOpened(connection: Connection, watchers: readonly Watcher[]): void;
  /** A connection that was only guessed to be a data connection begins like a control connection, and is followed as such from now on. */
  dataWasControl(connection: Connection): void;
  /** A SYN to a control port that is not followed since too many lead nowhere; it will be if it is repeated or something is said. */
  controlNotFollowed(client: string, server: Endpoint, packet: number, time: number): void;
  /** A control connection changed its state: closed, reset, replaced, or an ICMP error arrived. */
  controlChanged(connection: Connection): void;
  /** A control connection that is followed is seen at another point as well: each is bound to its own from now on. */
  controlSeenElsewhere(connection: Connection, elsewhere: Connection): void;
}

/** Recognises control connections on any port by a first payload; implemented by `ftp/signature.ts`. */
export interface PayloadSignature {
  /**
   * Sets a bit in both tables for the first and the second two bytes of every payload of interest, by their number in network byte order. What has the
   * bit in both need not be one.
   */
  markPairs(first: Uint8Array, second: Uint8Array, bit: number): void;
  /** Who speaks here if it looks like a control connection. */
  recognise(bytes: Uint8Array, at: number, length: number): "client" | "server" | undefined;
}

/** Bits of the tables of pairs: what a payload may be. */
const SIGNATURE = 1;
const HELLO = 2;
/** How a TLS handshake record begins: its type, and the major version (RFC 8446 section 5.1). */
const TLS_HANDSHAKE = asLoaded(0x1603);
/** Whose a segment between the endpoints of a followed connection is: its own, of that connection at another point, or of a later one. */
const Belongs = { here: 0, elsewhere: 1, later: 2 } as const;

const NOBODY: readonly Watcher[] = [];

/** So many connections are asked whether an ICMP error that quotes none of them quotes a translation of their SYN. */
const DIALLED_CONNECTIONS = 16;

/**
 * All connections that we follow. Decides for each packet, at the price of a few loads, whether it belongs to one of them; all
 * other packets leave nothing behind but, for SYNs, an entry in a memory of fixed size.
 */
export class ConnectionTable {
  readonly watchlist: Watchlist;
  readonly synMemory: SynMemory;
  /** SYNs to control ports that are not followed yet. */
  readonly #waiting = new SynMemory(plainSynTables(BOUNDS.waitingSyns.most));
  readonly #halfOpen = new HalfOpenCount();
  readonly #lent: LentConnections;
  readonly #arrival: SegmentArrival;
  readonly #points: ConnectionPoints;
  /** The followed connections whose SYNs came last, a ring. */
  readonly #dialled: Connection[] = [];
  #dials = 0;
  readonly #closed = new ClosedMemory();
  readonly #delivered = new DeliveredBytes();
  readonly #early: EarlyTraffic;
  readonly #observer: ConnectionObserver;
  readonly #signature: PayloadSignature;
  readonly #anomalies: AnomalyLog;
  readonly #shared: Uint32Array;
  readonly #buckets: (Connection | null)[] = new Array(BUCKET_COUNT).fill(null);
  /** By port as loaded: `SOME` for one that a followed connection uses, `ALL` for one of the control service; both where it is both. */
  readonly #interest: Uint8Array;
  readonly #portUses = new Uint16Array(65_536);
  readonly #controlPort = new Uint8Array(65_536);
  readonly #firstPairs: Uint8Array;
  readonly #secondPairs: Uint8Array;
  readonly #bucketUses: Uint16Array;
  /** Connections followed now. */
  size = 0;
  /** What is seen of other traffic in the capture whose packets come. */
  traffic = new OtherTraffic();

  /**
   * @param options.points null: what several captures show is not told apart
   * @param options.tables those of the prefilter through which the segments come; by default of one that nobody uses
   */
  constructor(
    controlPorts: readonly number[],
    signature: PayloadSignature,
    observer: ConnectionObserver,
    anomalies: AnomalyLog,
    {
      points = null,
      tables = new Prefilter().tables,
    }: { readonly points?: VantagePoints | null; readonly tables?: PrefilterTables } = {},
  ) {
    this.watchlist = new Watchlist(tables.sessionEnds);
    this.synMemory = new SynMemory(tables.syns);
    this.#lent = new LentConnections(tables);
    this.#points = new ConnectionPoints(points, this.#lent);
    this.#interest = tables.ports;
    this.#shared = tables.shared;
    this.#observer = observer;
    this.#signature = signature;
    this.#bucketUses = tables.buckets;
    this.#firstPairs = tables.firstPairs;
    this.#secondPairs = tables.secondPairs;
    this.#firstPairs[TLS_HANDSHAKE] = HELLO;
    this.#secondPairs.fill(HELLO);
    signature.markPairs(this.#firstPairs, this.#secondPairs, SIGNATURE);
    this.#anomalies = anomalies;
    this.#early = new EarlyTraffic(anomalies);
    const copies = new CopyMemory(tables.copies);
    const arrivals = {
      controlChanged: (connection: Connection) => observer.controlChanged(connection),
      isFromElsewhere: (connection: Connection, half: HalfConnection, view: PacketView) => {
        if (!this.#points.isCopyFromElsewhere(connection, half, view, copies.distance)) return false;
        this.segment(view);
        return true;
      },
    };
    this.#arrival = new SegmentArrival(copies, this.#lent, this.#halfOpen, arrivals, anomalies);
    for (const port of controlPorts) {
      this.#controlPort[port] = 1;
      this.#interest[asLoaded(port)] = ALL;
    }
  }

  /** Puts into the connections what the prefilter counted of them: to be called before anybody but the table looks at them, unless they are recalled. */
  catchUp(): void {
    this.#lent.catchUp();
  }

  /** Puts into a connection what the prefilter counted of it, and what it added to its words: from now on all its packets come here. */
  recall(connection: Connection): void {
    this.#lent.takeBack(connection);
  }

  /** One TCP segment. */
  segment(view: PacketView): void {
    if ((this.#interest[asLoaded(view.sourcePort)] | this.#interest[asLoaded(view.destinationPort)]) !== 0) {
      if (this.#segmentOfInterest(view)) return;
    }
    if ((view.flags & (TcpFlag.syn | TcpFlag.rst)) !== 0 && this.#synOrReset(view)) return;
    if (view.payloadCaptured >= 4 && this.#isWordOfInterest(view)) return;
    // What still comes of a control connection that is followed no more is no other traffic.
    if ((this.#controlPort[view.sourcePort] | this.#controlPort[view.destinationPort]) === 0) this.traffic.packets++;
  }

  /** A payload of at least four bytes on a connection that nobody follows. @returns whether the connection is followed from now on */
  #isWordOfInterest(view: PacketView): boolean {
    const { bytes, payloadAt } = view;
    const marks =
      this.#firstPairs[bytes[payloadAt] | (bytes[payloadAt + 1] << 8)] &
      this.#secondPairs[bytes[payloadAt + 2] | (bytes[payloadAt + 3] << 8)];
    if (marks === 0) return false;
    if ((marks & SIGNATURE) !== 0) return this.#unknownPayload(view);
    if (this.watchlist.watchesHosts) this.#earlyHello(view);
    return false;
  }

  /** @returns whether the segment was one of a followed connection, or of a control connection joined midstream */
  #segmentOfInterest(view: PacketView): boolean {
    const sourceKey = addressKey(view.bytes, view.sourceAt, view.ipVersion);
    const destinationKey = addressKey(view.bytes, view.destinationAt, view.ipVersion);
    const hash = connectionHash(sourceKey, view.sourcePort, destinationKey, view.destinationPort);
    // The next one is asked for before it is needed, as it seldom is: a load that comes first later would discard the optimized code.
    for (let next = this.#buckets[hash & (BUCKET_COUNT - 1)]; next !== null; ) {
      const connection = next;
      next = connection.next;
      if (connection.hash !== hash || connection.ipVersion !== view.ipVersion) continue;
      const { originator, responder } = connection;
      const forward =
        connection.addressKeyA === sourceKey &&
        connection.addressKeyB === destinationKey &&
        originator.port === view.sourcePort &&
        responder.port === view.destinationPort;
      const backward =
        connection.addressKeyA === destinationKey &&
        connection.addressKeyB === sourceKey &&
        originator.port === view.destinationPort &&
        responder.port === view.sourcePort;
      if (!forward && !backward) continue;
      if (connection.addressBytes !== null && !sameAddresses(connection.addressBytes, view, forward)) continue;
      if ((view.flags & TcpFlag.syn) !== 0 || connection.point !== ANY_POINT) {
        this.#lent.takeBack(connection);
        const belongs = this.#belongs(connection, view, forward);
        if (belongs === Belongs.elsewhere) continue;
        if (belongs === Belongs.later) return false;
      }
      if (connection.guessed && view.payloadCaptured >= 4 && this.#isControl(connection, view)) return false;
      this.#lent.takeBack(connection);
      this.#arrival.arrive(connection, view, forward);
      return true;
    }
    return this.#stray(view, hash, sourceKey, destinationKey);
  }

  /** Whether what is said first on a connection that was guessed to be a data connection is said on a control connection; then it is given up. */
  #isControl(connection: Connection, view: PacketView): boolean {
    connection.guessed = false;
    if (this.#signature.recognise(view.bytes, view.payloadAt, view.payloadCaptured) === undefined) return false;
    connection.over = true;
    this.remove(connection);
    this.#observer.dataWasControl(connection);
    return true;
  }

  /** Whether a segment between a connection's endpoints is one of it; a SYN or one at another point may not be. */
  #belongs(connection: Connection, view: PacketView, forward: boolean): number {
    if (!this.#points.isHere(connection, view)) return Belongs.elsewhere;
    if ((view.flags & (TcpFlag.syn | TcpFlag.ack)) !== TcpFlag.syn) return Belongs.here;
    if (this.#isNewConnection(connection, view, forward)) {
      this.#replace(connection);
      return Belongs.later;
    }
    return forward && this.#points.isSynFromElsewhere(connection, view) ? Belongs.elsewhere : Belongs.here;
  }

  /** A segment of interest that no followed connection has. @returns whether it is one of a control connection joined midstream, or just closed */
  #stray(view: PacketView, hash: number, sourceKey: number, destinationKey: number): boolean {
    if ((view.flags & (TcpFlag.syn | TcpFlag.rst)) !== 0 || view.payloadLength === 0) return false;
    const toServer = this.#controlPort[view.destinationPort] === 1;
    if (!toServer && this.#controlPort[view.sourcePort] === 0) return false;
    if (this.#closed.holds(hash, sourceKey, destinationKey, view)) return true;
    return this.#joinMidstream(view, toServer, false);
  }

  /** A RST of no followed connection: its SYN may stand behind it. @returns whether it comes from or goes to a control port */
  #earlyReset(view: PacketView): boolean {
    const sourceKey = addressKey(view.bytes, view.sourceAt, view.ipVersion);
    const destinationKey = addressKey(view.bytes, view.destinationAt, view.ipVersion);
    const isControl = (this.#controlPort[view.sourcePort] | this.#controlPort[view.destinationPort]) === 1;
    if (isControl || this.watchlist.mayKnow(sourceKey, destinationKey))
      this.#early.keepReset(connectionHash(sourceKey, view.sourcePort, destinationKey, view.destinationPort), view);
    return isControl;
  }

  /** What may be the ClientHello of a data connection whose SYN stands behind it: without it nothing else of its TLS can be read. */
  #earlyHello(view: PacketView): void {
    const sourceKey = addressKey(view.bytes, view.sourceAt, view.ipVersion);
    const destinationKey = addressKey(view.bytes, view.destinationAt, view.ipVersion);
    this.#early.keepHello(connectionHash(sourceKey, view.sourcePort, destinationKey, view.destinationPort), view);
  }

  /** What followed this SYN or SYN-ACK but stands before it in the file. */
  #followEarlyTraffic(syn: PacketView, hash: number): void {
    const { resets, errors, hellos } = this.#early.takeBehind(syn, hash);
    for (const reset of resets) this.#segmentOfInterest(reset);
    for (const error of errors) this.icmpError(error);
    for (const hello of hellos) this.#segmentOfInterest(hello);
  }

  /**
   * A port has been negotiated: SYNs and SYN-ACKs for it that stand just before that in the file are looked at again.
   * @param time when it was (seconds)
   */
  followEarlySyns(port: number, time: number): void {
    for (const early of this.#early.takeSyns(port, time)) if (!this.#segmentOfInterest(early)) this.#synOrReset(early);
  }

  /** Whether a SYN begins another connection on the same addresses and ports. */
  #isNewConnection(connection: Connection, view: PacketView, forward: boolean): boolean {
    if (connection.over) return true;
    const half = forward ? connection.originator : connection.responder;
    if (half.synCount > 0) return (half.base - 1) >>> 0 !== view.sequence;
    if (connection.midstream || !forward) return connection.closed || view.seconds - connection.lastSeconds > 60;
    return false;
  }

  /**
   * Two control connections with different addresses are one, seen on both sides of a NAT in two captures: each is bound to its own point.
   * @returns false when nothing tells their captures apart
   */
  setApart(one: Connection, other: Connection): boolean {
    return this.#points.setApart(one, other);
  }

  /** A followed connection takes only packets of this point from now on. */
  setPoint(connection: Connection, point: number): void {
    this.#points.set(connection, point);
  }

  #replace(connection: Connection): void {
    connection.over = true;
    this.remove(connection);
    connection.reassembler?.finish();
    if (connection.role === "control") this.#observer.controlChanged(connection);
  }

  /**
   * A SYN, SYN-ACK or RST of no followed connection. The RST, which comes seldom, has no call of its own in the packet loop, whose code the first one would
   * discard.
   * @returns whether there is nothing else to it
   */
  #synOrReset(view: PacketView): boolean {
    if ((view.flags & TcpFlag.syn) === 0) return this.#earlyReset(view);
    const { bytes, ipVersion } = view;
    const sourceKey = addressKey(bytes, view.sourceAt, ipVersion);
    const destinationKey = addressKey(bytes, view.destinationAt, ipVersion);
    const answered = (view.flags & TcpFlag.ack) !== 0;
    const originatorKey = answered ? destinationKey : sourceKey;
    const responderKey = answered ? sourceKey : destinationKey;
    const responderPort = answered ? view.sourcePort : view.destinationPort;
    const isControl = this.#controlPort[responderPort] === 1;
    const mayKnow = this.watchlist.mayKnow(sourceKey, destinationKey);
    if (isControl || (mayKnow && this.watchlist.mayMatch(originatorKey, responderKey, responderPort))) {
      this.#synOfInterest(view, endsOf(view, !answered), isControl);
      return true;
    }
    this.traffic.packets++;
    this.#keepSyn(view, sourceKey, destinationKey, answered, mayKnow);
    return true;
  }

  /** One that goes to a control port, or to a port or between hosts that somebody watches. */
  #synOfInterest(view: PacketView, ends: ConnectionEnds, isControl: boolean): void {
    const answered = (view.flags & TcpFlag.ack) !== 0;
    const [{ key: sourceKey }, { key: destinationKey }] = answered
      ? [ends.responder, ends.originator]
      : [ends.originator, ends.responder];
    const watchers = this.#watchersOf(ends, isControl, view);
    if (!isControl && watchers.length === 0) {
      this.#keepSyn(view, sourceKey, destinationKey, answered, true);
      return;
    }
    if (this.#closed.holdsSyn(ends.hash, sourceKey, destinationKey, view, answered)) return;
    const connection = watchers.length > 0 ? this.#openData(view, ends, watchers) : this.#openControl(view, ends);
    if (connection === null) return;
    // Should it be a control connection after all, it has its handshake.
    if (connection.guessed) this.#keepSyn(view, sourceKey, destinationKey, answered, false);
    if (!answered) this.#dialled[this.#dials++ % DIALLED_CONNECTIONS] = connection;
    this.#arrival.arrive(connection, view, !answered);
    if (connection.role === "control") {
      for (const other of this.#elsewhere(connection))
        if (other.role === "control" && other.originator.base === connection.originator.base)
          this.#observer.controlSeenElsewhere(other, connection);
    }
    this.#followEarlyTraffic(view, ends.hash);
  }

  #openData(view: PacketView, ends: ConnectionEnds, watchers: readonly Watcher[]): Connection {
    const { originator, responder } = ends;
    const connection = this.#add(view, "data", ends);
    this.traffic.hasData = true;
    // Nobody negotiated it, and one of its hosts is no session's.
    connection.guessed = watchers.every(
      (watcher) => !watcher.awaits(responder.port) && hostsOf(watcher, originator.address, responder.address) < 2,
    );
    const bound = watchers.find(({ point }) => point !== ANY_POINT);
    if (bound) this.#points.bind(connection, bound.point);
    this.#observer.dataOpened(connection, watchers);
    return connection;
  }

  /** @returns null when the connection is not followed, or not yet */
  #openControl(view: PacketView, ends: ConnectionEnds): Connection | null {
    const answered = (view.flags & TcpFlag.ack) !== 0;
    const first = answered ? undefined : this.#waiting.recall(ends);
    const isRepeated = first !== undefined && first.sequence === view.sequence;
    if (this.#halfOpen.isFull && !isRepeated) {
      if (!answered) this.#letWait(view, ends);
      return null;
    }
    const connection = this.#add(view, "control", ends);
    this.#halfOpen.begin(connection);
    if (isRepeated) adoptSyn(connection.originator, first);
    return this.#take(connection, false) ? connection : null;
  }

  /** A SYN to a control port that is not followed, as too many lead nowhere. */
  #letWait(view: PacketView, { hash, originator, responder }: ConnectionEnds): void {
    this.#waiting.remember(hash, originator.key, responder.key, view);
    this.#anomalies.note(
      BOUNDS.halfOpen.code,
      "tcp",
      view.packet,
      `more than ${MAX_HALF_OPEN} control connections on which nothing was said; a further one is followed only once its SYN is repeated or something is said`,
    );
    const { address, port } = responder;
    const time = view.seconds + view.nanoseconds / 1e9;
    this.#observer.controlNotFollowed(originator.address, { address, port }, view.packet, time);
  }

  /** Asks whether a new control connection is wanted, and has its streams put in order if so. */
  #take(connection: Connection, recognised: boolean): boolean {
    const stream = this.#observer.controlOpened(connection, recognised);
    if (stream === null) {
      this.remove(connection);
      return false;
    }
    const { originator, responder } = connection;
    connection.reassembler = new ControlReassembler(originator, responder, stream, this.#delivered, this.#anomalies);
    return true;
  }

  /**
   * A SYN of nobody, and no scan's or flood's, is remembered; where it may be early so is a SYN-ACK.
   * @param mayBeEarly one of its hosts is an end of a session: only a session negotiates the port of a SYN that stands before its grant
   */
  #keepSyn(view: PacketView, sourceKey: number, destinationKey: number, answered: boolean, mayBeEarly: boolean): void {
    if (!answered && this.synMemory.isFlood(sourceKey, destinationKey, view)) return;
    const hash = connectionHash(sourceKey, view.sourcePort, destinationKey, view.destinationPort);
    if (mayBeEarly) this.#early.keepSyn(hash, view);
    if (answered) return;
    this.synMemory.remember(hash, sourceKey, destinationKey, view);
    const capture = captureIndexOf(view.packet);
    if (capture > 0) this.#shared[SEVERAL_CAPTURES] = 1;
    if (this.#shared[SEVERAL_CAPTURES] !== 0)
      this.synMemory.remember(hashIn(capture, hash), sourceKey, destinationKey, view);
  }

  /** Who wants this new connection as a data connection; empty for a control connection, unless its port was negotiated. */
  #watchersOf(ends: ConnectionEnds, isControl: boolean, view: PacketView): readonly Watcher[] {
    const { address: originator, port: originatorPort } = ends.originator;
    const { address: responder, port: responderPort } = ends.responder;
    const negotiators = this.watchlist.expecting(responderPort);
    if (isControl && negotiators.length === 0) return NOBODY;
    const found: Watcher[] = [];
    const want = (watcher: Watcher) => {
      if (found.includes(watcher) || !this.#points.isHere(watcher, view)) return;
      if (watcher.room <= 0) {
        this.#anomalies.note(
          BOUNDS.candidates.code,
          "correlate",
          view.packet,
          "a session opened more connections than are followed; later ones are not tied to it",
        );
        return;
      }
      found.push(watcher);
    };
    // Negotiated: the port, and at least one of the two hosts of the session. Where a session has both, it is meant and not one that has one:
    // on a NAT's own interfaces each session is seen twice, and all four hosts are known.
    // A listener accepts one connection: who has had it negotiated no other, and the port may have been granted to somebody who cannot be read.
    const expecting = negotiators.filter(
      (watcher) =>
        watcher.awaits(responderPort) &&
        (responder !== watcher.controlAddress || responderPort !== watcher.controlPort) &&
        this.#points.isHere(watcher, view),
    );
    const shared = (watcher: Watcher) => hostsOf(watcher, originator, responder);
    const hosts = Math.max(0, ...expecting.map(shared));
    if (hosts > 0) for (const watcher of expecting) if (shared(watcher) === hosts) want(watcher);
    if (found.length > 0 || isControl) return found;
    for (const watcher of this.watchlist.ofPair(originator, responder)) {
      if (responder === watcher.controlAddress && responderPort === watcher.controlPort) return [];
      want(watcher);
    }
    if (found.length > 0) return found;
    if (responderPort >= UNPRIVILEGED_PORT || originatorPort === FTP_DATA_PORT) {
      const time = view.seconds + view.nanoseconds / 1e9;
      for (const watcher of this.watchlist.ofHost(originator)) if (watcher.wantsForeign(time)) want(watcher);
    }
    return found;
  }

  /** A payload that begins like FTP on a connection that nobody follows. @returns whether it is a control connection */
  #unknownPayload(view: PacketView): boolean {
    const speaker = this.#signature.recognise(view.bytes, view.payloadAt, view.payloadCaptured);
    return speaker !== undefined && this.#joinMidstream(view, speaker === "client", true);
  }

  /** Begins to follow a control connection whose SYN did not pass as one; the memory may still have it. */
  #joinMidstream(view: PacketView, toServer: boolean, recognised: boolean): boolean {
    const ends = endsOf(view, toServer);
    const connection = this.#add(view, "control", ends);
    const syn = recognised ? this.#recallSyn(view, ends) : this.#waiting.recall(ends);
    if (syn) {
      adoptSyn(connection.originator, syn);
      if (recognised) this.traffic.recognised++;
    } else {
      connection.midstream = true;
      const limit = recognised ? BOUNDS.synMemory : BOUNDS.waitingSyns;
      const memory = recognised ? this.synMemory : this.#waiting;
      if (memory.mayHaveLost(ends.hash))
        this.#anomalies.note(
          limit.code,
          "tcp",
          view.packet,
          "the SYN of this control connection is not known: it was not captured, or others took its place",
        );
    }
    if (!this.#take(connection, recognised)) return false;
    if (syn && !toServer) {
      // The server's first payload is the greeting, so its stream begins with this very segment.
      const half = connection.responder;
      half.base = view.sequence;
      half.baseFromSyn = true;
    }
    this.#arrival.arrive(connection, view, toServer);
    for (const other of this.#elsewhere(connection))
      if (other.role === "control") this.#observer.controlSeenElsewhere(other, connection);
    return true;
  }

  /** The SYN before a greeting: that of its own capture or, where a ring of files was cut between them, of any. */
  #recallSyn(view: PacketView, ends: ConnectionEnds): RememberedSyn | undefined {
    const inOwn = hashIn(captureIndexOf(view.packet), ends.hash);
    return this.synMemory.recall(ends, inOwn) ?? this.synMemory.recall(ends);
  }

  /** Connections between the same endpoints that are followed at other points. */
  #elsewhere(connection: Connection): Connection[] {
    return this.#points.elsewhere(connection, this.#buckets[connection.bucket]);
  }

  #add(view: PacketView, role: ConnectionRole, ends: ConnectionEnds): Connection {
    const { hash, originator, responder } = ends;
    const connection = new Connection(
      role,
      view.ipVersion,
      originator,
      responder,
      view.packet,
      view.seconds,
      view.nanoseconds,
    );
    connection.hash = hash;
    connection.salt = hash;
    connection.addressKeyA = originator.key;
    connection.addressKeyB = responder.key;
    connection.addressBytes = ends.addressBytes;
    if (this.#elsewhere(connection).length > 0) this.#points.bindWhereSeen(connection);
    const { bucket } = connection;
    connection.next = this.#buckets[bucket];
    this.#buckets[bucket] = connection;
    this.#lent.follow(bucket);
    this.size++;
    // One of its two ports makes its packets interesting: the less common one
    const lessCommon = responder.port >= UNPRIVILEGED_PORT ? responder.port : originator.port;
    const port = this.#controlPort[responder.port] === 1 ? -1 : lessCommon;
    connection.markedPort = port;
    if (port >= 0 && this.#portUses[port]++ === 0) this.#interest[asLoaded(port)] |= SOME;
    return connection;
  }

  /** Stops following a connection that closed only a moment ago: what still comes of it is nobody's. */
  retire(connection: Connection): void {
    // In this order: what the prefilter counted of it is in it then.
    this.remove(connection);
    this.#closed.remember(connection);
  }

  /** Stops following a connection; its facts stay with whoever holds it. */
  remove(connection: Connection): void {
    this.#lent.release(connection);
    const { bucket } = connection;
    let previous: Connection | null = null;
    for (let at = this.#buckets[bucket]; at !== null; at = at.next) {
      if (at !== connection) {
        previous = at;
        continue;
      }
      if (previous === null) this.#buckets[bucket] = at.next;
      else previous.next = at.next;
      if (this.#buckets[bucket] === null) this.#bucketUses[bucket] = 0;
      connection.next = null;
      this.size--;
      this.#halfOpen.end(connection);
      const port = connection.markedPort;
      if (port >= 0 && --this.#portUses[port] === 0) this.#interest[asLoaded(port)] &= ~SOME;
      return;
    }
  }

  /** An ICMP error: joined to the followed connection whose segment it quotes. */
  icmpError(view: PacketView): void {
    const sourceKey = addressKey(view.bytes, view.quotedSourceAt, view.ipVersion);
    const destinationKey = addressKey(view.bytes, view.quotedDestinationAt, view.ipVersion);
    const hash = connectionHash(sourceKey, view.quotedSourcePort, destinationKey, view.quotedDestinationPort);
    for (let connection = this.#buckets[hash & (BUCKET_COUNT - 1)]; connection !== null; connection = connection.next) {
      if (connection.hash !== hash || connection.ipVersion !== view.ipVersion) continue;
      const forward = connection.addressKeyA === sourceKey && connection.originator.port === view.quotedSourcePort;
      const backward = connection.addressKeyB === sourceKey && connection.responder.port === view.quotedSourcePort;
      if (!forward && !backward) continue;
      if (!this.#points.isHere(connection, view)) continue;
      this.#noteIcmpError(connection, view, forward ? "originator" : "responder");
      return;
    }
    const translated = this.#dialled.find(
      (connection) => isTranslatedQuote(connection, view) && this.#points.isHere(connection, view),
    );
    if (translated) this.#noteIcmpError(translated, view, "originator");
    else this.#early.keepError(hash, view);
  }

  #noteIcmpError(connection: Connection, view: PacketView, quotes: "originator" | "responder"): void {
    this.#lent.takeBack(connection);
    const time = view.seconds + view.nanoseconds / 1e9;
    const last = connection.icmpErrors.at(-1);
    if (last && last.type === view.icmpType && last.code === view.icmpCode && time - last.time < 0.02) return; // a copy
    if (connection.icmpErrors.length < MAX_ICMP_ERRORS) {
      connection.icmpErrors.push({
        packet: view.packet,
        time,
        ipVersion: view.ipVersion,
        type: view.icmpType,
        code: view.icmpCode,
        mtu: view.icmpMtu,
        from: formatAddress(view.bytes, view.sourceAt, view.ipVersion),
        ttl: view.ttl,
        quotes,
      });
    }
    if (connection.role === "control") this.#observer.controlChanged(connection);
  }
}

/**
 * Whether an ICMP error quotes this connection's SYN as a NAT made it: the same sequence number to the same port, one of the two addresses
 * translated and not translated back.
 */
function isTranslatedQuote(connection: Connection, view: PacketView): boolean {
  const { originator, responder } = connection;
  return (
    connection.ipVersion === view.ipVersion &&
    originator.baseFromSyn &&
    (originator.base - 1) >>> 0 === view.quotedSequence &&
    responder.port === view.quotedDestinationPort &&
    (connection.addressKeyA === addressKey(view.bytes, view.quotedSourceAt, view.ipVersion) ||
      connection.addressKeyB === addressKey(view.bytes, view.quotedDestinationAt, view.ipVersion))
  );
}

/** The originator's SYN passed before its connection was followed. */
function adoptSyn(half: HalfConnection, syn: RememberedSyn): void {
  half.synCount = 1;
  half.packets = 1;
  half.synPacket = syn.packet;
  half.synTime = syn.seconds + syn.nanoseconds / 1e9;
  half.base = (syn.sequence + 1) >>> 0;
  half.baseFromSyn = true;
}
