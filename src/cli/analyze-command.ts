import { statSync } from "node:fs";
import { resolve } from "node:path";
import type { AnalysisSummary, Session } from "../analysis.ts";
import { type Analyzer, createAnalyzer, type OpenedCapture } from "../analyze.ts";
import { CaptureFormatError } from "../capture/capture-format-error.ts";
import { compareInstants, type Instant } from "../instant.ts";
import type { ReportWriter } from "../report/format.ts";
import { OUTPUT_FORMATS } from "../report/formats.ts";
import { safeText } from "../report/safe-text.ts";
import type { AnalyzeRequest } from "./args.ts";
import { EXIT_CODES, type ExitCode } from "./exit-code.ts";
import { keepYoungGenerationSmall } from "./heap.ts";
import { CaptureOpenError, firstInstant, type OpenCapture, openCapture } from "./open-capture.ts";
import { Progress } from "./progress.ts";
import { fileOutput, type ReportOutput, ReportOutputError, standardOutput } from "./report-output.ts";
import { wantsColour, widthOf } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

/** `ftptrace analyze`: captures in, a report out, what went wrong with either on standard error. */
export async function analyzeCommand(request: AnalyzeRequest): Promise<ExitCode> {
  keepYoungGenerationSmall();
  refuseOutputAmongInputs(request);
  if (request.crossCheck && request.files.some((path) => path === "-" || isPipe(path)))
    throw new UsageError("--cross-check reads each capture twice, which standard input and pipes cannot give");
  const complaints = new Complaints();
  const { inputs, rejected } = await inputsInTimeOrder(request.files, complaints);
  if (inputs.length === 0) return EXIT_CODES.inputUnusable;
  try {
    const exitCode = await analyzeInto(request, inputs, complaints);
    if (request.crossCheck && !(await crossChecked(inputs, complaints))) return EXIT_CODES.bug;
    return rejected > 0 ? EXIT_CODES.inputUnusable : exitCode;
  } catch (error) {
    if (!(error instanceof ReportOutputError)) throw error;
    complaints.add(error.message);
    return EXIT_CODES.outputFailed;
  } finally {
    for (const input of inputs) input.file?.close();
  }
}

/** A report must not take the place of a capture that it is about, whatever was forced. */
function refuseOutputAmongInputs({ output, files }: AnalyzeRequest): void {
  const target = output === null ? undefined : statSync(output, { throwIfNoEntry: false });
  if (!target?.isFile()) return;
  for (const path of files) {
    const input = path === "-" ? undefined : statSync(path, { throwIfNoEntry: false });
    if (input?.ino === target.ino && input.dev === target.dev)
      throw new UsageError(`${output}: is one of the captures to be read; name another file for the report`);
  }
}

/** Whether a second reader finds in every input what ours found. */
async function crossChecked(inputs: readonly Input[], complaints: Complaints): Promise<boolean> {
  const { crossCheck } = await import("./cross-check.ts");
  let allAgree = true;
  for (const { path, state } of inputs) {
    if (state === "unusable") continue;
    const { agrees, says } = await crossCheck(path);
    complaints.add(`${path}: ${says}`);
    allAgree &&= agrees;
  }
  return allAgree;
}

/** Leaves no half-written report behind, whatever happens. */
async function analyzeInto(
  request: AnalyzeRequest,
  inputs: readonly Input[],
  complaints: Complaints,
): Promise<ExitCode> {
  const output = request.output === null ? standardOutput() : fileOutput(request.output, request.force);
  const stopListening = discardOnSignal(output);
  try {
    return await analyzeInputs(request, inputs, output, complaints);
  } catch (error) {
    output.discard();
    throw error;
  } finally {
    complaints.progress?.clear();
    stopListening();
  }
}

/** A capture to be read, in its place among the others. */
interface Input {
  readonly path: string;
  readonly startsAt: Instant | null;
  readonly size: number | null;
  /** Null before it is its turn, and again when it has been read. */
  file: OpenCapture | null;
  opened: OpenedCapture | null;
  state: "waiting" | "ended" | "unusable" | "damaged";
  bytesRead: number;
}

/** What is to be said on standard error; a progress line makes way for it. */
class Complaints {
  progress: Progress | null = null;

  add(message: string): void {
    this.progress?.clear();
    process.stderr.write(`ftptrace: ${safeText(message)}\n`);
  }
}

/** The usable inputs by the time of their first packet, each once; a complaint about every other, and how many these are. */
async function inputsInTimeOrder(
  files: readonly string[],
  complaints: Complaints,
): Promise<{ inputs: Input[]; rejected: number }> {
  const paths = withoutRepetition(files, complaints);
  if (paths.length > 1 && paths.includes("-"))
    throw new UsageError("standard input (-) has to stand alone: it cannot be put in time order with files");
  const inputs: Input[] = [];
  for (const path of paths) {
    try {
      inputs.push(await inspectInput(path, paths.length === 1));
    } catch (error) {
      complaints.add(inputProblem(path, error));
    }
  }
  return { inputs: inputs.sort(byStart), rejected: paths.length - inputs.length };
}

