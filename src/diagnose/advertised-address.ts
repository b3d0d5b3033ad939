import type { ChannelFacts } from "../correlate/data-channel.ts";
import { DIAL_SECONDS } from "./attempt.ts";
import type { ChannelContext } from "./context.ts";

/**
 * Whether the address that a channel's negotiation names is seen to stop nobody: another channel of the session names the same, and its connection came
 * about, or its client dialled the control server instead, at once, as it then does every time. A client that tries the advertised address first is
 * stopped by it for so long.
 */
export function isOvercome({ channel, channels, session }: ChannelContext): boolean {
  const { negotiation } = channel;
  const address = negotiation?.advertised?.address;
  if (!negotiation || address == null) return false;
  const { mode } = negotiation;
  const heeds = mode === "passive" && dialled(channel).some(({ responder }) => responder.address === address);
  return channels.some((other) => {
    if (other === channel || other.negotiation?.mode !== mode) return false;
    if (other.negotiation.advertised?.address !== address) return false;
    const attempts = dialled(other);
    if (mode === "active") return attempts.some(({ established }) => established);
    // Behind a NAT the server's own address is where a SYN to the NAT's arrives too.
    const isOwn = address === session.server.address;
    if (!isOwn && attempts.some(({ established, responder }) => established && responder.address === address))
      return true;
    const first = attempts[0];
    if (heeds || first === undefined || first.firstTime - other.negotiation.reply!.stamp.time > DIAL_SECONDS)
      return false;
    return first.established || first.responder.address === session.server.address;
  });
}

/** The connections that were tried for a channel, the first of them first. */
function dialled({ attempts }: ChannelFacts) {
  return attempts.filter(({ match }) => match !== "port-differs").map(({ connection }) => connection);
}
