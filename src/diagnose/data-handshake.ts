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

/** How far the records of one end were followed. */
export function walkOf(
  { connection, records }: Pick<DataProgress, "connection" | "records">,
  half: HalfConnection,
): RecordWalk {
  return half === connection.originator ? records.originator : records.responder;
}

/** The client begins TLS, and the server sends cleartext. */
export function answersInClear(progress: DataProgress): boolean {
  const { records, server } = progress;
  return records.clientHello !== null && server.bytes > 0 && walkOf(progress, server).state === "cleartext";
}

/** How far the TLS handshake of a data connection came, by its records; undefined where no record was seen. */
export function handshakeOf(progress: DataProgress): DataHandshake | undefined {
  const { records, connection, client } = progress;
  const all = records.records;
  if (all.length === 0) return undefined;
  const clientIsOriginator = client === connection.originator;
  const { clientHello, serverHello } = records;
  const version = serverHello?.version ?? clientHello?.version ?? 0;
  const { finished, resumed, hasData } =
    version >= TLS_1_3 ? endOfSealed(records, clientIsOriginator) : endByCipherChange(records, clientIsOriginator);
  const isLonger = isLong(connection.originator, records.originator) || isLong(connection.responder, records.responder);
  const alert = all.find(isFatalAlert);
  return {
    clientHello: clientHello !== null,
    serverHello: serverHello !== null,
    resumed,
    finished,
    hasData: hasData || (finished && isLonger),
    alert: alert ? { fromClient: alert.fromOriginator === clientIsOriginator, record: alert } : null,
  };
}

/** How a handshake ended. */
type HandshakeEnd = Pick<DataHandshake, "finished" | "resumed" | "hasData">;

/** TLS 1.3: all behind the hellos is application data by its type, and only its length tells what it is. */
function endOfSealed(data: DataRecords, clientIsOriginator: boolean): HandshakeEnd {
  const finish = finishedBy(data, clientIsOriginator);
  const resumed = data.serverHello?.preSharedKey === true;
  if (finish === undefined) return { finished: false, resumed, hasData: false };
  const padding = finishedBy(data, !clientIsOriginator)?.padding;
  const sealed = data.records.filter(({ contentType }) => contentType === CONTENT_TYPE.applicationData);
  const ofClient = sealed.filter(({ fromOriginator }) => fromOriginator === clientIsOriginator);
  const clientData = ofClient
    .slice(ofClient.indexOf(finish.record) + 1)
    .some((record) => !isCloseNotify(record, finish.padding));
  const serverAfter = sealed.filter(
    (record) =>
      record.fromOriginator !== clientIsOriginator &&
      wasSentAfter(record, finish.record) &&
      !isCloseNotify(record, padding),
  );
  return { finished: true, resumed, hasData: clientData || !areTickets(serverAfter) };
}

/** Up to TLS 1.2: both ends change their cipher, and what is application data says so. */
export function endByCipherChange(data: DataRecords, clientIsOriginator: boolean): HandshakeEnd {
  const { records, clientHello, serverHello } = data;
  const changes = records.filter(({ contentType }) => contentType === CONTENT_TYPE.changeCipherSpec);
  const clientChange = changes.find(({ fromOriginator }) => fromOriginator === clientIsOriginator);
  const serverChange = changes.find(({ fromOriginator }) => fromOriginator !== clientIsOriginator);
  // The server changes its cipher first only in an abbreviated handshake (RFC 5246 section 7.3).
  const isServerFirst =
    serverChange !== undefined && (clientChange === undefined || !wasSentAfter(serverChange, clientChange));
  const isSameId =
    clientHello !== null &&
    serverHello !== null &&
    clientHello.sessionId !== "" &&
    clientHello.sessionId === serverHello.sessionId;
  return {
    finished: clientChange !== undefined && serverChange !== undefined,
    resumed: isServerFirst || isSameId,
    hasData: records.some(({ contentType }) => contentType === CONTENT_TYPE.applicationData),
  };
}

function isFatalAlert({ contentType, alert }: DataRecord): boolean {
  return contentType === CONTENT_TYPE.alert && alert >= 0 && alert >> 8 === 2;
}
