import { type Endpoint, formatAddress } from "../address.ts";
import type { AnomalyLog } from "../anomaly.ts";
import { captureIndexOf } from "../capture/frame.ts";
import { type PacketView, TcpFlag } from "../decode/packet-view.ts";
import { maximumSegmentSize, windowScale } from "../decode/tcp.ts";
import { LIMITS } from "../limits.ts";
import { ALL, BUCKET_COUNT, FOLLOWED, SEVERAL_CAPTURES, SOME } from "../prefilter/layout.ts";
import { Prefilter, type PrefilterTables, plainSynTables } from "../prefilter/prefilter.ts";
import { ClosedMemory } from "./closed-memory.ts";
import { Connection, MAX_ICMP_ERRORS } from "./connection.ts";
import { COPY_SECONDS, CopyMemory } from "./copy-memory.ts";
import { EarlyPackets } from "./early-packets.ts";
import type { HalfConnection } from "./half-connection.ts";
import { LentConnections } from "./lent-connections.ts";
import { ControlReassembler, DeliveredBytes } from "./reassembler.ts";
import type { ControlStream, Stamp } from "./stream-sink.ts";
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
const TLS_HANDSHAKE = 0x1603;
/** Bytes of a hello that are kept: all that is read of it. */
const MAX_HELLO = 2048;
/**
 * Control connections, followed from their SYN on, on which nothing has been said yet. A server whose greeting takes a second can have 4,000 new
 * clients a second; what goes beyond is a flood or a scan, and waits in a memory of SYNs until it shows that it is not.
 */
export const MAX_HALF_OPEN = LIMITS.halfOpen.most;

