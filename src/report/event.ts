import { createHash } from "node:crypto";
import { type Endpoint, formatAddress, parseAddress } from "../address.ts";
import type { AnalysisSummary, CaptureSummary, Control, DataChannel, Evidence, Finding, Session } from "../analysis.ts";
import type { CauseId } from "../diagnose/causes.ts";
import { CAUSE_TEXT, hasTrait } from "../diagnose/causes.ts";
import type { LimitId } from "../diagnose/limits.ts";
import { transferKind } from "../ftp/command.ts";
import { captureFile } from "./capture-name.ts";
import type { ReportSource } from "./format.ts";
import { repliesOf } from "./replies.ts";
import { safeData, safeJson } from "./safe-text.ts";

/**
 * What the formats for log pipelines (ecs, ocsf, csv) share: ids that stay the same when a capture is ingested twice, exact
 * time, the two ends of a data channel, and lines that no collector cuts.
 */

/** Version of the fields under `ftptrace`, in all three formats; fields may be added under the same version. */
export const EVENT_SCHEMA_VERSION = "1";

/** The name of the capture that a packet is in; undefined when it is unknown or standard input. */
export function captureNameOf({ captureNames }: ReportSource, capture: number): string | undefined {
  const name = captureNames?.[capture];
  return name === undefined ? undefined : captureFile(name);
}

/**
 * Id of an event: 32 hex digits of SHA-256 over what it is about. Session ids come from the packets, so that the same capture
 * gives the same ids whenever and under whatever name it is analysed.
 */
export function eventId(kind: string, ...about: readonly (string | number | null)[]): string {
  return createHash("sha256")
    .update(JSON.stringify([kind, ...about]))
    .digest("hex")
    .slice(0, 32);
}

/** The id of a data channel, in all formats. */
export function channelEventId(sessionId: string, channel: DataChannel): string {
  return eventId("channel", sessionId, channel.ordinal);
}

/** The id of a control connection, in all formats. */
export function sessionEventId(sessionId: string): string {
  return eventId("session", sessionId);
}

/** The id of a finding over several sessions: what it says and when it was captured. */
export function findingEventId(finding: Finding, window: TimeWindow): string {
  const evidence = finding.evidence.map(({ packet, says }) => `${packet} ${says}`);
  return eventId("finding", finding.id, finding.title, window.start, window.end, ...finding.sessions, ...evidence);
}

/** The id of a capture: its content as far as the report tells it, not its name. */
export function captureEventId({ format, packets, bytes, start, end }: CaptureSummary): string {
  return eventId("capture", format, packets, bytes, start, end);
}

/** From when to when, RFC 3339 with nanoseconds as in the report. */
export interface TimeWindow {
  readonly start: string;
  readonly end: string;
}

/** When a channel was there; where that is not known, when its session was. */
export function channelWindow(control: Control, { start, end }: DataChannel): TimeWindow {
  return start === null || end === null ? { start: control.start, end: control.end } : { start, end };
}

/** When a finding was seen: from the first to the last packet of the captures that hold its evidence, else of all. */
function findingWindow(finding: Finding, captures: readonly CaptureSummary[]): TimeWindow {
  const shown = captures.filter((_capture, i) => finding.evidence.some(({ capture }) => capture === i));
  const timed = [shown, captures].map((list) => list.filter(({ start }) => start !== null)).find((list) => list.length);
  // Times of one length in UTC sort as text.
  const starts = (timed ?? []).map(({ start }) => start ?? "").sort();
  const ends = (timed ?? []).map(({ end, start }) => end ?? start ?? "").sort();
  return { start: starts[0] ?? "1970-01-01T00:00:00.000000000Z", end: ends.at(-1) ?? "1970-01-01T00:00:00.000000000Z" };
}

/** Nanoseconds since the Unix epoch, exact. */
export function epochNanoseconds(time: string): bigint {
  return BigInt(Date.parse(`${time.slice(0, 19)}Z`)) * 1_000_000n + BigInt(time.slice(20, 29));
}

/** Milliseconds since the Unix epoch, the rest dropped. */
export function epochMilliseconds(time: string): number {
  return Date.parse(`${time.slice(0, 19)}Z`) + Math.floor(Number(time.slice(20, 29)) / 1e6);
}

