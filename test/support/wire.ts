/**
 * Packets as bytes, from the inside out: TCP or UDP or ICMP in IPv4 or IPv6 in a link-level frame, with correct lengths and
 * checksums. Independent of `src/` on purpose: a decoder must not be tested against itself.
 */

/** An address and a port as text: `192.0.2.1:21`, `[2001:db8::1]:21`. */
export type EndpointText = string;

/** An endpoint taken apart. */
export interface WireEndpoint {
  /** As written, without brackets. */
  readonly address: string;
  /** 4 or 16 bytes. */
  readonly bytes: Uint8Array;
  readonly port: number;
}

export const IP_PROTOCOL_ICMP = 1;
export const IP_PROTOCOL_TCP = 6;
export const IP_PROTOCOL_UDP = 17;
export const IP_PROTOCOL_ICMPV6 = 58;

/** LINKTYPE_ values (tcpdump.org) that {@link frameOf} can write. */
export const LINK_TYPES = {
  NULL: 0,
  EN10MB: 1,
  RAW: 101,
  LOOP: 108,
  SLL: 113,
  IPV4: 228,
  IPV6: 229,
  SLL2: 276,
} as const;

export type LinkTypeName = keyof typeof LINK_TYPES;

/** Bytes of an IPv4 or IPv6 address written as text; throws on anything else, for a test's typing error must not pass. */
export function addressBytes(text: string): Uint8Array {
  if (!text.includes(":")) {
    const octets = text.split(".").map(Number);
    if (octets.length !== 4 || octets.some((octet) => !(octet >= 0 && octet <= 255)))
      throw new Error(`not an IPv4 address: ${text}`);
    return Uint8Array.from(octets);
  }
  const mapped = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (mapped) {
    const [a, b, c, d] = addressBytes(mapped[2]!) as unknown as [number, number, number, number];
    return addressBytes(`${mapped[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`);
  }
  const [head, tail] = text.split("::") as [string, string | undefined];
  const groups = (part: string) => (part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16)));
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  const all = [...before, ...new Array<number>(Math.max(0, zeros)).fill(0), ...after];
  if (all.length !== 8 || all.some((group) => !(group >= 0 && group <= 0xffff)))
    throw new Error(`not an IPv6 address: ${text}`);
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

/** Takes `address:port` or `[address]:port` apart. */
export function endpointOf(text: EndpointText): WireEndpoint {
  const parts = /^\[(.+)\]:(\d+)$/.exec(text) ?? /^([^:]+):(\d+)$/.exec(text);
  if (!parts) throw new Error(`not an endpoint: ${text}`);
  return { address: parts[1]!, bytes: addressBytes(parts[1]!), port: Number(parts[2]) };
}

