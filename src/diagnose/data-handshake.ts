import type { HalfConnection } from "../tcp/half-connection.ts";
import { type DataRecord, type DataRecords, type RecordWalk, wasSentAfter } from "../tls/data-records.ts";
import { TLS_1_3 } from "../tls/hello.ts";
import { CONTENT_TYPE } from "../tls/record.ts";
import { paddingOfFinished } from "../tls/sealing.ts";
import type { DataProgress } from "./data-progress.ts";

/** What the records of a data connection tell of its TLS handshake; of those that are encrypted only the lengths. */

/** A data handshake, as far as its records show it. */
export interface DataHandshake {
  /** Who began TLS: the FTP client's hello is there. */
  readonly clientHello: boolean;
  readonly serverHello: boolean;
  /** The TLS session of the control connection (or another) was resumed. */
  readonly resumed: boolean;
  /** The handshake was completed by both ends. */
  readonly finished: boolean;
  /** Application data beyond handshake, tickets and close_notify, in either direction. */
  readonly hasData: boolean;
  /** The first fatal alert in the clear, with who sent it. */
  readonly alert: { readonly fromClient: boolean; readonly record: DataRecord } | null;
}

/**
 * An alert in the clear or sealed under TLS 1.2 (type 21), or, under TLS 1.3, a record that holds two bytes, type and tag.
 * @param padding what its sender adds to each record, as its Finished tells
 */
export function isCloseNotify(record: Pick<DataRecord, "contentType" | "length">, padding = 0): boolean {
  if (record.contentType === CONTENT_TYPE.alert) return true;
  return record.contentType === CONTENT_TYPE.applicationData && record.length === 2 + 1 + 16 + padding;
}

/** The record with an end's Finished under TLS 1.3, and how much that end pads; undefined where it is not known. */
export function finishedBy(
  { records, serverHello }: DataRecords,
  byOriginator: boolean,
): { readonly record: DataRecord; readonly padding: number } | undefined {
  for (const record of records) {
    if (record.fromOriginator !== byOriginator || record.contentType !== CONTENT_TYPE.applicationData) continue;
    const padding = paddingOfFinished(record.length, serverHello?.cipherSuite ?? -1);
    if (padding !== undefined) return { record, padding };
  }
  return undefined;
}

/** No session ticket is longer, with a client's certificates in it. */
const TICKET_BYTES = 4096;
/**
 * Session tickets that a server sends after a full handshake: none, or two records of one length (OpenSSL, RFC 8446 section 4.6.1). A single
 * record may be data as well as a ticket, so it counts as data.
 */
function areTickets(records: readonly DataRecord[]): boolean {
  return (
    records.length === 0 ||
    (records.length === 2 && records[0].length === records[1].length && records[0].length <= TICKET_BYTES)
  );
}

/** The same, or a single record that may be either. */
export function mayBeTickets(records: readonly DataRecord[]): boolean {
  return areTickets(records) || (records.length === 1 && records[0].length <= TICKET_BYTES);
}

/** Longer than all that belongs to a handshake: two certificate chains of the largest record each (RFC 8446 section 5.1). */
export const HANDSHAKE_BYTES = 2 * 2 ** 14;

/** So much of this stream stands behind the records that could be read that it is data, whatever they are. */
function isLong(half: HalfConnection, walk: RecordWalk): boolean {
  return walk.state === "lost" && half.highest - walk.walkedTo > HANDSHAKE_BYTES;
}

/** How far the TLS handshake of a data connection came, by its records; undefined where no record was seen. */
export function handshakeOf(progress: DataProgress): DataHandshake | undefined {
  const { records, connection, client } = progress;
  const all = records.records;
  if (all.length === 0) return undefined;
  const clientIsOriginator = client === connection.originator;
  const fromClient = (record: DataRecord) => record.fromOriginator === clientIsOriginator;
  const hello = records.clientHello;
  const answer = records.serverHello;
  const version = answer?.version ?? hello?.version ?? 0;
  const alertRecord =
    all.find((record) => record.contentType === CONTENT_TYPE.alert && record.alert >= 0 && record.alert >> 8 === 2) ??
    null;
  const clientRecords = all.filter(fromClient);
  const serverRecords = all.filter((record) => !fromClient(record));
  let finished: boolean;
  let resumed: boolean;
  let hasData: boolean;
  if (version >= TLS_1_3) {
    const clientSealed = clientRecords.filter((record) => record.contentType === CONTENT_TYPE.applicationData);
    const finish = finishedBy(records, clientIsOriginator);
    const padding = finishedBy(records, !clientIsOriginator)?.padding;
    finished = finish !== undefined;
    resumed = answer?.preSharedKey === true;
    const clientData = clientSealed
      .slice(finish ? clientSealed.indexOf(finish.record) + 1 : 0)
      .some((record) => !isCloseNotify(record, finish?.padding));
    const serverAfter = serverRecords.filter(
      (record) =>
        record.contentType === CONTENT_TYPE.applicationData &&
        finish &&
        wasSentAfter(record, finish.record) &&
        !isCloseNotify(record, padding),
    );
    hasData = finished && (clientData || !areTickets(serverAfter));
  } else {
    finished =
      clientRecords.some((record) => record.contentType === CONTENT_TYPE.changeCipherSpec) &&
      serverRecords.some((record) => record.contentType === CONTENT_TYPE.changeCipherSpec);
    const clientChange = clientRecords.find((record) => record.contentType === CONTENT_TYPE.changeCipherSpec);
    const serverChange = serverRecords.find((record) => record.contentType === CONTENT_TYPE.changeCipherSpec);
    // The server changes its cipher first only in an abbreviated handshake (RFC 5246 section 7.3).
    resumed =
      (serverChange !== undefined && (clientChange === undefined || !wasSentAfter(serverChange, clientChange))) ||
      (hello !== null && answer !== null && hello.sessionId !== "" && hello.sessionId === answer.sessionId);
    hasData = all.some((record) => record.contentType === CONTENT_TYPE.applicationData);
  }
  if (
    finished &&
    (isLong(connection.originator, records.originator) || isLong(connection.responder, records.responder))
  )
    hasData = true;
  return {
    clientHello: hello !== null,
    serverHello: answer !== null,
    resumed,
    finished,
    hasData,
    alert: alertRecord ? { fromClient: fromClient(alertRecord), record: alertRecord } : null,
  };
}
