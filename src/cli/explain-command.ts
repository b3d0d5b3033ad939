import { readFileSync } from "node:fs";
import { ANOMALY_TEXT } from "../anomaly.ts";
import { CAUSE_GROUPS, CAUSE_IDS, CAUSE_TEXT } from "../diagnose/causes.ts";
import { CONTRIBUTING_IDS, CONTRIBUTING_TEXT } from "../diagnose/contributing.ts";
import { FINDINGS } from "../diagnose/findings.ts";
import { LIMIT_IDS, LIMIT_TEXT } from "../diagnose/limits.ts";
import { wrapText } from "../report/text-layout.ts";
import type { ExplainRequest } from "./args.ts";
import { renderPage } from "./markdown-page.ts";
import { wantsColour, widthOf } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

/**
 * `ftptrace explain`: what one id of a report means, or the list of all.
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

/** Ids that a few sentences explain: what they are, in Markdown. */
const SHORT_TEXTS: ReadonlyMap<string, string> = new Map<string, string>([
  // A file that ends too early is both; as a limit it says more.
  ...Object.entries(ANOMALY_TEXT).map(
    ([code, text]) => [code, `An oddity of the input, counted and no cause by itself: ${text}.`] as const,
  ),
  ...LIMIT_IDS.map(
    (id) =>
      [
        id,
        `A limit of the capture, not a cause: ${LIMIT_TEXT[id]}. It is named beside each verdict that it weakens.`,
      ] as const,
  ),
  ...FINDINGS.map(
    ({ id, title, meaning }) => [id, `A finding over several sessions: ${title}.\n\n${meaning}`] as const,
  ),
]);

/** Every id that `ftptrace explain` knows, each once. */
export const EXPLAINED_IDS: readonly string[] = [...PAGE_IDS, ...SHORT_TEXTS.keys()];

/** The Markdown of one id: a cause's page, or the sentences that are to be said of another. */
function pageOf(id: string): string {
  if (PAGE_IDS.includes(id)) return readFileSync(new URL(`../../docs/causes/${id}.md`, import.meta.url), "utf8");
  const text = SHORT_TEXTS.get(id);
  if (text === undefined) throw new UsageError(unknownId(id));
  return `# ${id}\n\n${text}\n`;
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
    {
      title: "Findings over several sessions",
      rows: FINDINGS.map(({ id, title }) => [id, title] as const),
    },
    { title: "Oddities of the input (anomalies)", rows: Object.entries(ANOMALY_TEXT) },
  ];
  const column = Math.max(...groups.flatMap(({ rows }) => rows.map(([id]) => id.length))) + 4;
  const text = groups.map(({ title, rows }) => {
    const lines = rows.flatMap(([id, what]) =>
      wrapText(what, width - column).map((line, i) => (i === 0 ? `  ${id}`.padEnd(column) : " ".repeat(column)) + line),
    );
    return `${[title, ...lines].join("\n")}\n`;
  });
  const hint = "ftptrace explain ID tells what an id means; of a cause also the packets that prove it, and the fix.";
  return `${text.join("\n")}\n${wrapText(hint, width).join("\n")}\n`;
}

/** Names the ids that may have been meant. */
function unknownId(id: string): string {
  const word = id.toLowerCase();
  // A cause is what people look for.
  const rank = (known: string) => (PAGE_IDS.includes(known) ? 0 : 1);
  const near = EXPLAINED_IDS.map((known) => ({ known, distance: distanceWithin(word, known) }))
    .filter(({ distance }) => distance <= word.length / LETTERS_PER_SLIP)
    .sort((a, b) => a.distance - b.distance || rank(a.known) - rank(b.known) || a.known.length - b.known.length)
    .slice(0, MAX_NAMED)
    .map(({ known }) => known);
  const hint = near.length > 0 ? `did you mean: ${near.join(", ")}` : "ftptrace explain lists all ids";
  return `nothing is called '${id}'; ${hint}`;
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
