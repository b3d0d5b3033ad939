import type { TlsRecordEvent } from "../ftp/control-event.ts";
import type { TlsHello } from "../tls/hello.ts";
import { type SessionFacts, timeOf } from "./session-facts.ts";

/** What the lengths of TLS records tell of the words in them, each line being a record of its own. */

/** Bytes of `PASV` or `EPSV` with its line end. */
const PASSIVE_BYTES = 6;
/**
 * Bytes of the replies that grant a passive port, line end included: from `227 Entering Passive Mode (1,2,3,4,5,6)` and Pure-FTPd's
 * `229 Extended Passive mode OK (|||50069|)` to a 227 with six three-digit numbers and a full stop (PEERS C).
 */
const GRANT_BYTES = { least: 40, most: 56 } as const;

/** A sealed line as far as it can be seen. */
export interface SealedWord {
  readonly fromClient: boolean;
  /** Of plaintext, line end included. */
  readonly bytes: number;
  readonly packet: number;
  readonly time: number;
}

/** @param overhead what the cipher adds, by {@link recordOverhead} */
export function wordOf({ direction, length, stamp }: TlsRecordEvent, overhead: number): SealedWord {
  return { fromClient: direction === "client", bytes: length - overhead, packet: stamp.packet, time: timeOf(stamp) };
}

/** The records of application data of a session, as words; undefined where the cipher pads, or its choice is not in the capture. */
export function sealedWords({ events }: SessionFacts): SealedWord[] | undefined {
  const hello = events.find((event) => event.kind === "tls-hello" && event.hello.role === "server");
  const overhead = hello?.kind === "tls-hello" ? recordOverhead(hello.hello) : undefined;
  if (overhead === undefined) return undefined;
  return events.flatMap((event) =>
    event.kind === "tls-record" && event.contentType === 23 ? [wordOf(event, overhead)] : [],
  );
}

/** Whether these two words are a command and a reply as long as PASV or EPSV and their grant. LIST and the 150 of some servers are as long. */
export function looksPassive(command: SealedWord | undefined, reply: SealedWord | undefined): boolean {
  return (
    command?.fromClient === true &&
    command.bytes === PASSIVE_BYTES &&
    reply?.fromClient === false &&
    reply.bytes >= GRANT_BYTES.least &&
    reply.bytes <= GRANT_BYTES.most
  );
}

/** What the cipher that a ServerHello chose adds to the plaintext of a record; undefined where it depends on padding (CBC). */
export function recordOverhead({ version, cipherSuite }: TlsHello): number | undefined {
  if (version >= 0x0304) return 1 + 16; // content type and tag, RFC 8446 section 5.2
  if (CHACHA20_SUITES.has(cipherSuite)) return 16; // tag, RFC 7905
  if (GCM_SUITES.has(cipherSuite)) return 8 + 16; // explicit nonce and tag, RFC 5288
  return undefined;
}

/** TLS 1.2 suites by number (IANA): those with AES-GCM and those with ChaCha20-Poly1305. */
const GCM_SUITES: ReadonlySet<number> = new Set([0x009c, 0x009d, 0x009e, 0x009f, 0xc02b, 0xc02c, 0xc02f, 0xc030]);
const CHACHA20_SUITES: ReadonlySet<number> = new Set([0xcca8, 0xcca9, 0xccaa]);

/** An alert, sealed as application data: no word. */
export const ALERT_BYTES = 2;
