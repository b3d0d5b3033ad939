import { formatEndpoint } from "./address.ts";
import type { PacketReference } from "./capture/frame.ts";
import type { Conversation, ConversationEvent, Party } from "./conversation.ts";
import type { ChannelFacts } from "./correlate/data-channel.ts";
import type { SessionFacts } from "./correlate/session-facts.ts";
import { finishedBy, isCloseNotify } from "./diagnose/data-handshake.ts";
import type { SessionDiagnosis } from "./diagnose/diagnose.ts";
import { resetOrigin } from "./diagnose/packet-origin.ts";
import { prohibitionText } from "./diagnose/prohibition.ts";
import { secondsText, timesText } from "./diagnose/wording.ts";
import type { ControlEvent } from "./ftp/control-event.ts";
import { countOf } from "./report/phrases.ts";
import { placeOf } from "./session-record.ts";
import type { Connection, IcmpError } from "./tcp/connection.ts";
import type { HalfConnection } from "./tcp/half-connection.ts";
import { alertName } from "./tls/alert.ts";
import type { DataRecord, DataRecords } from "./tls/data-records.ts";
import { CONTENT_TYPE } from "./tls/record.ts";

/** Events that a conversation keeps: of a longer one the first, the last, and those about channels with a verdict. */
export const MAX_CONVERSATION_EVENTS = 500;
/** How many of these are the first ones and the last ones. */
const KEPT_AT_START = 150;
const KEPT_AT_END = 100;
/** Events of one channel with a verdict that are kept wherever they stand: the first and the last. */
const KEPT_AT_CHANNEL_START = 40;
const KEPT_AT_CHANNEL_END = 20;
/** Events before and after a channel that show how it came about and what followed. */
const SURROUNDINGS = 4;

/** The conversation of a diagnosed session. Takes time in proportion to its events, so it is made only for sessions that somebody looks at. */
export function conversationOf({ facts, channels }: SessionDiagnosis): Conversation {
  const { control, client, server } = facts;
  const owners = new Map<PacketReference, number>();
  channels.forEach(({ facts: channel }, i) => {
    for (const packet of packetsAbout(channel)) owners.set(packet, i + 1);
  });
  const found: Found[] = [
    ...handshake(control, "client", facts, null),
    ...words(facts.events, owners),
    ...stall(client, "client", null),
    ...stall(server, "server", null),
    ...ends(client, server, facts, null),
    ...icmp(control, "client", null),
  ];
  channels.forEach(({ facts: channel }, i) => {
    for (const { connection, candidate } of channel.attempts) {
      const clientOriginates = isDialledByClient(channel, connection, client.address);
      found.push(...dataConnection(connection, candidate.records, clientOriginates, facts, i + 1));
    }
  });
  // Equal times keep the order in which they were found: the dialogue's own.
  const events = found
    .filter(({ packet }) => packet > 0)
    .sort((a, b) => a.time - b.time)
    .map(
      ({ time, packet, ...event }): ConversationEvent => ({
        at: Math.round((time - control.firstTime) * 1e6) / 1e6,
        place: placeOf(packet),
        ...event,
      }),
    );
  if (events.length <= MAX_CONVERSATION_EVENTS) return { events, leftOut: [] };
  return shortened(
    events,
    channels.flatMap(({ verdict }, i) => (verdict ? [i + 1] : [])),
  );
}

