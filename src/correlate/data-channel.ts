import type { PacketReference } from "../capture/frame.ts";
import type { CommandEvent, ReplyEvent } from "../ftp/control-event.ts";
import type { Exchange } from "../ftp/exchange.ts";
import type { ChannelMode, NegotiationVerb } from "../ftp/negotiation.ts";
import type { Connection } from "../tcp/connection.ts";
import type { Candidate } from "./session-facts.ts";

/** One PASV, EPSV, LPSV, PORT, EPRT or LPRT with its reply. */
export interface NegotiationFacts {
  readonly verb: NegotiationVerb;
  readonly mode: ChannelMode;
  /** Null when only the reply is in the capture. */
  readonly command: CommandEvent | null;
  readonly reply: ReplyEvent | null;
  /** What was granted or asked for; null when refused, unanswered, unreadable. `address` null: the control peer's (EPSV). */
  readonly advertised: { readonly address: string | null; readonly port: number } | null;
  /** The reply says yes: 227, 228, 229, 200. */
  readonly granted: boolean;
  /** What is wrong with its form, or null. */
  readonly malformed: string | null;
  /** Its reply may have been lost by the capture. */
  readonly replyLost: boolean;
  /** The server had not yet finished an earlier transfer when the command came. */
  readonly duringTransfer: boolean;
}

/** The packet that a negotiation begins with: its command's, or its reply's where only that is in the capture; 0 without one. */
export function negotiationPacket(negotiation: NegotiationFacts | null): PacketReference {
  return negotiation?.command?.stamp.packet ?? negotiation?.reply?.stamp.packet ?? 0;
}

/** The transfer command that used (or would have used) the data channel. */
export interface TransferFacts {
  readonly command: CommandEvent;
  readonly replies: readonly ReplyEvent[];
  readonly final: ReplyEvent | null;
  readonly replyLost: boolean;
  /** The ABOR that was sent while it ran. */
  readonly abort: CommandEvent | null;
  /** REST offset in force, 0 without. */
  readonly restartAt: number;
}

/** The final reply says that the transfer worked. */
export function isPositive(transfer: TransferFacts): boolean {
  return transfer.final !== null && transfer.final.code >= 200 && transfer.final.code < 300;
}

/**
 * How a connection was tied to its negotiation. `port-differs`: between its two hosts, right after it. `inferred`: while the control connection could not
 * be read, or right after a grant in which no port can be read.
 */
export type MatchKind = "exact" | "address-differs" | "port-differs" | "inferred";

/** A connection that was tied to a negotiation. */
export interface MatchedConnection {
  readonly candidate: Candidate;
  readonly connection: Connection;
  readonly match: MatchKind;
}

/** A negotiation that only the lengths of TLS records speak of. */
export interface InferredNegotiation {
  readonly mode: ChannelMode;
  readonly commandPacket: number;
  readonly replyPacket: number;
  /** Bytes of plaintext, the cipher's overhead taken off. */
  readonly commandBytes: number;
  readonly replyBytes: number;
  /** Seconds until the client said something again or left. */
  readonly waitedSeconds: number;
  /** Time of the reply. */
  readonly grantedAt: number;
}

/** A data channel: what was negotiated, what it was to carry, and the connections that answered to it. */
export interface ChannelFacts {
  readonly negotiation: NegotiationFacts | null;
  readonly transfer: TransferFacts | null;
  /** The connection that decides: one that carried data, else one that was established, else the first. */
  readonly connection: MatchedConnection | null;
  /** All connections tied to it, in the order of their SYNs, the deciding one among them. */
  readonly attempts: readonly MatchedConnection[];
  /** Seen (or inferred) while the control connection could not be read. */
  readonly hidden: boolean;
  /** Nothing of it was seen; it is only inferred from record lengths. Null for all others. */
  readonly inferred: InferredNegotiation | null;
  /** Seconds: from the grant (or first packet) until the next negotiation was granted; infinite for the last. */
  readonly from: number;
  readonly until: number;
  /** Commands between this negotiation and the next, for the question whether the client still wanted it. */
  readonly followedBy: readonly Exchange[];
}
