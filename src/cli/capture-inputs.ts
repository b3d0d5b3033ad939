import { statSync } from "node:fs";
import { resolve } from "node:path";
import type { AnalysisSummary, Session } from "../analysis.ts";
import { createAnalyzer } from "../analyze.ts";
import { meansUnread } from "../anomaly.ts";
import { CaptureFormatError } from "../capture/capture-format-error.ts";
import type { OpenedCapture } from "../capture-source.ts";
import type { Conversation } from "../conversation.ts";
import { compareInstants, type Instant } from "../instant.ts";
import { displayName, isStandardInput } from "../report/capture-name.ts";
import { countOf } from "../report/phrases.ts";
import type { Complaints, Loudness } from "./complaints.ts";
import { EXIT_CODES, type ExitCode } from "./exit-code.ts";
import { CaptureOpenError, firstInstant, type OpenCapture, openCapture } from "./open-capture.ts";
import { Progress } from "./progress.ts";
import { UsageError } from "./usage-error.ts";

/** A capture to be read, in its place among the others. */
export interface Input {
  /** As given; `-` is standard input. */
  readonly path: string;
  readonly startsAt: Instant | null;
  /** Bytes on disk; null when that is not known. */
  readonly size: number | null;
  /** Null before it is its turn, and again when it has been read. */
  file: OpenCapture | null;
  opened: OpenedCapture | null;
  state: "waiting" | "ended" | "unusable" | "damaged";
  bytesRead: number;
}

/** Opens a capture by its path. */
export type OpenInput = (path: string) => Promise<OpenCapture>;

/**
 * The usable inputs by the time of their first packet, each once; a complaint about every other, and how many these are.
 * @throws UsageError for standard input or a pipe among others
 */
export async function inputsInTimeOrder(
  files: readonly string[],
  complaints: Complaints,
  open: OpenInput = openCapture,
): Promise<{ inputs: Input[]; rejected: number }> {
  const paths = withoutRepetition(files, complaints);
  if (paths.length > 1 && paths.some(isStandardInput))
    throw new UsageError("standard input (-) has to stand alone: it cannot be put in time order with files");
  const inputs: Input[] = [];
  for (const path of paths) {
    try {
      inputs.push(await inspectInput(path, paths.length === 1, open));
    } catch (error) {
      complaints.add(inputProblem(path, error));
    }
  }
  return { inputs: inputs.sort(byStart), rejected: paths.length - inputs.length };
}

/** @throws UsageError for a pipe among others */
async function inspectInput(path: string, alone: boolean, open: OpenInput): Promise<Input> {
  const status = isStandardInput(path) ? undefined : statSync(path, { throwIfNoEntry: false });
  if (isReadOnce(path) && !alone)
    throw new UsageError(`${path}: a pipe has to stand alone: it cannot be put in time order with other captures`);
  return {
    path,
    // One alone needs no order, and a pipe cannot be read twice.
    startsAt: alone ? null : await firstInstant(path),
    size: status?.isFile() ? status.size : null,
    file: alone ? await open(path) : null,
    opened: null,
    state: "waiting",
    bytesRead: 0,
  };
}

/** Whether it can be read once only: standard input, a pipe. */
export function isReadOnce(path: string): boolean {
  if (isStandardInput(path)) return true;
  const status = statSync(path, { throwIfNoEntry: false });
  return status !== undefined && (status.isFIFO() || status.isSocket() || status.isCharacterDevice());
}

/**
 * What is written must not take the place of a capture that it is about, whatever was forced.
 * @param output null: standard output
 * @throws UsageError if it would
 */
export function refuseOutputAmongInputs(output: string | null, files: readonly string[]): void {
  const target = output === null ? undefined : statSync(output, { throwIfNoEntry: false });
  if (!target?.isFile()) return;
  for (const path of files) {
    const input = isStandardInput(path) ? undefined : statSync(path, { throwIfNoEntry: false });
    if (input?.ino === target.ino && input.dev === target.dev)
      throw new UsageError(`${output}: is one of the captures to be read; name another file for the report`);
  }
}

