/**
 * Captured text on its way into a report. Whatever a capture holds (file names, greetings, users) is written by strangers: a
 * terminal obeys its control characters, a bidi override makes `gpj.exe` of it, half a surrogate pair breaks a JSON parser, and
 * 20 kB of it hide the rest. Every format passes every string through here once; doing it twice changes nothing.
 */

/** Longest text that a report prints, in UTF-16 units. */
export const MAX_TEXT_LENGTH = 1024;

/**
 * Characters that are shown as escapes: controls (C0, DEL, C1), format characters (bidi, zero width, tags), line and paragraph
 * separators, private use, lone surrogates, and letters that print as nothing.
 */
const UNSAFE = String.raw`[\u034f\u17b4\u17b5\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}\u115f\u1160\u3164\uffa0\ufff0-\ufffb]`;

/** Printable ASCII alone, as nearly all text is, is safe: the larger pattern is made only for what it is needed for, which takes milliseconds. */
const BEYOND_ASCII = /[^ -~]/;
/** The same in JSON text, where controls below U+0020 and lone surrogates have become escapes already. */
const BEYOND_ASCII_IN_JSON = /[^ -~]|\\[bfnrtu]/;

let unsafePatterns: { readonly one: RegExp; readonly every: RegExp; readonly inJson: RegExp } | undefined;

function unsafe() {
  unsafePatterns ??= {
    one: new RegExp(UNSAFE, "u"),
    every: new RegExp(UNSAFE, "gu"),
    inJson: new RegExp(String.raw`${UNSAFE}|\\[bfnrtu]`, "u"),
  };
  return unsafePatterns;
}

const NAMED_ESCAPE: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** `text` with unsafe characters as visible escapes (`\x1b`, `\u202e`, `\n`), well-formed and at most {@link MAX_TEXT_LENGTH} long. */
export function safeText(text: string): string {
  if (text.length <= MAX_TEXT_LENGTH && !(BEYOND_ASCII.test(text) && unsafe().one.test(text))) return text;
  const escaped = text.slice(0, MAX_TEXT_LENGTH + 1).replace(unsafe().every, escapeCharacter);
  if (escaped.length <= MAX_TEXT_LENGTH) return escaped;
  // A pair cut in half would be unsafe again.
  return `${escaped.slice(0, MAX_TEXT_LENGTH - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}

function escapeCharacter(character: string): string {
  const named = NAMED_ESCAPE[character];
  if (named !== undefined) return named;
  const code = character.codePointAt(0) ?? 0;
  if (code >= 0xd800 && code <= 0xdfff) return "\ufffd";
  if (code <= 0xff) return `\\x${code.toString(16).padStart(2, "0")}`;
  if (code <= 0xffff) return `\\u${code.toString(16).padStart(4, "0")}`;
  return `\\u{${code.toString(16)}}`;
}

/** A copy of plain data in which every string is safe. */
export function safeData<T>(data: T): T {
  return safeCopy(data) as T;
}

function safeCopy(data: unknown): unknown {
  if (typeof data === "string") return safeText(data);
  if (Array.isArray(data)) return data.map(safeCopy);
  if (typeof data === "object" && data !== null)
    return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, safeCopy(value)]));
  return data;
}

/**
 * Plain data as JSON on one line, every string safe. Nearly all data is safe as it is, and one look at the finished text says
 * so: copying each session first would double the cost of a large report.
 */
export function safeJson(data: unknown): string {
  const json = JSON.stringify(data);
  if (isPlain(json)) return json;
  const suspect =
    (BEYOND_ASCII_IN_JSON.test(json) && unsafe().inJson.test(json)) ||
    (json.length > MAX_TEXT_LENGTH && holdsLongText(data));
  return suspect ? JSON.stringify(safeData(data)) : json;
}

/**
 * Whether JSON text is printable ASCII without an escape and no string in it too long, as nearly all is. V8 searches for one character many times faster
 * than for a pattern.
 */
function isPlain(json: string): boolean {
  if (json.includes("\\") || json.includes("\x7f") || Buffer.byteLength(json) !== json.length) return false;
  // In a string of more than two strides one of them is without a quote.
  for (let at = 0; at < json.length; at += STRIDE) if (json.indexOf('"', at) >= at + STRIDE) return false;
  return true;
}

const STRIDE = MAX_TEXT_LENGTH / 2;

// Plain loops: Object.values would cost three times as much, for every session of a large report.
function holdsLongText(data: unknown): boolean {
  if (typeof data === "string") return data.length > MAX_TEXT_LENGTH;
  if (typeof data !== "object" || data === null) return false;
  if (Array.isArray(data)) {
    for (let i = 0; i < data.length; i++) if (holdsLongText(data[i])) return true;
    return false;
  }
  for (const key in data) if (holdsLongText((data as Record<string, unknown>)[key])) return true;
  return false;
}
