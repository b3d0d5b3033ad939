// Runs the tests: `node scripts/test.mjs [FILE-PART …]`. Node 20's runner reads neither folders nor quoted globs with a loader
// and passes when it found no file, so the files are listed here, and none is an error.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";

const parts = process.argv.slice(2);
const files = readdirSync("test", { recursive: true })
  .map((name) => join("test", name))
  .filter((name) => name.endsWith(".test.ts") && (parts.length === 0 || parts.some((part) => name.includes(part))))
  .sort();
if (files.length === 0) {
  console.error(`no test file matches: ${parts.join(" ")}`);
  process.exit(1);
}
const run = spawnSync(process.execPath, ["--import", "tsx", "--test", "--test-reporter=spec", ...files], {
  stdio: "inherit",
});
process.exit(run.status ?? 1);
