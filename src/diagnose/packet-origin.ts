import type { SessionFacts } from "../correlate/session-facts.ts";
import type { ControlEvent, ReplyEvent } from "../ftp/control-event.ts";
import type { HalfConnection, Reset } from "../tcp/half-connection.ts";
import { oncePer } from "./once-per.ts";
import { quotesMasked } from "./reply-text.ts";
import { hopsFrom, initialTtl } from "./vantage.ts";
import type { Fact } from "./verdict.ts";

/** Who sent a packet, as far as its TTL tells. */
export interface PacketOrigin {
  /** `middlebox`: a device nearer than the host; `beyond`: one farther away; `unknown`: the TTL does not tell. */
  readonly who: "host" | "middlebox" | "beyond" | "unknown";
  readonly text: string;
}

/**
 * Compares a reset with the other packets of the host in whose name it came. Another hop distance means another sender; the same distance
 * fits the host, and proves nothing against a device on the same link. IP-ID and window are said for people who know the device: stacks
 * differ too much (Linux answers for a closed port with IP-ID 0, others count on) for a rule.
 */
export function resetOrigin(reset: Reset, host: HalfConnection): PacketOrigin {
  // Captured on both sides of a router, and of the host's other packets only one side is here: the TTL that the RST has there too is the host's.
  const isShared = host.lowestTtl === host.highestTtl && reset.copyTtl === host.ttl;
  const copied = isShared ? ` (${reset.copyTtl} on the other side of a router)` : "";
  const form = `TTL ${reset.ttl}${copied}${identification(reset.ipId)}, window ${reset.window}`;
  if (host.ttl === 0) return { who: "unknown", text: `${form}; no other packet of that host to compare with` };
  return originOf(
    isShared ? host.ttl : reset.ttl,
    host,
    `${form} (the host's last packet: window ${host.window}${identification(host.lastIpId)})`,
  );
}

/** Whether another device than the host in whose name it came sent the packet. */
function isStrangers({ who }: PacketOrigin): boolean {
  return who === "middlebox" || who === "beyond";
}

/** The same of a reset. */
export function isForged(reset: Reset, host: HalfConnection): boolean {
  return isStrangers(resetOrigin(reset, host));
}

/** Whether a reset came from the host itself. Where its TTL does not tell, it is neither this nor {@link isForged}. */
export function isOwnReset(reset: Reset, host: HalfConnection): boolean {
  return resetOrigin(reset, host).who === "host";
}

/**
 * How much of the sender's stream, its FIN counting one byte, the receiver is seen to have: its acknowledgments tell, and so do the RSTs of either
 * end, which may be all that the capture has of them. -1 when nothing tells.
 */
export function acknowledgedBy(receiver: HalfConnection, sender: HalfConnection): number {
  let acknowledged = sender.acked + (sender.finAcked ? 1 : 0);
  if (receiver.resets.length + sender.resets.length === 0) return acknowledged;
  for (const reset of receiver.resets)
    if (reset.acknowledges > acknowledged && isOwnReset(reset, receiver)) acknowledged = reset.acknowledges;
  // A RST without ACK takes its sequence number from the acknowledgment of what it answers (RFC 9293 section 3.10.7.1). Behind all that was sent it
  // tells more of what the capture lacks than of this.
  for (const reset of sender.resets)
    if (!reset.hasAck && reset.at > acknowledged && reset.at <= sender.seenUpTo && isOwnReset(reset, sender))
      acknowledged = reset.at;
  return acknowledged;
}

/** With fewer others than this there is nothing to tell a stranger from (the SYN-ACK and the greeting, at least). */
const COMPARED_PACKETS = 2;

/** How many replies came with each TTL, and how many in each packet. */
const repliesOf = oncePer((events: readonly ControlEvent[]) => {
  const byTtl = new Map<number, number>();
  const inPacket = new Map<number, number>();
  for (const { kind, stamp } of events) {
    if (kind !== "reply") continue;
    add(byTtl, stamp.ttl, 1);
    add(inPacket, stamp.packet, 1);
  }
  return { byTtl, inPacket };
});

