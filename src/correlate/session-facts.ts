import type { CommandEvent, ControlEvent, ReplyEvent } from "../ftp/control-event.ts";
import type { Security } from "../ftp/control-security.ts";
import type { Exchange } from "../ftp/exchange.ts";
import type { ServerIdentity } from "../ftp/server-software.ts";
import type { Connection } from "../tcp/connection.ts";
import type { HalfConnection } from "../tcp/half-connection.ts";
import type { DataRecords } from "../tls/data-records.ts";

/** A followed connection that may be a data connection of the session. */
export interface Candidate {
  readonly connection: Connection;
  /** The TLS records seen on it; no records when it carried cleartext or nothing. */
  readonly records: DataRecords;
  /** It goes to neither of the session's two hosts in the usual way: a host other than the control peer. */
  readonly foreign: boolean;
  /**
   * Nobody is seen to have negotiated its port, and more than one session between its hosts is under way; under TLS, unless just one of them may have
   * been granted a port that nobody has dialled.
   */
  readonly contested: boolean;
}

/** The client told another server to dial a port that this session's server had granted (FXP). */
export interface HandedOn {
  readonly port: number;
  /** The server that was told to. */
  readonly to: string;
  /** The PORT of the other session that says so, and what that server answered; null when nothing, or when the capture lacks it. */
  readonly command: CommandEvent;
  readonly reply: ReplyEvent | null;
  /** The transfer that it was for; null when none was asked for. */
  readonly transfer: Exchange | null;
}

/** All that is known of one session once it has settled; correlate and diagnose are pure functions over it. */
export interface SessionFacts {
  readonly id: string;
  readonly control: Connection;
  /** The FTP client's and server's sides of the control connection. */
  readonly client: HalfConnection;
  readonly server: HalfConnection;
  readonly security: Security;
  readonly events: readonly ControlEvent[];
  readonly exchanges: readonly Exchange[];
  /** In the order of their first packets. */
  readonly candidates: readonly Candidate[];
  readonly software: ServerIdentity | null;
  readonly user: string | null;
  /** Ids of sessions that are this one with translated addresses (`-i any` on a NAT), or seen at another point in another capture. */
  readonly sameAs: readonly string[];
  /** Connections of those that may be data connections. */
  readonly elsewhere: readonly Connection[];
  readonly handedOn: readonly HandedOn[];
  /** One of those was found first, at another point, and stands for this one where sessions are counted. */
  readonly isFurtherView: boolean;
  /** Stretches of the session in which the control connection could not be read, as times; `to` is infinite when it stayed so. */
  readonly hidden: readonly { readonly from: number; readonly to: number }[];
  /** Capture time at which the session was settled, and whether the capture itself ended then. */
  readonly settledAt: number;
  readonly atCaptureEnd: boolean;
  /** Bytes of the control streams are missing: lost, or cut by the snaplen. */
  readonly lostBytes: boolean;
  readonly cutBytes: boolean;
  /** Something was said by a client or server, or TLS was spoken. */
  readonly hasDialogue: boolean;
}

/** Whether a login is seen to be let in (RFC 959 section 5.4: 230). */
export function isLoggedIn({ exchanges }: SessionFacts): boolean {
  return exchanges.some(({ final }) => final?.code === 230);
}
