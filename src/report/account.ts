import { formatEndpoint } from "../address.ts";
import type { AnalysisSummary, CaptureSummary, Evidence, Finding } from "../analysis.ts";
import { CAUSE_TEXT } from "../diagnose/causes.ts";
import { CONTRIBUTING_TEXT } from "../diagnose/contributing.ts";
import { LIMIT_TEXT } from "../diagnose/limits.ts";
import { type Failure, packetsOf } from "./failure.ts";
import type { FailureGroup, FailureGroups } from "./failure-groups.ts";
import {
  CONFIDENCE_TEXT,
  capitalised,
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
  tsharkCommands,
} from "./phrases.ts";

/** What people want to know of a verdict, in the order in which they ask. */
export type PointKind = "why" | "sure" | "else" | "also" | "limits" | "fix" | "alike" | "show";

/** What there is to say to one of these questions: a line each, none empty. */
export interface Point {
  readonly kind: PointKind;
  readonly lines: readonly string[];
}

/** The questions as headings of a document. */
export const POINT_HEADINGS = {
  why: "Why",
  sure: "How sure",
  else: "What else it could be",
  also: "What adds to it",
  limits: "What the capture cannot tell",
  fix: "Fix",
  alike: "Failed alike",
  show: "Show the packets",
} as const satisfies Readonly<Record<PointKind, string>>;

/** Evidence lines of one verdict: it rests on few packets, and a page of them hides the rest. */
const MAX_EVIDENCE = 12;
const MAX_ANOMALIES = 20;
const MAX_CAPTURES_NAMED = 5;

/** What a failure is about: `PASV 10.0.1.121:3846`, or the control connection. */
export function subjectOf({ channel }: Failure): string {
  return channel ? describeNegotiation(channel) : "control connection";
}

/** What a failure was about: captured words, which a document sets in code, and ours about them. */
export function subjectParts(failure: Failure): { readonly code: string[]; readonly words: string[] } {
  const { channel, control } = failure;
  const code = [subjectOf(failure)];
  const words: string[] = [];
  if (channel === null) return { code, words };
  const transfer = describeTransfer(channel);
  const replies = describeReplies(channel);
  const when = channelSpan(channel, control);
  const malformed = channel.negotiation?.malformed ?? null;
  if (transfer !== "") code.push(transfer);
  if (replies !== "") words.push(`replies ${replies}`);
  if (when !== "") words.push(`${when} UTC`);
  if (malformed !== null) words.push(`malformed: ${malformed}`);
  return { code, words };
}

/** Who spoke with whom, since when and how: `192.0.2.10:40000 to 203.0.113.5:21`, `2026-01-05 10:00:00 UTC`, `cleartext`, … */
export function circumstancesOf({ control }: Failure): string[] {
  return [
    `${formatEndpoint(control.client)} to ${formatEndpoint(control.server)}`,
    `${shortTime(control.start)} UTC`,
    SECURITY_TEXT[control.security],
    ...(control.serverSoftware === null ? [] : [control.serverSoftware]),
    ...(control.user === null ? [] : [`user ${control.user}`]),
    ...control.sameAs.map((id) => `same as session ${id}`),
  ];
}

/** All that there is to say of failures alike, by the example of the first. */
export function failurePoints(group: FailureGroup, captures: readonly CaptureSummary[]): Point[] {
  const failure = group.example;
  return said([
    { kind: "why", lines: evidenceLines(failure.evidence, captures.length) },
    { kind: "sure", lines: [CONFIDENCE_TEXT[failure.confidence]] },
    {
      kind: "else",
      lines: failure.alternatives.map(
        ({ cause, missing }) => `${CAUSE_TEXT[cause].title} (${cause}). To decide: ${missing}`,
      ),
    },
    {
      kind: "also",
      lines: failure.contributing.map(
        (id) => `${CONTRIBUTING_TEXT[id].title} (${id}). ${CONTRIBUTING_TEXT[id].meaning}`,
      ),
    },
    { kind: "limits", lines: failure.limits.map((limit) => `${LIMIT_TEXT[limit]} (${limit})`) },
    { kind: "fix", lines: failure.remedy },
    { kind: "alike", lines: alikeLines(group, captures.length) },
    { kind: "show", lines: tsharkCommands(packetsOf(failure), captures) },
  ]);
}

