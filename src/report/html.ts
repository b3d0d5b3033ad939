import { createHash } from "node:crypto";
import { formatEndpoint } from "../address.ts";
import type { AnalysisSummary, CaptureSummary, Evidence, Finding, Session } from "../analysis.ts";
import { CAUSE_TEXT, CONTRIBUTING_TEXT, LIMIT_TEXT } from "../diagnose/cause-text.ts";
import { type Failure, failuresOf, packetsOf } from "./failure.ts";
import { type FailureGroup, FailureGroups } from "./failure-groups.ts";
import type { FormatOptions, ReportWriter } from "./format.ts";
import { HTML_STYLE } from "./html-style.ts";
import { element, escapeHtml, list, orderedList } from "./html-text.ts";
import { type LadderStep, ladderOf } from "./ladder.ts";
import { ladderSvg } from "./ladder-svg.ts";
import {
  CONFIDENCE_TEXT,
  capitalised,
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
import { type TimelineSession, timelineSvg } from "./timeline-svg.ts";

/**
 * `--report FILE.html`: one self-contained page for a postmortem. No script, nothing loaded, a content policy that forbids both; it reads in a
 * mail attachment, in the dark, and on paper. What it keeps is bounded, and what was left out is said.
 */
export function createHtmlWriter(options: FormatOptions): ReportWriter {
  const groups = new FailureGroups();
  const ladders = new Map<Failure, LadderStep[]>();
  const timeline: TimelineSession[] = [];
  let timelineLeftOut = 0;
  let failedControls = 0;
  return {
    begin: () => "",
    session(session, conversation) {
      const safe = safeData(session);
      if (safe.control.outcome === "failed") failedControls++;
      const drawn = timelineSession(safe);
      if (drawn && timeline.length < MAX_TIMELINE_SESSIONS) timeline.push(drawn);
      else timelineLeftOut++;
      let told: ReturnType<NonNullable<typeof conversation>> | undefined;
      for (const failure of failuresOf(safe)) {
        if (!groups.add(failure) || !conversation || ladders.size >= MAX_LADDERS) continue;
        told ??= safeData(conversation());
        ladders.set(failure, ladderOf(told, failure.channel?.ordinal ?? null));
      }
      return "";
    },
    end(unsafeSummary) {
      const summary = safeData(unsafeSummary);
      const { captures } = summary;
      const failures = groups.list();
      return page(summary, [
        headSection(summary, failedControls),
        contents(failures, summary.findings),
        timelineSection(timeline, timelineLeftOut, summary),
        ...failures.map((group, i) => failureSection(group, i + 1, captures, ladders.get(group.example) ?? [])),
        groups.dropped > 0
          ? element("p", `${countOf(groups.dropped, "more failure")} of other kinds not shown here.`)
          : "",
        ...summary.findings.map((finding, i) => findingSection(finding, i + 1, captures)),
        limitsSection(summary),
        madeSection(summary, options.captureHashes),
      ]);
    },
  };
}

/** Sessions that the timeline may show. */
const MAX_TIMELINE_SESSIONS = 10_000;
/** Failures with a ladder. */
const MAX_LADDERS = 100;
/** Evidence of one failure. */
const MAX_EVIDENCE = 12;
const MAX_ANOMALIES = 20;

function page(summary: AnalysisSummary, sections: readonly string[]): string {
  const styleHash = createHash("sha256").update(HTML_STYLE).digest("base64");
  const [first] = summary.captures;
  const title = `FTP report: ${summary.captures.length === 1 ? first.name : countOf(summary.captures.length, "capture")}`;
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

function headSection(summary: AnalysisSummary, failedControls: number): string {
  const { counts, captures } = summary;
  const { failed, refused, ok, undetermined } = counts.channelsByOutcome;
  const tiles = [
    tile(counts.sessions, counts.sessions === 1 ? "session" : "sessions", ""),
    tile(counts.channels, counts.channels === 1 ? "data channel" : "data channels", ""),
    tile(failed, "failed", "bad"),
    tile(refused, "refused", "warn"),
    tile(ok, "worked", "good"),
    tile(undetermined, "undetermined", ""),
  ];
  const what = captures.length === 1 ? captures[0].name : countOf(captures.length, "capture");
  const packets = captures.reduce((sum, capture) => sum + capture.packets, 0);
  const about = [what, countOf(packets, "packet"), timeSpan(captures)];
  return `<header>
<p class="brand">FTP report</p>
<h1>${escapeHtml(headline(summary, failedControls))}</h1>
<p class="soft">${about.map(escapeHtml).join(" · ")}</p>
<div class="tiles">${tiles.join("")}</div>
</header>`;
}

function headline({ counts }: AnalysisSummary, failedControls: number): string {
  const { failed, refused, ok } = counts.channelsByOutcome;
  const channels = countOf(counts.channels, "FTP data channel");
  if (counts.sessions === 0) return "No FTP session in this capture";
  if (failed > 0)
    return counts.channels === 1 ? "The FTP data channel failed" : `${groupDigits(failed)} of ${channels} failed`;
  if (failedControls > 0)
    return counts.sessions === 1
      ? "The FTP control connection failed"
      : `${groupDigits(failedControls)} of ${countOf(counts.sessions, "FTP control connection")} failed`;
  if (refused > 0) return `${groupDigits(refused)} of ${channels} ${refused === 1 ? "was" : "were"} refused`;
  if (counts.channels === 0) return `${countOf(counts.sessions, "FTP session")} without a data channel`;
  return ok === counts.channels && ok > 1 ? `All ${channels} worked` : `None of ${channels} failed`;
}

/** @param kind what the number means where it is not zero */
function tile(count: number, label: string, kind: string): string {
  return `<div class="tile ${count === 0 ? "none" : kind}"><b>${groupDigits(count)}</b><span>${escapeHtml(label)}</span></div>`;
}

function contents(groups: readonly FailureGroup[], findings: readonly Finding[]): string {
  const items = [
    ...groups.map(
      ({ example, count }, i) =>
        `<li class="${example.outcome}"><a href="#failure-${i + 1}">${escapeHtml(capitalised(CAUSE_TEXT[example.cause].title))}</a> <span class="soft">${escapeHtml(subject(example))}${count > 1 ? `, ${groupDigits(count)} times` : ""}</span></li>`,
    ),
    ...findings.map(
      ({ title }, i) =>
        `<li class="finding"><a href="#finding-${i + 1}">${escapeHtml(capitalised(title))}</a> <span class="soft">over several sessions</span></li>`,
    ),
  ];
  return items.length < 2 ? "" : `<nav aria-label="Contents"><ol>${items.join("\n")}</ol></nav>`;
}

function subject({ channel }: Failure): string {
  return channel ? describeNegotiation(channel) : "control connection";
}

/** Nothing for a session whose time cannot be drawn. */
function timelineSession({ control, dataChannels }: Session): TimelineSession | undefined {
  const start = Date.parse(control.start);
  const end = Date.parse(control.end);
  if (!(end >= start)) return undefined;
  const outcomes = [control.outcome, ...dataChannels.map(({ outcome }) => outcome)];
  const causes = [control.cause, ...dataChannels.map(({ cause }) => cause)].flatMap((cause) => cause ?? []);
  const server = formatEndpoint(control.server);
  return {
    ends: `${formatEndpoint(control.client)} → ${server}`,
    pair: `${control.client.address} → ${server}`,
    start,
    end,
    outcome: outcomes.includes("failed") ? "failed" : outcomes.includes("refused") ? "refused" : "ok",
    says: causes.length > 0 ? [...new Set(causes)].join(", ") : countOf(dataChannels.length, "data channel"),
  };
}

function timelineSection(sessions: readonly TimelineSession[], leftOut: number, { counts }: AnalysisSummary): string {
  if (counts.sessions === 0)
    return "<section><h2>Sessions</h2><p>No FTP control connection was found. If the server listens on an unusual port and the session's beginning is missing, name the port with <code>--ftp-port</code>.</p></section>";
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
  const { control, channel, cause, sessionId } = failure;
  const about = [
    `${formatEndpoint(control.client)} → ${formatEndpoint(control.server)}`,
    `${shortTime(control.start)} UTC`,
    SECURITY_TEXT[control.security],
    ...(control.serverSoftware === null ? [] : [control.serverSoftware]),
    ...(control.user === null ? [] : [`user ${control.user}`]),
    `session ${sessionId}`,
  ];
  const transfer = channel ? describeTransfer(channel) : "";
  const replies = channel ? describeReplies(channel) : "";
  const malformed = channel?.negotiation?.malformed ?? null;
  const subjects = [
    element("code", subject(failure)),
    ...(transfer === "" ? [] : [element("code", transfer)]),
    ...(replies === "" ? [] : [`<span class="soft">${escapeHtml(`replies ${replies}`)}</span>`]),
    ...(malformed === null ? [] : [`<span class="soft">${escapeHtml(`malformed: ${malformed}`)}</span>`]),
  ];
  const times = group.count > 1 ? ` <small>${groupDigits(group.count)} times</small>` : "";
  return `<section class="failure ${failure.outcome}" id="failure-${number}">
<h2><span class="outcome">${failure.outcome}</span> ${escapeHtml(capitalised(CAUSE_TEXT[cause].title))}${times}</h2>
<p class="subject">${subjects.join(" ")}</p>
<p class="soft about">${about.map(escapeHtml).join(" · ")}</p>
<p class="meaning">${escapeHtml(CAUSE_TEXT[cause].meaning)} <span class="soft">Cause <code>${cause}</code>.</span></p>
${ladderFigure(failure, ladder, captures.length)}
${definitions([
  ["Why", evidenceList(failure.evidence, captures.length)],
  ["How sure", element("p", capitalised(`${CONFIDENCE_TEXT[failure.confidence]}.`))],
  [
    "What else it could be",
    list(
      failure.alternatives.map(
        (other) => `${capitalised(CAUSE_TEXT[other.cause].title)}. It would take ${other.missing} to decide.`,
      ),
    ),
  ],
  [
    "What adds to it",
    list(
      failure.contributing.map((id) => `${capitalised(CONTRIBUTING_TEXT[id].title)}. ${CONTRIBUTING_TEXT[id].meaning}`),
    ),
  ],
  ["What the capture cannot tell", list(failure.limits.map((limit) => `${capitalised(LIMIT_TEXT[limit])}.`))],
  ["Fix", list(failure.remedy)],
  ["Failed alike", list(othersOf(group))],
  ["Show the packets", commands(tsharkCommands(packetsOf(failure), captures))],
])}
</section>`;
}

function ladderFigure(failure: Failure, ladder: readonly LadderStep[], captureCount: number): string {
  if (ladder.length === 0) return "";
  const { client, server } = failure.control;
  const evidence = new Map<string, number>();
  failure.evidence.slice(0, MAX_EVIDENCE).forEach(({ capture, packet }, i) => {
    const key = `${capture}:${packet}`;
    if (!evidence.has(key)) evidence.set(key, i + 1);
  });
  const svg = ladderSvg(ladder, { client: client.address, server: server.address, captureCount, evidence });
  return `<figure>${svg}
<figcaption>Seconds since the session's first packet, and packet numbers. Solid: control connection; dashed: data connection; a cross: no sign that it arrived. Numbers in circles: the evidence below.</figcaption></figure>`;
}

function othersOf(group: FailureGroup): string[] {
  const lines = group.others.map(({ control, channel, sessionId }) => {
    const what = channel ? `, ${describeNegotiation(channel)}` : "";
    return `${formatEndpoint(control.client)}${what}, ${shortTime(control.start)} UTC, session ${sessionId}`;
  });
  const unlisted = group.count - 1 - group.others.length;
  if (unlisted > 0) lines.push(`… and ${groupDigits(unlisted)} more`);
  const ports = group.highestPort > group.lowestPort ? `, ports ${group.lowestPort} to ${group.highestPort}` : "";
  if (group.count > 1) lines.push(`In all: ${countOf(group.clients.size, "client")}${ports}`);
  return lines;
}

/** Those that have something to say. */
function definitions(terms: readonly (readonly [term: string, html: string])[]): string {
  const said = terms.filter(([, html]) => html !== "");
  return `<dl>${said.map(([term, html]) => `<div><dt>${term}</dt><dd>${html}</dd></div>`).join("\n")}</dl>`;
}

/** Numbered, so that a ladder can refer to it. */
function evidenceList(evidence: readonly Evidence[], captureCount: number): string {
  const items = evidence
    .slice(0, MAX_EVIDENCE)
    .map((fact) => capitalised(fact.packet > 0 ? `${describePacket(fact, captureCount)}: ${fact.says}` : fact.says));
  const more = evidence.length > MAX_EVIDENCE ? element("p", `… and ${evidence.length - MAX_EVIDENCE} more`) : "";
  return `${orderedList(items)}${more}`;
}

function commands(lines: readonly string[]): string {
  return lines.map((line) => element("pre", line)).join("");
}

function findingSection(finding: Finding, number: number, captures: readonly CaptureSummary[]): string {
  const sessions = finding.sessionCount > 0 ? ` <small>${countOf(finding.sessionCount, "session")}</small>` : "";
  const places = finding.evidence.filter(({ packet }) => packet > 0);
  return `<section class="failure finding" id="finding-${number}">
<h2><span class="outcome">finding</span> ${escapeHtml(capitalised(finding.title))}${sessions}</h2>
${definitions([
  ["Why", evidenceList(finding.evidence, captures.length)],
  ["How sure", element("p", capitalised(`${CONFIDENCE_TEXT[finding.confidence]}.`))],
  ["Fix", list(finding.remedy)],
  [
    "Sessions",
    list(
      finding.sessions.length > 0
        ? [`${finding.sessions.join(", ")}${finding.sessionCount > finding.sessions.length ? ", …" : ""}`]
        : [],
    ),
  ],
  ["Show the packets", commands(tsharkCommands(places, captures))],
])}
</section>`;
}

function limitsSection({ captures, anomalies }: AnalysisSummary): string {
  const limits = new Set(captures.flatMap((capture) => capture.limits));
  const odd = anomalies.slice(0, MAX_ANOMALIES).map(({ code, count, first }) => {
    const where = first.packet > 0 ? `, first at ${describePacket(first, captures.length)}` : "";
    return `${code}, ${countOf(count, "time")}${where}: ${first.detail}`;
  });
  if (anomalies.length > MAX_ANOMALIES) odd.push(`… and ${anomalies.length - MAX_ANOMALIES} more kinds`);
  return `<section><h2>What the capture cannot tell</h2>
<ul><li>One capture point sees one side: what was dropped beyond it takes a second capture to place.</li>${[...limits].map((limit) => `<li>${escapeHtml(capitalised(LIMIT_TEXT[limit]))}.</li>`).join("")}</ul>
${odd.length === 0 ? "" : `<h3>Noted while reading</h3>${list(odd)}`}
</section>`;
}

function madeSection({ captures, tool }: AnalysisSummary, hashes: FormatOptions["captureHashes"]): string {
  const rows = captures.map((capture, i) => {
    const { name, format, linkTypes, packets, bytes } = capture;
    const details = [format, ...linkTypes, countOf(packets, "packet"), countOf(bytes, "byte"), timeSpan([capture])];
    const hash = hashes?.[i];
    return `<tr><th scope="row">${i + 1}</th><td>${element("code", name)}<br><span class="soft">${details.map(escapeHtml).join(" · ")}</span>${hash ? `<br><span class="soft">SHA-256</span> ${element("code", hash, "hash")}` : ""}</td></tr>`;
  });
  return `<section><h2>How this was made</h2>
<p>ftptrace ${escapeHtml(tool.version)} read ${captures.length === 1 ? "this capture" : "these captures, packets are numbered capture:packet"}. The same input gives the same report, byte for byte. <code>ftptrace explain CAUSE</code> tells more of a cause, <code>ftptrace analyze FILE --session ID</code> shows a session as a conversation, and <code>ftptrace extract</code> writes its packets for Wireshark.</p>
<table><tbody>${rows.join("\n")}</tbody></table></section>`;
}
