import { type Anomaly, AnomalyLog } from "../../src/anomaly.ts";
import { emptyFrame, type Frame } from "../../src/capture/frame.ts";
import { PacketDecoder } from "../../src/decode/decode-packet.ts";
import { emptyPacketView, type PacketView } from "../../src/decode/packet-view.ts";

/** Builders of headers, innermost last: `ethernet(0x0800, ipv4({ protocol: 6 }, tcp({}, "data")))`. */

export type Bytes = readonly number[];

export const ascii = (text: string): Bytes => [...text].map((character) => character.charCodeAt(0));
export const u16 = (value: number): Bytes => [(value >> 8) & 0xff, value & 0xff];
export const u32 = (value: number): Bytes => [...u16(value >>> 16), ...u16(value & 0xffff)];
export const zeros = (length: number): Bytes => new Array<number>(length).fill(0);

export const clientIpv4 = [192, 0, 2, 10] as const;
export const serverIpv4 = [198, 51, 100, 21] as const;
export const clientIpv6: Bytes = [0x20, 0x01, 0x0d, 0xb8, ...zeros(11), 0x10];
export const serverIpv6: Bytes = [0x20, 0x01, 0x0d, 0xb8, ...zeros(11), 0x21];

export function ethernet(type: number, payload: Bytes): Bytes {
  return [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, ...u16(type), ...payload];
}

/** A tag's rest: what stands behind its TPID. */
export function vlan(type: number, payload: Bytes): Bytes {
  return [...u16(0x0064), ...u16(type), ...payload];
}

export interface Ipv4Fields {
  readonly protocol?: number;
  readonly options?: Bytes;
  readonly totalLength?: number;
  readonly id?: number;
  readonly ttl?: number;
  readonly fragmentOffset?: number;
  readonly moreFragments?: boolean;
  readonly source?: Bytes;
  readonly destination?: Bytes;
}

export function ipv4(fields: Ipv4Fields, payload: Bytes): Bytes {
  const options = fields.options ?? [];
  const length = 20 + options.length;
  return [
    0x40 | (length / 4),
    0,
    ...u16(fields.totalLength ?? length + payload.length),
    ...u16(fields.id ?? 0x1234),
    ...u16((fields.moreFragments ? 0x2000 : 0) | ((fields.fragmentOffset ?? 0) / 8)),
    fields.ttl ?? 63,
    fields.protocol ?? 6,
    0xba, // a wrong checksum, as offload leaves it
    0xad,
    ...(fields.source ?? clientIpv4),
    ...(fields.destination ?? serverIpv4),
    ...options,
    ...payload,
  ];
}

export interface Ipv6Fields {
  readonly next?: number;
  readonly payloadLength?: number;
  readonly hopLimit?: number;
  readonly source?: Bytes;
  readonly destination?: Bytes;
}

export function ipv6(fields: Ipv6Fields, payload: Bytes): Bytes {
  return [
    0x60,
    0,
    0,
    0,
    ...u16(fields.payloadLength ?? payload.length),
    fields.next ?? 6,
    fields.hopLimit ?? 60,
    ...(fields.source ?? clientIpv6),
    ...(fields.destination ?? serverIpv6),
    ...payload,
  ];
}

/** A hop-by-hop, routing or destination options header of 8 × `units` bytes. */
export function extension(next: number, payload: Bytes, units = 1): Bytes {
  return [next, units - 1, ...zeros(8 * units - 2), ...payload];
}

export function fragmentHeader(next: number, offset: number, more: boolean, id: number, payload: Bytes): Bytes {
  return [next, 0, ...u16(offset | (more ? 1 : 0)), ...u32(id), ...payload];
}

export interface TcpFields {
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  readonly sequence?: number;
  readonly acknowledgment?: number;
  readonly flags?: number;
  readonly window?: number;
  readonly options?: Bytes;
  readonly dataOffset?: number;
}

