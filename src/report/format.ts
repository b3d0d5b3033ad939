import type { AnalysisSummary, Session } from "../analysis.ts";
import type { Conversation } from "../conversation.ts";

/** What a format can say about the source of a report, if it is told: sessions are handed out before there is a summary. */
export interface ReportSource {
  readonly toolVersion?: string;
  /** Names of the captures, by their index in the report. */
  readonly captureNames?: readonly string[];
  /** How many captures there are, for formats that name packets before the end. */
  readonly captureCount?: number;
  /** SHA-256 of each capture's file in hex, by their index; null for what is no file. */
  readonly captureHashes?: readonly (string | null)[];
}

/** What an output format may take into account about where its text comes from and goes to. */
export interface FormatOptions extends ReportSource {
  /** Columns of the terminal. */
  readonly width: number;
  /** Whether ANSI colours are wanted. */
  readonly colour: boolean;
}

/** Columns that the table takes: narrower it cannot be read, wider neither. */
export const TABLE_COLUMNS = { least: 60, most: 220 } as const;

/**
 * A report on its way out. Sessions are handed over one by one as they settle, so memory need not grow with their number;
 * each call gives the text that can be written now, which may be empty. The calls are `begin`, `session` …, `end`.
 */
export interface ReportWriter {
  begin(): string;
  /** @param conversation what the ends did, for formats that draw it; to be called at once or never */
  session(session: Session, conversation?: () => Conversation): string;
  end(summary: AnalysisSummary): string;
}

/** What a format's file exports. */
export type CreateReportWriter = (options: FormatOptions) => ReportWriter;