/** Joins byte strings. */
export function concatBytes(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** One byte per character (Latin-1), so that `\xff` in a test is the byte 0xff. */
export function bytesOf(payload: string | Uint8Array): Uint8Array {
  return typeof payload === "string" ? Uint8Array.from(payload, (character) => character.charCodeAt(0)) : payload;
}

/** The 16 bits of `value`, network byte order. */
export function u16(value: number): readonly number[] {
  return [(value >>> 8) & 0xff, value & 0xff];
}

/** The 32 bits of `value`, network byte order. */
export function u32(value: number): readonly number[] {
  return [(value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

/** RFC 1071 sum, folded but not complemented. */
function onesSum(bytes: Uint8Array, seed = 0): number {
  let sum = seed;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

function pseudoHeaderSum(source: Uint8Array, destination: Uint8Array, protocol: number, length: number): number {
  return onesSum(concatBytes(source, destination, u32(length), u32(protocol)));
}

/**
 * How a transport checksum is written: right, as a sending host with checksum offload shows it (the pseudo-header's sum
 * only), or wrong as after damage on the way.
 */
export type ChecksumKind = "valid" | "offload" | "wrong";

function setChecksum(
  segment: Uint8Array,
  at: number,
  source: Uint8Array,
  destination: Uint8Array,
  protocol: number,
  kind: ChecksumKind,
): Uint8Array {
  const pseudo = pseudoHeaderSum(source, destination, protocol, segment.length);
  const full = ~onesSum(segment, pseudo) & 0xffff;
  const value = kind === "valid" ? full : kind === "offload" ? pseudo : full ^ 0x5a5a;
  segment.set(u16(value), at);
  return segment;
}

/** A TCP header and its payload (RFC 9293, figure 1). */
export interface TcpFields {
  readonly source: WireEndpoint;
  readonly destination: WireEndpoint;
  readonly sequence: number;
  readonly acknowledgment: number;
  /** Letters of `FSRPAUEC`, e.g. `SA`. */
  readonly flags: string;
  readonly window: number;
  /** Option bytes; padded here to a multiple of four. */
  readonly options?: Uint8Array;
  readonly urgentPointer?: number;
  readonly payload?: Uint8Array;
  readonly checksum?: ChecksumKind;
}

const FLAG_BITS: Readonly<Record<string, number>> = { F: 1, S: 2, R: 4, P: 8, A: 16, U: 32, E: 64, C: 128 };

/** Bytes of a TCP segment. */
export function tcpSegment(fields: TcpFields): Uint8Array {
  const options = fields.options ?? new Uint8Array(0);
  const optionsLength = (options.length + 3) & ~3;
  let flags = 0;
  for (const letter of fields.flags) {
    if (FLAG_BITS[letter] === undefined) throw new Error(`not a TCP flag: ${letter}`);
    flags |= FLAG_BITS[letter];
  }
  const segment = concatBytes(
    u16(fields.source.port),
    u16(fields.destination.port),
    u32(fields.sequence),
    u32(fields.acknowledgment),
    [((20 + optionsLength) / 4) << 4, flags],
    u16(fields.window),
    u16(0),
    u16(fields.urgentPointer ?? 0),
    options,
    new Uint8Array(optionsLength - options.length),
    fields.payload ?? new Uint8Array(0),
  );
  const { source, destination } = fields;
  return setChecksum(segment, 16, source.bytes, destination.bytes, IP_PROTOCOL_TCP, fields.checksum ?? "valid");
}

/** Bytes of a UDP datagram. */
export function udpDatagram(source: WireEndpoint, destination: WireEndpoint, payload: Uint8Array): Uint8Array {
  const datagram = concatBytes(u16(source.port), u16(destination.port), u16(8 + payload.length), u16(0), payload);
  return setChecksum(datagram, 6, source.bytes, destination.bytes, IP_PROTOCOL_UDP, "valid");
}

/** Bytes of an ICMP or ICMPv6 error that quotes `quoted`; `parameter` is the second word (for MTU messages). */
export function icmpMessage(
  source: Uint8Array,
  destination: Uint8Array,
  type: number,
  code: number,
  quoted: Uint8Array,
  parameter = 0,
): Uint8Array {
  const message = concatBytes([type, code], u16(0), u32(parameter), quoted);
  if (source.length === 16) return setChecksum(message, 2, source, destination, IP_PROTOCOL_ICMPV6, "valid");
  message.set(u16(~onesSum(message) & 0xffff), 2);
  return message;
}

/** What an IP header says besides addresses and length. */
export interface IpFields {
  readonly protocol: number;
  readonly ttl: number;
  /** IPv4 identification; in IPv6 used by fragments only. */
  readonly id: number;
  readonly dontFragment?: boolean;
  /** Type of service / traffic class. */
  readonly tos?: number;
}

/** Bytes of an IP datagram around `payload`; the version follows the addresses. */
export function ipDatagram(
  source: Uint8Array,
  destination: Uint8Array,
  fields: IpFields,
  payload: Uint8Array,
): Uint8Array {
  if (source.length !== destination.length) throw new Error("IPv4 and IPv6 addresses in one packet");
  return source.length === 4
    ? ipv4Datagram(source, destination, fields, payload, fields.dontFragment ? 0x4000 : 0)
    : concatBytes(ipv6Header(source, destination, fields, fields.protocol, payload.length), payload);
}

function ipv4Datagram(
  source: Uint8Array,
  destination: Uint8Array,
  fields: IpFields,
  payload: Uint8Array,
  fragment: number,
): Uint8Array {
  const header = concatBytes(
    [0x45, fields.tos ?? 0],
    u16(20 + payload.length),
    u16(fields.id),
    u16(fragment),
    [fields.ttl, fields.protocol],
    u16(0),
    source,
    destination,
  );
  header.set(u16(~onesSum(header) & 0xffff), 10);
  return concatBytes(header, payload);
}

function ipv6Header(
  source: Uint8Array,
  destination: Uint8Array,
  fields: IpFields,
  nextHeader: number,
  payloadLength: number,
): Uint8Array {
  return concatBytes(
    u32((6 << 28) | ((fields.tos ?? 0) << 20)),
    u16(payloadLength),
    [nextHeader, fields.ttl],
    source,
    destination,
  );
}

/** Splits a datagram into fragments of `size` payload bytes (rounded down to a multiple of eight). */
export function fragmentsOf(datagram: Uint8Array, size: number): Uint8Array[] {
  const step = Math.max(8, size & ~7);
  const version = datagram[0]! >> 4;
  const headerLength = version === 4 ? (datagram[0]! & 0xf) * 4 : 40;
  const source = version === 4 ? datagram.slice(12, 16) : datagram.slice(8, 24);
  const destination = version === 4 ? datagram.slice(16, 20) : datagram.slice(24, 40);
  const payload = datagram.subarray(headerLength);
  const id = version === 4 ? (datagram[4]! << 8) | datagram[5]! : (datagram[41]! << 8) | datagram[43]!;
  const protocol = version === 4 ? datagram[9]! : datagram[6]!;
  const fields: IpFields = { protocol, ttl: version === 4 ? datagram[8]! : datagram[7]!, id };
  const fragments: Uint8Array[] = [];
  for (let at = 0; at < payload.length; at += step) {
    const part = payload.subarray(at, at + step);
    const more = at + step < payload.length;
    if (version === 4) fragments.push(ipv4Datagram(source, destination, fields, part, (more ? 0x2000 : 0) | (at >> 3)));
    else
      fragments.push(
        concatBytes(
          ipv6Header(source, destination, fields, 44, part.length + 8),
          [protocol, 0],
          u16(at | (more ? 1 : 0)),
          u32(id),
          part,
        ),
      );
  }
  return fragments;
}

/** A locally administered MAC address that belongs to an IP address. */
export function macOf(address: Uint8Array): Uint8Array {
  return Uint8Array.from([0x02, 0x00, ...address.slice(-4)]);
}

/** How a frame of the capture is made around a datagram. */
export interface FrameFields {
  readonly linkType: LinkTypeName;
  /** VLAN ids, outermost first (Ethernet only). */
  readonly vlans: readonly number[];
  /** Fill Ethernet frames up to the 60 bytes that a received short frame has. */
  readonly pad: boolean;
  /** SLL packet type: 0 for us, 4 sent by us. */
  readonly outgoing: boolean;
}

/** Bytes of a link-level frame that carries `datagram`. */
export function frameOf(datagram: Uint8Array, fields: FrameFields): Uint8Array {
  const version = datagram[0]! >> 4;
  const source = version === 4 ? datagram.subarray(12, 16) : datagram.subarray(8, 24);
  const destination = version === 4 ? datagram.subarray(16, 20) : datagram.subarray(24, 40);
  const etherType = u16(version === 4 ? 0x0800 : 0x86dd);
  const family = version === 4 ? 2 : 24;
  switch (fields.linkType) {
    case "EN10MB": {
      const tags = fields.vlans.flatMap((id, at) => [
        ...u16(at < fields.vlans.length - 1 ? 0x88a8 : 0x8100),
        ...u16(id),
      ]);
      const frame = concatBytes(macOf(destination), macOf(source), tags, etherType, datagram);
      return fields.pad && frame.length < 60 ? concatBytes(frame, new Uint8Array(60 - frame.length)) : frame;
    }
    case "RAW":
    case "IPV4":
    case "IPV6":
      return datagram;
    case "NULL":
      return concatBytes([family, 0, 0, 0], datagram);
    case "LOOP":
      return concatBytes([0, 0, 0, family], datagram);
    case "SLL":
      return concatBytes(u16(fields.outgoing ? 4 : 0), u16(1), u16(6), macOf(source), u16(0), etherType, datagram);
    case "SLL2":
      return concatBytes(
        etherType,
        u16(0),
        u32(2),
        u16(1),
        [fields.outgoing ? 4 : 0, 6],
        macOf(source),
        u16(0),
        datagram,
      );
  }
}
