import { pcapFile, pcapngFile } from "./capture-file.ts";
import {
  alertRecord,
  applicationRecord,
  noise,
  sealed,
  sealedAlert,
  type TlsHandshakeOptions,
  type TlsVersion,
  tlsFlights,
} from "./tls-records.ts";
import {
  addressBytes,
  bytesOf,
  type ChecksumKind,
  concatBytes,
  type EndpointText,
  endpointOf,
  fragmentsOf,
  frameOf,
  IP_PROTOCOL_ICMP,
  IP_PROTOCOL_ICMPV6,
  IP_PROTOCOL_TCP,
  IP_PROTOCOL_UDP,
  icmpMessage,
  ipDatagram,
  LINK_TYPES,
  type LinkTypeName,
  tcpSegment,
  u16,
  u32,
  udpDatagram,
  type WireEndpoint,
} from "./wire.ts";

/**
 * Captures built in memory as conversations, so that a test reads like a ladder diagram:
 *
 * ```ts
 * const net = new CaptureBuilder();
 * const control = net.connect({ client: "192.0.2.10:40000", server: "203.0.113.5:21" });
 * control.server("220 ready\r\n");
 * const asked = control.client("PASV\r\n");
 * const granted = control.server("227 Entering Passive Mode (10,0,0,5,195,80)\r\n");
 * const syns = net.synUnanswered({ client: "192.0.2.10:40001", server: "10.0.0.5:50000" });
 * const capture = net.build();
 * ```
 *
 * Sides are the FTP roles client and server; who sends the SYN is said apart (`originator`), since active mode swaps it.
 * Every method that emits returns packet numbers as Wireshark will show them: use them to assert evidence. Methods that
 * change packets already emitted (`drop`, `duplicate`, `move`, `fragment`, `edit`) shift the numbers behind them.
 */

/** FTP roles: both ends of every connection here. */
export type Side = "client" | "server";

/** 1-based number in the capture; 0 for a packet sent and not captured. */
export type PacketNumber = number;

/** How the capture is taken and written. */
export interface CaptureOptions {
  readonly format?: "pcap" | "pcapng";
  readonly byteOrder?: "little" | "big";
  readonly nanoseconds?: boolean;
  readonly linkType?: LinkTypeName;
  /** VLAN ids, outermost first. */
  readonly vlan?: number | readonly number[];
  /** Bytes kept of each frame. */
  readonly snaplen?: number;
  /** Time of the first packet. */
  readonly start?: string;
  /** Where the capture is taken: decides where the round trip's wait falls and which TTL has travelled. */
  readonly vantage?: Side | "middle";
  /** Pad short Ethernet frames to 60 bytes. */
  readonly pad?: boolean;
}

/** Both ends of a connection or of an attempt. */
export interface ConnectionEnds {
  readonly client: EndpointText;
  readonly server: EndpointText;
  /** Who sends the SYN; the client unless said otherwise. */
  readonly originator?: Side;
}

/** How a connection behaves. */
export interface ConnectOptions extends ConnectionEnds {
  readonly rttMs?: number;
  /** TTLs as the capture sees them; by default 64 on the capture's side and 57 from afar. */
  readonly clientTtl?: number;
  readonly serverTtl?: number;
  /** Largest payload of one segment. */
  readonly mss?: number;
  /** Initial sequence numbers: choose 0xfffffff0 to see a wrap soon. */
  readonly clientIsn?: number;
  readonly serverIsn?: number;
  /** RFC 7323 timestamps. */
  readonly timestamps?: boolean;
  /** The side whose checksums its own network card would fill in. */
  readonly offload?: Side;
  /** False joins midstream: no handshake is captured. */
  readonly handshake?: boolean;
}

/** What a single segment may do otherwise than usual. */
export interface SegmentOptions {
  readonly ttl?: number;
  readonly window?: number;
  readonly ipId?: number;
  readonly checksum?: ChecksumKind;
  /** False leaves out PSH. */
  readonly push?: boolean;
  readonly urgent?: boolean;
  /** One segment whatever its length, as segmentation offload shows it. */
  readonly gso?: boolean;
  /** SACK blocks, absolute sequence numbers. */
  readonly sack?: readonly (readonly [left: number, right: number])[];
}

