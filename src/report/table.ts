import { formatEndpoint } from "../address.ts";
import type { AnalysisSummary, CaptureSummary, DataChannel, Finding, Session } from "../analysis.ts";
import { CAUSE_TEXT } from "../diagnose/causes.ts";
import {
  anomalyLines,
  causeCounts,
  circumstancesOf,
  failurePoints,
  findingPoints,
  limitLines,
  type Point,
  type PointKind,
  subjectOf,
  totalsSentence,
} from "./account.ts";
import { displayName } from "./capture-name.ts";
import { type Failure, failuresOf } from "./failure.ts";
import { type FailureGroup, FailureGroups } from "./failure-groups.ts";
import { type FormatOptions, type ReportWriter, TABLE_COLUMNS } from "./format.ts";
import { type GridColumn, type GridRow, renderGrid } from "./grid.ts";
import {
  channelSpan,
  countOf,
  describeNegotiation,
  describePacket,
  describeReplies,
  describeTransfer,
  groupDigits,
  outcomeText,
  SECURITY_TEXT,
  shortTime,
  timeSpan,
} from "./phrases.ts";
import { errorReplyOf } from "./replies.ts";
import { safeData } from "./safe-text.ts";
import { cutText, wrapText, wrapWithLabel } from "./text-layout.ts";
import { tlsDemandOf } from "./tls-demands.ts";

/**
 * `--format table`, the default, for people at a terminal: what there was, then each failure as an expert would put it on a
 * whiteboard (verdict, why, how sure, what else, the fix, the packets to look at), then every session and channel in a row.
 * The summary stands first and is known last, so all is written at the end; what is kept until then is bounded, and what was
 * left out is counted and said.
 */
export function createTableWriter(options: FormatOptions): ReportWriter {
  const width = Math.min(Math.max(options.width, TABLE_COLUMNS.least), TABLE_COLUMNS.most);
  const ink = options.colour ? COLOURED : PLAIN;
  const groups = new FailureGroups();
  const kept: Session[] = [];
  let channelRows = 0;
  let channelsLeftOut = 0;
  return {
    begin: () => "",
    session(session) {
      const failures = failuresOf(session);
      if (kept.length >= MAX_SESSIONS && failures.length === 0) return "";
      const safe = safeData(session);
      if (kept.length < MAX_SESSIONS) {
        const shown = safe.dataChannels.slice(0, MAX_CHANNEL_ROWS - channelRows);
        channelRows += shown.length;
        channelsLeftOut += safe.dataChannels.length - shown.length;
        kept.push({ ...safe, dataChannels: shown });
      }
      for (const failure of failuresOf(safe)) groups.add(failure);
      return "";
    },
    end(unsafeSummary) {
      const summary = safeData(unsafeSummary);
      const { captures } = summary;
      const list = groups.list();
      const blocks = [
        summaryParagraph(summary, width),
        ...list.map((group, i) => failureBlock(group, i + 1, captures, width, ink)),
        droppedNote(groups.dropped, width),
        ...summary.findings.map((finding) => findingBlock(finding, captures, width, ink)),
        sessionTable(kept, summary, width),
        channelsLeftOut > 0
          ? `… and ${countOf(channelsLeftOut, "more data channel")}; --format ndjson has them all.`
          : "",
        captureList(captures, width),
        anomalyList(summary, width),
      ];
      return `${blocks.filter((block) => block !== "").join("\n\n")}\n`;
    },
  };
}

/** Sessions that get rows in the table. */
const MAX_SESSIONS = 1000;
/** Data channels that do: a million of them in one session would take an hour to lay out. */
const MAX_CHANNEL_ROWS = 2000;
/** Columns of a path that a block shows. */
const MAX_PATH_WIDTH = 200;

interface Ink {
  readonly failed: (text: string) => string;
  readonly refused: (text: string) => string;
  readonly label: (text: string) => string;
}
const PLAIN: Ink = { failed: (text) => text, refused: (text) => text, label: (text) => text };
const COLOURED: Ink = {
  failed: (text) => `\x1b[1;31m${text}\x1b[0m`,
  refused: (text) => `\x1b[1;33m${text}\x1b[0m`,
  label: (text) => `\x1b[2m${text}\x1b[0m`,
};

// The summary

function summaryParagraph(summary: AnalysisSummary, width: number): string {
  const { captures } = summary;
  const sentences = [captureSentence(captures), sessionSentence(summary)];
  const causes = causeCounts(summary);
  // One failure is told below, and need not be counted here.
  if (causes.reduce((sum, [, count]) => sum + count, 0) > 1)
    sentences.push(`Causes: ${causes.map(([cause, count]) => `${cause} ${groupDigits(count)}`).join(", ")}.`);
  const lines = wrapText(sentences.join(" "), width);
  for (const limit of limitLines(summary)) lines.push(...wrapText(`Limit of the capture: ${limit}.`, width, 2));
  return lines.join("\n");
}

