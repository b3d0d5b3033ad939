import type { AnalysisSummary, DataChannel, Session } from "../analysis.ts";
import type { ReportWriter } from "./format.ts";
import { safeJson } from "./safe-text.ts";

/**
 * `--format ndjson`: one JSON record a line, its kind in `type`. A session comes as one `session` record (its control
 * connection, so that a failed login is not lost) followed by a `channel` record for each data channel; `finding` records and
 * one `summary` end the stream. Apart from `type` and the keys that join them the records are the parts of the JSON report.
 */
export function createNdjsonWriter(): ReportWriter {
  return {
    begin: () => "",
    session: (session) => `${[sessionRecord(session), ...channelRecords(session)].map(safeJson).join("\n")}\n`,
    end: (summary) => `${[...findingRecords(summary), summaryRecord(summary)].map(safeJson).join("\n")}\n`,
  };
}

function sessionRecord(session: Session) {
  return { type: "session", id: session.id, control: session.control, channelCount: session.dataChannels.length };
}

function channelRecords(session: Session) {
  const { client, server, security, start, serverSoftware, user } = session.control;
  const control = { client, server, security, start, serverSoftware, user };
  return session.dataChannels.map((channel: DataChannel) => ({
    type: "channel",
    sessionId: session.id,
    control,
    ...channel,
  }));
}

function findingRecords(summary: AnalysisSummary) {
  return summary.findings.map((finding) => ({ type: "finding", ...finding }));
}

function summaryRecord({ schemaVersion, tool, captures, counts, anomalies }: AnalysisSummary) {
  return { type: "summary", schemaVersion, tool, captures, counts, anomalies };
}
