import { isUnusable } from "../address.ts";
import type { ChannelFacts } from "../correlate/data-channel.ts";
import type { HandedOn, SessionFacts } from "../correlate/session-facts.ts";

/**
 * The address that PORT or EPRT names, where it is a third host: neither end of the control connection. A transfer between two servers (FXP) is
 * negotiated so; a client whose NAT's address it is, or that has several, looks the same, and what is said must fit all of them.
 */
export function thirdHostOf({ negotiation }: ChannelFacts, { client, server }: SessionFacts): string | undefined {
  if (negotiation?.mode !== "active" || !negotiation.advertised) return undefined;
  const { address } = negotiation.advertised;
  if (address === null || isUnusable(address) || address === client.address || address === server.address)
    return undefined;
  return address;
}

/** Said beside a SYN to that host. */
export const NAMED_BY_PORT = "the third host that the negotiation names, not the client";

/** The other end of that: the PORT with which the client told another server to dial the port that this negotiation granted. */
export function handedOn({ negotiation, from, until }: ChannelFacts, session: SessionFacts): HandedOn | undefined {
  if (negotiation?.mode !== "passive") return undefined;
  return session.handedOn.find(
    ({ port, stamp: { time } }) => port === negotiation.advertised?.port && time >= from && time < until,
  );
}
