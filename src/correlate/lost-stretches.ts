import type { Direction } from "../tcp/stream-sink.ts";
import type { NegotiationFacts } from "./data-channel.ts";
import type { SessionFacts } from "./session-facts.ts";

/** A time in which something was said that the capture does not hold. */
interface Stretch {
  /** Seconds: what was last seen before it in its direction, and what was first seen behind it. */
  readonly from: number;
  readonly until: number;
}

/** When a session may have negotiated a port that the capture does not tell. */
export class LostStretches {
  /** Each list in the order of time. */
  readonly #lists: readonly (readonly Stretch[])[];

  constructor(session: SessionFacts, negotiations: readonly (NegotiationFacts | null)[]) {
    const lost: Record<Direction, Stretch[]> = { client: [], server: [] };
    const lastSeen: Record<Direction, number> = {
      client: session.control.firstTime,
      server: session.control.firstTime,
    };
    // Where nothing is missing there is no gap to look for.
    const events = session.lostBytes || session.cutBytes ? session.events : [];
    for (const event of events) {
      const direction = event.kind === "command" ? "client" : event.kind === "reply" ? "server" : event.direction;
      const time = event.stamp.time;
      // The snaplen leaves of a reply that it is one, and a 227 with its port cut off is no unknown negotiation.
      if (event.kind === "gap" && (event.reason === "lost" || direction === "client"))
        lost[direction].push({ from: lastSeen[direction], until: time });
      lastSeen[direction] = time;
    }
    const unanswered: Stretch[] = [];
    for (const negotiation of negotiations) {
      if (!negotiation?.command || negotiation.reply !== null) continue;
      const asked = negotiation.command.stamp.time;
      unanswered.push({ from: asked, until: asked });
    }
    this.#lists = [lost.client, lost.server, unanswered];
  }

  /** Whether a port may have been negotiated unseen between two times (seconds). */
  between(since: number, until: number): boolean {
    if (since >= until) return false;
    return this.#lists.some((stretches) => {
      let low = 0;
      let high = stretches.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (stretches[middle].until <= since) low = middle + 1;
        else high = middle;
      }
      return low < stretches.length && stretches[low].from < until;
    });
  }
}
