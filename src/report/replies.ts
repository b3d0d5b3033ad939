import type { DataChannel } from "../analysis.ts";

/** All reply codes of a channel, the negotiation's first. */
export function repliesOf({ negotiation, transfer }: DataChannel): number[] {
  const negotiated = negotiation?.replyCode ?? null;
  return [...(negotiated === null ? [] : [negotiated]), ...(transfer?.replies ?? [])];
}

/** The last negative reply (4xx, 5xx) of a channel. */
export function errorReplyOf(channel: DataChannel): number | undefined {
  return repliesOf(channel).findLast((code) => code >= 400);
}
