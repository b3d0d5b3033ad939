import type { CommandEvent, ControlEvent, ReplyEvent } from "./control-event.ts";

/**
 * What both ends said in the order in which they lived it: a reply stands behind each command that its segment acknowledges and before the
 * others, wherever the packets stand in the file; so do TLS records. Where acknowledgments say nothing the file's order counts.
 * @param events each direction in the order of its stream
 */
export function inDialogueOrder(events: readonly ControlEvent[]): readonly ControlEvent[] {
  return isInOrder(events) ? events : merged(events);
}

/** Whether the file's order is it: so it is nearly always, and then nothing need be made. Of commands and replies only. */
function isInOrder(events: readonly ControlEvent[]): boolean {
  let nextCommand: CommandEvent | null = null;
  let nextReply: ReplyEvent | null = null;
  for (let i = events.length - 1; i >= 0; i--) {
    const event = events[i];
    if (event.kind === "command") {
      if (nextReply !== null && !isCommandFirst(event, nextReply)) return false;
      nextCommand = event;
    } else if (event.kind === "reply") {
      if (nextCommand !== null && isCommandFirst(nextCommand, event)) return false;
      nextReply = event;
    } else return false;
  }
  return true;
}

function merged(events: readonly ControlEvent[]): ControlEvent[] {
  const ofClient: PlacedEvent[] = [];
  const ofServer: PlacedEvent[] = [];
  for (const event of events) {
    const placed = isOfClient(event) ? ofClient : ofServer;
    const endAt = "endAt" in event ? event.endAt : (placed.at(-1)?.endAt ?? 0);
    const { packet, acknowledged } = event.kind === "reply" ? event.firstStamp : event.stamp;
    placed.push({ event, endAt, packet, acknowledged });
  }
  const ordered: ControlEvent[] = [];
  let client = 0;
  let server = 0;
  while (client < ofClient.length && server < ofServer.length) {
    if (isFirst(ofClient[client], ofServer[server])) ordered.push(ofClient[client++].event);
    else ordered.push(ofServer[server++].event);
  }
  for (; client < ofClient.length; client++) ordered.push(ofClient[client].event);
  for (; server < ofServer.length; server++) ordered.push(ofServer[server].event);
  return ordered;
}

interface PlacedEvent {
  readonly event: ControlEvent;
  /** End of its stream so far. */
  readonly endAt: number;
  readonly packet: number;
  readonly acknowledged: number;
}

function isOfClient(event: ControlEvent): boolean {
  return event.kind === "command" || (event.kind !== "reply" && event.direction === "client");
}

function isCommandFirst({ endAt, stamp }: CommandEvent, reply: ReplyEvent): boolean {
  const { packet, acknowledged } = reply.firstStamp;
  return isClientFirst(endAt, stamp.packet, stamp.acknowledged, reply.endAt, packet, acknowledged);
}

function isFirst(client: PlacedEvent, server: PlacedEvent): boolean {
  const { endAt, packet, acknowledged } = client;
  return isClientFirst(endAt, packet, acknowledged, server.endAt, server.packet, server.acknowledged);
}

/**
 * Whether what the client said comes before what the server said: of each the end, the packet, and what it acknowledges. -1 is not known; what is less
 * stands before the other end's first words in a capture that joined midstream, and so before them all.
 */
function isClientFirst(
  clientEnd: number,
  clientPacket: number,
  clientAcknowledged: number,
  serverEnd: number,
  serverPacket: number,
  serverAcknowledged: number,
): boolean {
  if (serverAcknowledged !== -1) return clientEnd <= serverAcknowledged;
  if (clientAcknowledged !== -1) return clientAcknowledged < serverEnd;
  return clientPacket < serverPacket;
}