/** @throws UsageError for a pipe among others */
async function inspectInput(path: string, alone: boolean): Promise<Input> {
  const status = path === "-" ? undefined : statSync(path, { throwIfNoEntry: false });
  if (isPipe(path) && !alone)
    throw new UsageError(`${path}: a pipe has to stand alone: it cannot be put in time order with other captures`);
  return {
    path,
    // One alone needs no order, and a pipe cannot be read twice.
    startsAt: alone ? null : await firstInstant(path),
    size: status?.isFile() ? status.size : null,
    file: alone ? await openCapture(path) : null,
    opened: null,
    state: "waiting",
    bytesRead: 0,
  };
}

/** What can be read once only. */
function isPipe(path: string): boolean {
  const status = path === "-" ? undefined : statSync(path, { throwIfNoEntry: false });
  return status !== undefined && (status.isFIFO() || status.isSocket() || status.isCharacterDevice());
}

function withoutRepetition(files: readonly string[], complaints: Complaints): string[] {
  const seen = new Set<string>();
  return files.filter((path) => {
    const key = path === "-" ? path : resolve(path);
    if (seen.has(key)) {
      complaints.add(`${path}: given twice, read once`);
      return false;
    }
    seen.add(key);
    return true;
  });
}

/** Captures without a packet come last; the name decides between equal times, so that the order given does not matter. */
function byStart(a: Input, b: Input): number {
  if (a.startsAt === null || b.startsAt === null) return Number(a.startsAt === null) - Number(b.startsAt === null);
  return compareInstants(a.startsAt, b.startsAt) || (a.path < b.path ? -1 : 1);
}

/** @throws what is no problem of the input but a bug */
function inputProblem(path: string, error: unknown): string {
  if (error instanceof CaptureOpenError) return error.message;
  if (error instanceof CaptureFormatError) return `${displayName(path)}${error.message.slice(path.length)}`;
  if (error instanceof Error && "code" in error) return `${path}: ${error.message}`;
  throw error;
}

/** How long the loop may go on before timers and signals get their turn. */
const TURN_MS = 50;

async function analyzeInputs(
  request: AnalyzeRequest,
  inputs: readonly Input[],
  output: ReportOutput,
  complaints: Complaints,
): Promise<ExitCode> {
  const report = new ReportStream(await createWriter(request), output);
  const tally = new Tally();
  const analyzer = createAnalyzer({
    ftpPorts: request.ftpPorts,
    keepSessions: false,
    onSession(session) {
      tally.add(session);
      report.add(session);
    },
  });
  for (const input of inputs)
    input.opened = analyzer.beginCapture(input.path, input.startsAt === null ? {} : { startsAt: input.startsAt });
  const progress = createProgress(request);
  complaints.progress = progress;
  await feed(inputs, complaints, async () => {
    await report.flush();
    progress?.update(performance.now(), () => ({
      bytesRead: inputs.reduce((sum, { bytesRead }) => sum + bytesRead, 0),
      bytesTotal: inputs.every(({ size }) => size !== null)
        ? inputs.reduce((sum, { size }) => sum + (size ?? 0), 0)
        : null,
      sessions: tally.sessions,
      failures: tally.failed,
    }));
  });
  progress?.clear();
  complaints.progress = null;
  if (inputs.every(({ state }) => state === "unusable")) {
    output.discard();
    return EXIT_CODES.inputUnusable;
  }
  const summary = finish(analyzer);
  await report.end(summary);
  output.commit();
  return exitCodeOf(request, inputs, summary, tally, complaints);
}

/** Gives each capture that the analyzer waits for its next chunk, until all have ended. */
async function feed(inputs: readonly Input[], complaints: Complaints, afterChunk: () => Promise<void>): Promise<void> {
  let turnEndsAt = performance.now() + TURN_MS;
  for (let reading = true; reading; ) {
    reading = false;
    for (const input of inputs) {
      if (input.state !== "waiting" || !input.opened?.hungry) continue;
      reading = true;
      await feedOne(input, input.opened, complaints);
      await afterChunk();
      if (performance.now() > turnEndsAt) {
        await new Promise((resolve) => setImmediate(resolve));
        turnEndsAt = performance.now() + TURN_MS;
      }
    }
  }
}

async function feedOne(input: Input, opened: OpenedCapture, complaints: Complaints): Promise<void> {
  try {
    input.file ??= await openCapture(input.path);
    const answer = input.file.read();
    const chunk = answer instanceof Promise ? await answer : answer;
    input.bytesRead = input.file.position;
    if (chunk !== null) {
      opened.push(chunk);
      return;
    }
    input.state = "ended";
    if (input.file.problem !== null) {
      input.state = "damaged";
      complaints.add(`${input.path}: ${input.file.problem}; analysed up to there`);
    }
    input.file.close();
    opened.end();
  } catch (error) {
    complaints.add(inputProblem(input.path, error));
    input.state = "unusable";
    input.file?.close();
    if (!(error instanceof CaptureFormatError)) opened.end();
  }
}

