import { isSealed, type TlsRecordEvent } from "../ftp/control-event.ts";
import type { TlsHello } from "../tls/hello.ts";
import { recordOverhead } from "../tls/sealing.ts";
import type { SessionFacts } from "./session-facts.ts";

/** What the lengths of TLS records tell of the words in them, each line being a record of its own. */

/** Bytes of `PASV` or `EPSV` with its line end. */
const PASSIVE_BYTES = 6;
/**
 * Bytes of the replies that grant a passive port, line end included: from `227 Entering Passive Mode (1,2,3,4,5,6)` and Pure-FTPd's
 * `229 Extended Passive mode OK (|||50069|)` to a 227 with six three-digit numbers and a full stop (vsftpd, ProFTPD).
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
  return { fromClient: direction === "client", bytes: length - overhead, packet: stamp.packet, time: stamp.time };
}

/** The server's hello on the control connection, which says how its words are sealed. */
export function serverHelloOf({ events }: SessionFacts): TlsHello | undefined {
  const event = events.find((event) => event.kind === "tls-hello" && event.hello.role === "server");
  return event?.kind === "tls-hello" ? event.hello : undefined;
}

/** The records of application data of a session, as words; undefined where the cipher pads, or its choice is not in the capture. */
export function sealedWords(session: SessionFacts): SealedWord[] | undefined {
  const hello = serverHelloOf(session);
  const overhead = hello && recordOverhead(hello);
  if (overhead === undefined) return undefined;
  return session.events.filter(isSealed).map((event) => wordOf(event, overhead));
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

/** An alert, sealed as application data: no word. */
export const ALERT_BYTES = 2;
