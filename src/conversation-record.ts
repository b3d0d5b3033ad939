import { formatEndpoint } from "./address.ts";
import { captureIndexOf, type PacketReference, packetNumberOf } from "./capture/frame.ts";
import type { Conversation, ConversationEvent, Party } from "./conversation.ts";
import type { ChannelFacts } from "./correlate/data-channel.ts";
import type { SessionFacts } from "./correlate/session-facts.ts";
import type { SessionDiagnosis } from "./diagnose/diagnose.ts";
import { resetOrigin } from "./diagnose/packet-origin.ts";
import { secondsText } from "./diagnose/wording.ts";
import type { ControlEvent } from "./ftp/control-event.ts";
import type { Connection } from "./tcp/connection.ts";
import type { HalfConnection } from "./tcp/half-connection.ts";

/** Events that a conversation keeps; of a longer one the first and the last. */
export const MAX_CONVERSATION_EVENTS = 500;
/** How many of these are the last ones. */
const KEPT_AT_END = 150;

/** The conversation of a diagnosed session. Takes time in proportion to its events, so it is made only for sessions that somebody looks at. */
export function conversationOf({ facts, channels }: SessionDiagnosis): Conversation {
  const { control, client, server } = facts;
  const owners = new Map<PacketReference, number>();
  channels.forEach(({ facts: channel }, i) => {
    for (const stamp of stampsOf(channel)) owners.set(stamp, i + 1);
  });
  const found: Found[] = [
    ...handshake(control, "client", null),
    ...words(facts.events, owners),
    ...ends(client, server, facts, null),
    ...icmp(control, "client", null),
  ];
  channels.forEach(({ facts: channel }, i) => {
    for (const { connection } of channel.attempts)
      found.push(...dataConnection(connection, isDialledByClient(channel, connection, client.address), facts, i + 1));
  });
  // Equal times keep the order in which they were found: the dialogue's own.
  const events = found
    .filter(({ packet }) => packet > 0)
    .sort((a, b) => a.time - b.time)
    .map(
      ({ time, packet, ...event }): ConversationEvent => ({
        at: Math.round((time - control.firstTime) * 1e6) / 1e6,
        place: { capture: captureIndexOf(packet), packet: packetNumberOf(packet) },
        ...event,
      }),
    );
  const count = events.length - MAX_CONVERSATION_EVENTS;
  if (count <= 0) return { events, leftOut: null };
  const before = MAX_CONVERSATION_EVENTS - KEPT_AT_END;
  events.splice(before, count);
  return { events, leftOut: { count, before } };
}

type Found = Omit<ConversationEvent, "at" | "place"> & { readonly time: number; readonly packet: PacketReference };

function stampsOf({ negotiation, transfer }: ChannelFacts): PacketReference[] {
  const stamped = [negotiation?.command, negotiation?.reply, transfer?.command, ...(transfer?.replies ?? [])];
  return stamped.flatMap((event) => (event ? [event.stamp.packet] : []));
}

function isDialledByClient({ negotiation }: ChannelFacts, connection: Connection, client: string): boolean {
  return negotiation ? negotiation.mode === "passive" : connection.originator.address === client;
}

/** What was said on the control connection; runs of TLS records in one direction are one event. */
function words(events: readonly ControlEvent[], owners: ReadonlyMap<PacketReference, number>): Found[] {
  const found: Found[] = [];
  let records = 0;
  let bytes = 0;
  for (const event of events) {
    const from = event.kind === "command" ? "client" : event.kind === "reply" ? "server" : event.direction;
    const to = from === "client" ? "server" : "client";
    const { packet, time } = event.stamp;
    const common = { time, packet, channel: owners.get(packet) ?? null, from, to, onData: false } as const;
    const last = found.at(-1);
    if (event.kind === "tls-record") {
      const goesOn = records > 0 && last?.kind === "tls" && last.from === from;
      records = goesOn ? records + 1 : 1;
      bytes = goesOn ? bytes + event.length : event.length;
      const text = records === 1 ? `TLS record of ${bytes} bytes` : `${records} TLS records, ${bytes} bytes`;
      if (goesOn) found[found.length - 1] = { ...last, text };
      else found.push({ ...common, kind: "tls", text });
      continue;
    }
    records = 0;
    if (event.kind === "command")
      found.push({ ...common, kind: "command", text: [event.verb, event.argument].filter(Boolean).join(" ") });
    else if (event.kind === "reply")
      found.push({ ...common, kind: "reply", text: `${event.code} ${event.lines.join(" ").trim()}` });
    else if (event.kind === "tls-hello")
      found.push({ ...common, kind: "tls", text: from === "client" ? "TLS ClientHello" : "TLS ServerHello" });
    else if (event.kind === "gap")
      found.push({ ...common, kind: "gap", text: `(${event.length} bytes are not in the capture)` });
    else found.push({ ...common, kind: "command", text: `(no FTP: ${event.text})` });
  }
  return found;
}

