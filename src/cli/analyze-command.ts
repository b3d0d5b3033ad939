import { createHash, randomBytes } from "node:crypto";
import { createReadStream, readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { AnalysisSummary, Session } from "../analysis.ts";
import { VERSION } from "../analyze.ts";
import type { Conversation } from "../conversation.ts";
import { displayName } from "../report/capture-name.ts";
import type { FormatOptions, ReportWriter } from "../report/format.ts";
import { OUTPUT_FORMATS } from "../report/formats.ts";
import type { AnalyzeRequest } from "./args.ts";
import {
  analyzeInputs,
  type Input,
  inputExitCode,
  inputsInTimeOrder,
  isReadOnce,
  type OpenInput,
  refuseOutputAmongInputs,
  wantsProgress,
} from "./capture-inputs.ts";
import { Complaints } from "./complaints.ts";
import { EXIT_CODES, type ExitCode } from "./exit-code.ts";
import { openCapture } from "./open-capture.ts";
import { fileOutput, openOutput, type ReportOutput, withOutputs } from "./report-output.ts";
import { wantsColour, widthOf } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";
import { tuneV8 } from "./v8-settings.ts";

/** `ftptrace analyze`: captures in, a report out, what went wrong with either on standard error. */
export async function analyzeCommand(request: AnalyzeRequest): Promise<ExitCode> {
  tuneV8();
  refuseOutputAmongInputs(request.output, request.files);
  refuseOutputAmongInputs(request.htmlReport, request.files);
  if (request.htmlReport === "-")
    throw new UsageError("--report takes a file; --format markdown is for standard output");
  if (request.output !== null && request.htmlReport !== null && resolve(request.output) === resolve(request.htmlReport))
    throw new UsageError(`${request.output}: --output and --report name the same file`);
  if (request.crossCheck && request.files.some(isReadOnce))
    throw new UsageError("--cross-check reads each capture twice, which standard input and pipes cannot give");
  const complaints = new Complaints(request.loudness);
  const open = await openerFor(request.reader);
  const { inputs, rejected } = await inputsInTimeOrder(request.files, complaints, open);
  if (inputs.length === 0) return EXIT_CODES.inputUnusable;
  const { output, htmlReport, force } = request;
  const outputs = [() => openOutput(output, force)];
  if (htmlReport !== null) outputs.push(() => fileOutput(htmlReport, force));
  try {
    return await withOutputs(outputs, complaints, async ([main, page]) => {
      const redacted = await redactionFor(request, complaints);
      const reports = [new ReportStream(await createWriter(request, inputs, redacted), main)];
      if (page) reports.push(new ReportStream(redacted(await createHtmlReport(inputs)), page));
      const exitCode = await reportOn(request, inputs, open, reports, complaints);
      if (request.crossCheck && !(await crossChecked(inputs, complaints))) return EXIT_CODES.bug;
      return rejected > 0 ? EXIT_CODES.inputUnusable : exitCode;
    });
  } finally {
    for (const input of inputs) input.file?.close();
  }
}

async function openerFor(reader: AnalyzeRequest["reader"]): Promise<OpenInput> {
  if (reader === "own") return openCapture;
  const { openThroughPcapParser } = await import("./pcap-parser.ts");
  return openThroughPcapParser;
}

/** Whether a second reader finds in every input what ours found. */
async function crossChecked(inputs: readonly Input[], complaints: Complaints): Promise<boolean> {
  const { crossCheck } = await import("./cross-check.ts");
  let allAgree = true;
  for (const { path, state } of inputs) {
    if (state === "unusable") continue;
    const { agrees, says } = await crossCheck(path);
    if (agrees) complaints.note(`${displayName(path)}: ${says}`);
    else complaints.add(`${displayName(path)}: ${says}`);
    allAgree &&= agrees;
  }
  return allAgree;
}

async function reportOn(
  request: AnalyzeRequest,
  inputs: readonly Input[],
  open: OpenInput,
  reports: readonly ReportStream[],
  complaints: Complaints,
): Promise<ExitCode> {
  const tally = new Tally();
  const summary = await analyzeInputs(inputs, complaints, {
    ftpPorts: request.ftpPorts,
    strict: request.strict,
    verifyChecksums: request.verifyChecksums,
    onSession(session, conversation) {
      tally.add(session);
      for (const report of reports) report.add(session, conversation);
    },
    afterChunk: async (mayWait) => {
      for (const report of reports) await report.writeOn(mayWait);
    },
    open,
    showProgress: wantsProgress(request.loudness, request.output === null && isStreamed(request)),
  });
  if (summary === null) return EXIT_CODES.inputUnusable;
  for (const report of reports) await report.end(summary);
  for (const report of reports) report.commit();
  const exitCode = inputExitCode(inputs, summary, complaints);
  return exitCode === EXIT_CODES.ok && tally.appliesTo(request.failOn) ? EXIT_CODES.failuresFound : exitCode;
}

/** Whether the report is written while the captures are being read. */
function isStreamed({ format, session }: AnalyzeRequest): boolean {
  return session !== null || OUTPUT_FORMATS[format].streams;
}

/** Counts what `--fail-on` asks for. */
class Tally {
  /** Data channels and control connections that failed. */
  #failed = 0;
  /** Those that were refused or of which the capture cannot tell. */
  #unsettled = 0;

  add(session: Session): void {
    for (const { outcome } of [session.control, ...session.dataChannels]) {
      if (outcome === "failed") this.#failed++;
      else if (outcome === "refused" || outcome === "undetermined") this.#unsettled++;
    }
  }

  appliesTo(failOn: AnalyzeRequest["failOn"]): boolean {
    return failOn !== null && (this.#failed > 0 || (failOn === "any" && this.#unsettled > 0));
  }
}

async function createWriter(
  request: AnalyzeRequest,
  inputs: readonly Input[],
  redacted: (writer: ReportWriter) => ReportWriter,
): Promise<ReportWriter> {
  const toStdout = request.output === null;
  const options = {
    width: widthOf(request.width, toStdout),
    colour: wantsColour(request.color, toStdout),
    toolVersion: VERSION,
    captureCount: inputs.length,
    // A file may be called after a host or a user.
    ...(request.redact.length > 0 ? {} : { captureNames: inputs.map(({ path }) => path) }),
  };
  if (request.session !== null) return oneSession(request.session, options, redacted);
  const create = await OUTPUT_FORMATS[request.format].load();
  return redacted(create(options));
}

/** @throws UsageError at the end when there is no such session */
async function oneSession(
  id: string,
  options: FormatOptions,
  redacted: (writer: ReportWriter) => ReportWriter,
): Promise<ReportWriter> {
  const { createSessionWriter } = await import("../report/session-text.ts");
  // A redacted report shows other ids than the captures have; either will do.
  let captured = "";
  const sessions = createSessionWriter((shown) => shown.startsWith(id) || captured.startsWith(id), options);
  const writer = redacted(sessions);
  return {
    begin: () => writer.begin(),
    session(session, conversation) {
      captured = session.id;
      return writer.session(session, conversation);
    },
    end(summary) {
      if (sessions.found === 0)
        throw new UsageError(`no session has an id that begins with '${id}'; analyze without --session names the ids`);
      return writer.end(summary);
    },
  };
}

/** Shortest key of redaction: what HMAC with SHA-256 needs against guessing (NIST SP 800-107). */
const MIN_KEY_BYTES = 16;

/** @throws UsageError when the key is too short or cannot be read */
async function redactionFor(
  request: AnalyzeRequest,
  complaints: Complaints,
): Promise<(writer: ReportWriter) => ReportWriter> {
  const { redact, redactKeyFile } = request;
  if (redact.length === 0) {
    if (redactKeyFile !== null) throw new UsageError("--redact-key-file has no use without --redact");
    return (writer) => writer;
  }
  const { redactingWriter } = await import("../report/redact.ts");
  if (redactKeyFile === null) {
    complaints.note("redacted with a key of this run: its tokens are in no other report (--redact-key-file)");
    const key = randomBytes(2 * MIN_KEY_BYTES);
    return (writer) => redactingWriter(writer, redact, key);
  }
  let key: Buffer;
  try {
    key = readFileSync(redactKeyFile);
  } catch (error) {
    throw new UsageError(`${redactKeyFile}: ${(error as Error).message}`);
  }
  if (key.length < MIN_KEY_BYTES) throw new UsageError(`${redactKeyFile}: a key needs ${MIN_KEY_BYTES} bytes`);
  return (writer) => redactingWriter(writer, redact, key);
}

async function createHtmlReport(inputs: readonly Input[]): Promise<ReportWriter> {
  const { createHtmlWriter } = await import("../report/html.ts");
  const captureHashes: (string | null)[] = [];
  for (const { path } of inputs) captureHashes.push(isReadOnce(path) ? null : await sha256Of(path));
  return createHtmlWriter({ width: 80, colour: false, captureHashes });
}

/** SHA-256 of a file's bytes as they are on disk, in hex. */
async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk);
  return hash.digest("hex");
}

