import { rememberingTexts } from "../text-memory.ts";

/**
 * Keeps secrets out of the model. Arguments of PASS and its like are dropped where commands are read (`command.ts`); what is here finds
 * secrets in other texts: passwords inside URLs, commands that a server quotes, and passwords that it repeats in its own words.
 *
 * ```
 * C RETR ftp://alice:hunter2@host/x        a gateway; the password goes
 * S 500 'PASS hunter2': command not understood.
 * C hunter2                                typed where a command should be, and echoed
 * S 500 'HUNTER2': command not understood.
 * ```
 */

/** Stands where a secret stood. */
export const REDACTED = "***";

/** Words behind which a command's secret stands, as servers quote commands. */
const SECRET_COMMAND =
  /(["'`«(<[]?)\b(PASS|PASSWD|ACCT|ADAT|XAUT|XPASS|PSWD|CPWD|CHPWD|CHPASS|CPASS|GPASS|ADDUSER|GADDUSER)[ \t]+(?=\S)/gi;

/** Those of them that stand in a server's own sentences: `530 Please login with USER and PASS first.` */
const SPOKEN_COMMAND = /^(?:PASS|PASSWD|ACCT|ADAT)$/i;

/** English that follows them there. */
const OWN_WORDS =
  /^(?:a|after|again|already|an|and|are|before|by|can|command|denied|disabled|expected|failed|first|for|has|ignored|in|incorrect|invalid|is|later|must|needed|not|now|of|ok|okay|on|or|phrase|please|port|required|sent|sequence|should|superfluous|syntax|the|through|to|unknown|was|with|without|you|your)\b/i;

/** `password: x`, `pwd=x`, `ADAT=x`. */
const SECRET_ASSIGNMENT =
  /\b(password|passwd|passphrase|passcode|pass|pwd|adat|token|secret)(\s{0,3}[:=]\s{0,3})[^\s&;]+/gi;

/** One look that nearly every text passes. */
const SUSPICIOUS = /@|%40|pass(?!ive mode)|p[sw]w?d|acct|adat|xaut|adduser|token|secret/i;

/** `text` without the secrets that show as such: in URLs, behind a quoted PASS, behind `password=`. */
export function withoutCredentials(text: string): string {
  if (!SUSPICIOUS.test(text)) return text;
  return withoutQuotedCommand(withoutUrlPassword(text)).replace(SECRET_ASSIGNMENT, `$1$2${REDACTED}`);
}

/** A file or user name without the secrets that show as such: in URLs, behind `password=`. */
export function withoutCredentialsInName(text: string): string {
  if (!SUSPICIOUS.test(text)) return text;
  return withoutUrlPassword(text).replace(SECRET_ASSIGNMENT, `$1$2${REDACTED}`);
}

/** `//user:secret@` to `//user:***@`, also where `:`, `/` and `@` are written as `%3A`, `%2F`, `%40`. */
function withoutUrlPassword(text: string): string {
  const at = Math.max(text.lastIndexOf("@"), text.lastIndexOf("%40"));
  if (at < 0) return text;
  // From the first user name on, up to the last @: a password may hold @, : and / itself.
  const begin = /(?:\/\/|%2f%2f)(?:[^\s/:@%]|%(?!2f|3a|40))*(?::|%3a)(?!\d{1,5}(?:[/\s]|$))/i.exec(text);
  if (!begin || begin.index + begin[0].length > at) return text;
  return text.slice(0, begin.index + begin[0].length) + REDACTED + text.slice(at);
}

/** `'PASS x': not understood` to `'PASS ***': not understood`. */
function withoutQuotedCommand(text: string): string {
  for (const match of text.matchAll(SECRET_COMMAND)) {
    const [whole, quote, command] = match;
    const from = match.index + whole.length;
    if (quote === "" && SPOKEN_COMMAND.test(command) && OWN_WORDS.test(text.slice(from, from + 16))) continue;
    const closing = quote === "" ? -1 : text.lastIndexOf(CLOSING[quote] ?? quote);
    return text.slice(0, from) + REDACTED + (closing > from ? text.slice(closing) : "");
  }
  return text;
}

const CLOSING: Readonly<Record<string, string>> = { "«": "»", "(": ")", "<": ">", "[": "]" };

/** Secrets of one session that are remembered, the latest. */
const MAX_SECRETS = 8;
/** What is shorter would be found everywhere. */
const MIN_SECRET_LENGTH = 4;
/** From this length on a secret is found inside words too. */
const MIN_LENGTH_WITHIN_WORDS = 6;
const MAX_SECRET_LENGTH = 256;

/** Passwords that are none (RFC 1635 and clients' habits), and in servers' own words. */
const NO_SECRETS: ReadonlySet<string> = new Set(["anonymous", "guest", "ftp", "ftpuser", "user", "password", "none"]);

interface Secret {
  /** In lower case. */
  readonly text: string;
  /** More of it may follow where it is repeated. */
  readonly cut: boolean;
}

/** What the server said that is looked through again when a secret becomes known late: packets are written to the file a few places late at most. */
const RECENT = 16;

const NOTHING: readonly never[] = [];

/** What one session's client said in secret, as long as the session is being read, to be found in what the server repeats. */
export class SecretMemory<Said> {
  readonly #secrets: Secret[] = [];
  /** What the server said last, a ring. */
  readonly #recent: Said[] = [];
  #count = 0;

  /** Keeps what the server said, for secrets that are still to come. */
  keep(said: Said): void {
    this.#recent[this.#count++ % RECENT] = said;
  }

  /**
   * Learns the secrets of a client's line.
   * @param cut the line's end was not seen
   * @returns what the server said and is to be looked through again; nothing where no secret is new
   */
  learn(secrets: readonly string[], cut: boolean): readonly Said[] {
    let isNew = false;
    for (const secret of secrets) if (this.#learn(secret, cut)) isNew = true;
    return isNew ? this.#recent : NOTHING;
  }

  /** @returns whether it is new, and one that can be looked for */
  #learn(secret: string, cut: boolean): boolean {
    const text = secret.trim().toLowerCase();
    if (text.length < MIN_SECRET_LENGTH || NO_SECRETS.has(text)) return false;
    const isLong = text.length > MAX_SECRET_LENGTH;
    const kept = isLong ? text.slice(0, MAX_SECRET_LENGTH) : text;
    if (this.#secrets.some((known) => known.text === kept && known.cut === (cut || isLong))) return false;
    this.#secrets.push({ text: kept, cut: cut || isLong });
    if (this.#secrets.length > MAX_SECRETS) this.#secrets.shift();
    return true;
  }

  /**
   * `text` with every secret replaced.
   * @param keepNumbers leaves numbers be: they are the endpoint of a negotiation
   */
  scrub(text: string, keepNumbers = false): string {
    let clean = text;
    for (const secret of this.#secrets)
      if (secret.text.length <= clean.length && !(keepNumbers && NUMBERS.test(secret.text)))
        clean = without(clean, secret);
    return clean;
  }
}

const NUMBERS = /^[\d.,:|!()]+$/;

/** Asked of every reply of every session. */
const lowerCase = rememberingTexts((text) => text.toLowerCase());

function without(text: string, { text: secret, cut }: Secret): string {
  const folded = lowerCase(text);
  // A few letters change their length with their case: then only what is written alike is found.
  const searched = folded.length === text.length ? folded : text;
  let found = searched.indexOf(secret);
  if (found < 0) return text;
  const inWords = secret.length >= MIN_LENGTH_WITHIN_WORDS;
  let clean = "";
  let copied = 0;
  for (; found >= 0; found = searched.indexOf(secret, found + 1)) {
    if (found < copied) continue;
    let end = found + secret.length;
    if (!inWords && (isWordCharacter(text[found - 1]) || (!cut && isWordCharacter(text[end])))) continue;
    if (cut) while (end < text.length && text.charCodeAt(end) > 0x20) end++;
    clean += text.slice(copied, found) + REDACTED;
    copied = end;
  }
  return clean + text.slice(copied);
}

function isWordCharacter(character: string | undefined): boolean {
  return character !== undefined && /[\p{L}\p{N}]/u.test(character);
}