/** A segment written by hand. */
export interface RawSegment extends SegmentOptions {
  readonly from: EndpointText;
  readonly to: EndpointText;
  /** Letters of `FSRPAUEC`. */
  readonly flags: string;
  readonly seq?: number;
  readonly ack?: number;
  readonly payload?: string | Uint8Array;
  /** TCP option bytes. */
  readonly options?: Uint8Array;
}

/** A packet as built; `edit` may change or drop it. */
export interface BuiltPacket {
  /** Unix time in nanoseconds. */
  time: bigint;
  /** The IP datagram. */
  datagram: Uint8Array;
  /** Seen leaving the capture's own host. */
  outgoing: boolean;
  /** VLAN ids, where they differ from the capture's (one direction on another VLAN, say). */
  vlans?: readonly number[];
}

interface EmitOptions {
  readonly ttl: number;
  readonly protocol: number;
  readonly ipId?: number | undefined;
  readonly dontFragment?: boolean;
  readonly outgoing?: boolean;
}

const MILLISECOND = 1_000_000n;
/** When Linux (6.18) sends a SYN again, in seconds after the first; older stacks: 1, 3, 7, 15, 31. */
export const SYN_RETRY_SECONDS = [1, 2, 3, 4, 5, 7, 11, 19, 35, 68] as const;

/** Builds one capture; see the top of this file. */
export class CaptureBuilder {
  readonly vantage: Side | "middle";
  readonly #options: CaptureOptions;
  readonly #vlans: readonly number[];
  readonly #packets: BuiltPacket[] = [];
  readonly #ipIds = new Map<string, number>();
  readonly #start: bigint;
  #now: bigint;
  #capturing = true;
  #connections = 0;
  #lastDatagram: Uint8Array | undefined;

  constructor(options: CaptureOptions = {}) {
    this.#options = options;
    this.vantage = options.vantage ?? "client";
    this.#vlans = options.vlan === undefined ? [] : typeof options.vlan === "number" ? [options.vlan] : options.vlan;
    this.#start = BigInt(Date.parse(options.start ?? "2026-01-05T10:00:00Z")) * MILLISECOND;
    this.#now = this.#start;
  }

  // ── conversations ────────────────────────────────────────────────────────────────────────────────────────────────

  /** Opens a connection with its three-way handshake. */
  connect(options: ConnectOptions): Connection {
    this.#connections++;
    return new Connection(this, options, this.#connections);
  }

  /**
   * A SYN that nobody answers, with Linux's back-off.
   * @returns the numbers of the SYN and its retries
   */
  synUnanswered(
    options: ConnectionEnds & {
      readonly retries?: number;
      /** Seconds after the first SYN at which it is sent again. */
      readonly schedule?: readonly number[];
      readonly isn?: number;
      readonly ttl?: number;
    },
  ): PacketNumber[] {
    const { from, to, side } = this.#attempt(options);
    const isn = options.isn ?? this.#nextIsn();
    const schedule = options.schedule ?? SYN_RETRY_SECONDS;
    const first = this.#now;
    const numbers: PacketNumber[] = [];
    for (const seconds of [0, ...schedule.slice(0, options.retries ?? 4)]) {
      this.#now = first + BigInt(Math.round(seconds * 1000)) * MILLISECOND;
      numbers.push(this.#syn(from, to, isn, options.ttl ?? this.ttlOf(side), side));
    }
    return numbers;
  }

  /**
   * A SYN answered by RST. By default the RST is one of a closed port on the far host: same TTL as its other packets,
   * IP-ID 0, window 0. Give another `ttl` for a firewall on the way.
   */
  synRefused(
    options: ConnectionEnds & {
      readonly rttMs?: number;
      readonly ttl?: number;
      readonly ipId?: number;
      readonly isn?: number;
    },
  ): { syn: PacketNumber; reset: PacketNumber } {
    const { from, to, side } = this.#attempt(options);
    const isn = options.isn ?? this.#nextIsn();
    const syn = this.#syn(from, to, isn, this.ttlOf(side), side);
    this.wait(this.vantage === side ? (options.rttMs ?? 20) : 0.1);
    const other: Side = side === "client" ? "server" : "client";
    const reset = this.segment({
      from: to,
      to: from,
      flags: "RA",
      ack: (isn + 1) >>> 0,
      window: 0,
      ttl: options.ttl ?? this.ttlOf(other),
      ipId: options.ipId ?? 0,
    });
    return { syn, reset };
  }

  /**
   * An ICMP or ICMPv6 error about a packet (the last one, captured or not, unless `quoting` names another), sent to its
   * source. The quote is what the router has of it: 28 bytes for IPv4 as RFC 792 asks unless `quotedBytes` says more.
   */
  icmpError(options: {
    readonly from: string;
    readonly type: number;
    readonly code: number;
    readonly quoting?: PacketNumber;
    readonly quotedBytes?: number;
    readonly ttl?: number;
    /** Next-hop MTU of "fragmentation needed" and "packet too big". */
    readonly mtu?: number;
  }): PacketNumber {
    const quoted = options.quoting ? this.#packetAt(options.quoting).datagram : this.#lastDatagram;
    if (!quoted) throw new Error("no packet to quote");
    const source = addressBytes(options.from);
    const ipv6 = quoted[0]! >> 4 === 6;
    const destination = ipv6 ? quoted.slice(8, 24) : quoted.slice(12, 16);
    const quote = quoted.slice(0, options.quotedBytes ?? (ipv6 ? 1232 : 28));
    const message = icmpMessage(source, destination, options.type, options.code, quote, options.mtu ?? 0);
    this.wait(0.1);
    return this.#emit(source, destination, message, {
      ttl: options.ttl ?? 60,
      protocol: ipv6 ? IP_PROTOCOL_ICMPV6 : IP_PROTOCOL_ICMP,
    });
  }

