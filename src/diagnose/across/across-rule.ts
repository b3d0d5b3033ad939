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
  add(diagnosis: SessionDiagnosis): void;
  findings(): AcrossFinding[];
}

/** Servers (or clients) that one rule keeps apart; sessions of further ones are not looked at. */
export const MAX_KEPT_KEYS = 4096;
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
  if (map.size >= MAX_KEPT_KEYS) return undefined;
  const value = make();
  map.set(key, value);
  return value;
}
