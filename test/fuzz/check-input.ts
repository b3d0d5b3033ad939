import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Ajv2020 } from "ajv/dist/2020.js";
import type { Analysis, AnalysisSummary, Session } from "../../src/analysis.ts";
import { createAnalyzer } from "../../src/analyze.ts";
import { CaptureFormatError } from "../../src/capture/capture-format-error.ts";
import { CaptureOpenError, openCapture } from "../../src/cli/open-capture.ts";
import type { CreateReportWriter } from "../../src/report/format.ts";
import { OUTPUT_FORMAT_NAMES, OUTPUT_FORMATS, type OutputFormatName } from "../../src/report/formats.ts";
import { Chance } from "./chance.ts";
import type { FuzzInput } from "./fuzz-input.ts";

/** Something that no input may make happen. */
export interface Problem {
  readonly kind: "exception" | "time" | "memory" | "output" | "schema" | "chunks";
  /** The same for the same fault: what a minimised input must still show. */
  readonly key: string;
  readonly detail: string;
}

/** CPU time that a small input may take. */
export const MAX_SECONDS = 2;
/** Growth of the process that one small input may cause. */
export const MAX_BYTES = 200 * 1024 * 1024;
/** CPU time for a byte of input beyond the first few milliseconds; ordinary captures take a hundredth of it. */
const MILLISECONDS_A_BYTE = 0.006;
const FREE_MILLISECONDS = 150;
/** And for a character of output: a command of six bytes may make a channel of which OCSF has two thousand to say. */
const MILLISECONDS_A_CHARACTER = 0.0003;

type Result = Analysis & AnalysisSummary;

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

/** Analyses inputs, renders every format and judges what comes out. */
export class InputChecker {
  readonly #formats: readonly { readonly name: OutputFormatName; readonly create: CreateReportWriter }[];
  readonly #isReport: (report: unknown) => boolean;
  readonly #schemaErrors: () => string;
  readonly #residentAtFirst: number;

