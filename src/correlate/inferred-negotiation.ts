import type { TlsRecordEvent } from "../ftp/control-event.ts";
import type { InferredNegotiation } from "./data-channel.ts";
import { type SessionFacts, timeOf } from "./session-facts.ts";

/** Bytes of `PASV` or `EPSV` with its line end. */
const COMMAND_BYTES = 6;
/**
 * Bytes of the replies that grant a passive port, line end included: from `227 Entering Passive Mode (1,2,3,4,5,6)` and Pure-FTPd's
 * `229 Extended Passive mode OK (|||50069|)` to a 227 with six three-digit numbers and a full stop (PEERS C).
 */
const REPLY_BYTES = { least: 40, most: 56 } as const;
/** A client that has its port dials or asks at once; one that says nothing for so long after it was dialling in vain (seconds). */
export const DIALLING_SECONDS = 5;

/**
 * From record lengths under an encrypted control connection: a command as long as PASV, a reply as long as a 227 or 229, then silence,
 * then the client leaves, and no connection at all is seen. Reported as `possible` and never more.
 *
 * Silent where the cipher's overhead is not known, where anything was dialled, where the client went on at once (the transfer worked, or the
 * capture holds no data connections), and where the capture ends in the silence.
 */
export function inferNegotiation(session: SessionFacts): InferredNegotiation | undefined {
  if (session.lostBytes || session.cutBytes || session.hidden.length === 0) return undefined;
  const overhead = recordOverhead(session);
  if (overhead === undefined) return undefined;
  const records = session.events.filter(
    (event) => event.kind === "tls-record" && event.contentType === 23,
  ) as TlsRecordEvent[];
  const replyAt = records.findLastIndex((record) => record.direction === "server" && !isCloseNotify(record, overhead));
  const reply = records[replyAt];
  const command = records[replyAt - 1];
  if (!reply || command?.direction !== "client" || command.length - overhead !== COMMAND_BYTES) return undefined;
  const replyBytes = reply.length - overhead;
  if (replyBytes < REPLY_BYTES.least || replyBytes > REPLY_BYTES.most) return undefined;
  const grantedAt = timeOf(reply.stamp);
  const after = records[replyAt + 1];
  const leftAt = Math.min(
    after ? timeOf(after.stamp) : Number.POSITIVE_INFINITY,
    session.client.finTime || Number.POSITIVE_INFINITY,
  );
  if (!Number.isFinite(leftAt) || leftAt - grantedAt < DIALLING_SECONDS) return undefined;
  const dialled = session.candidates.some(({ connection }) => connection.lastTime >= grantedAt);
  if (dialled) return undefined;
  return {
    commandPacket: command.stamp.packet,
    replyPacket: reply.stamp.packet,
    commandBytes: COMMAND_BYTES,
    replyBytes,
    waitedSeconds: leftAt - grantedAt,
    grantedAt,
  };
}

/** What the cipher adds to the plaintext of a record; undefined where it depends on padding (CBC) or the suite was not seen. */
function recordOverhead(session: SessionFacts): number | undefined {
  for (const event of session.events) {
    if (event.kind !== "tls-hello" || event.hello.role !== "server") continue;
    if (event.hello.version >= 0x0304) return 1 + 16; // content type and tag, RFC 8446 section 5.2
    if (CHACHA20_SUITES.has(event.hello.cipherSuite)) return 16; // tag, RFC 7905
    if (GCM_SUITES.has(event.hello.cipherSuite)) return 8 + 16; // explicit nonce and tag, RFC 5288
    return undefined;
  }
  return undefined;
}

/** TLS 1.2 suites by number (IANA): those with AES-GCM and those with ChaCha20-Poly1305. */
const GCM_SUITES: ReadonlySet<number> = new Set([0x009c, 0x009d, 0x009e, 0x009f, 0xc02b, 0xc02c, 0xc02f, 0xc030]);
const CHACHA20_SUITES: ReadonlySet<number> = new Set([0xcca8, 0xcca9, 0xccaa]);

/** Two bytes of alert, sealed as application data. */
function isCloseNotify(record: TlsRecordEvent, overhead: number): boolean {
  return record.length - overhead === 2;
}