/** Nanoseconds from start to end; undefined when the clock stepped back or a double cannot hold them (104 days). */
export function durationNanoseconds({ start, end }: TimeWindow): number | undefined {
  const duration = epochNanoseconds(end) - epochNanoseconds(start);
  return duration < 0n || duration > BigInt(Number.MAX_SAFE_INTEGER) ? undefined : Number(duration);
}

/** One end of a data channel; the port is null when none was seen or announced. */
export interface ChannelEnd {
  readonly address: string;
  readonly port: number | null;
}

/** Who should connect to whom: in passive mode the client to the server, in active mode the other way round. */
export interface ChannelEnds {
  /** Who sent the SYN, or was to send it. */
  readonly source: ChannelEnd;
  readonly destination: ChannelEnd;
  /** Whether a SYN was seen; otherwise the ends are those that were negotiated. */
  readonly seen: boolean;
}

/** The ends of a data channel: as seen, else as negotiated, else the two hosts. */
export function endsOf(control: Control, { connection, negotiation }: DataChannel): ChannelEnds {
  if (connection) return { source: connection.originator, destination: connection.responder, seen: true };
  const { client, server } = control;
  const [source, target] = negotiation?.mode === "active" ? [server, client] : [client, server];
  const { advertised } = negotiation ?? {};
  const address = ipOf(advertised?.address ?? null) ?? target.address;
  return {
    source: { address: source.address, port: null },
    destination: { address, port: advertised?.port ?? null },
    seen: false,
  };
}

/** An address in canonical form; undefined for what is none: text that a schema would refuse as an IP address. */
export function ipOf(text: string | null): string | undefined {
  const bytes = text === null ? undefined : parseAddress(text);
  return bytes && formatAddress(bytes, 0, bytes.length === 4 ? 4 : 6);
}

/** The address that a negotiation names when it is not the peer's own: what NAT translates, or a server behind it gives away. */
export function foreignAddress(control: Control, { negotiation }: DataChannel): string | undefined {
  const address = ipOf(negotiation?.advertised?.address ?? null);
  const own = negotiation?.mode === "active" ? control.client.address : control.server.address;
  return address === own ? undefined : address;
}

/** All addresses of a channel, each once: client, server, source, destination, advertised. */
export function addressesOf(control: Control, channel: DataChannel | null): string[] {
  const ends = channel && endsOf(control, channel);
  const all = [
    control.client.address,
    control.server.address,
    ends?.source.address,
    ends?.destination.address,
    channel ? foreignAddress(control, channel) : undefined,
  ];
  return [...new Set(all.filter((address) => address !== undefined))];
}

/** `192.0.2.1` or `2001:db8::1` is of version 4 or 6. */
export function ipVersionOf(address: string): 4 | 6 {
  return address.includes(":") ? 6 : 4;
}

/** The port that the data connection goes to. */
export function dataPortOf({ connection, negotiation }: DataChannel): number | undefined {
  return connection?.responder.port ?? negotiation?.advertised?.port;
}

/** The file that a channel was for, with its name alone; undefined for a listing, whose argument is a directory or a pattern. */
export function fileOf({ transfer }: DataChannel): { name: string; path: string } | undefined {
  if (!transfer || transfer.path === null || transfer.path === "") return undefined;
  if (transferKind(transfer.verb) === "listing") return undefined;
  const name = transfer.path.slice(transfer.path.lastIndexOf("/") + 1);
  return { name: name === "" ? transfer.path : name, path: transfer.path };
}

/** Whether a cause means that a refusal was seen; only then may an event call anything denied. */
export function isRefusal(cause: CauseId | null): boolean {
  return cause !== null && hasTrait(cause, "refusal");
}

/** The part of a session that a cause belongs to, as the list of causes groups them. */
export function causeGroup(cause: CauseId): string {
  return CAUSE_TEXT[cause].group;
}

/** `the server advertises a private address`. */
export function causeTitle(cause: CauseId): string {
  return CAUSE_TEXT[cause].title;
}

/** How much an event matters to whoever watches the transfers; no format may call a failed transfer an attack. */
export type EventWeight = "none" | "low" | "medium";

/** Failures are medium; what was refused, or is only suspected, is low. */
export function weightOf(outcome: string, cause: CauseId | null): EventWeight {
  if (outcome === "failed") return "medium";
  return cause === null ? "none" : "low";
}

