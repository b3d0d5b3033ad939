import type { NegotiationFacts } from "../correlate/data-channel.ts";
import type { SessionFacts } from "../correlate/session-facts.ts";
import type { CommandEvent, ReplyEvent } from "../ftp/control-event.ts";
import type { NegotiationVerb } from "../ftp/negotiation.ts";
import type { ServerIdentity } from "../ftp/server-software.ts";

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
  | "shutdown"
  | "address-refused";

interface MeaningRow {
  readonly meaning: ReplyMeaning;
  readonly codes: readonly number[];
  readonly text: RegExp;
  readonly source: string;
}

/** What servers say of EADDRINUSE and EADDRNOTAVAIL: strerror's words, and vsftpd's `500 OOPS: vsf_sysutil_bind`, with which it ends. */
const CANNOT_BIND = /vsf_sysutil_bind|address already in use|cannot assign requested address/i;

const MEANINGS: readonly MeaningRow[] = [
  {
    meaning: "session-reuse-required",
    codes: [425, 522, 450],
    text: /session (reuse|resum)|not resumed|cached tls session|ssl_session_reuse|must resume/i,
    source: "vsftpd 3.0.3, FileZilla Server 1.x, z/OS",
  },
  {
    // 521 also turns down LPRT's address family (RFC 1639), and 534 says only that a policy is in the way: the text must speak of TLS.
    meaning: "protection-required",
    codes: [521, 534],
    text: /\bprot\b|\bprotect|\b(ssl|tls)\b|\bencrypt|\bsecure\b/i,
    source: "RFC 4217 section 9; Pure-FTPd, AWS Transfer, IIS",
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
    codes: [425, 421, 426, 500, 501, 530, 550],
    text: /bad ip connecting|remote addresses do not match|foreign address|does not match control|possible pasv port theft|only client ip address allowed/i,
    source: "vsftpd, pyftpdlib, SFTPGo, wu-ftpd, Serv-U, ftp-srv (550)",
  },
  {
    meaning: "not-negotiated",
    codes: [425, 503, 500, 426],
    text: /use port or pasv( first)?|no data connection (has been )?(set|specified)|no port or pasv/i,
    source: "vsftpd, IIS",
  },
  {
    meaning: "ports-exhausted",
    codes: [400, 421, 425, 426, 451, 452, 500],
    text: new RegExp(
      `(tcp )?ports? are busy|unable to find (a )?valid port|out of network sockets|no (free |available )?(passive )?ports?|can't create the data socket|unable to (set up passive|listen)|too many (pending )?pasv|${CANNOT_BIND.source}`,
      "i",
    ),
    source: "Pure-FTPd, Serv-U, vsftpd (500 OOPS: vsf_sysutil_bind), ProFTPD errno texts, ftp-srv (400)",
  },
  {
    meaning: "limit-reached",
    codes: [421, 425, 530, 500],
    // "Maximum login attempts" (pyftpdlib, ProFTPD) is about passwords, not about room.
    text: /too many (connected )?(users|connections|clients|sessions)|maximum number of|maximum (login|connection|session|user|client)s?\b(?! attempts)|(connection|session|user) limit|(?<!\b(incorrect|failed|invalid)\b.*)try (again )?later|server (is )?(too )?busy|users? \(the maximum\)/i,
    source: "vsftpd, ProFTPD, Pure-FTPd, FileZilla Server, Serv-U; pyftpdlib (425 to PASV and PORT: max_cons)",
  },
  {
    meaning: "shutdown",
    codes: [421],
    text: /shutting down|service not available|closing for maintenance/i,
    source: "ProFTPD, RFC 959",
  },
  {
    meaning: "address-refused",
    codes: [421, 530, 550],
    text: /access denied|\bbanned\b|address was rejected|no connections allowed from/i,
    source: "FileZilla Server 0.9, Quick 'n Easy FTP Server",
  },
  {
    meaning: "idle-timeout",
    codes: [421, 426],
    text: /time-?out|timed out|no[- ]transfer|idle/i,
    source: "vsftpd, ProFTPD, Pure-FTPd, pyftpdlib, FileZilla Server 0.9",
  },
  {
    meaning: "tls-required",
    codes: [421, 503, 530, 534, 550, 522],
    text: /\b(ssl|tls|ftps|secured?|clear-?text|encrypt\w*)\b|\buse auth first\b/i,
    source: "vsftpd, ProFTPD, Pure-FTPd, IIS, FileZilla Server 1.x (503 Use AUTH first.)",
  },
  {
    meaning: "connect-failed",
    codes: [425, 421, 426],
    text: /failed to establish|(unable|can'?t|could not|cannot) (to )?(build|open|connect|create)|no data connection|no connection established|timed out/i,
    source: "vsftpd, ProFTPD, Pure-FTPd, pyftpdlib, wu-ftpd, ftp-srv",
  },
];

/** The first meaning whose code and text both fit. @param command what the reply answers, whose argument it may quote */
export function meaningOf(reply: ReplyEvent, command: CommandEvent | null = null): ReplyMeaning | undefined {
  const text = ownWords(reply, command);
  return MEANINGS.find((row) => row.codes.includes(reply.code) && row.text.test(text))?.meaning;
}

/** Whether the reply can mean this, even when another meaning comes first. @param command what the reply answers */
export function mayMean(
  reply: ReplyEvent | null | undefined,
  meaning: ReplyMeaning,
  command: CommandEvent | null = null,
): boolean {
  if (!reply) return false;
  const text = ownWords(reply, command);
  return MEANINGS.some((row) => row.meaning === meaning && row.codes.includes(reply.code) && row.text.test(text));
}

/**
 * Whether the reply reports that TLS failed on the data connection. ProFTPD says "Operation not permitted" of any such failure, and of a
 * connection that its own host forbids: without TLS on the control connection it can only be that.
 * @param command what the reply answers
 */
export function tellsOfTls(
  { security, control }: SessionFacts,
  reply: ReplyEvent | null | undefined,
  command: CommandEvent | null = null,
): boolean {
  if (!mayMean(reply, "tls-failed", command)) return false;
  return security !== "cleartext" || control.midstream || !/operation not permitted/i.test(reply!.lines.join(" "));
}

/** An argument shorter than this is not looked for in replies: it would take the server's own words away. */
const MIN_QUOTED = 3;

/**
 * The server's own words: the text without what it quotes. File and user names are anybody's words (`550 tls required.txt: No such file`,
 * `426 Connection closed; aborted transfer of "/no ports/x"`). A name that is a plain word (`file`) may be the server's as well: it is taken
 * away only where it stands first, before a colon.
 */
function ownWords(reply: ReplyEvent, command: CommandEvent | null): string {
  let text = reply.lines.join(" ").replace(/"[^"]*"/g, '""');
  const argument = command?.argument?.trim() ?? "";
  for (const name of [argument, argument.slice(argument.lastIndexOf("/") + 1)]) {
    if (name.length < MIN_QUOTED) continue;
    if (!/^[a-z]+$/i.test(name)) text = text.replaceAll(name, '""');
    else if (text.startsWith(`${name}:`)) text = text.slice(name.length);
  }
  return text;
}

/** The server's own reasons against a transfer, no network's: file, name, space, account (RFC 959 section 4.2). */
const OWN_REASONS: ReadonlySet<number> = new Set([450, 452, 532, 550, 551, 552, 553]);

/**
 * 451 is the server's own error by RFC 959, and yet Pure-FTPd and ProFTPD also say it of a data connection that broke: only where the text
 * speaks of the file or the disk (vsftpd, ProFTPD, Pure-FTPd's "Error during write to file", aioftp's "file system error") is it no network's, or of the
 * resumption that ProFTPD does not allow by default (AllowStoreRestart: "Append/Restart not permitted, try again").
 */
const LOCAL_ERROR =
  /local file|file system error|write to file|insufficient memory|file locked|disk|quota|no space|input\/output error|is a directory|append\/restart not permitted/i;

/**
 * A transfer command that is unknown, or whose argument or offset is wrong (RFC 959 section 4.2.1, RFC 3659 section 5 for 554): the server's own business
 * where the text says so (`500 Unknown command.`, `554 Restart offset 50000 is too large`, ProFTPD's `REST: invalid … argument`, Pure-FTPd's
 * `503 ASCII resume is unsafe`).
 */
const NOT_DONE: ReadonlySet<number> = new Set([500, 501, 502, 503, 504, 554]);
const NAMES_COMMAND =
  /unknown|not (implemented|understood|recognized|recognised|supported|allowed)|syntax|argument|parameter|offset|position|resume|too large|beyond/i;

/** Said of a file, whatever its name and the code: GridFTP and simple-ftpd say 500, ftp-srv 451. */
const NO_SUCH_FILE = /no such (file|directory)|not a (plain|regular) file|file not found/i;
/**
 * Said of the data connection, whatever else their text says (RFC 959 section 4.2): none came, it was not taken, or it broke. 421 pyftpdlib says so,
 * without a transfer command too.
 */
const OF_CONNECTION: ReadonlySet<number> = new Set([421, 425, 426]);

/** Whether the code of a negative reply speaks of the data connection. */
export function speaksOfConnection({ code }: ReplyEvent): boolean {
  return OF_CONNECTION.has(code);
}

/** What strerror says of a write to a disk (ENOSPC, EDQUOT), and of no connection: pyftpdlib says so behind 426, the other servers behind 451 and 452. */
const DISK_FULL = /no space left on device|disk quota exceeded/i;
/** What Node says of a data connection that broke (ftp-srv: `551 read ECONNRESET`). */
const BROKEN_CONNECTION = /\b(ECONNRESET|EPIPE|ECONNABORTED)\b/;

/** Whether a negative reply to a transfer command is the server's own business. @param command what it answers */
export function isOwnReason(reply: ReplyEvent, command: CommandEvent | null = null): boolean {
  if (!speaksOfConnection(reply) && NO_SUCH_FILE.test(reply.lines.join(" "))) return true;
  if (DISK_FULL.test(ownWords(reply, command))) return true;
  if (BROKEN_CONNECTION.test(ownWords(reply, command))) return false;
  if (reply.code === 451) return LOCAL_ERROR.test(ownWords(reply, command));
  if (NOT_DONE.has(reply.code))
    return meaningOf(reply, command) === undefined && NAMES_COMMAND.test(ownWords(reply, command));
  if (!OWN_REASONS.has(reply.code)) return false;
  // ProFTPD: "450 Transfer aborted. Link to file server lost" is the data connection's end.
  if (reply.code === 450 && /transfer aborted/i.test(ownWords(reply, command))) return false;
  const ofConnection = ["protection-required", "session-reuse-required", "peer-mismatch"] as const;
  return !ofConnection.some((meaning) => mayMean(reply, meaning, command));
}

/**
 * In active mode the server could not even bind the address and port that it dials from: no SYN was sent, and nobody is to be asked but this server.
 * @param command what it answers
 */
export function cannotDial(reply: ReplyEvent, command: CommandEvent): boolean {
  return reply.code >= 400 && CANNOT_BIND.test(ownWords(reply, command));
}

/**
 * The error that the server's own SYN met, as strerror names it: `refused` by a RST (ECONNREFUSED), or `unreachable` (EHOSTUNREACH, ENETUNREACH), which an
 * ICMP error or its own host says. "Connection timed out" agrees with silence.
 */
export function dialErrorOf({ code, lines }: ReplyEvent): "refused" | "unreachable" | undefined {
  if (code < 400) return undefined;
  const text = lines.join(" ");
  if (/connection refused/i.test(text)) return "refused";
  return /no route to host|unreachable/i.test(text) ? "unreachable" : undefined;
}

/** ProFTPD's TimeoutSession: the session has lasted long enough, whatever it is at (`421 Session Timeout (15 seconds): closing control connection`). */
export function endsSession({ code, lines }: ReplyEvent): boolean {
  return code === 421 && /session timeout/i.test(lines.join(" "));
}

/** Reasons that are the server's own, whatever became of the connection: the file, the disk, a permission. */
const NAMES_OWN_REASON = /no such|not found|exist|quota|storage|space|permission|denied|busy|\bnot a\b/i;

/** Whether a reason of the server's own may be said of a data connection that broke: IIS and pyftpdlib say 550 so, others 451. */
export function maySpeakOfConnection({ code, lines }: ReplyEvent): boolean {
  return (code === 550 || code === 451) && !NAMES_OWN_REASON.test(lines.join(" "));
}

/** Whether a transfer is confirmed in words for an ABOR (RFC 959 section 4.1.3: 225 or 226): `226 Abort successful`. @param command what it answers */
export function confirmsAbort(reply: ReplyEvent | null, command: CommandEvent): boolean {
  return (reply?.code === 225 || reply?.code === 226) && /\babor/i.test(ownWords(reply, command));
}

/** PORT or EPRT turned down for what the server allows at all, not for the address: mode, command or address family. */
const MODE_DISABLED =
  /disabled|not (allowed|implemented|supported|understood|recognized)|permission denied|operation not permitted|unknown command|unable to service|epsv all|network protocol|< ?1024|privileged port|between 1024/i;

/** Whether a refusal of PORT or EPRT is a matter of policy or ability, so that another address would not have helped. */
export function refusesMode(reply: ReplyEvent): boolean {
  if (reply.code === 502 || reply.code === 522 || reply.code === 550) return true;
  const text = reply.lines.join(" ");
  return MODE_DISABLED.test(text) && !/\b(host|address|ip)\b.* not allowed/i.test(text);
}

/** Codes that may turn down the address of PORT or EPRT (RFC 959, RFC 2577; 500: vsftpd, Pure-FTPd; 530: Serv-U, wu-ftpd). */
const ADDRESS_REFUSALS: ReadonlySet<number> = new Set([500, 501, 504, 530]);

/** Whether a refusal of PORT or EPRT may be about the address. */
export function mayRefuseAddress(reply: ReplyEvent): boolean {
  return ADDRESS_REFUSALS.has(reply.code) && !refusesMode(reply);
}

/**
 * Whether the server does not know the verb (RFC 959 section 4.2.1; ftp-srv says `502 Command not allowed` of it): it refuses no address and no mode.
 * PASV and PORT every server knows (RFC 959), the others (RFC 1639, RFC 2428) not. EPSV has a cause of its own.
 */
export function knowsNoSuchVerb({ code, lines }: ReplyEvent, verb: NegotiationVerb): boolean {
  if (verb === "PASV" || verb === "PORT") return false;
  return (
    code === 502 ||
    (code === 500 &&
      /unknown|unrecogni[sz]ed|not (understood|recogni[sz]ed|implemented|supported)/i.test(lines.join(" ")))
  );
}

/**
 * Whether a negative reply to a negotiation says nothing of the negotiation: nobody has logged in, the server closes or has no room. Serv-U and
 * wu-ftpd say 530 of an address too ("Only client IP address allowed").
 */
export function refusesSession(reply: ReplyEvent): boolean {
  const text = reply.lines.join(" ");
  if (reply.code === 421) return !/data (channel|connection)|\bports?\b/i.test(text);
  // vsftpd's process ends. That it could not bind a port is said of the negotiation.
  if (/^OOPS: (?!vsf_sysutil_bind)/.test(text)) return true;
  if (meaningOf(reply) === "limit-reached") return true;
  if (/(ssl|tls)\S* required on the control/i.test(text)) return [530, 534, 550].includes(reply.code);
  if (reply.code !== 530 || /\b(ip|address)\b/i.test(text)) return false;
  return /log(ged)?[ -]?(in|on)|authenticat|\b(user|pass)\b|\b(ssl|tls)\b|encrypt/i.test(text);
}

/** The server's no to a negotiation, where it is about the negotiation; null where it said yes, or nothing, or refused the session. */
export function refusalOf({ granted, reply }: NegotiationFacts): ReplyEvent | null {
  return granted || reply === null || reply.code < 400 || refusesSession(reply) ? null : reply;
}

/**
 * Whether a negative reply to PORT or EPRT reports a connection that was already tried: pyftpdlib dials before it answers (`425 Can't connect
 * to specified address.`, `421 Active data channel timed out.`).
 */
export function reportsAttempt(reply: ReplyEvent): boolean {
  if (meaningOf(reply) === "limit-reached") return false;
  return reply.code === 425 || (reply.code === 421 && /data (channel|connection)/i.test(reply.lines.join(" ")));
}

/** Pure-FTPd of a PORT that has served (as recorded): of one that it dialled in vain it says "Could not open data connection to port 1234". */
export function saysUsedUp({ lines }: ReplyEvent): boolean {
  return lines[0] === "No data connection";
}

/**
 * A 150 that is sent before the data connection exists (pyftpdlib, FileZilla Server 1.x, RFC 959's own words): it does not prove one.
 * vsftpd, ProFTPD and Pure-FTPd say theirs after accept or connect.
 */
export function announcesOnly(reply: ReplyEvent): boolean {
  return reply.code === 150 && /about to (open|start)/i.test(reply.lines.join(" "));
}

/** Whether this is the first that the server said. */
export function isGreeting({ server }: SessionFacts, { startAt }: ReplyEvent): boolean {
  return server.baseFromSyn && startAt === 0;
}

/** Whether a refusal of another code than 530 is of the login: linux-ftpd says 550 of a password that is wrong. */
export function deniesLogin({ code, lines }: ReplyEvent): boolean {
  return (
    code >= 500 && /\b(authentication|login|logon)\b.*\b(fail\w*|incorrect|denied|invalid)\b/i.test(lines.join(" "))
  );
}

/** Whether a refusal that may demand TLS is of the password: a banner may call the place secure, so nothing may name TLS. */
export function speaksOfPassword({ lines }: ReplyEvent): boolean {
  const text = lines.join(" ");
  if (/\b(ssl|tls|ftps|clear-?text|encrypt\w*)\b/i.test(text)) return false;
  if (/\bsecured? (connection|session|ftp)|\b(use|required?|must|only)\b.*\bsecured?\b/i.test(text)) return false;
  return /\b(incorrect|failed|invalid)\b/i.test(text);
}

/** How long a file is, and which reply says so. */
export interface AnnouncedSize {
  readonly bytes: number;
  /** The server rounds: it may be some more. */
  readonly isLeast: boolean;
  readonly reply: ReplyEvent;
}

/** The file's length in a 150: `(N bytes)`, or Pure-FTPd's units of 1024 bytes for 1 kB and more, rounded (`146.5 kbytes to download`). */
export function sizeAnnouncedIn(reply: ReplyEvent): AnnouncedSize | undefined {
  if (reply.code >= 200) return undefined;
  const text = reply.lines.join(" ");
  // The last: a file may be named "notes (9000 bytes).txt".
  const exact = [...text.matchAll(/\((\d{1,15}) bytes\)/gi)].at(-1);
  if (exact) return { bytes: Number(exact[1]), isLeast: false, reply };
  const rounded = /(?<![\d.])(\d{1,12}\.\d) kbytes to download/.exec(text);
  return rounded ? { bytes: Math.floor((Number(rounded[1]) - 0.05) * 1024), isLeast: true, reply } : undefined;
}

/** `150 Opening BINARY mode data connection …`: the type in force, where the TYPE command is not in the capture. */
export function saysBinary({ code, lines }: ReplyEvent): boolean {
  return code < 200 && /\bbinary mode\b/i.test(lines.join(" "));
}

/**
 * What a server says of a data connection whose TLS session is not the control connection's, and goes on. It is known by its length alone, so only of a
 * server that never confirms in so many bytes: elsewhere a confirmation is as long as anybody likes (ftp-srv's 226 is the file's path, FileZilla
 * Server 0.9 names the file).
 */
export function reuseComplaintOf(software: ServerIdentity | null): string | undefined {
  if (software?.name === "ProFTPD") return "425 Unable to build data connection: Operation not permitted\r\n";
  if (software?.name === "FileZilla Server" && software.version?.startsWith("0.") === false)
    return "425 Unable to build data connection: TLS session of data connection not resumed.\r\n";
  return undefined;
}

/** The reply quotes a verb that a device overwrote with X on its way (Cisco PIX and ASA, inspection of commands): `500 'XXXX TLS': …`. */
export function quotesMasked(reply: ReplyEvent): boolean {
  return /\bX{4,}\b/.test(reply.lines.join(" "));
}
