// Mutation check of the diagnosis: `node scripts/mutate-rules.mjs [NAME-PART …]`. Each rule is taken out of its table in turn and each
// named threshold is moved down and up, in a copy of the tree; at least one test must fail each time. Prints one line a mutant, and
// exits with 1 when one survives. Takes minutes, and so is no part of `npm test`.
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const TABLES = ["src/diagnose/causes.ts", "src/diagnose/findings.ts"];
/** How far a threshold is moved, unless it is a small count: that goes by one. */
const FACTOR = 1.5;
const SMALL_COUNT = 8;
/** Bounds of memory and of the report's length, which judge nothing. */
const BOUNDS = /^(MAX_\w+|PRODUCTS_NAMED)$/;
/** The tests that have to notice, the likely ones first. */
const TESTS = ["test/diagnose", "test/correlate", "test/fixtures.test.ts"];

const parts = process.argv.slice(2);
const tree = mkdtempSync(join(tmpdir(), "mutants-"));
process.on("exit", () => rmSync(tree, { recursive: true, force: true }));
for (const name of ["src", "test", "fixtures", "docs", "schema", "package.json", "tsconfig.json"])
  cpSync(name, join(tree, name), { recursive: true });
symlinkSync(join(process.cwd(), "node_modules"), join(tree, "node_modules"));

const testFiles = TESTS.flatMap((place) =>
  place.endsWith(".ts")
    ? [place]
    : readdirSync(place, { recursive: true })
        .map((name) => join(place, String(name)))
        .filter((name) => name.endsWith(".test.ts")),
);

const texts = new Map(testFiles.map((test) => [test, readFileSync(test, "utf8")]));

/** @returns every mutant as the file, its text, what to call it, and a word of the tests that are likely to notice */
function* mutants() {
  for (const table of TABLES) {
    const text = readFileSync(join(tree, table), "utf8");
    for (const [row, cause, rule] of text.matchAll(/^ {2}\{ cause: "([a-z-]+)", rule: ([\w.]+) \},\n/gm))
      yield { name: `without ${cause} (${rule})`, subject: `"${cause}"`, file: table, text: text.replace(row, "") };
    for (const [row, rule] of text.matchAll(/^ {6}(?:new )?(\w+)(?:\(\w*\))?,\n/gm))
      yield { name: `without ${rule}`, subject: "across", file: table, text: text.replace(row, "") };
  }
  const names = readdirSync(join(tree, "src/diagnose"), { recursive: true }).map(String);
  const sources = names.map((name) => join("src/diagnose", name));
  for (const file of sources.filter((name) => name.endsWith(".ts"))) {
    const text = readFileSync(join(tree, file), "utf8");
    for (const [line, start, name, digits] of text.matchAll(/^((?:export )?const ([A-Z][A-Z_]+) = )([\d._]+);/gm)) {
      if (BOUNDS.test(name)) continue;
      const value = Number(digits.replaceAll("_", ""));
      const isCount = Number.isInteger(value) && value < SMALL_COUNT && !name.endsWith("_SECONDS");
      for (const moved of isCount ? [value - 1, value + 1] : [value / FACTOR, value * FACTOR])
        yield {
          name: `${name} ${value} → ${Number(moved.toFixed(2))}`,
          subject: name,
          file,
          text: text.replace(line, `${start}${moved};`),
        };
    }
  }
}

/** Runs these test files in the copy. @returns whether one failed */
function isNoticed(files) {
  const { status } = spawnSync(process.execPath, ["--import", "tsx", "--test", ...files], { cwd: tree });
  return status !== 0;
}

if (isNoticed(testFiles)) {
  console.error("the tests fail before anything is changed");
  process.exit(2);
}
const survivors = [];
let count = 0;
for (const { name, subject, file, text } of mutants()) {
  if (parts.length > 0 && !parts.some((part) => name.includes(part))) continue;
  count++;
  const original = readFileSync(join(tree, file));
  writeFileSync(join(tree, file), text);
  const first = testFiles.filter((test) => test.includes(`/${subject}`) || texts.get(test).includes(subject));
  const killed = (first.length > 0 && isNoticed(first)) || isNoticed(testFiles.filter((test) => !first.includes(test)));
  writeFileSync(join(tree, file), original);
  console.log(`${killed ? "noticed " : "SURVIVES"} ${name}`);
  if (!killed) survivors.push(name);
}
console.log(`${count} mutants, ${survivors.length} survive`);
process.exit(survivors.length > 0 || count === 0 ? 1 : 0);