/** The fields under `ftptrace` that a control connection gives to all its events. */
export function controlFields(session: Session) {
  const { id, control } = session;
  return {
    session_id: id,
    security: control.security,
    server_software: control.serverSoftware ?? undefined,
    control_community_id: control.communityId,
    same_as: nonEmpty(control.sameAs),
  };
}

/** The fields under `ftptrace` of a verdict. */
export function verdictFields(verdict: Pick<DataChannel, "alternatives" | "evidence" | "remedy" | "limits">) {
  return {
    alternatives: nonEmpty(verdict.alternatives),
    limits: nonEmpty<LimitId>(verdict.limits),
    evidence: nonEmpty(verdict.evidence.map(evidenceFields)),
    remedy: nonEmpty(verdict.remedy),
  };
}

/** One fact of a verdict. */
export function evidenceFields({ capture, packet, says }: Evidence): Evidence {
  return { capture, packet, says };
}

/** The fields under `ftptrace` of a data channel. */
export function channelFields(control: Control, channel: DataChannel) {
  const { negotiation, transfer, connection } = channel;
  const { advertised } = negotiation ?? {};
  return {
    channel: channel.ordinal,
    inferred: channel.inferred,
    outcome: channel.outcome,
    cause: channel.cause ?? undefined,
    confidence: channel.confidence,
    contributing: nonEmpty(channel.contributing),
    mode: negotiation?.mode,
    verb: negotiation?.verb,
    advertised: advertised
      ? {
          ip: ipOf(advertised.address) ?? undefined,
          port: advertised.port,
          scope: negotiation?.addressClass ?? undefined,
        }
      : undefined,
    malformed: negotiation?.malformed ?? undefined,
    command: transfer?.verb,
    argument: transfer?.path ?? undefined,
    replies: nonEmpty(repliesOf(channel)),
    connection: connection
      ? {
          seen: true,
          match: connection.match,
          syn_count: connection.synCount,
          first_packet: connection.firstPacket,
          last_packet: connection.lastPacket,
        }
      : { seen: endsOf(control, channel).seen },
    ...verdictFields(channel),
  };
}

/** A list that has something in it: an empty one is left out of an event. */
export function nonEmpty<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list;
}

/** An endpoint as both schemas write it. */
export function ipAndPort({ address, port }: Endpoint | ChannelEnd): { ip: string; port: number | undefined } {
  return { ip: address, port: port ?? undefined };
}

/** The findings of a report with the time each was seen. */
export function timedFindings({ findings, captures }: AnalysisSummary) {
  return findings.map((finding) => ({ finding, window: findingWindow(finding, captures) }));
}

/** Longest line, its end included: rsyslog cuts messages at 8 KiB unless told otherwise (maxMessageSize). */
export const MAX_LINE_BYTES = 8000;

/** How an event is cut that does not fit, step by step: longest text in UTF-16 units and longest list. */
const CUTS: readonly { readonly text: number; readonly list: number }[] = [
  { text: 1024, list: 16 },
  { text: 512, list: 8 },
  { text: 256, list: 4 },
  { text: 128, list: 4 },
  // Ids, times, addresses and Community IDs are shorter; lists of fixed values have at most three.
  { text: 64, list: 3 },
];

/**
 * An event as one line of JSON, well-formed, of at most {@link MAX_LINE_BYTES} bytes: texts and lists are cut until it fits.
 * @param mark says in the event that something was cut
 */
export function eventLine<T extends object>(event: T, mark: (event: T) => T): string {
  const line = `${safeJson(event)}\n`;
  // No UTF-16 unit takes more than three bytes.
  if (line.length * 3 <= MAX_LINE_BYTES || Buffer.byteLength(line) <= MAX_LINE_BYTES) return line;
  const marked = safeData(mark(event));
  let cut = "";
  for (const { text, list } of CUTS) {
    cut = `${JSON.stringify(shortened(marked, text, list))}\n`;
    if (Buffer.byteLength(cut) <= MAX_LINE_BYTES) break;
  }
  return cut;
}

function shortened(data: unknown, text: number, list: number): unknown {
  if (typeof data === "string") return data.length <= text ? data : `${withoutHalfPair(data.slice(0, text - 1))}…`;
  if (Array.isArray(data)) return data.slice(0, list).map((item) => shortened(item, text, list));
  if (typeof data !== "object" || data === null) return data;
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, shortened(value, text, list)]));
}

function withoutHalfPair(text: string): string {
  return text.replace(/[\ud800-\udbff]$/, "");
}