  /** A UDP datagram: other traffic. */
  udp(options: {
    readonly from: EndpointText;
    readonly to: EndpointText;
    readonly payload: string | Uint8Array;
  }): PacketNumber {
    const [from, to] = [endpointOf(options.from), endpointOf(options.to)];
    this.wait(0.05);
    return this.#emit(from.bytes, to.bytes, udpDatagram(from, to, bytesOf(options.payload)), {
      ttl: 64,
      protocol: IP_PROTOCOL_UDP,
    });
  }

  /** A TCP segment written by hand; no connection's state is read or changed. */
  segment(options: RawSegment): PacketNumber {
    const [source, destination] = [endpointOf(options.from), endpointOf(options.to)];
    const sack = options.sack?.flatMap(([left, right]) => [...u32(left), ...u32(right)]);
    const tcp = tcpSegment({
      source,
      destination,
      sequence: options.seq ?? 0,
      acknowledgment: options.ack ?? 0,
      flags: options.flags,
      window: options.window ?? 502,
      options: concatBytes(options.options ?? [], sack ? [1, 1, 5, sack.length + 2, ...sack] : []),
      urgentPointer: options.urgent ? bytesOf(options.payload ?? "").length : 0,
      payload: bytesOf(options.payload ?? ""),
      checksum: options.checksum ?? "valid",
    });
    return this.#emit(source.bytes, destination.bytes, tcp, {
      ttl: options.ttl ?? 64,
      protocol: IP_PROTOCOL_TCP,
      ipId: options.ipId,
      dontFragment: true,
    });
  }

  /** Lets capture time pass (or step back, when negative). */
  wait(milliseconds: number): void {
    this.#now += BigInt(Math.round(milliseconds * 1e6));
  }

  /** What happens in here happens on the wire, and the capture misses it: emitting methods return 0. */
  uncaptured<Result>(happen: () => Result): Result {
    const before = this.#capturing;
    this.#capturing = false;
    try {
      return happen();
    } finally {
      this.#capturing = before;
    }
  }

  // ── what the capture makes of it ─────────────────────────────────────────────────────────────────────────────────

  /** The packets so far. */
  packets(): readonly BuiltPacket[] {
    return this.#packets;
  }

  /** Number of the last captured packet. */
  get last(): PacketNumber {
    return this.#packets.length;
  }

  /** Removes packets (the last one unless named): they were sent, and the capture missed them. */
  drop(...numbers: readonly PacketNumber[]): void {
    const gone = new Set(numbers.length ? numbers : [this.last]);
    this.edit((packets) => packets.filter((_, index) => !gone.has(index + 1)));
  }

  /** Writes a packet twice, the copy right behind it. */
  duplicate(number: PacketNumber): void {
    const packet = this.#packetAt(number);
    this.#packets.splice(number, 0, { ...packet, time: packet.time + 1000n });
  }

  /** Moves a packet by `places` (negative: earlier); the times stay in order. */
  move(number: PacketNumber, places: number): void {
    const times = this.#packets.map((packet) => packet.time);
    const [packet] = this.#packets.splice(number - 1, 1);
    if (!packet) throw new Error(`no packet ${number}`);
    this.#packets.splice(number - 1 + places, 0, packet);
    times.forEach((time, index) => {
      this.#packets[index]!.time = time;
    });
  }

  /**
   * Splits a packet into IP fragments.
   * @param size payload bytes of each fragment
   * @returns their numbers
   */
  fragment(number: PacketNumber, size: number): PacketNumber[] {
    const packet = this.#packetAt(number);
    const parts = fragmentsOf(packet.datagram, size).map((datagram, index) => ({
      ...packet,
      datagram,
      time: packet.time + BigInt(index) * 1000n,
    }));
    this.#packets.splice(number - 1, 1, ...parts);
    return parts.map((_, index) => number + index);
  }

  /** Replaces the packets by what `change` makes of them: filter, reorder, repeat. */
  edit(change: (packets: readonly BuiltPacket[]) => readonly BuiltPacket[]): void {
    const changed = change(this.#packets);
    this.#packets.splice(0, this.#packets.length, ...changed);
  }

  /** The frames as they would be on this link, uncut. */
  frames(): Uint8Array[] {
    return this.#packets.map((packet) => this.#frame(packet));
  }

  /** The capture file. `overrides` writes the same packets in another format. */
  build(
    overrides: Pick<CaptureOptions, "format" | "byteOrder" | "nanoseconds" | "snaplen" | "linkType"> = {},
  ): Uint8Array {
    const options = { ...this.#options, ...overrides };
    const packets = this.#packets.map((packet) => ({
      time: packet.time,
      frame: this.#frame(packet, options.linkType),
    }));
    const write = options.format === "pcapng" ? pcapngFile : pcapFile;
    return write(packets, {
      byteOrder: options.byteOrder ?? "little",
      nanoseconds: options.nanoseconds ?? false,
      linkType: LINK_TYPES[options.linkType ?? "EN10MB"],
      snaplen: options.snaplen ?? 0,
    });
  }

  // ── for Connection ───────────────────────────────────────────────────────────────────────────────────────────────

  /** TTL of a side's packets as this capture sees them. */
  ttlOf(side: Side): number {
    return this.vantage === side ? 64 : this.vantage === "middle" ? 61 : 57;
  }

  /** Time since the capture's start, for TCP timestamps. */
  get elapsedMs(): number {
    return Number((this.#now - this.#start) / MILLISECOND);
  }

  #frame(packet: BuiltPacket, linkType = this.#options.linkType): Uint8Array {
    return frameOf(packet.datagram, {
      linkType: linkType ?? "EN10MB",
      vlans: packet.vlans ?? this.#vlans,
      pad: this.#options.pad ?? false,
      outgoing: packet.outgoing,
    });
  }

  #packetAt(number: PacketNumber): BuiltPacket {
    const packet = this.#packets[number - 1];
    if (!packet) throw new Error(`no packet ${number}`);
    return packet;
  }

  #attempt(options: ConnectionEnds): { from: EndpointText; to: EndpointText; side: Side } {
    const side = options.originator ?? "client";
    return side === "client"
      ? { from: options.client, to: options.server, side }
      : { from: options.server, to: options.client, side };
  }

  #nextIsn(): number {
    this.#connections++;
    return (this.#connections * 2246822519) >>> 0;
  }

  #syn(from: EndpointText, to: EndpointText, isn: number, ttl: number, side: Side): PacketNumber {
    const mss = from.startsWith("[") ? 1440 : 1460;
    const options = synOptions(mss, timestampValue(side, this.elapsedMs), 0);
    return this.segment({ from, to, flags: "S", seq: isn, window: 64240, ttl, options });
  }

  #emit(source: Uint8Array, destination: Uint8Array, payload: Uint8Array, options: EmitOptions): PacketNumber {
    const host = source.join(".");
    const nextId = this.#ipIds.get(host) ?? (source.at(-1)! * 257 + 4096) & 0xffff;
    if (options.ipId === undefined) this.#ipIds.set(host, (nextId + 1) & 0xffff);
    const datagram = ipDatagram(
      source,
      destination,
      {
        protocol: options.protocol,
        ttl: options.ttl,
        id: options.ipId ?? nextId,
        dontFragment: options.dontFragment ?? false,
      },
      payload,
    );
    this.#lastDatagram = datagram;
    if (!this.#capturing) return 0;
    this.#packets.push({ time: this.#now, datagram, outgoing: options.ttl === 64 });
    return this.#packets.length;
  }
}

