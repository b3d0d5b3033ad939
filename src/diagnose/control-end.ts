import type { SessionFacts } from "../correlate/session-facts.ts";
import type { ReplyEvent } from "../ftp/control-event.ts";
import { type AskedExchange, isAsked } from "../ftp/exchange.ts";
import { earliestReset, type HalfConnection, type Reset } from "../tcp/half-connection.ts";
import { isCloseNotify } from "./data-handshake.ts";
import { acknowledgedBy, isForged, isOwnReset } from "./packet-origin.ts";

/** Retransmissions of a control segment that show the other end (or the path) to be gone. */
export const DEAD_RETRANSMISSIONS = 2;
/** They have to span this much (seconds): the first two come 0.2 s and 0.6 s after the segment (Linux), and may answer a lost acknowledgment. */
const DEAD_SECONDS = 0.5;
/** A reset within this time of something said by the other end answers it (seconds): no round trip is longer. */
export const PROVOKED_SECONDS = 3;
/** A control connection counts as idle before a segment after so much silence (seconds): a program that is at work pauses less. */
export const IDLE_SECONDS = 5;
/** The same where a device is seen to have forgotten the connection: whatever its timer is, it counts from seconds on. */
export const FORGOTTEN_SECONDS = 1;
/** The shortest timers with which NAT devices forget an established connection (seconds); hosts and paths that are gone know no such time. */
export const FORGET_SECONDS = 30;

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
function isUnacknowledged(half: HalfConnection, other: HalfConnection): boolean {
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
  const unheard = isUnacknowledged(client, server) ? client : isUnacknowledged(server, client) ? server : null;
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

/**
 * The server's last reply is answered by a device that knows nothing of the connection any more: its RST acknowledges nothing, and takes its sequence
 * number from the reply (RFC 9293 section 3.10.7.1). The client, which has not closed, never hears the reply.
 */
export function isDeniedByDevice(session: SessionFacts, final: Pick<ReplyEvent, "endAt" | "stamp">): boolean {
  const { kind, reset: ended } = controlEnd(session);
  if (kind !== "reset" || ended?.half !== session.client || session.server.acked >= final.endAt) return false;
  const { reset } = ended;
  const after = reset.time - final.stamp.time;
  const answers = !reset.hasAck && reset.at === session.client.highest && after >= 0 && after <= PROVOKED_SECONDS;
  return answers && isForged(reset, session.client);
}

/** What was asked before the server closed the control connection: who closes owes no answer to what comes then (clients still say QUIT). */
export function askedBeforeEnd({ exchanges, server }: SessionFacts): readonly AskedExchange[] {
  const asked = exchanges.filter(isAsked);
  return server.finPacket === 0 ? asked : asked.filter(({ command }) => command.endAt <= server.finAcknowledged);
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
  // What has been acknowledged went through and provoked nothing: a client that leaves with a 226 unread resets by itself. Its RST may be all that
  // is left of its acknowledgments; who knows nothing of the connection acknowledges nothing (RFC 9293 section 3.10.7.1).
  const heard = acknowledgedBy(half, other) >= other.highest;
  if (said > 0 && !heard && reset.time - said <= PROVOKED_SECONDS) return silenceBefore(session, said);
  return isOwnReset(reset, half) ? 0 : silenceBefore(session, reset.time);
}

/** Seconds between the last thing said before `time` and `time`. */
function silenceBefore(session: SessionFacts, time: number): number {
  let before = Number.NEGATIVE_INFINITY;
  for (const event of session.events) {
    const at = event.stamp.time;
    if (at < time - 1e-6 && at > before) before = at;
  }
  return before === Number.NEGATIVE_INFINITY ? 0 : time - before;
}
