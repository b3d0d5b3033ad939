import type { ReplyEvent } from "../ftp/control-event.ts";

/**
 * What servers mean by a negative reply, by its text (code first, text second). One code has many causes; the texts below are
 * those of real servers, each row with the server that says it.
 */
export type ReplyMeaning =
  | "ports-exhausted"
  | "peer-mismatch"
  | "protection-required"
  | "session-reuse-required"
  | "tls-failed"
  | "not-negotiated"
  | "connect-failed"
  | "limit-reached"
  | "idle-timeout"
  | "tls-required"
  | "shutdown";

interface MeaningRow {
  readonly meaning: ReplyMeaning;
  readonly codes: readonly number[];
  readonly text: RegExp;
  readonly source: string;
}

const MEANINGS: readonly MeaningRow[] = [
  {
    meaning: "session-reuse-required",
    codes: [425, 522, 450],
    text: /session (reuse|resum)|not resumed|cached tls session|ssl_session_reuse|must resume/i,
    source: "vsftpd 3.0.3, FileZilla Server 1.x, z/OS",
  },
  {
    meaning: "protection-required",
    codes: [521, 522, 534, 550, 425, 536],
    text: /data connections? (must be encrypted|cannot be opened with this prot)|(ssl|tls)(\/tls)? required on the data channel|required on the (control\/)?data channel|requires protected data|prot p required|prot c is not allowed|this prot setting/i,
    source: "vsftpd, ProFTPD, Pure-FTPd, pyftpdlib, FileZilla Server",
  },
  {
    meaning: "tls-failed",
    codes: [425, 426, 435, 522, 421, 431],
    text: /ssl connection failed|tls negotiation|ssl handshake|tls handshake|handshake failed|unable to build data connection: operation not permitted|failed tls/i,
    source: "vsftpd, ProFTPD (any TLS failure: EPERM), pyftpdlib, glFTPd, Serv-U",
  },
  {
    meaning: "peer-mismatch",
    codes: [425, 421, 426, 500, 501],
    text: /bad ip connecting|foreign address|does not match control|possible pasv port theft|only client ip address allowed/i,
    source: "vsftpd, pyftpdlib, SFTPGo, wu-ftpd, Serv-U",
  },
  {
    meaning: "not-negotiated",
    codes: [425, 503, 500, 426],
    text: /use port or pasv( first)?|no data connection (has been )?(set|specified)|no port or pasv/i,
    source: "vsftpd, IIS",
  },
  {
    meaning: "ports-exhausted",
    codes: [421, 425, 426, 451, 452, 500],
    text: /(tcp )?ports? are busy|out of network sockets|no (free |available )?(passive )?ports?|can't create the data socket|unable to (set up passive|listen)|too many (pending )?pasv|vsf_sysutil_bind|address already in use|cannot assign requested address|too many connections\. can't open data/i,
    source: "Pure-FTPd, Serv-U, vsftpd (500 OOPS: vsf_sysutil_bind), ProFTPD errno texts, pyftpdlib",
  },
  {
    meaning: "limit-reached",
    codes: [421, 530, 500],
    text: /too many (connected )?(users|connections|clients)|maximum number of|the maximum\)|maximum (login|connection)|connection limit|try (again )?later|users? \(the maximum\)/i,
    source: "vsftpd, ProFTPD, Pure-FTPd, FileZilla Server",
  },
  {
    meaning: "shutdown",
    codes: [421],
    text: /shutting down|service not available|closing for maintenance/i,
    source: "ProFTPD, RFC 959",
  },
  {
    meaning: "idle-timeout",
    codes: [421, 426],
    text: /time-?out|timed out|no transfer|idle/i,
    source: "vsftpd, ProFTPD, Pure-FTPd, pyftpdlib",
  },
  {
    meaning: "tls-required",
    codes: [421, 530, 534, 550, 522],
    text: /(ssl|tls|secure|encrypt|cleartext)/i,
    source: "vsftpd, ProFTPD, Pure-FTPd, IIS",
  },
  {
    meaning: "connect-failed",
    codes: [425, 421, 426],
    text: /failed to establish|(unable|can'?t|could not|cannot) (to )?(build|open|connect|create)|no data connection|no connection established|timed out/i,
    source: "vsftpd, ProFTPD, Pure-FTPd, pyftpdlib, wu-ftpd, ftp-srv",
  },
];

/** The first meaning whose code and text both fit. */
export function meaningOf(reply: ReplyEvent): ReplyMeaning | undefined {
  const text = reply.lines.join(" ");
  return MEANINGS.find((row) => row.codes.includes(reply.code) && row.text.test(text))?.meaning;
}

/** Whether the reply can mean this, even when another meaning comes first. */
export function mayMean(reply: ReplyEvent | null | undefined, meaning: ReplyMeaning): boolean {
  if (!reply) return false;
  const text = reply.lines.join(" ");
  return MEANINGS.some((row) => row.meaning === meaning && row.codes.includes(reply.code) && row.text.test(text));
}

/** The server's own reasons against a transfer, no network's: file, name, space, account (RFC 959 section 4.2). */
const OWN_REASONS: ReadonlySet<number> = new Set([450, 452, 532, 550, 551, 552, 553]);

/** Whether a negative reply to a transfer command is the server's own business. */
export function isOwnReason(reply: ReplyEvent): boolean {
  if (!OWN_REASONS.has(reply.code)) return false;
  return !mayMean(reply, "protection-required") && !mayMean(reply, "session-reuse-required");
}

/**
 * A 150 that is sent before the data connection exists (pyftpdlib, FileZilla Server 1.x, RFC 959's own words): it does not prove one.
 * vsftpd, ProFTPD and Pure-FTPd say theirs after accept or connect.
 */
export function announcesOnly(reply: ReplyEvent): boolean {
  return reply.code === 150 && /about to (open|start)/i.test(reply.lines.join(" "));
}