function synOptions(mss: number, tsValue: number | undefined, tsEcho: number): Uint8Array {
  const timestamp = tsValue === undefined ? [1, 1] : [8, 10, ...u32(tsValue), ...u32(tsEcho)];
  return concatBytes([2, 4, ...u16(mss)], [4, 2], timestamp, [1, 3, 3, 7]);
}

function timestampValue(side: Side, elapsedMs: number): number {
  return ((side === "client" ? 0x11000000 : 0x77000000) + elapsedMs) >>> 0;
}

/** One side's view of a connection. */
interface SideState {
  readonly endpoint: WireEndpoint;
  readonly text: EndpointText;
  readonly ttl: number;
  readonly isn: number;
  /** Next sequence number to send. */
  next: number;
  /** What it has acknowledged of the other side's. */
  acknowledged: number;
  /** Its latest timestamp value. */
  timestamp: number;
  /** Segments with payload, SYN or FIN, by packet number; the last one also under 0. */
  readonly sent: Map<PacketNumber, SentSegment>;
}

interface SentSegment {
  readonly seq: number;
  readonly flags: string;
  readonly payload: Uint8Array;
}

/** A TCP connection between an FTP client and an FTP server, control or data. */
export class Connection {
  /** Numbers of SYN, SYN-ACK and ACK; zeros when joined midstream. */
  readonly handshake: { readonly syn: PacketNumber; readonly synAck: PacketNumber; readonly ack: PacketNumber };
  readonly originator: Side;
  readonly mss: number;
  readonly #net: CaptureBuilder;
  readonly #options: ConnectOptions;
  readonly #sides: Readonly<Record<Side, SideState>>;
  #lastSender: Side | undefined;

