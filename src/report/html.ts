import { createHash } from "node:crypto";
import { formatEndpoint } from "../address.ts";
import type { AnalysisSummary, CaptureSummary, Evidence, Finding, Session } from "../analysis.ts";
import { CAUSE_TEXT, CONTRIBUTING_TEXT, LIMIT_TEXT } from "../diagnose/cause-text.ts";
import { type Failure, failuresOf, packetsOf } from "./failure.ts";
import { type FailureGroup, FailureGroups } from "./failure-groups.ts";
import type { FormatOptions, ReportWriter } from "./format.ts";
import { HTML_STYLE } from "./html-style.ts";
import { element, escapeHtml, list } from "./html-text.ts";
import { type LadderStep, ladderOf } from "./ladder.ts";
import { ladderSvg } from "./ladder-svg.ts";
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
import { safeData } from "./safe-text.ts";
import { type TimelineRow, timelineSvg } from "./timeline-svg.ts";

/**
 * `--report FILE.html`: one self-contained page for a postmortem. No script, nothing loaded, a content policy that forbids both; it reads in a
 * mail attachment, in the dark, and on paper. What it keeps is bounded, and what was left out is said.
 */
export function createHtmlWriter(options: FormatOptions): ReportWriter {
  const groups = new FailureGroups();
  const ladders = new Map<Failure, LadderStep[]>();
  const rows: TimelineRow[] = [];
  let rowsLeftOut = 0;
  return {
    begin: () => "",
    session(session, conversation) {
      const safe = safeData(session);
      if (rows.length < MAX_TIMELINE_ROWS) rows.push(timelineRow(safe));
      else rowsLeftOut++;
      for (const failure of failuresOf(safe)) {
        if (!groups.add(failure) || !conversation || ladders.size >= MAX_LADDERS) continue;
        ladders.set(failure, ladderOf(safeData(conversation()), failure.channel?.ordinal ?? null));
      }
      return "";
    },
    end(unsafeSummary) {
      const summary = safeData(unsafeSummary);
      const list = groups.list();
      return page(summary, [
        verdictSection(summary),
        contents(list, summary.findings),
        timelineSection(rows, rowsLeftOut, summary),
        ...list.map((group, i) => failureSection(group, i + 1, summary.captures, ladders.get(group.example) ?? [])),
        groups.dropped > 0
          ? element("p", `${countOf(groups.dropped, "more failure")} of other kinds not shown here.`)
          : "",
        ...summary.findings.map((finding, i) => findingSection(finding, i + 1, summary.captures)),
        capturesSection(summary, options.captureHashes),
        anomaliesSection(summary),
      ]);
    },
  };
}

/** Sessions with a row in the timeline. */
const MAX_TIMELINE_ROWS = 300;
/** Failures with a ladder. */
const MAX_LADDERS = 100;
/** Evidence of one failure. */
const MAX_EVIDENCE = 12;

function page(summary: AnalysisSummary, sections: readonly string[]): string {
  const styleHash = createHash("sha256").update(HTML_STYLE).digest("base64");
  const [first] = summary.captures;
  const title = `FTP data channels: ${summary.captures.length === 1 ? first.name : countOf(summary.captures.length, "capture")}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${escapeHtml(title)}</title>
<style>${HTML_STYLE}</style>
</head>
<body>
<main>
${sections.filter((section) => section !== "").join("\n")}
</main>
</body>
</html>
`;
}

function verdictSection(summary: AnalysisSummary): string {
  const { counts, captures } = summary;
  const starts = captures.flatMap(({ start }) => start ?? []).sort();
  const ends = captures.flatMap(({ end }) => end ?? []).sort();
  const when =
    starts.length === 0 ? "no packets" : `${shortTime(starts[0])} to ${shortTime(ends.at(-1) ?? starts[0])} UTC`;
  const { failed, refused, ok, undetermined } = counts.channelsByOutcome;
  const tiles = [
    tile(counts.sessions, counts.sessions === 1 ? "session" : "sessions", ""),
    tile(counts.channels, counts.channels === 1 ? "data channel" : "data channels", ""),
    tile(failed, "failed", failed > 0 ? "bad" : ""),
    tile(refused, "refused", refused > 0 ? "warn" : ""),
    tile(ok, "worked", ok > 0 ? "good" : ""),
    tile(undetermined, "undetermined", ""),
  ];
  const causes = Object.entries(counts.causes).sort(([, a], [, b]) => b - a);
  return `<header>
<p class="brand">ftptrace</p>
<h1>What became of the FTP data channels</h1>
<p class="when">${escapeHtml(when)}</p>
<div class="tiles">${tiles.join("")}</div>
${causes.length === 0 ? "" : `<p class="causes">${causes.map(([cause, count]) => `${element("code", cause)} ${groupDigits(count)}`).join(", ")}</p>`}
</header>`;
}

