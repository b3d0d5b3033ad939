/**
 * Takes away, doubles, moves or cuts the packets of a capture, as capture points do: pure functions from a list of packets to a list of
 * packets. Every packet keeps the number that it had, so that what is said of a mutilated capture can be laid beside what was said of
 * the whole one. What happens by chance is decided by a seed.
 */

import { formatAddress } from "../../src/address.ts";
import type { Session } from "../../src/analysis.ts";
import { AnomalyLog } from "../../src/anomaly.ts";
import { createCaptureReader } from "../../src/capture/capture-reader.ts";
import { emptyFrame } from "../../src/capture/frame.ts";
import { PacketDecoder } from "../../src/decode/decode-packet.ts";
import { emptyPacketView, PacketKind } from "../../src/decode/packet-view.ts";

/** A packet of a capture, its bytes copied. */
export interface RawPacket {
  /** 1-based, in the capture that it came from; copies share it. */
  readonly number: number;
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly bytes: Uint8Array;
  /** Bytes on the wire. */
  readonly originalLength: number;
  readonly linkType: number;
  /** The TCP connection that it belongs to, the same for both directions; for an ICMP error the one it quotes; null for others. */
  readonly flow: string | null;
  /** `address:port` of its sender; null unless it is TCP. */
  readonly sender: string | null;
}

/** Reads a capture of any format that we read. */
export function rawPackets(capture: Uint8Array): RawPacket[] {
  const anomalies = new AnomalyLog();
  const reader = createCaptureReader("mutation", 0, anomalies);
  const decoder = new PacketDecoder(anomalies);
  const view = emptyPacketView();
  const frame = emptyFrame();
  const packets: RawPacket[] = [];
  reader.push(capture);
  while (reader.next(frame)) {
    const kind = decoder.decode(frame, 0, view);
    let flow: string | null = null;
    let sender: string | null = null;
    if (kind === PacketKind.tcp) {
      sender = `${formatAddress(view.bytes, view.sourceAt, view.ipVersion)}:${view.sourcePort}`;
      flow = flowKey(
        sender,
        `${formatAddress(view.bytes, view.destinationAt, view.ipVersion)}:${view.destinationPort}`,
      );
    } else if (kind === PacketKind.icmpError) {
      const quoted = `${formatAddress(view.bytes, view.quotedSourceAt, view.ipVersion)}:${view.quotedSourcePort}`;
      const to = `${formatAddress(view.bytes, view.quotedDestinationAt, view.ipVersion)}:${view.quotedDestinationPort}`;
      flow = flowKey(quoted, to);
    }
    packets.push({
      number: packets.length + 1,
      seconds: frame.seconds,
      nanoseconds: frame.nanoseconds,
      bytes: frame.bytes.slice(frame.start, frame.start + frame.capturedLength),
      originalLength: frame.originalLength,
      linkType: frame.linkType,
      flow,
      sender,
    });
  }
  reader.end();
  return packets;
}

function flowKey(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}

/** The key of the connection between two endpoints of a report, as in {@link RawPacket.flow}. */
export function flowBetween(
  a: { readonly address: string; readonly port: number },
  b: { readonly address: string; readonly port: number },
): string {
  return flowKey(`${a.address}:${a.port}`, `${b.address}:${b.port}`);
}

const FILE_HEADER = 24;
const RECORD_HEADER = 16;

/** Writes packets as a little-endian nanosecond pcap. @throws Error when they are not all of one link type */
export function pcapOf(packets: readonly RawPacket[]): Uint8Array {
  const linkType = packets[0]?.linkType ?? 1;
  const size = packets.reduce((sum, { bytes }) => sum + RECORD_HEADER + bytes.length, FILE_HEADER);
  const file = new Uint8Array(size);
  const view = new DataView(file.buffer);
  view.setUint32(0, 0xa1b23c4d, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 4, true);
  view.setUint32(16, 262_144, true);
  view.setUint32(20, linkType, true);
  let at = FILE_HEADER;
  for (const packet of packets) {
    if (packet.linkType !== linkType) throw new Error("packets of several link types do not fit into one pcap");
    view.setUint32(at, packet.seconds, true);
    view.setUint32(at + 4, packet.nanoseconds, true);
    view.setUint32(at + 8, packet.bytes.length, true);
    view.setUint32(at + 12, packet.originalLength, true);
    file.set(packet.bytes, at + RECORD_HEADER);
    at += RECORD_HEADER + packet.bytes.length;
  }
  return file;
}

