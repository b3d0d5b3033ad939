import type { AnalysisSummary, CaptureSummary, Confidence, Control, DataChannel, Session } from "../analysis.ts";
import type { Anomaly } from "../anomaly.ts";
import type { CauseId } from "../diagnose/causes.ts";
import { captureFile } from "./capture-name.ts";
import {
  addressesOf,
  type ChannelEnd,
  captureEventId,
  captureNameOf,
  causeGroup,
  causeTitle,
  channelEventId,
  channelFields,
  channelWindow,
  controlFields,
  durationNanoseconds,
  EVENT_SCHEMA_VERSION,
  type EventWeight,
  endsOf,
  epochNanoseconds,
  eventLine,
  evidenceFields,
  fileOf,
  findingEventId,
  foreignAddress,
  ipAndPort,
  ipVersionOf,
  isRefusal,
  nonEmpty,
  sessionEventId,
  type TimeWindow,
  timedFindings,
  verdictFields,
  weightOf,
} from "./event.ts";
import type { FormatOptions, ReportSource, ReportWriter } from "./format.ts";
import { countOf, describeNegotiation, describeTransfer } from "./phrases.ts";
import { errorReplyOf } from "./replies.ts";

/**
 * `--format ecs`: events of the Elastic Common Schema, one a line. A session gives one event for its control connection and one
 * for each data channel; findings over several sessions and the captures themselves follow at the end. What failed for a cause is
 * of kind `alert`, all else of kind `event`. What ECS has no field for stands under `ftptrace`. The mapping is in docs/siem.md.
 */
export function createEcsWriter(options: FormatOptions): ReportWriter {
  return {
    begin: () => "",
    session: (session) =>
      [
        sessionEvent(session, options),
        ...session.dataChannels.map((channel) => channelEvent(session, channel, options)),
      ]
        .map(line)
        .join(""),
    end: (summary) => [...findingEvents(summary, options), ...captureEvents(summary, options)].map(line).join(""),
  };
}

/** The version of ECS that the events follow. */
const ECS_VERSION = "9.4.0";

interface EcsEvent {
  readonly "@timestamp": string;
  readonly [field: string]: unknown;
  readonly ftptrace: object;
}

function line(event: EcsEvent): string {
  return eventLine(event, (whole) => ({ ...whole, ftptrace: { ...whole.ftptrace, truncated: true } }));
}

/** `event.outcome` has three values; `ftptrace.outcome` says which of ours it was. */
const OUTCOMES = {
  ok: "success",
  failed: "failure",
  refused: "failure",
  aborted: "unknown",
  "not-attempted": "unknown",
  undetermined: "unknown",
} as const satisfies Readonly<Record<DataChannel["outcome"], string>>;

/** `event.severity` and `event.risk_score`: the low and medium of Elastic's detection rules. */
const SEVERITIES = { none: 0, low: 21, medium: 47 } as const satisfies Readonly<Record<EventWeight, number>>;

function sessionEvent(session: Session, source: ReportSource): EcsEvent {
  const { control } = session;
  const { client, server, outcome, cause } = control;
  return {
    ...base(control, source, control.firstPacket.capture),
    message: cause === null ? `FTP session ${outcome}` : `FTP session ${outcome}: ${causeTitle(cause)}`,
    event: eventFields({
      id: sessionEventId(session.id),
      dataset: "session",
      action: `ftp-session-${outcome}`,
      outcome,
      cause,
      types: ["connection", "end"],
      window: control,
    }),
    network: { ...network(client.address), application: "ftp", community_id: control.communityId },
    source: endFields(client),
    destination: endFields(server),
    ...ftpRoles(control, null),
    rule: ruleFields(cause, source),
    tls: tlsFields(session),
    ftptrace: {
      ...ownFields("session", control),
      ...controlFields(session),
      outcome,
      cause: cause ?? undefined,
      confidence: control.confidence ?? undefined,
      channel_count: session.dataChannels.length,
      ...verdictFields(control),
    },
  };
}

