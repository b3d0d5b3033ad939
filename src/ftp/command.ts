import type { CommandEvent } from "./control-event.ts";
import type { NegotiationVerb } from "./negotiation.ts";
import { REDACTED, withoutCredentials, withoutCredentialsInName } from "./secret-text.ts";

/**
 * Commands: the verbs of the field with their source beside each, and the parser of a command line (RFC 959 section 5.3).
 */

/** What a transfer moves: a file to the server or from it, or a listing. */
export type TransferKind = "upload" | "download" | "listing";

/** What is known of a verb. */
export interface VerbFacts {
  /** The RFC and section, or where it was found. */
  readonly source: string;
  /** It moves data over a data connection. */
  readonly transfer?: TransferKind;
  /** It negotiates a data connection, and means the same as this verb. */
  readonly negotiates?: NegotiationVerb;
  /** Reply codes that complete it (RFC 959 section 5.4), the usual one first; without, any 2xx or 3xx does. 4xx and 5xx complete any verb. */
  readonly completedBy?: readonly number[];
  /** Codes that answer no verb but those that name them here, so that such a reply finds its command past others. */
  readonly owns?: readonly number[];
  /** A name may stand for another file behind it, or for another length of it (RFC 959 section 4.1, RFC 3659 section 4). */
  readonly changesFiles?: true;
  /** Clients still say it between the negotiation and the transfer (curl: TYPE, SIZE, REST). */
  readonly prepares?: true;
  /** Its argument names no file, directory, user or host. */
  readonly namesNothing?: true;
  /** Its argument is a secret and never enters the model. */
  readonly secret?: true;
}

/** RFC 959 section 5.4: what completes a transfer; 226 answers nothing else but an ABOR. */
const MOVES_DATA = { completedBy: [226, 250, 225], owns: [226] } as const;

