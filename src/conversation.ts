import type { PacketPlace } from "./analysis.ts";

/** What the ends of a session did, in the order of time: the control connection's words and what happened on its data connections. */
export interface Conversation {
  readonly events: readonly ConversationEvent[];
  /** Stretches of a long session that are not among them: how many events, and the index of the first event behind them. */
  readonly leftOut: readonly { readonly count: number; readonly before: number }[];
}

/** Who is at an end of an arrow: `between` is a router or middlebox, or the place where a packet was lost. */
export type Party = "client" | "between" | "server";

/** One packet, or a run of packets that say one thing. */
export interface ConversationEvent {
  /** Seconds since the session's first packet, exact to a microsecond. */
  readonly at: number;
  /** Its packet, or the first of several. */
  readonly place: PacketPlace;
  /** Ordinal of the data channel that it belongs to; null for the control connection's other words. */
  readonly channel: number | null;
  readonly from: Party;
  readonly to: Party;
  readonly kind: "command" | "reply" | "tls" | "syn" | "data" | "end" | "reset" | "icmp" | "gap";
  /** On the data connection, not the control connection. */
  readonly onData: boolean;
  /** `PASV`, `227 Entering Passive Mode (…)`, `SYN again (5 in 7.1 s)`: as captured, never a password. */
  readonly text: string;
}
