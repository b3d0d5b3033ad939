import { createHash } from "node:crypto";
import { type Endpoint, parseAddress } from "../address.ts";
import type { Connection } from "../tcp/connection.ts";

/**
 * A stable id: 16 hex digits of SHA-256 over the endpoints, the client's initial sequence number and the first packet's time. The
 * same input gives the same id whatever its file is called and wherever the session stands in it.
 */
export function sessionId(connection: Connection): string {
  const { originator, responder, firstSeconds, firstNanoseconds } = connection;
  const text = [
    originator.address,
    originator.port,
    responder.address,
    responder.port,
    originator.base,
    firstSeconds,
    firstNanoseconds,
  ].join("|");
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
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
  const ports = Uint8Array.of(first.port >> 8, first.port & 0xff, second.port >> 8, second.port & 0xff);
  const hash = createHash("sha1")
    .update(Uint8Array.of(0, 0))
    .update(first.address)
    .update(second.address)
    .update(Uint8Array.of(6, 0))
    .update(ports);
  return `1:${hash.digest("base64")}`;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i] - b[i];
  return 0;
}
