import type { AddressClass, Endpoint } from "./address.ts";
import type { Anomaly } from "./anomaly.ts";
import type { CauseId } from "./diagnose/causes.ts";
import type { ContributingCauseId } from "./diagnose/contributing.ts";
import type { FindingId } from "./diagnose/findings.ts";
import type { LimitId } from "./diagnose/limits.ts";
import type { Alternative, ChannelOutcome, Confidence } from "./diagnose/verdict.ts";
import type { Security } from "./ftp/control-security.ts";
import type { NegotiationVerb } from "./ftp/negotiation.ts";

export type { Alternative, ChannelOutcome, Confidence } from "./diagnose/verdict.ts";
export type { Security } from "./ftp/control-security.ts";
export type { NegotiationVerb } from "./ftp/negotiation.ts";

/**
 * The result of an analysis as plain data: what every output format prints and what programs read. The JSON report is this,
 * field by field; its published form is schema/report.schema.json. Fields may be added, never renamed or retyped.
 */
export interface Analysis {
  readonly schemaVersion: "1.0";
  readonly tool: { readonly name: "ftptrace"; readonly version: string };
  /** In time order. */
  readonly captures: readonly CaptureSummary[];
  /** As they settled. */
  readonly sessions: readonly Session[];
  readonly findings: readonly Finding[];
  readonly anomalies: readonly Anomaly[];
}

/** The rest of an analysis once its sessions have been handed out one by one. */
export type AnalysisSummary = Omit<Analysis, "sessions"> & { readonly counts: AnalysisCounts };

/** How many sessions and channels there were, by outcome and cause. */
export interface AnalysisCounts {
  readonly sessions: number;
  readonly channels: number;
  readonly channelsByOutcome: Readonly<Record<ChannelOutcome, number>>;
  /** Causes of failed and refused channels, and of control connections. */
  readonly causes: Readonly<Partial<Record<CauseId, number>>>;
}

/** One capture of the analysis: what was read of it. */
export interface CaptureSummary {
  readonly name: string;
  readonly format: "pcap" | "pcapng";
  /** LINKTYPE_ names without the prefix, e.g. `EN10MB`. */
  readonly linkTypes: readonly string[];
  readonly packets: number;
  /** Bytes of the capture as it was read (after decompression). */
  readonly bytes: number;
  /** RFC 3339 with nanoseconds; null for a capture without packets. */
  readonly start: string | null;
  readonly end: string | null;
  readonly limits: readonly LimitId[];
}

/** A control connection with the data channels that belong to it. */
export interface Session {
  /** Stable: the same input gives the same id, whatever the file is called. */
  readonly id: string;
  readonly control: Control;
  readonly dataChannels: readonly DataChannel[];
}

/** What became of a control connection: `undetermined` where the capture does not show it. */
export type ControlOutcome = "ok" | "failed" | "undetermined";

/** The control connection of a session. */
export interface Control {
  readonly client: Endpoint;
  readonly server: Endpoint;
  readonly security: Security;
  readonly outcome: ControlOutcome;
  /** Only when no data channel carries that cause. */
  readonly cause: CauseId | null;
  readonly confidence: Confidence | null;
  readonly alternatives: readonly Alternative[];
  /** Of the cause; without one the reply by which the server demands TLS of the login, where it does. */
  readonly evidence: readonly Evidence[];
  readonly remedy: readonly string[];
  readonly start: string;
  readonly end: string;
  /** https://github.com/corelight/community-id-spec version 1, seed 0. */
  readonly communityId: string;
  readonly serverSoftware: string | null;
  readonly user: string | null;
  readonly limits: readonly LimitId[];
  /** Ids of sessions that are this one with translated addresses (`-i any` on a NAT), or seen at another point in another capture. */
  readonly sameAs: readonly string[];
  /** Capture index and number of the first and last packet. */
  readonly firstPacket: PacketPlace;
  readonly lastPacket: PacketPlace;
}

/** A packet: index into `captures`, and the number Wireshark shows for it in that file. */
export interface PacketPlace {
  readonly capture: number;
  readonly packet: number;
}

/** One negotiation, the transfer that used it and the connection that answered to it, each null where it is missing, and the verdict. */
export interface DataChannel {
  readonly ordinal: number;
  readonly inferred: boolean;
  /**
   * From its first to its last packet: negotiation, transfer and connection. RFC 3339 with nanoseconds, of which what was said on the
   * control connection is exact to a microsecond. Null when only lengths of TLS records speak of it.
   */
  readonly start: string | null;
  readonly end: string | null;
  readonly negotiation: Negotiation | null;
  readonly transfer: Transfer | null;
  readonly connection: DataConnection | null;
  readonly outcome: ChannelOutcome;
  readonly cause: CauseId | null;
  readonly contributing: readonly ContributingCauseId[];
  readonly confidence: Confidence;
  readonly alternatives: readonly Alternative[];
  readonly evidence: readonly Evidence[];
  readonly limits: readonly LimitId[];
  readonly remedy: readonly string[];
}

/** PASV, EPSV, LPSV, PORT, EPRT or LPRT with its reply. Packets are numbers in the capture of the session; null where they were not captured. */
export interface Negotiation {
  readonly verb: NegotiationVerb;
  readonly mode: "passive" | "active";
  /** Null: refused, unanswered, unreadable or cut. `address` null: the control peer's (EPSV). */
  readonly advertised: { readonly address: string | null; readonly port: number } | null;
  /** Class of the advertised address; null without one. */
  readonly addressClass: AddressClass | null;
  readonly commandPacket: number | null;
  readonly replyPacket: number | null;
  readonly replyCode: number | null;
  /** What is wrong with the form of the negotiation, e.g. `octet 451 is above 255`; null when nothing is. */
  readonly malformed: string | null;
}

/** The transfer command (RETR, STOR, LIST …) of a channel and the codes of all replies to it. */
export interface Transfer {
  readonly verb: string;
  readonly path: string | null;
  readonly replies: readonly number[];
  readonly commandPacket: number;
}

/** The TCP connection that decides a channel. Bytes are payload, each counted once. */
export interface DataConnection {
  /** Who sent the SYN. */
  readonly originator: Endpoint;
  readonly responder: Endpoint;
  readonly match: "exact" | "address-differs" | "port-differs" | "inferred";
  readonly synCount: number;
  readonly bytesFromOriginator: number;
  readonly bytesFromResponder: number;
  readonly firstPacket: number;
  readonly lastPacket: number;
  readonly communityId: string;
}

/** One observed fact: a packet and what it shows. */
export interface Evidence {
  readonly capture: number;
  readonly packet: number;
  readonly says: string;
}

/** Something that only several sessions together show. */
export interface Finding {
  readonly id: FindingId;
  readonly title: string;
  readonly confidence: Confidence;
  /** Ids of the sessions that show it; at most a few, `sessionCount` counts all. */
  readonly sessions: readonly string[];
  readonly sessionCount: number;
  readonly evidence: readonly Evidence[];
  readonly remedy: readonly string[];
}
