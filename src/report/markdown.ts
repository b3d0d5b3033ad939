import { formatEndpoint } from "../address.ts";
import type { AnalysisSummary, CaptureSummary, Finding, Session } from "../analysis.ts";
import { CAUSE_TEXT, CONTRIBUTING_TEXT, LIMIT_TEXT } from "../diagnose/cause-text.ts";
import { type Failure, failuresOf, packetsOf } from "./failure.ts";
import { type FailureGroup, FailureGroups } from "./failure-groups.ts";
import type { ReportWriter } from "./format.ts";
import { type LadderStep, ladderLines, ladderOf } from "./ladder.ts";
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
  tsharkCommands,
} from "./phrases.ts";
import { safeData, safeText } from "./safe-text.ts";

/**
 * `--format markdown`, for wikis and tickets (GitHub's dialect): a summary, then a section for each failure with its evidence, its ladder as
 * text, what else it could be, the fix and the command that shows its packets. Captured text stands in code spans or escaped, so that it
 * formats nothing, links nowhere and mentions nobody.
 */
export function createMarkdownWriter(): ReportWriter {
  const groups = new FailureGroups();
  const ladders = new Map<Failure, LadderStep[]>();
  return {
    begin: () => "",
    session(session: Session, conversation) {
      for (const failure of failuresOf(safeData(session))) {
        if (!groups.add(failure) || !conversation || ladders.size >= MAX_LADDERS) continue;
        ladders.set(failure, ladderOf(safeData(conversation()), failure.channel?.ordinal ?? null));
      }
      return "";
    },
    end(unsafeSummary) {
      const summary = safeData(unsafeSummary);
      const parts = [
        "# FTP data channels",
        summaryOf(summary),
        ...groups
          .list()
          .map((group, i) => failureSection(group, i + 1, summary.captures, ladders.get(group.example) ?? [])),
        groups.dropped > 0 ? `${countOf(groups.dropped, "more failure")} of other kinds not shown here.` : "",
        ...summary.findings.map((finding) => findingSection(finding, summary.captures)),
        anomalies(summary),
        `Made by ftptrace ${summary.tool.version}.`,
      ];
      return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
    },
  };
}

/** Ladders drawn at most. */
const MAX_LADDERS = 100;

/**
 * Text in which no character formats anything (CommonMark 2.4, 2.5), and nothing becomes a mention, a reference, an emoji or a bare link on
 * GitHub.
 */
