import { classifyAddress, type Endpoint } from "./address.ts";
import type { Control, DataChannel, Evidence, PacketPlace, Session } from "./analysis.ts";
import { captureIndexOf, type PacketReference, packetNumberOf } from "./capture/frame.ts";
import type { ChannelFacts } from "./correlate/data-channel.ts";
import type { SessionFacts } from "./correlate/session-facts.ts";
import { communityId } from "./correlate/session-id.ts";
import { CAUSE_TEXT } from "./diagnose/causes.ts";
import type { ChannelDiagnosis, SessionDiagnosis } from "./diagnose/diagnose.ts";
import { remedyFor } from "./diagnose/remedy.ts";
import type { Fact } from "./diagnose/verdict.ts";
import { compareInstants, formatInstant, instantOf } from "./instant.ts";
import type { HalfConnection } from "./tcp/half-connection.ts";
import type { Stamp } from "./tcp/stream-sink.ts";

/** Turns a diagnosed session into the plain data of the report. */
export function sessionRecord(diagnosis: SessionDiagnosis): Session {
  const { facts } = diagnosis;
  const software = serverSoftware(facts);
  return {
    id: facts.id,
    control: controlRecord(diagnosis, software),
    dataChannels: diagnosis.channels.map((channel, i) => channelRecord(channel, i + 1, software)),
  };
}

function serverSoftware({ software }: SessionFacts): string | null {
  if (!software) return null;
  return software.version === null ? software.name : `${software.name} ${software.version}`;
}

/** What a client needs that the server wants under TLS (RFC 4217). */
const USE_TLS =
  "Let the client log in over TLS: explicit (AUTH TLS), or implicit where the server offers it (port 990).";

function controlRecord(
  { facts, outcome, verdict, tlsDemand, limits }: SessionDiagnosis,
  software: string | null,
): Control {
  const { control } = facts;
  return {
    client: endpoint(facts.client),
    server: endpoint(facts.server),
    security: facts.security,
    outcome,
    cause: verdict?.cause ?? null,
    confidence: verdict?.confidence ?? null,
    alternatives: verdict?.alternatives ?? [],
    evidence: evidenceOf(verdict?.facts ?? (tlsDemand ? [tlsDemand] : [])),
    remedy: verdict ? remedyFor(CAUSE_TEXT[verdict.cause], software, verdict.situation) : tlsDemand ? [USE_TLS] : [],
    start: formatInstant({ seconds: control.firstSeconds, nanoseconds: control.firstNanoseconds }),
    end: formatInstant({ seconds: control.lastSeconds, nanoseconds: control.lastNanoseconds }),
    communityId: communityId(control),
    serverSoftware: software,
    user: facts.user,
    limits,
    sameAs: facts.sameAs,
    firstPacket: placeOf(control.firstPacket),
    lastPacket: placeOf(control.lastPacket),
  };
}

function channelRecord(
  { facts, outcome, verdict, confidence, limits }: ChannelDiagnosis,
  ordinal: number,
  software: string | null,
): DataChannel {
  const { start, end } = channelWindow(facts);
  return {
    ordinal,
    inferred: facts.inferred !== null,
    start,
    end,
    negotiation: negotiationRecord(facts),
    transfer: transferRecord(facts),
    connection: connectionRecord(facts),
    outcome,
    cause: verdict?.cause ?? null,
    contributing: verdict?.contributing ?? [],
    confidence,
    alternatives: verdict?.alternatives ?? [],
    evidence: evidenceOf(verdict?.facts ?? []),
    limits,
    remedy: verdict ? remedyFor(CAUSE_TEXT[verdict.cause], software, verdict.situation) : [],
  };
}

function channelWindow({
  negotiation,
  transfer,
  connection: matched,
}: ChannelFacts): Pick<DataChannel, "start" | "end"> {
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  const include = (event: { readonly stamp: Stamp } | null | undefined) => {
    if (!event) return;
    const { time } = event.stamp;
    if (time < first) first = time;
    if (time > last) last = time;
  };
  include(negotiation?.command);
  include(negotiation?.reply);
  include(transfer?.command);
  for (const reply of transfer?.replies ?? []) include(reply);
  let start = first === Number.POSITIVE_INFINITY ? null : instantOf(first);
  let end = start && instantOf(last);
  if (matched) {
    const { firstSeconds, firstNanoseconds, lastSeconds, lastNanoseconds } = matched.connection;
    const opened = { seconds: firstSeconds, nanoseconds: firstNanoseconds };
    const closed = { seconds: lastSeconds, nanoseconds: lastNanoseconds };
    if (start === null || compareInstants(opened, start) < 0) start = opened;
    if (end === null || compareInstants(closed, end) > 0) end = closed;
  }
  return { start: start && formatInstant(start), end: end && formatInstant(end) };
}

function negotiationRecord({ negotiation }: ChannelFacts): DataChannel["negotiation"] {
  if (!negotiation) return null;
  const { verb, mode, advertised, command, reply, malformed } = negotiation;
  return {
    verb,
    mode,
    advertised,
    addressClass: advertised?.address ? classifyAddress(advertised.address) : null,
    commandPacket: command ? packetNumberOf(command.stamp.packet) : null,
    replyPacket: reply ? packetNumberOf(reply.stamp.packet) : null,
    replyCode: reply?.code ?? null,
    malformed,
  };
}

function transferRecord({ transfer }: ChannelFacts): DataChannel["transfer"] {
  if (!transfer) return null;
  const { command, replies } = transfer;
  return {
    verb: command.verb,
    path: command.argument,
    replies: replies.map((reply) => reply.code),
    commandPacket: packetNumberOf(command.stamp.packet),
  };
}

function connectionRecord({ connection: matched }: ChannelFacts): DataChannel["connection"] {
  if (!matched) return null;
  const { connection, match } = matched;
  return {
    originator: endpoint(connection.originator),
    responder: endpoint(connection.responder),
    match,
    synCount: connection.originator.synCount,
    bytesFromOriginator: connection.originator.bytes,
    bytesFromResponder: connection.responder.bytes,
    firstPacket: packetNumberOf(connection.firstPacket),
    lastPacket: packetNumberOf(connection.lastPacket),
    communityId: communityId(connection),
  };
}

function endpoint(half: HalfConnection): Endpoint {
  return { address: half.address, port: half.port };
}

/** Facts as the report has them. */
export function evidenceOf(facts: readonly Fact[]): Evidence[] {
  return facts.map(({ packet, says }) => ({ ...placeOf(packet), says }));
}

/** A packet by its capture and its number there. */
export function placeOf(packet: PacketReference): PacketPlace {
  return { capture: captureIndexOf(packet), packet: packetNumberOf(packet) };
}
