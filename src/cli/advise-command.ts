import { adviceText } from "../advise/advice-text.ts";
import { adviseServices } from "../advise/service-advice.ts";
import { ServiceLedger } from "../advise/service-needs.ts";
import { safeData } from "../report/safe-text.ts";
import type { AdviseRequest } from "./args.ts";
import {
  analyzeInputs,
  inputExitCode,
  inputsInTimeOrder,
  refuseOutputAmongInputs,
  wantsProgress,
} from "./capture-inputs.ts";
import { Complaints } from "./complaints.ts";
import { EXIT_CODES, type ExitCode } from "./exit-code.ts";
import { openOutput, withOutputs } from "./report-output.ts";
import { widthOf } from "./terminal.ts";
import { tuneV8 } from "./v8-settings.ts";

/** `ftptrace advise`: the openings in firewalls and NATs that the sessions of the captures need. */
export async function adviseCommand(request: AdviseRequest): Promise<ExitCode> {
  tuneV8();
  refuseOutputAmongInputs(request.output, request.files);
  const complaints = new Complaints(request.loudness);
  const { inputs, rejected } = await inputsInTimeOrder(request.files, complaints);
  if (inputs.length === 0) return EXIT_CODES.inputUnusable;
  return withOutputs([() => openOutput(request.output, request.force)], complaints, async ([output]) => {
    const ledger = new ServiceLedger();
    const summary = await analyzeInputs(inputs, complaints, {
      ftpPorts: request.ftpPorts,
      onSession: (session) => ledger.add(session),
      showProgress: wantsProgress(request.loudness, false),
    });
    if (summary === null) return EXIT_CODES.inputUnusable;
    await output.write(adviceOn(ledger, request));
    output.commit();
    const exitCode = inputExitCode(inputs, summary, complaints);
    return rejected > 0 ? EXIT_CODES.inputUnusable : exitCode;
  });
}

function adviceOn(ledger: ServiceLedger, request: AdviseRequest): string {
  const services = adviseServices(ledger.services());
  const { sessionsLeftOut } = ledger;
  return request.format === "json"
    ? `${JSON.stringify(safeData({ schemaVersion: "1.0", services, sessionsLeftOut }), null, 2)}\n`
    : adviceText(services, sessionsLeftOut, widthOf(request.width, request.output === null));
}
