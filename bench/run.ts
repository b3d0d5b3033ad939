/**
 * `npm run bench -- [KIND …] [options]`: makes captures in a temporary folder, lets ftptrace and what else is installed read them in turns, and
 * prints CPU time as ratios, peak memory, and whether ftptrace's answers are the truth, session by session. Without a KIND: the four that
 * are not made to be expensive. `stress`: all that are; those are measured at their amount and at twice that.
 */
import { execFileSync } from "node:child_process";
import {
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { type CaptureOrder, generate, VARIANTS, type VariantName } from "./generate.ts";
import { KINDS, type Kind, type KindName } from "./kinds.ts";
import { type Cost, isInstalled, LIMIT_SECONDS, measure, median, TooSlowError } from "./measure.ts";
import { otherPrograms, ownPrograms, type Program } from "./programs.ts";
import { type Answer, type CaptureTruth, type Comparison, compare } from "./truth.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** CPU seconds beyond which a program is not run again: its ratio is known well enough. */
const SLOW_SECONDS = 10;

const HELP = `npm run bench -- [KIND …] [--size N] [--scale X] [--runs N] [--seed N] [--variants A,B|all] [--without A,B]

KIND        ${Object.keys(KINDS).join(", ")}; or stress for all that are made to be expensive
--size      how much of it, in the kind's own unit
--scale     times the usual size, instead
--runs      of each program; the table has medians (5); what takes more than ${SLOW_SECONDS} CPU s runs once
--seed      same seed, same bytes (1)
--variants  ${Object.keys(VARIANTS).join(", ")} (plain)
--without   programs to leave out, for example tshark

${Object.entries<Kind>(KINDS)
  .map(([name, { what, unit, amount }]) => `${name.padEnd(26)}${amount} ${unit}: ${what}`)
  .join("\n")}
`;

/** A capture on disk. */
interface Made {
  readonly file: string;
  readonly variant: VariantName;
  readonly truth: CaptureTruth;
}

/** What the programs cost on one capture, and ftptrace's answer to it. */
interface Result {
  readonly costs: ReadonlyMap<string, Cost>;
  readonly comparison: Comparison;
  readonly answer: Answer;
}

function make(order: CaptureOrder, folder: string): Made {
  const file = join(folder, `${order.kind}-${order.variant}.pcap`);
  const out = openSync(file, "w");
  // Each chunk is a gzip member of its own: together they are one gzip file (RFC 1952, section 2.2).
  const pack = (chunk: Uint8Array) => (order.variant === "gz" ? gzipSync(chunk) : chunk);
  const truth = generate(order, (chunk) => writeSync(out, pack(chunk)));
  closeSync(out);
  return { file, variant: order.variant, truth };
}

/** Lets the programs read a capture in turns. */
async function measureAll({ file, variant, truth }: Made, programs: readonly Program[], runs: number): Promise<Result> {
  const costs = new Map<string, Cost[]>();
  for (let run = 0; run < runs; run++)
    for (const { name, accepts, command } of programs) {
      const words = command(file, variant);
      const sofar = costs.get(name) ?? [];
      if (!words || sofar.some(({ cpuSeconds }) => cpuSeconds > SLOW_SECONDS)) continue;
      try {
        costs.set(name, [...sofar, await measure(words, `${file}.${name.replace(" ", "-")}`, accepts)]);
      } catch (error) {
        if (!(error instanceof TooSlowError) || name === "ftptrace") throw error;
        costs.set(name, [{ cpuSeconds: Number.POSITIVE_INFINITY, peakMiB: Number.POSITIVE_INFINITY }]);
      }
    }
  const answer = JSON.parse(readFileSync(`${file}.ftptrace`, "utf8")) as Answer;
  const comparison = compare(truth, answer);
  const medians = new Map([...costs].map(([name, all]) => [name, median(all)]));
  return { costs: medians, comparison, answer };
}

function ratio(cost: Cost | undefined, to: Cost | undefined): string {
  if (cost?.cpuSeconds === Number.POSITIVE_INFINITY) return `more than ${LIMIT_SECONDS} s`;
  return cost && to && to.cpuSeconds > 0 ? (cost.cpuSeconds / to.cpuSeconds).toFixed(2) : "";
}

function memoryText(cost: Cost | undefined): string {
  return cost && Number.isFinite(cost.peakMiB) ? cost.peakMiB.toFixed(0) : "";
}

function answersText({ sessions, sessionsRight, failures, failuresRight, invented }: Comparison): string {
  const inventedText = invented ? `, ${invented} invented` : "";
  return `${sessionsRight} of ${sessions} sessions, ${failuresRight} of ${failures} failures${inventedText}`;
}

function row(cells: readonly (string | number)[]): string {
  return `| ${cells.join(" | ")} |`;
}

function header(titles: readonly string[]): string {
  return `${row(titles)}\n${row(titles.map(() => "---"))}`;
}

function complain(name: string, { differences }: Comparison): void {
  for (const difference of differences) console.error(`${name}: ${difference}`);
  if (differences.length > 0) process.exitCode = 1;
}

/** One row a capture. Ratios are to tcpdump, where there is none to ftptrace's own reading. */
async function usualTable(
  orders: readonly CaptureOrder[],
  programs: readonly Program[],
  runs: number,
  folder: string,
): Promise<void> {
  const names = programs.map(({ name }) => name);
  const yardstick = names.includes("tcpdump") ? "tcpdump" : "its reading";
  const others = names.filter((name) => name !== yardstick);
  console.log(
    header([
      ...["capture", "MB", "packets", `${yardstick}, CPU s`],
      ...others.flatMap((name) => [`${name} ÷`, "MiB"]),
      "ftptrace ÷ its reading",
      "answers right",
    ]),
  );
  for (const order of orders) {
    const made = make(order, folder);
    const { costs, comparison } = await measureAll(made, programs, runs);
    const name = order.variant === "plain" ? order.kind : `${order.kind}, ${order.variant}`;
    const cost = costs.get(yardstick);
    console.log(
      row([
        ...[name, (statSync(made.file).size / 1e6).toFixed(0), made.truth.packets, cost?.cpuSeconds.toFixed(2) ?? ""],
        ...others.flatMap((other) => [ratio(costs.get(other), cost), memoryText(costs.get(other))]),
        ratio(costs.get("ftptrace"), costs.get("its reading")),
        answersText(comparison),
      ]),
    );
    complain(name, comparison);
    rmSync(made.file);
  }
}

/** What was dropped, as the report counts it. */
function droppedText({ anomalies }: Answer): string {
  return anomalies.map(({ code, count }) => `${code} ×${count}`).join(", ") || "nothing";
}

/** One row a case: at n and at 2n. */
async function stressTable(
  orders: readonly CaptureOrder[],
  ftptrace: Program,
  runs: number,
  folder: string,
): Promise<void> {
  const empty = join(folder, "empty.pcap");
  writeFileSync(empty, readFileSync(join(ROOT, "fixtures/pasv-cleartext-filtered-client.pcap")).subarray(0, 24));
  const starts: Cost[] = [];
  // 2: there is nothing in it.
  for (let run = 0; run < runs; run++)
    starts.push(await measure(ftptrace.command(empty, "plain")!, `${empty}.out`, [...ftptrace.accepts, 2]));
  const start = median(starts).cpuSeconds;
  console.log(`Starting costs ${start.toFixed(2)} CPU s, which the last ratio leaves out.\n`);
  console.log(
    header([
      ...["case", "n", "packets", "CPU s at n", "at 2n", "MiB at n", "at 2n", "CPU a packet, 2n ÷ n"],
      ...["answers right at 2n", "handshakes not linked", "findings", "dropped, as the report counts it"],
    ]),
  );
  for (const order of orders) {
    const { unit } = KINDS[order.kind];
    const at = async (amount: number) => {
      const made = make({ ...order, amount }, folder);
      const result = await measureAll(made, [ftptrace], runs);
      rmSync(made.file);
      const cost = result.costs.get(ftptrace.name)!;
      return { ...result, cost, packets: made.truth.packets, each: (cost.cpuSeconds - start) / made.truth.packets };
    };
    try {
      const once = await at(order.amount);
      const twice = await at(2 * order.amount);
      console.log(
        row([
          ...[order.kind, `${order.amount} ${unit}`, once.packets],
          ...[once, twice].map(({ cost }) => cost.cpuSeconds.toFixed(2)),
          ...[once, twice].map(({ cost }) => cost.peakMiB.toFixed(0)),
          (twice.each / once.each).toFixed(2),
          answersText(twice.comparison),
          twice.comparison.withoutHandshake,
          twice.answer.findings.map(({ id }) => id).join(", ") || "none",
          droppedText(twice.answer),
        ]),
      );
      complain(order.kind, twice.comparison);
    } catch (error) {
      if (!(error instanceof TooSlowError)) throw error;
      console.log(row([order.kind, `${order.amount} ${unit}`, error.message]));
      process.exitCode = 1;
    }
  }
}

/** Compiles ftptrace and its reading into `folder`, so that dist/ stays as it is. */
function compile(folder: string): string {
  const build = join(folder, "build");
  execFileSync(join(ROOT, "node_modules/.bin/tsc"), ["-p", join(ROOT, "bench/tsconfig.json"), "--outDir", build], {
    cwd: ROOT,
    stdio: "inherit",
  });
  copyFileSync(join(ROOT, "package.json"), join(build, "package.json"));
  symlinkSync(join(ROOT, "node_modules"), join(build, "node_modules"));
  execFileSync(process.execPath, [join(ROOT, "scripts/bundle.mjs"), join(build, "src")], { stdio: "inherit" });
  return build;
}

function wholeNumber(text: string, what: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new Error(`--${what} wants a whole number above 0, not ${text}`);
  return number;
}

function isKind(name: string): name is KindName {
  return Object.hasOwn(KINDS, name);
}

function isVariant(name: string): name is VariantName {
  return Object.hasOwn(VARIANTS, name);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    size: { type: "string" },
    scale: { type: "string", default: "1" },
    runs: { type: "string", default: "5" },
    seed: { type: "string", default: "1" },
    variants: { type: "string", default: "plain" },
    without: { type: "string", default: "" },
    help: { type: "boolean", default: false },
  },
});

