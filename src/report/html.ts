import { createHash } from "node:crypto";
import { formatEndpoint } from "../address.ts";
import type { AnalysisSummary, CaptureSummary, Finding, Session } from "../analysis.ts";
import { CAUSE_TEXT, hasTrait } from "../diagnose/causes.ts";
import {
  anomalyLines,
  circumstancesOf,
  evidenceNumbers,
  failurePoints,
  findingPoints,
  headline,
  limitLines,
  POINT_HEADINGS,
  type Point,
  subjectOf,
  subjectParts,
  verdictTitle,
} from "./account.ts";
import { displayName } from "./capture-name.ts";
import { DrawnFailures } from "./drawn-failures.ts";
import type { Failure } from "./failure.ts";
import type { FailureGroup } from "./failure-groups.ts";
import type { FormatOptions, ReportWriter } from "./format.ts";
import { HTML_STYLE } from "./html-style.ts";
import { element, escapeHtml, list, orderedList } from "./html-text.ts";
import type { LadderStep } from "./ladder.ts";
import { ladderSvg } from "./ladder-svg.ts";
import { capitalised, countOf, durationText, groupDigits, outcomeText, timeSpan } from "./phrases.ts";
import { safeData } from "./safe-text.ts";
import { type TimelineSession, timelineSvg } from "./timeline-svg.ts";

/**
 * `--report FILE.html`: one self-contained page for a postmortem. No script, nothing loaded, a content policy that forbids both; it reads in a
 * mail attachment, in the dark, and on paper. What it keeps is bounded, and what was left out is said.
 */
export function createHtmlWriter(options: FormatOptions): ReportWriter {
  const failures = new DrawnFailures();
  const timeline: TimelineSession[] = [];
  let timelineLeftOut = 0;
  return {
    begin: () => "",
    session(session, conversation) {
      const safe = safeData(session);
      failures.add(safe, conversation);
      const drawn = timelineSession(safe);
      if (drawn && timeline.length < MAX_TIMELINE_SESSIONS) timeline.push(drawn);
      else timelineLeftOut++;
      return "";
    },
    end(unsafeSummary) {
      const summary = safeData(unsafeSummary);
      const { captures } = summary;
      const groups = failures.groups.list();
      const { dropped } = failures.groups;
      return page(summary, [
        headSection(summary, headline(summary, failures.failedControls, failures.groups), failures.failedControls),
        contents(groups, summary.findings),
        timelineSection(timeline, timelineLeftOut, summary),
        ...groups.map((group, i) => failureSection(group, i + 1, captures, failures.ladderOf(group))),
        dropped > 0 ? element("p", `${countOf(dropped, "more failure")} of other kinds not shown here.`) : "",
        ...summary.findings.map((finding, i) => findingSection(finding, i + 1, captures)),
        tlsSection(failures.tlsDemands.lines(captures.length)),
        limitsSection(summary),
        madeSection(summary, options.captureHashes),
      ]);
    },
  };
}

/** Sessions that the timeline may show. */
const MAX_TIMELINE_SESSIONS = 10_000;