export function escapeMarkdown(text: string): string {
  return safeText(text)
    .replace(/[\\`*_{}[\]#|~$^]/g, "\\$&")
    .replace(/[<>&@]|:(?=[a-z/+_-]|\d+:)|(?<=\bwww)\./gi, (character) => `&#${character.charCodeAt(0)};`);
}

/** A code span around captured text, whatever backticks are in it (CommonMark 6.1). */
export function codeSpan(text: string): string {
  const safe = safeText(text);
  const longest = Math.max(0, ...[...safe.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  return longest > 0 ? `${fence} ${safe} ${fence}` : `${fence}${safe}${fence}`;
}

/** A fenced block of plain text. */
function codeBlock(lines: readonly string[]): string {
  const longest = Math.max(2, ...lines.flatMap((line) => [...line.matchAll(/`+/g)].map(([run]) => run.length)));
  const fence = "`".repeat(longest + 1);
  return [`${fence}text`, ...lines, fence].join("\n");
}

function summaryOf({ captures, counts }: AnalysisSummary): string {
  const rows = captures.map(
    ({ name, packets, start, end, limits }) =>
      `| ${cell(name)} | ${groupDigits(packets)} | ${start === null ? "" : shortTime(start)} | ${end === null ? "" : shortTime(end)} | ${limits.map((limit) => LIMIT_TEXT[limit]).join("; ")} |`,
  );
  const outcomes = Object.entries(counts.channelsByOutcome).filter(([, count]) => count > 0);
  const what =
    outcomes.length === 0
      ? ""
      : `: ${outcomes.map(([outcome, count]) => `${groupDigits(count)} ${outcome}`).join(", ")}`;
  const causes = Object.entries(counts.causes).sort(([, a], [, b]) => b - a);
  return [
    `${countOf(counts.sessions, "FTP session")} with ${countOf(counts.channels, "data channel")}${what}.`,
    causes.length === 0 ? "" : causes.map(([cause, count]) => `- ${cause}: ${groupDigits(count)}`).join("\n"),
    ["| Capture | Packets | From (UTC) | To (UTC) | Limits |", "| --- | ---: | --- | --- | --- |", ...rows].join("\n"),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

/** A code span in a table cell, where a pipe would end the cell even in code. */
function cell(text: string): string {
  return codeSpan(text.replaceAll("|", "\u00a6"));
}

function failureSection(
  group: FailureGroup,
  number: number,
  captures: readonly CaptureSummary[],
  ladder: readonly LadderStep[],
): string {
  const failure = group.example;
  const { control, channel, cause } = failure;
  const what = channel ? describeNegotiation(channel) : "control connection";
  const times = group.count > 1 ? ` (${groupDigits(group.count)} times)` : "";
  const about = [
    `${formatEndpoint(control.client)} to ${formatEndpoint(control.server)}, ${shortTime(control.start)} UTC`,
    SECURITY_TEXT[control.security],
    ...(control.serverSoftware === null ? [] : [escapeMarkdown(control.serverSoftware)]),
    ...(control.user === null ? [] : [`user ${codeSpan(control.user)}`]),
  ].join(", ");
  const transfer = channel ? describeTransfer(channel) : "";
  const replies = channel ? describeReplies(channel) : "";
  return [
    `## ${number}. ${failure.outcome}: ${CAUSE_TEXT[cause].title}${times}`,
    `${codeSpan(what)}, cause ${codeSpan(cause)}. ${about}.`,
    channel
      ? `Channel ${channel.ordinal}: ${transfer === "" ? "no transfer command" : codeSpan(transfer)}${replies === "" ? "" : `; replies ${replies}`}.`
      : "",
    bullets(
      "Why",
      failure.evidence.map((fact) =>
        fact.packet > 0
          ? `${describePacket(fact, captures.length)}: ${escapeMarkdown(fact.says)}`
          : escapeMarkdown(fact.says),
      ),
    ),
    `**How sure**: ${CONFIDENCE_TEXT[failure.confidence]}.`,
    bullets(
      "What else it could be",
      failure.alternatives.map(
        (other) =>
          `${CAUSE_TEXT[other.cause].title} (${codeSpan(other.cause)}); would decide: ${escapeMarkdown(other.missing)}`,
      ),
    ),
    bullets(
      "What helped it along",
      failure.contributing.map((id) => `${CONTRIBUTING_TEXT[id].title}. ${CONTRIBUTING_TEXT[id].meaning}`),
    ),
    bullets(
      "What the capture cannot tell",
      failure.limits.map((limit) => LIMIT_TEXT[limit]),
    ),
    bullets("Fix", failure.remedy.map(escapeMarkdown)),
    ladder.length === 0
      ? ""
      : `Client (C) and server (S); seconds since the session's first packet, packet numbers:\n\n${codeBlock(ladderLines(ladder, captures.length))}`,
    showCommands(tsharkCommands(packetsOf(failure), captures)),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

function bullets(heading: string, items: readonly string[]): string {
  return items.length === 0 ? "" : `**${heading}**\n\n${items.map((item) => `- ${item}`).join("\n")}`;
}

function showCommands(commands: readonly string[]): string {
  return commands.length === 0 ? "" : codeBlock(commands).replace(/^(`+)text/, "$1sh");
}

function findingSection(finding: Finding, captures: readonly CaptureSummary[]): string {
  return [
    `## Finding: ${escapeMarkdown(finding.title)}`,
    bullets(
      "Why",
      finding.evidence.map((fact) =>
        fact.packet > 0
          ? `${describePacket(fact, captures.length)}: ${escapeMarkdown(fact.says)}`
          : escapeMarkdown(fact.says),
      ),
    ),
    `**How sure**: ${CONFIDENCE_TEXT[finding.confidence]}.${finding.sessionCount > 0 ? ` ${countOf(finding.sessionCount, "session")}.` : ""}`,
    bullets("Fix", finding.remedy.map(escapeMarkdown)),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

function anomalies({ anomalies: list, captures }: AnalysisSummary): string {
  return bullets(
    "Noted while reading",
    list.slice(0, 20).map(({ code, count, first }) => {
      const where = first.packet > 0 ? `, first at ${describePacket(first, captures.length)}` : "";
      return `${code}, ${groupDigits(count)} ${count === 1 ? "time" : "times"}${where}: ${escapeMarkdown(first.detail)}`;
    }),
  );
}
