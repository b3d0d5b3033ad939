import type { ChannelFacts } from "../correlate/data-channel.ts";
import type { SessionFacts } from "../correlate/session-facts.ts";
import { DIAL_SECONDS } from "./attempt.ts";
import type { ChannelContext } from "./context.ts";
import { oncePer } from "./once-per.ts";

/**
 * Whether the address that a channel's negotiation names is seen to stop nobody: a channel of the session names it and its connection came about, or its
 * client dialled the control server instead, at once, as it then does every time. A client that tries the advertised address first is stopped by it for
 * so long.
 */
export function isOvercome({ channel, channels, session }: ChannelContext): boolean {
  const key = keyOf(channel);
  const seen = key === undefined ? undefined : overcoming(channels, session).get(key);
  if (!seen || seen.reached) return seen !== undefined;
  const address = channel.negotiation!.advertised!.address;
  return seen.ignored && !dialled(channel).some(({ responder }) => responder.address === address);
}

/** What became of an address that a session's negotiations name in one mode. */
interface Overcoming {
  /** A connection to it came about. */
  reached: boolean;
  /** The client dialled the control server at once, or whom it dialled answered. */
  ignored: boolean;
}

/** Mode and address that a negotiation names; undefined where it names none. */
function keyOf({ negotiation }: ChannelFacts): string | undefined {
  const address = negotiation?.advertised?.address;
  return address == null ? undefined : `${negotiation!.mode} ${address}`;
}

const overcoming = oncePer((channels: readonly ChannelFacts[], session: SessionFacts) => {
  const found = new Map<string, Overcoming>();
  for (const channel of channels) {
    const key = keyOf(channel);
    if (key === undefined) continue;
    const seen = found.get(key) ?? { reached: false, ignored: false };
    seen.reached ||= reaches(channel, session);
    seen.ignored ||= ignores(channel, session);
    found.set(key, seen);
  }
  return found;
});

function reaches(channel: ChannelFacts, { server }: SessionFacts): boolean {
  const { mode, advertised } = channel.negotiation!;
  const attempts = dialled(channel);
  if (mode === "active") return attempts.some(({ established }) => established);
  // Behind a NAT the server's own address is where a SYN to the NAT's arrives too.
  if (advertised!.address === server.address) return false;
  return attempts.some(({ established, responder }) => established && responder.address === advertised!.address);
}

function ignores(channel: ChannelFacts, { server }: SessionFacts): boolean {
  const { mode, reply } = channel.negotiation!;
  const first = dialled(channel)[0];
  if (mode === "active" || first === undefined || first.firstTime - reply!.stamp.time > DIAL_SECONDS) return false;
  return first.established || first.responder.address === server.address;
}

/** The connections that were tried for a channel, the first of them first. */
function dialled({ attempts }: ChannelFacts) {
  return attempts.filter(({ match }) => match !== "port-differs").map(({ connection }) => connection);
}