function channelEvent(session: Session, channel: DataChannel, source: ReportSource): EcsEvent {
  const { control } = session;
  const { outcome, cause, connection } = channel;
  const window = channelWindow(control, channel);
  const ends = endsOf(control, channel);
  const reply = errorReplyOf(channel);
  const bytes = connection && connection.bytesFromOriginator + connection.bytesFromResponder;
  return {
    ...base(window, source, control.firstPacket.capture),
    message: channelMessage(channel),
    event: eventFields({
      id: channelEventId(session.id, channel),
      dataset: "data_channel",
      action: `ftp-data-channel-${outcome}`,
      outcome,
      cause,
      types: ["connection", "end"],
      window,
    }),
    network: {
      ...network(ends.destination.address),
      application: "ftp-data",
      community_id: connection?.communityId,
      bytes: bytes ?? undefined,
    },
    source: { ...endFields(ends.source), bytes: connection?.bytesFromOriginator },
    destination: { ...endFields(ends.destination), bytes: connection?.bytesFromResponder },
    ...ftpRoles(control, channel),
    file: fileOf(channel),
    rule: ruleFields(cause, source),
    error: reply === undefined || outcome === "ok" ? undefined : { code: String(reply) },
    ftptrace: { ...ownFields("channel", window), ...controlFields(session), ...channelFields(control, channel) },
  };
}

/**
 * Whether TLS was established on the control connection. That it was asked for proves nothing; that data channels came of it does.
 * Left out where the capture does not tell.
 */
function tlsFields({ control, dataChannels }: Session) {
  if (control.security === "cleartext") return { established: false };
  return control.outcome !== "failed" && dataChannels.length > 0 ? { established: true } : undefined;
}

/** `FTP data channel failed: the server advertises a private address (PASV 10.0.1.121:3846, RETR pub/file)`. */
function channelMessage(channel: DataChannel): string {
  const { outcome, cause } = channel;
  const transfer = describeTransfer(channel);
  const what = describeNegotiation(channel) + (transfer === "" ? "" : `, ${transfer}`);
  return cause === null
    ? `FTP data channel ${outcome} (${what})`
    : `FTP data channel ${outcome}: ${causeTitle(cause)} (${what})`;
}

function findingEvents(summary: AnalysisSummary, source: ReportSource): EcsEvent[] {
  return timedFindings(summary).map(({ finding, window }) => ({
    ...base(window, source, finding.evidence[0]?.capture ?? 0),
    message: finding.title,
    event: {
      ...eventFields({
        id: findingEventId(finding, window),
        dataset: "finding",
        action: "ftp-finding",
        outcome: null,
        cause: null,
        types: ["info"],
        window,
      }),
      kind: "alert",
      reason: finding.id,
      code: finding.id,
      severity: FINDING_SEVERITIES[finding.confidence],
      risk_score: FINDING_SEVERITIES[finding.confidence],
    },
    rule: { id: finding.id, name: finding.id, category: "Findings", ruleset: "ftptrace", version: source.toolVersion },
    ftptrace: {
      ...ownFields("finding", window),
      confidence: finding.confidence,
      sessions: nonEmpty(finding.sessions),
      session_count: finding.sessionCount,
      evidence: nonEmpty(finding.evidence.map(evidenceFields)),
      remedy: nonEmpty(finding.remedy),
    },
  }));
}

/** A finding is as severe as it is sure. */
const FINDING_SEVERITIES = {
  certain: SEVERITIES.medium,
  likely: SEVERITIES.medium,
  possible: SEVERITIES.low,
} as const satisfies Readonly<Record<Confidence, number>>;

/** One event for each capture: what was read, and what of it was damaged. One without packets has no time and gives none. */
function captureEvents({ captures, anomalies }: AnalysisSummary, source: ReportSource): EcsEvent[] {
  return captures.flatMap((capture, i) => {
    const { start, end } = capture;
    if (start === null || end === null) return [];
    const own = anomalies.filter(({ first }) => first.capture === i);
    return [captureEvent(capture, i, { start, end }, own, source)];
  });
}

