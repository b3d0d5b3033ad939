/**
 * `npm run fuzz -- [--runs 10000] [--seed 1] [--seconds N] [--out FOLDER]`: feeds mutated and invented captures to the analyzer and every
 * output format. Run `n` has the seed `seed + n`, which decides all of it: `--seed S --runs 1` does a run again. What fails is made smaller
 * and saved under its seed; `test/fuzz/regressions/` keeps what was fixed. See docs/fuzzing.md.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { analyzeCapture } from "../src/analyze.ts";
import { Chance } from "../test/fuzz/chance.ts";
import { createInputChecker, type Problem } from "../test/fuzz/check-input.ts";
import { monotony } from "../test/fuzz/conversation.ts";
import { type FuzzInput, fuzzInput, loadCorpus } from "../test/fuzz/fuzz-input.ts";
import { minimised } from "../test/fuzz/minimise.ts";

/** Seconds after which a run that does not return is a hang. */
const HANG_SECONDS = 120;
/** One run in so many checks that twice the lines take no more than twice the time, or nearly. */
const DOUBLING_EVERY = 10_000;
const DOUBLING_LINES = 1500;
/** Of so many runs in a row the first few are analysed alone, the others as captures of one analysis, which costs a third. */
const BLOCK = 64;
const ALONE = 2;
const REPORT_EVERY = 20_000;

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "10000" },
    seed: { type: "string", default: "1" },
    seconds: { type: "string", default: "0" },
    out: { type: "string", default: "/tmp/ftptrace-fuzz" },
  },
});
const firstSeed = Number(values.seed);
const runs = Number(values.runs);
const seconds = Number(values.seconds) || Number.POSITIVE_INFINITY;
mkdirSync(values.out, { recursive: true });

const corpus = loadCorpus("fixtures");
const checker = await createInputChecker();
const progress = new Int32Array(new SharedArrayBuffer(8));
const watchdog = startWatchdog(progress, values.out);
const startedAt = performance.now();
const found = new Map<string, number>();
let slowest = { seed: 0, milliseconds: 0 };
let bytes = 0;
let done = 0;
let group: FuzzInput[] = [];
for (; done < runs && performance.now() - startedAt < seconds * 1000; done++) {
  const seed = firstSeed + done;
  Atomics.store(progress, 1, seed);
  Atomics.add(progress, 0, 1);
  const input = fuzzInput(seed, corpus);
  bytes += input.bytes.length + (input.second?.length ?? 0);
  if (done % BLOCK >= ALONE && input.via === "memory" && input.second === null) group.push(input);
  else await alone(input);
  if (group.length > 0 && (done % BLOCK === BLOCK - 1 || done === runs - 1)) await together();
  if (seed % DOUBLING_EVERY === 0) {
    Atomics.add(progress, 0, 1);
    const slow = doublingProblem(seed);
    if (slow) await save(slow, input);
  }
  if (done % REPORT_EVERY === REPORT_EVERY - 1) report();
}
if (group.length > 0) await together();
report();
await watchdog.terminate();
process.exitCode = found.size > 0 ? 1 : 0;

async function alone(input: FuzzInput): Promise<void> {
  const before = performance.now();
  const problem = await checker.check(input);
  const milliseconds = performance.now() - before;
  if (milliseconds > slowest.milliseconds) slowest = { seed: input.seed, milliseconds };
  if (problem) await save(problem, input);
}

async function together(): Promise<void> {
  const inputs = group;
  group = [];
  const wrong = await checker.checkGroup(inputs);
  if (!wrong) return;
  if (wrong.input !== null) {
    await save(wrong.problem, wrong.input);
    return;
  }
  found.set(wrong.problem.key, (found.get(wrong.problem.key) ?? 0) + 1);
  const seeds = inputs.map(({ seed }) => seed);
  console.log(`seeds ${seeds.join(" ")} together, none of them alone: ${wrong.problem.detail}`);
}

function report(): void {
  const elapsed = (performance.now() - startedAt) / 1000;
  const kinds = [...found].map(([key, count]) => `\n  ${count} × ${key}`).join("");
  console.log(
    `${Math.min(done + 1, runs)} runs from seed ${firstSeed}, ${(bytes / 2 ** 20).toFixed(0)} MiB, ${elapsed.toFixed(0)} s, ` +
      `${((process.cpuUsage().user + process.cpuUsage().system) / 1e6).toFixed(0)} s CPU, peak ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB, ` +
      `slowest ${slowest.milliseconds.toFixed(0)} ms (seed ${slowest.seed}); ${found.size} different problems${kinds}`,
  );
}

/** Keeps the first input of each problem. */
async function save(problem: Problem, input: FuzzInput): Promise<void> {
  const count = found.get(problem.key) ?? 0;
  found.set(problem.key, count + 1);
  if (count > 0) return;
  const name = join(values.out, `${problem.kind}-${input.seed}`);
  console.log(
    `seed ${input.seed} (${input.how}): ${problem.kind}: ${problem.detail.split("\n").slice(0, 4).join(" | ")}`,
  );
  const stillFails = async (smaller: Uint8Array) => {
    Atomics.add(progress, 0, 1);
    return (await checker.check({ ...input, bytes: smaller }))?.key === problem.key;
  };
  const small =
    input.second === null && problem.kind !== "time" ? await minimised(input.bytes, stillFails) : input.bytes;
  writeFileSync(`${name}.pcap`, small);
  if (input.second !== null) writeFileSync(`${name}.second.pcap`, input.second);
  writeFileSync(
    `${name}.json`,
    `${JSON.stringify({ seed: input.seed, how: input.how, via: input.via, problem }, null, 2)}\n`,
  );
}

/** Whether twice the lines take much more than twice the CPU time. */
function doublingProblem(seed: number): Problem | undefined {
  const cost = (lines: number) => {
    const bytes = monotony(new Chance(seed), lines);
    // The best of several: others use the same caches, and the collector runs when it likes.
    const costs = Array.from({ length: 4 }, () => {
      const before = process.cpuUsage();
      analyzeCapture(bytes);
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1e6;
    });
    return Math.min(...costs);
  };
  const [once, twice] = [cost(DOUBLING_LINES), cost(2 * DOUBLING_LINES)];
  if (twice < 0.5 || twice < 3 * once) return undefined;
  return {
    kind: "time",
    key: "doubling",
    detail: `${DOUBLING_LINES} lines ${once.toFixed(2)} s, twice as many ${twice.toFixed(2)} s`,
  };
}

/** A loop in the analyzer blocks this thread; another one notices, says which seed it was, and ends the process. */
function startWatchdog(shared: Int32Array, folder: string): Worker {
  const code = `
    const { workerData } = require("node:worker_threads");
    const { writeFileSync } = require("node:fs");
    let last = -1, since = Date.now();
    setInterval(() => {
      const now = Atomics.load(workerData.shared, 0);
      if (now !== last) { last = now; since = Date.now(); return; }
      if (Date.now() - since < workerData.seconds * 1000) return;
      const seed = Atomics.load(workerData.shared, 1);
      writeFileSync(workerData.folder + "/hang-" + seed + ".json", JSON.stringify({ seed }));
      console.error("seed " + seed + " does not return");
      process.kill(process.pid, "SIGKILL");
    }, 1000);`;
  return new Worker(code, { eval: true, workerData: { shared, folder, seconds: HANG_SECONDS } });
}