/** So many characters of a report are worth a system call, or what there is after so long. */
const WORTH_WRITING = 65_536;
const WRITE_MS = 100;

/** A report being written: sessions settle in the middle of a chunk, where nobody can wait, and are written after it. */
class ReportStream {
  readonly #writer: ReportWriter;
  readonly #output: ReportOutput;
  #pending: string[] = [];
  #pendingLength = 0;
  #writtenAt = performance.now();
  #begun = false;

  constructor(writer: ReportWriter, output: ReportOutput) {
    this.#writer = writer;
    this.#output = output;
  }

  add(session: Session, conversation: () => Conversation): void {
    this.#begin();
    this.#keep(this.#writer.session(session, conversation));
  }

  /** Writes what there is if it is worth that. @param mayWait nobody knows when the next will come */
  async writeOn(mayWait: boolean): Promise<void> {
    if (this.#pendingLength === 0) return;
    if (mayWait || this.#pendingLength >= WORTH_WRITING || performance.now() - this.#writtenAt >= WRITE_MS)
      await this.#write();
  }

  async #write(): Promise<void> {
    const text = this.#pending.join("");
    this.#pending = [];
    this.#pendingLength = 0;
    this.#writtenAt = performance.now();
    if (text !== "") await this.#output.write(text);
  }

  #keep(text: string): void {
    if (text !== "") this.#pending.push(text);
    this.#pendingLength += text.length;
  }

  /** The file takes its name. */
  commit(): void {
    this.#output.commit();
  }

  async end(summary: AnalysisSummary): Promise<void> {
    this.#begin();
    this.#keep(this.#writer.end(summary));
    await this.#write();
  }

  /** Not before there is something to report: an input that is no capture must leave no beginning of a report. */
  #begin(): void {
    if (!this.#begun) this.#keep(this.#writer.begin());
    this.#begun = true;
  }
}