export function tcp(fields: TcpFields, payload: Bytes | string = []): Bytes {
  const options = fields.options ?? [];
  return [
    ...u16(fields.sourcePort ?? 40000),
    ...u16(fields.destinationPort ?? 21),
    ...u32(fields.sequence ?? 0xfedcba98),
    ...u32(fields.acknowledgment ?? 0x89abcdef),
    (fields.dataOffset ?? (20 + options.length) / 4) << 4,
    fields.flags ?? 0x18,
    ...u16(fields.window ?? 502),
    0xde, // checksum
    0xad,
    0,
    0,
    ...options,
    ...(typeof payload === "string" ? ascii(payload) : payload),
  ];
}

export function udp(sourcePort: number, destinationPort: number, payload: Bytes): Bytes {
  return [...u16(sourcePort), ...u16(destinationPort), ...u16(8 + payload.length), 0, 0, ...payload];
}

/** Type, code, checksum, the four bytes whose meaning depends on the type, and the quoted packet. */
export function icmp(type: number, code: number, rest: Bytes, quoted: Bytes): Bytes {
  return [type, code, 0, 0, ...rest, ...quoted];
}

/** SYN options of Linux: MSS 1460, SACK permitted, timestamps, no operation, window scale 7. */
export const synOptions: Bytes = [2, 4, ...u16(1460), 4, 2, 8, 10, ...u32(0x80000001), ...u32(0), 1, 3, 3, 7];

/** The bytes in front of a frame and behind it, in a capture's buffer: reading them must change nothing. */
const frameAt = 37;
const behind = 64;

export type FrameFields = Partial<Omit<Frame, "bytes" | "start">>;

/** A frame in the middle of a larger buffer that is filled with `filler`. */
export function frameOf(content: Bytes, fields: FrameFields = {}, filler = 0xff): Frame {
  const capturedLength = fields.capturedLength ?? content.length;
  const bytes = new Uint8Array(frameAt + capturedLength + behind).fill(filler);
  bytes.set(content.slice(0, capturedLength), frameAt);
  return {
    ...emptyFrame(),
    linkType: 1,
    seconds: 1_700_000_000,
    nanoseconds: 123_456_789,
    // Beyond the first packets of a capture, which do not take the fast route.
    packetNumber: 7007,
    ...fields,
    bytes,
    start: frameAt,
    capturedLength,
    originalLength: fields.originalLength ?? content.length,
  };
}

/** What one or several frames decode to: the last one's kind and view, and all anomalies. */
export interface Decoded {
  readonly kind: number;
  readonly view: PacketView;
  readonly anomalies: readonly Anomaly[];
  readonly codes: readonly string[];
}

export function decodeFrames(frames: readonly Frame[], finish = false): Decoded {
  const log = new AnomalyLog();
  const decoder = new PacketDecoder(log);
  const view = emptyPacketView();
  let kind = 0;
  for (const frame of frames) kind = decoder.decode(frame, 0, view);
  if (finish) decoder.finish();
  return { kind, view, anomalies: log.list(), codes: log.list().map(({ code }) => code) };
}

export function decode(content: Bytes, fields: FrameFields = {}): Decoded {
  return decodeFrames([frameOf(content, fields)]);
}

/** What matters of a TCP view, with addresses and payload as values instead of offsets. */
export function tcpFacts(view: PacketView): object {
  const { bytes, ipVersion, sourceAt, destinationAt, optionsAt } = view;
  const addressLength = ipVersion === 4 ? 4 : 16;
  return {
    ipVersion,
    source: [...bytes.slice(sourceAt, sourceAt + addressLength)],
    destination: [...bytes.slice(destinationAt, destinationAt + addressLength)],
    ttl: view.ttl,
    ipId: view.ipId,
    ipLength: view.ipLength,
    sourcePort: view.sourcePort,
    destinationPort: view.destinationPort,
    sequence: view.sequence,
    acknowledgment: view.acknowledgment,
    flags: view.flags,
    window: view.window,
    options: [...bytes.slice(optionsAt, optionsAt + view.optionsLength)],
    payload: payloadOf(view),
    payloadLength: view.payloadLength,
    packet: view.packet,
    seconds: view.seconds,
    nanoseconds: view.nanoseconds,
  };
}

export function payloadOf(view: PacketView): string {
  return String.fromCharCode(...view.bytes.slice(view.payloadAt, view.payloadAt + view.payloadCaptured));
}
