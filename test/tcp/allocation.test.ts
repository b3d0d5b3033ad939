import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("rejected-packets.ts", import.meta.url));

/** One number or object for each packet would be sixteen; what a chunk costs is spread over its packets. */
const MOST_BYTES = 4;

for (const kind of ["payload", "acknowledgment", "syn", "reset"]) {
  test(`nothing is allocated for a packet that nobody follows: ${kind}`, () => {
    const flags = ["--expose-gc", "--min-semi-space-size=64", "--max-semi-space-size=64"];
    const { stdout, stderr } = spawnSync(process.execPath, [...flags, "--import", "tsx", SCRIPT, kind], {
      encoding: "utf8",
    });
    const bytes = Number.parseFloat(stdout);
    assert.ok(bytes < MOST_BYTES, `${stdout.trim()} bytes a packet ${stderr}`);
  });
}
