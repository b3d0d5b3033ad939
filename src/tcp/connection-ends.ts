import { type Endpoint, formatAddress } from "../address.ts";
import type { PacketView } from "../decode/packet-view.ts";

/** One end of a connection, as it is told and as it is compared. */
export interface ConnectionEnd extends Endpoint {
  /** That of {@link addressKey}. */
  readonly key: number;
}

/** The two ends of a connection, and where it is looked for. */
export interface ConnectionEnds {
  /** That of {@link connectionHash}. */
  readonly hash: number;
  readonly originator: ConnectionEnd;
  readonly responder: ConnectionEnd;
  /** For IPv6, whose keys may be equal by chance: the 32 bytes of originator's and responder's address; else null. */
  readonly addressBytes: Uint8Array | null;
}

/** The ends of the connection that a packet belongs to. @param fromOriginator which of the two sent it */
export function endsOf(view: PacketView, fromOriginator: boolean): ConnectionEnds {
  const { bytes, ipVersion } = view;
  const source = endAt(bytes, view.sourceAt, ipVersion, view.sourcePort);
  const destination = endAt(bytes, view.destinationAt, ipVersion, view.destinationPort);
  const hash = connectionHash(source.key, source.port, destination.key, destination.port);
  const addressBytes = ipVersion === 6 ? bothAddresses(view, fromOriginator) : null;
  return fromOriginator
    ? { hash, originator: source, responder: destination, addressBytes }
    : { hash, originator: destination, responder: source, addressBytes };
}

function bothAddresses({ bytes, sourceAt, destinationAt }: PacketView, fromOriginator: boolean): Uint8Array {
  const both = new Uint8Array(32);
  both.set(bytes.subarray(sourceAt, sourceAt + 16), fromOriginator ? 0 : 16);
  both.set(bytes.subarray(destinationAt, destinationAt + 16), fromOriginator ? 16 : 0);
  return both;
}

function endAt(bytes: Uint8Array, at: number, ipVersion: number, port: number): ConnectionEnd {
  return { address: formatAddress(bytes, at, ipVersion), port, key: addressKey(bytes, at, ipVersion) };
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

/** A byte of a connection hash, never 0: it tells most entries apart that have the same place in a table of up to 2²⁴. */
export function tagOf(hash: number): number {
  return (hash >>> 24) | 1;
}

/** A connection's hash in one capture, or at one point: keeps apart what several show of it. */
export function hashIn(place: number, hash: number): number {
  return hash ^ Math.imul(place + 1, 0x9e3779b1);
}

/** Whether both addresses of an IPv6 packet are those of a connection. @param both its {@link ConnectionEnds.addressBytes} */
export function sameAddresses(both: Uint8Array, view: PacketView, fromOriginator: boolean): boolean {
  const { bytes } = view;
  const first = fromOriginator ? view.sourceAt : view.destinationAt;
  const second = fromOriginator ? view.destinationAt : view.sourceAt;
  for (let i = 0; i < 16; i++) {
    if (both[i] !== bytes[first + i] || both[16 + i] !== bytes[second + i]) return false;
  }
  return true;
}