function tile(count: number, label: string, kind: string): string {
  return `<div class="${kind === "" ? "tile" : `tile ${kind}`}"><b>${groupDigits(count)}</b><span>${escapeHtml(label)}</span></div>`;
}

function contents(groups: readonly FailureGroup[], findings: readonly Finding[]): string {
  const items = [
    ...groups.map(({ example, count }, i) => {
      const title = `${CAUSE_TEXT[example.cause].title}${count > 1 ? ` (${groupDigits(count)} times)` : ""}`;
      return `<li class="${example.outcome}"><a href="#failure-${i + 1}">${escapeHtml(title)}</a> <span>${escapeHtml(subject(example))}</span></li>`;
    }),
    ...findings.map(
      (finding, i) => `<li class="finding"><a href="#finding-${i + 1}">${escapeHtml(finding.title)}</a></li>`,
    ),
  ];
  return items.length === 0 ? "" : `<nav aria-label="Failures"><ol>${items.join("")}</ol></nav>`;
}

function subject({ channel }: Failure): string {
  return channel ? describeNegotiation(channel) : "control connection";
}

function timelineRow(session: Session): TimelineRow {
  const { control, dataChannels } = session;
  const outcomes = [control.outcome, ...dataChannels.map(({ outcome }) => outcome)];
  const causes = [control.cause, ...dataChannels.map(({ cause }) => cause)].flatMap((cause) => cause ?? []);
  const worst = outcomes.includes("failed") ? "failed" : outcomes.includes("refused") ? "refused" : "ok";
  return {
    label: `${formatEndpoint(control.client)} → ${formatEndpoint(control.server)}`,
    start: Date.parse(control.start),
    end: Date.parse(control.end),
    outcome: worst,
    says: causes.length > 0 ? [...new Set(causes)].join(", ") : countOf(dataChannels.length, "data channel"),
  };
}

function timelineSection(rows: readonly TimelineRow[], leftOut: number, { counts }: AnalysisSummary): string {
  if (counts.sessions === 0) return `<section><h2>Sessions</h2><p>No FTP control connection found.</p></section>`;
  const more = leftOut > 0 ? `<p>… and ${countOf(leftOut, "more session")}.</p>` : "";
  return `<section class="wide"><h2>Sessions</h2>\n${timelineSvg(rows)}\n${more}</section>`;
}

