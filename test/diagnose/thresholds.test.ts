import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import * as thresholds from "./thresholds.ts";

function textsOf(folder: string): Map<string, string> {
  const names = readdirSync(folder, { recursive: true }).map(String);
  return new Map(
    names.filter((name) => name.endsWith(".ts")).map((name) => [name, readFileSync(join(folder, name), "utf8")]),
  );
}

/** Named numbers that bound memory or the length of a report, and judge nothing. */
const BOUNDS = /^(MAX_\w+|PRODUCTS_NAMED)$/;

test("each threshold of the rules is in the table, and the table names no other", () => {
  const named = [...textsOf("src/diagnose").values()]
    .flatMap((text) => [...text.matchAll(/^(?:export )?const ([A-Z][A-Z_]+) = [\d._]+;/gm)].map(([, name]) => name))
    .filter((name) => !BOUNDS.test(name));
  assert.deepEqual(Object.keys(thresholds).sort(), named.sort());
});

test("each threshold is used by a test", () => {
  const tests = [...textsOf("test/diagnose")].filter(([name]) => name.endsWith(".test.ts")).map(([, text]) => text);
  assert.deepEqual(
    Object.keys(thresholds).filter((name) => !tests.some((text) => text.includes(name))),
    [],
  );
});
