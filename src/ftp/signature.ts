import { asLoaded } from "../prefilter/prefilter.ts";
import type { PayloadSignature } from "../tcp/connection-table.ts";
import { rememberingTexts } from "../text-memory.ts";
import type { ControlEvent } from "./control-event.ts";
import { decodeText } from "./line.ts";
import { endpointOfReply, PASSIVE_CODES } from "./negotiation.ts";
import { replyCode } from "./reply.ts";

/**
 * Finds control connections on any port, also ones joined midstream, by what is said there. SMTP, POP3, NNTP, IRC and DICT use some of the
 * same words, so a sign is *certain* (nobody but FTP says that) or a *candidate* (worth following until something certain is said, or
 * something that rules FTP out).
 *
 * Asked first: {@link signatureOf4} on four bytes, a table look-up. Only what passes is read as text.
 */

/** Who speaks, and whether nothing but FTP says so. */
export interface ControlSignature {
  readonly side: "client" | "server";
  readonly certain: boolean;
}

type Strength = "certain" | "candidate";

/** How a sign of one verb or code is read: certain if `certain` matches, else a candidate if `candidate` does, else nothing. */
interface Sign {
  readonly certain?: RegExp;
  readonly candidate?: RegExp;
  /** Why it is no stronger, or no weaker. */
  readonly reason: string;
}

const ANYTHING = /^/;
const NOTHING_MORE = /^\s*$/;

/** Commands by their verb; the patterns are matched against the argument. */
const COMMAND_SIGNS = {
  PASV: { certain: NOTHING_MORE, reason: "RFC 959; no other protocol" },
  EPSV: { certain: /^\s*(?:[12]|ALL)?\s*$/i, reason: "RFC 2428; no other protocol" },
  LPSV: { certain: NOTHING_MORE, reason: "RFC 1639; no other protocol" },
  PORT: { certain: /^ \d+,\d+,/, reason: "with octets; PORT alone may be anything" },
  EPRT: { certain: /^ ([!-~])[12]\1/, reason: "RFC 2428; no other protocol" },
  LPRT: { certain: /^ [46],/, reason: "RFC 1639; no other protocol" },
  PROT: { certain: /^ [CSEP]\s*$/i, reason: "RFC 2228; no other protocol" },
  PBSZ: { certain: /^ \d+\s*$/, reason: "RFC 2228; no other protocol" },
  CCC: { certain: NOTHING_MORE, reason: "RFC 2228; in the clear only by mistake" },
  AUTH: { certain: /^ (?:TLS|SSL|TLS-C|TLS-P)\s*$/i, reason: "SMTP says AUTH PLAIN, LOGIN, CRAM-MD5, GSSAPI" },
  FEAT: { certain: NOTHING_MORE, reason: "RFC 2389; no other protocol" },
  SYST: { certain: NOTHING_MORE, reason: "RFC 959; no other protocol" },
  OPTS: { certain: /^ (?:UTF-?8|MLST|HASH|LANG|MODE)\b/i, reason: "RFC 2389; no other protocol" },
  CLNT: { certain: /^ \S/, reason: "FTP clients name themselves so" },
  TYPE: { certain: /^ [AEIL](?: [NTC8])?\s*$/i, reason: "RFC 959; no other protocol" },
  MODE: { certain: /^ [SBCZ]\s*$/i, reason: "NNTP says MODE READER, IRC MODE +i" },
  STRU: { certain: /^ [FRP]\s*$/i, reason: "RFC 959; no other protocol" },
  PWD: { certain: NOTHING_MORE, reason: "RFC 959; no other protocol" },
  XPWD: { certain: NOTHING_MORE, reason: "RFC 775; no other protocol" },
  CWD: { certain: /^ \S/, reason: "RFC 959; no other protocol" },
  CDUP: { certain: NOTHING_MORE, reason: "RFC 959; no other protocol" },
  MKD: { certain: /^ \S/, reason: "RFC 959; no other protocol" },
  RMD: { certain: /^ \S/, reason: "RFC 959; no other protocol" },
  RNFR: { certain: /^ \S/, reason: "RFC 959; no other protocol" },
  RNTO: { certain: /^ \S/, reason: "RFC 959; no other protocol" },
  STOR: { certain: /^ \S/, reason: "RFC 959; no other protocol" },
  STOU: { certain: ANYTHING, reason: "RFC 959; no other protocol" },
  APPE: { certain: /^ \S/, reason: "RFC 959; no other protocol" },
  NLST: { certain: ANYTHING, reason: "RFC 959; no other protocol" },
  MLSD: { certain: ANYTHING, reason: "RFC 3659; no other protocol" },
  MLST: { certain: ANYTHING, reason: "RFC 3659; no other protocol" },
  SIZE: { certain: /^ \S/, reason: "RFC 3659; no other protocol" },
  MDTM: { certain: /^ \S/, reason: "RFC 3659; no other protocol" },
  REST: { certain: /^ \d+\s*$/, reason: "RFC 959; no other protocol" },
  ABOR: { certain: NOTHING_MORE, reason: "RFC 959; no other protocol" },
  SITE: { certain: /^ \S/, reason: "RFC 959; no other protocol" },
  RETR: { certain: /^ (?!\d+\s*$)\S/, candidate: /^ \d/, reason: "POP3 says RETR 1" },
  LIST: { certain: /^ (?:-\w|\/)/, candidate: /^(?: \d*)?\s*$/, reason: "POP3 says LIST [1], NNTP LIST ACTIVE" },
  USER: { candidate: /^ \S+\s*$/, reason: "POP3 says it too; IRC's has four words" },
  PASS: { candidate: ANYTHING, reason: "POP3 and IRC say it too" },
} as const satisfies Readonly<Record<string, Sign>>;

