/** Laying out text in columns of a terminal: how wide it shows, where it may break. Input is safe text (`safe-text.ts`). */

const ZERO_WIDTH = /[\p{Mn}\p{Me}]/u;
const WIDE =
  /[\p{Emoji_Presentation}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u;
const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;

/** Narrower than this nothing is wrapped sensibly: the text may then stick out. */
const MIN_WRAP_WIDTH = 4;

/** How many terminal columns `text` takes: 0 for combining marks, 2 for East Asian wide characters and emoji, 1 for all else. */
export function displayWidth(text: string): number {
  if (PRINTABLE_ASCII.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

function characterWidth(character: string): number {
  if (PRINTABLE_ASCII.test(character)) return 1;
  if (ZERO_WIDTH.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/**
 * `text` as lines of at most `width` columns: broken at spaces, and inside a word (after `-`, `/`, `:`, `,` or `.` where
 * possible) only when the word alone is too wide. Lines after the first hang by `hang` spaces. Gives at least one line.
 */
export function wrapText(text: string, width: number, hang = 0): string[] {
  const lines: string[] = [];
  const indent = " ".repeat(hang);
  let limit = Math.max(width, MIN_WRAP_WIDTH);
  const push = (line: string) => {
    lines.push(lines.length === 0 ? line : indent + line);
    limit = Math.max(width - hang, MIN_WRAP_WIDTH);
  };
  let line = "";
  let lineWidth = 0;
  for (const word of text.split(" ")) {
    let rest = word;
    let restWidth = displayWidth(rest);
    if (line !== "" && lineWidth + 1 + restWidth <= limit) {
      line += ` ${rest}`;
      lineWidth += 1 + restWidth;
      continue;
    }
    if (line !== "") push(line);
    while (restWidth > limit) {
      const head = breakWord(rest, limit);
      push(head);
      rest = rest.slice(head.length);
      restWidth = displayWidth(rest);
    }
    line = rest;
    lineWidth = restWidth;
  }
  push(line);
  return lines;
}

/** The longest beginning of `word` that fits `limit` columns, ending after punctuation if that wastes less than half a line. */
function breakWord(word: string, limit: number): string {
  let width = 0;
  let end = 0;
  let afterPunctuation = 0;
  for (const character of word) {
    const next = width + characterWidth(character);
    if (next > limit) break;
    width = next;
    end += character.length;
    if ("-/:,.".includes(character) && width > limit / 2) afterPunctuation = end;
  }
  return word.slice(0, afterPunctuation || end);
}

/** `text` in at most `width` columns, `…` in place of what was cut off. */
export function cutText(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let kept = "";
  let used = 0;
  for (const character of text) {
    const next = used + characterWidth(character);
    if (next > width - 1) break;
    kept += character;
    used = next;
  }
  return `${kept}…`;
}

/** `text` wrapped to `width`, the first line led by `label`, the others indented by as much. */
export function wrapWithLabel(label: string, text: string, width: number): string {
  const indent = " ".repeat(displayWidth(label));
  return wrapText(text, width - indent.length)
    .map((line, i) => `${i === 0 ? label : indent}${line}`.trimEnd())
    .join("\n");
}
