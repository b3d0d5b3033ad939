import type { ControlEvent } from "./control-event.ts";

/**
 * What both ends said in the order in which they lived it: a reply stands behind each command that its segment acknowledges and before the
 * others, wherever the packets stand in the file; so do TLS records. Where acknowledgments say nothing the file's order counts.
 * @param events each direction in the order of its stream
 */
export function inDialogueOrder(events: readonly ControlEvent[]): ControlEvent[] {
  const ofClient: PlacedEvent[] = [];
  const ofServer: PlacedEvent[] = [];
  for (const event of events) {
    const placed = isOfClient(event) ? ofClient : ofServer;
    const before = placed.at(-1)?.endAt ?? 0;
    const endAt = "endAt" in event ? event.endAt : event.kind === "gap" ? before + event.length : before;
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

/** Whether what the client said comes before what the server said. */
function isFirst(client: PlacedEvent, server: PlacedEvent): boolean {
  if (server.acknowledged >= 0) return client.endAt <= server.acknowledged;
  if (client.acknowledged >= 0) return client.acknowledged < server.endAt;
  return client.packet < server.packet;
}