/** The same record in two captures has the same time, which formats round to a microsecond. */
const RECORD_SECONDS = 1.5e-6;
/** No stack repeats a SYN sooner (RFC 6298 section 2: after a second). */
const SYN_RETRANSMISSION_SECONDS = 0.9;

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
  readonly #waiting = new SynMemory(plainSynTables(LIMITS.waitingSyns.most));
  #halfOpen = 0;
  readonly #copies: CopyMemory;
  readonly #lent: LentConnections;
  /** The followed connections whose SYNs came last, a ring. */
  readonly #dialled: Connection[] = [];
  #dials = 0;
  readonly #closed = new ClosedMemory();
  readonly #delivered = new DeliveredBytes();
  readonly #earlySyns: EarlyPackets;
  readonly #earlyResets: EarlyPackets;
  readonly #earlyErrors: EarlyPackets;
  readonly #earlyHellos: EarlyPackets;
  readonly #observer: ConnectionObserver;
  readonly #signature: PayloadSignature;
  readonly #anomalies: AnomalyLog;
  readonly #points: VantagePoints | null;
  readonly #shared: Uint32Array;
  readonly #buckets: (Connection | null)[] = new Array(BUCKET_COUNT).fill(null);
  /** `SOME` for a port that a followed connection uses, `ALL` for one of the control service; both where it is both. */
  readonly #interest: Uint8Array;
  readonly #portUses = new Uint16Array(65_536);
  readonly #controlPort = new Uint8Array(65_536);
  readonly #firstPairs: Uint8Array;
  readonly #secondPairs: Uint8Array;
  readonly #bucketUses: Uint16Array;
  /** Connections followed now. */
  size = 0;
  /** TCP that belongs to no control connection was seen: the capture is not filtered to them. */
  sawOtherTcp = false;

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
    this.#points = points;
    this.watchlist = new Watchlist(tables.sessionEnds);
    this.synMemory = new SynMemory(tables.syns);
    this.#copies = new CopyMemory(tables.copies);
    this.#lent = new LentConnections(tables);
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
    this.#earlySyns = new EarlyPackets(anomalies);
    this.#earlyResets = new EarlyPackets(anomalies);
    this.#earlyErrors = new EarlyPackets(anomalies);
    this.#earlyHellos = new EarlyPackets(anomalies, MAX_HELLO);
    for (const port of controlPorts) {
      this.#controlPort[port] = 1;
      this.#interest[port] = ALL;
    }
  }

  /** Puts into the connections what the prefilter counted of them: to be called before anybody but the table looks at them. */
  catchUp(): void {
    this.#lent.catchUp();
  }

  /** One TCP segment. */
  segment(view: PacketView): void {
    this.#lent.catchUp();
    const flags = view.flags;
    if ((this.#interest[view.sourcePort] | this.#interest[view.destinationPort]) !== 0) {
      if (this.#segmentOfInterest(view)) return;
    }
    if ((flags & TcpFlag.syn) !== 0) {
      this.#syn(view);
      return;
    }
    if ((flags & TcpFlag.rst) !== 0 && this.#earlyReset(view)) return;
    // What still comes of a control connection that is followed no more is no other traffic.
    if ((this.#controlPort[view.sourcePort] | this.#controlPort[view.destinationPort]) === 0) this.sawOtherTcp = true;
    if (view.payloadCaptured < 4) return;
    const { bytes, payloadAt } = view;
    const marks =
      this.#firstPairs[(bytes[payloadAt] << 8) | bytes[payloadAt + 1]] &
      this.#secondPairs[(bytes[payloadAt + 2] << 8) | bytes[payloadAt + 3]];
    if (marks === 0) return;
    if ((marks & SIGNATURE) !== 0) this.#unknownPayload(view);
    else if (this.watchlist.watchesHosts) this.#earlyHello(view);
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
        const belongs = this.#belongs(connection, view, forward);
        if (belongs === Belongs.elsewhere) continue;
        if (belongs === Belongs.later) return false;
      }
      if (connection.guessed && view.payloadCaptured >= 4 && this.#isControl(connection, view)) return false;
      this.#lent.takeBack(connection);
      this.#follow(connection, view, forward);
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
    if (!this.#isHere(connection, view)) return Belongs.elsewhere;
    if ((view.flags & (TcpFlag.syn | TcpFlag.ack)) !== TcpFlag.syn) return Belongs.here;
    if (this.#isNewConnection(connection, view, forward)) {
      this.#replace(connection);
      return Belongs.later;
    }
    return forward && this.#isSeenElsewhere(connection, view) ? Belongs.elsewhere : Belongs.here;
  }

  /** A segment of interest that no followed connection has. @returns whether it is one of a control connection joined midstream, or just closed */
  #stray(view: PacketView, hash: number, sourceKey: number, destinationKey: number): boolean {
    if ((view.flags & (TcpFlag.syn | TcpFlag.rst)) !== 0 || view.payloadLength === 0) return false;
    const toServer = this.#controlPort[view.destinationPort] === 1;
    if (!toServer && this.#controlPort[view.sourcePort] === 0) return false;
    if (this.#closed.holds(hash, sourceKey, destinationKey, view)) return true;
    return this.#joinMidstream(view, hash, sourceKey, destinationKey, toServer, false);
  }

  /** A RST of no followed connection: its SYN may stand behind it. @returns whether it comes from or goes to a control port */
  #earlyReset(view: PacketView): boolean {
    const sourceKey = addressKey(view.bytes, view.sourceAt, view.ipVersion);
    const destinationKey = addressKey(view.bytes, view.destinationAt, view.ipVersion);
    const isControl = (this.#controlPort[view.sourcePort] | this.#controlPort[view.destinationPort]) === 1;
    if (isControl || this.watchlist.mayKnow(sourceKey, destinationKey))
      this.#earlyResets.keep(connectionHash(sourceKey, view.sourcePort, destinationKey, view.destinationPort), view);
    return isControl;
  }

  /** What may be the ClientHello of a data connection whose SYN stands behind it: without it nothing else of its TLS can be read. */
  #earlyHello(view: PacketView): void {
    const sourceKey = addressKey(view.bytes, view.sourceAt, view.ipVersion);
    const destinationKey = addressKey(view.bytes, view.destinationAt, view.ipVersion);
    this.#earlyHellos.keep(connectionHash(sourceKey, view.sourcePort, destinationKey, view.destinationPort), view);
  }

  /** What followed this SYN or SYN-ACK but stands before it in the file. */
  #followEarlyPackets(syn: PacketView, hash: number, time: number): void {
    const { sourcePort, destinationPort, sequence } = syn;
    const resets = this.#earlyResets.take(
      time,
      (view, hashOf) =>
        hashOf === hash && view.sourcePort === destinationPort && view.acknowledgment === (sequence + 1) >>> 0,
    );
    for (const reset of resets) this.#segmentOfInterest(reset);
    const errors = this.#earlyErrors.take(
      time,
      (view, hashOf) => hashOf === hash && view.quotedSourcePort === sourcePort && view.quotedSequence === sequence,
    );
    for (const error of errors) this.icmpError(error);
    // The hello comes from who sent the SYN, or from who a SYN-ACK goes to.
    const answered = (syn.flags & TcpFlag.ack) !== 0;
    const helloPort = answered ? destinationPort : sourcePort;
    const helloSequence = answered ? syn.acknowledgment : (sequence + 1) >>> 0;
    const hellos = this.#earlyHellos.take(
      time,
      (view, hashOf) => hashOf === hash && view.sourcePort === helloPort && view.sequence === helloSequence,
    );
    for (const hello of hellos) this.#segmentOfInterest(hello);
  }

  /**
   * A port has been negotiated: SYNs and SYN-ACKs for it that stand just before that in the file are looked at again.
   * @param time when it was (seconds)
   */
  followEarlySyns(port: number, time: number): void {
    for (const early of this.#earlySyns.take(time, (view) => responderPortOf(view) === port))
      if (!this.#segmentOfInterest(early)) this.#syn(early);
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
   * Whether the SYN is this control connection's, seen at another point. Then the connection is bound to its own. A record that two overlapping
   * captures share has one time; a retransmission comes from an end that has sent nothing else yet, after a second, from as far away and, in
   * IPv4, with an identification of its own. Copies that a mirror makes may stand on both sides of the cut between two files.
   */
  #isSeenElsewhere(connection: Connection, view: PacketView): boolean {
    const { originator, role, firstPacket } = connection;
    if (this.#points === null || role !== "control" || originator.synCount === 0) return false;
    const own = captureIndexOf(firstPacket);
    const other = captureIndexOf(view.packet);
    if (own === other || connection.point !== ANY_POINT) return false;
    const time = view.seconds + view.nanoseconds / 1e9;
    const { synTime, lastSynTime } = originator;
    const sooner = (seconds: number) => Math.min(Math.abs(synTime - time), Math.abs(lastSynTime - time)) < seconds;
    if (sooner(RECORD_SECONDS)) return false;
    const wentOn = originator.packets > originator.synCount;
    const isRetransmission =
      !wentOn &&
      view.ttl === originator.ttl &&
      !(view.ipId > 0 && view.ipId === originator.lastIpId) &&
      !sooner(SYN_RETRANSMISSION_SECONDS);
    if (isRetransmission || !this.#points.areApart(own, other, wentOn && !sooner(COPY_SECONDS))) return false;
    this.setPoint(connection, this.#points.of(own));
    return true;
  }

  /**
   * Whether the copy of a packet with payload comes from another point than the control connection, which is then bound to its own. So two
   * points are told that no SYN tells: one joined midstream, or the connection was recognised by what is said.
   */
  #isCopyFromElsewhere(connection: Connection, { lastPacket }: HalfConnection, view: PacketView): boolean {
    if (this.#points === null || connection.role !== "control" || connection.point !== ANY_POINT) return false;
    if (view.payloadLength === 0 || this.#copies.distance < RECORD_SECONDS) return false;
    if (!this.#points.areApart(captureIndexOf(lastPacket), captureIndexOf(view.packet))) return false;
    this.setPoint(connection, this.#points.of(captureIndexOf(connection.firstPacket)));
    return !this.#isHere(connection, view);
  }

  /**
   * Two control connections with different addresses are one, seen on both sides of a NAT in two captures: each is bound to its own point.
   * @returns false when nothing tells their captures apart
   */
  setApart(one: Connection, other: Connection): boolean {
    const [captureOfOne, captureOfOther] = [captureIndexOf(one.firstPacket), captureIndexOf(other.firstPacket)];
    if (!this.#points?.areApart(captureOfOne, captureOfOther)) return false;
    this.setPoint(one, this.#points.of(captureOfOne));
    this.setPoint(other, this.#points.of(captureOfOther));
    return true;
  }

  /** Whether the packet was captured where the connection, or the session that watches, is seen. */
  #isHere({ point }: Connection | Watcher, view: PacketView): boolean {
    return point === ANY_POINT || point === this.#points!.of(captureIndexOf(view.packet));
  }

  /** Connections between the same endpoints that are followed at other points; what is a control connection here may be a data connection there. */
  #elsewhere(connection: Connection): Connection[] {
    const found: Connection[] = [];
    if (this.#points?.areSeveral !== true) return found;
    const { hash, bucket, originator, responder } = connection;
    const hasEnds = (one: HalfConnection, two: HalfConnection) =>
      one.port === originator.port &&
      one.address === originator.address &&
      two.port === responder.port &&
      two.address === responder.address;
    for (let other = this.#buckets[bucket]; other !== null; other = other.next) {
      if (other === connection || other.hash !== hash || other.point === ANY_POINT) continue;
      if (hasEnds(other.originator, other.responder) || hasEnds(other.responder, other.originator)) found.push(other);
    }
    return found;
  }

  /** A followed connection takes only packets of this point from now on. */
  setPoint(connection: Connection, point: number): void {
    this.#lent.takeBack(connection);
    connection.point = point;
  }

  /** From its first packet on the connection takes only packets of this point, which are no copies of those that other points show. */
  #bind(connection: Connection, point: number): void {
    this.setPoint(connection, point);
    connection.salt = connection.hash ^ Math.imul(point + 1, 0x9e3779b1);
  }

  #replace(connection: Connection): void {
    connection.over = true;
    this.remove(connection);
    connection.reassembler?.finish();
    if (connection.role === "control") this.#observer.controlChanged(connection);
  }

  /** A SYN or SYN-ACK of no followed connection. */
  #syn(view: PacketView): void {
    const { bytes, ipVersion } = view;
    const sourceKey = addressKey(bytes, view.sourceAt, ipVersion);
    const destinationKey = addressKey(bytes, view.destinationAt, ipVersion);
    const answered = (view.flags & TcpFlag.ack) !== 0;
    const originatorKey = answered ? destinationKey : sourceKey;
    const responderKey = answered ? sourceKey : destinationKey;
    const originatorPort = answered ? view.destinationPort : view.sourcePort;
    const responderPort = answered ? view.sourcePort : view.destinationPort;
    const isControl = this.#controlPort[responderPort] === 1;
    const mayKnow = this.watchlist.mayKnow(sourceKey, destinationKey);
    if (isControl || (mayKnow && this.watchlist.mayMatch(originatorKey, responderKey, responderPort))) {
      this.#synOfInterest(view, answered, isControl, originatorKey, originatorPort, responderKey, responderPort);
      return;
    }
    this.sawOtherTcp = true;
    this.#keepSyn(view, sourceKey, destinationKey, answered, mayKnow);
  }

  /** One that goes to a control port, or to a port or between hosts that somebody watches. */
  #synOfInterest(
    view: PacketView,
    answered: boolean,
    isControl: boolean,
    originatorKey: number,
    originatorPort: number,
    responderKey: number,
    responderPort: number,
  ): void {
    const { bytes, ipVersion } = view;
    const sourceKey = answered ? responderKey : originatorKey;
    const destinationKey = answered ? originatorKey : responderKey;
    const originator = formatAddress(bytes, answered ? view.destinationAt : view.sourceAt, ipVersion);
    const responder = formatAddress(bytes, answered ? view.sourceAt : view.destinationAt, ipVersion);
    const hash = connectionHash(sourceKey, view.sourcePort, destinationKey, view.destinationPort);
    const time = view.seconds + view.nanoseconds / 1e9;
    const watchers = this.#watchersOf(originator, originatorPort, responder, responderPort, isControl, time, view);
    if (!isControl && watchers.length === 0) {
      this.#keepSyn(view, sourceKey, destinationKey, answered, true);
      return;
    }
    if (this.#closed.holdsSyn(hash, sourceKey, destinationKey, view, answered)) return;
    const role = watchers.length > 0 ? "data" : "control";
    const first =
      role === "control" && !answered
        ? this.#waiting.recall(hash, originatorKey, responderKey, originatorPort, responderPort)
        : undefined;
    const isRepeated = first !== undefined && first.sequence === view.sequence;
    if (role === "control" && this.#halfOpen >= MAX_HALF_OPEN && !isRepeated) {
      if (answered) return;
      this.#waiting.remember(hash, originatorKey, responderKey, view);
      this.#anomalies.note(
        "control-attempts-over-limit",
        "tcp",
        view.packet,
        `more than ${MAX_HALF_OPEN} control connections on which nothing was said; a further one is followed only once its SYN is repeated or something is said`,
      );
      this.#observer.controlNotFollowed(originator, { address: responder, port: responderPort }, view.packet, time);
      return;
    }
    const connection = this.#add(
      view,
      role,
      hash,
      originator,
      originatorPort,
      originatorKey,
      responder,
      responderPort,
      responderKey,
      !answered,
    );
    if (role === "data") {
      this.sawOtherTcp = true;
      // Nobody negotiated it, and one of its hosts is no session's.
      connection.guessed = watchers.every(
        (watcher) => !watcher.awaits(responderPort) && hostsOf(watcher, originator, responder) < 2,
      );
      // Should it be a control connection after all, it has its handshake.
      if (connection.guessed) this.#keepSyn(view, sourceKey, destinationKey, answered, false);
      const bound = watchers.find(({ point }) => point !== ANY_POINT);
      if (bound) this.#bind(connection, bound.point);
      this.#observer.dataOpened(connection, watchers);
    } else {
      connection.halfOpen = true;
      this.#halfOpen++;
      if (isRepeated) adoptSyn(connection.originator, first);
      const stream = this.#observer.controlOpened(connection, false);
      if (stream === null) {
        this.remove(connection);
        return;
      }
      connection.reassembler = new ControlReassembler(
        connection.originator,
        connection.responder,
        stream,
        this.#delivered,
        this.#anomalies,
      );
    }
    if (!answered) this.#dialled[this.#dials++ % DIALLED_CONNECTIONS] = connection;
    this.#follow(connection, view, !answered);
    if (role === "control") {
      for (const other of this.#elsewhere(connection))
        if (other.role === "control" && other.originator.base === connection.originator.base)
          this.#observer.controlSeenElsewhere(other, connection);
    }
    if (this.#earlyResets.mayHold(time) || this.#earlyErrors.mayHold(time) || this.#earlyHellos.mayHold(time))
      this.#followEarlyPackets(view, hash, time);
  }

  /**
   * A SYN of nobody, and no scan's or flood's, is remembered; where it may be early so is a SYN-ACK.
   * @param mayBeEarly one of its hosts is an end of a session: only a session negotiates the port of a SYN that stands before its grant
   */
  #keepSyn(view: PacketView, sourceKey: number, destinationKey: number, answered: boolean, mayBeEarly: boolean): void {
    if (!answered && this.synMemory.isFlood(sourceKey, destinationKey, view)) return;
    const hash = connectionHash(sourceKey, view.sourcePort, destinationKey, view.destinationPort);
    if (mayBeEarly) this.#earlySyns.keep(hash, view);
    if (answered) return;
    this.synMemory.remember(hash, sourceKey, destinationKey, view);
    const capture = captureIndexOf(view.packet);
    if (capture > 0) this.#shared[SEVERAL_CAPTURES] = 1;
    if (this.#shared[SEVERAL_CAPTURES] !== 0)
      this.synMemory.remember(hashIn(capture, hash), sourceKey, destinationKey, view);
  }

  /** Who wants this new connection as a data connection; empty for a control connection, unless its port was negotiated. */
  #watchersOf(
    originator: string,
    originatorPort: number,
    responder: string,
    responderPort: number,
    isControl: boolean,
    time: number,
    view: PacketView,
  ): readonly Watcher[] {
    const negotiators = this.watchlist.expecting(responderPort);
    if (isControl && negotiators.length === 0) return NOBODY;
    const found: Watcher[] = [];
    const want = (watcher: Watcher) => {
      if (found.includes(watcher) || !this.#isHere(watcher, view)) return;
      if (watcher.room <= 0) {
        this.#anomalies.note(
          "data-connections-over-limit",
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
        this.#isHere(watcher, view),
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
    if (responderPort >= 1024 || originatorPort === 20) {
      for (const watcher of this.watchlist.ofHost(originator)) if (watcher.wantsForeign(time)) want(watcher);
    }
    return found;
  }

  /** A payload that begins like FTP on a connection that nobody follows. */
  #unknownPayload(view: PacketView): void {
    const speaker = this.#signature.recognise(view.bytes, view.payloadAt, view.payloadCaptured);
    if (speaker === undefined) return;
    const sourceKey = addressKey(view.bytes, view.sourceAt, view.ipVersion);
    const destinationKey = addressKey(view.bytes, view.destinationAt, view.ipVersion);
    const hash = connectionHash(sourceKey, view.sourcePort, destinationKey, view.destinationPort);
    this.#joinMidstream(view, hash, sourceKey, destinationKey, speaker === "client", true);
  }

  /** Begins to follow a control connection whose SYN did not pass as one; the memory may still have it. */
  #joinMidstream(
    view: PacketView,
    hash: number,
    sourceKey: number,
    destinationKey: number,
    toServer: boolean,
    recognised: boolean,
  ): boolean {
    const { bytes, ipVersion } = view;
    const source = formatAddress(bytes, view.sourceAt, ipVersion);
    const destination = formatAddress(bytes, view.destinationAt, ipVersion);
    const client = toServer ? source : destination;
    const server = toServer ? destination : source;
    const clientPort = toServer ? view.sourcePort : view.destinationPort;
    const serverPort = toServer ? view.destinationPort : view.sourcePort;
    const clientKey = toServer ? sourceKey : destinationKey;
    const serverKey = toServer ? destinationKey : sourceKey;
    const connection = this.#add(
      view,
      "control",
      hash,
      client,
      clientPort,
      clientKey,
      server,
      serverPort,
      serverKey,
      toServer,
    );
    const syn = recognised
      ? this.#recallSyn(view, hash, clientKey, serverKey, clientPort, serverPort)
      : this.#waiting.recall(hash, clientKey, serverKey, clientPort, serverPort);
    if (syn) {
      adoptSyn(connection.originator, syn);
    } else {
      connection.midstream = true;
      const limit = recognised ? LIMITS.synMemory : LIMITS.waitingSyns;
      const memory = recognised ? this.synMemory : this.#waiting;
      if (memory.mayHaveLost(hash))
        this.#anomalies.note(
          limit.code,
          "tcp",
          view.packet,
          "the SYN of this control connection is not known: it was not captured, or others took its place",
        );
    }
    const stream = this.#observer.controlOpened(connection, recognised);
    if (stream === null) {
      this.remove(connection);
      return false;
    }
    if (syn) {
      // The server's first payload is the greeting, so its stream begins with this very segment.
      const half = connection.responder;
      if (!toServer) {
        half.base = view.sequence;
        half.baseFromSyn = true;
      }
    }
    connection.reassembler = new ControlReassembler(
      connection.originator,
      connection.responder,
      stream,
      this.#delivered,
      this.#anomalies,
    );
    this.#follow(connection, view, toServer);
    for (const other of this.#elsewhere(connection))
      if (other.role === "control") this.#observer.controlSeenElsewhere(other, connection);
    return true;
  }

  /** The SYN before a greeting: that of its own capture or, where a ring of files was cut between them, of any. */
  #recallSyn(
    view: PacketView,
    hash: number,
    clientKey: number,
    serverKey: number,
    clientPort: number,
    serverPort: number,
  ): RememberedSyn | undefined {
    const own = hashIn(captureIndexOf(view.packet), hash);
    return (
      this.synMemory.recall(own, clientKey, serverKey, clientPort, serverPort) ??
      this.synMemory.recall(hash, clientKey, serverKey, clientPort, serverPort)
    );
  }

  #add(
    view: PacketView,
    role: "control" | "data",
    hash: number,
    originator: string,
    originatorPort: number,
    originatorKey: number,
    responder: string,
    responderPort: number,
    responderKey: number,
    forward: boolean,
  ): Connection {
    const connection = new Connection(
      role,
      view.ipVersion,
      { address: originator, port: originatorPort },
      { address: responder, port: responderPort },
      view.packet,
      view.seconds,
      view.nanoseconds,
    );
    connection.hash = hash;
    connection.salt = hash;
    connection.addressKeyA = originatorKey;
    connection.addressKeyB = responderKey;
    if (view.ipVersion === 6) {
      const both = new Uint8Array(32);
      both.set(view.bytes.subarray(view.sourceAt, view.sourceAt + 16), forward ? 0 : 16);
      both.set(view.bytes.subarray(view.destinationAt, view.destinationAt + 16), forward ? 16 : 0);
      connection.addressBytes = both;
    }
    if (this.#elsewhere(connection).length > 0) this.#bind(connection, this.#points!.of(captureIndexOf(view.packet)));
    const { bucket } = connection;
    connection.next = this.#buckets[bucket];
    this.#buckets[bucket] = connection;
    this.#bucketUses[bucket] = FOLLOWED;
    this.size++;
    // One of its two ports makes its packets interesting: the less common one
    const port = this.#controlPort[responderPort] === 1 ? -1 : responderPort >= 1024 ? responderPort : originatorPort;
    connection.markedPort = port;
    if (port >= 0 && this.#portUses[port]++ === 0) this.#interest[port] |= SOME;
    return connection;
  }

  /** Stops following a connection that closed only a moment ago: what still comes of it is nobody's. */
  retire(connection: Connection): void {
    this.#closed.remember(connection);
    this.remove(connection);
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
      this.#noLongerHalfOpen(connection);
      const port = connection.markedPort;
      if (port >= 0 && --this.#portUses[port] === 0) this.#interest[port] &= ~SOME;
      return;
    }
  }

  #noLongerHalfOpen(connection: Connection): void {
    if (!connection.halfOpen) return;
    connection.halfOpen = false;
    this.#halfOpen--;
  }

  /**
   * One packet of a followed connection. Nearly all are those of a transfer, in order, and take the short way; whatever else comes has been met
   * once before the code for them is optimized, and does not discard it.
   */
  #follow(connection: Connection, view: PacketView, forward: boolean): void {
    const half = forward ? connection.originator : connection.responder;
    const other = forward ? connection.responder : connection.originator;
    const isCopy = this.#copies.isCopy(view, forward ? connection.salt : ~connection.salt);
    if (isCopy || !isOrdinary(connection, half, other, view)) {
      this.#followOther(connection, half, other, view, forward, isCopy);
      return;
    }
    const { packet, payloadLength: length } = view;
    connection.saw(view);
    half.saw(view);
    const acknowledged = other.offsetOf(view.acknowledgment);
    other.acknowledged(acknowledged);
    const time = view.seconds + view.nanoseconds / 1e9;
    this.#noteWindow(half, view, time);
    if (length > 0) {
      const at = half.highest;
      if (view.payloadCaptured < length) connection.cutPayloads++;
      half.sentNext(length, packet, time);
      if (connection.tap !== null) this.#tap(connection, view, forward, at, time, acknowledged);
    }
    this.#lent.lend(connection);
  }

  #followOther(
    connection: Connection,
    half: HalfConnection,
    other: HalfConnection,
    view: PacketView,
    forward: boolean,
    isCopy: boolean,
  ): void {
    const { flags, packet, sequence } = view;
    const time = view.seconds + view.nanoseconds / 1e9;
    if (isCopy && (connection.copies > 0 || !isNamelessReset(view))) {
      if (this.#isCopyFromElsewhere(connection, half, view)) this.segment(view);
      else connection.copies++;
      return;
    }
    if (isOutOfWindow(half, other, view)) {
      this.#noteOutOfWindow(half.offsetOf(sequence), half.acked, packet);
      return;
    }
    connection.saw(view);
    if ((flags & TcpFlag.rst) !== 0) {
      half.sawReset(view, other);
      if (!connection.closed) {
        connection.closed = true;
        if (connection.role === "control") this.#observer.controlChanged(connection);
      }
      return;
    }
    half.saw(view);

    const isSyn = (flags & TcpFlag.syn) !== 0;
    if (isSyn) {
      this.#noteSyn(half, view, time);
      // Its first payload only stood before the handshake.
      if (connection.originator.baseFromSyn && connection.responder.baseFromSyn) connection.midstream = false;
    }
    if ((flags & TcpFlag.ack) !== 0) {
      if (other.base < 0) {
        // Joined midstream the acknowledgment is where the other stream goes on, or has gone on a few places ahead in the file.
        other.base = view.acknowledgment;
        other.baseFromSyn = isSyn;
      }
      other.acknowledged(other.offsetOf(view.acknowledgment));
    }
    this.#noteWindow(half, view, time);

    const length = view.payloadLength;
    const payloadSequence = isSyn ? (sequence + 1) >>> 0 : sequence;
    if (length > 0 && !(length === 1 && isKeepAlive(half, payloadSequence))) {
      if (half.base < 0) half.base = payloadSequence;
      this.#noLongerHalfOpen(connection);
      const at = half.offsetOf(payloadSequence);
      if (view.payloadCaptured < length) connection.cutPayloads++;
      half.sent(at, length, packet, time, length === 1 && other.zeroWindowTime !== 0);
      const acknowledged = other.base >= 0 && (flags & TcpFlag.ack) !== 0 ? other.offsetOf(view.acknowledgment) : -1;
      if (connection.reassembler !== null) {
        const stamp: Stamp = { packet, time, acknowledged, ttl: view.ttl };
        connection.reassembler.segment(
          half,
          at,
          view.bytes,
          view.payloadAt,
          view.payloadAt + view.payloadCaptured,
          length,
          stamp,
        );
      } else if (connection.tap !== null) this.#tap(connection, view, forward, at, time, acknowledged);
    } else if (length === 0 && !isSyn && half.base >= 0) half.stands(half.offsetOf(sequence), packet);
    if ((flags & TcpFlag.fin) !== 0) {
      half.finCount++;
      if (half.finPacket === 0) {
        half.finPacket = packet;
        half.finTime = time;
        if (half.base < 0) half.base = payloadSequence;
        half.endsAt(
          half.offsetOf(payloadSequence) + length,
          other.base >= 0 && (flags & TcpFlag.ack) !== 0 ? other.offsetOf(view.acknowledgment) : -1,
        );
      }
    }
    if (connection.reassembler?.isWaiting) connection.reassembler.advance(time);
    if (!connection.closed && half.finPacket !== 0 && other.finPacket !== 0 && (half.finAcked || other.finAcked)) {
      connection.closed = true;
      if (connection.role === "control") this.#observer.controlChanged(connection);
    }
  }

  #tap(
    connection: Connection,
    view: PacketView,
    forward: boolean,
    at: number,
    time: number,
    acknowledged: number,
  ): void {
    const end = view.payloadAt + view.payloadCaptured;
    const more = connection.tap!.payload(forward, at, view.bytes, view.payloadAt, end, view.packet, time, acknowledged);
    if (!more) connection.tap = null;
  }

  #noteSyn(half: HalfConnection, view: PacketView, time: number): void {
    half.synCount++;
    if (half.synPacket === 0) {
      half.synPacket = view.packet;
      half.synTime = time;
      half.maximumSegmentSize = maximumSegmentSize(view);
      half.windowScale = windowScale(view);
      if (!half.baseFromSyn) {
        const base = (view.sequence + 1) >>> 0;
        // Offsets may already count from a first payload or acknowledgment, which a SYN late in the file leaves where it is.
        half.baseFromSyn = half.payloadPackets === 0 || half.base === base;
        if (half.payloadPackets === 0) half.base = base;
      }
    }
    half.lastSynPacket = view.packet;
    half.lastSynTime = time;
  }

  #noteOutOfWindow(at: number, expected: number, packet: number): void {
    const detail = () => `a segment at stream offset ${at} where ${expected} is expected; it is left out`;
    this.#anomalies.note("tcp-out-of-window", "tcp", packet, detail);
  }

  #noteWindow(half: HalfConnection, view: PacketView, time: number): void {
    half.window = view.window;
    if (view.window === 0) {
      if (half.zeroWindowPacket === 0 || half.zeroWindowTime === 0) {
        half.zeroWindowPacket = view.packet;
        half.zeroWindowTime = time;
      }
    } else if (half.zeroWindowTime !== 0) {
      const lasted = time - half.zeroWindowTime;
      if (lasted > half.zeroWindowLongest) half.zeroWindowLongest = lasted;
      half.zeroWindowTime = 0;
    }
  }

  /** An ICMP error: joined to the followed connection whose segment it quotes. */
  icmpError(view: PacketView): void {
    this.#lent.catchUp();
    const sourceKey = addressKey(view.bytes, view.quotedSourceAt, view.ipVersion);
    const destinationKey = addressKey(view.bytes, view.quotedDestinationAt, view.ipVersion);
    const hash = connectionHash(sourceKey, view.quotedSourcePort, destinationKey, view.quotedDestinationPort);
    for (let connection = this.#buckets[hash & (BUCKET_COUNT - 1)]; connection !== null; connection = connection.next) {
      if (connection.hash !== hash || connection.ipVersion !== view.ipVersion) continue;
      const forward = connection.addressKeyA === sourceKey && connection.originator.port === view.quotedSourcePort;
      const backward = connection.addressKeyB === sourceKey && connection.responder.port === view.quotedSourcePort;
      if (!forward && !backward) continue;
      if (!this.#isHere(connection, view)) continue;
      this.#noteIcmpError(connection, view, forward ? "originator" : "responder");
      return;
    }
    const translated = this.#dialled.find(
      (connection) => isTranslatedQuote(connection, view) && this.#isHere(connection, view),
    );
    if (translated) this.#noteIcmpError(translated, view, "originator");
    else this.#earlyErrors.keep(hash, view);
  }

  #noteIcmpError(connection: Connection, view: PacketView, quotes: "originator" | "responder"): void {
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

/** Port of the end that a SYN goes to, or that a SYN-ACK comes from. */
function responderPortOf(view: PacketView): number {
  return (view.flags & TcpFlag.ack) !== 0 ? view.sourcePort : view.destinationPort;
}

/**
 * Whether the packet only brings the next bytes of a transfer, or acknowledges some in their place, on a data connection whose streams are both
 * placed: nothing of what {@link ConnectionTable} has to look for otherwise.
 */
function isOrdinary(connection: Connection, half: HalfConnection, other: HalfConnection, view: PacketView): boolean {
  return (
    connection.reassembler === null &&
    (view.flags & (TcpFlag.syn | TcpFlag.rst | TcpFlag.fin | TcpFlag.ack)) === TcpFlag.ack &&
    half.base >= 0 &&
    other.base >= 0 &&
    // So it is within the window too.
    half.acked <= half.highest &&
    half.offsetOf(view.sequence) === half.highest
  );
}

/**
 * Whether the receiving host threw the segment away for its sequence number (RFC 9293 section 3.10.7.4), so that neither its words nor its RST
 * or FIN were believed. Judged only behind a handshake, and with room for what the capture lost.
 */
function isOutOfWindow(half: HalfConnection, other: HalfConnection, { sequence, flags }: PacketView): boolean {
  if (half.acked < 0 || !half.baseFromSyn || !other.baseFromSyn || (flags & TcpFlag.syn) !== 0) return false;
  const at = half.offsetOf(sequence);
  const room = 2 * (65_535 << Math.max(0, other.windowScale));
  return at > Math.max(half.highest, half.acked) + room || at < half.acked - room;
}

/**
 * A RST without an IP-ID of its own: Linux gives 0 to those of no socket (RFC 6864 section 4.1 allows it), IPv6 has none. Each answers another
 * segment, and all are alike: only where other packets of the connection were captured twice is one of them a copy.
 */
function isNamelessReset({ flags, ipId }: PacketView): boolean {
  return (flags & TcpFlag.rst) !== 0 && ipId <= 0;
}

/** A keep-alive repeats the last byte already acknowledged (RFC 9293 section 3.8.4). */
function isKeepAlive(half: HalfConnection, sequence: number): boolean {
  if (half.base < 0 || half.highest === 0) return false;
  const at = half.offsetOf(sequence);
  return at === half.highest - 1 && half.acked >= half.highest;
}

/** A 32-bit key of an address: the address itself for IPv4, a mix of its four words for IPv6. */
export function addressKey(bytes: Uint8Array, at: number, ipVersion: number): number {
  if (ipVersion === 4) return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
  let key = 0;
  for (let i = at; i < at + 16; i += 4) {
    const word = (bytes[i] << 24) | (bytes[i + 1] << 16) | (bytes[i + 2] << 8) | bytes[i + 3];
    key = Math.imul(key ^ word, 0x9e3779b1);
    key ^= key >>> 15;
  }
  return key;
}

/** The same for both directions of a connection. Keys are those of {@link addressKey}. */
export function connectionHash(keyA: number, portA: number, keyB: number, portB: number): number {
  let a = Math.imul(keyA ^ (portA << 16) ^ portA, 0x85ebca6b);
  a ^= a >>> 15;
  let b = Math.imul(keyB ^ (portB << 16) ^ portB, 0x85ebca6b);
  b ^= b >>> 15;
  const sum = Math.imul((a + b) | 0, 0xc2b2ae35);
  return sum ^ (sum >>> 13);
}

/** Keeps apart what several captures show of one connection. */
function hashIn(capture: number, hash: number): number {
  return hash ^ Math.imul(capture + 1, 0x9e3779b1);
}

function sameAddresses(both: Uint8Array, view: PacketView, forward: boolean): boolean {
  const { bytes } = view;
  const first = forward ? view.sourceAt : view.destinationAt;
  const second = forward ? view.destinationAt : view.sourceAt;
  for (let i = 0; i < 16; i++) {
    if (both[i] !== bytes[first + i] || both[16 + i] !== bytes[second + i]) return false;
  }
  return true;
}
