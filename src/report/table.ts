import { formatEndpoint } from "../address.ts";
import type { AnalysisSummary, CaptureSummary, DataChannel, Evidence, Finding, Session } from "../analysis.ts";
import { CAUSE_TEXT, CONTRIBUTING_TEXT, LIMIT_TEXT } from "../diagnose/cause-text.ts";
import { type Failure, failuresOf, packetsOf } from "./failure.ts";
import { type FailureGroup, FailureGroups } from "./failure-groups.ts";
import type { FormatOptions, ReportWriter } from "./format.ts";
import { type GridColumn, type GridRow, renderGrid } from "./grid.ts";
import {
  CONFIDENCE_TEXT,
  countOf,
  describeNegotiation,
  describePacket,
  describeReplies,
  describeTransfer,
  groupDigits,
  SECURITY_TEXT,
  shortTime,
  timeSpan,
  tsharkCommands,
} from "./phrases.ts";
import { safeData } from "./safe-text.ts";
import { cutText, wrapText, wrapWithLabel } from "./text-layout.ts";

/**
 * `--format table`, the default, for people at a terminal: what there was, then each failure as an expert would put it on a
 * whiteboard (verdict, why, how sure, what else, the fix, the packets to look at), then every session and channel in a row.
 * The summary stands first and is known last, so all is written at the end; what is kept until then is bounded, and what was
 * left out is counted and said.
 */
export function createTableWriter(options: FormatOptions): ReportWriter {
  const width = Math.min(Math.max(options.width, MIN_WIDTH), MAX_WIDTH);
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
        anomalyList(summary, width),
      ];
      return `${blocks.filter((block) => block !== "").join("\n\n")}\n`;
    },
  };
}

const MIN_WIDTH = 60;
const MAX_WIDTH = 220;
/** Sessions that get rows in the table. */
const MAX_SESSIONS = 1000;
/** Data channels that do: a million of them in one session would take an hour to lay out. */
const MAX_CHANNEL_ROWS = 2000;
/** Evidence lines of one block; a verdict rests on few packets, and a page of them hides the rest. */
const MAX_EVIDENCE = 12;
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
  const { captures, counts } = summary;
  const sentences = [captureSentence(captures), sessionSentence(summary)];
  const causes = Object.entries(counts.causes).sort(([, a], [, b]) => b - a);
  if (causes.length > 0)
    sentences.push(`Causes: ${causes.map(([cause, count]) => `${cause} ${groupDigits(count)}`).join(", ")}.`);
  const lines = wrapText(sentences.join(" "), width);
  if (captures.length > 1)
    for (const [index, capture] of captures.entries())
      lines.push(
        wrapWithLabel(
          `  ${index + 1}: `,
          `${capture.name}, ${countOf(capture.packets, "packet")}${capture.start === null ? "" : ` from ${shortTime(capture.start)}`}`,
          width,
        ),
      );
  for (const limit of new Set(captures.flatMap(({ limits }) => limits)))
    lines.push(...wrapText(`Limit of the capture: ${LIMIT_TEXT[limit]} (${limit}).`, width, 2));
  return lines.join("\n");
}

function captureSentence(captures: readonly CaptureSummary[]): string {
  const packets = captures.reduce((sum, capture) => sum + capture.packets, 0);
  const what = captures.length === 1 ? captures[0].name : `${captures.length} captures (packets as capture:number)`;
  if (captures.every(({ start }) => start === null)) return `${what}: no packets.`;
  return `${what}: ${countOf(packets, "packet")}, ${timeSpan(captures)}.`;
}

function sessionSentence({ counts }: AnalysisSummary): string {
  if (counts.sessions === 0)
    return "No FTP control connection found (use --ftp-port if the server listens on an unusual port and the session's beginning is missing).";
  const outcomes = Object.entries(counts.channelsByOutcome)
    .filter(([, count]) => count > 0)
    .map(([outcome, count]) => `${groupDigits(count)} ${outcome.replace("-", " ")}`);
  const channels = countOf(counts.channels, "data channel");
  return `${countOf(counts.sessions, "FTP session")} with ${channels}${outcomes.length > 0 ? `: ${outcomes.join(", ")}` : ""}.`;
}

// One block a failure

const LABEL_WIDTH = 10;

