import { formatEndpoint } from "../address.ts";
import type { ReplyEvent } from "../ftp/control-event.ts";
import type { Connection } from "../tcp/connection.ts";
import type { HalfConnection } from "../tcp/half-connection.ts";

/** Phrases that several causes use when they say what a packet shows. */

export function endpointText(half: HalfConnection): string {
  return formatEndpoint({ address: half.address, port: half.port });
}

/** `4.1 s`, `230 ms`. */
export function secondsText(seconds: number): string {
  return seconds >= 1 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds * 1000)} ms`;
}

/** `sent 5 times over 4.1 s`, `sent once`. */
export function synText(connection: Connection): string {
  const { synCount, synTime, lastSynTime } = connection.originator;
  if (synCount <= 1) return "sent once";
  return `sent ${synCount} times over ${secondsText(lastSynTime - synTime)}`;
}

/** `reply "425 Failed to establish connection."` */
export function replyText(reply: ReplyEvent): string {
  return `reply "${reply.code} ${reply.lines.join(" / ")}"`;
}