/** All that there is to say of a finding over several sessions. */
export function findingPoints(finding: Finding, captures: readonly CaptureSummary[]): Point[] {
  const { sessions, sessionCount } = finding;
  const unlisted = sessionCount - sessions.length;
  const ids = [...sessions, ...(unlisted > 0 ? [`… and ${groupDigits(unlisted)} more`] : [])];
  return said([
    { kind: "why", lines: evidenceLines(finding.evidence, captures.length) },
    { kind: "sure", lines: [CONFIDENCE_TEXT[finding.confidence]] },
    { kind: "fix", lines: finding.remedy },
    { kind: "alike", lines: sessionCount > 0 ? [`${countOf(sessionCount, "session")}: ${ids.join(", ")}`] : [] },
    {
      kind: "show",
      lines: tsharkCommands(
        finding.evidence.filter(({ packet }) => packet > 0),
        captures,
      ),
    },
  ]);
}

function said(points: readonly Point[]): Point[] {
  return points.filter(({ lines }) => lines.length > 0);
}

function evidenceLines(evidence: readonly Evidence[], captureCount: number): string[] {
  const lines = evidence
    .slice(0, MAX_EVIDENCE)
    .map((fact) => (fact.packet > 0 ? `${describePacket(fact, captureCount)}: ${fact.says}` : fact.says));
  if (evidence.length > MAX_EVIDENCE) lines.push(`… and ${evidence.length - MAX_EVIDENCE} more`);
  return lines;
}

function alikeLines(group: FailureGroup, captureCount: number): string[] {
  if (group.count === 1) return [];
  const lines = group.others.map((failure) => {
    const packet = failure.evidence.find((fact) => fact.packet > 0);
    const what = failure.channel ? `, ${describeNegotiation(failure.channel)}` : "";
    return `${formatEndpoint(failure.control.client)}${what}${packet ? `, ${describePacket(packet, captureCount)}` : ""} (session ${failure.sessionId})`;
  });
  const unlisted = group.count - 1 - group.others.length;
  if (unlisted > 0) lines.push(`… and ${groupDigits(unlisted)} more`);
  const facts: string[] = [];
  if (group.clients.size > 1) facts.push(countOf(group.clients.size, "client"));
  if (group.highestPort > group.lowestPort) facts.push(`ports ${group.lowestPort} to ${group.highestPort}`);
  if (facts.length > 0) lines.push(`in all: ${facts.join(", ")}`);
  return lines;
}

/** Numbers of the pieces of evidence, by `capture:packet` of their packets: as the lines under "Why" are counted. */
export function evidenceNumbers(evidence: readonly Evidence[]): Map<string, number> {
  const numbers = new Map<string, number>();
  evidence.slice(0, MAX_EVIDENCE).forEach(({ capture, packet }, i) => {
    const key = `${capture}:${packet}`;
    if (!numbers.has(key)) numbers.set(key, i + 1);
  });
  return numbers;
}

/** What an analysis comes to, as a headline; with the cause where all that it counts has the same, marked where it is not certain. */
export function headline(summary: AnalysisSummary, failedControls: number, groups: FailureGroups): string {
  const { counts } = summary;
  const { failed, refused } = counts.channelsByOutcome;
  const channels = countOf(counts.channels, "FTP data channel");
  if (failed > 0) {
    const which = groups.list().filter(({ example }) => example.channel !== null && example.outcome === "failed");
    return `${shareText(failed, counts.channels, "FTP data channel")} failed${sharedCause(which, failed)}`;
  }
  if (failedControls > 0) {
    const which = groups.list().filter(({ example }) => example.channel === null && example.outcome === "failed");
    return `${shareText(failedControls, counts.sessions, "FTP control connection")} failed${sharedCause(which, failedControls)}`;
  }
  if (refused > 0) {
    const which = groups.list().filter(({ example }) => example.outcome === "refused");
    const verb = refused === 1 ? "was" : "were";
    return `${shareText(refused, counts.channels, "FTP data channel")} ${verb} refused${sharedCause(which, refused)}`;
  }
  if (counts.sessions === 0) return "No FTP session found";
  if (counts.channels === 0) return `${countOf(counts.sessions, "FTP session")}, no data channel`;
  if (counts.channelsByOutcome.ok < counts.channels) return `None of ${channels} failed`;
  return counts.channels === 1 ? "The FTP data channel worked" : `All ${channels} worked`;
}

