import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { CAUSE_IDS } from "../../src/diagnose/causes.ts";
import { CONTRIBUTING_IDS } from "../../src/diagnose/contributing.ts";
import { LIMIT_IDS } from "../../src/diagnose/limits.ts";
import { render } from "./render.ts";
import { SAMPLES } from "./sample-analysis.ts";

const FILE = "schema/report.schema.json";
/** What the schema enumerates of the source, by its names under `$defs`. */
const ENUMERATED: Readonly<Record<string, readonly string[]>> = {
  causeId: CAUSE_IDS,
  contributingCauseId: CONTRIBUTING_IDS,
  limitId: LIMIT_IDS,
};

/** `UPDATE_GOLDEN=1 node scripts/test.mjs schema` writes the ids of the source into the schema. */
if (process.env.UPDATE_GOLDEN === "1")
  writeFileSync(FILE, Object.entries(ENUMERATED).reduce(withIds, readFileSync(FILE, "utf8")));

/** The schema with other ids under one name, laid out as Biome does. */
function withIds(text: string, [name, ids]: [string, readonly string[]]): string {
  const [line, lines] = [`["${ids.join('", "')}"]`, JSON.stringify(ids, null, 2).replaceAll("\n", "\n      ")];
  const enumeration = new RegExp(`("${name}": \\{[^{}]*\\n( *"enum": ))\\[[^\\]]*\\]`);
  return text.replace(enumeration, (_, head, key) => head + (key.length + line.length > 120 ? lines : line));
}

const schema = JSON.parse(readFileSync(FILE, "utf8"));
const validate = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true }).compile(schema);

function assertValid(report: unknown, what: string): void {
  const valid = validate(report);
  assert.ok(valid, `${what}: ${JSON.stringify(validate.errors, null, 1)}`);
}

for (const [name, analysis] of Object.entries(SAMPLES)) {
  test(`the report "${name}" and its JSON conform to the schema`, async () => {
    assertValid(analysis, "as plain data");
    assertValid(JSON.parse(await render(analysis, "json")), "as printed");
  });
}

test("the schema lists exactly the ids of the source", () => {
  for (const [name, ids] of Object.entries(ENUMERATED))
    assert.deepEqual(schema.$defs[name].enum, ids, `${name}: UPDATE_GOLDEN=1 node scripts/test.mjs schema writes them`);
});

test("every object of the schema is closed and every property required", () => {
  const visit = (part: unknown, path: string) => {
    if (typeof part !== "object" || part === null) return;
    const { type, properties, required, additionalProperties } = part as Record<string, unknown>;
    if (type === "object") {
      assert.equal(additionalProperties, false, path);
      assert.deepEqual(required, Object.keys(properties as object), path);
    }
    for (const [key, value] of Object.entries(part)) visit(value, `${path}/${key}`);
  };
  visit(schema, "#");
});

test("the schema refuses what is no report", () => {
  const report = SAMPLES["private-address"];
  for (const wrong of [
    {},
    { ...report, extra: 1 },
    { ...report, schemaVersion: "2.0" },
    { ...report, captures: [{ ...report.captures[0], limits: ["no-such-limit"] }] },
    { ...report, captures: [{ ...report.captures[0], start: "2026-01-05T10:00:00Z" }] },
  ])
    assert.equal(validate(wrong), false);
});