function failureBlock(
  group: FailureGroup,
  number: number,
  captures: readonly CaptureSummary[],
  width: number,
  ink: Ink,
): string {
  const failure = group.example;
  const lines: string[] = [verdictLine(failure, number, group.count, width, ink)];
  const say = (label: string, text: string) => lines.push(labelled(label, text, width, ink));
  const list = (label: string, texts: readonly string[]) =>
    texts.forEach((text, i) => {
      say(i === 0 ? label : "", text);
    });
  list("session", sessionLines(failure));
  list("why", evidenceLines(failure.evidence, captures.length));
  say("sure", CONFIDENCE_TEXT[failure.confidence]);
  list(
    "or else",
    failure.alternatives.map(({ cause, missing }) => `${CAUSE_TEXT[cause].title} (${cause}); would decide: ${missing}`),
  );
  list(
    "also",
    failure.contributing.map((id) => `${CONTRIBUTING_TEXT[id].title} (${id}). ${CONTRIBUTING_TEXT[id].meaning}`),
  );
  list(
    "limits",
    failure.limits.map((limit) => `${LIMIT_TEXT[limit]} (${limit})`),
  );
  list("fix", failure.remedy);
  list("same", otherLines(group, captures.length));
  // Never wrapped: it is there to be copied.
  tsharkCommands(packetsOf(failure), captures).forEach((command, i) => {
    lines.push(`${labelColumn(i === 0 ? "show" : "", ink)}${command}`);
  });
  return lines.join("\n");
}

function verdictLine(failure: Failure, number: number, count: number, width: number, ink: Ink): string {
  const word = failure.outcome.toUpperCase();
  const what = failure.channel ? describeNegotiation(failure.channel) : "control connection";
  const times = count > 1 ? ` (${groupDigits(count)} times)` : "";
  const lead = `${number}. `;
  const text = `${word}  ${what}: ${CAUSE_TEXT[failure.cause].title} [${failure.cause}]${times}`;
  const paint = failure.outcome === "failed" ? ink.failed : ink.refused;
  return wrapWithLabel(lead, text, width).replace(word, () => paint(word));
}

function sessionLines({ control, channel }: Failure): string[] {
  const about: string[] = [SECURITY_TEXT[control.security]];
  if (control.serverSoftware !== null) about.push(control.serverSoftware);
  if (control.user !== null) about.push(`user ${control.user}`);
  const lines = [
    `${formatEndpoint(control.client)} to ${formatEndpoint(control.server)}, ${shortTime(control.start)} UTC`,
    about.join(", "),
  ];
  if (!channel) return lines;
  const transfer = cutText(describeTransfer(channel), MAX_PATH_WIDTH) || "no transfer command";
  const replies = describeReplies(channel);
  lines.push(`channel ${channel.ordinal}: ${transfer}${replies === "" ? "" : `; replies: ${replies}`}`);
  if (channel.negotiation?.malformed) lines.push(`malformed: ${channel.negotiation.malformed}`);
  return lines;
}

function evidenceLines(evidence: readonly Evidence[], captureCount: number): string[] {
  const lines = evidence
    .slice(0, MAX_EVIDENCE)
    .map((fact) => (fact.packet > 0 ? `${describePacket(fact, captureCount)}: ${fact.says}` : fact.says));
  if (evidence.length > MAX_EVIDENCE) lines.push(`… and ${evidence.length - MAX_EVIDENCE} more`);
  return lines;
}

function otherLines(group: FailureGroup, captureCount: number): string[] {
  if (group.count === 1) return [];
  const lines = group.others.map((failure) => {
    const packet = failure.evidence.find((fact) => fact.packet > 0);
    const what = failure.channel ? `, ${describeNegotiation(failure.channel)}` : "";
    return `${formatEndpoint(failure.control.client)}${what}${packet ? `, ${describePacket(packet, captureCount)}` : ""}`;
  });
  const unlisted = group.count - 1 - group.others.length;
  if (unlisted > 0) lines.push(`… and ${groupDigits(unlisted)} more`);
  const facts: string[] = [];
  if (group.clients.size > 1) facts.push(countOf(group.clients.size, "client"));
  if (group.highestPort > group.lowestPort) facts.push(`ports ${group.lowestPort} to ${group.highestPort}`);
  if (facts.length > 0) lines.push(`in all: ${facts.join(", ")}`);
  return lines;
}

