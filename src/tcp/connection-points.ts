import { captureIndexOf } from "../capture/frame.ts";
import type { PacketView } from "../decode/packet-view.ts";
import type { Connection } from "./connection.ts";
import { hashIn } from "./connection-ends.ts";
import { COPY_SECONDS } from "./copy-memory.ts";
import type { HalfConnection } from "./half-connection.ts";
import type { LentConnections } from "./lent-connections.ts";
import { ANY_POINT, type VantagePoints } from "./vantage-points.ts";

/** The same record in two captures has the same time, which formats round to a microsecond. */
const RECORD_SECONDS = 1.5e-6;
/** No stack repeats a SYN sooner (RFC 6298 section 2: after a second). */
const SYN_RETRANSMISSION_SECONDS = 0.9;

/** Tells at which point a connection is seen, where several captures show one connection; which captures were taken where, `vantage-points.ts` knows. */
export class ConnectionPoints {
  readonly #points: VantagePoints | null;
  readonly #lent: LentConnections;

  /** @param points null: what several captures show is not told apart */
  constructor(points: VantagePoints | null, lent: LentConnections) {
    this.#points = points;
    this.#lent = lent;
  }

  /** Whether the packet was captured where the connection, or the session that watches, is seen. */
  isHere({ point }: { readonly point: number }, view: PacketView): boolean {
    return point === ANY_POINT || point === this.#points!.of(captureIndexOf(view.packet));
  }

  /** A followed connection takes only packets of this point from now on. */
  set(connection: Connection, point: number): void {
    this.#lent.takeBack(connection);
    connection.point = point;
  }

  /** From its first packet on the connection takes only packets of this point, which are no copies of those that other points show. */
  bind(connection: Connection, point: number): void {
    this.set(connection, point);
    connection.salt = hashIn(point, connection.hash);
  }

  /** The same, of the point where its first packet was captured. */
  bindWhereSeen(connection: Connection): void {
    this.bind(connection, this.#points!.of(captureIndexOf(connection.firstPacket)));
  }

  /**
   * Whether the SYN is this control connection's, seen at another point. Then the connection is bound to its own. A record that two overlapping
   * captures share has one time; a retransmission comes from an end that has sent nothing else yet, after a second, from as far away and, in
   * IPv4, with an identification of its own. Copies that a mirror makes may stand on both sides of the cut between two files.
   */
  isSynFromElsewhere(connection: Connection, view: PacketView): boolean {
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
    this.set(connection, this.#points.of(own));
    return true;
  }

  /**
   * Whether the copy of a packet with payload comes from another point than the control connection, which is then bound to its own. So two
   * points are told that no SYN tells: one joined midstream, or the connection was recognised by what is said.
   * @param distance how far from the first the copy stands (seconds)
   */
  isCopyFromElsewhere(
    connection: Connection,
    { lastPacket }: HalfConnection,
    view: PacketView,
    distance: number,
  ): boolean {
    if (this.#points === null || connection.role !== "control" || connection.point !== ANY_POINT) return false;
    if (view.payloadLength === 0 || distance < RECORD_SECONDS) return false;
    if (!this.#points.areApart(captureIndexOf(lastPacket), captureIndexOf(view.packet))) return false;
    this.set(connection, this.#points.of(captureIndexOf(connection.firstPacket)));
    return !this.isHere(connection, view);
  }

  /**
   * Two control connections with different addresses are one, seen on both sides of a NAT in two captures: each is bound to its own point.
   * @returns false when nothing tells their captures apart
   */
  setApart(one: Connection, other: Connection): boolean {
    const [captureOfOne, captureOfOther] = [captureIndexOf(one.firstPacket), captureIndexOf(other.firstPacket)];
    if (!this.#points?.areApart(captureOfOne, captureOfOther)) return false;
    this.set(one, this.#points.of(captureOfOne));
    this.set(other, this.#points.of(captureOfOther));
    return true;
  }

  /**
   * Connections between the same endpoints that are followed at other points; what is a control connection here may be a data connection there.
   * @param bucket the first connection of the bucket in which they would be
   */
  elsewhere(connection: Connection, bucket: Connection | null): Connection[] {
    const found: Connection[] = [];
    if (this.#points?.areSeveral !== true) return found;
    const { hash, originator, responder } = connection;
    const hasEnds = (one: HalfConnection, two: HalfConnection) =>
      one.port === originator.port &&
      one.address === originator.address &&
      two.port === responder.port &&
      two.address === responder.address;
    for (let other = bucket; other !== null; other = other.next) {
      if (other === connection || other.hash !== hash || other.point === ANY_POINT) continue;
      if (hasEnds(other.originator, other.responder) || hasEnds(other.responder, other.originator)) found.push(other);
    }
    return found;
  }
}
