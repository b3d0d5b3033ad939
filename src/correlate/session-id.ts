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
export function communityId({ originator, responder }: Connection): string {
  return communityIdOf(originator, responder);
}

/** The same of two endpoints, in either order. */
export function communityIdOf(one: Endpoint, other: Endpoint): string {
  const a = { address: parseAddress(one.address)!, port: one.port };
  const b = { address: parseAddress(other.address)!, port: other.port };
  const order = compareBytes(a.address, b.address) || a.port - b.port;
  const [first, second] = order <= 0 ? [a, b] : [b, a];
  const { length } = first.address;
  const message = new Uint8Array(2 + 2 * length + 6);
  message.set(first.address, 2);
  message.set(second.address, 2 + length);
  const behind = 2 + 2 * length;
  message[behind] = 6;
  message[behind + 2] = first.port >> 8;
  message[behind + 3] = first.port;
  message[behind + 4] = second.port >> 8;
  message[behind + 5] = second.port;
  return `1:${hash("sha1", message, "base64")}`;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i] - b[i];
  return 0;
}
