import type { Endpoint } from "../address.ts";
import type { PacketView } from "../decode/packet-view.ts";
import { BUCKET_COUNT } from "../prefilter/layout.ts";
import { HalfConnection } from "./half-connection.ts";
import type { ControlReassembler } from "./reassembler.ts";
import type { PayloadTap } from "./stream-sink.ts";
import { ANY_POINT } from "./vantage-points.ts";

/** An ICMP error that quotes a segment of this connection. */
export interface IcmpError {
  readonly packet: number;
  readonly time: number;
  /** 4 or 6: which ICMP. */
  readonly ipVersion: number;
  readonly type: number;
  readonly code: number;
  /** Next-hop MTU, or 0. */
  readonly mtu: number;
  /** The router or host that sent it. */
  readonly from: string;
  readonly ttl: number;
  /** Whose segment it quotes. */
  readonly quotes: "originator" | "responder";
}

/** How many ICMP errors of one connection are kept. */
export const MAX_ICMP_ERRORS = 8;

/** What a followed connection is to us. */
export type ConnectionRole = "control" | "data";

/**
 * One TCP connection that we follow, between an originator (who sent the SYN, or seems to have) and a responder. FTP roles are
 * another matter: in active mode the server is the originator.
 */
export class Connection {
  readonly role: ConnectionRole;
  readonly ipVersion: number;
  readonly originator: HalfConnection;
  readonly responder: HalfConnection;
  readonly firstPacket: number;
  /** Seconds and nanoseconds of the first and of the last packet. */
  readonly firstSeconds: number;
  readonly firstNanoseconds: number;
  lastSeconds: number;
  lastNanoseconds: number;
  lastPacket: number;
  packets = 0;
  /** Identical copies of packets, not counted elsewhere. */
  copies = 0;
  /** A payload was cut by the snaplen. */
  cutPayloads = 0;
  /** Joined midstream: no SYN of either end was seen. */
  midstream = false;
  icmpErrors: IcmpError[] = [];
  /** Neither end will send again: both FINs acknowledged, or a reset. */
  closed = false;
  /** Given up by us: replaced by a new SYN, or settled. */
  over = false;

  /** Reassembles the streams of a control connection; null for data connections and after settling. */
  reassembler: ControlReassembler | null = null;
  /** Looks at the payload of a data connection as it passes; null when nobody wants it (any more). */
  tap: PayloadTap | null = null;
  /** Where the captures were taken whose packets are its own; {@link ANY_POINT} unless it is seen at two points. */
  point = ANY_POINT;
  /** What the slow half knows of it. */
  owner: unknown = null;

  // The table's own
  hash = 0;
  /** Tells its packets from those of others where copies are looked for. */
  salt = 0;
  addressKeyA = 0;
  addressKeyB = 0;
  /** For IPv6: the 32 bytes of originator and responder address, to verify the keys. */
  addressBytes: Uint8Array | null = null;
  next: Connection | null = null;
  markedPort = -1;
  /** A control connection on which nothing has been said. */
  halfOpen = false;
  /** A data connection only by its time and its client: what is said first on it may tell that it is a control connection. */
  guessed = false;
  /** Its place among those lent to the prefilter (`lent-connections.ts`); -1 where it has none. */
  lentAt = -1;
  /** How often it came back since anything of it was counted. */
  vainLoans = 0;

  constructor(
    role: ConnectionRole,
    ipVersion: number,
    originator: Endpoint,
    responder: Endpoint,
    packet: number,
    seconds: number,
    nanoseconds: number,
  ) {
    this.role = role;
    this.ipVersion = ipVersion;
    this.originator = new HalfConnection(originator.address, originator.port);
    this.responder = new HalfConnection(responder.address, responder.port);
    this.firstPacket = packet;
    this.lastPacket = packet;
    this.firstSeconds = seconds;
    this.firstNanoseconds = nanoseconds;
    this.lastSeconds = seconds;
    this.lastNanoseconds = nanoseconds;
  }

  /** Notes a packet of either end. */
  saw({ packet, seconds, nanoseconds }: PacketView): void {
    this.packets++;
    this.lastPacket = packet;
    this.lastSeconds = seconds;
    this.lastNanoseconds = nanoseconds;
  }

  /** Where the table looks for it. */
  get bucket(): number {
    return this.hash & (BUCKET_COUNT - 1);
  }

  /** Time of the first packet (seconds). */
  get firstTime(): number {
    return this.firstSeconds + this.firstNanoseconds / 1e9;
  }

  /** Time of the last packet (seconds). */
  get lastTime(): number {
    return this.lastSeconds + this.lastNanoseconds / 1e9;
  }

  /** Both ends sent all they had, and each acknowledged the other's last byte: nothing that could still come would change what is known. */
  get closedOrderly(): boolean {
    const { originator, responder } = this;
    return (
      originator.finAcked &&
      responder.finAcked &&
      originator.missing + responder.missing === 0 &&
      originator.resetCount + responder.resetCount + this.icmpErrors.length === 0
    );
  }

  /**
   * The connection came about: the responder answered the SYN with a SYN-ACK, or either end sent something that only an open
   * connection allows (the other end's packets may be missing from a one-sided capture).
   */
  get established(): boolean {
    const { originator, responder } = this;
    return (
      responder.synCount > 0 ||
      responder.packets > responder.resetCount ||
      originator.packets > originator.synCount + originator.resetCount
    );
  }
}