/** @param judged ordinals of the channels that have a verdict */
function shortened(events: readonly ConversationEvent[], judged: readonly number[]): Conversation {
  const kept = new Set<number>();
  const keep = (from: number, to: number) => {
    for (let i = Math.max(0, from); i < Math.min(to, events.length) && kept.size < MAX_CONVERSATION_EVENTS; i++)
      kept.add(i);
  };
  keep(0, KEPT_AT_START);
  keep(events.length - KEPT_AT_END, events.length);
  const spans = new Map<number, { readonly first: number; last: number }>();
  for (const [i, { channel }] of events.entries()) {
    if (channel === null) continue;
    const span = spans.get(channel);
    if (span) span.last = i;
    else spans.set(channel, { first: i, last: i });
  }
  for (const channel of judged) {
    const span = spans.get(channel);
    if (!span) continue;
    const from = span.first - SURROUNDINGS;
    const to = span.last + SURROUNDINGS + 1;
    keep(from, Math.min(to, from + KEPT_AT_CHANNEL_START));
    keep(Math.max(from, to - KEPT_AT_CHANNEL_END), to);
  }
  const indices = [...kept].sort((a, b) => a - b);
  const leftOut: { count: number; before: number }[] = [];
  let expected = 0;
  for (const [before, i] of indices.entries()) {
    if (i > expected) leftOut.push({ count: i - expected, before });
    expected = i + 1;
  }
  return { events: indices.map((i) => events[i]), leftOut };
}

type Found = Omit<ConversationEvent, "at" | "place"> & { readonly time: number; readonly packet: PacketReference };

/** The packets of the control connection that speak of a channel. */
function packetsAbout({ negotiation, transfer, inferred }: ChannelFacts): PacketReference[] {
  const stamped = [negotiation?.command, negotiation?.reply, transfer?.command, ...(transfer?.replies ?? [])];
  const packets = stamped.flatMap((event) => (event ? [event.stamp.packet] : []));
  return inferred ? [...packets, inferred.commandPacket, inferred.replyPacket] : packets;
}

function isDialledByClient({ negotiation }: ChannelFacts, connection: Connection, client: string): boolean {
  return negotiation ? negotiation.mode === "passive" : connection.originator.address === client;
}

/** What was said on the control connection; runs of TLS records in one direction are one event, with the hello that begins them. */
function words(events: readonly ControlEvent[], owners: ReadonlyMap<PacketReference, number>): Found[] {
  const found: Found[] = [];
  /** The run of records that is told last: its place in `found`. */
  let run: { readonly at: number; readonly hello: string; records: number; bytes: number } | null = null;
  /** Hellos whose record is still to come: it is noted once it is over, behind what the other end said meanwhile. */
  const hellos: Partial<Record<"client" | "server", number>> = {};
  for (const event of events) {
    const from = event.kind === "command" ? "client" : event.kind === "reply" ? "server" : event.direction;
    const to = from === "client" ? "server" : "client";
    const { packet, time } = event.stamp;
    const common = { time, packet, channel: owners.get(packet) ?? null, from, to, onData: false } as const;
    if (event.kind === "tls-record") {
      const helloAt = hellos[from];
      delete hellos[from];
      const last = found.at(-1);
      const goesOn = run?.at === found.length - 1 && last?.from === from && last.channel === common.channel;
      if (helloAt !== undefined) run = { at: helloAt, hello: `${found[helloAt].text}, `, records: 0, bytes: 0 };
      else if (run === null || !goesOn) run = { at: found.length, hello: "", records: 0, bytes: 0 };
      run.records++;
      run.bytes += event.length;
      const text = `${run.hello}${countOf(run.records, run.hello === "" ? "TLS record" : "record")}, ${countOf(run.bytes, "byte")}`;
      found[run.at] = { ...(found[run.at] ?? { ...common, kind: "tls" }), text };
      continue;
    }
    run = null;
    if (event.kind === "command")
      found.push({ ...common, kind: "command", text: [event.verb, event.argument].filter(Boolean).join(" ") });
    else if (event.kind === "reply")
      found.push({ ...common, kind: "reply", text: `${event.code} ${event.lines.join(" ").trim()}` });
    else if (event.kind === "tls-hello") {
      hellos[from] = found.length;
      found.push({ ...common, kind: "tls", text: from === "client" ? "TLS ClientHello" : "TLS ServerHello" });
    } else if (event.kind === "gap")
      found.push({ ...common, kind: "gap", text: `(${countOf(event.length, "byte")} not in the capture)` });
    // Not what they say: it may be a password, typed where a command should be.
    else
      found.push({
        ...common,
        kind: "command",
        text: `(${countOf(event.endAt - event.startAt, "byte")} that are no FTP)`,
      });
  }
  return found;
}

