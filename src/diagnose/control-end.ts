import type { SessionFacts } from "../correlate/session-facts.ts";
import { timeOf } from "../correlate/session-facts.ts";
import type { HalfConnection, Reset } from "../tcp/half-connection.ts";

/** Retransmissions of a control segment that show the other end (or the path) to be gone. */
export const DEAD_RETRANSMISSIONS = 2;
/** A control connection counts as idle before a segment after so much silence: the shortest NAT timers in the field (seconds). */
export const IDLE_SECONDS = 5;

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

/** Whether one end's last data was repeated and never acknowledged. */
function isUnheard(half: HalfConnection): boolean {
  return half.stalledRetransmissions >= DEAD_RETRANSMISSIONS && half.unacknowledged > 0;
}

/** How the control connection ended, from its packets alone. */
export function controlEnd(session: SessionFacts): ControlEnd {
  const { client, server, control } = session;
  const unheard = isUnheard(client) ? client : isUnheard(server) ? server : null;
  if (unheard) {
    const direction = unheard === client ? "client" : "server";
    return {
      kind: unheard === client ? "client-unheard" : "server-unheard",
      packet: unheard.stalledFirstPacket,
      idleBefore: silenceBefore(session, unheard.lastNewPayloadTime, direction),
      retransmissions: unheard.stalledRetransmissions,
      reset: firstReset(session),
    };
  }
  const reset = firstReset(session);
  if (reset && !(client.finPacket !== 0 || server.finPacket !== 0)) {
    return {
      kind: "reset",
      packet: reset.reset.packet,
      idleBefore: silenceBefore(session, reset.reset.time, null),
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

function firstReset(session: SessionFacts): { half: HalfConnection; reset: Reset } | null {
  const all = [session.client, session.server].flatMap((half) => half.resets.map((reset) => ({ half, reset })));
  return all.sort((a, b) => a.reset.packet - b.reset.packet)[0] ?? null;
}

/** Seconds between the last thing said before `time` and `time`. */
export function silenceBefore(session: SessionFacts, time: number, _direction: "client" | "server" | null): number {
  let before = Number.NEGATIVE_INFINITY;
  for (const event of session.events) {
    const at = timeOf(event.stamp);
    if (at < time - 1e-6 && at > before) before = at;
  }
  return before === Number.NEGATIVE_INFINITY ? 0 : time - before;
}
