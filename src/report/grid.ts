import Table from "cli-table3";
import { cutText, displayWidth, wrapText } from "./text-layout.ts";

/**
 * Rows in columns, by cli-table3. Everything that reaches it is safe text already wrapped to its column, the column widths are
 * fixed and it draws no colours, so all that is left to it is to put cells side by side. Its `toString` takes time quadratic in
 * the rows (measured in docs/decisions/0003-cli-table3-wrapped.md), hence the batches: with fixed widths they fit together.
 */

/** A column: its heading and its width in terminal columns. */
export interface GridColumn {
  readonly heading: string;
  readonly width: number;
}

/** A row: one text a column, or one text across all of them. */
export type GridRow = readonly string[] | { readonly across: string };

const ROWS_A_BATCH = 50;
const GAP = " ";

/** The grid as lines, headings and a rule first. Lines carry no trailing space. */
export function renderGrid(columns: readonly GridColumn[], rows: readonly GridRow[]): string {
  const rule = columns.map(({ width }) => "-".repeat(width));
  const parts = [renderBatch(columns, [columns.map(({ heading }) => heading), rule])];
  for (let at = 0; at < rows.length; at += ROWS_A_BATCH)
    parts.push(renderBatch(columns, rows.slice(at, at + ROWS_A_BATCH)));
  return parts.join("\n");
}

function renderBatch(columns: readonly GridColumn[], rows: readonly GridRow[]): string {
  const table = new Table({
    chars: NO_BORDERS,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0, compact: true },
    colWidths: columns.map(({ width }) => width),
  });
  const whole = columns.reduce((sum, { width }) => sum + width, 0) + GAP.length * (columns.length - 1);
  for (const row of rows)
    table.push(
      "across" in row
        ? [{ colSpan: columns.length, content: fit(row.across, whole) }]
        : columns.map(({ width }, i) => fit(row[i] ?? "", width)),
    );
  // cli-table3 takes some characters for wider than they are, and cuts what does not fit by UTF-16 units: half a pair may be left over.
  return table
    .toString()
    .replace(/\p{Cs}/gu, "")
    .replace(/ +$/gm, "");
}

/** A cell shows the beginning of a long text: the whole of it is in the JSON report. */
const MAX_CELL_LINES = 4;

/** Text wrapped to `width`; later lines of a cell hang by two columns where there is room. */
function fit(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  const lines = wrapText(text, width, width < 12 ? 0 : 2);
  if (lines.length <= MAX_CELL_LINES) return lines.join("\n");
  const last = cutText(lines[MAX_CELL_LINES - 1], width - 1);
  return [...lines.slice(0, MAX_CELL_LINES - 1), last.endsWith("…") ? last : `${last}…`].join("\n");
}

const NO_BORDERS = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: GAP,
};
