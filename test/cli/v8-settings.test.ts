import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { flagsFor } from "../../src/cli/v8-settings.ts";

const SETTINGS = fileURLToPath(new URL("../../dist/cli/v8-settings.js", import.meta.url));
const OPEN_CAPTURE = fileURLToPath(new URL("../../dist/cli/open-capture.js", import.meta.url));
const MIB = 2 ** 20;

/** A half of the young generation after the settings were made, and after 100 MiB have survived in it. */
function youngGeneration(): { atFirst: number; later: number } {
  const program = `
    import { getHeapSpaceStatistics } from "node:v8";
    import { tuneV8 } from ${JSON.stringify(SETTINGS)};
    const young = () => {
      const { space_used_size, space_available_size } = getHeapSpaceStatistics().find((space) => space.space_name === "new_space");
      return space_used_size + space_available_size;
    };
    tuneV8();
    const atFirst = young();
    const kept = [];
    for (let i = 0; i < 1600; i++) kept.push(new Array(8192).fill(i));
    console.log(JSON.stringify({ atFirst, later: young() }));`;
  return JSON.parse(execFileSync(process.execPath, ["--input-type=module", "--eval", program], { encoding: "utf8" }));
}

const untried = flagsFor(process.versions.v8).length === 0 && "this V8 was never tried: it is left as it is";

test("the young generation is made larger once, and does not grow with what survives in it", { skip: untried }, () => {
  const { atFirst, later } = youngGeneration();
  // Pages have headers, and some of them an end that is too short for what comes next.
  assert.ok(atFirst > 3.8 * MIB && atFirst < 4.2 * MIB, `${atFirst}`);
  assert.ok(Math.abs(later - atFirst) < 0.2 * MIB, `${atFirst}, and later ${later}`);
});

/** How often the whole heap is collected while 192 MiB of a compressed capture are read. @param collected as they are for the command line */
function collectionsOfDecompressing(collected: boolean): number {
  const program = `
    import { randomBytes } from "node:crypto";
    import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
    import { tmpdir } from "node:os";
    import { join } from "node:path";
    import { PerformanceObserver, constants } from "node:perf_hooks";
    import { gzipSync } from "node:zlib";
    import { tuneV8 } from ${JSON.stringify(SETTINGS)};
    import { openCapture } from ${JSON.stringify(OPEN_CAPTURE)};
    const folder = mkdtempSync(join(tmpdir(), "ftptrace-"));
    const path = join(folder, "capture.gz");
    const piece = Buffer.concat([randomBytes(16_384), Buffer.alloc(49_152)]);
    writeFileSync(path, gzipSync(Buffer.concat(new Array(3072).fill(piece)), { level: 1 }));
    if (${collected}) tuneV8();
    else Object.defineProperty(process.versions, "v8", { value: "" });
    let majors = 0;
    const isMajor = ({ detail }) => detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR;
    const observer = new PerformanceObserver((list) => {
      majors += list.getEntries().filter(isMajor).length;
    });
    observer.observe({ entryTypes: ["gc"] });
    const capture = await openCapture(path);
    let bytes = 0;
    for (let chunk = await capture.read(); chunk !== null; chunk = await capture.read()) bytes += chunk.length;
    capture.close();
    await new Promise((resolve) => setTimeout(resolve, 50));
    rmSync(folder, { recursive: true });
    if (bytes !== 3072 * 65_536) throw new Error(bytes + " bytes");
    console.log(majors);`;
  return Number(execFileSync(process.execPath, ["--input-type=module", "--eval", program], { encoding: "utf8" }));
}

test("what was decompressed does not have the whole heap collected", { skip: untried }, () => {
  const without = collectionsOfDecompressing(false);
  const collected = collectionsOfDecompressing(true);
  assert.ok(collected <= 2 && collected < without, `${collected} times, and ${without} where V8 is left alone`);
});

test("only flags that this V8 knows are set: of others it complains on standard error, in every run", () => {
  const known = execFileSync(process.execPath, ["--v8-options"], { encoding: "utf8" });
  for (const flag of [...flagsFor(process.versions.v8), "--semi-space-growth-factor=2"])
    assert.match(known, new RegExp(`^ {2}--${flag.replace(/^--(?:no-)?/, "").replace(/=.*/, "")} `, "m"), flag);
});

test("each version of V8 gets the flags that it knows, and one that nobody tried none", () => {
  const budget = (version: string) => flagsFor(version).some((flag) => flag.startsWith("--interrupt-budget"));
  assert.ok(budget("11.3.244.8-node.38"), "Node 20");
  // Node 21, 22, 23, 24, 25 and 26 were run: each printed "unrecognized flag --interrupt-budget".
  for (const version of ["11.8.172.17", "12.4.254.21", "12.9.202.28", "13.6.233.17", "14.1.146.11", "14.6.202.34"]) {
    assert.equal(budget(version), false, version);
    assert.equal(flagsFor(version).length, 2, version);
  }
  for (const version of ["15.0.1", "10.2.154", ""]) assert.deepEqual(flagsFor(version), [], version);
});
