import type { ChannelFacts } from "../correlate/data-channel.ts";
import { serverHelloOf } from "../correlate/sealed-word.ts";
import type { SessionFacts } from "../correlate/session-facts.ts";
import { isSealed } from "../ftp/control-event.ts";
import { wasSentAfter } from "../tls/data-records.ts";
import { recordOverhead } from "../tls/sealing.ts";
import { finishedBy, handshakeOf, isCloseNotify } from "./data-handshake.ts";
import { type DataProgress, progressOf } from "./data-progress.ts";
import { reuseComplaintOf } from "./reply-text.ts";

/** Words of the very length in which this server complains of a TLS session that was not resumed. */
export interface Complaint {
  readonly packet: number;
  /** What it says so. */
  readonly text: string;
}

/** The record of the server's complaint after a data connection that came to nothing; undefined when anything else happened. */
export function reuseComplaint(channel: ChannelFacts, session: SessionFacts): Complaint | undefined {
  const progress = progressOf(channel, session);
  const handshake = progress && handshakeOf(progress);
  if (!progress || !handshake?.finished || handshake.resumed || handshake.hasData || handshake.alert) return undefined;
  const ended = endedByServer(progress);
  if (ended === undefined) return undefined;
  const [next, second] = session.events
    .filter(isSealed)
    .filter((record) => !isCloseNotify(record) && record.stamp.packet > ended);
  // A confirmation with a message of the host's own comes in two records (ProFTPD's DisplayFileTransfer).
  if (next?.direction !== "server" || second?.direction === "server") return undefined;
  const hello = serverHelloOf(session);
  const overhead = hello && recordOverhead(hello);
  if (overhead === undefined) return undefined;
  const text = reuseComplaintOf(session.software);
  return text?.length === next.length - overhead ? { packet: next.stamp.packet, text: text.trimEnd() } : undefined;
}

/** The packet with which the server ended the data connection, TLS or TCP, before the client did; undefined where it was the client. */
function endedByServer(progress: DataProgress): number | undefined {
  const { client, server, connection, records } = progress;
  if (server.closedBefore(client)) return server.finPacket;
  const goodbye = (isClient: boolean) => {
    const byOriginator = (client === connection.originator) === isClient;
    const padding = finishedBy(records, byOriginator)?.padding;
    return records.records.find((record) => record.fromOriginator === byOriginator && isCloseNotify(record, padding));
  };
  const [own, others] = [goodbye(false), goodbye(true)];
  return own && (!others || wasSentAfter(others, own)) ? own.packet : undefined;
}