  /** Use {@link CaptureBuilder.connect}. */
  constructor(net: CaptureBuilder, options: ConnectOptions, ordinal: number) {
    this.#net = net;
    this.#options = options;
    this.originator = options.originator ?? "client";
    const side = (name: Side, text: EndpointText, isn: number): SideState => ({
      endpoint: endpointOf(text),
      text,
      ttl: (name === "client" ? options.clientTtl : options.serverTtl) ?? net.ttlOf(name),
      isn: isn >>> 0,
      next: isn >>> 0,
      acknowledged: 0,
      timestamp: 0,
      sent: new Map(),
    });
    this.#sides = {
      client: side("client", options.client, options.clientIsn ?? ordinal * 2654435761),
      server: side("server", options.server, options.serverIsn ?? ordinal * 3266489917),
    };
    this.mss = options.mss ?? (this.#sides.client.endpoint.bytes.length === 4 ? 1460 : 1440);
    const responder = otherSide(this.originator);
    const open = () => ({
      syn: this.#send(this.originator, "S", new Uint8Array(0), { window: 64240 }),
      synAck: this.#send(responder, "SA", new Uint8Array(0), { window: 65160 }),
      ack: this.ack(this.originator),
    });
    this.handshake = options.handshake === false ? net.uncaptured(open) : open();
  }

  /** The client sends; @returns the packet that holds the last byte. */
  client(payload: string | Uint8Array, options: SegmentOptions = {}): PacketNumber {
    return this.say("client", payload, options);
  }

  /** The server sends; @returns the packet that holds the last byte. */
  server(payload: string | Uint8Array, options: SegmentOptions = {}): PacketNumber {
    return this.say("server", payload, options);
  }

  /** A side sends `payload`, in as many segments as the MSS asks for; @returns the number of the last one. */
  say(side: Side, payload: string | Uint8Array, options: SegmentOptions = {}): PacketNumber {
    return this.#sayAll(side, bytesOf(payload), options).at(-1) ?? 0;
  }