const VERB_TABLE = {
  // access control
  USER: { source: "RFC 959 4.1.1", completedBy: [230, 331, 332, 232, 336], owns: [230, 331], changesFiles: true },
  PASS: { source: "RFC 959 4.1.1", secret: true, completedBy: [230, 332, 202], owns: [230] },
  ACCT: { source: "RFC 959 4.1.1", secret: true, owns: [230] },
  CWD: { source: "RFC 959 4.1.1", changesFiles: true },
  CDUP: { source: "RFC 959 4.1.1", changesFiles: true },
  SMNT: { source: "RFC 959 4.1.1" },
  REIN: { source: "RFC 959 4.1.1", changesFiles: true },
  QUIT: { source: "RFC 959 4.1.1", completedBy: [221], owns: [221], namesNothing: true },
  // transfer parameters
  PORT: { source: "RFC 959 4.1.2", negotiates: "PORT", completedBy: [200] },
  PASV: { source: "RFC 959 4.1.2", negotiates: "PASV", completedBy: [227], owns: [227] },
  TYPE: { source: "RFC 959 4.1.2", completedBy: [200], changesFiles: true, prepares: true, namesNothing: true },
  STRU: { source: "RFC 959 4.1.2", prepares: true, namesNothing: true },
  MODE: { source: "RFC 959 4.1.2", prepares: true, namesNothing: true },
  // service
  RETR: { source: "RFC 959 4.1.3", transfer: "download", ...MOVES_DATA },
  STOR: { source: "RFC 959 4.1.3", transfer: "upload", ...MOVES_DATA, changesFiles: true },
  STOU: { source: "RFC 959 4.1.3", transfer: "upload", ...MOVES_DATA, changesFiles: true },
  APPE: { source: "RFC 959 4.1.3", transfer: "upload", ...MOVES_DATA, changesFiles: true },
  ALLO: { source: "RFC 959 4.1.3", prepares: true, namesNothing: true },
  REST: { source: "RFC 959 4.1.3, RFC 3659 5", completedBy: [350], owns: [350], prepares: true, namesNothing: true },
  RNFR: { source: "RFC 959 4.1.3", owns: [350] },
  RNTO: { source: "RFC 959 4.1.3", changesFiles: true },
  ABOR: { source: "RFC 959 4.1.3", owns: [226], namesNothing: true },
  DELE: { source: "RFC 959 4.1.3", changesFiles: true },
  RMD: { source: "RFC 959 4.1.3" },
  MKD: { source: "RFC 959 4.1.3", owns: [257] },
  PWD: { source: "RFC 959 4.1.3", completedBy: [257, 250], owns: [257] },
  LIST: { source: "RFC 959 4.1.3", transfer: "listing", ...MOVES_DATA },
  NLST: { source: "RFC 959 4.1.3", transfer: "listing", ...MOVES_DATA },
  SITE: { source: "RFC 959 4.1.3", changesFiles: true },
  SYST: { source: "RFC 959 4.1.3", completedBy: [215], owns: [215], namesNothing: true },
  STAT: { source: "RFC 959 4.1.3", owns: [213, 211] },
  HELP: { source: "RFC 959 4.1.3", owns: [211], namesNothing: true },
  NOOP: { source: "RFC 959 4.1.3", completedBy: [200], prepares: true, namesNothing: true },
  // before RFC 959: directory commands (RFC 775, RFC 1123 4.1.3.1), mail (RFC 765)
  XCUP: { source: "RFC 775", changesFiles: true },
  XCWD: { source: "RFC 775", changesFiles: true },
  XMKD: { source: "RFC 775", owns: [257] },
  XPWD: { source: "RFC 775", completedBy: [257, 250], owns: [257] },
  XRMD: { source: "RFC 775" },
  MLFL: { source: "RFC 765" },
  MAIL: { source: "RFC 765" },
  MSND: { source: "RFC 765" },
  MSOM: { source: "RFC 765" },
  MSAM: { source: "RFC 765" },
  MRSQ: { source: "RFC 765" },
  MRCP: { source: "RFC 765" },
  // security; MIC, CONF and ENC carry whole commands, PASS among them, at best encrypted
  AUTH: { source: "RFC 2228 3", completedBy: [234, 334, 335, 235], owns: [234], namesNothing: true },
  ADAT: { source: "RFC 2228 3", secret: true },
  PBSZ: { source: "RFC 2228 3", completedBy: [200], namesNothing: true },
  PROT: { source: "RFC 2228 3", completedBy: [200], namesNothing: true },
  CCC: { source: "RFC 2228 3" },
  MIC: { source: "RFC 2228 3", secret: true },
  CONF: { source: "RFC 2228 3", secret: true },
  ENC: { source: "RFC 2228 3", secret: true },
  // features, addresses, languages, machine-readable listings, virtual hosts
  FEAT: { source: "RFC 2389 3", completedBy: [211, 214], owns: [211], namesNothing: true },
  OPTS: { source: "RFC 2389 4", prepares: true, namesNothing: true },
  EPRT: { source: "RFC 2428 2", negotiates: "EPRT", completedBy: [200] },
  EPSV: { source: "RFC 2428 3; 200 answers EPSV ALL (4)", negotiates: "EPSV", completedBy: [229, 200], owns: [229] },
  LPRT: { source: "RFC 1639", negotiates: "LPRT", completedBy: [200] },
  LPSV: { source: "RFC 1639", negotiates: "LPSV", completedBy: [228], owns: [228] },
  LANG: { source: "RFC 2640 4.1", namesNothing: true },
  MDTM: { source: "RFC 3659 3", completedBy: [213], owns: [213], prepares: true },
  SIZE: { source: "RFC 3659 4", completedBy: [213], owns: [213], prepares: true },
  MLST: { source: "RFC 3659 7" },
  MLSD: { source: "RFC 3659 7", transfer: "listing", ...MOVES_DATA },
  HOST: { source: "RFC 7151 3" },
  // drafts
  MFMT: { source: "draft-somers-ftp-mfxx", owns: [213] },
  MFCT: { source: "draft-somers-ftp-mfxx" },
  MFF: { source: "draft-somers-ftp-mfxx" },
  HASH: { source: "draft-bryan-ftpext-hash" },
  RANG: { source: "draft-bryan-ftp-range" },
  THMB: { source: "draft-peterson-streamlined-ftp-command-extensions" },
  AVBL: { source: "draft-peterson-streamlined-ftp-command-extensions" },
  DSIZ: { source: "draft-peterson-streamlined-ftp-command-extensions" },
  CSID: { source: "draft-peterson-streamlined-ftp-command-extensions" },
  RMDA: { source: "draft-peterson-streamlined-ftp-command-extensions" },
  COMB: { source: "draft-peterson-streamlined-ftp-command-extensions" },
  // found in the field
  CLNT: { source: "sent by FileZilla, lftp, NcFTP: the client's name", namesNothing: true },
  PRET: { source: "DrFTPD; lftp sends it to Pure-FTPd: what the next PASV is for" },
  SPSV: { source: "Pure-FTPd: passive, port only", negotiates: "PASV", completedBy: [227, 229], owns: [227, 229] },
  CPSV: {
    source: "glFTPd, DrFTPD: PASV with the server as TLS client (secure FXP)",
    negotiates: "PASV",
    completedBy: [227],
    owns: [227],
  },
  "P@SW": {
    source: "PASV as old firewalls rewrote it; listed by Zeek, wu-ftpd",
    negotiates: "PASV",
    completedBy: [227],
    owns: [227],
  },
  SSCN: { source: "RaidenFTPD, glFTPd, Serv-U: which side is TLS client (secure FXP)" },
  ESTA: { source: "Pure-FTPd: extended status of FXP" },
  ESTP: { source: "Pure-FTPd: extended status of FXP" },
  XAUT: { source: "WS_FTP: user and password, scrambled", secret: true },
  XCRC: { source: "FEAT of Serv-U, GlobalSCAPE, FileZilla" },
  XMD5: { source: "FEAT of ProFTPD mod_digest" },
  MD5: { source: "draft-twine-ftpmd5" },
  MMD5: { source: "draft-twine-ftpmd5" },
  XSHA: { source: "FEAT of ProFTPD mod_digest" },
  XSHA1: { source: "FEAT of ProFTPD mod_digest" },
  XSHA256: { source: "FEAT of ProFTPD mod_digest" },
  XSHA512: { source: "FEAT of ProFTPD mod_digest" },
  XRCP: { source: "Serv-U: receive a copy" },
  XDUP: { source: "glFTPd: duplicate check" },
  MACB: { source: "sent by Fetch and Internet Explorer for Macintosh: MacBinary" },
  ALGS: { source: "listed by Zeek, as found in traces" },
} as const satisfies Readonly<Record<string, VerbFacts>>;

