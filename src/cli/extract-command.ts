import { CONTROL_PORTS, VERSION } from "../analyze.ts";
import { EvidencePlan } from "../extract/evidence-plan.ts";
import { EvidenceWriter } from "../extract/evidence-writer.ts";
import { SecretMasks } from "../extract/secret-masks.ts";
import { countOf } from "../report/phrases.ts";
import { safeText } from "../report/safe-text.ts";
import type { ExtractRequest } from "./args.ts";
import {
  analyzeInputs,
  type Input,
  inputExitCode,
  inputsInTimeOrder,
  isReadOnce,
  refuseOutputAmongInputs,
  totalBytes,
  wantsProgress,
} from "./capture-inputs.ts";
import { Complaints } from "./complaints.ts";
import { EXIT_CODES, type ExitCode } from "./exit-code.ts";
import { eachFrame, type PlacedFrame } from "./frames-in-time-order.ts";
import { CaptureOpenError } from "./open-capture.ts";
import { Progress } from "./progress.ts";
import { openOutput, type ReportOutput, withOutputs } from "./report-output.ts";
import { UsageError } from "./usage-error.ts";
import { tuneV8 } from "./v8-settings.ts";

/** `ftptrace extract`: the packets of some sessions as a pcapng file, with what they show as comments. */
export async function extractCommand(request: ExtractRequest): Promise<ExitCode> {
  tuneV8();
  refuseOutputAmongInputs(request.output, request.files);
  if (request.files.some(isReadOnce))
    throw new UsageError("extract reads each capture three times, which standard input and pipes cannot give");
  if (request.output === null && process.stdout.isTTY === true)
    throw new UsageError("standard output is a terminal; give the extract a file: -o evidence.pcapng");
  const complaints = new Complaints(request.loudness);
  const { inputs, rejected } = await inputsInTimeOrder(request.files, complaints);
  if (inputs.length === 0) return EXIT_CODES.inputUnusable;
  return withOutputs([() => openOutput(request.output, request.force)], complaints, async ([output]) => {
    const exitCode = await extractInto(output, request, inputs, complaints);
    return rejected > 0 ? EXIT_CODES.inputUnusable : exitCode;
  });
}

async function extractInto(
  output: ReportOutput,
  request: ExtractRequest,
  inputs: readonly Input[],
  complaints: Complaints,
): Promise<ExitCode> {
  const plan = new EvidencePlan(request.wanted);
  const summary = await analyzeInputs(inputs, complaints, {
    ftpPorts: request.ftpPorts,
    onSession: (session) => plan.add(session),
    showProgress: wantsProgress(request.loudness, false),
  });
  if (summary === null) return EXIT_CODES.inputUnusable;
  const inputExit = inputExitCode(inputs, summary, complaints);
  if (plan.sessions === 0 && request.wanted !== "failed")
    throw new UsageError(`no session has an id that begins with '${request.wanted.sessionId}'; analyze names the ids`);
  const controlPorts = [...CONTROL_PORTS, ...request.ftpPorts];
  const masks = new SecretMasks(plan, controlPorts);
  const writer = new EvidenceWriter({
    plan,
    masks,
    headersOnly: request.headersOnly,
    withWitness: plan.needsWitness(summary),
    controlPorts,
    application: `ftptrace ${VERSION}`,
  });
  const progress = wantsProgress(request.loudness, false)
    ? new Progress((text) => process.stderr.write(text), performance.now())
    : null;
  complaints.progress = progress;
  const bytesTotal = totalBytes(inputs);
  try {
    // Where nothing failed a capture without packets is written, as tcpdump -w and tshark -w do: who reads the file gets no other run's.
    await writeWhole(output, plan.sessions === 0 ? [] : inputs, masks, writer, (bytesRead) =>
      progress?.update(performance.now(), () => ({
        bytesRead,
        bytesTotal: bytesTotal === null ? null : 2 * bytesTotal,
        sessions: plan.sessions,
        failures: summary.counts.channelsByOutcome.failed,
      })),
    );
  } catch (error) {
    if (!(error instanceof CaptureOpenError)) throw error;
    complaints.add(error.message);
    return EXIT_CODES.inputUnusable;
  } finally {
    progress?.clear();
  }
  if (plan.sessions === 0)
    complaints.note("nothing failed, so the capture written has no packets; --session ID extracts any session");
  else
    complaints.note(
      `${countOf(plan.sessions, "session")}, ${countOf(writer.packets, "packet")}, ${countOf(writer.overwritten, "byte")} overwritten`,
    );
  return inputExit;
}

/** Bytes that are collected before they are written. */
const FLUSH_BYTES = 1024 * 1024;

async function writeWhole(
  output: ReportOutput,
  inputs: readonly Input[],
  masks: SecretMasks,
  writer: EvidenceWriter,
  tellProgress: (bytesRead: number) => void,
): Promise<void> {
  let pending: Uint8Array[] = [writer.begin()];
  let pendingBytes = 0;
  const flush = async () => {
    const bytes = Buffer.concat(pending);
    pending = [];
    pendingBytes = 0;
    await output.write(bytes);
  };
  let firstPass = 0;
  await eachFrame(
    inputs,
    ({ frame, captureIndex }) => masks.read(frame, captureIndex),
    async (bytesRead) => {
      firstPass = bytesRead;
      tellProgress(bytesRead);
    },
  );
  masks.finish();
  await eachFrame(
    inputs,
    (placed) => {
      for (const block of writer.frame(placed.frame, placed.captureIndex, () => interfaceName(placed, inputs))) {
        pending.push(block);
        pendingBytes += block.length;
      }
    },
    async (bytesRead) => {
      tellProgress(firstPass + bytesRead);
      if (pendingBytes > FLUSH_BYTES) await flush();
    },
  );
  await flush();
  output.commit();
}

/** The interface as its capture calls it; with several captures, or without a name, the capture's own name. */
function interfaceName({ frame, captureIndex, reader }: PlacedFrame, inputs: readonly Input[]): string {
  const own = reader.summary.interfaces[frame.interfaceIndex]?.name ?? null;
  const capture = inputs[captureIndex]?.path ?? "";
  return safeText(own === null ? capture : inputs.length > 1 ? `${own} (${capture})` : own);
}
