import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { OUTPUT_FORMAT_NAMES } from "../src/report/formats.ts";

/** What SECURITY.md promises: reading the capture and the program's own files is all that is needed. */

const CAPTURE = realpathSync(
  join("fixtures", readdirSync("fixtures").find((name) => name.endsWith("private-address-client.pcap"))!),
);
/** The program as it is published, beside its dependencies. */
const PROGRAM = realpathSync(mkdtempSync(join(tmpdir(), "ftptrace-permission-")));
const MODULES = realpathSync("node_modules");

before(() => {
  const { status, stdout } = spawnSync(
    join("node_modules", ".bin", "tsc"),
    ["-p", "tsconfig.build.json", "--outDir", join(PROGRAM, "dist")],
    { encoding: "utf8" },
  );
  assert.equal(status, 0, stdout);
  copyFileSync("package.json", join(PROGRAM, "package.json"));
  symlinkSync(MODULES, join(PROGRAM, "node_modules"));
  const bundled = spawnSync(process.execPath, ["scripts/bundle.mjs", join(PROGRAM, "dist")], { encoding: "utf8" });
  assert.equal(bundled.status, 0, bundled.stderr);
});
after(() => rmSync(PROGRAM, { recursive: true }));

/** Node 22.13 has the model for good; before it has another name. */
const [major, minor] = process.versions.node.split(".").map(Number);
const PERMISSION = major > 22 || (major === 22 && minor >= 13) ? "--permission" : "--experimental-permission";

function analyze(args: readonly string[], readable = [join(PROGRAM, "*"), join(MODULES, "*"), CAPTURE]) {
  return spawnSync(
    process.execPath,
    [
      PERMISSION,
      ...readable.map((path) => `--allow-fs-read=${path}`),
      join(PROGRAM, "dist", "bin", "ftptrace.js"),
      "analyze",
      ...args,
    ],
    { encoding: "utf8" },
  );
}

for (const format of OUTPUT_FORMAT_NAMES)
  test(`--format ${format} needs to read and nothing else`, () => {
    const { status, stdout, stderr } = analyze(["--format", format, CAPTURE]);
    assert.equal(status, 0, stderr);
    assert.ok(stdout.length > 0);
  });

test("what it may not read it says, and may not write it does not", () => {
  const unreadable = analyze(["/etc/hostname"]);
  assert.notEqual(unreadable.status, 0);
  const unwritable = analyze(["--output", join(PROGRAM, "report.txt"), CAPTURE]);
  assert.notEqual(unwritable.status, 0);
});

test("nothing in the program can reach a network or start another program", () => {
  const reaching =
    /["']node:(?:net|http|https|http2|tls|dns|dgram|child_process|cluster|inspector)["'/]|\bfetch\(|\bWebSocket\b/;
  const sources = readdirSync("src", { recursive: true }).filter((name) => String(name).endsWith(".ts"));
  assert.ok(sources.length > 100);
  assert.deepEqual(
    sources.filter((name) => reaching.test(readFileSync(join("src", String(name)), "utf8"))),
    [],
  );
});