function dataConnection(
  connection: Connection,
  data: DataRecords,
  clientOriginates: boolean,
  session: SessionFacts,
  channel: number,
): Found[] {
  const { originator, responder } = connection;
  const dialler = clientOriginates ? "client" : "server";
  const listener = clientOriginates ? "server" : "client";
  const client = clientOriginates ? originator : responder;
  const server = clientOriginates ? responder : originator;
  const alertsOf = (half: HalfConnection) => {
    const padding = finishedBy(data, half === originator)?.padding;
    return data.records.filter(
      (record) => record.fromOriginator === (half === originator) && isCloseNotify(record, padding),
    );
  };
  return [
    ...handshake(connection, dialler, session, channel),
    ...payload(originator, alertsOf(originator), dialler, listener, channel),
    ...payload(responder, alertsOf(responder), listener, dialler, channel),
    ...stall(originator, dialler, channel),
    ...stall(responder, listener, channel),
    ...ends(client, server, session, channel),
    ...icmp(connection, dialler, channel),
  ];
}

/** @param dialler who sent the SYN */
function handshake(
  { originator, responder, icmpErrors }: Connection,
  dialler: "client" | "server",
  session: SessionFacts,
  channel: number | null,
): Found[] {
  const listener = dialler === "client" ? "server" : "client";
  const common = { channel, onData: channel !== null, kind: "syn" } as const;
  const found: Found[] = [];
  if (originator.synCount > 0) {
    // All that came back was sent by a device in the responder's name.
    const isForged =
      responder.resets.length > 0 &&
      responder.packets === responder.resets.length &&
      responder.resets.every(
        (reset) => resetOrigin(reset, comparable(responder, session[listener])).who === "middlebox",
      );
    const target = channel === null ? `port ${responder.port}` : formatEndpoint(responder);
    const unanswered = responder.packets === 0;
    const ways = { ...common, from: dialler, to: unanswered || isForged ? "between" : listener } as const;
    const inVain = unanswered && icmpErrors.length === 0 ? ", never answered" : "";
    const { synCount, synTime, synPacket, lastSynTime, lastSynPacket } = originator;
    found.push({
      ...ways,
      time: synTime,
      packet: synPacket,
      text: `SYN to ${target}${synCount === 1 ? inVain : ""}`,
    });
    if (synCount > 1)
      found.push({
        ...ways,
        time: lastSynTime,
        packet: lastSynPacket,
        text: `SYN again (${synCount} in ${secondsText(lastSynTime - synTime)})${inVain}`,
      });
  }
  if (responder.synCount > 0)
    found.push({
      ...common,
      time: responder.synTime,
      packet: responder.synPacket,
      from: listener,
      to: dialler,
      text: responder.synCount === 1 ? "SYN-ACK" : `SYN-ACK, ${responder.synCount} times`,
    });
  return found;
}

/** The data of one direction: where it begins, where the last of it is, and the TLS alerts in it. */
function payload(
  half: HalfConnection,
  alerts: readonly DataRecord[],
  from: "client" | "server",
  to: "client" | "server",
  channel: number,
): Found[] {
  const common = { channel, onData: true, from, to } as const;
  const found: Found[] = [];
  if (half.bytes > 0)
    found.push({
      ...common,
      time: half.firstPayloadTime,
      packet: half.firstPayloadPacket,
      kind: "data",
      text: `${countOf(half.bytes, "byte")} in ${countOf(half.payloadPackets, "packet")}`,
    });
  const last = half.lastNewPayloadPacket === half.firstPayloadPacket ? 0 : half.lastNewPayloadPacket;
  for (const { time, packet, contentType, alert } of alerts) {
    const ends = packet === last ? `, last of ${countOf(half.bytes, "byte")}` : "";
    found.push({ ...common, time, packet, kind: "tls", text: `${alertText(contentType, alert)}${ends}` });
  }
  if (last > 0 && alerts.every(({ packet }) => packet !== last))
    found.push({
      ...common,
      time: half.lastNewPayloadTime,
      packet: last,
      kind: "data",
      text: `the last of the ${countOf(half.bytes, "byte")}`,
    });
  return found;
}

