/**
 * What a ClientHello or ServerHello says that FTP diagnosis needs (RFC 5246 section 7.4.1, RFC 8446 section 4.1). Where its end was not seen, what is
 * false or empty may only be missing (pre_shared_key is always the last extension).
 */
export interface TlsHello {
  readonly role: "client" | "server";
  /** The version offered (client: highest of supported_versions) or chosen (server): 0x0303 is TLS 1.2, 0x0304 TLS 1.3. */
  readonly version: number;
  /** Lower-case hex of the legacy session id; empty when there was none. */
  readonly sessionId: string;
  /** The cipher suite chosen (server), or -1 (client). */
  readonly cipherSuite: number;
  /** A pre_shared_key extension (RFC 8446 section 4.2.11): offered by the client, or accepted by the server, TLS 1.3. */
  readonly preSharedKey: boolean;
}

/** TLS 1.3 as {@link TlsHello.version} has it. */
export const TLS_1_3 = 0x0304;

/** Bytes of a handshake message header: type and 24-bit length (RFC 8446 section 4). */
export const HANDSHAKE_HEADER_LENGTH = 4;

const CLIENT_HELLO = 1;
const SERVER_HELLO = 2;

/** Extension numbers, IANA "TLS ExtensionType Values". */
const EXTENSION = {
  preSharedKey: 41, // RFC 8446 section 4.2.11
  supportedVersions: 43, // RFC 8446 section 4.2.1
} as const;

/** The random of a ServerHello that is a HelloRetryRequest: SHA-256 of "HelloRetryRequest" (RFC 8446 section 4.1.3). */
const HELLO_RETRY_RANDOM = [
  0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11,
  0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
] as const;

/**
 * Reads a handshake message that starts at `from`, as far as it is there.
 *
 * ```
 *  type(1) length(3) | legacy_version(2) random(32) session_id<0..32> |
 *    ClientHello: cipher_suites<2..2^16-2> compression<1..2^8-1>      |
 *    ServerHello: cipher_suite(2) compression(1)                      | extensions<0..2^16-1>
 * ```
 * @returns undefined when it is no hello, or when not even its version is there
 */
export function parseHello(bytes: Uint8Array, from: number, to: number): TlsHello | undefined {
  const reader = new Cursor(bytes, from, to);
  const type = reader.uint(1);
  const length = reader.uint(3);
  if (!isHelloType(type)) return undefined;
  reader.limit(from + HANDSHAKE_HEADER_LENGTH + length);
  const legacyVersion = reader.uint(2);
  if (reader.short || legacyVersion >> 8 !== 3) return undefined;
  const isClient = type === CLIENT_HELLO;
  reader.skip(32);
  const sessionId = reader.hex(reader.uint(1));
  let cipherSuite = -1;
  if (isClient) {
    reader.skip(reader.uint(2));
    reader.skip(reader.uint(1));
  } else {
    const suite = reader.uint(2);
    if (!reader.short) cipherSuite = suite;
    reader.skip(1);
  }
  let version = legacyVersion;
  let preSharedKey = false;
  // The extensions block is optional before TLS 1.3.
  if (!reader.short && !reader.atEnd) reader.limit(reader.uint(2) + reader.at);
  while (!reader.short && !reader.atEnd) {
    const extension = reader.uint(2);
    const extensionLength = reader.uint(2);
    if (reader.short) break;
    if (extension === EXTENSION.preSharedKey) preSharedKey = true;
    else if (extension === EXTENSION.supportedVersions) {
      const body = new Cursor(bytes, reader.at, Math.min(reader.at + extensionLength, reader.to));
      version = readSupportedVersion(body, isClient) ?? version;
    }
    reader.skip(extensionLength);
  }
  return { role: isClient ? "client" : "server", version, sessionId, cipherSuite, preSharedKey };
}

/** Whether a handshake message of this type is a ClientHello or a ServerHello. */
export function isHelloType(type: number): boolean {
  return type === CLIENT_HELLO || type === SERVER_HELLO;
}

/** Whether a complete handshake message is a HelloRetryRequest, which the real ServerHello follows (RFC 8446 section 4.1.4). */
export function isHelloRetryRequest(bytes: Uint8Array, from: number, to: number): boolean {
  const randomAt = from + HANDSHAKE_HEADER_LENGTH + 2;
  if (bytes[from] !== SERVER_HELLO || to - randomAt < HELLO_RETRY_RANDOM.length) return false;
  return HELLO_RETRY_RANDOM.every((byte, i) => bytes[randomAt + i] === byte);
}

/** Client: the highest version of the list, GREASE values (RFC 8701, 0x?A?A) left out. Server: the one chosen. */
function readSupportedVersion(body: Cursor, isClient: boolean): number | undefined {
  if (!isClient) {
    const chosen = body.uint(2);
    return body.short ? undefined : chosen;
  }
  let highest: number | undefined;
  for (let left = body.uint(1); left >= 2; left -= 2) {
    const offered = body.uint(2);
    if (body.short) break;
    if (offered >> 8 === 3 && offered > (highest ?? 0)) highest = offered;
  }
  return highest;
}

/** Reads forward and never past `to`: once something is not there `short` is set and every number is 0. */
class Cursor {
  readonly #bytes: Uint8Array;
  at: number;
  to: number;
  short = false;

  constructor(bytes: Uint8Array, at: number, to: number) {
    this.#bytes = bytes;
    this.at = Math.max(at, 0);
    this.to = Math.min(to, bytes.length);
  }

  get atEnd(): boolean {
    return this.at >= this.to;
  }

  /** The structure ends at `to`; where fewer bytes are there, reading on will come up short. */
  limit(to: number): void {
    this.to = Math.min(this.to, to);
  }

  /** Big-endian number of `count` bytes. */
  uint(count: number): number {
    if (!this.#has(count)) return 0;
    let value = 0;
    for (let i = 0; i < count; i++) value = value * 256 + this.#bytes[this.at++];
    return value;
  }

  skip(count: number): void {
    if (this.#has(count)) this.at += count;
  }

  hex(count: number): string {
    if (!this.#has(count)) return "";
    let text = "";
    for (let i = 0; i < count; i++) text += this.#bytes[this.at++].toString(16).padStart(2, "0");
    return text;
  }

  #has(count: number): boolean {
    if (this.short || this.at + count > this.to) {
      this.short = true;
      return false;
    }
    return true;
  }
}
