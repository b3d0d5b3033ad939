import type { Direction, GapReason, Stamp } from "../tcp/stream-sink.ts";
import type { TlsHello } from "../tls/hello.ts";
import { CONTENT_TYPE } from "../tls/record.ts";

/**
 * What was said on a control connection, event by event, in the order of each direction. This is all that correlate and
 * diagnose know of the control connection's bytes.
 */
export type ControlEvent = CommandEvent | ReplyEvent | TlsRecordEvent | TlsHelloEvent | ControlGapEvent | OddLineEvent;

/** Offsets into one direction's stream: the first byte, and one past the last (line end included). */
export interface StreamRange {
  readonly startAt: number;
  readonly endAt: number;
}

/** A command line (RFC 959 section 5.3), never with a secret in it: arguments of PASS, ACCT, ADAT, … are dropped. */
export interface CommandEvent extends StreamRange {
  readonly kind: "command";
  /** Upper case, as the client meant it: `PASV`, `RETR`. */
  readonly verb: string;
  /** The text after the verb, decoded as UTF-8 with fallback to Latin-1; null where there was none or it was a secret. */
  readonly argument: string | null;
  /** Stamp of the segment that holds the line's last byte. */
  readonly stamp: Stamp;
  /** The line's end was not seen (snaplen, lost packet, end of capture): the argument may be short. */
  readonly cut: boolean;
}

/** A complete reply, of one or many lines (RFC 959 section 4.2). */
export interface ReplyEvent extends StreamRange {
  readonly kind: "reply";
  /** Three digits as a number, 100 … 699. */
  readonly code: number;
  /** The text of each line without code, separator and line end; at most a few lines and characters are kept. */
  readonly lines: readonly string[];
  /** Stamp of the segment that holds the last byte of the last line. */
  readonly stamp: Stamp;
  /** Stamp of the segment in which the reply began. */
  readonly firstStamp: Stamp;
  readonly cut: boolean;
}

/** One TLS record (RFC 8446 section 5.1) on the control connection. */
export interface TlsRecordEvent extends StreamRange {
  readonly kind: "tls-record";
  readonly direction: Direction;
  /** 20 change_cipher_spec, 21 alert, 22 handshake, 23 application_data. */
  readonly contentType: number;
  /** Length field of the record header: bytes after the 5-byte header. */
  readonly length: number;
  /** Stamp of the segment that holds the record's last byte. */
  readonly stamp: Stamp;
}

/** Whether this is a TLS record of application data: words of either end, sealed; in TLS 1.3 the end of a handshake too (RFC 8446 section 5.1). */
export function isSealed(event: ControlEvent): event is TlsRecordEvent {
  return event.kind === "tls-record" && event.contentType === CONTENT_TYPE.applicationData;
}

/** ClientHello or ServerHello of the control connection. */
export interface TlsHelloEvent {
  readonly kind: "tls-hello";
  readonly direction: Direction;
  readonly hello: TlsHello;
  readonly stamp: Stamp;
}

/** A hole in one direction's stream. */
export interface ControlGapEvent extends StreamRange {
  readonly kind: "gap";
  readonly direction: Direction;
  readonly length: number;
  readonly reason: GapReason;
  readonly stamp: Stamp;
}

/** A line that is neither a command nor part of a reply, or a command that travels in the server's direction. */
export interface OddLineEvent extends StreamRange {
  readonly kind: "odd-line";
  readonly direction: Direction;
  readonly text: string;
  readonly stamp: Stamp;
}
