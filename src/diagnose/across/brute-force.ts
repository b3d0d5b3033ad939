import { BOUNDS } from "../../bounds.ts";
import { isLoggedIn } from "../../correlate/session-facts.ts";
import { refusedGreeting } from "../causes/login-failed.ts";
import type { SessionDiagnosis } from "../diagnose.ts";
import type { AcrossFinding } from "../verdict.ts";
import { type AcrossRule, type FindingText, pairOf, SessionTally } from "./across-rule.ts";

export const BRUTE_FORCE = {
  id: "brute-force",
  title: "many refused logins from one client",
  meaning: "One client opens session after session and is refused each time, or nearly: passwords are being guessed.",
} as const satisfies FindingText;

/** So many sessions of one source that all end in a refused login are password guessing, not a user who forgot. */
export const GUESSING_SESSIONS = 5;
/** Someone who is let in once in so many times mistypes. */
const REFUSALS_PER_LOGIN = 4;

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
 * in, and many are refused once: of the former only a count is kept, of the latter the last ({@link BOUNDS}).
 */
export class BruteForce implements AcrossRule {
  readonly #logins = new Uint16Array(MAX_LOGIN_COUNTERS);
  /** Refused fewer than {@link GUESSING_SESSIONS} times, by their addresses; the oldest gives way. */
  readonly #refused = new Map<string, Refused>();
  /** Refused so many times. */
  readonly #guessing = new Map<string, Refused>();

  add({ facts: session, verdict }: SessionDiagnosis): boolean {
    const logins = pairOf(session) & (MAX_LOGIN_COUNTERS - 1);
    if (isLoggedIn(session)) {
      if (this.#logins[logins] < MAX_LOGINS) this.#logins[logins]++;
      return true;
    }
    if (verdict?.cause !== "login-failed" || refusedGreeting(session)) return true;
    const { address: client } = session.client;
    const { address: server } = session.server;
    const pair = `${client} ${server}`;
    const known = this.#guessing.get(pair) ?? this.#refused.get(pair);
    const refused = known ?? { client, server, logins, tally: new SessionTally() };
    refused.tally.add(session.id, verdict.facts[0]);
    return known ? this.#suspect(pair, refused) : this.#keep(pair, refused);
  }

  /** @returns whether nobody had to give way */
  #keep(pair: string, refused: Refused): boolean {
    const hasRoom = this.#refused.size < BOUNDS.refusedClients.most;
    if (!hasRoom) this.#refused.delete(this.#refused.keys().next().value!);
    this.#refused.set(pair, refused);
    return hasRoom;
  }

  /** @returns whether there was room, if it has become one that guesses */
  #suspect(pair: string, refused: Refused): boolean {
    if (refused.tally.count < GUESSING_SESSIONS || this.#guessing.has(pair)) return true;
    if (this.#guessing.size >= BOUNDS.failingClients.most) return false;
    this.#refused.delete(pair);
    this.#guessing.set(pair, refused);
    return true;
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
