import { formatAddress, parseAddress } from "../address.ts";
import { rememberingTexts } from "../text-memory.ts";

/**
 * The endpoint in a command or reply that negotiates a data connection. Read as it stands: what is out of range is reported, never masked
 * or repaired (Wireshark and older kernels mask octets, and so arrive at a plausible but wrong port).
 *
 * ```
 * PORT h1,h2,h3,h4,p1,p2                    RFC 959 4.1.2      227 … (h1,h2,h3,h4,p1,p2)    RFC 959, RFC 1123 4.1.2.6
 * EPRT <d>family<d>address<d>port<d>        RFC 2428 2         229 … (<d><d><d>port<d>)     RFC 2428 3
 * LPRT family,n,h1,…,hn,m,p1,…,pm           RFC 1639           228 … (family,n,h1,…,m,p1,…) RFC 1639
 * ```
 */

/**
 * The endpoint was read; port 0 and address 0.0.0.0 are given as they stand. `address` null: the control connection's peer. What is `malformed` about
 * it has not every client read it.
 */
export interface NegotiatedEndpoint {
  readonly address: string | null;
  readonly port: number;
  readonly malformed?: string;
}

/** Something stands there that should be an endpoint and is not; the text says why, e.g. `octet 451 is above 255`. */
export interface MalformedEndpoint {
  readonly malformed: string;
}

/** Told apart by `"port" in parsed`. Where nothing is there it is `undefined` instead. */
export type ParsedEndpoint = NegotiatedEndpoint | MalformedEndpoint;

const MAX_PORT = 65535;

/** Who listens on the data connection's port: the server in passive mode, the client in active mode (RFC 959 section 3.2). */
export type ChannelMode = "passive" | "active";

/** How a data connection is negotiated. */
interface NegotiationForm {
  readonly mode: ChannelMode;
  /** The reply that grants it. */
  readonly code: number;
  /**
   * Reads the endpoint from the text that names it: of the reply in passive mode, of the command's argument in active mode. Each is asked for when it is
   * said and again when its session settles, and read once.
   */
  readonly parse: (text: string) => ParsedEndpoint | undefined;
}

/** The forms of negotiation, by the command that asks for one; verbs that mean the same as one of them are in `command.ts`. */
export const NEGOTIATIONS = {
  PASV: { mode: "passive", code: 227, parse: rememberingTexts(parse227) }, // RFC 959 section 4.1.2
  EPSV: { mode: "passive", code: 229, parse: rememberingTexts(parse229) }, // RFC 2428 section 3
  LPSV: { mode: "passive", code: 228, parse: rememberingTexts(parse228) }, // RFC 1639
  PORT: { mode: "active", code: 200, parse: rememberingTexts(parsePort) }, // RFC 959 section 4.1.2
  EPRT: { mode: "active", code: 200, parse: rememberingTexts(parseEprt) }, // RFC 2428 section 2
  LPRT: { mode: "active", code: 200, parse: rememberingTexts(parseLprt) }, // RFC 1639
} as const satisfies Readonly<Record<string, NegotiationForm>>;

/** A verb that negotiates a data connection in a form of its own. */
export type NegotiationVerb = keyof typeof NEGOTIATIONS;

/** The negotiations whose reply names the endpoint, by its code. */
const PASSIVE: ReadonlyMap<number, NegotiationVerb> = new Map(
  (Object.keys(NEGOTIATIONS) as NegotiationVerb[])
    .filter((verb) => NEGOTIATIONS[verb].mode === "passive")
    .map((verb) => [NEGOTIATIONS[verb].code, verb]),
);

/** The codes of replies that name an endpoint: 227, 228, 229. */
export const PASSIVE_CODES: readonly number[] = [...PASSIVE.keys()];

/** The verb whose grant a reply of this code is, naming the endpoint; undefined for all other codes. */
export function passiveVerbOf(code: number): NegotiationVerb | undefined {
  return PASSIVE.get(code);
}