interface KnownEntry {
  readonly verb: string;
  readonly facts: VerbFacts;
}

const KNOWN: ReadonlyMap<string, KnownEntry> = new Map(
  Object.entries(VERB_TABLE).map(([verb, facts]): [string, KnownEntry] => [verb, { verb, facts }]),
);

/** Longest verb of the table (`XSHA256`), and room for one letter more. */
const MAX_VERB_LENGTH = 8;

/** How many bytes that belong to no verb may stand before it: spaces, or what is left of Telnet commands. */
const MAX_LEADING_GARBAGE = 8;

/**
 * Subcommands of SITE that carry a password: `SITE PSWD` (wu-ftpd `GPASS`, glFTPd `ADDUSER`, Serv-U `PSWD`, IIS and others `CHPASS`).
 */
const SECRET_SITE_COMMANDS: ReadonlySet<string> = new Set([
  "PSWD",
  "PASS",
  "PASSWD",
  "PASSWORD",
  "CHPASS",
  "CHPWD",
  "CPASS",
  "CPWD",
  "PWD",
  "GPASS",
  "ADDUSER",
  "GADDUSER",
  "USER",
  "LOGIN",
]);

/** A command as the client meant it. */
export interface Command {
  /** In capitals. */
  readonly verb: string;
  /** The text after the verb; null where there is none, or where it is a secret. */
  readonly argument: string | null;
}

