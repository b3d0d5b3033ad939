import type { Analysis } from "../../src/analysis.ts";
import type { FormatOptions, ReportWriter } from "../../src/report/format.ts";
import { OUTPUT_FORMATS, type OutputFormatName } from "../../src/report/formats.ts";
import { CONVERSATION, summaryOf } from "./sample-analysis.ts";

/** The whole text that a format makes of a report, session by session. */
export async function render(
  analysis: Analysis,
  format: OutputFormatName,
  options: FormatOptions = { width: 80, colour: false },
): Promise<string> {
  const create = await OUTPUT_FORMATS[format].load();
  return renderWith(create(options), analysis);
}

export function renderWith(writer: ReportWriter, analysis: Analysis): string {
  return [
    writer.begin(),
    ...analysis.sessions.map((session) => writer.session(session, () => CONVERSATION)),
    writer.end(summaryOf(analysis)),
  ].join("");
}
