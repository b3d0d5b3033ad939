import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";

/** The bundle is lowered (scripts/lower.mjs); other tests run the source. Both must do the same. */

const CAPTURES = readdirSync("fixtures", { recursive: true, encoding: "utf8" })
  .filter((name) => /\.pcap(ng)?$/.test(name))
  .sort()
  .map((name) => join("fixtures", name));

/** Captures of one run: the more, the fewer processes. */
const AT_ONCE = 12;

const FORMATS = ["json", "table", "markdown", "ndjson", "ecs", "ocsf", "csv"];

/** Runs a compiled program. @returns its exit status, its standard output and its complaints */
function run(program: string, words: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [program, ...words], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    said += text;
  });
  let complaints = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    complaints += text;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status) => resolve(`${said}\n${complaints}\n${status}`));
  });
}

async function bothSay(words: readonly string[]): Promise<string> {
  const [compiled, bundled] = await Promise.all(
    ["dist/cli/main.js", "dist/bin/ftptrace.js"].map((program) => run(program, words)),
  );
  assert.equal(bundled, compiled, words.join(" "));
  return compiled;
}

it("the bundle is lowered, our modules and none of the dependencies'", () => {
  const bundle = readFileSync("dist/bin/program.js", "latin1");
  assert.doesNotMatch(bundle, /this\.#/);
  assert.match(readFileSync("dist/analyze.js", "latin1"), /this\.#/);
  const [ours, theirs] = ["// dist/analyze.js", "// node_modules/commander/lib/command.js"].map(
    (name) => bundle.split(name)[1].split("\n// ")[0],
  );
  assert.doesNotMatch(ours, /for \((const|let) .* of /);
  assert.match(theirs, /for \((const|let) .* of |\.forEach\(/);
  assert.doesNotMatch(theirs, /\$isArray/);
});

describe("the bundled program does what the compiled one does", () => {
  for (let i = 0; i < CAPTURES.length; i += AT_ONCE) {
    const format = FORMATS[(i / AT_ONCE) % FORMATS.length];
    it(`with captures from ${CAPTURES[i]} on, as ${format}`, async () => {
      const said = await bothSay(["analyze", "--quiet", "--format", format, ...CAPTURES.slice(i, i + AT_ONCE)]);
      assert.ok(said.length > 1000, said);
    });
  }

  it("in other commands, and when it is used wrongly", async () => {
    for (const words of [
      ["--help"],
      ["analyze", "--help"],
      ["explain", "pasv-private-address"],
      ["advise", CAPTURES[0]],
      ["analyze", "no-such.pcap"],
      ["analyze", "--format", "no-such", CAPTURES[0]],
    ])
      await bothSay(words);
  });
});