/** The verbs of the table, in capitals. */
export const VERBS: readonly string[] = [...KNOWN.keys()];

/** What is known of a verb in capitals; undefined for verbs of which nothing is. */
export function verbFacts(verb: string): VerbFacts | undefined {
  return KNOWN.get(verb)?.facts;
}

/** Whether the verb (in capitals) is one of the table. */
export function isKnownVerb(verb: string): boolean {
  return KNOWN.has(verb);
}

/** What the verb (in capitals) moves over a data connection; undefined when it moves nothing. */
export function transferKind(verb: string): TransferKind | undefined {
  return KNOWN.get(verb)?.facts.transfer;
}

/** Whether the verb (in capitals) moves data over a data connection: RETR, STOR, STOU, APPE, LIST, NLST, MLSD. */
export function isTransfer(verb: string): boolean {
  return transferKind(verb) !== undefined;
}

/** The negotiation that the verb (in capitals) asks for; undefined when it is none. */
export function negotiationOf(verb: string): NegotiationVerb | undefined {
  return KNOWN.get(verb)?.facts.negotiates;
}

/** Whether the verb (in capitals) negotiates a data connection. */
export function isNegotiation(verb: string): boolean {
  return negotiationOf(verb) !== undefined;
}

/** Unknown verbs that are taken for PASS misspelt, or for the login of another protocol. */
const SECRET_UNKNOWN_VERB = /PAS|PSW|PWD|LOG[IO]N/;

/** Whether the argument of the verb (in capitals) is a secret, by the table or, of an unknown verb, by {@link SECRET_UNKNOWN_VERB}. */
export function hasSecret(verb: string): boolean {
  const known = KNOWN.get(verb);
  return known ? known.facts.secret === true : SECRET_UNKNOWN_VERB.test(verb);
}

/**
 * Whether LF alone ends the line of a command. vsftpd 3.0.3 and Pure-FTPd 1.0.50 read it like any other, ProFTPD 1.3.8 and pyftpdlib 1.5.7 go on waiting for
 * CR LF (RFC 959 section 5.3.1; seen in recordings), and Linux nf_conntrack_ftp drops such a PORT. False where a secret was taken out of the line.
 */
export function endsInBareLf({ verb, argument, startAt, endAt }: CommandEvent): boolean {
  return endAt - startAt === verb.length + (argument === null ? 0 : 1 + argument.length) + 1;
}

/**
 * Reads a command line: a verb of the table, or an unknown one of 3 … 5 letters, in any case, then a space and the argument.
 * @param text the line without its end
 * @param cut the line's end was not seen: a verb at the very end may be the beginning of another one
 * @returns undefined when the line is no command
 */
export function parseCommand(text: string, cut = false): Command | undefined {
  // Nearly every line begins with a verb of the table in capitals, and a space or nothing behind it.
  const space = text.indexOf(" ");
  let end = space < 0 ? text.length : space;
  let known = KNOWN.get(text.slice(0, end));
  let verb = known?.verb;
  if (verb === undefined) {
    const at = verbAt(text);
    end = verbEnd(text, at);
    const length = end - at;
    if (length < 3 || length > MAX_VERB_LENGTH) return undefined;
    const atEnd = end === text.length;
    if (!atEnd && !isBlank(text.charCodeAt(end))) return undefined;
    verb = text.slice(at, end).toUpperCase();
    known = KNOWN.get(verb);
    if (!known && (length > 5 || (cut && atEnd) || !/^[A-Z]+$/.test(verb))) return undefined;
  }
  if (end === text.length) return { verb, argument: null };
  if (known ? known.facts.secret : hasSecret(verb)) return { verb, argument: null };
  do end++;
  while (end < text.length && isBlank(text.charCodeAt(end)));
  const argument = text.slice(end);
  if (known?.facts.negotiates) return { verb, argument: argument || null };
  return { verb, argument: publicArgument(verb, argument) || null };
}

/** Behind what belongs to no verb. */
function verbAt(text: string): number {
  let at = 0;
  while (at < text.length && at < MAX_LEADING_GARBAGE && isLeadingGarbage(text.charCodeAt(at))) at++;
  return at;
}

