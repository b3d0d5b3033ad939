import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { OUTPUT_FORMAT_NAMES, OUTPUT_FORMATS, type OutputFormatName } from "../../src/report/formats.ts";
import { displayWidth } from "../../src/report/text-layout.ts";
import { render } from "./render.ts";
import { CONVERSATION, SAMPLES } from "./sample-analysis.ts";

/** `UPDATE_GOLDEN=1 npm test` writes what the formats give now; look at the difference before committing it. */
const UPDATE = process.env.UPDATE_GOLDEN === "1";

const VARIANTS: readonly { format: OutputFormatName; width: number; file: string }[] = [
  { format: "table", width: 80, file: "table-80.txt" },
  { format: "table", width: 200, file: "table-200.txt" },
  { format: "json", width: 80, file: "json" },
  { format: "ndjson", width: 80, file: "ndjson" },
  { format: "ecs", width: 80, file: "ecs.ndjson" },
  { format: "ocsf", width: 80, file: "ocsf.ndjson" },
  { format: "csv", width: 80, file: "csv" },
  { format: "markdown", width: 80, file: "md" },
];

for (const format of OUTPUT_FORMAT_NAMES)
  test(`${format} is written as sessions settle if it says so, and else at the end`, async () => {
    const { load, streams } = OUTPUT_FORMATS[format];
    const create = await load();
    const writer = create({ width: 80, colour: false });
    const [session] = SAMPLES["private-address"].sessions;
    assert.equal(writer.begin() + writer.session(session, () => CONVERSATION) !== "", streams);
  });

for (const [name, analysis] of Object.entries(SAMPLES)) {
  for (const { format, width, file } of VARIANTS) {
    test(`golden: ${name}, ${file}`, async () => {
      const path = `test/golden/report-${name}.${file}`;
      const text = await render(analysis, format, { width, colour: false });
      if (UPDATE) writeFileSync(path, text);
      assert.equal(text, readFileSync(path, "utf8"));
    });
  }

  test(`no output of ${name} carries what a terminal would obey`, async () => {
    for (const { format, width } of VARIANTS) {
      const text = await render(analysis, format, { width, colour: false });
      assert.doesNotMatch(text, /\p{Cs}/u);
      assert.doesNotMatch(text.replaceAll(format === "csv" ? "\r\n" : "\n", ""), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\ufffe]/u);
      assert.ok(text === "" || text.endsWith("\n"));
    }
  });

  for (const width of [60, 80, 120, 200])
    test(`${name}: lines of the table fit ${width} columns, but for commands to copy`, async () => {
      const text = await render(analysis, "table", { width, colour: false });
      for (const line of text.split("\n"))
        if (!line.includes("tshark -r")) {
          assert.ok(displayWidth(line) <= width, `${displayWidth(line)} columns: ${line}`);
          assert.equal(line, line.trimEnd());
        }
    });
}