function ordersOf(names: readonly KindName[]): CaptureOrder[] {
  const variants = values.variants === "all" ? Object.keys(VARIANTS) : values.variants.split(",");
  return names.flatMap((kind) =>
    variants.map((variant) => {
      if (!isVariant(variant)) throw new Error(`there is no variant ${variant}: ${Object.keys(VARIANTS).join(", ")}`);
      const usual = Math.max(1, Math.round(KINDS[kind].amount * Number(values.scale)));
      const amount = values.size === undefined ? usual : wholeNumber(values.size, "size");
      return { kind, variant, amount, seed: wholeNumber(values.seed, "seed") };
    }),
  );
}

async function bench(): Promise<void> {
  const all = Object.keys(KINDS).filter(isKind);
  const isStress = (name: KindName) => (KINDS[name] as Kind).stress === true;
  const words = positionals.length > 0 ? positionals : all.filter((name) => !isStress(name));
  const names = words.flatMap((word) => {
    if (word === "stress") return all.filter(isStress);
    if (!isKind(word)) throw new Error(`there is no kind ${word}: ${all.join(", ")}, stress`);
    return [word];
  });
  if (!isInstalled("time")) throw new Error("GNU time is needed: apt-get install time");
  const runs = wholeNumber(values.runs, "runs");
  const folder = mkdtempSync(join(tmpdir(), "ftptrace-bench-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(1));
  const [ftptrace, reading] = ownPrograms(compile(folder));
  const without = values.without.split(",");
  const programs = [...otherPrograms(folder), reading, ftptrace].filter(({ name }) => !without.includes(name));
  const usual = ordersOf(names.filter((name) => !isStress(name)));
  const stress = ordersOf(names.filter(isStress));
  if (usual.length > 0) await usualTable(usual, programs, runs, folder);
  if (usual.length > 0 && stress.length > 0) console.log();
  if (stress.length > 0) await stressTable(stress, ftptrace, runs, folder);
}

if (values.help) console.log(HELP);
else await bench();