/** Behind the verb, or one behind the longest that there is. */
function verbEnd(text: string, at: number): number {
  let end = at;
  while (end < text.length && end - at <= MAX_VERB_LENGTH && isVerbCharacter(text.charCodeAt(end))) end++;
  return end;
}

/**
 * The secrets in a command line, to be found again in what the server repeats: the argument of PASS and its like, the words behind `SITE PSWD`;
 * and a line that is no known command at all, which may be a password typed in the wrong place.
 * @param command what {@link parseCommand} made of the line
 */
export function secretsOf(text: string, command: Command | undefined): readonly string[] {
  if (command === undefined) {
    const announced = SECRET_ANNOUNCED.exec(text);
    return announced ? [text, ...words(text.slice(announced.index + announced[0].length))] : [text];
  }
  const { verb, argument } = command;
  if (!KNOWN.has(verb)) return [text, ...(argument === null ? words(text) : [])];
  if (verb === "SITE" ? argument === null || !SECRET_SITE_COMMANDS.has(argument) : !hasSecret(verb)) return NO_SECRETS;
  const rest = text.slice(text.toUpperCase().indexOf(verb) + verb.length);
  return words(verb === "SITE" ? rest.trimStart().slice(argument?.length) : rest);
}

const NO_SECRETS: readonly string[] = [];

/** How many single words of a secret are looked for besides the whole of it. */
const MAX_SECRET_WORDS = 4;

/** The whole of a secret and, where it has several words, each of them. A hyphen before a password asks for short replies (wu-ftpd). */
function words(secret: string): string[] {
  const trimmed = secret.trim();
  const whole = trimmed.startsWith("-") ? trimmed.slice(1) : trimmed;
  return /\s/.test(whole) ? [whole, ...whole.split(/\s+/, MAX_SECRET_WORDS)] : [whole];
}

const SECRET_ANNOUNCED = /PASS(?!IVE)|PSWD|ACCT|ADAT|XAUT|\bLOG[IO]N(?= \S+ \S)|AUTHINFO|AUTHORI[SZ]ATION|COOKIE/i;
const CONTROL_CHARACTERS = /[\x00-\x08\x0b-\x1f\x7f]/g;

/** A line of which nothing is known, fit to be kept: whatever follows a word that announces a secret is left out. */
export function withoutSecrets(text: string): string {
  const secret = SECRET_ANNOUNCED.exec(text);
  if (secret) return text.slice(0, secret.index + secret[0].length);
  const plain = text.replace(CONTROL_CHARACTERS, "");
  return withoutCredentials(plain.length === text.length ? text : SECRET_ANNOUNCED.test(plain) ? "" : text);
}

/** What of an argument may be kept: no password in a URL or of SITE, and of AUTH the mechanism alone. */
function publicArgument(verb: string, argument: string): string {
  switch (verb) {
    case "SITE":
      return withoutSiteSecret(argument);
    case "AUTH":
      return argument.split(/[ \t]/, 1)[0];
    case "USER":
      return withoutCredentialsInName(argument).replace(/^([^\s:@]*:).+@/, `$1${REDACTED}@`);
    default:
      return withoutCredentialsInName(argument);
  }
}

function withoutSiteSecret(argument: string): string {
  const subcommand = argument.split(/[ \t]/, 1)[0].toUpperCase();
  return SECRET_SITE_COMMANDS.has(subcommand) ? subcommand : withoutCredentials(argument);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** Control characters, space, and anything beyond ASCII: a DM (0xf2) whose IAC travelled as urgent data, for one. */
function isLeadingGarbage(code: number): boolean {
  return code <= 0x20 || code >= 0x7f;
}

/** Letters, and the digits and `@` of a few verbs of the table. */
function isVerbCharacter(code: number): boolean {
  const upper = code & 0xdf;
  return (upper >= 0x41 && upper <= 0x5a && code < 0x7f) || (code >= 0x30 && code <= 0x39) || code === 0x40;
}
