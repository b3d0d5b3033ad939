import type { CreateReportWriter } from "./format.ts";

/** An output format: what `--help` says of it, and its file, loaded only when it is asked for. */
export interface OutputFormat {
  readonly summary: string;
  /** Whether it is written as sessions settle, instead of whole at the end. */
  readonly streams: boolean;
  readonly load: () => Promise<CreateReportWriter>;
}

/** Every output format, by the name that `--format` takes. A new format is one file here and one row. */
export const OUTPUT_FORMATS = {
  table: {
    summary: "for people: a summary, a block for each failure, a table of all channels",
    streams: false,
    load: async () => (await import("./table.ts")).createTableWriter,
  },
  markdown: {
    summary: "for wikis and tickets: a section for each failure, with its packets as a ladder",
    streams: false,
    load: async () => (await import("./markdown.ts")).createMarkdownWriter,
  },
  json: {
    summary: "one JSON document, the whole report (schema/report.schema.json)",
    streams: true,
    load: async () => (await import("./json.ts")).createJsonWriter,
  },
  ndjson: {
    summary: "one JSON record a line: session, channel, finding, summary",
    streams: true,
    load: async () => (await import("./ndjson.ts")).createNdjsonWriter,
  },
  ecs: {
    summary: "for Elastic and OpenSearch: Elastic Common Schema 9.4 events, one a line",
    streams: true,
    load: async () => (await import("./ecs.ts")).createEcsWriter,
  },
  ocsf: {
    summary: "for OCSF pipelines: FTP Activity and Detection Finding events of OCSF 1.8, one a line",
    streams: true,
    load: async () => (await import("./ocsf.ts")).createOcsfWriter,
  },
  csv: {
    summary: "for spreadsheets: one row a data channel or failed control connection",
    streams: true,
    load: async () => (await import("./csv.ts")).createCsvWriter,
  },
} as const satisfies Readonly<Record<string, OutputFormat>>;

/** The name of an output format. */
export type OutputFormatName = keyof typeof OUTPUT_FORMATS;

/** All format names, the default first. */
export const OUTPUT_FORMAT_NAMES = Object.keys(OUTPUT_FORMATS) as OutputFormatName[];
