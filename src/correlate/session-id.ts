import { hash } from "node:crypto";
import { type Endpoint, parseAddress } from "../address.ts";
import type { Connection } from "../tcp/connection.ts";

/**
 * A stable id: 16 hex digits of SHA-256 over the endpoints, the client's initial sequence number and the first packet's time. The
 * same input gives the same id whatever its file is called and wherever the session stands in it.
 */
export function sessionId(connection: Connection): string {
  const { originator, responder, firstSeconds, firstNanoseconds } = connection;
  const ends = `${originator.address}|${originator.port}|${responder.address}|${responder.port}`;
  return hash("sha256", `${ends}|${originator.base}|${firstSeconds}|${firstNanoseconds}`, "hex").slice(0, 16);
}

/**
 * Community ID version 1 with seed 0 (https://github.com/corelight/community-id-spec): `1:` and the base64 of SHA-1 over seed,
 * ordered addresses, protocol 6, padding and ordered ports.
 */
export function communityId({ addressKeyA, addressKeyB, addressBytes, originator, responder }: Connection): string {
  if (addressBytes !== null)
    return idOf(addressBytes.subarray(0, 16), originator.port, addressBytes.subarray(16), responder.port);
  // The keys of IPv4 addresses are the addresses.
  writeUint32(ipv4Ends[0], addressKeyA);
  writeUint32(ipv4Ends[1], addressKeyB);
  return idOf(ipv4Ends[0], originator.port, ipv4Ends[1], responder.port);
}

/** The same of two endpoints, in either order. */
export function communityIdOf(one: Endpoint, other: Endpoint): string {
  return idOf(parseAddress(one.address)!, one.port, parseAddress(other.address)!, other.port);
}

/** Written anew for each session: what is hashed lives no longer than that. */
const ipv4Ends = [new Uint8Array(4), new Uint8Array(4)] as const;
const messages: Readonly<Record<number, Uint8Array>> = {
  4: new Uint8Array(2 + 2 * 4 + 6),
  16: new Uint8Array(2 + 2 * 16 + 6),
};

const TCP = 6;

function idOf(one: Uint8Array, onePort: number, other: Uint8Array, otherPort: number): string {
  const { length } = one;
  const inOrder = (compareBytes(one, other) || onePort - otherPort) <= 0;
  const message = messages[length];
  message.set(inOrder ? one : other, 2);
  message.set(inOrder ? other : one, 2 + length);
  const behind = 2 + 2 * length;
  message[behind] = TCP;
  writePort(message, behind + 2, inOrder ? onePort : otherPort);
  writePort(message, behind + 4, inOrder ? otherPort : onePort);
  return `1:${hash("sha1", message, "base64")}`;
}

function writePort(bytes: Uint8Array, at: number, port: number): void {
  bytes[at] = port >> 8;
  bytes[at + 1] = port;
}

function writeUint32(bytes: Uint8Array, value: number): void {
  for (let i = 0; i < 4; i++) bytes[i] = value >> (24 - 8 * i);
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i] - b[i];
  return 0;
}
