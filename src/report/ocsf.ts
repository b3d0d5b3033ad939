import type { AnalysisSummary, Confidence, DataChannel, Session } from "../analysis.ts";
import { CAUSE_TEXT } from "../diagnose/causes.ts";
import { type TransferKind, transferKind } from "../ftp/command.ts";
import {
  addressesOf,
  type ChannelEnds,
  captureNameOf,
  causeTitle,
  channelEventId,
  channelFields,
  channelWindow,
  controlFields,
  dataPortOf,
  EVENT_SCHEMA_VERSION,
  type EventWeight,
  endsOf,
  epochMilliseconds,
  epochNanoseconds,
  eventId,
  eventLine,
  evidenceFields,
  fileOf,
  findingEventId,
  ipAndPort,
  ipVersionOf,
  nonEmpty,
  sessionEventId,
  type TimeWindow,
  timedFindings,
  verdictFields,
  weightOf,
} from "./event.ts";
import { type Failure, failuresOf } from "./failure.ts";
import type { FormatOptions, ReportSource, ReportWriter } from "./format.ts";
import { describeNegotiation } from "./phrases.ts";
import { errorReplyOf, repliesOf } from "./replies.ts";

/**
 * `--format ocsf`: events of the Open Cybersecurity Schema Framework, one a line. Each data channel is an FTP Activity (4008);
 * each failure for a cause, of a channel or of a control connection, and each finding over several sessions is a Detection
 * Finding (2004) that names the activity it is about. What OCSF has no attribute for stands under `unmapped.ftptrace`. The
 * mapping is in docs/siem.md.
 */
export function createOcsfWriter(options: FormatOptions): ReportWriter {
  return {
    begin: () => "",
    session: (session) =>
      [
        ...session.dataChannels.map((channel) => ftpActivity(session, channel, options)),
        ...failuresOf(session).map((failure) => diagnosisFinding(session, failure, options)),
      ]
        .map(line)
        .join(""),
    end: (summary) => acrossFindings(summary, options).map(line).join(""),
  };
}

/** The version of OCSF that the events follow. */
const OCSF_VERSION = "1.8.0";

interface OcsfEvent {
  readonly metadata: object;
  readonly unmapped: { readonly ftptrace: object };
}

function line(event: OcsfEvent): string {
  return eventLine(event, (whole) => ({
    ...whole,
    metadata: { ...whole.metadata, is_truncated: true },
    unmapped: { ftptrace: { ...whole.unmapped.ftptrace, truncated: true } },
  }));
}

/** OCSF names numbered values twice; both come from one row. */
interface Caption {
  readonly id: number;
  readonly caption: string;
}

const SEVERITIES = {
  none: { id: 1, caption: "Informational" },
  low: { id: 2, caption: "Low" },
  medium: { id: 3, caption: "Medium" },
} as const satisfies Readonly<Record<EventWeight, Caption>>;

const STATUSES = {
  ok: { id: 1, caption: "Success" },
  failed: { id: 2, caption: "Failure" },
  refused: { id: 2, caption: "Failure" },
  aborted: { id: 0, caption: "Unknown" },
  "not-attempted": { id: 0, caption: "Unknown" },
  undetermined: { id: 0, caption: "Unknown" },
} as const satisfies Readonly<Record<DataChannel["outcome"], Caption>>;

const CONFIDENCES = {
  certain: { id: 3, caption: "High" },
  likely: { id: 2, caption: "Medium" },
  possible: { id: 1, caption: "Low" },
} as const satisfies Readonly<Record<Confidence, Caption>>;

/** activity_id of FTP Activity (events/network/ftp_activity.json). */
const ACTIVITIES = {
  upload: { id: 1, caption: "Put" },
  download: { id: 2, caption: "Get" },
  listing: { id: 6, caption: "List" },
} as const satisfies Readonly<Record<TransferKind, Caption>>;

function activityOf({ transfer }: DataChannel): Caption {
  if (!transfer) return { id: 0, caption: "Unknown" };
  const kind = transferKind(transfer.verb);
  return kind ? ACTIVITIES[kind] : { id: 99, caption: "Other" };
}

/** The numbers and names by which OCSF tells events apart. */
function classification(
  category: Caption,
  eventClass: Caption,
  activity: Caption,
  severity: Caption,
  { start, end }: TimeWindow,
) {
  return {
    activity_id: activity.id,
    activity_name: activity.caption,
    category_uid: category.id,
    category_name: category.caption,
    class_uid: eventClass.id,
    class_name: eventClass.caption,
    type_uid: eventClass.id * 100 + activity.id,
    type_name: `${eventClass.caption}: ${activity.caption}`,
    severity_id: severity.id,
    severity: severity.caption,
    time: epochMilliseconds(start),
    start_time: epochMilliseconds(start),
    end_time: epochMilliseconds(end),
    timezone_offset: 0,
  };
}