/** What the first half of `capture:number` stands for. */
function captureList(captures: readonly CaptureSummary[], width: number): string {
  if (captures.length < 2) return "";
  const lines = captures.map(({ name, packets, start }, i) => {
    const since = start === null ? "" : ` from ${shortTime(start)}`;
    return wrapWithLabel(
      `${String(i + 1).padStart(5)}: `,
      `${displayName(name)}, ${countOf(packets, "packet")}${since}`,
      width,
    );
  });
  return ["Captures:", ...lines].join("\n");
}

function captureSentence(captures: readonly CaptureSummary[]): string {
  const packets = captures.reduce((sum, capture) => sum + capture.packets, 0);
  const what =
    captures.length === 1 ? displayName(captures[0].name) : `${captures.length} captures (packets as capture:number)`;
  if (captures.every(({ start }) => start === null)) return `${what}: no packets.`;
  return `${what}: ${countOf(packets, "packet")}, ${timeSpan(captures)}.`;
}

function sessionSentence(summary: AnalysisSummary): string {
  if (summary.counts.sessions === 0)
    return "No FTP control connection found (use --ftp-port if the server listens on an unusual port and the session's beginning is missing; SFTP, on port 22, is not FTP but SSH).";
  return totalsSentence(summary);
}

// One block a failure

const LABEL_WIDTH = 10;

/** The questions of an account as labels in front of the answers. */
const LABELS: Readonly<Record<PointKind, string>> = {
  why: "why",
  sure: "sure",
  else: "or else",
  also: "also",
  limits: "limits",
  fix: "fix",
  alike: "same",
  show: "show",
};

function failureBlock(
  group: FailureGroup,
  number: number,
  captures: readonly CaptureSummary[],
  width: number,
  ink: Ink,
): string {
  return [
    verdictLine(group.example, number, group.count, width, ink),
    ...labelledLines("session", sessionLines(group.example), width, ink),
    ...pointLines(failurePoints(group, captures), width, ink),
  ].join("\n");
}

function pointLines(points: readonly Point[], width: number, ink: Ink): string[] {
  return points.flatMap(({ kind, lines }) =>
    // Never wrapped: commands are there to be copied.
    labelledLines(LABELS[kind], lines, kind === "show" ? Number.POSITIVE_INFINITY : width, ink),
  );
}

function verdictLine(failure: Failure, number: number, count: number, width: number, ink: Ink): string {
  const word = failure.outcome.toUpperCase();
  const times = count > 1 ? ` (${groupDigits(count)} times)` : "";
  const lead = `${number}. `;
  const text = `${word}  ${subjectOf(failure)}: ${CAUSE_TEXT[failure.cause].title} [${failure.cause}]${times}`;
  const paint = failure.outcome === "failed" ? ink.failed : ink.refused;
  return wrapWithLabel(lead, text, width).replace(word, () => paint(word));
}

function sessionLines(failure: Failure): string[] {
  const { sessionId, channel, control } = failure;
  const [ends, since, ...about] = circumstancesOf(failure);
  const lines = [`${ends}, ${since}`, `${about.join(", ")}, id ${sessionId}`];
  if (!channel) return lines;
  const transfer = cutText(describeTransfer(channel), MAX_PATH_WIDTH) || "no transfer command";
  const replies = describeReplies(channel);
  const when = channelSpan(channel, control);
  lines.push(
    `channel ${channel.ordinal}${when === "" ? "" : `, ${when}`}: ${transfer}${replies === "" ? "" : `; replies: ${replies}`}`,
  );
  if (channel.negotiation?.malformed) lines.push(`malformed: ${channel.negotiation.malformed}`);
  return lines;
}

function droppedNote(dropped: number, width: number): string {
  if (dropped === 0) return "";
  const text = `${countOf(dropped, "more failure")} of other kinds not shown here; --format ndjson has them all.`;
  return wrapText(text, width).join("\n");
}

function findingBlock(finding: Finding, captures: readonly CaptureSummary[], width: number, ink: Ink): string {
  return [
    wrapWithLabel("FINDING  ", `${finding.title} [${finding.id}]`, width),
    ...pointLines(findingPoints(finding, captures), width, ink),
  ].join("\n");
}

/** The label stands in front of the first line. */
function labelledLines(label: string, lines: readonly string[], width: number, ink: Ink): string[] {
  const indent = LABEL_WIDTH + 3;
  return lines.flatMap((text, i) => {
    // A wrapped line hangs, so that the next item of the list can be told from it.
    const [first, ...rest] = wrapText(text, width - indent, 2);
    const lead = i === 0 ? `   ${ink.label(label)}${" ".repeat(LABEL_WIDTH - label.length)}` : " ".repeat(indent);
    return [lead + first, ...rest.map((line) => " ".repeat(indent) + line)];
  });
}