function dataConnection(
  connection: Connection,
  clientOriginates: boolean,
  session: SessionFacts,
  channel: number,
): Found[] {
  const { originator, responder } = connection;
  const dialler = clientOriginates ? "client" : "server";
  const listener = clientOriginates ? "server" : "client";
  const client = clientOriginates ? originator : responder;
  const server = clientOriginates ? responder : originator;
  return [
    ...handshake(connection, dialler, channel),
    ...payload(originator, dialler, listener, channel),
    ...payload(responder, listener, dialler, channel),
    ...ends(client, server, session, channel),
    ...icmp(connection, dialler, channel),
  ];
}

/** @param dialler who sent the SYN */
function handshake(
  { originator, responder, icmpErrors }: Connection,
  dialler: "client" | "server",
  channel: number | null,
): Found[] {
  const listener = dialler === "client" ? "server" : "client";
  const common = { channel, onData: channel !== null, kind: "syn" } as const;
  const found: Found[] = [];
  if (originator.synCount > 0) {
    const target = channel === null ? `port ${responder.port}` : formatEndpoint(responder);
    const times =
      originator.synCount === 1
        ? ""
        : `, ${originator.synCount} times over ${secondsText(originator.lastSynTime - originator.synTime)}`;
    const unanswered = responder.packets === 0;
    found.push({
      ...common,
      time: originator.synTime,
      packet: originator.synPacket,
      from: dialler,
      to: unanswered ? "between" : listener,
      text: `SYN to ${target}${times}${unanswered && icmpErrors.length === 0 ? ", never answered" : ""}`,
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

/** The data of one direction, as two events: where it begins, and where it gets stuck. */
function payload(half: HalfConnection, from: "client" | "server", to: "client" | "server", channel: number): Found[] {
  const found: Found[] = [];
  if (half.bytes > 0)
    found.push({
      time: half.firstPayloadTime,
      packet: half.firstPayloadPacket,
      channel,
      onData: true,
      kind: "data",
      from,
      to,
      text: `${half.bytes} bytes in ${half.payloadPackets} packets`,
    });
  if (half.stalledRetransmissions > 1)
    found.push({
      time: half.stalledFirstTime,
      packet: half.stalledFirstPacket,
      channel,
      onData: true,
      kind: "data",
      from,
      to: "between",
      text: `the same data again, ${half.stalledRetransmissions} times over ${secondsText(half.stalledLastTime - half.stalledFirstTime)}, never acknowledged`,
    });
  return found;
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
      const { who } = resetOrigin(reset, half.ttl === 0 ? known : half);
      found.push({
        time: reset.time,
        packet: reset.packet,
        channel,
        onData,
        kind: "reset",
        from: who === "middlebox" ? "between" : from,
        to,
        text: who === "middlebox" ? `RST in the ${from}'s name` : "RST",
      });
    }
  }
  return found;
}

/** @param dialler who sent the SYN */
function icmp(connection: Connection, dialler: "client" | "server", channel: number | null): Found[] {
  const listener = dialler === "client" ? "server" : "client";
  const parties = new Map<string, Party>([
    [connection.originator.address, dialler],
    [connection.responder.address, listener],
  ]);
  return connection.icmpErrors.map(({ time, packet, type, code, from, mtu, quotes }) => ({
    time,
    packet,
    channel,
    onData: channel !== null,
    kind: "icmp",
    from: parties.get(from) ?? "between",
    to: quotes === "originator" ? dialler : listener,
    text: `ICMP type ${type} code ${code} from ${from}${mtu > 0 ? `, MTU ${mtu}` : ""}`,
  }));
}
