import type { Finding } from "./analysis.ts";
import type { AcrossFinding } from "./diagnose/verdict.ts";
import { evidenceOf } from "./session-record.ts";

/** A finding over several sessions as plain data of the report. */
export function findingRecord({ facts, ...finding }: AcrossFinding): Finding {
  return { ...finding, evidence: evidenceOf(facts) };
}
