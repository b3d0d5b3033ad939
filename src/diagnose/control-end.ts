import type { SessionFacts } from "../correlate/session-facts.ts";
import { timeOf } from "../correlate/session-facts.ts";
import { isNegotiation, isTransfer } from "../ftp/command.ts";
import type { CommandEvent } from "../ftp/control-event.ts";
import { IMPLICIT_TLS_PORT } from "../ftp/control-session.ts";
import { earliestReset, type HalfConnection, type Reset } from "../tcp/half-connection.ts";
import { isCloseNotify } from "./data-progress.ts";
import { acknowledgedBy, resetOrigin } from "./packet-origin.ts";

/** Retransmissions of a control segment that show the other end (or the path) to be gone. */
export const DEAD_RETRANSMISSIONS = 2;
/** They have to span this much (seconds): the first two come 0.2 s and 0.6 s after the segment (Linux), and may answer a lost acknowledgment. */
export const DEAD_SECONDS = 0.5;
/** A reset within this time of something said by the other end answers it (seconds): no round trip is longer. */
export const PROVOKED_SECONDS = 3;
/** A control connection counts as idle before a segment after so much silence (seconds): a program that is at work pauses less. */
export const IDLE_SECONDS = 5;
/** The shortest timers with which NAT devices forget an established connection (seconds); hosts and paths that are gone know no such time. */
export const FORGET_SECONDS = 30;

/** A client that waits for a word of the server and leaves has given up after so much silence (seconds): the shortest time-out of a client. */
export const SHORTEST_TIMEOUT_SECONDS = 8;

/** How the control connection ended. */
export interface ControlEnd {
  readonly kind: "closed" | "reset" | "client-unheard" | "server-unheard" | "open";
  /** The segment that was never acknowledged, or the reset. */
  readonly packet: number;
  /** Seconds of silence on the control connection before what was never acknowledged, or before the reset. */
  readonly idleBefore: number;
  readonly retransmissions: number;
  readonly reset: { readonly half: HalfConnection; readonly reset: Reset } | null;
}

/** Whether one end's last data was repeated and never acknowledged. Where the other end's packets are not in the capture, nobody can tell. */
function isUnheard(half: HalfConnection, other: HalfConnection): boolean {
  return (
    other.packets > 0 &&
    half.stalledRetransmissions >= DEAD_RETRANSMISSIONS &&
    half.unacknowledged > 0 &&
    half.stalledLastTime - half.lastNewPayloadTime >= DEAD_SECONDS
  );
}

/** How the control connection ended, from its packets alone. */
export function controlEnd(session: SessionFacts): ControlEnd {
  const { client, server, control } = session;
  const unheard = isUnheard(client, server) ? client : isUnheard(server, client) ? server : null;
  if (unheard) {
    return {
      kind: unheard === client ? "client-unheard" : "server-unheard",
      packet: unheard.stalledFirstPacket,
      idleBefore: silenceBefore(session, unheard.lastNewPayloadTime),
      retransmissions: unheard.stalledRetransmissions,
      reset: earliestReset(client, server),
    };
  }
  const reset = earliestReset(client, server);
  if (reset && !hadClosed(client) && !hadClosed(server)) {
    return {
      kind: "reset",
      packet: reset.reset.packet,
      idleBefore: idleBeforeReset(session, reset),
      retransmissions: 0,
      reset,
    };
  }
  if (client.finPacket !== 0 || server.finPacket !== 0) {
    return {
      kind: "closed",
      packet: Math.min(client.finPacket || Infinity, server.finPacket || Infinity),
      idleBefore: 0,
      retransmissions: 0,
      reset,
    };
  }
  return { kind: "open", packet: control.lastPacket, idleBefore: 0, retransmissions: 0, reset: null };
}

/** What the client waited for in vain until it left. */
export interface VainWait {
  /** The SYN-ACK, or what the client said, since when there was nothing but silence. */
  readonly packet: number;
  readonly seconds: number;
  /** Null: the greeting, or whatever answers a client that speaks first. */
  readonly command: CommandEvent | null;
  /** The reply came when the client had left. */
  readonly cameLate: boolean;
}

/**
 * Whether the client left because the server, whose host is there, said nothing any more. Silent of commands whose reply may take its time or is told of a
 * data channel, and of QUIT, for whose answer nobody waits.
 */
