import type { ChannelContext } from "./context.ts";

/**
 * Whether the address that a channel's negotiation names is seen to stop nobody: another channel of the session names the same, and its connection came
 * about, or its client dialled the control server instead, as it then does every time.
 */
export function isOvercome({ channel, channels, session }: ChannelContext): boolean {
  const { negotiation } = channel;
  const address = negotiation?.advertised?.address;
  if (!negotiation || address == null) return false;
  const { mode } = negotiation;
  return channels.some((other) => {
    if (other === channel || other.negotiation?.mode !== mode) return false;
    if (other.negotiation.advertised?.address !== address) return false;
    return other.attempts.some(
      ({ connection: { established, responder }, match }) =>
        match !== "port-differs" &&
        (established || (mode === "passive" && responder.address === session.server.address)),
    );
  });
}
