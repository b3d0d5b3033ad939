import { connectionHash } from "../../tcp/connection-ends.ts";
import type { SessionDiagnosis } from "../diagnose.ts";
import type { AcrossFinding } from "../verdict.ts";
import { type AcrossRule, type FindingText, MAX_KEPT_KEYS, SessionTally } from "./across-rule.ts";

export const BRUTE_FORCE = {
  id: "brute-force",
  title: "many refused logins from one client",
  meaning: "One client opens session after session and is refused each time, or nearly: passwords are being guessed.",
} as const satisfies FindingText;

/** So many sessions of one source that all end in a refused login are password guessing, not a user who forgot. */
export const GUESSING_SESSIONS = 5;
/** Someone who is let in once in so many times mistypes. */
export const REFUSALS_PER_LOGIN = 4;

/** Clients that were refused and are no guessers yet. */
export const MAX_REFUSED = 1024;
/** Counters of logins, a power of two: pairs of hosts that share one only make the rule more silent. */
const MAX_LOGIN_COUNTERS = 65_536;
const MAX_LOGINS = 0xffff;

/** A client whom a server refused. */
interface Refused {
  readonly client: string;
  readonly server: string;
  readonly logins: number;
  readonly tally: SessionTally;
}

/**
 * Many sessions from one client to one server, each with a login that is turned down and none that is let in. Most clients are let
 * in, and many are refused once: of the former only a count is kept, of the latter the last thousand.
 */
export class BruteForce implements AcrossRule {
  readonly #logins = new Uint16Array(MAX_LOGIN_COUNTERS);
  /** Refused fewer than {@link GUESSING_SESSIONS} times, by their addresses; the oldest gives way. */
  readonly #refused = new Map<string, Refused>();
  /** Refused so many times. */
  readonly #guessing = new Map<string, Refused>();

  add({ facts: session, verdict }: SessionDiagnosis): void {
    const { control } = session;
    const logins = connectionHash(control.addressKeyA, 0, control.addressKeyB, 0) & (MAX_LOGIN_COUNTERS - 1);
    if (session.exchanges.some((exchange) => exchange.final?.code === 230)) {
      if (this.#logins[logins] < MAX_LOGINS) this.#logins[logins]++;
    } else if (verdict?.cause === "login-failed") {
      const { address: client } = session.client;
      const { address: server } = session.server;
      this.#keep(`${client} ${server}`, { client, server, logins }).tally.add(session.id, verdict.facts[0]);
    }
  }

  #keep(pair: string, ends: Omit<Refused, "tally">): Refused {
    const guessing = this.#guessing.get(pair);
    if (guessing) return guessing;
    const known = this.#refused.get(pair);
    const refused = known ?? { ...ends, tally: new SessionTally() };
    if (refused.tally.count === GUESSING_SESSIONS - 1 && this.#guessing.size < MAX_KEPT_KEYS) {
      this.#refused.delete(pair);
      this.#guessing.set(pair, refused);
    } else if (!known) {
      if (this.#refused.size === MAX_REFUSED) this.#refused.delete(this.#refused.keys().next().value!);
      this.#refused.set(pair, refused);
    }
    return refused;
  }

  findings(): AcrossFinding[] {
    return [...this.#guessing.values()]
      .filter(({ logins, tally }) => tally.count > REFUSALS_PER_LOGIN * this.#logins[logins])
      .map(({ client, server, tally }) => ({
        id: "brute-force",
        title: `${client} was refused a login at ${server} in ${tally.count} sessions: password guessing, no fault of a data channel`,
        confidence: "likely" as const,
        sessions: tally.sessions,
        sessionCount: tally.count,
        facts: tally.facts,
        remedy: ["Nothing to repair in the network; block or rate-limit the source if it is not yours."],
      }));
  }
}