function page(summary: AnalysisSummary, sections: readonly string[]): string {
  const styleHash = createHash("sha256").update(HTML_STYLE).digest("base64");
  const title = `FTP report: ${inputName(summary)}`;
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

function inputName({ captures }: AnalysisSummary): string {
  return captures.length === 1 ? displayName(captures[0].name) : countOf(captures.length, "capture");
}

function headSection(summary: AnalysisSummary, title: string, failedControls: number): string {
  const { counts, captures } = summary;
  const { failed, refused, ok, undetermined, ...seldom } = counts.channelsByOutcome;
  const tiles = [
    tile(counts.sessions, counts.sessions === 1 ? "session" : "sessions", ""),
    tile(counts.channels, counts.channels === 1 ? "data channel" : "data channels", ""),
    tile(failed, "failed", "bad"),
    tile(refused, "refused", "warn"),
    tile(ok, "worked", "good"),
    tile(undetermined, "undetermined", ""),
    ...Object.entries(seldom).flatMap(([outcome, count]) => (count > 0 ? [tile(count, outcomeText(outcome), "")] : [])),
    ...(failedControls > 0 ? [tile(failedControls, "control failed", "bad")] : []),
  ];
  const packets = captures.reduce((sum, capture) => sum + capture.packets, 0);
  const about = [inputName(summary), countOf(packets, "packet"), timeSpan(captures)];
  return `<header>
<p class="brand">FTP report</p>
<h1>${escapeHtml(title)}</h1>
<p class="soft">${about.map(escapeHtml).join(" · ")}</p>
<div class="tiles">${tiles.join("")}</div>
</header>`;
}

/** @param kind what the number means where it is not zero */
function tile(count: number, label: string, kind: string): string {
  return `<div class="tile ${count === 0 ? "none" : kind}"><b>${groupDigits(count)}</b><span>${escapeHtml(label)}</span></div>`;
}

function contents(groups: readonly FailureGroup[], findings: readonly Finding[]): string {
  const items = [
    ...groups.map(
      ({ example, count }, i) =>
        `<li class="${example.outcome}"><a href="#failure-${i + 1}">${escapeHtml(verdictTitle(example))}</a> <span class="soft">${escapeHtml(subjectOf(example))}${count > 1 ? `, ${groupDigits(count)} times` : ""}</span></li>`,
    ),
    ...findings.map(
      ({ title }, i) =>
        `<li class="finding"><a href="#finding-${i + 1}">${escapeHtml(capitalised(title))}</a> <span class="soft">over several sessions</span></li>`,
    ),
  ];
  return items.length < 2 ? "" : `<nav aria-label="Contents"><ol>${items.join("\n")}</ol></nav>`;
}

/** Nothing for a session whose time cannot be drawn. */
function timelineSession({ control, dataChannels }: Session): TimelineSession | undefined {
  const start = Date.parse(control.start);
  const end = Date.parse(control.end);
  if (!(end >= start)) return undefined;
  const outcomes = [control.outcome, ...dataChannels.map(({ outcome }) => outcome)];
  const causes = [control.cause, ...dataChannels.map(({ cause }) => cause)].flatMap((cause) => cause ?? []);
  const server = formatEndpoint(control.server);
  const channels = countOf(dataChannels.length, "data channel");
  return {
    ends: `${formatEndpoint(control.client)} → ${server}`,
    pair: `${control.client.address} → ${server}`,
    start,
    end,
    outcome: outcomes.includes("failed") ? "failed" : outcomes.includes("refused") ? "refused" : "ok",
    says: [durationText((end - start) / 1000), ...(causes.length > 0 ? new Set(causes) : [channels])].join(", "),
  };
}

function timelineSection(sessions: readonly TimelineSession[], leftOut: number, { counts }: AnalysisSummary): string {
  if (counts.sessions === 0)
    return "<section><h2>Sessions</h2><p>No FTP control connection was found. If the server listens on an unusual port and the session's beginning is missing, name the port with <code>--ftp-port</code>. SFTP, on port 22, is not FTP but SSH.</p></section>";
  const more = leftOut > 0 ? element("p", `${countOf(leftOut, "more session")} not drawn.`) : "";
  return `<section><h2>Sessions</h2>
<figure>${sessions.length === 0 ? "" : timelineSvg(sessions)}<figcaption>A bar is a session, from its first packet to its last (UTC). Red: something in it failed; amber: refused.</figcaption></figure>
${more}</section>`;
}

function failureSection(
  group: FailureGroup,
  number: number,
  captures: readonly CaptureSummary[],
  ladder: readonly LadderStep[],
): string {
  const failure = group.example;
  const { cause, sessionId, outcome } = failure;
  const { code, words } = subjectParts(failure);
  const subjects = [
    ...code.map((text) => element("code", text)),
    ...words.map((text) => element("span", text, "soft")),
  ];
  const times = group.count > 1 ? ` <small>${groupDigits(group.count)} times</small>` : "";
  return `<section class="failure ${outcome}" id="failure-${number}">
<div class="lead">
<h2><span class="outcome">${outcome}</span> ${escapeHtml(verdictTitle(failure))}${times}</h2>
<p class="subject">${subjects.join(" ")}</p>
${element("p", [...circumstancesOf(failure), `session ${sessionId}`].join(" · "), "soft about")}
<p class="meaning">${escapeHtml(CAUSE_TEXT[cause].meaning)} <span class="soft">Cause <code>${cause}</code>.</span></p>
</div>
${ladderFigure(failure, ladder, captures.length)}
${pointList(failurePoints(group, captures))}
</section>`;
}

function ladderFigure(failure: Failure, ladder: readonly LadderStep[], captureCount: number): string {
  if (ladder.length === 0) return "";
  const { client, server } = failure.control;
  const svg = ladderSvg(ladder, {
    client: client.address,
    server: server.address,
    deviceBetween: hasTrait(failure.cause, "device"),
    captureCount,
    evidence: evidenceNumbers(failure.evidence),
  });
  return `<figure>${svg}
<figcaption>Seconds since the session's first packet, and packet numbers. Solid: control connection; dashed: data connection; a cross: no sign that it arrived. Numbers in circles: the evidence below.</figcaption></figure>`;
}

function pointList(points: readonly Point[]): string {
  const rows = points.map(
    ({ kind, lines }) => `<div><dt>${POINT_HEADINGS[kind]}</dt><dd>${pointLines(kind, lines)}</dd></div>`,
  );
  return `<dl>${rows.join("\n")}</dl>`;
}

function pointLines(kind: Point["kind"], lines: readonly string[]): string {
  if (kind === "show") return lines.map((line) => element("pre", line)).join("");
  const sentences = lines.map(capitalised);
  // Numbered, so that a ladder can refer to it.
  if (kind === "why") return orderedList(sentences);
  return lines.length === 1 ? element("p", sentences[0]) : list(sentences);
}

function findingSection(finding: Finding, number: number, captures: readonly CaptureSummary[]): string {
  return `<section class="failure finding" id="finding-${number}">
<h2><span class="outcome">finding</span> ${escapeHtml(capitalised(finding.title))}</h2>
${pointList(findingPoints(finding, captures))}
</section>`;
}

function tlsSection(lines: readonly string[]): string {
  return lines.length === 0 ? "" : `<section><h2>TLS demanded</h2>\n${list(lines.map(capitalised))}\n</section>`;
}

function limitsSection(summary: AnalysisSummary): string {
  const limits = [
    "where beyond the capture point a packet was dropped: a second capture, at the other end, tells",
    ...limitLines(summary),
  ];
  const odd = anomalyLines(summary);
  return `<section><h2>What the capture cannot tell</h2>
${list(limits.map(capitalised))}
${odd.length === 0 ? "" : `<h3>Noted while reading</h3>${list(odd)}`}
</section>`;
}

function madeSection({ captures, tool }: AnalysisSummary, hashes: FormatOptions["captureHashes"]): string {
  const rows = captures.map((capture, i) => {
    const { name, format, linkTypes, packets, bytes } = capture;
    const details = [format, ...linkTypes, countOf(packets, "packet"), countOf(bytes, "byte"), timeSpan([capture])];
    const hash = hashes?.[i];
    return `<tr><th scope="row">${i + 1}</th><td>${element("code", displayName(name))}<br><span class="soft">${details.map(escapeHtml).join(" · ")}</span>${hash ? `<br><span class="soft">SHA-256</span> ${element("code", hash, "hash")}` : ""}</td></tr>`;
  });
  return `<section><h2>How this was made</h2>
<p>ftptrace ${escapeHtml(tool.version)} read ${captures.length === 1 ? "this capture" : "these captures, packets are numbered capture:packet"}. The same input gives the same report, byte for byte. <code>ftptrace explain CAUSE</code> tells more of a cause, <code>ftptrace analyze FILE --session ID</code> shows a session as a conversation, and <code>ftptrace extract</code> writes its packets for Wireshark.</p>
<table><tbody>${rows.join("\n")}</tbody></table></section>`;
}