const FTP_ACTIVITY = { id: 4008, caption: "FTP Activity" } as const satisfies Caption;
const DETECTION_FINDING = { id: 2004, caption: "Detection Finding" } as const satisfies Caption;
const CREATE = { id: 1, caption: "Create" } as const satisfies Caption;

interface MetadataFacts {
  readonly uid: string;
  readonly correlation: string | undefined;
  readonly code: string | null;
  readonly window: TimeWindow;
  readonly capture: number;
}

function metadata({ uid, correlation, code, window, capture }: MetadataFacts, source: ReportSource) {
  return {
    version: OCSF_VERSION,
    uid,
    correlation_uid: correlation,
    event_code: code ?? undefined,
    log_name: captureNameOf(source, capture),
    original_time: window.start,
    product: { name: "ftptrace", vendor_name: "ftptrace", version: source.toolVersion },
    profiles: [],
  };
}

function ftpActivity(session: Session, channel: DataChannel, source: ReportSource): OcsfEvent {
  const { control } = session;
  const { outcome, cause, connection, negotiation, transfer } = channel;
  const window = channelWindow(control, channel);
  const activity = activityOf(channel);
  const ends = endsOf(control, channel);
  const status = STATUSES[outcome];
  const reply = errorReplyOf(channel);
  const file = fileOf(channel);
  return {
    ...classification(
      { id: 4, caption: "Network Activity" },
      FTP_ACTIVITY,
      activity,
      SEVERITIES[weightOf(outcome, cause)],
      window,
    ),
    status_id: status.id,
    status: status.caption,
    status_code: reply === undefined || outcome === "ok" ? undefined : String(reply),
    status_detail: cause === null ? outcome : `${cause}: ${causeTitle(cause)}`,
    message: failureMessage("FTP data channel", outcome, cause === null ? null : causeTitle(cause)),
    metadata: metadata(
      {
        uid: channelEventId(session.id, channel),
        correlation: session.id,
        code: cause,
        window,
        capture: control.firstPacket.capture,
      },
      source,
    ),
    ...tuple(session, channel, ends),
    traffic: connection
      ? {
          bytes: connection.bytesFromOriginator + connection.bytesFromResponder,
          bytes_out: connection.bytesFromOriginator,
          bytes_in: connection.bytesFromResponder,
        }
      : undefined,
    app_name: "ftp",
    command: transfer?.verb,
    codes: nonEmpty(repliesOf(channel)),
    name: transfer?.path || undefined,
    port: dataPortOf(channel),
    type: negotiation?.mode,
    file: file ? { name: file.name, path: file.path, type_id: 1, type: "Regular File" } : undefined,
    observables: observables(session, channel),
    unmapped: {
      ftptrace: { ...ownFields("channel", window), ...sessionFields(session), ...channelFields(control, channel) },
    },
  } as OcsfEvent;
}

function diagnosisFinding(session: Session, failure: Failure, source: ReportSource): OcsfEvent {
  const { control } = session;
  const { channel, cause, confidence } = failure;
  const window = channel ? channelWindow(control, channel) : { start: control.start, end: control.end };
  const about = channel ? channelEventId(session.id, channel) : sessionEventId(session.id);
  const uid = eventId("diagnosis", about);
  const title = causeTitle(cause);
  const activity = channel ? activityOf(channel) : null;
  return {
    ...findingClassification(SEVERITIES[weightOf(failure.outcome, cause)], confidence, window),
    message: failureMessage(channel ? "FTP data channel" : "FTP session", failure.outcome, title),
    is_alert: true,
    metadata: metadata(
      { uid, correlation: session.id, code: cause, window, capture: control.firstPacket.capture },
      source,
    ),
    finding_info: {
      ...findingInfo(uid, title, cause, window),
      desc: CAUSE_TEXT[cause].meaning,
      analytic: { type_id: 1, type: "Rule", uid: cause, name: title, version: source.toolVersion },
      related_events: activity ? [{ uid: about, type_uid: FTP_ACTIVITY.id * 100 + activity.id }] : undefined,
    },
    evidences: [
      {
        ...(channel
          ? tuple(session, channel, endsOf(control, channel))
          : tuple(session, null, { source: control.client, destination: control.server, seen: true })),
        data: { packets: failure.evidence.map(evidenceFields) },
      },
    ],
    remediation: failure.remedy.length === 0 ? undefined : { desc: failure.remedy.join(" ") },
    observables: observables(session, channel),
    unmapped: {
      ftptrace: {
        ...ownFields("diagnosis", window),
        ...sessionFields(session),
        channel: channel?.ordinal,
        outcome: failure.outcome,
        cause,
        confidence,
        negotiation: channel ? describeNegotiation(channel) : undefined,
        contributing: nonEmpty(failure.contributing),
        ...verdictFields({ ...failure, evidence: [], remedy: [] }),
      },
    },
  } as OcsfEvent;
}

