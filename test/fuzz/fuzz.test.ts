import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, test } from "node:test";
import { createInputChecker } from "./check-input.ts";
import { type FuzzInput, fuzzInput, loadCorpus } from "./fuzz-input.ts";

/** The bounded part of the fuzzer: the same runs every time, and everything that it once found. `npm run fuzz` does more of them. */

/** The first seeds. */
const FIRST_SEED = 1;
const RUNS = 600;

const checker = await createInputChecker();

/** One saved input: NAME.pcap with NAME.json, and NAME.second.pcap where two captures were analysed together. */
const REGRESSIONS = join("test", "fuzz", "regressions");

describe("inputs that once did harm", () => {
  const names = readdirSync(REGRESSIONS).filter((name) => name.endsWith(".json"));
  for (const name of names)
    it(name, async () => {
      const saved: Pick<FuzzInput, "seed" | "how" | "via"> = JSON.parse(readFileSync(join(REGRESSIONS, name), "utf8"));
      const file = join(REGRESSIONS, name.replace(/\.json$/, ".pcap"));
      const second = file.replace(/\.pcap$/, ".second.pcap");
      const input: FuzzInput = {
        ...saved,
        bytes: new Uint8Array(readFileSync(file)),
        second: existsSync(second) ? new Uint8Array(readFileSync(second)) : null,
      };
      // The seed decides how formats and pieces vary: several of them, so that a fix is not for one alone.
      for (let i = 0; i < 12; i++) {
        const problem = await checker.check({ ...input, seed: input.seed + i });
        // Time is judged by `npm run fuzz`: here other tests run beside this one.
        if (problem?.kind !== "time") assert.equal(problem, undefined);
      }
    });
});

test(`${RUNS} runs from seed ${FIRST_SEED}`, async () => {
  const corpus = loadCorpus("fixtures");
  assert.ok(corpus.length > 50);
  for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed++) {
    const input = fuzzInput(seed, corpus);
    const problem = await checker.check(input);
    // Time is judged by `npm run fuzz`: here other tests run beside this one.
    if (problem && problem.kind !== "time")
      assert.fail(`seed ${input.seed} (${input.how}): ${problem.kind}: ${problem.detail}`);
  }
});

test("a seed decides the whole input", () => {
  const corpus = loadCorpus("fixtures").slice(0, 5);
  for (let seed = 1; seed <= 60; seed++) assert.deepEqual(fuzzInput(seed, corpus), fuzzInput(seed, corpus));
});