function failureSection(
  group: FailureGroup,
  number: number,
  captures: readonly CaptureSummary[],
  ladder: readonly LadderStep[],
): string {
  const failure = group.example;
  const { control, channel } = failure;
  const about = [
    `${formatEndpoint(control.client)} → ${formatEndpoint(control.server)}`,
    `${shortTime(control.start)} UTC`,
    SECURITY_TEXT[control.security],
    ...(control.serverSoftware === null ? [] : [control.serverSoftware]),
    ...(control.user === null ? [] : [`user ${control.user}`]),
  ];
  const transfer = channel ? describeTransfer(channel) : "";
  const replies = channel ? describeReplies(channel) : "";
  const others = group.others.map(
    (other) =>
      `${formatEndpoint(other.control.client)}${other.channel ? `, ${describeNegotiation(other.channel)}` : ""}`,
  );
  const unlisted = group.count - 1 - group.others.length;
  if (unlisted > 0) others.push(`… and ${groupDigits(unlisted)} more`);
  const terms: [string, string][] = [
    ["Why", evidenceList(failure.evidence, captures.length)],
    ["How sure", escapeHtml(CONFIDENCE_TEXT[failure.confidence])],
    [
      "What else it could be",
      list(failure.alternatives.map((other) => `${CAUSE_TEXT[other.cause].title}; would decide: ${other.missing}`)),
    ],
    [
      "What helped it along",
      list(failure.contributing.map((id) => `${CONTRIBUTING_TEXT[id].title}. ${CONTRIBUTING_TEXT[id].meaning}`)),
    ],
    ["What the capture cannot tell", list(failure.limits.map((limit) => LIMIT_TEXT[limit]))],
    ["Fix", list(failure.remedy)],
    ["The same", list(others)],
    [
      "Show the packets",
      tsharkCommands(packetsOf(failure), captures)
        .map((command) => element("pre", command))
        .join(""),
    ],
  ];
  return `<section class="failure ${failure.outcome}" id="failure-${number}">
<h2><span class="outcome">${failure.outcome}</span> ${escapeHtml(CAUSE_TEXT[failure.cause].title)}${group.count > 1 ? ` <small>${groupDigits(group.count)} times</small>` : ""}</h2>
<p class="subject">${element("code", subject(failure))}${transfer === "" ? "" : ` ${element("code", transfer)}`}${replies === "" ? "" : ` <span>replies ${escapeHtml(replies)}</span>`}</p>
<p class="about">${about.map(escapeHtml).join(" · ")}</p>
<p class="meaning">${escapeHtml(CAUSE_TEXT[failure.cause].meaning)}</p>
${ladder.length === 0 ? "" : `<figure>${ladderSvg(ladder, captures.length, new Set(failure.evidence.map(({ capture, packet }) => `${capture}:${packet}`)))}<figcaption>Seconds since the session's first packet, and packet numbers. Packets that are evidence are marked.</figcaption></figure>`}
<dl>${terms
    .filter(([, text]) => text !== "")
    .map(([term, text]) => `<dt>${term}</dt><dd>${text}</dd>`)
    .join("\n")}</dl>
</section>`;
}

function evidenceList(evidence: readonly Evidence[], captureCount: number): string {
  const items = evidence
    .slice(0, MAX_EVIDENCE)
    .map((fact) => (fact.packet > 0 ? `${describePacket(fact, captureCount)}: ${fact.says}` : fact.says));
  if (evidence.length > MAX_EVIDENCE) items.push(`… and ${evidence.length - MAX_EVIDENCE} more`);
  return list(items);
}

function findingSection(finding: Finding, number: number, captures: readonly CaptureSummary[]): string {
  const sessions = finding.sessionCount > 0 ? ` (${countOf(finding.sessionCount, "session")})` : "";
  const terms: [string, string][] = [
    ["Why", evidenceList(finding.evidence, captures.length)],
    ["How sure", escapeHtml(CONFIDENCE_TEXT[finding.confidence])],
    ["Fix", list(finding.remedy)],
  ];
  return `<section class="failure finding" id="finding-${number}">
<h2><span class="outcome">finding</span> ${escapeHtml(finding.title)}${sessions}</h2>
<dl>${terms
    .filter(([, text]) => text !== "")
    .map(([term, text]) => `<dt>${term}</dt><dd>${text}</dd>`)
    .join("\n")}</dl>
</section>`;
}

function capturesSection({ captures, tool }: AnalysisSummary, hashes: FormatOptions["captureHashes"]): string {
  const rows = captures.map(({ name, format, packets, bytes, start, end, limits }, i) => {
    const hash = hashes?.[i];
    const details = [
      format,
      countOf(packets, "packet"),
      countOf(bytes, "byte"),
      ...(start === null ? [] : [`${shortTime(start)} to ${shortTime(end ?? start)} UTC`]),
      ...limits.map((limit) => LIMIT_TEXT[limit]),
    ];
    return `<tr><th scope="row">${i + 1}</th><td>${element("code", name)}<br>${details.map(escapeHtml).join(" · ")}${hash ? `<br>SHA-256 ${element("code", hash, "hash")}` : ""}</td></tr>`;
  });
  return `<section><h2>How this was made</h2>
<p>ftptrace ${escapeHtml(tool.version)}, from these captures. One capture point sees one side: what was dropped beyond it takes a second capture to place.</p>
<table>${rows.join("\n")}</table></section>`;
}

function anomaliesSection({ anomalies, captures }: AnalysisSummary): string {
  if (anomalies.length === 0) return "";
  const items = anomalies.slice(0, 20).map(({ code, count, first }) => {
    const where = first.packet > 0 ? `, first at ${describePacket(first, captures.length)}` : "";
    return `${code}, ${groupDigits(count)} ${count === 1 ? "time" : "times"}${where}: ${first.detail}`;
  });
  return `<section><h2>Noted while reading</h2>${list(items)}</section>`;
}