/** @param alert its two bytes; -1 where they are encrypted. TLS 1.3 hides even that it is one, but not how long it is. */
function alertText(contentType: number, alert: number): string {
  if (alert < 0) return contentType === CONTENT_TYPE.alert ? "TLS alert, encrypted" : "alert-sized TLS record";
  return `TLS alert: ${alert >> 8 === 2 ? "fatal" : "warning"} ${alertName(alert)}`;
}

/** Where one direction gets stuck. */
function stall(half: HalfConnection, from: "client" | "server", channel: number | null): Found[] {
  const { stalledRetransmissions, stalledFirstTime, stalledFirstPacket, stalledLastTime } = half;
  if (stalledRetransmissions < 2) return [];
  const span = secondsText(stalledLastTime - stalledFirstTime);
  return [
    {
      time: stalledFirstTime,
      packet: stalledFirstPacket,
      channel,
      onData: channel !== null,
      kind: "data",
      from,
      to: "between",
      text: `repeated ${timesText(stalledRetransmissions)} in ${span}, never acknowledged`,
    },
  ];
}

/** @param session whose control connection tells how far away each end is, where the data connection does not */
function ends(client: HalfConnection, server: HalfConnection, session: SessionFacts, channel: number | null): Found[] {
  const onData = channel !== null;
  const found: Found[] = [];
  for (const [half, known, from, to] of [
    [client, session.client, "client", "server"],
    [server, session.server, "server", "client"],
  ] as const) {
    if (half.finPacket !== 0)
      found.push({ time: half.finTime, packet: half.finPacket, channel, onData, kind: "end", from, to, text: "FIN" });
    for (const reset of half.resets) {
      const { who } = resetOrigin(reset, comparable(half, known));
      found.push({
        time: reset.time,
        packet: reset.packet,
        channel,
        onData,
        kind: "reset",
        from: who === "middlebox" ? "between" : from,
        to,
        text:
          who === "middlebox"
            ? `RST in the ${from}'s name`
            : half.ttl === 0 && half.address !== known.address
              ? `RST from ${half.address}`
              : "RST",
      });
    }
  }
  return found;
}

/** The side of a connection whose packets tell how far away a host is: where it sent nothing but resets, the same host's of the control connection. */
function comparable(half: HalfConnection, known: HalfConnection): HalfConnection {
  return half.ttl === 0 && half.address === known.address ? known : half;
}

/** @param dialler who sent the SYN */
function icmp(connection: Connection, dialler: "client" | "server", channel: number | null): Found[] {
  const listener = dialler === "client" ? "server" : "client";
  const parties = new Map<string, Party>([
    [connection.originator.address, dialler],
    [connection.responder.address, listener],
  ]);
  return connection.icmpErrors.map((error) => ({
    time: error.time,
    packet: error.packet,
    channel,
    onData: channel !== null,
    kind: "icmp",
    from: parties.get(error.from) ?? "between",
    to: error.quotes === "originator" ? dialler : listener,
    text: icmpText(error),
  }));
}

function icmpText(error: IcmpError): string {
  const { ipVersion, type, code, from, mtu } = error;
  const says = prohibitionText(error) ?? (mtu > 0 ? `packet too big, MTU ${mtu}` : undefined);
  return `ICMP${ipVersion === 6 ? "v6" : ""} type ${type} code ${code} from ${from}${says === undefined ? "" : `: ${says}`}`;
}
