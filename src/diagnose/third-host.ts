import { isUnusable } from "../address.ts";
import type { ChannelFacts } from "../correlate/data-channel.ts";
import type { HandedOn, SessionFacts } from "../correlate/session-facts.ts";
import { cannotDial, isOwnReason, reportsAttempt } from "./reply-text.ts";

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

/**
 * The other end of that: the PORT with which the client told another server to dial the port that this negotiation granted; of several the one that
 * was not refused.
 */
export function handedOn({ negotiation, from, until }: ChannelFacts, session: SessionFacts): HandedOn | undefined {
  if (negotiation?.mode !== "passive") return undefined;
  const told = session.handedOn.filter(
    ({ port, command: { stamp } }) => port === negotiation.advertised?.port && stamp.time >= from && stamp.time < until,
  );
  return told.find((handed) => !isRefused(handed)) ?? told.at(-1);
}

/** That server turned the PORT down: it dials nothing. (One that says no after it has dialled, as pyftpdlib, refused nothing.) */
function isRefused({ reply }: HandedOn): boolean {
  return reply !== null && reply.code >= 400 && !reportsAttempt(reply);
}

/**
 * What that server says of it makes its SYN no question: it refused the PORT or, before it dialled, the transfer; or the transfer worked, past this
 * capture.
 */
export function saysOfHandOn(handed: HandedOn | undefined): boolean {
  if (!handed) return false;
  if (isRefused(handed)) return true;
  const { command, final } = handed.transfer ?? {};
  return (
    final != null && command != null && (final.code < 300 || isOwnReason(final, command) || cannotDial(final, command))
  );
}

/** Nothing made that server dial: it refused the PORT, or was asked for no transfer. (One that has not answered may be dialling.) */
export function isLeftUndialled(handed: HandedOn | undefined): boolean {
  return handed?.reply != null && (isRefused(handed) || handed.transfer === null);
}

/** The same where that server turned the PORT down. */
export function refusedHandOn(channel: ChannelFacts, session: SessionFacts): HandedOn | undefined {
  const handed = handedOn(channel, session);
  return handed && isRefused(handed) ? handed : undefined;
}
