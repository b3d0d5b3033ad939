import assert from "node:assert/strict";
import { test } from "node:test";
import { CSV_COLUMNS, csvCell } from "../../src/report/csv.ts";
import { render } from "./render.ts";
import { SAMPLES } from "./sample-analysis.ts";

test("no cell begins a formula, whatever a spreadsheet skips before it", () => {
  const formulas = ["=1+1", "+1", "-1", "@SUM(A1)", "  =1", "'=1", '"=1"', "＝1", "＋1", "－1", "＠A1"];
  for (const text of formulas) assert.match(csvCell(text), /^"?'/, text);
  for (const text of ["a=b", "1-2", "x@y"]) assert.equal(csvCell(text), text);
});

test("quotes, commas and line ends stay inside their cell", () => {
  assert.equal(csvCell('say "hi", twice'), '"say ""hi"", twice"');
  assert.equal(csvCell("a;b"), '"a;b"');
  assert.equal(csvCell("two\r\nlines"), "two\\r\\nlines");
  assert.equal(csvCell(" padded "), '" padded "');
});

test("numbers and absences are bare", () => {
  assert.equal(csvCell(-5), "-5");
  assert.equal(csvCell(true), "true");
  assert.equal(csvCell(null), "");
  assert.equal(csvCell(undefined), "");
});

/** RFC 4180, read back by the book. */
function parse(text: string): string[][] {
  const rows: string[][] = [[]];
  let cell = "";
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (quoted) {
      if (char !== '"') cell += char;
      else if (text[at + 1] === '"') cell += text[at++];
      else quoted = false;
    } else if (char === '"') quoted = true;
    else if (char === ",") {
      rows.at(-1)!.push(cell);
      cell = "";
    } else if (char === "\r" && text[at + 1] === "\n") {
      rows.at(-1)!.push(cell);
      rows.push([]);
      cell = "";
      at++;
    } else cell += char;
  }
  rows.pop();
  return rows;
}

for (const [name, analysis] of Object.entries(SAMPLES))
  test(`${name}: every row has every column, one row a channel and one a failed control connection`, async () => {
    const [header, ...rows] = parse(await render(analysis, "csv"));
    assert.deepEqual(
      header,
      CSV_COLUMNS.map(({ name: column }) => column),
    );
    const controls = analysis.sessions.filter(({ control }) => control.cause !== null || control.outcome === "failed");
    const channels = analysis.sessions.flatMap(({ dataChannels }) => dataChannels);
    assert.equal(rows.length, controls.length + channels.length);
    for (const row of rows) assert.equal(row.length, header.length);
    assert.deepEqual(
      rows.filter((row) => row[0] === "channel").map((row) => row[header.indexOf("outcome")]),
      channels.map(({ outcome }) => outcome),
    );
  });
