import type { SessionDiagnosis } from "../diagnose.ts";
import type { AcrossFinding } from "../verdict.ts";
import { type AcrossRule, type FindingText, keptAt, SessionTally } from "./across-rule.ts";

export const BRUTE_FORCE = {
  id: "brute-force",
  title: "many refused logins from one client",
  meaning: "One client opens session after session and is refused each time, or nearly: passwords are being guessed.",
} as const satisfies FindingText;

/** So many sessions of one source that all end in a refused login are password guessing, not a user who forgot. */
export const GUESSING_SESSIONS = 5;
/** Someone who is let in once in so many times mistypes. */
export const REFUSALS_PER_LOGIN = 4;

/** Many sessions from one client to one server, each with a login that is turned down and none that is let in. */
export class BruteForce implements AcrossRule {
  readonly #pairs = new Map<
    string,
    { failed: number; succeeded: number; client: string; server: string; tally: SessionTally }
  >();

  add({ facts: session, verdict }: SessionDiagnosis): void {
    const failed = verdict?.cause === "login-failed";
    const succeeded = session.exchanges.some((exchange) => exchange.final?.code === 230);
    if (!failed && !succeeded) return;
    const client = session.client.address;
    const server = session.server.address;
    const kept = keptAt(this.#pairs, `${client} ${server}`, () => ({
      failed: 0,
      succeeded: 0,
      client,
      server,
      tally: new SessionTally(),
    }));
    if (!kept) return;
    if (succeeded) kept.succeeded++;
    else {
      kept.failed++;
      kept.tally.add(session.id, verdict!.facts[0]);
    }
  }

  findings(): AcrossFinding[] {
    return [...this.#pairs.values()]
      .filter(({ failed, succeeded }) => failed >= GUESSING_SESSIONS && failed > REFUSALS_PER_LOGIN * succeeded)
      .map(({ failed, client, server, tally }) => ({
        id: "brute-force",
        title: `${client} was refused a login at ${server} in ${failed} sessions: password guessing, no fault of a data channel`,
        confidence: "likely" as const,
        sessions: tally.sessions,
        sessionCount: tally.count,
        facts: tally.facts,
        remedy: ["Nothing to repair in the network; block or rate-limit the source if it is not yours."],
      }));
  }
}