function captureEvent(
  capture: CaptureSummary,
  index: number,
  window: TimeWindow,
  anomalies: readonly Anomaly[],
  source: ReportSource,
): EcsEvent {
  const { name, format, packets, bytes, linkTypes, limits } = capture;
  return {
    ...base(window, source, index),
    message: `capture analysed: ${countOf(packets, "packet")}`,
    event: eventFields({
      id: captureEventId(capture),
      dataset: "capture",
      action: "capture-analysed",
      outcome: null,
      cause: null,
      types: ["info"],
      window,
    }),
    log: logOf(captureFile(name)),
    ftptrace: {
      ...ownFields("capture", window),
      capture: { index, format, packets, bytes, link_types: nonEmpty(linkTypes) },
      limits: nonEmpty(limits),
      anomalies: nonEmpty(anomalies.map(({ code, layer, count }) => ({ code, layer, count }))),
    },
  } as EcsEvent;
}

function base({ start }: TimeWindow, source: ReportSource, capture: number) {
  return {
    "@timestamp": start,
    ecs: { version: ECS_VERSION },
    observer: { vendor: "ftptrace", product: "ftptrace", type: "network-analyzer", version: source.toolVersion },
    log: logOf(captureNameOf(source, capture)),
  };
}

function logOf(path: string | undefined) {
  return path === undefined ? undefined : { file: { path } };
}

/** The fields that every record has under `ftptrace`: Elasticsearch keeps milliseconds of a date, so the exact time is text. */
function ownFields(record: "session" | "channel" | "finding" | "capture", { start }: TimeWindow) {
  return { schema: EVENT_SCHEMA_VERSION, record, ts_ns: String(epochNanoseconds(start)) };
}

interface EventFacts {
  readonly id: string;
  readonly dataset: string;
  readonly action: string;
  readonly outcome: DataChannel["outcome"] | null;
  readonly cause: CauseId | null;
  readonly types: readonly string[];
  readonly window: TimeWindow;
}

function eventFields({ id, dataset, action, outcome, cause, types, window }: EventFacts) {
  const severity = SEVERITIES[outcome === null ? "none" : weightOf(outcome, cause)];
  return {
    id,
    kind: cause === null ? "event" : "alert",
    category: ["network"],
    type: isRefusal(cause) ? [...types, "denied"] : types,
    outcome: outcome === null ? undefined : OUTCOMES[outcome],
    action,
    reason: cause ?? undefined,
    code: cause ?? undefined,
    module: "ftptrace",
    dataset: `ftptrace.${dataset}`,
    provider: "ftptrace",
    start: window.start,
    end: window.end,
    duration: durationNanoseconds(window),
    severity,
    risk_score: severity,
  };
}

function network(address: string) {
  return {
    type: `ipv${ipVersionOf(address)}`,
    transport: "tcp",
    iana_number: "6",
    protocol: "ftp",
    direction: "unknown",
  };
}

function endFields(end: ChannelEnd) {
  return { address: end.address, ...ipAndPort(end) };
}

/** The FTP roles, which active mode does not swap, and whom else the event is about. */
function ftpRoles(control: Control, channel: DataChannel | null) {
  const foreign = channel ? foreignAddress(control, channel) : undefined;
  const nat = foreign === undefined ? undefined : { ip: foreign };
  const active = channel?.negotiation?.mode === "active";
  const user = control.user === "" ? null : control.user;
  return {
    client: { ...endFields(control.client), nat: active ? nat : undefined },
    server: { ...endFields(control.server), nat: active ? undefined : nat },
    related: { ip: addressesOf(control, channel), user: user === null ? undefined : [user] },
    user: user === null ? undefined : { name: user },
  };
}

function ruleFields(cause: CauseId | null, { toolVersion }: ReportSource) {
  if (cause === null) return undefined;
  return { id: cause, name: causeTitle(cause), category: causeGroup(cause), ruleset: "ftptrace", version: toolVersion };
}
