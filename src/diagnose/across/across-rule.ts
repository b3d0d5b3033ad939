import { BOUNDS } from "../../bounds.ts";
import type { SessionFacts } from "../../correlate/session-facts.ts";
import { connectionHash } from "../../tcp/connection-ends.ts";
import type { SessionDiagnosis } from "../diagnose.ts";
import type { AcrossFinding, Fact } from "../verdict.ts";

/** A finding in words, whatever its numbers: what `explain` tells of it. */
export interface FindingText {
  /** API as the ids of the causes. */
  readonly id: string;
  readonly title: string;
  readonly meaning: string;
}

/** Looks at all sessions as they settle, in bounded memory, and says at the end what they show together. Never revises a channel. */
export interface AcrossRule {
  /** @returns false where there was no room for something that the session shows */
  add(diagnosis: SessionDiagnosis): boolean;
  findings(): AcrossFinding[];
}

/** Session ids and facts that a finding names. */
const MAX_NAMED = 10;

/** The sessions behind a finding: counts all, names the first few with a fact each. */
export class SessionTally {
  /** Made with the first: a tally is kept for each of thousands of clients, and most never have one. */
  #ids: string[] | undefined;
  #facts: Fact[] | undefined;
  #last = "";
  count = 0;

  add(sessionId: string, fact: Fact): void {
    if (sessionId !== this.#last) {
      this.count++;
      this.#ids ??= [];
      if (this.#ids.length < MAX_NAMED) this.#ids.push(sessionId);
      this.#last = sessionId;
    }
    this.#facts ??= [];
    if (this.#facts.length < MAX_NAMED) this.#facts.push(fact);
  }

  /** Several together, each of other sessions. */
  static of(tallies: readonly SessionTally[]): SessionTally {
    const sum = new SessionTally();
    sum.count = tallies.reduce((count, tally) => count + tally.count, 0);
    sum.#ids = tallies.flatMap(({ sessions }) => sessions).slice(0, MAX_NAMED);
    sum.#facts = tallies.flatMap(({ facts }) => facts).slice(0, MAX_NAMED);
    return sum;
  }

  get sessions(): readonly string[] {
    return this.#ids ?? [];
  }

  get facts(): readonly Fact[] {
    return this.#facts ?? [];
  }
}

/** The value under `key`, made at first need as long as there is room; undefined when there is none. */
export function keptAt<Value>(map: Map<string, Value>, key: string, make: () => Value): Value | undefined {
  const known = map.get(key);
  if (known !== undefined) return known;
  if (map.size >= BOUNDS.comparedServers.most) return undefined;
  const value = make();
  map.set(key, value);
  return value;
}

/** A client of a server, by their addresses, as one number: two pairs in four thousand million share one. */
export function pairOf({ control }: SessionFacts): number {
  return connectionHash(control.addressKeyA, 0, control.addressKeyB, 0);
}

/** Which clients of servers any data connection came about of, and how many have failures that a rule keeps. */
export class ComparedClients {
  readonly #working = new Set<number>();
  #failing = 0;

  /** A data connection of this pair came about. @returns whether that is new; undefined where there is no room */
  works(pair: number): boolean | undefined {
    if (this.#working.has(pair)) return false;
    if (this.#isFull) return undefined;
    this.#working.add(pair);
    return true;
  }

  hasWorked(pair: number): boolean {
    return this.#working.has(pair);
  }

  /** Takes a place for a client with failures. @returns false where there is none, or where of no further client can be said that nothing works */
  admitsFailing(): boolean {
    if (this.#isFull || this.#failing >= BOUNDS.failingClients.most) return false;
    this.#failing++;
    return true;
  }

  get #isFull(): boolean {
    return this.#working.size >= BOUNDS.workingClients.most;
  }
}