  /** The client sends `length` bytes of a file, acknowledged every second segment unless `acked` is false. */
  clientData(length: number, options: SegmentOptions & { readonly acked?: boolean } = {}): PacketNumber[] {
    return this.data("client", length, options);
  }

  /** The server sends `length` bytes of a file, acknowledged every second segment unless `acked` is false. */
  serverData(length: number, options: SegmentOptions & { readonly acked?: boolean } = {}): PacketNumber[] {
    return this.data("server", length, options);
  }

  /** A side sends `length` bytes of a file; @returns the numbers of the segments with payload. */
  data(side: Side, length: number, options: SegmentOptions & { readonly acked?: boolean } = {}): PacketNumber[] {
    return this.#sayAll(side, noise(length, length), options, options.acked === false ? 0 : 2);
  }

  /** A side acknowledges all it has got. */
  ack(side: Side, options: SegmentOptions = {}): PacketNumber {
    return this.#send(side, "A", new Uint8Array(0), options);
  }

  /** A side says that its receive buffer is full. */
  zeroWindow(side: Side): PacketNumber {
    return this.ack(side, { window: 0 });
  }

  /** A side sends its FIN. */
  fin(side: Side, options: SegmentOptions = {}): PacketNumber {
    return this.#send(side, "FA", new Uint8Array(0), options);
  }

  /** FIN from `first`, FIN from the other side, last ACK. */
  finish(first: Side): PacketNumber[] {
    return [this.fin(first), this.fin(otherSide(first)), this.ack(first)];
  }

  /** A side (or something that speaks in its name: another `ttl`) resets the connection. */
  reset(side: Side, options: SegmentOptions = {}): PacketNumber {
    return this.#send(side, "RA", new Uint8Array(0), { window: 0, ...options });
  }

