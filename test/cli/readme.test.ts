import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { EXIT_STATUSES } from "../../src/cli/exit-code.ts";
import { OUTPUT_FORMAT_NAMES } from "../../src/report/formats.ts";
import { runCli } from "./run-cli.ts";

const EXAMPLE = /(`npx ftptrace analyze (\S+\.pcap)`[\s\S]*?```text\n)([\s\S]*?)(?=```)/;

test("README.md shows what the program prints", async () => {
  const readme = readFileSync("README.md", "utf8");
  const [, before, capture, shown] = EXAMPLE.exec(readme)!;
  const { status, stdout } = await runCli(["analyze", capture]);
  assert.equal(status, 0);
  if (process.env["UPDATE_GOLDEN"])
    writeFileSync(
      "README.md",
      readme.replace(before + shown, () => before + stdout),
    );
  else assert.equal(shown, stdout);
});

test("README.md names every format and exit status", () => {
  const readme = readFileSync("README.md", "utf8");
  for (const name of OUTPUT_FORMAT_NAMES) assert.match(readme, new RegExp(`^\\| \`${name}\` `, "m"));
  const [, table] = /^## Exit status\n\n([^#]*?)\n\n/m.exec(readme)!;
  assert.deepEqual(
    [...table.matchAll(/^\| (\d+) +\| (.*?) +\|$/gm)].map(([, status, says]) => [status, says.replaceAll("`", "")]),
    Object.values(EXIT_STATUSES).map(({ status, says }) => [String(status), says]),
  );
});