  /** Use {@link createInputChecker}. */
  constructor(formats: readonly { name: OutputFormatName; create: CreateReportWriter }[], schema: object) {
    this.#formats = formats;
    this.#residentAtFirst = process.memoryUsage.rss();
    const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(schema);
    this.#isReport = (report) => validate(report) === true;
    this.#schemaErrors = () =>
      (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`).join("; ");
  }

  /** @returns undefined when the input was dealt with as documented */
  async check(input: FuzzInput): Promise<Problem | undefined> {
    const startedAt = performance.now();
    const tally = { inputBytes: 0, characters: 0 };
    let problem: Problem | undefined;
    try {
      problem = await this.#run(input, tally);
    } catch (error) {
      problem = exceptionProblem(error);
    }
    if (problem) return problem;
    const milliseconds = performance.now() - startedAt;
    // Asking for memory and CPU time costs more than most runs: what is over at once has used little of either.
    if (milliseconds < 50) return undefined;
    const resident = process.memoryUsage.rss();
    if (resident - this.#residentAtFirst > MAX_BYTES) {
      const grown = await this.#growth(input);
      if (grown > MAX_BYTES)
        return { kind: "memory", key: "memory", detail: `the process has grown by ${grown >> 20} MiB` };
    }
    const allowed =
      Math.min(MAX_SECONDS * 1000, FREE_MILLISECONDS + tally.inputBytes * MILLISECONDS_A_BYTE) +
      tally.characters * MILLISECONDS_A_CHARACTER;
    if (milliseconds <= allowed) return undefined;
    // The machine may have been busy with something else: the best of three counts, in CPU time.
    const again = Math.min(await this.#cost(input), await this.#cost(input), await this.#cost(input));
    if (again <= allowed) return undefined;
    return { kind: "time", key: "time", detail: `${Math.round(again)} ms of CPU for ${tally.inputBytes} bytes` };
  }

  /**
   * Several inputs as captures of one analysis, one after the other: an analyzer of its own costs more than a small capture.
   * @returns undefined when all were dealt with as documented; else which of them is to blame (`input` null: all together)
   */
  async checkGroup(inputs: readonly FuzzInput[]): Promise<{ problem: Problem; input: FuzzInput | null } | undefined> {
    const startedAt = performance.now();
    let problem: Problem | undefined;
    try {
      // Not as a table, which costs as much as all of them.
      const formats = this.#formats.filter(({ name }) => name !== "table");
      problem = this.#judge(analyze(inputs.map(({ bytes }) => [bytes])), inputs[0]!.seed, { characters: 0 }, formats);
    } catch (error) {
      problem = exceptionProblem(error);
    }
    if (!problem && performance.now() - startedAt < FREE_MILLISECONDS) return undefined;
    for (const input of inputs) {
      const alone = await this.check(input);
      if (alone) return { problem: alone, input };
    }
    return problem && { problem, input: null };
  }

  /** What the process grows by in one run, without the garbage of the runs before. */
  async #growth(input: FuzzInput): Promise<number> {
    collectGarbage();
    const before = process.memoryUsage.rss();
    await this.#run(input);
    return process.memoryUsage.rss() - before;
  }

  /** Milliseconds of CPU. */
  async #cost(input: FuzzInput): Promise<number> {
    const before = process.cpuUsage();
    await this.#run(input);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  }

  async #run(input: FuzzInput, tally = { inputBytes: 0, characters: 0 }): Promise<Problem | undefined> {
    if (input.via === "file") {
      const chunks = await chunksOfFile(input.bytes);
      if (chunks === undefined) return undefined;
      tally.inputBytes = chunks.reduce((sum, { length }) => sum + length, 0);
      return this.#judge(analyze([chunks]), input.seed, tally);
    }
    tally.inputBytes = input.bytes.length + (input.second?.length ?? 0);
    const captures = input.second === null ? [[input.bytes]] : [[input.bytes], [input.second]];
    const result = analyze(captures);
    const problem = this.#judge(result, input.seed, tally);
    // Of what is no capture the analyzer has seen as much as it was given.
    if (problem || input.via !== "chunks" || result.unusable > 0) return problem;
    const inPieces = analyze([pieces(input.bytes, new Chance(input.seed ^ 0x5eed))]);
    const [whole, cut] = [JSON.stringify(result), JSON.stringify(inPieces)];
    return whole === cut ? undefined : { kind: "chunks", key: "chunks", detail: firstDifference(whole, cut) };
  }

  #judge(
    result: ReturnType<typeof analyze>,
    seed: number,
    tally: { characters: number },
    formats = this.#formats,
  ): Problem | undefined {
    const { sessions, unusable: _unusable, ...summary } = result;
    // Formats cost more than the analysis: each run has one, and what lets one fail comes again with another.
    const { name, create } = formats[seed % formats.length]!;
    const colour = name === "table" && seed % 2 === 0;
    const writer = create({ width: seed % 4 < 2 ? 80 : 200, colour });
    const text = [writer.begin(), ...sessions.map((session) => writer.session(session)), writer.end(summary)].join("");
    tally.characters = text.length;
    const wrong = textProblem(name, text, sessions);
    if (wrong) return { kind: "output", key: `output ${name} ${wrong.slice(0, 6)}`, detail: `${name}: ${wrong}` };
    if (name === "json" && !this.#isReport(JSON.parse(text)))
      return {
        kind: "schema",
        key: `schema ${this.#schemaErrors().replace(/\d+/g, "")}`,
        detail: this.#schemaErrors(),
      };
    return undefined;
  }
}

/** A checker of all output formats. */
export async function createInputChecker(): Promise<InputChecker> {
  const formats = await Promise.all(
    OUTPUT_FORMAT_NAMES.map(async (name) => ({ name, create: await OUTPUT_FORMATS[name].load() })),
  );
  return new InputChecker(formats, JSON.parse(readFileSync("schema/report.schema.json", "utf8")));
}

/** Feeds captures as the CLI does: whoever is hungry gets its next chunk. A capture that is none is over, the others go on. */
function analyze(captures: readonly (readonly Uint8Array[])[]): Result & { readonly unusable: number } {
  const sessions: Session[] = [];
  const analyzer = createAnalyzer({ keepSessions: false, onSession: (session) => sessions.push(session) });
  const open = captures.map((chunks, i) => ({
    chunks,
    next: 0,
    over: false,
    opened: analyzer.beginCapture(`capture-${i}`),
  }));
  let unusable = 0;
  for (let going = true; going; ) {
    going = false;
    for (const capture of open) {
      while (!capture.over && capture.opened.hungry) {
        going = true;
        try {
          if (capture.next < capture.chunks.length) capture.opened.push(capture.chunks[capture.next++]!);
          else {
            capture.over = true;
            capture.opened.end();
          }
        } catch (error) {
          if (!(error instanceof CaptureFormatError)) throw error;
          capture.over = true;
          unusable++;
        }
      }
    }
  }
  return { ...analyzer.finish(), sessions, unusable };
}

/** What `openCapture` makes of the bytes as a file; undefined when it cannot be opened. */
async function chunksOfFile(bytes: Uint8Array): Promise<Uint8Array[] | undefined> {
  const path = join(tmpdir(), `ftptrace-fuzz-${process.pid}`);
  writeFileSync(path, bytes);
  try {
    const file = await openCapture(path);
    const chunks: Uint8Array[] = [];
    for (let chunk = await file.read(); chunk !== null; chunk = await file.read()) chunks.push(chunk.slice());
    file.close();
    return chunks;
  } catch (error) {
    if (error instanceof CaptureOpenError) return undefined;
    throw error;
  } finally {
    rmSync(path, { force: true });
  }
}

/** The bytes cut anywhere, each piece in memory of its own. */
function pieces(bytes: Uint8Array, chance: Chance): Uint8Array[] {
  const parts: Uint8Array[] = [];
  const longest = Math.max(chance.pick([1, 7, 100, 2000]), bytes.length / 50_000);
  for (let at = 0; at < bytes.length; ) {
    const length = chance.between(1, Math.ceil(longest));
    parts.push(bytes.slice(at, at + length));
    at += length;
  }
  return parts;
}

function exceptionProblem(error: unknown): Problem {
  if (!(error instanceof Error)) return { kind: "exception", key: `exception ${String(error)}`, detail: String(error) };
  const place = /\n\s+at (.*)/.exec(error.stack ?? "")?.[1] ?? "";
  return {
    kind: "exception",
    key: `exception ${error.name} ${place.replace(/:\d+\)?$/, "")}`,
    detail: error.stack ?? error.message,
  };
}

function firstDifference(a: string, b: string): string {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  return `whole: …${a.slice(Math.max(0, at - 60), at + 100)}… in pieces: …${b.slice(Math.max(0, at - 60), at + 100)}…`;
}

/** Control characters but line ends, bidi and format characters, halves of surrogate pairs. */
const UNSAFE_OUTPUT = /(?!\n|\r\n)[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u;
/** Pieces of `hostile-text.ts` that mean something to a browser. */
const LIVE_MARKUP = /<img src|<script>alert|<\/pre><\/td>/i;
/** Where Markdown shows markup as it is (CommonMark 0.31 sections 4.5 and 6.1). */
const FENCED_CODE = /^(`{3,})[^`\n]*\n[\s\S]*?^\1$/gm;
const CODE_SPAN = /(?<!`)(`+)(?!`)[^\n]*?(?<!`)\1(?!`)/g;
const OWN_COLOURS = /\x1b\[[\d;]*m/g;

/** What is wrong with a report, whoever it is meant for; undefined when nothing is. */
export function textProblem(format: string, text: string, sessions: readonly Session[]): string | undefined {
  const plain = format === "table" ? text.replace(OWN_COLOURS, "") : text;
  const unsafe = UNSAFE_OUTPUT.exec(plain);
  if (unsafe) {
    const code = unsafe[0].codePointAt(0)!.toString(16);
    return `U+${code} in ${JSON.stringify(plain.slice(Math.max(0, unsafe.index - 40), unsafe.index + 20))}`;
  }
  const live = format === "markdown" ? plain.replace(FENCED_CODE, "").replace(CODE_SPAN, "") : plain;
  if (/html|markdown/.test(format) && LIVE_MARKUP.test(live)) return "live markup of a stranger";
  if (format === "json") {
    const report = JSON.parse(text);
    if (report.sessions.length !== sessions.length) return `${report.sessions.length} sessions of ${sessions.length}`;
  }
  if (/ndjson|^ecs|^ocsf/.test(format)) for (const record of text.split("\n")) if (record !== "") JSON.parse(record);
  return undefined;
}