/** `The …`, `Both …s`, `All 19 …s`, `2 of 5 …s`. */
function shareText(count: number, of: number, noun: string): string {
  if (of === 1) return `The ${noun}`;
  if (of === 2 && count === 2) return `Both ${noun}s`;
  return count === of ? `All ${countOf(of, noun)}` : `${groupDigits(count)} of ${countOf(of, noun)}`;
}

/** `: the server advertises a private address (likely)`, if that is the cause of all `count`; else nothing. */
function sharedCause(groups: readonly FailureGroup[], count: number): string {
  const [cause, ...others] = new Set(groups.map(({ example }) => example.cause));
  // What a server refuses for its own reasons (550) is counted and has no cause, what was dropped from the groups is not known here.
  const told = groups.reduce((sum, group) => sum + group.count, 0);
  if (cause === undefined || others.length > 0 || told < count) return "";
  const weakest = (["possible", "likely"] as const).find((level) =>
    groups.some(({ example }) => example.confidence === level),
  );
  return `: ${CAUSE_TEXT[cause].title}${weakest === undefined ? "" : ` (${weakest})`}`;
}

/** `1 FTP session with 3 data channels: 1 failed, 2 ok.` */
export function totalsSentence({ counts }: AnalysisSummary): string {
  const outcomes = Object.entries(counts.channelsByOutcome)
    .filter(([, count]) => count > 0)
    .map(([outcome, count]) => `${groupDigits(count)} ${outcomeText(outcome)}`);
  const what = outcomes.length === 0 ? "" : `: ${outcomes.join(", ")}`;
  return `${countOf(counts.sessions, "FTP session")} with ${countOf(counts.channels, "data channel")}${what}.`;
}

/** Every cause with how often it was found, the most frequent first. */
export function causeCounts({ counts }: AnalysisSummary): [cause: string, count: number][] {
  return Object.entries(counts.causes).sort(([, a], [, b]) => b - a);
}

/** What was odd about the captures, a line a kind. */
export function anomalyLines({ anomalies, captures }: AnalysisSummary): string[] {
  const lines = anomalies.slice(0, MAX_ANOMALIES).map(({ code, count, first }) => {
    const where = first.packet > 0 ? `, first at ${describePacket(first, captures.length)}` : "";
    return `${code}, ${countOf(count, "time")}${where}: ${first.detail}`;
  });
  if (anomalies.length > MAX_ANOMALIES) lines.push(`… and ${anomalies.length - MAX_ANOMALIES} more kinds`);
  return lines;
}

/** What the captures as such cannot show, each limit once, with the captures that it is about where it is not about all. */
export function limitLines({ captures }: AnalysisSummary): string[] {
  return [...new Set(captures.flatMap(({ limits }) => limits))].map((limit) => {
    const numbers = captures.flatMap(({ limits }, i) => (limits.includes(limit) ? [i + 1] : []));
    const where = numbers.length === captures.length ? "" : `, in ${capturesText(numbers)}`;
    return `${LIMIT_TEXT[limit]} (${limit})${where}`;
  });
}

/** `capture 3`, `captures 3, 5 and 7`, `captures 1, 2, 3, 4, 5 and 90 more`. */
function capturesText(numbers: readonly number[]): string {
  if (numbers.length === 1) return `capture ${numbers[0]}`;
  const named = numbers.length > MAX_CAPTURES_NAMED + 1 ? numbers.slice(0, MAX_CAPTURES_NAMED) : numbers.slice(0, -1);
  const rest = numbers.slice(named.length);
  return `captures ${named.join(", ")} and ${rest.length === 1 ? rest[0] : `${groupDigits(rest.length)} more`}`;
}

/** A verdict as a sentence's beginning: `The server advertises a private address`. */
export function verdictTitle({ cause }: Failure): string {
  return capitalised(CAUSE_TEXT[cause].title);
}
