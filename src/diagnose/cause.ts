import type { Remedies } from "./remedy.ts";

/** The parts of a session that go wrong. */
export const GROUP_TITLES = [
  "Negotiation",
  "Connecting",
  "TLS on the data connection",
  "Transfer",
  "Control connection",
] as const;

/** One of them. */
export type CauseGroup = (typeof GROUP_TITLES)[number];

/** What reports make of a cause besides its words. */
export type CauseTrait =
  /** It is itself a refusal in packets: a negative reply, a reset or an ICMP error in answer to what was asked. Silence is none, whoever caused it. */
  | "refusal"
  /** It blames a device between client and server, and nothing else. */
  | "device";

/**
 * A cause in words. It stands in its file in `causes/` before its rule, or its rules; the reports, `explain` and the pages under docs/causes/
 * all take their words from there.
 */
export interface Cause extends Remedies {
  /** API: it appears in reports, in `explain` and in SIEM rules. */
  readonly id: string;
  readonly group: CauseGroup;
  readonly traits: readonly CauseTrait[];
  /** A few words that complete "PASV failed: …"; no full stop. */
  readonly title: string;
  /** One sentence: what happens in the network. */
  readonly meaning: string;
}