export function vainWait({ client, server, control, exchanges, events }: SessionFacts): VainWait | null {
  const left = leftAt(client);
  if (left === null || !control.established || leftAt(server, left) !== null) return null;
  const waited = (command: CommandEvent | null, packet: number, since: number, cameLate = false) =>
    left - since >= SHORTEST_TIMEOUT_SECONDS ? { command, packet, seconds: left - since, cameLate } : null;
  if (server.highest === 0) {
    if (!server.baseFromSyn) return null;
    // With implicit TLS the client speaks first: this one did not.
    if (server.port === IMPLICIT_TLS_PORT && client.highest === 0) return null;
    // What it said is not the server's to answer before it has it.
    if (client.highest > 0 && (client.unacknowledged > 0 || !client.baseFromSyn)) return null;
    const spoke = client.highest > 0;
    return waited(
      null,
      spoke ? client.lastNewPayloadPacket : server.synPacket,
      spoke ? client.lastNewPayloadTime : server.synTime,
    );
  }
  const last = exchanges.findLast((exchange) => exchange.command !== null);
  if (!last?.command || last.replyLost) return null;
  const { command, final, replies } = last;
  if (isTransfer(command.verb) || isNegotiation(command.verb)) return null;
  if (command.verb === "QUIT" || command.verb === "ABOR") return null;
  const since = timeOf(command.stamp);
  // A reply that came when the client had left is one that it waited for in vain.
  if (replies.some(({ stamp }) => timeOf(stamp) <= left) || (final && timeOf(final.stamp) <= left)) return null;
  if (client.acked < command.endAt) return null;
  const spoken = events.some((event) => {
    const time = timeOf(event.stamp);
    return time > since && time <= left && event.kind !== "gap" && event !== command;
  });
  return spoken ? null : waited(command, command.stamp.packet, since, final !== null);
}

/** When this end left: by its FIN, or by a RST of its own (seconds); null if it did not, or not until `by`. */
function leftAt(half: HalfConnection, by = Number.POSITIVE_INFINITY): number | null {
  const reset = half.resets.find((one) => resetOrigin(one, half).who === "host");
  const time = half.finPacket !== 0 ? half.finTime : reset?.time;
  return time === undefined || time > by ? null : time;
}

/**
 * The client ended TLS: it was leaving, and a reset behind that answers it, though its FIN may be missing. Not where the server had spoken in the
 * clear under TLS (vsftpd's `500 OOPS: …`): that is what the client's alert answers.
 */
export function saidGoodbye({ events }: SessionFacts): boolean {
  const last = events.findLast((event) => event.kind === "tls-record" && event.direction === "client");
  if (last?.kind !== "tls-record" || !isCloseNotify(last)) return false;
  const began = events.findIndex(({ kind }) => kind === "tls-record");
  return events.slice(began).every(({ kind }) => kind !== "reply" && kind !== "odd-line");
}

/** Its FIN is in the capture, or a RST that stands behind one. */
function hadClosed({ finPacket, highest, resets }: HalfConnection): boolean {
  return finPacket !== 0 || resets.some(({ at }) => at === highest + 1);
}

/**
 * A device that forgot an idle connection resets what is said next on it, or resets it by itself in the name of a host that did not. A reset
 * that comes out of silence from the host itself is that host leaving: its program ended.
 */
function idleBeforeReset(session: SessionFacts, { half, reset }: { half: HalfConnection; reset: Reset }): number {
  const other = half === session.client ? session.server : session.client;
  const said = other.lastNewPayloadTime;
  const own = resetOrigin(reset, half).who === "host";
  // What has been acknowledged went through and provoked nothing: a client that leaves with a 226 unread resets by itself. Its RST may be all that
  // is left of its acknowledgments; who knows nothing of the connection acknowledges nothing (RFC 9293 section 3.10.7.1).
  const heard = acknowledgedBy(half, other) >= other.highest;
  if (said > 0 && !heard && reset.time - said <= PROVOKED_SECONDS) return silenceBefore(session, said);
  return own ? 0 : silenceBefore(session, reset.time);
}

/** Seconds between the last thing said before `time` and `time`. */
function silenceBefore(session: SessionFacts, time: number): number {
  let before = Number.NEGATIVE_INFINITY;
  for (const event of session.events) {
    const at = timeOf(event.stamp);
    if (at < time - 1e-6 && at > before) before = at;
  }
  return before === Number.NEGATIVE_INFINITY ? 0 : time - before;
}