function acrossFindings(summary: AnalysisSummary, source: ReportSource): OcsfEvent[] {
  return timedFindings(summary).map(({ finding, window }) => {
    const uid = findingEventId(finding, window);
    const severity = finding.confidence === "possible" ? SEVERITIES.low : SEVERITIES.medium;
    return {
      ...findingClassification(severity, finding.confidence, window),
      message: finding.title,
      is_alert: true,
      metadata: metadata(
        { uid, correlation: undefined, code: finding.id, window, capture: finding.evidence[0]?.capture ?? 0 },
        source,
      ),
      finding_info: {
        ...findingInfo(uid, finding.title, finding.id, window),
        analytic: { type_id: 1, type: "Rule", uid: finding.id, name: finding.id, version: source.toolVersion },
      },
      evidences:
        finding.evidence.length === 0 ? undefined : [{ data: { packets: finding.evidence.map(evidenceFields) } }],
      remediation: finding.remedy.length === 0 ? undefined : { desc: finding.remedy.join(" ") },
      unmapped: {
        ftptrace: {
          ...ownFields("finding", window),
          confidence: finding.confidence,
          sessions: nonEmpty(finding.sessions),
          session_count: finding.sessionCount,
        },
      },
    } as OcsfEvent;
  });
}

function findingClassification(severity: Caption, confidence: Confidence, window: TimeWindow) {
  return {
    ...classification({ id: 2, caption: "Findings" }, DETECTION_FINDING, CREATE, severity, window),
    // In a finding the status is that of the work on it, not of the transfer.
    status_id: 1,
    status: "New",
    confidence_id: CONFIDENCES[confidence].id,
    confidence: CONFIDENCES[confidence].caption,
  };
}

/** Created when the packets were captured, so that the same capture gives the same finding. */
function findingInfo(uid: string, title: string, type: string, { start, end }: TimeWindow) {
  return {
    uid,
    title,
    types: [type],
    created_time: epochMilliseconds(end),
    first_seen_time: epochMilliseconds(start),
    last_seen_time: epochMilliseconds(end),
  };
}

function failureMessage(what: string, outcome: string, title: string | null): string {
  return title === null ? `${what} ${outcome}` : `${what} ${outcome}: ${title}`;
}

/** The TCP connection that an event is about; without a channel the control connection. */
function tuple(session: Session, channel: DataChannel | null, ends: ChannelEnds) {
  const version = ipVersionOf(ends.destination.address);
  return {
    src_endpoint: ipAndPort(ends.source),
    dst_endpoint: { ...ipAndPort(ends.destination), svc_name: channel ? "ftp-data" : "ftp" },
    connection_info: {
      uid: channel ? `${session.id}/${channel.ordinal}` : session.id,
      direction_id: 0,
      direction: "Unknown",
      protocol_name: "tcp",
      protocol_num: 6,
      protocol_ver_id: version,
      protocol_ver: version === 4 ? "Internet Protocol version 4 (IPv4)" : "Internet Protocol version 6 (IPv6)",
      community_uid: channel ? channel.connection?.communityId : session.control.communityId,
    },
  };
}

/** What to search for: every address, and the user. */
function observables({ control }: Session, channel: DataChannel | null) {
  const addresses = addressesOf(control, channel).map((value) => ({
    name: "ip",
    type_id: 2,
    type: "IP Address",
    value,
  }));
  if (!control.user) return addresses;
  return [...addresses, { name: "user.name", type_id: 4, type: "User Name", value: control.user }];
}

function ownFields(record: "channel" | "diagnosis" | "finding", { start }: TimeWindow) {
  return { schema: EVENT_SCHEMA_VERSION, record, ts_ns: String(epochNanoseconds(start)) };
}

/** FTP Activity has source and destination only; which of them is the FTP client changes with the mode. */
function sessionFields(session: Session) {
  const { client, server, user } = session.control;
  return {
    ...controlFields(session),
    client: ipAndPort(client),
    server: ipAndPort(server),
    user: user ?? undefined,
  };
}
