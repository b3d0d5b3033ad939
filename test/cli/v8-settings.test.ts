import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const SETTINGS = fileURLToPath(new URL("../../dist/cli/v8-settings.js", import.meta.url));
const MIB = 2 ** 20;

/** The young generation after the settings were made, and after 100 MiB have survived in it. */
function youngGeneration(): { atFirst: number; later: number } {
  const program = `
    import { getHeapSpaceStatistics } from "node:v8";
    import { tuneV8 } from ${JSON.stringify(SETTINGS)};
    const young = () => getHeapSpaceStatistics().find((space) => space.space_name === "new_space").space_size;
    tuneV8();
    const atFirst = young();
    const kept = [];
    for (let i = 0; i < 1600; i++) kept.push(new Array(8192).fill(i));
    console.log(JSON.stringify({ atFirst, later: young() }));`;
  return JSON.parse(execFileSync(process.execPath, ["--input-type=module", "--eval", program], { encoding: "utf8" }));
}

test("the young generation is made larger once, and does not grow with what survives in it", () => {
  const { atFirst, later } = youngGeneration();
  assert.ok(atFirst >= 8 * MIB, `${atFirst}`);
  // Node 20 begins with 2 MiB; those that begin with more keep what they have.
  assert.equal(later, atFirst);
});