function droppedNote(dropped: number, width: number): string {
  if (dropped === 0) return "";
  const text = `${countOf(dropped, "more failure")} of other kinds not shown here; --format ndjson has them all.`;
  return wrapText(text, width).join("\n");
}

function findingBlock(finding: Finding, captures: readonly CaptureSummary[], width: number, ink: Ink): string {
  const lines = [wrapWithLabel("FINDING  ", `${finding.title} [${finding.id}]`, width)];
  const say = (label: string, text: string) => lines.push(labelled(label, text, width, ink));
  evidenceLines(finding.evidence, captures.length).forEach((text, i) => {
    say(i === 0 ? "why" : "", text);
  });
  say("sure", CONFIDENCE_TEXT[finding.confidence]);
  if (finding.sessionCount > 0) say("sessions", groupDigits(finding.sessionCount));
  finding.remedy.forEach((text, i) => {
    say(i === 0 ? "fix" : "", text);
  });
  const places = finding.evidence.filter(({ packet }) => packet > 0);
  tsharkCommands(places, captures).forEach((command, i) => {
    lines.push(`${labelColumn(i === 0 ? "show" : "", ink)}${command}`);
  });
  return lines.join("\n");
}

function labelColumn(label: string, ink: Ink): string {
  return `   ${label === "" ? "" : ink.label(label)}${" ".repeat(LABEL_WIDTH - label.length)}`;
}

function labelled(label: string, text: string, width: number, ink: Ink): string {
  const indent = LABEL_WIDTH + 3;
  // A wrapped line hangs, so that the next item of the list can be told from it.
  const [first, ...rest] = wrapText(text, width - indent, 2);
  return [labelColumn(label, ink) + first, ...rest.map((line) => " ".repeat(indent) + line)].join("\n");
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
  const software = control.serverSoftware === null ? "" : `, ${control.serverSoftware}`;
  const same = control.sameAs.length === 0 ? "" : `, same as ${control.sameAs.join(", ")}`;
  return `${shown} ${formatEndpoint(control.client)} > ${formatEndpoint(control.server)} ${SECURITY_TEXT[control.security]}${software}${result}${same} (${id})`;
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
    ? [where, describeNegotiation(channel), describeConnection(channel), transferText, outcomeText(channel)]
    : [where, describeNegotiation(channel), transferText, outcomeText(channel)];
}

function describeConnection({ connection }: DataChannel): string {
  if (!connection) return "none seen";
  const bytes = connection.bytesFromOriginator + connection.bytesFromResponder;
  const syns = connection.synCount > 1 ? `, ${connection.synCount} SYNs` : "";
  const match = connection.match === "exact" || connection.match === "inferred" ? "" : `, ${connection.match}`;
  return `${formatEndpoint(connection.originator)} > ${formatEndpoint(connection.responder)}${syns}, ${countOf(bytes, "byte")}${match}`;
}

function outcomeText(channel: DataChannel): string {
  const word = channel.outcome.replace("-", " ");
  if (channel.cause !== null) return `${word}: ${channel.cause}`;
  if (channel.outcome === "refused") {
    const replies = [channel.negotiation?.replyCode ?? 0, ...(channel.transfer?.replies ?? [])];
    const negative = replies.filter((code) => code >= 400).pop();
    return negative === undefined ? word : `${word}: ${negative}`;
  }
  if (channel.outcome === "undetermined" && channel.limits.length > 0) return `${word}: ${channel.limits.join(", ")}`;
  return word;
}

// What was odd about the capture

const MAX_ANOMALIES = 20;

function anomalyList({ anomalies, captures }: AnalysisSummary, width: number): string {
  if (anomalies.length === 0) return "";
  const lines = ["Noted while reading:"];
  for (const { code, count, first } of anomalies.slice(0, MAX_ANOMALIES)) {
    const where = first.packet > 0 ? `, first at ${describePacket(first, captures.length)}` : "";
    const text = `${code}, ${groupDigits(count)} ${count === 1 ? "time" : "times"}${where}: ${first.detail}`;
    lines.push(wrapWithLabel("   ", text, width));
  }
  if (anomalies.length > MAX_ANOMALIES) lines.push(`   … and ${anomalies.length - MAX_ANOMALIES} more kinds`);
  return lines.join("\n");
}