function finish(analyzer: Analyzer): AnalysisSummary {
  const result = analyzer.finish();
  if (!("counts" in result)) throw new Error("the analyzer kept sessions that it was told not to keep");
  return result;
}

function displayName(path: string): string {
  return path === "-" ? "standard input" : path;
}

/** Anomalies that mean that a part of the input was not analysed. */
const DAMAGE: readonly string[] = [
  "truncated-file",
  "record-length-invalid",
  "block-length-invalid",
  "section-invalid",
  "link-type-unsupported",
];

function exitCodeOf(
  request: AnalyzeRequest,
  inputs: readonly Input[],
  summary: AnalysisSummary,
  tally: Tally,
  complaints: Complaints,
): ExitCode {
  const damage = summary.anomalies.filter(({ code }) => DAMAGE.includes(code));
  // What the decompressor complained about needs no second complaint about the cut that follows from it.
  const said = new Set(inputs.filter(({ state }) => state === "damaged").map(({ path }) => path));
  for (const { code, first } of damage) {
    const name = summary.captures[first.capture]?.name ?? "";
    if (!said.has(name)) complaints.add(`${displayName(name)}: analysed in part: ${first.detail} (${code})`);
  }
  // An anomaly keeps its first place only.
  for (const { code, first } of damage) said.add(summary.captures[first.capture]?.name ?? code);
  for (const { name, limits } of summary.captures)
    if (limits.includes("truncated-file") && !said.has(name))
      complaints.add(`${displayName(name)}: analysed in part: it ends in the middle of a record (truncated-file)`);
  if (inputs.some(({ state }) => state === "unusable")) return EXIT_CODES.inputUnusable;
  if (damage.length > 0 || inputs.some(({ state }) => state === "damaged")) return EXIT_CODES.inputDamaged;
  if (request.failOn !== null && tally.failed > 0) return EXIT_CODES.failuresFound;
  if (request.failOn === "any" && tally.unsettled > 0) return EXIT_CODES.failuresFound;
  return EXIT_CODES.ok;
}

/** Counts what `--fail-on` and the progress line ask for. */
class Tally {
  sessions = 0;
  /** Data channels and control connections that failed. */
  failed = 0;
  /** Those that were refused or of which the capture cannot tell. */
  unsettled = 0;

  add(session: Session): void {
    this.sessions++;
    for (const { outcome } of [session.control, ...session.dataChannels]) {
      if (outcome === "failed") this.failed++;
      else if (outcome === "refused" || outcome === "undetermined") this.unsettled++;
    }
  }
}

async function createWriter(request: AnalyzeRequest): Promise<ReportWriter> {
  const create = await OUTPUT_FORMATS[request.format].load();
  const toStdout = request.output === null;
  return create({ width: widthOf(request.width, toStdout), colour: wantsColour(request.color, toStdout) });
}

/** Only on a terminal, and not where the report itself is being written to it. */
function createProgress(request: AnalyzeRequest): Progress | null {
  const streaming = request.output === null && request.format !== "table" && process.stdout.isTTY === true;
  if (process.stderr.isTTY !== true || streaming) return null;
  return new Progress((text) => process.stderr.write(text), performance.now());
}

/** A report being written: sessions settle in the middle of a chunk, where nobody can wait, and are written after it. */
class ReportStream {
  readonly #writer: ReportWriter;
  readonly #output: ReportOutput;
  #pending: string[] = [];
  #begun = false;

  constructor(writer: ReportWriter, output: ReportOutput) {
    this.#writer = writer;
    this.#output = output;
  }

  add(session: Session): void {
    this.#begin();
    const text = this.#writer.session(session);
    if (text !== "") this.#pending.push(text);
  }

  async flush(): Promise<void> {
    if (this.#pending.length === 0) return;
    const text = this.#pending.join("");
    this.#pending = [];
    if (text !== "") await this.#output.write(text);
  }

  async end(summary: AnalysisSummary): Promise<void> {
    this.#begin();
    this.#pending.push(this.#writer.end(summary));
    await this.flush();
  }

  /** Not before there is something to report: an input that is no capture must leave no beginning of a report. */
  #begin(): void {
    if (!this.#begun) this.#pending.push(this.#writer.begin());
    this.#begun = true;
  }
}

/** An interrupted run leaves no temporary file; the signal then does what it would have done. */
function discardOnSignal(output: ReportOutput): () => void {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const onSignal = (signal: NodeJS.Signals) => {
    output.discard();
    stopListening();
    process.kill(process.pid, signal);
  };
  const stopListening = () => {
    for (const signal of signals) process.off(signal, onSignal);
  };
  for (const signal of signals) process.on(signal, onSignal);
  return stopListening;
}
