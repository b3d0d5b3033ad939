/** Builds hellos byte by byte (RFC 8446 section 4.1), so that tests know what is in them. */

export interface HelloFields {
  readonly role: "client" | "server";
  readonly legacyVersion?: number;
  readonly random?: readonly number[];
  readonly sessionId?: readonly number[];
  readonly cipherSuite?: number;
  /** Extension number and body, in this order; undefined: no extensions block at all. */
  readonly extensions?: readonly (readonly [number, readonly number[]])[] | undefined;
}

const u16 = (value: number) => [value >> 8, value & 0xff];
const withLength16 = (bytes: readonly number[]) => [...u16(bytes.length), ...bytes];

/** A handshake message, header included. */
export function helloMessage(fields: HelloFields): Uint8Array {
  const {
    role,
    legacyVersion = 0x0303,
    random = new Array(32).fill(0x11),
    sessionId = [],
    cipherSuite = 0x1301,
  } = fields;
  const body = [...u16(legacyVersion), ...random, sessionId.length, ...sessionId];
  if (role === "client") body.push(...withLength16([...u16(cipherSuite), 0x00, 0xff]), 1, 0);
  else body.push(...u16(cipherSuite), 0);
  if ("extensions" in fields && fields.extensions)
    body.push(
      ...withLength16(fields.extensions.flatMap(([number, bytes]) => [...u16(number), ...withLength16(bytes)])),
    );
  return Uint8Array.from([role === "client" ? 1 : 2, 0, ...u16(body.length), ...body]);
}

/** One record around a fragment. */
export function record(contentType: number, fragment: ArrayLike<number>, version = 0x0303): Uint8Array {
  return Uint8Array.from([contentType, ...u16(version), ...u16(fragment.length), ...Array.from(fragment)]);
}

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
