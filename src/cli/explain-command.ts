import { readFileSync } from "node:fs";
import { CAUSE_IDS, CONTRIBUTING_IDS, LIMIT_IDS } from "../diagnose/cause.ts";
import { CAUSE_GROUPS, CAUSE_TEXT, CONTRIBUTING_TEXT, LIMIT_TEXT } from "../diagnose/cause-text.ts";
import { wrapText } from "../report/text-layout.ts";
import type { ExplainRequest } from "./args.ts";
import { renderPage } from "./markdown-page.ts";
import { wantsColour, widthOf } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

/**
 * `ftptrace explain`: the page of one cause, or the list of all.
 * @throws UsageError for an id that there is none of
 */
export function explainCommand(request: ExplainRequest): void {
  const width = Math.min(widthOf(request.width, true), READABLE_WIDTH);
  const options = { width, colour: wantsColour(request.color, true) };
  process.stdout.write(request.id === null ? listOfIds(options.width) : renderPage(pageOf(request.id), options));
}

/** Longer lines of prose are hard to read, however wide the terminal. */
const READABLE_WIDTH = 100;

const PAGE_IDS: readonly string[] = [...CAUSE_IDS, ...CONTRIBUTING_IDS];

/** The Markdown of one id: a cause's page, or the sentence that is to be said of a limit of the capture. */
function pageOf(id: string): string {
  if (PAGE_IDS.includes(id)) return readFileSync(new URL(`../../docs/causes/${id}.md`, import.meta.url), "utf8");
  const limit = LIMIT_IDS.find((known) => known === id);
  if (limit === undefined) throw new UsageError(unknownId(id));
  const text = LIMIT_TEXT[limit];
  return `# ${limit}\n\nA limit of the capture, not a cause: ${text}. It is named beside each verdict that it weakens.\n`;
}

/** Every id with its title, grouped by the part of the session that goes wrong. */
function listOfIds(width: number): string {
  const groups: readonly { title: string; rows: readonly (readonly [id: string, title: string])[] }[] = [
    ...CAUSE_GROUPS.map(({ title, causes }) => ({
      title,
      rows: causes.map((id) => [id, CAUSE_TEXT[id].title] as const),
    })),
    {
      title: "Contributing circumstances (never alone)",
      rows: CONTRIBUTING_IDS.map((id) => [id, CONTRIBUTING_TEXT[id].title] as const),
    },
    { title: "Limits of a capture", rows: LIMIT_IDS.map((id) => [id, LIMIT_TEXT[id]] as const) },
  ];
  const column = Math.max(...groups.flatMap(({ rows }) => rows.map(([id]) => id.length))) + 4;
  const text = groups.map(({ title, rows }) => {
    const lines = rows.flatMap(([id, what]) =>
      wrapText(what, width - column).map((line, i) => (i === 0 ? `  ${id}`.padEnd(column) : " ".repeat(column)) + line),
    );
    return `${[title, ...lines].join("\n")}\n`;
  });
  const hint = "ftptrace explain ID shows what an id means, the packets that prove it, and the fix.";
  return `${text.join("\n")}\n${wrapText(hint, width).join("\n")}\n`;
}

/** Names the ids that may have been meant. */
function unknownId(id: string): string {
  const word = id.toLowerCase();
  const near = [...PAGE_IDS, ...LIMIT_IDS]
    .map((known) => ({ known, distance: distanceWithin(word, known) }))
    .filter(({ distance }) => distance <= word.length / LETTERS_PER_SLIP)
    .sort((a, b) => a.distance - b.distance || a.known.length - b.known.length)
    .slice(0, MAX_NAMED)
    .map(({ known }) => known);
  const hint = near.length > 0 ? `did you mean: ${near.join(", ")}` : "ftptrace explain lists all ids";
  return `no cause is called '${id}'; ${hint}`;
}

const MAX_NAMED = 5;
/** One slip of the pen is forgiven for so many letters. */
const LETTERS_PER_SLIP = 4;

/** Letters of `word` to change, add or leave out until it is a part of `id` (Sellers' variant of the Levenshtein distance). */
function distanceWithin(word: string, id: string): number {
  let row = new Array<number>(id.length + 1).fill(0);
  for (let i = 1; i <= word.length; i++) {
    const next = [i];
    for (let j = 1; j <= id.length; j++)
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + Number(word[i - 1] !== id[j - 1])));
    row = next;
  }
  return Math.min(...row);
}
