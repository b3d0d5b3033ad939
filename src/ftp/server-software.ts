import { rememberingTexts } from "../text-memory.ts";

/**
 * Which software a server runs, by what it says of itself. What 150, 125, 200 and 425 mean depends on it (docs/causes says where), and so does the setting
 * that a remedy names. Two tables: what states a product's name, and texts that only one product says. The second is asked only where the
 * first is silent, and must be of one mind; texts that several products share ("Transfer complete.", "Login successful.", "Goodbye.",
 * "Unable to build data connection") are in neither.
 */

/** The software of a server. */
export interface ServerIdentity {
  readonly name: ServerName;
  /** As the server states it, e.g. `3.0.3`; null where it does not. */
  readonly version: string | null;
}

/** As much of a reply as identification needs. */
export interface SpokenReply {
  readonly code: number;
  readonly lines: readonly string[];
}

interface NameRow {
  readonly name: string;
  /** Matched against the greeting (220), or the reply to SYST (215) where `code` says so; group 1 is the version. */
  readonly pattern: RegExp;
  readonly code?: 215;
  /** Where the text was read. */
  readonly source: string;
}

const NAMES = [
  {
    name: "vsftpd",
    pattern: /vsFTPd(?: (\d[\w.+-]*))?/i,
    source: "vsftpd 3.0.3 main.c; recordings 2.3.5 … 3.0.5",
  },
  {
    name: "ProFTPD",
    pattern: /\bProFTPD(?: (\d[\w.+-]*))?/i,
    source: "proftpd mod_auth; recording 1.3.8",
  },
  {
    name: "Pure-FTPd",
    pattern: /\bPure-FTPd(?: (\d[\w.+-]*))?/i,
    source: "pure-ftpd ftpd.c; recording 1.0.50 (states none)",
  },
  {
    name: "pyftpdlib",
    pattern: /\bpyftpdlib(?: (?:based ftpd|(\d[\w.+-]*)))?/i,
    source: "pyftpdlib handlers.py; recording 1.5.7",
  },
  {
    name: "FileZilla Server",
    pattern: /\bFileZilla Server(?: (?:version )?(\d[\w.+-]*))?/i,
    source: "FileZilla Server 0.9 and 1.x greetings; public capture 1.9.1",
  },
  {
    name: "FileZilla Server",
    code: 215,
    pattern: /\bemulated by FileZilla\b/i,
    source: "FileZilla Server, reply to SYST",
  },
  {
    name: "Microsoft FTP Service (IIS)",
    pattern: /\bMicrosoft FTP Service(?: \(Version (\d[\w.]*)\))?/i,
    source: "IIS greeting; WinSCP FtpFileSystem.cpp",
  },
  {
    name: "Serv-U",
    pattern: /\bServ-U FTP(?:[ -]Server)?(?: v(\d[\w.]*))?/i,
    source: "WinSCP FtpFileSystem.cpp: v15.1",
  },
  {
    name: "wu-ftpd",
    pattern: /\bwu-(\d[\w.-]*)/i,
    source: "wu-ftpd: FTP server (Version wu-2.6.2(1) …) ready.",
  },
  {
    name: "GNU inetutils ftpd",
    pattern: /\(GNU inetutils (\d[\w.]*)\)/i,
    source: "recording 2.4",
  },
  {
    name: "Cerberus FTP Server",
    pattern: /\bCerberus FTP Server(?: v?(\d[\w.]*))?/i,
    source: "WinSCP FtpFileSystem.cpp",
  },
  { name: "glFTPd", pattern: /\bglFTPd?(?: v?(\d[\w.]*))/i, source: "glFTPd default greeting" },
  {
    name: "JSCAPE MFT Server",
    pattern: /\bJSCAPE\b/i,
    source: "JSCAPE default greeting (own knowledge)",
  },
  {
    name: "Titan FTP Server",
    pattern: /\bTitan FTP Server(?: (\d[\w.]*))?/i,
    source: "WinSCP FtpFileSystem.cpp: 10.47.1892",
  },
  // Named so that a remedy does not offer another product's setting.
  {
    name: "NetBSD ftpd",
    pattern: /\(NetBSD-ftpd (\d\w*)/i,
    source: "public capture of ftp.NetBSD.org",
  },
  { name: "tnftpd", pattern: /\btnftpd (\d\w*)/i, source: "tnftpd(8) (own knowledge)" },
  {
    name: "linux-ftpd",
    pattern: /\bLinux-ftpd-(\d[\w.]*)/i,
    source: "public captures: Version 6.4/OpenBSD/Linux-ftpd-0.17",
  },
  {
    name: "Apache mod_ftp",
    pattern: /\bmod_ftp\/(\d[\w.]*)/i,
    source: "public capture of ftp.ncsa.illinois.edu",
  },
  {
    name: "Apache FtpServer",
    code: 215,
    pattern: /\bApache FtpServer\b/i,
    source: "WinSCP FtpFileSystem.cpp",
  },
  {
    name: "DriveHQ FTP Server",
    code: 215,
    pattern: /\bemulated by DriveHQ\b/i,
    source: "WinSCP FtpFileSystem.cpp",
  },
  {
    name: "IBM z/OS FTP",
    pattern: /\bIBM FTP CS (V\w+)/,
    source: "WinSCP FtpFileSystem.cpp: CS V2R1",
  },
  {
    name: "IBM z/OS FTP",
    code: 215,
    pattern: /\brunning on z\/OS\b/i,
    source: "WinSCP FtpFileSystem.cpp",
  },
  {
    name: "GlobalSCAPE EFT Server",
    pattern: /\bGlobalSCAPE\b(?:[^(]*\(v\. (\d[\w.]*))?/i,
    source: "WinSCP FtpFileSystem.cpp: (v. 6.0)",
  },
  {
    name: "CompleteFTP",
    pattern: /\bCompleteFTP(?: v (\d[\w.]*))?/i,
    source: "WinSCP FtpFileSystem.cpp: v 8.1.3",
  },
  {
    name: "Core FTP Server",
    pattern: /\bCore FTP Server(?: Version (\d[\w.]*))?/i,
    source: "WinSCP FtpFileSystem.cpp: Version 1.2",
  },
  { name: "Syncplify Server", pattern: /\bSyncplify\b/i, source: "WinSCP FtpFileSystem.cpp" },
  {
    name: "WS_FTP Server",
    pattern: /\bWS_FTP Server(?: (\d[\w.]*))?/i,
    source: "WinSCP FtpFileSystem.cpp",
  },
  { name: "CrushFTP", pattern: /\bCrushFTP\b/i, source: "default greeting (own knowledge)" },
  {
    name: "Wing FTP Server",
    pattern: /\bWing FTP Server\b/i,
    source: "default greeting (own knowledge)",
  },
  { name: "bftpd", pattern: /\bbftpd (\d[\w.]*)/i, source: "default greeting (own knowledge)" },
  {
    name: "SFTPGo",
    pattern: /\bSFTPGo(?:[ _](\d[\w.]*))?/i,
    source: "default greeting (own knowledge)",
  },
  {
    name: "INetSim",
    pattern: /\bINetSim\b/,
    source: "INetSim's greeting; it answers as vsftpd does",
  },
  { name: "libunftp", pattern: /\blibunftp\b/i, source: "default greeting (own knowledge)" },
] as const satisfies readonly NameRow[];

interface TextRow {
  readonly name: string;
  readonly code: number;
  /** Matched against each line of the reply. */
  readonly pattern: RegExp;
  readonly source: string;
}

const TEXTS = [
  { name: "vsftpd", code: 331, pattern: /^Please specify the password\.$/, source: "vsftpd prelogin.c; recordings" },
  { name: "vsftpd", code: 234, pattern: /^Proceed with negotiation\.$/, source: "vsftpd ssl.c; recordings" },
  {
    name: "vsftpd",
    code: 200,
    pattern: /^(?:PORT|EPRT) command successful\. Consider using (?:PASV|EPSV)\.$/,
    source: "vsftpd postlogin.c",
  },
  {
    name: "vsftpd",
    code: 150,
    pattern: /^(?:Here comes the directory listing|Ok to send data)\.$/,
    source: "vsftpd postlogin.c",
  },
  { name: "vsftpd", code: 226, pattern: /^Directory send OK\.$/, source: "vsftpd postlogin.c" },
  { name: "vsftpd", code: 500, pattern: /^OOPS: /, source: "vsftpd die()" },
  { name: "vsftpd", code: 522, pattern: /session reuse required/, source: "vsftpd ssl.c" },
  {
    name: "ProFTPD",
    code: 234,
    pattern: /^AUTH (?:TLS|SSL|TLS-[CP]) successful$/,
    source: "proftpd mod_tls; recordings",
  },
  { name: "ProFTPD", code: 426, pattern: /^Transfer aborted\. Data connection closed$/, source: "proftpd data.c" },
  { name: "ProFTPD", code: 200, pattern: /^Clearing control channel protection$/, source: "proftpd mod_tls" },
  {
    name: "ProFTPD",
    code: 501,
    pattern: /^(?:PASV|EPSV|PORT|EPRT): Operation not permitted$/,
    source: "proftpd mod_core; recordings",
  },
  { name: "ProFTPD", code: 211, pattern: /^ SITE SYMLINK$/, source: "proftpd mod_site_misc, FEAT" },
  { name: "Pure-FTPd", code: 234, pattern: /^AUTH TLS OK\.$/, source: "pure-ftpd tls.c; recordings" },
  { name: "Pure-FTPd", code: 229, pattern: /^Extended Passive mode OK /, source: "pure-ftpd ftpd.c; recordings" },
  { name: "Pure-FTPd", code: 226, pattern: /^File successfully transferred$/, source: "pure-ftpd ftpd.c; recordings" },
  { name: "Pure-FTPd", code: 331, pattern: /^User .* OK\. Password required$/, source: "pure-ftpd ftpd.c; recordings" },
  {
    name: "Pure-FTPd",
    code: 150,
    pattern: /^(?:Accepted data connection|Connecting to port \d+)$/,
    source: "pure-ftpd ftpd.c; recordings",
  },
  {
    name: "Pure-FTPd",
    code: 221,
    pattern: /^Goodbye\. You uploaded \d+ and downloaded \d+ kbytes\.$/,
    source: "pure-ftpd; recordings",
  },
  {
    name: "pyftpdlib",
    code: 229,
    pattern: /^Entering extended passive mode \(/,
    source: "pyftpdlib handlers.py (small letters)",
  },
  {
    name: "pyftpdlib",
    code: 331,
    pattern: /^Username ok, send password\.$/,
    source: "pyftpdlib handlers.py; recordings",
  },
  { name: "pyftpdlib", code: 200, pattern: /^Active data connection established\.$/, source: "pyftpdlib handlers.py" },
  {
    name: "FileZilla Server",
    code: 234,
    pattern: /^Using authentication type (?:TLS|SSL)\.?$/,
    source: "FileZilla Server 0.9 and 1.x",
  },
  { name: "FileZilla Server", code: 150, pattern: /^About to start data transfer\.$/, source: "FileZilla Server 1.x" },
  {
    name: "FileZilla Server",
    code: 425,
    pattern: /TLS session of data connection not resumed/,
    source: "FileZilla Server 1.x",
  },
  {
    name: "Microsoft FTP Service (IIS)",
    code: 234,
    pattern: /^AUTH command ok\. Expecting TLS Negotiation\.$/,
    source: "IIS 7+",
  },
  {
    name: "Microsoft FTP Service (IIS)",
    code: 125,
    pattern: /^Data connection already open; Transfer starting\.$/,
    source: "IIS (pyftpdlib has a full stop there)",
  },
  {
    name: "Microsoft FTP Service (IIS)",
    code: 215,
    pattern: /^Windows_NT$/,
    source: "IIS, reply to SYST; WinSCP FtpFileSystem.cpp",
  },
  {
    name: "Serv-U",
    code: 234,
    pattern: /^AUTH command OK\. Initializing SSL connection\.$/,
    source: "Serv-U message list",
  },
  { name: "Serv-U", code: 200, pattern: /^Command channel switched to clear-text\.$/, source: "Serv-U message list" },
  { name: "ftp-srv", code: 227, pattern: /^PASV OK \(/, source: "ftp-srv pasv.js; recordings" },
  { name: "ftp-srv", code: 502, pattern: /^Command blacklisted: /, source: "ftp-srv commands; recordings" },
  { name: "ftp-srv", code: 331, pattern: /^Username okay, awaiting password$/, source: "ftp-srv user.js; recordings" },
] as const satisfies readonly TextRow[];

/** A product as its makers write it, e.g. `vsftpd`, `Microsoft FTP Service (IIS)`. */
export type ServerName = (typeof NAMES | typeof TEXTS)[number]["name"];

const TEXTS_OF_CODE = byCode(TEXTS);

/**
 * The software of a server by its replies, in the order in which they came.
 * @returns undefined where no reply tells, or where they contradict each other
 */
export function identifyServer(replies: Iterable<SpokenReply>): ServerIdentity | undefined {
  let saidBy: Set<ServerName> | undefined;
  for (const reply of replies) {
    if (reply.code === 220 || reply.code === 215) {
      const identity = byName(reply);
      if (identity) return identity;
    }
    for (const row of TEXTS_OF_CODE.get(reply.code) ?? []) {
      if (saidBy?.has(row.name) || !reply.lines.some((line) => row.pattern.test(line))) continue;
      saidBy ??= new Set();
      saidBy.add(row.name);
    }
  }
  if (saidBy?.size !== 1) return undefined;
  const [name] = saidBy;
  return { name, version: null };
}

/** By a name in the greeting or in the reply to SYST; a greeting that names several products (a joke, a gateway) names none. */
function byName({ code, lines }: SpokenReply): ServerIdentity | undefined {
  const text = lines.length === 1 ? lines[0] : lines.join("\n");
  return code === 220 ? byGreeting(text) : nameIn(text, code);
}

/** Of the servers of a capture each greets all its clients alike. */
const byGreeting = rememberingTexts((text) => nameIn(text, 220));

function nameIn(text: string, replyCode: number): ServerIdentity | undefined {
  let found: ServerIdentity | undefined;
  for (const row of NAMES) {
    if (("code" in row ? row.code : 220) !== replyCode) continue;
    const match = row.pattern.exec(text);
    if (!match) continue;
    if (found && found.name !== row.name) return undefined;
    found ??= { name: row.name, version: match[1] === undefined ? null : versionText(match[1]) };
  }
  return found;
}

/** Longer than any version that a server has. */
const MAX_VERSION_LENGTH = 40;

/** A version without the full stop of its sentence. */
function versionText(text: string): string {
  return text.slice(0, MAX_VERSION_LENGTH).replace(/[.-]+$/, "");
}

function byCode<Row extends TextRow>(rows: readonly Row[]): ReadonlyMap<number, readonly Row[]> {
  const map = new Map<number, Row[]>();
  for (const row of rows) {
    const list = map.get(row.code);
    if (list) list.push(row);
    else map.set(row.code, [row]);
  }
  return map;
}