/** A generator of numbers from 0 up to 1, the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Without the packet at this index. */
export function withoutPacket(packets: readonly RawPacket[], index: number): RawPacket[] {
  return packets.filter((_, at) => at !== index);
}

/** Without this share of packets, chosen by chance. */
export function withoutShare(packets: readonly RawPacket[], share: number, random: () => number): RawPacket[] {
  return packets.filter(() => random() >= share);
}

/** Without what this end (`address:port`) sent on this connection. */
export function withoutEnd(packets: readonly RawPacket[], sender: string, flow: string): RawPacket[] {
  return packets.filter((packet) => packet.sender !== sender || packet.flow !== flow);
}

/** Without what this host sent on any connection. */
export function withoutHost(packets: readonly RawPacket[], address: string): RawPacket[] {
  return packets.filter(({ sender }) => sender === null || sender.slice(0, sender.lastIndexOf(":")) !== address);
}

/** Payload and headers cut to so many bytes a packet; the original lengths stay. */
export function withSnaplen(packets: readonly RawPacket[], snaplen: number): RawPacket[] {
  return packets.map((packet) => ({ ...packet, bytes: packet.bytes.subarray(0, snaplen) }));
}

/** Nothing but the control connections, and the ICMP errors about them. */
export function controlOnly(packets: readonly RawPacket[], sessions: readonly Session[]): RawPacket[] {
  const control = new Set(sessions.map((session) => flowBetween(session.control.client, session.control.server)));
  return packets.filter(({ flow }) => flow !== null && control.has(flow));
}

/** Everything but the data connections that the report names. */
export function withoutDataConnections(packets: readonly RawPacket[], sessions: readonly Session[]): RawPacket[] {
  const data = new Set<string | null>();
  for (const { connection } of sessions.flatMap(({ dataChannels }) => dataChannels))
    if (connection) data.add(flowBetween(connection.originator, connection.responder));
  return packets.filter(({ flow }) => !data.has(flow));
}

/** Each packet twice, the copy a few microseconds later, as a mirror port or `-i any` gives them. */
export function doubled(packets: readonly RawPacket[]): RawPacket[] {
  return packets.flatMap((packet) => [packet, later(packet, 3_000)]);
}

function later(packet: RawPacket, nanoseconds: number): RawPacket {
  const sum = packet.nanoseconds + nanoseconds;
  return { ...packet, seconds: packet.seconds + Math.floor(sum / 1e9), nanoseconds: sum % 1e9 };
}

/**
 * Packets of one end of one connection stand up to {@link MOVED_PLACES} places away from where they were, each with its own time. None passes a
 * packet of another moment: capture points reorder by queueing.
 */
export function displaced(
  packets: readonly RawPacket[],
  sender: string,
  flow: string,
  random: () => number,
): RawPacket[] {
  const moved = [...packets];
  packets.forEach((packet) => {
    if (packet.sender !== sender || packet.flow !== flow) return;
    const steps = Math.floor(random() * (2 * MOVED_PLACES + 1)) - MOVED_PLACES;
    let at = moved.indexOf(packet);
    for (let i = 0; i < Math.abs(steps); i++) {
      const next = at + Math.sign(steps);
      if (next < 0 || next >= moved.length || Math.abs(secondsBetween(packet, moved[next])) > MOVED_SECONDS) break;
      moved[at] = moved[next];
      moved[next] = packet;
      at = next;
    }
  });
  return moved;
}

function secondsBetween(a: RawPacket, b: RawPacket): number {
  return b.seconds - a.seconds + (b.nanoseconds - a.nanoseconds) / 1e9;
}

/** The packets in the order given, with the times that stood in these places of the file before. */
export function withTimesOf(packets: readonly RawPacket[], before: readonly RawPacket[]): RawPacket[] {
  return packets.map((packet, at) => ({
    ...packet,
    seconds: before[at].seconds,
    nanoseconds: before[at].nanoseconds,
  }));
}

/** How far a packet is moved at most. */
export const MOVED_PLACES = 3;
/** How far in time at most, as long as a queue may hold a packet (seconds). */
const MOVED_SECONDS = 0.05;

/** Two captures: the packets before this index, and the others. */
export function split(packets: readonly RawPacket[], index: number): [RawPacket[], RawPacket[]] {
  return [packets.slice(0, index), packets.slice(index)];
}