  /**
   * Sends a segment again: a side's last one that takes up sequence space, or the one with the given packet number.
   * Without `afterMs` the pause doubles from 200 ms.
   */
  retransmit(
    what: Side | PacketNumber,
    options: SegmentOptions & { readonly times?: number; readonly afterMs?: number } = {},
  ): PacketNumber[] {
    const side = typeof what === "string" ? what : this.#sides.client.sent.has(what) ? "client" : "server";
    const segment = this.#sides[side].sent.get(typeof what === "string" ? 0 : what);
    if (!segment) throw new Error(`nothing to retransmit: ${what}`);
    const numbers: PacketNumber[] = [];
    for (let turn = 0; turn < (options.times ?? 1); turn++) {
      this.#net.wait(options.afterMs ?? 200 * 2 ** turn);
      numbers.push(this.#put(side, segment, options));
    }
    return numbers;
  }

  /** A side has sent `length` bytes and got them acknowledged, and the capture has nothing of it. */
  skip(side: Side, length: number): void {
    const [sender, receiver] = [this.#sides[side], this.#sides[otherSide(side)]];
    sender.next = (sender.next + length) >>> 0;
    receiver.acknowledged = sender.next;
  }

  /** Next sequence number of a side, and of the next byte it has acknowledged. */
  position(side: Side): { readonly seq: number; readonly ack: number } {
    return { seq: this.#sides[side].next, ack: this.#sides[side].acknowledged };
  }

  /**
   * A segment in this connection with a free hand; `seq` and `ack` default to where the side stands, nothing is
   * remembered.
   */
  segment(side: Side, options: Omit<RawSegment, "from" | "to">): PacketNumber {
    const [from, to] = [this.#sides[side], this.#sides[otherSide(side)]];
    this.#pause(side);
    return this.#net.segment({
      seq: from.next,
      ack: options.flags.includes("A") ? to.next : 0,
      ttl: from.ttl,
      options: this.#timestampOption(side),
      ...options,
      from: from.text,
      to: to.text,
    });
  }

  // ── TLS ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * A TLS handshake; the FTP client is the TLS client, whoever opened the connection.
   * @param flights how many flights to send before it stops; all by default
   * @returns the last packet of each flight
   */
  tls(options: TlsHandshakeOptions = {}, flights = Number.POSITIVE_INFINITY): PacketNumber[] {
    return tlsFlights(options)
      .slice(0, flights)
      .map(({ side, bytes }) => this.say(side, bytes));
  }

  /** A side sends a line under TLS: a record of the length that hides `plain` (text, bytes or their number). */
  sealed(side: Side, plain: string | Uint8Array | number, version: TlsVersion = "1.3"): PacketNumber {
    return this.say(side, sealed(plain, version));
  }

  /** A side sends one application-data record whose header says `length`. */
  applicationData(side: Side, length: number): PacketNumber {
    return this.say(side, applicationRecord(length));
  }

  /** A side sends an alert in the clear. */
  alert(side: Side, level: number, description: number): PacketNumber {
    return this.say(side, alertRecord(level, description));
  }

  /** A side sends an encrypted close_notify. */
  closeNotify(side: Side, version: TlsVersion = "1.3", padding = 0): PacketNumber {
    return this.say(side, sealedAlert(version, padding));
  }

  // ── within ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #sayAll(side: Side, payload: Uint8Array, options: SegmentOptions, ackEvery = 0): PacketNumber[] {
    const room = options.gso ? payload.length : this.mss - (this.#timestamps ? 12 : 0);
    const numbers: PacketNumber[] = [];
    for (let at = 0; at < payload.length; at += room) {
      const part = payload.subarray(at, at + room);
      const last = at + room >= payload.length;
      const flags = `${options.push !== false && last ? "P" : ""}A${options.urgent ? "U" : ""}`;
      numbers.push(this.#send(side, flags, part, options));
      if (ackEvery && (numbers.length % ackEvery === 0 || last)) this.ack(otherSide(side));
    }
    return numbers;
  }

  get #timestamps(): boolean {
    return this.#options.timestamps ?? true;
  }

  #send(side: Side, flags: string, payload: Uint8Array, options: SegmentOptions): PacketNumber {
    const [from, to] = [this.#sides[side], this.#sides[otherSide(side)]];
    this.#pause(side);
    if (flags.includes("A")) from.acknowledged = to.next;
    const segment: SentSegment = { seq: from.next, flags, payload };
    const number = this.#put(side, segment, options);
    const length = payload.length + (/[SF]/.test(flags) ? 1 : 0);
    from.next = (from.next + length) >>> 0;
    if (length) {
      from.sent.set(0, segment);
      if (number) from.sent.set(number, segment);
    }
    return number;
  }

  #put(side: Side, segment: SentSegment, options: SegmentOptions): PacketNumber {
    const [from, to] = [this.#sides[side], this.#sides[otherSide(side)]];
    const checksum = options.checksum ?? (this.#options.offload === side ? "offload" : "valid");
    const timestampOption = this.#timestampOption(side);
    const tcpOptions = segment.flags.includes("S")
      ? synOptions(
          this.mss,
          this.#timestamps ? from.timestamp : undefined,
          segment.flags.includes("A") ? to.timestamp : 0,
        )
      : segment.flags.includes("R")
        ? new Uint8Array(0)
        : timestampOption;
    return this.#net.segment({
      ttl: from.ttl,
      ...options,
      checksum,
      from: from.text,
      to: to.text,
      flags: segment.flags,
      seq: segment.seq,
      ack: segment.flags.includes("A") ? from.acknowledged : 0,
      options: tcpOptions,
      payload: segment.payload,
    });
  }

  #timestampOption(side: Side): Uint8Array {
    const [from, to] = [this.#sides[side], this.#sides[otherSide(side)]];
    if (!this.#timestamps) return new Uint8Array(0);
    from.timestamp = timestampValue(side, this.#net.elapsedMs);
    return concatBytes([1, 1, 8, 10], u32(from.timestamp), u32(to.timestamp));
  }

  /** Time passes between packets: a round trip before the far side answers, little otherwise. */
  #pause(side: Side): void {
    const rtt = this.#options.rttMs ?? 20;
    const turned = this.#lastSender !== undefined && this.#lastSender !== side;
    this.#lastSender = side;
    if (!turned) this.#net.wait(0.05);
    else if (this.#net.vantage === "middle") this.#net.wait(rtt / 2);
    else this.#net.wait(this.#net.vantage === side ? 0.1 : rtt);
  }
}

/** The other end. */
export function otherSide(side: Side): Side {
  return side === "client" ? "server" : "client";
}
