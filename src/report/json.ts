import type { AnalysisSummary, Session } from "../analysis.ts";
import type { ReportWriter } from "./format.ts";
import { safeJson } from "./safe-text.ts";

/**
 * `--format json`: the whole {@link ../analysis.ts Analysis} as one document. `sessions` is written as they settle, one a line,
 * and so comes before what is known only at the end; the order of keys means nothing in JSON.
 */
export function createJsonWriter(): ReportWriter {
  let count = 0;
  return {
    begin: () => '{"schemaVersion":"1.0",\n"sessions":[',
    session: (session: Session) => `${count++ === 0 ? "" : ","}\n${safeJson(session)}`,
    end: ({ tool, captures, findings, anomalies }: AnalysisSummary) =>
      `${count === 0 ? "" : "\n"}],\n` +
      `"tool":${safeJson(tool)},\n` +
      `"captures":${list(captures)},\n` +
      `"findings":${list(findings)},\n` +
      `"anomalies":${list(anomalies)}}\n`,
  };
}

function list(items: readonly unknown[]): string {
  return items.length === 0 ? "[]" : `[\n${items.map(safeJson).join(",\n")}\n]`;
}
