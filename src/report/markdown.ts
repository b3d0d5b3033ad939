import type { AnalysisSummary, CaptureSummary, Finding } from "../analysis.ts";
import { CAUSE_TEXT } from "../diagnose/causes.ts";
import {
  anomalyLines,
  causeCounts,
  circumstancesOf,
  evidenceNumbers,
  failurePoints,
  findingPoints,
  headline,
  limitLines,
  POINT_HEADINGS,
  type Point,
  subjectParts,
  totalsSentence,
} from "./account.ts";
import { displayName } from "./capture-name.ts";
import { DrawnFailures } from "./drawn-failures.ts";
import type { FailureGroup } from "./failure-groups.ts";
import type { ReportWriter } from "./format.ts";
import { type LadderStep, ladderLines } from "./ladder.ts";
import { capitalised, countOf, groupDigits, timeSpan } from "./phrases.ts";
import { safeData } from "./safe-text.ts";

/**
 * `--format markdown`, for wikis and tickets (GitHub's dialect): a summary, then a section for each failure with its evidence, its ladder as
 * text, what else it could be, the fix and the command that shows its packets. Captured text that could format, link or mention anything
 * stands in code.
 */
export function createMarkdownWriter(): ReportWriter {
  const failures = new DrawnFailures();
  return {
    begin: () => "",
    session(session, conversation) {
      failures.add(safeData(session), conversation);
      return "";
    },
    end(unsafeSummary) {
      const summary = safeData(unsafeSummary);
      const { captures } = summary;
      const { dropped } = failures.groups;
      return `${blocks([
        `# ${headline(summary, failures.failedControls, failures.groups)}`,
        overview(summary),
        ...failures.groups.list().map((group, i) => failureSection(group, i + 1, captures, failures.ladderOf(group))),
        dropped > 0 ? `${countOf(dropped, "more failure")} of other kinds not shown here.` : "",
        ...summary.findings.map((finding) => findingSection(finding, captures)),
        bullets("TLS demanded", failures.tlsDemands.lines(captures.length).map(capitalised)),
        bullets("Limits of the capture", limitLines(summary)),
        bullets("Noted while reading", anomalyLines(summary)),
        capturesSection(summary),
      ])}\n`;
    },
  };
}

function blocks(texts: readonly string[]): string {
  return texts.filter((text) => text !== "").join("\n\n");
}

/** What Markdown (CommonMark 0.31, GitHub's dialect, its mentions, references and emoji) would make something of. */
const SPECIAL = /[\\`*_{}[\]<>#|~$^&@]|:(?=[a-z/+_-]|\d{3,}:)|\bwww\./i;
/** A word that makes a list, a heading or a rule of its line if it stands first. */
const LINE_MAKER = /^(?:[-+=]+|\d+[.)])$/;

/** Text whose words are words: those that Markdown would make something else of stand in code. @param text safe text */
export function plainMarkdown(text: string): string {
  return text
    .split(" ")
    .map((word, i) => {
      const [, before, core, after] = /^([("']*)(.*?)([)"',.;:!?]*)$/.exec(word) ?? [word, "", word, ""];
      if (SPECIAL.test(core)) return `${before}${codeSpan(core)}${after}`;
      return i === 0 && LINE_MAKER.test(word) ? codeSpan(word) : word;
    })
    .join(" ");
}

/** A code span around text, whatever backticks are in it (CommonMark 6.1). @param text safe text */
export function codeSpan(text: string): string {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  return longest > 0 ? `${fence} ${text} ${fence}` : `${fence}${text}${fence}`;
}

/** A fenced block (CommonMark 4.5). @param language what it is, for whoever colours it */
function codeBlock(language: "text" | "sh", lines: readonly string[]): string {
  const longest = Math.max(2, ...lines.flatMap((line) => [...line.matchAll(/`+/g)].map(([run]) => run.length)));
  const fence = "`".repeat(longest + 1);
  return [fence + language, ...lines, fence].join("\n");
}

function overview(summary: AnalysisSummary): string {
  const causes = causeCounts(summary);
  return blocks([
    `${totalsSentence(summary)} ${capitalised(timeSpan(summary.captures))}.`,
    causes.length < 2
      ? ""
      : [
          "| Cause | Times |",
          "| --- | ---: |",
          ...causes.map(([cause, count]) => `| ${cause} | ${groupDigits(count)} |`),
        ].join("\n"),
  ]);
}

function failureSection(
  group: FailureGroup,
  number: number,
  captures: readonly CaptureSummary[],
  ladder: readonly LadderStep[],
): string {
  const failure = group.example;
  const { cause, outcome, sessionId } = failure;
  const times = group.count > 1 ? ` (${groupDigits(group.count)} times)` : "";
  const { code, words } = subjectParts(failure);
  const subjects = [...code.map(codeSpan), ...words.map(plainMarkdown)];
  return blocks([
    `## ${number}. ${capitalised(outcome)}: ${CAUSE_TEXT[cause].title}${times}`,
    `${subjects.join(", ")}  \n${circumstancesOf(failure).map(plainMarkdown).join(", ")}  \nCause ${codeSpan(cause)}, session ${codeSpan(sessionId)}`,
    CAUSE_TEXT[cause].meaning,
    ladder.length === 0
      ? ""
      : `C is the client, S the server; seconds since the session's first packet, packet numbers, in brackets the evidence:\n\n${codeBlock(
          "text",
          ladderLines(ladder, captures.length, evidenceNumbers(failure.evidence)).map(({ lead, text }) => lead + text),
        )}`,
    ...failurePoints(group, captures).map(pointBlock),
  ]);
}

function pointBlock({ kind, lines }: Point): string {
  if (kind === "show") return `**${POINT_HEADINGS[kind]}**\n\n${codeBlock("sh", lines)}`;
  const sentences = lines.map(capitalised).map(plainMarkdown);
  if (kind !== "why" && lines.length === 1) return `**${POINT_HEADINGS[kind]}**\n\n${sentences[0]}`;
  const items = kind === "why" ? sentences.map((line, i) => `${i + 1}. ${line}`) : sentences.map((line) => `- ${line}`);
  return `**${POINT_HEADINGS[kind]}**\n\n${items.join("\n")}`;
}

function bullets(heading: string, lines: readonly string[]): string {
  return lines.length === 0 ? "" : `**${heading}**\n\n${lines.map((line) => `- ${plainMarkdown(line)}`).join("\n")}`;
}

function findingSection(finding: Finding, captures: readonly CaptureSummary[]): string {
  return blocks([`## Finding: ${plainMarkdown(finding.title)}`, ...findingPoints(finding, captures).map(pointBlock)]);
}

function capturesSection({ captures, tool }: AnalysisSummary): string {
  const lines = captures.map(
    (capture, i) =>
      `${i + 1}. ${codeSpan(displayName(capture.name))}, ${capture.format}, ${countOf(capture.packets, "packet")}, ${timeSpan([capture])}`,
  );
  return blocks([`Made by ftptrace ${tool.version} from`, lines.join("\n")]);
}
