import type { ChannelFacts } from "../correlate/data-channel.ts";
import { serverHelloOf } from "../correlate/sealed-word.ts";
import type { SessionFacts } from "../correlate/session-facts.ts";
import { isSealed } from "../ftp/control-event.ts";
import { wasSentAfter } from "../tls/data-records.ts";
import { mostOverhead, recordOverhead } from "../tls/sealing.ts";
import { finishedBy, handshakeOf, isCloseNotify } from "./data-handshake.ts";
import { type DataProgress, progressOf } from "./data-progress.ts";
import { reuseComplaintOf } from "./reply-text.ts";

/** vsftpd's complaints about a data connection's TLS have so many bytes at least, its confirmation of a listing 24. */
const COMPLAINT_BYTES = 48;

/** Something said under TLS, and how long it is at least. */
export interface Words {
  readonly packet: number;
  readonly bytes: number;
  /** The client had asked for something else meanwhile, which has an answer of its own. */
  readonly askedMore: boolean;
}

/**
 * The server's next words after an encrypted data connection where they are as long as a complaint. vsftpd's "226 Transfer done (but failed to open
 * directory)." is as long as its demand for session resumption: this makes a good end doubtful, it proves no bad one.
 */
export function longWordsAfter(progress: DataProgress, session: SessionFacts): Words | null {
  const { records } = progress.records;
  const lastTime = records.at(-1)?.time ?? 0;
  const serverOriginates = progress.server === progress.connection.originator;
  // These servers begin the handshake when they have been told what to transfer, and have said 150, which may be long too.
  const begun = records.find(({ fromOriginator }) => fromOriginator === serverOriginates);
  const said = session.events.filter(isSealed).filter((record) => !isCloseNotify(record));
  // The turn in which the data connection ended: from the transfer command to the client's next words.
  const asked = said.findLastIndex(({ direction, stamp }) => direction === "client" && stamp.time < lastTime);
  const answers = said.slice(asked + 1);
  const next = answers.findIndex(({ direction }) => direction === "client");
  const last = answers.slice(0, next < 0 ? undefined : next).at(-1);
  const hello = serverHelloOf(session);
  if (last === undefined || hello === undefined) return null;
  if (begun === undefined || last.stamp.time < begun.time) return null;
  const bytes = last.length - mostOverhead(hello);
  const askedMore = asked >= 0 && said[asked].stamp.time > begun.time;
  return bytes >= COMPLAINT_BYTES ? { packet: last.stamp.packet, bytes, askedMore } : null;
}

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