/** The endpoint that a reply names (227, 228, 229); undefined for all other codes too, whose lines are not even joined. */
export function endpointOfReply(code: number, lines: readonly string[]): ParsedEndpoint | undefined {
  const verb = PASSIVE.get(code);
  return verb && NEGOTIATIONS[verb].parse(lines.join(" "));
}

/** The commands that name the endpoint themselves: PORT, EPRT, LPRT. */
export const ACTIVE_VERBS: readonly string[] = Object.entries(NEGOTIATIONS).flatMap(([verb, { mode }]) =>
  mode === "active" ? [verb] : [],
);

/** The endpoint that a command's argument names; undefined for all verbs but {@link ACTIVE_VERBS} too. */
export function endpointOfCommand(verb: string, argument: string): ParsedEndpoint | undefined {
  return ACTIVE_VERBS.includes(verb) ? NEGOTIATIONS[verb as NegotiationVerb].parse(argument) : undefined;
}

/** Address families of RFC 2428 section 2 (IANA address family numbers). */
const EPRT_FAMILY: Readonly<Record<string, 4 | 6>> = { "1": 4, "2": 6 };

/** Address families of RFC 1639 (IP version numbers) and the octets of their addresses. */
const LPRT_ADDRESS_OCTETS: Readonly<Record<number, 4 | 16>> = { 4: 4, 6: 16 };

/** How long a quotation of a captured text may be. */
const MAX_QUOTE = 40;

/** The argument of PORT: exactly six decimal octets (RFC 959 section 4.1.2); leading zeros are decimal. */
export function parsePort(argument: string): ParsedEndpoint | undefined {
  const text = argument.trim();
  return text === "" ? undefined : fromSixOctets(text);
}

/** The argument of EPRT (RFC 2428 section 2): any delimiter of 33 … 126, family 1 or 2, an address of that family, a port. */
export function parseEprt(argument: string): ParsedEndpoint | undefined {
  const text = argument.trim();
  if (text === "") return undefined;
  const delimiter = text[0];
  const parts = text.split(delimiter);
  if (!isDelimiter(delimiter)) return malformed(`${quote(delimiter)} is no delimiter`);
  if (parts.length !== 5 || parts[0] !== "" || parts[4] !== "")
    return malformed(`${quote(text)} is not ${delimiter}family${delimiter}address${delimiter}port${delimiter}`);
  const [, familyText, addressText, portText] = parts;
  const family = EPRT_FAMILY[familyText];
  if (family === undefined) return malformed(`${quote(familyText)} is no address family (1 or 2)`);
  const bytes = parseAddress(addressText);
  if (!bytes) return malformed(`${quote(addressText)} is no address`);
  const ipVersion = bytes.length === 4 ? 4 : 6;
  if (ipVersion !== family) return malformed(`${quote(addressText)} is no IPv${family} address`);
  return withPort(formatAddress(bytes, 0, ipVersion), portText);
}

/** The argument of LPRT (RFC 1639): family 4 or 6, the address's octets, the port's two. */
export function parseLprt(argument: string): ParsedEndpoint | undefined {
  const text = argument.trim();
  return text === "" ? undefined : fromLongOctets(text);
}

/**
 * The text of a 227: the first run of exactly six comma-separated numbers, whatever stands around them (RFC 1123 section 4.1.2.6:
 * parentheses are not to be relied upon). A 227 with no such thing, as Pure-FTPd's `227 Logout.`, has no endpoint.
 */
export function parse227(text: string): ParsedEndpoint | undefined {
  const parsed = fromRun(text, (count) => count === 6, "six numbers", fromSixOctets);
  if (!IPV6_RUN.test(text)) return parsed;
  const problem = "an IPv6 address stands where four of the six numbers belong";
  return parsed !== undefined && "port" in parsed ? { ...parsed, malformed: problem } : malformed(problem);
}