function withoutRepetition(files: readonly string[], complaints: Complaints): string[] {
  const seen = new Set<string>();
  return files.filter((path) => {
    const key = isStandardInput(path) ? path : resolve(path);
    if (seen.has(key)) {
      complaints.note(`${displayName(path)}: given twice, read once`);
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
  if (error instanceof CaptureFormatError) return `${displayName(path)}: offset ${error.offset}: ${error.problem}`;
  if (error instanceof Error && "code" in error) return `${displayName(path)}: ${error.message}`;
  throw error;
}

/** What a run over the inputs takes beside them. */
export interface RunOptions {
  /** Control ports besides the usual. */
  readonly ftpPorts: readonly number[];
  /** As in AnalyzeOptions. */
  readonly strict?: boolean;
  readonly verifyChecksums?: boolean;
  readonly onSession: (session: Session, conversation: () => Conversation) => void;
  /** Every few chunks, when there is time to write. @param mayWait whether the next bytes may take their time, as those of a pipe do */
  readonly afterChunk?: (mayWait: boolean) => Promise<void>;
  readonly open?: OpenInput;
  /** False: no progress line, e.g. where the report is being written to the same terminal. */
  readonly showProgress: boolean;
}

/**
 * Analyses the inputs from beginning to end, with a progress line on a terminal.
 * @returns null when not one of them is a capture
 */
export async function analyzeInputs(
  inputs: readonly Input[],
  complaints: Complaints,
  { ftpPorts, strict, verifyChecksums, onSession, afterChunk, open = openCapture, showProgress }: RunOptions,
): Promise<AnalysisSummary | null> {
  const startedAt = performance.now();
  const tally = { sessions: 0, failures: 0 };
  const analyzer = createAnalyzer({
    ftpPorts,
    strict: strict ?? false,
    verifyChecksums: verifyChecksums ?? false,
    keepSessions: false,
    onSession(session, conversation) {
      tally.sessions++;
      tally.failures += [session.control, ...session.dataChannels].filter(({ outcome }) => outcome === "failed").length;
      onSession(session, conversation);
    },
  });
  for (const input of inputs)
    input.opened = analyzer.beginCapture(input.path, input.startsAt === null ? {} : { startsAt: input.startsAt });
  const progress = showProgress ? new Progress((text) => process.stderr.write(text), startedAt) : null;
  complaints.progress = progress;
  const bytesRead = () => inputs.reduce((sum, input) => sum + input.bytesRead, 0);
  const bytesTotal = totalBytes(inputs);
  try {
    await feed(inputs, complaints, open, {
      sessions: () => tally.sessions,
      async afterChunks(mayWait) {
        await afterChunk?.(mayWait);
        progress?.update(performance.now(), () => ({ bytesRead: bytesRead(), bytesTotal, ...tally }));
      },
    });
  } finally {
    progress?.clear();
    complaints.progress = null;
  }
  if (inputs.every(({ state }) => state === "unusable")) return null;
  const summary = analyzer.finish();
  tellDetails(summary, performance.now() - startedAt, complaints);
  return summary;
}

/** Bytes on disk of all inputs; null when one of them is not known. */
export function totalBytes(inputs: readonly Input[]): number | null {
  return inputs.reduce<number | null>((sum, { size }) => (sum === null || size === null ? null : sum + size), 0);
}

/** Whether there is a terminal for a progress line and it is wanted. @param streaming the report goes to the same terminal meanwhile */
export function wantsProgress(loudness: Loudness, streaming: boolean): boolean {
  return loudness !== "quiet" && process.stderr.isTTY === true && !(streaming && process.stdout.isTTY === true);
}

function tellDetails(
  { captures, anomalies, counts }: AnalysisSummary,
  elapsedMs: number,
  complaints: Complaints,
): void {
  for (const { name, format, linkTypes, packets, bytes, start, end, limits } of captures)
    complaints.detail(() => {
      const span = start === null ? "no time" : `${start} to ${end}`;
      const weak = limits.length === 0 ? "" : `; limits: ${limits.join(", ")}`;
      const of = `${countOf(packets, "packet")}, ${countOf(bytes, "byte")}`;
      return `${displayName(name)}: ${format}, ${linkTypes.join(", ") || "no interface"}, ${of}, ${span}${weak}`;
    });
  for (const { code, layer, count, first } of anomalies)
    complaints.detail(() => {
      const where = `${displayName(captures[first.capture]?.name ?? "")}, packet ${first.packet}`;
      return `${code} (${layer}), ${countOf(count, "time")}; first: ${where}: ${first.detail}`;
    });
  complaints.detail(() => {
    const found = `${countOf(counts.sessions, "session")}, ${countOf(counts.channels, "data channel")}`;
    return `${found}; ${(elapsedMs / 1000).toFixed(2)} s`;
  });
}

/** How long the loop may go on before timers and signals get their turn. */
const TURN_MS = 50;

/** To be awaited again and again in a long loop: every now and then timers and signals get their turn. */
export function letOthersRun(): () => Promise<void> {
  let turnEndsAt = performance.now() + TURN_MS;
  return async () => {
    if (performance.now() <= turnEndsAt) return;
    await new Promise((resolve) => setImmediate(resolve));
    turnEndsAt = performance.now() + TURN_MS;
  };
}

/** Most chunks of a capture that are read without a look at anything else. */
const MAX_CHUNKS_AT_ONCE = 16;

interface BetweenChunks {
  /** How many sessions there have been. */
  sessions(): number;
  /** @param mayWait whether the next bytes may take their time */
  afterChunks(mayWait: boolean): Promise<void>;
}

/** Gives each capture that the analyzer waits for its next chunks, until all have ended. */
async function feed(
  inputs: readonly Input[],
  complaints: Complaints,
  open: OpenInput,
  { sessions, afterChunks }: BetweenChunks,
): Promise<void> {
  const turn = letOthersRun();
  for (let reading = true; reading; ) {
    reading = false;
    for (const input of inputs) {
      if (input.state !== "waiting" || !input.opened?.hungry) continue;
      reading = true;
      await afterChunks(await feedOne(input, input.opened, complaints, open, sessions));
      await turn();
    }
  }
}

/**
 * Chunks that need not be waited for are read one after the other until there is a session to report: a capture has thousands, and each would take six promises.
 * @returns whether the bytes had to be waited for
 */
async function feedOne(
  input: Input,
  opened: OpenedCapture,
  complaints: Complaints,
  open: OpenInput,
  sessions: () => number,
): Promise<boolean> {
  let waited = false;
  try {
    input.file ??= await open(input.path);
    const before = sessions();
    const until = performance.now() + TURN_MS;
    for (let chunks = 1; ; chunks++) {
      const answer = input.file.read(opened.room);
      waited = answer instanceof Promise;
      const chunk = answer instanceof Promise ? await answer : answer;
      input.bytesRead = input.file.position;
      if (chunk === null) break;
      opened.push(chunk);
      if (waited || chunks === MAX_CHUNKS_AT_ONCE || !opened.hungry || sessions() !== before) return waited;
      if (performance.now() > until) return waited;
    }
    input.state = "ended";
    const { problem } = input.file;
    if (problem !== null) {
      input.state = "damaged";
      complaints.add(`${displayName(input.path)}: ${problem}; analysed up to there`);
    }
    input.file.close();
    opened.end();
  } catch (error) {
    // What the decompressor complained about needs no second complaint that there is nothing.
    if (input.state !== "damaged") complaints.add(inputProblem(input.path, error));
    input.state = "unusable";
    input.file?.close();
    if (!(error instanceof CaptureFormatError)) opened.end();
  }
  return waited;
}

/** The exit status that the state of the inputs asks for; a complaint about each that was analysed only in part. */
export function inputExitCode(inputs: readonly Input[], summary: AnalysisSummary, complaints: Complaints): ExitCode {
  const damage = summary.anomalies.filter(({ code }) => meansUnread(code));
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
  return EXIT_CODES.ok;
}