function add(counts: Map<number, number>, key: number, by: number): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}

/**
 * The same for a reply on the control connection: whether the server's host sent it, or a firewall in its name.
 * @returns undefined where there are too few others, or these came by several routes
 */
function replyOrigin(reply: ReplyEvent, { events, server }: SessionFacts): PacketOrigin | undefined {
  const { byTtl, inPacket } = repliesOf(events);
  const others = new Map(byTtl);
  // Several replies may stand in one packet, and none of them is another.
  add(others, reply.stamp.ttl, -(inPacket.get(reply.stamp.packet) ?? 0));
  if (server.synCount > 0) add(others, server.ttl, 1);
  const [first, ...further] = [...others].filter(([, count]) => count > 0);
  if (first === undefined || further.length > 0 || first[1] < COMPARED_PACKETS) return undefined;
  const [ttl] = first;
  return originOf(reply.stamp.ttl, { ttl, lowestTtl: ttl, highestTtl: ttl }, `TTL ${reply.stamp.ttl}`);
}

/** Who sent a reply in the server's name, where that was another device than the server's host. */
export function forgerOf(reply: ReplyEvent, session: SessionFacts): PacketOrigin | undefined {
  const origin = replyOrigin(reply, session);
  return origin && isStrangers(origin) ? origin : undefined;
}

/** The same for who answered a SYN in the server's name: another backend, a proxy, or the server itself. */
export function answererOrigin(answerer: HalfConnection, host: HalfConnection): PacketOrigin | undefined {
  if (answerer.ttl === 0 || host.ttl === 0) return undefined;
  return originOf(answerer.ttl, host, `TTL ${answerer.ttl}`);
}

/**
 * What shows that a device between the two turned a command down: it answered in the server's name, or put X in the place of the verb (Cisco PIX and
 * ASA), so that the server refused what nobody sent. Empty where nothing does.
 */
export function deviceFacts(reply: ReplyEvent, verb: string, session: SessionFacts): Fact[] {
  const { packet } = reply.stamp;
  const facts: Fact[] = [];
  const forger = forgerOf(reply, session);
  if (forger) facts.push({ packet, says: `that reply is not the server's: ${forger.text}` });
  if (quotesMasked(reply)) facts.push({ packet, says: `it quotes a verb of X: ${verb} was overwritten on its way` });
  return facts;
}

/** Compares the TTL of one packet with those of a host's others. @param form what the packet looks like, in words */
function originOf(
  ttl: number,
  host: Pick<HalfConnection, "ttl" | "lowestTtl" | "highestTtl">,
  form: string,
): PacketOrigin {
  const there = hopsFrom(host.ttl);
  const here = hopsFrom(ttl);
  const others = host.lowestTtl < host.highestTtl ? `${host.lowestTtl} to ${host.highestTtl}` : `${host.ttl}`;
  // Routes change: a TTL among those of the host's other packets is the host's.
  if (ttl >= host.lowestTtl && ttl <= host.highestTtl)
    return {
      who: "host",
      text: `${form}; the TTL fits the host's other packets (${others}), ${hopsText(there)} from here`,
    };
  if (here === there)
    return {
      who: "unknown",
      text: `${form}; the host's other packets have TTL ${others}: as far away, but an initial TTL of ${initialTtl(ttl)} instead of ${initialTtl(host.ttl)}`,
    };
  const near = here < there;
  return {
    who: near ? "middlebox" : "beyond",
    text: `${form}; the host's other packets have TTL ${others}: sent ${hopsText(here)} from here, ${hopsText(Math.abs(there - here))} ${near ? "before" : "beyond"} the host (${hopsText(there)})${near ? ", by a middlebox" : ""}`,
  };
}

/** `, IP-ID 7`; nothing where the packet has none (IPv6). */
function identification(ipId: number): string {
  return ipId >= 0 ? `, IP-ID ${ipId}` : "";
}

function hopsText(hops: number): string {
  return hops === 1 ? "1 hop" : `${hops} hops`;
}