/**
 * An IPv6 address with the port's two numbers behind it, or an IPv4-mapped one (Twisted: `(2001:db8::26,156,64)`, `(::ffff:192,0,2,1,156,64)`). Some
 * clients find six numbers in the latter.
 */
const IPV6_RUN = /(?<![\w:])(?:[\da-f]{0,4}:){2,7}[\da-f]{0,4}(?:,\d{1,3}){2,5}(?![\w,])/i;

/** The text of a 228 (RFC 1639), as wu-ftpd's `228 Entering Long Passive Mode (6,16,…)`. */
export function parse228(text: string): ParsedEndpoint | undefined {
  return fromRun(text, (count) => count === 9 || count === 21, "nine or twenty-one numbers", fromLongOctets);
}

/**
 * The text of a 229 (RFC 2428 section 3). Between the delimiters there should be nothing but the port; ProFTPD has a slot for the
 * address, IBM i delimits with `!`, and parentheses may be missing.
 * @returns `address` null unless the slot holds one; by the RFC the client goes to the control connection's peer all the same
 */
export function parse229(text: string): ParsedEndpoint | undefined {
  const open = text.indexOf("(");
  if (open >= 0 && open + 1 < text.length) {
    const close = text.indexOf(")", open + 2);
    const inside = close < 0 ? text.slice(open + 1) : text.slice(open + 1, close);
    const delimiter = inside[0];
    const parts = inside.split(delimiter);
    if (parts.length === 5 && isDelimiter(delimiter) && parts[0] === "" && parts[4].trim() === "")
      return fromExtendedReply(parts[1], parts[2], parts[3]);
    // Behind the parenthesis stands a delimiter twice, so it was meant to be one: (|||50000).
    if (inside[1] === delimiter && isDelimiter(delimiter))
      return malformed(
        `${quote(`(${inside}${close < 0 ? "" : ")"}`)} is not (${delimiter}${delimiter}${delimiter}port${delimiter})`,
      );
  }
  const portOnly = BARE_PORT.exec(text);
  if (portOnly) return fromExtendedReply("", "", portOnly[2]);
  const filled = BARE_FILLED.exec(text);
  return filled ? fromExtendedReply(filled[1], filled[2], filled[3]) : undefined;
}

/** A 229 without parentheses: any delimiter three times, the port, and the delimiter. */
const BARE_PORT = /([!-/:-@[-`{-~])\1\1(\d+)\1/;

/** The same with slots filled, for `|` alone: commas and dots stand between other numbers too. */
const BARE_FILLED = /\|([12]?)\|([^|]*)\|(\d+)\|/;

/** Whether the argument of EPSV is ALL, which negotiates nothing (RFC 2428 section 4). */
export function isEpsvAll(argument: string | null): boolean {
  return argument !== null && argument.trim().toUpperCase() === "ALL";
}

function fromSixOctets(text: string): ParsedEndpoint {
  const octets = readOctets(text);
  if (typeof octets === "string") return malformed(octets);
  if (octets.length !== 6) return malformed(`${octets.length} numbers instead of 6`);
  return { address: octets.slice(0, 4).join("."), port: octets[4] * 256 + octets[5] };
}

function fromLongOctets(text: string): ParsedEndpoint {
  const octets = readOctets(text);
  if (typeof octets === "string") return malformed(octets);
  const addressOctets = LPRT_ADDRESS_OCTETS[octets[0]];
  if (addressOctets === undefined) return malformed(`${octets[0]} is no address family (4 or 6)`);
  if (octets[1] !== addressOctets) return malformed(`an address of ${octets[1]} octets instead of ${addressOctets}`);
  const portAt = 2 + addressOctets;
  if (octets.length !== portAt + 3 || octets[portAt] !== 2)
    return malformed(`${octets.length} numbers instead of ${portAt + 3}, or a port that is not of 2 octets`);
  const address = formatAddress(Uint8Array.from(octets.slice(2, portAt)), 0, octets[0]);
  return { address, port: octets[portAt + 1] * 256 + octets[portAt + 2] };
}

/** Decimal octets between commas, or what is wrong with them. */
function readOctets(text: string): number[] | string {
  const octets: number[] = [];
  // Not by `split`: this reads every grant.
  for (let from = 0, comma = 0; comma >= 0; from = comma + 1) {
    comma = text.indexOf(",", from);
    const digits = text.slice(from, comma < 0 ? text.length : comma).trim();
    if (!/^\d+$/.test(digits))
      return digits.startsWith("-") ? `octet ${quote(digits)} is below 0` : `${quote(digits)} is no number`;
    const octet = Number(digits);
    if (octet > 255) return `octet ${quote(digits, "")} is above 255`;
    octets.push(octet);
  }
  return octets;
}

/**
 * Runs of two or more comma-separated numbers; a sign is taken along so that `-56` is reported and not read as 56. It begins with a number's
 * first digit: tried at each digit, a line of digits alone would take time quadratic in its length.
 */
const NUMBER_RUN = /(?<!\d)\d+(?:\s*,\s*-?\d+)+/g;

/** How many numbers a run must at least have to have been meant as an endpoint, should none be of the right length. */
const LEAST_NUMBERS = 4;

function fromRun(
  text: string,
  isRightCount: (count: number) => boolean,
  expected: string,
  read: (run: string) => ParsedEndpoint,
): ParsedEndpoint | undefined {
  let wrongCount = 0;
  for (const match of text.matchAll(NUMBER_RUN)) {
    const run = match[0];
    const end = match.index + run.length;
    // Part of a word, a file name or a longer list is no run of its own.
    if (isWordCharacter(text[match.index - 1]) || (isWordCharacter(text[end]) && !isStrayComma(text, end))) continue;
    const count = countNumbers(run);
    if (isRightCount(count)) return read(run);
    if (count >= LEAST_NUMBERS) wrongCount ||= count;
  }
  return wrongCount > 0 ? malformed(`${wrongCount} numbers instead of ${expected}`) : undefined;
}

function countNumbers(run: string): number {
  let count = 1;
  for (let comma = run.indexOf(","); comma >= 0; comma = run.indexOf(",", comma + 1)) count++;
  return count;
}

function fromExtendedReply(family: string, addressText: string, portText: string): ParsedEndpoint {
  if (family !== "" && EPRT_FAMILY[family] === undefined)
    return malformed(`${quote(family)} is no address family (1 or 2)`);
  const bytes = addressText === "" ? undefined : parseAddress(addressText);
  // A name or anything else in the slot is for the client to ignore, as it would an address.
  const address = bytes ? formatAddress(bytes, 0, bytes.length === 4 ? 4 : 6) : null;
  return withPort(address, portText);
}

function withPort(address: string | null, text: string): ParsedEndpoint {
  if (!/^\d+$/.test(text)) return malformed(`${quote(text)} is no port`);
  const port = Number(text);
  return port > MAX_PORT ? malformed(`port ${quote(text, "")} is above ${MAX_PORT}`) : { address, port };
}

/** RFC 2428 section 2: 33 … 126; a digit would leave no way to tell where the port ends. */
function isDelimiter(character: string): boolean {
  return character >= "!" && character <= "~" && !(character >= "0" && character <= "9");
}

function isWordCharacter(character: string | undefined): boolean {
  return character !== undefined && /[\w,]/.test(character);
}

/** A comma before the closing parenthesis; clients read the six numbers and no further. */
function isStrayComma(text: string, at: number): boolean {
  return text[at] === "," && text[at + 1] === ")";
}

function malformed(problem: string): MalformedEndpoint {
  return { malformed: problem };
}

function quote(text: string, mark = '"'): string {
  return mark + (text.length > MAX_QUOTE ? `${text.slice(0, MAX_QUOTE)}…` : text) + mark;
}