// Every session and channel

function sessionTable(sessions: readonly Session[], { captures, counts }: AnalysisSummary, width: number): string {
  if (sessions.length === 0) return "";
  const wide = width >= WIDE;
  const firstDay = sessions[0].control.start.slice(0, 10);
  const rows: GridRow[] = [];
  for (const session of sessions) {
    rows.push({ across: sessionRow(session, firstDay) });
    for (const channel of session.dataChannels) rows.push(channelRow(session, channel, captures.length, wide));
  }
  const table = renderGrid(columnsFor(width), rows);
  const unlisted = counts.sessions - sessions.length;
  return unlisted > 0 ? `${table}\n… and ${countOf(unlisted, "more session")}; --format ndjson has them all.` : table;
}

/** From this width on there is a column for the data connection. */
const WIDE = 120;

function columnsFor(width: number): GridColumn[] {
  const columns: [heading: string, share: number][] =
    width >= WIDE
      ? [
          ["  Packet", 0],
          ["Negotiation", 0.2],
          ["Data connection", 0.32],
          ["Transfer", 0.24],
          ["Outcome", 0.24],
        ]
      : [
          ["  Packet", 0],
          ["Negotiation", 0.36],
          ["Transfer", 0.25],
          ["Outcome", 0.39],
        ];
  const packetWidth = 9;
  const room = width - packetWidth - (columns.length - 1);
  return columns.map(([heading, share]) => ({
    heading,
    width: share === 0 ? packetWidth : Math.floor(room * share),
  }));
}

function sessionRow({ id, control }: Session, firstDay: string): string {
  const time = shortTime(control.start);
  const shown = time.startsWith(firstDay) ? time.slice(11) : time;
  const cause = control.cause === null ? "" : `: ${control.cause}`;
  // A control connection that did its work needs no word: what its transfers did stands below.
  const result = control.outcome === "ok" ? "" : `, control connection ${control.outcome}${cause}`;
  const demand = tlsDemandOf(control) && `, ${tlsDemandOf(control)}`;
  const software = control.serverSoftware === null ? "" : `, ${control.serverSoftware}`;
  const same = control.sameAs.length === 0 ? "" : `, same as ${control.sameAs.join(", ")}`;
  return `${shown} ${formatEndpoint(control.client)} > ${formatEndpoint(control.server)} ${SECURITY_TEXT[control.security]}${software}${result}${demand}${same} (${id})`;
}

function channelRow(session: Session, channel: DataChannel, captureCount: number, wide: boolean): string[] {
  const { negotiation, transfer, connection } = channel;
  const packet = negotiation?.commandPacket ?? connection?.firstPacket ?? transfer?.commandPacket ?? null;
  // The number alone names the packet only where the session lies in one capture.
  const { firstPacket, lastPacket } = session.control;
  const known = packet !== null && (captureCount === 1 || firstPacket.capture === lastPacket.capture);
  const where = known
    ? `  ${describePacket({ capture: firstPacket.capture, packet }, captureCount).slice("packet ".length)}`
    : "";
  const transferText = describeTransfer(channel);
  return wide
    ? [where, describeNegotiation(channel), describeConnection(channel), transferText, outcomeCell(channel)]
    : [where, describeNegotiation(channel), transferText, outcomeCell(channel)];
}

function describeConnection({ connection }: DataChannel): string {
  if (!connection) return "none seen";
  const bytes = connection.bytesFromOriginator + connection.bytesFromResponder;
  const syns = connection.synCount > 1 ? `, ${connection.synCount} SYNs` : "";
  const match = connection.match === "exact" || connection.match === "inferred" ? "" : `, ${connection.match}`;
  return `${formatEndpoint(connection.originator)} > ${formatEndpoint(connection.responder)}${syns}, ${countOf(bytes, "byte")}${match}`;
}

function outcomeCell(channel: DataChannel): string {
  const word = outcomeText(channel.outcome);
  if (channel.cause !== null) return `${word}: ${channel.cause}`;
  if (channel.outcome === "refused") {
    const negative = errorReplyOf(channel);
    return negative === undefined ? word : `${word}: ${negative}`;
  }
  if (channel.outcome === "undetermined" && channel.limits.length > 0) return `${word}: ${channel.limits.join(", ")}`;
  return word;
}

// What was odd about the capture

function anomalyList(summary: AnalysisSummary, width: number): string {
  const lines = anomalyLines(summary);
  if (lines.length === 0) return "";
  return ["Noted while reading:", ...lines.map((line) => wrapWithLabel("   ", line, width))].join("\n");
}
