import type { TlsHello } from "./hello.ts";
import { TLS_1_3 } from "./hello.ts";

/** What the lengths of sealed TLS records tell, by the cipher suite that a ServerHello chose. */

/** TLS 1.2 suites by number (IANA): those with AES-GCM and those with ChaCha20-Poly1305. */
const GCM_SUITES: ReadonlySet<number> = new Set([0x009c, 0x009d, 0x009e, 0x009f, 0xc02b, 0xc02c, 0xc02f, 0xc030]);
const CHACHA20_SUITES: ReadonlySet<number> = new Set([0xcca8, 0xcca9, 0xccaa]);

/** RFC 8446 section 5.2: a byte of content type and the tag. */
const TLS13_OVERHEAD = 1 + 16;
/** RFC 5246 section 6.2.3.2: an IV, the longest MAC (SHA-384) and a whole block of padding; more than that no TLS library adds. */
const MOST_CBC_OVERHEAD = 16 + 48 + 16;

/** Java (JSSE, `sun.security.ssl.OutputRecord`) adds so many zeros to each record that it seals under TLS 1.3. */
export const JSSE_PADDING = 16;

/** What the cipher adds to the plaintext of a record (bytes); undefined where it depends on padding (CBC). Not what a library pads by itself. */
export function recordOverhead({ version, cipherSuite }: TlsHello): number | undefined {
  if (version >= TLS_1_3) return TLS13_OVERHEAD;
  if (CHACHA20_SUITES.has(cipherSuite)) return 16; // tag, RFC 7905
  if (GCM_SUITES.has(cipherSuite)) return 8 + 16; // explicit nonce and tag, RFC 5288
  return undefined;
}

/** The most that it may add (bytes). */
export function mostOverhead(hello: TlsHello): number {
  return recordOverhead(hello) ?? MOST_CBC_OVERHEAD;
}

/** Bytes of the hash of a TLS 1.3 suite (RFC 8446 appendix B.4); of an unknown one either. */
function hashLengths(cipherSuite: number): readonly number[] {
  if (cipherSuite === 0x1302) return [48];
  return cipherSuite >= 0x1301 && cipherSuite <= 0x1305 ? [32] : [32, 48];
}

/**
 * Whether a record of this length holds a TLS 1.3 Finished and nothing else (RFC 8446 section 4.4.4), and by how much its sender pads.
 * @param length of the record, without its header
 * @param cipherSuite that the server chose; -1 where that is not known
 * @returns undefined where it holds something else
 */
export function paddingOfFinished(length: number, cipherSuite: number): number | undefined {
  const padded = hashLengths(cipherSuite).map((hash) => length - (4 + hash + TLS13_OVERHEAD));
  return [0, JSSE_PADDING].find((padding) => padded.includes(padding));
}
