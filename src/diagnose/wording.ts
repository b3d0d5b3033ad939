import type { ReplyEvent } from "../ftp/control-event.ts";
import type { Connection } from "../tcp/connection.ts";

/** Phrases that several causes use when they say what a packet shows. */

/** `4.1 s`, `230 ms`. */
export function secondsText(seconds: number): string {
  return seconds >= 1 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds * 1000)} ms`;
}

/** `0.4 ms`, `21 ms`, `1.2 s`: for what is compared with a round trip. */
export function millisecondsText(seconds: number): string {
  if (seconds >= 1) return secondsText(seconds);
  const milliseconds = Math.max(0, seconds) * 1000;
  return `${milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds)} ms`;
}

/** `once`, `5 times`. */
export function timesText(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}

/** `sent 5 times over 4.1 s`, `sent once`. */
export function synText(connection: Connection): string {
  const { synCount, synTime, lastSynTime } = connection.originator;
  if (synCount <= 1) return "sent once";
  return `sent ${timesText(synCount)} over ${secondsText(lastSynTime - synTime)}`;
}

/** `reply "425 Failed to establish connection."` */
export function replyText(reply: ReplyEvent): string {
  return `reply "${reply.code} ${reply.lines.join(" / ")}"`;
}
