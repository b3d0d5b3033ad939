import assert from "node:assert/strict";
import { test } from "node:test";
import { safeData } from "../../src/report/safe-text.ts";
import { render } from "./render.ts";
import { SAMPLES } from "./sample-analysis.ts";

for (const [name, analysis] of Object.entries(SAMPLES))
  test(`the JSON of ${name} is the report, made safe`, async () => {
    assert.deepEqual(JSON.parse(await render(analysis, "json")), safeData(analysis));
  });

test("each session is one line, so that a large report can be looked at with line tools", async () => {
  const lines = (await render(SAMPLES.filtered, "json")).split("\n");
  assert.equal(lines.filter((line) => line.startsWith('{"id":"s-')).length, 30);
});
