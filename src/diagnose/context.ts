import type { ChannelFacts } from "../correlate/data-channel.ts";
import type { SessionFacts } from "../correlate/session-facts.ts";
import type { Verdict } from "./verdict.ts";

/** What is known of the captures at the moment a session settles. */
export interface CaptureFacts {
  /** TCP of other ports than the control connections' was seen at all: the capture is not filtered to them. */
  readonly sawOtherTcp: boolean;
  /** The snaplen cut the packet that an ICMP error quotes: which attempt it ended cannot be told. */
  readonly cutIcmp: boolean;
  /** Capture time of the last packet so far (seconds). */
  readonly now: number;
}

/** All that a rule may look at. */
export interface ChannelContext {
  readonly session: SessionFacts;
  readonly channel: ChannelFacts;
  /** The session's channels in order, and where this one stands among them. */
  readonly channels: readonly ChannelFacts[];
  readonly index: number;
  readonly capture: CaptureFacts;
}

/** A cause's rule: speaks when it has its proof, is silent otherwise. */
export type ChannelRule = (context: ChannelContext) => Verdict | undefined;

/** The same for causes of the control connection itself. */
export interface SessionContext {
  readonly session: SessionFacts;
  readonly capture: CaptureFacts;
}

/** A rule of the control connection's: speaks when it has its proof, is silent otherwise. */
export type SessionRule = (context: SessionContext) => Verdict | undefined;