/** Words of a data connection, as servers put them. */
const DATA_WORDS = /data|transfer|listing|director|file|opening|connection|accepted/i;

/** Replies by their code; the patterns are matched against the text. Endpoints in 227, 228 and 229 are looked for besides. */
const REPLY_SIGNS: Readonly<Record<number, Sign>> = {
  120: { candidate: /ready|minutes/i, reason: "RFC 959: service ready in nnn minutes" },
  125: { certain: DATA_WORDS, reason: "RFC 959; no other protocol" },
  150: { certain: DATA_WORDS, reason: "DICT says 150 n definitions retrieved" },
  200: { certain: /PORT|EPRT|EPSV|PROT |PBSZ|Type set|Switching to|mode/i, reason: "NNTP greets with 200" },
  211: { certain: /^(?:Feat|Ext|FTP |End)/i, reason: "SMTP and NNTP say 211 too" },
  213: { certain: /^\d{14}(?:\.\d+)?\s*$/, candidate: /^\d+\s*$/, reason: "MDTM; SIZE is but a number" },
  215: { certain: /UNIX|Windows|VMS|MVS|Type: L8/i, reason: "NNTP says 215 list follows" },
  220: {
    certain: /\bFTPD?\b(?!\.)|vsFTPd|ProFTPD|Pure-FTPd|FileZilla|pyftpdlib/i,
    candidate: ANYTHING,
    reason: "SMTP and NNTP say 220 too",
  },
  221: { candidate: /goodbye|bye|thank/i, reason: "SMTP and DICT say 221 too" },
  225: { certain: DATA_WORDS, reason: "RFC 959; no other protocol" },
  226: { certain: DATA_WORDS, candidate: /ok|success|abort/i, reason: "NNTP had a 226 once" },
  227: { candidate: /passive/i, reason: "certain with six numbers" },
  229: { candidate: /passive/i, reason: "certain with a port" },
  230: { candidate: /log|user|welcome|guest|anonymous/i, reason: "DICT and NNTP say 230 too" },
  234: {
    certain: /AUTH|TLS|SSL|negotiat|security|honored/i,
    candidate: ANYTHING,
    reason: "RFC 4217; no other protocol",
  },
  250: { certain: /CWD|directory/i, reason: "SMTP says 250 to nearly everything" },
  257: { certain: /^"/, reason: "RFC 959: a quoted path" },
  331: { certain: /pass|guest|user|login|name/i, reason: "RFC 959; no other protocol" },
  332: { certain: /account/i, reason: "RFC 959; no other protocol" },
  350: { certain: /restart|rename|RNTO|REST|ready|file|pending|exists/i, reason: "RFC 959; no other protocol" },
  421: { candidate: ANYTHING, reason: "SMTP and DICT say 421 too" },
  425: { certain: /data|connection|PORT|PASV/i, reason: "RFC 959; no other protocol" },
  426: { certain: /connection|transfer|abort|network|data/i, reason: "RFC 959; no other protocol" },
  522: { certain: /protocol|data|TLS|SSL/i, reason: "RFC 2428, RFC 4217" },
  530: { candidate: /log|user|pass|sign/i, reason: "SMTP says 530 Must issue a STARTTLS command first" },
  534: { certain: /policy|PROT|TLS|SSL|protection/i, reason: "RFC 2228; SMTP says 534 5.7.9 mechanism too weak" },
};

/** What only other protocols say; the reason beside each. Matched against a whole line. */
const OTHER_PROTOCOLS: readonly { readonly pattern: RegExp; readonly reason: string }[] = [
  { pattern: /^(?:EHLO|HELO|LHLO)\b/i, reason: "SMTP, LMTP" },
  { pattern: /^(?:MAIL FROM|RCPT TO):/i, reason: "SMTP" },
  { pattern: /^(?:STARTTLS|STLS|CAPA|UIDL)\s*$/i, reason: "SMTP, IMAP, POP3" },
  { pattern: /^AUTH (?:PLAIN|LOGIN|CRAM-MD5|DIGEST-MD5|XOAUTH2?|NTLM|SCRAM-\S+)/i, reason: "SMTP, POP3" },
  { pattern: /^220[ -].*\bE?SMTP\b(?!\.)/i, reason: "SMTP greeting (RFC 5321 section 4.2)" },
  { pattern: /^220[ -].*\bdictd?\b/i, reason: "DICT greeting (RFC 2229)" },
  {
    pattern: /^250[ -](?:STARTTLS|PIPELINING|8BITMIME|ENHANCEDSTATUSCODES|CHUNKING|DSN|SMTPUTF8|SIZE \d+)\b/i,
    reason: "SMTP",
  },
  { pattern: /^\d{3}[ -][245]\.\d{1,3}\.\d{1,3} /, reason: "SMTP enhanced status code (RFC 2034)" },
  { pattern: /^354 /, reason: "SMTP DATA" },
  { pattern: /^(?:\+OK|-ERR)\b/, reason: "POP3" },
  { pattern: /^\* (?:OK|PREAUTH|BYE)\b/, reason: "IMAP" },
  { pattern: /^20[01] .*\b(?:news|NNTP|InterNetNews|posting)\b/i, reason: "NNTP greeting (RFC 3977)" },
  { pattern: /^(?:MODE READER|GROUP \S+\.\S+|XOVER|ARTICLE <|LIST ACTIVE|AUTHINFO )/i, reason: "NNTP" },
  { pattern: /^(?:NICK \S|JOIN [#&]|PRIVMSG |CAP LS|USER \S+ \S+ \S+ :)/i, reason: "IRC" },
  { pattern: /^(?:[A-Z]+ \S+ HTTP\/1|HTTP\/1\.)/, reason: "HTTP" },
  { pattern: /^SSH-[12]\./, reason: "SSH" },
];

/** Whether a line, by a client or a server, rules FTP out: SMTP, POP3, IMAP, NNTP, IRC, HTTP, DICT, SSH. */
export function rulesOutFtp(line: string): boolean {
  return OTHER_PROTOCOLS.some(({ pattern }) => pattern.test(line));
}

/** How much of a first payload is read. */
const READ_BYTES = 1024;

/** What {@link signatureOf4} says of four bytes. */
export const SIGNATURE_4 = { none: 0, client: 1, server: 2 } as const;

/** Codes with a sign, by code: 1. */
const CODE_HAS_SIGN = new Uint8Array(700);
for (const code of Object.keys(REPLY_SIGNS)) CODE_HAS_SIGN[Number(code)] = 1;
for (const code of PASSIVE_CODES) CODE_HAS_SIGN[code] = 1;

/** The first four bytes of all verbs with a sign, letters in capitals: an open hash table of 256 places, 0 where empty. */
const VERB_KEYS = new Int32Array(256);
for (const verb of Object.keys(COMMAND_SIGNS)) {
  // A verb of three letters goes on with a space, CR or LF.
  for (const end of verb.length === 3 ? " \r\n" : [""]) {
    const word = verb + end;
    const key = foldedKey(word.charCodeAt(0), word.charCodeAt(1), word.charCodeAt(2), word.charCodeAt(3));
    let place = placeOf(key);
    while (VERB_KEYS[place] !== 0) place = (place + 1) & 0xff;
    VERB_KEYS[place] = key;
  }
}

/** What makes two bytes of a folded key those that it was folded from. */
const SPELLINGS = [0x0000, 0x0020, 0x2000, 0x2020] as const;

/** Four bytes as one integer, lower-case letters as capitals. */
function foldedKey(b0: number, b1: number, b2: number, b3: number): number {
  return ((b0 << 24) | (b1 << 16) | (b2 << 8) | b3) & 0xdfdfdfdf;
}

function placeOf(key: number): number {
  return Math.imul(key, 0x9e3779b1) >>> 24;
}

/**
 * Whether the first four bytes of a payload can begin a command or reply with a sign. For every first payload of an unknown connection: no
 * allocation, a few loads.
 */
export function signatureOf4(b0: number, b1: number, b2: number, b3: number): 0 | 1 | 2 {
  if (b0 >= 0x31 && b0 <= 0x35) {
    if (b3 !== 0x20 && b3 !== 0x2d) return SIGNATURE_4.none;
    const tens = b1 - 0x30;
    const ones = b2 - 0x30;
    if (tens < 0 || tens > 9 || ones < 0 || ones > 9) return SIGNATURE_4.none;
    return CODE_HAS_SIGN[(b0 - 0x30) * 100 + tens * 10 + ones] === 1 ? SIGNATURE_4.server : SIGNATURE_4.none;
  }
  const key = foldedKey(b0, b1, b2, b3);
  let place = placeOf(key);
  while (VERB_KEYS[place] !== 0) {
    if (VERB_KEYS[place] === key) return SIGNATURE_4.client;
    place = (place + 1) & 0xff;
  }
  return SIGNATURE_4.none;
}

/**
 * What a first payload says of its connection.
 * @param length bytes of payload from `at` on; it need not be a whole line
 * @returns undefined when it is no sign of FTP, or a sign against it
 */
export function controlSignature(bytes: Uint8Array, at: number, length: number): ControlSignature | undefined {
  if (length < 4) return undefined;
  const first = signatureOf4(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]);
  if (first === SIGNATURE_4.none) return undefined;
  const text = decodeText(bytes, at, Math.min(at + length, at + READ_BYTES, bytes.length), true);
  const lines = text.split(/\r?\n/);
  if (lines.some(rulesOutFtp)) return undefined;
  if (first === SIGNATURE_4.client) {
    const strength = commandStrength(lines[0]);
    return strength && SIGNATURES.client[strength];
  }
  const code = replyCode(lines[0]);
  const strength = code < 0 ? undefined : replyStrength(code, lines.map((line) => line.slice(4)).join("\n"));
  return strength && SIGNATURES.server[strength];
}

const SIGNATURES = {
  client: { certain: { side: "client", certain: true }, candidate: { side: "client", certain: false } },
  server: { certain: { side: "server", certain: true }, candidate: { side: "server", certain: false } },
} as const satisfies Readonly<Record<"client" | "server", Readonly<Record<Strength, ControlSignature>>>>;

function commandStrength(line: string): Strength | undefined {
  const verb = /^[A-Za-z]+/.exec(line)?.[0] ?? "";
  return strengthOf((COMMAND_SIGNS as Readonly<Record<string, Sign>>)[verb.toUpperCase()], line.slice(verb.length));
}

function replyStrength(code: number, text: string): Strength | undefined {
  if (endpointOfReply(code, [text])) return "certain";
  return strengthOf(REPLY_SIGNS[code], text);
}

function strengthOf(sign: Sign | undefined, text: string): Strength | undefined {
  if (sign?.certain?.test(text)) return "certain";
  return sign?.candidate?.test(text) ? "candidate" : undefined;
}

/** Whether a command or reply of a followed connection proves that it is FTP. */
export function isFtpEvidence(event: ControlEvent): boolean {
  if (event.kind === "command") {
    const line = event.argument === null ? event.verb : `${event.verb} ${event.argument}`;
    return commandStrength(line) === "certain" && !rulesOutFtp(line);
  }
  if (event.kind !== "reply") return false;
  const text = event.lines.length === 1 ? event.lines[0] : event.lines.join("\n");
  return event.code === 220 ? greetsAsFtp(text) : provesFtp(event.code, text);
}

/** A greeting decides nearly every session, and a server greets all its clients alike. */
const greetsAsFtp = rememberingTexts((text) => provesFtp(220, text));

function provesFtp(code: number, text: string): boolean {
  return replyStrength(code, text) === "certain" && !rulesOutFtp(`${code} ${text}`);
}

/** Whether something said on a followed connection rules FTP out. */
export function isOtherProtocol(event: ControlEvent): boolean {
  switch (event.kind) {
    case "command":
      return rulesOutFtp(event.argument === null ? event.verb : `${event.verb} ${event.argument}`);
    case "reply":
      return event.lines.some((line) => rulesOutFtp(`${event.code} ${line}`));
    case "odd-line":
      return rulesOutFtp(event.text);
    default:
      return false;
  }
}

/** The signatures as the connection table asks for them, once for each first payload of an unknown connection. */
export const CONTROL_SIGNATURE: PayloadSignature = {
  markPairs(first, second, bit) {
    for (let digit = 0x30; digit <= 0x39; digit++) {
      for (let hundreds = 0x31; hundreds <= 0x35; hundreds++) first[hundreds | (digit << 8)] |= bit;
      for (const end of [0x20, 0x2d]) second[digit | (end << 8)] |= bit;
    }
    for (const key of VERB_KEYS) {
      if (key === 0) continue;
      for (const spelling of SPELLINGS) {
        first[asLoaded((key >>> 16) | spelling)] |= bit;
        second[asLoaded((key & 0xffff) | spelling)] |= bit;
      }
    }
  },
  recognise: (bytes, at, length) => controlSignature(bytes, at, length)?.side,
};
