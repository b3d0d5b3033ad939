import type { Control, DataChannel, Evidence, Session } from "../analysis.ts";
import { causeTitle, channelEventId, channelWindow, endsOf, ipOf, sessionEventId } from "./event.ts";
import type { ReportWriter } from "./format.ts";
import { repliesOf } from "./replies.ts";
import { safeText } from "./safe-text.ts";

/**
 * `--format csv`: a header, then one row for each data channel and one for each control connection that failed or has a cause
 * (RFC 4180: CRLF, quotes doubled; UTF-8 without BOM). No cell can become a formula. Findings over several sessions are not in
 * it: they have other columns. The columns and their order are part of the interface; new ones come last.
 */
export function createCsvWriter(): ReportWriter {
  return {
    begin: () => csvRow(CSV_COLUMNS.map(({ name }) => name)),
    session: (session) => rowsOf(session).map(rowText).join(""),
    end: () => "",
  };
}

/** What a row is about; channel null: the control connection itself. */
interface CsvSubject {
  readonly session: Session;
  readonly control: Control;
  readonly channel: DataChannel | null;
  /** The one of the two whose verdict the row gives. */
  readonly verdict: Control | DataChannel;
}

type Cell = string | number | boolean | null | undefined;

/** A column: its name, and its value in a row. */
export interface CsvColumn {
  readonly name: string;
  readonly cell: (subject: CsvSubject) => Cell;
}

/** All columns, in their order. Lists are separated by `; `, packets are `CAPTURE:PACKET` with captures counted from 1. */
export const CSV_COLUMNS: readonly CsvColumn[] = [
  { name: "record", cell: ({ channel }) => (channel ? "channel" : "control") },
  {
    name: "event_id",
    cell: ({ session, channel }) => (channel ? channelEventId(session.id, channel) : sessionEventId(session.id)),
  },
  { name: "session_id", cell: ({ session }) => session.id },
  { name: "channel", cell: ({ channel }) => channel?.ordinal },
  { name: "start", cell: ({ control, channel }) => (channel ? channelWindow(control, channel) : control).start },
  { name: "end", cell: ({ control, channel }) => (channel ? channelWindow(control, channel) : control).end },
  { name: "outcome", cell: ({ verdict }) => verdict.outcome },
  { name: "cause", cell: ({ verdict }) => verdict.cause },
  { name: "cause_title", cell: ({ verdict: { cause } }) => (cause === null ? null : causeTitle(cause)) },
  { name: "confidence", cell: ({ verdict }) => verdict.confidence },
  { name: "client_ip", cell: ({ control }) => control.client.address },
  { name: "client_port", cell: ({ control }) => control.client.port },
  { name: "server_ip", cell: ({ control }) => control.server.address },
  { name: "server_port", cell: ({ control }) => control.server.port },
  { name: "security", cell: ({ control }) => control.security },
  { name: "server_software", cell: ({ control }) => control.serverSoftware },
  { name: "user", cell: ({ control }) => control.user },
  { name: "mode", cell: ({ channel }) => channel?.negotiation?.mode },
  { name: "verb", cell: ({ channel }) => channel?.negotiation?.verb },
  { name: "advertised_ip", cell: ({ channel }) => ipOf(channel?.negotiation?.advertised?.address ?? null) },
  { name: "advertised_port", cell: ({ channel }) => channel?.negotiation?.advertised?.port },
  { name: "advertised_scope", cell: ({ channel }) => channel?.negotiation?.addressClass },
  { name: "command", cell: ({ channel }) => channel?.transfer?.verb },
  { name: "path", cell: ({ channel }) => channel?.transfer?.path },
  { name: "replies", cell: ({ channel }) => (channel ? list(repliesOf(channel)) : null) },
  { name: "connection_seen", cell: ({ channel }) => (channel ? channel.connection !== null : null) },
  { name: "source_ip", cell: (subject) => endsOfRow(subject).source.address },
  { name: "source_port", cell: (subject) => endsOfRow(subject).source.port },
  { name: "destination_ip", cell: (subject) => endsOfRow(subject).destination.address },
  { name: "destination_port", cell: (subject) => endsOfRow(subject).destination.port },
  { name: "match", cell: ({ channel }) => channel?.connection?.match },
  { name: "syn_count", cell: ({ channel }) => channel?.connection?.synCount },
  { name: "source_bytes", cell: ({ channel }) => channel?.connection?.bytesFromOriginator },
  { name: "destination_bytes", cell: ({ channel }) => channel?.connection?.bytesFromResponder },
  { name: "community_id", cell: ({ channel }) => channel?.connection?.communityId },
  { name: "control_community_id", cell: ({ control }) => control.communityId },
  { name: "inferred", cell: ({ channel }) => channel?.inferred },
  { name: "contributing", cell: ({ channel }) => list(channel?.contributing ?? []) },
  { name: "alternatives", cell: ({ verdict }) => list(verdict.alternatives.map(({ cause }) => cause)) },
  { name: "limits", cell: ({ verdict }) => list(verdict.limits) },
  { name: "packets", cell: ({ verdict }) => list(verdict.evidence.map(packetText)) },
  { name: "evidence", cell: ({ verdict }) => list(verdict.evidence.map(({ says }) => says)) },
  { name: "remedy", cell: ({ verdict }) => verdict.remedy.join(" ") },
  { name: "same_as", cell: ({ control }) => list(control.sameAs) },
];

function rowsOf(session: Session): CsvSubject[] {
  const { control } = session;
  const rows: CsvSubject[] = session.dataChannels.map((channel) => ({ session, control, channel, verdict: channel }));
  if (control.cause !== null || control.outcome === "failed")
    rows.unshift({ session, control, channel: null, verdict: control });
  return rows;
}

function rowText(subject: CsvSubject): string {
  return csvRow(CSV_COLUMNS.map(({ cell }) => cell(subject)));
}

function endsOfRow({ control, channel }: CsvSubject) {
  return channel ? endsOf(control, channel) : { source: control.client, destination: control.server };
}

function list(items: readonly (string | number)[]): string {
  return items.join("; ");
}

function packetText({ capture, packet }: Evidence): string {
  return `${capture + 1}:${packet}`;
}

function csvRow(cells: readonly Cell[]): string {
  return `${cells.map(csvCell).join(",")}\r\n`;
}

/**
 * Text that a spreadsheet takes for a formula: `=`, `+`, `-` or `@`, in full width too, also after spaces or quotes that some
 * programs skip (https://owasp.org/www-community/attacks/CSV_Injection). An apostrophe before it makes it text. Tabs and line
 * ends, which also count, are escapes by then.
 */
const FORMULA = /^[\s"']*[=+\-@＝＋－＠]/;

/** What has to be quoted (RFC 4180), and the semicolon and outer spaces, at which spreadsheets differ. */
const NEEDS_QUOTES = /[",;]|^\s|\s$/;

/** One cell, safe to print and to open in a spreadsheet. */
export function csvCell(value: Cell): string {
  if (value === null || value === undefined) return "";
  if (typeof value !== "string") return String(value);
  const safe = safeText(value);
  const text = FORMULA.test(safe) ? `'${safe}` : safe;
  return NEEDS_QUOTES.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
