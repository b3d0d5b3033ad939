import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { test } from "node:test";
import { CAUSE_IDS } from "../src/diagnose/cause.ts";

/** Guards the shape of the source that ARCHITECTURE.md describes. */

/** What stands upstream comes first: a file imports its own part and those before it. */
const RANK = [
  ["bytes.ts", "address.ts", "instant.ts", "anomaly.ts"],
  ["capture"],
  ["decode"],
  ["tcp"],
  ["tls"],
  ["ftp"],
  ["correlate"],
  ["diagnose"],
  ["analysis.ts"],
  ["report"],
  ["session-record.ts", "finding-record.ts"],
  ["analyze.ts"],
  ["index.ts"],
  ["cli"],
];

const files = readdirSync("src", { recursive: true })
  .map((name) => String(name).replaceAll("\\", "/"))
  .filter((name) => name.endsWith(".ts"))
  .sort();

function textOf(file: string): string {
  return readFileSync(join("src", file), "utf8");
}

/** The module specifiers that a file imports from or re-exports, dynamic and type imports too. */
function importsOf(file: string): string[] {
  const code = textOf(file).replace(/\/\*[\s\S]*?\*\//g, "");
  return [...code.matchAll(/(?:\bfrom\s*|\bimport\s*\(\s*|^import\s+)["']([^"']+)["']/gm)].map(([, from]) => from);
}

function rankOf(file: string): number {
  const part = file.split("/")[0];
  return RANK.findIndex((parts) => parts.includes(part));
}

test("every source file has a place in the order of parts", () => {
  assert.ok(files.length > 0);
  assert.deepEqual(
    files.filter((file) => rankOf(file) < 0),
    [],
  );
});

test("imports point upstream only", () => {
  const wrong = files.flatMap((file) =>
    importsOf(file)
      .filter((from) => from.startsWith("."))
      .map((from) => relative("src", join("src", dirname(file), from)))
      .filter((imported) => rankOf(imported) > rankOf(file) || rankOf(imported) < 0)
      .map((imported) => `${file} imports ${imported}`),
  );
  assert.deepEqual(wrong, []);
});

test("relative imports name the file", () => {
  const wrong = files.flatMap((file) =>
    importsOf(file)
      .filter((from) => from.startsWith(".") && !existsSync(join("src", dirname(file), from)))
      .map((from) => `${file}: ${from}`),
  );
  assert.deepEqual(wrong, []);
});

/** Built-in modules that compute and touch nothing outside: SHA-1 for session ids and Community ID. */
const PURE_BUILT_INS: readonly string[] = ["node:crypto"];

test("input and output happen in src/cli only", () => {
  const touches = (from: string) => from.startsWith("node:") && !PURE_BUILT_INS.includes(from);
  const outside = files.filter((file) => !file.startsWith("cli/"));
  assert.deepEqual(
    outside.filter((file) => importsOf(file).some(touches)),
    [],
  );
  assert.deepEqual(
    outside.filter((file) => /\b(process|console)\./.test(textOf(file).replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, ""))),
    [],
  );
});

test("files and folders are named for what they hold", () => {
  const vague = /^(util|utils|common|helper|helpers|misc|shared|lib|types|constants|index)(\.ts)?$/;
  const names = files.filter((file) => file !== "index.ts").flatMap((file) => file.split("/"));
  assert.deepEqual(
    names.filter((name) => vague.test(name)),
    [],
  );
  assert.deepEqual(
    files.filter((file) => !/^[a-z0-9-]+$/.test(basename(file, ".ts"))),
    [],
  );
});

test("nothing is exported as default", () => {
  assert.deepEqual(
    files.filter((file) => /^export default\b|\bas default\b/m.test(textOf(file))),
    [],
  );
});

test("each cause has its file", () => {
  assert.deepEqual(
    CAUSE_IDS.filter((id) => !existsSync(`src/diagnose/causes/${id}.ts`)),
    [],
  );
});
