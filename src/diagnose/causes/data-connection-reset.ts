import { isPositive } from "../../correlate/data-channel.ts";
import { TLS_1_3 } from "../../tls/hello.ts";
import { recordBlindness } from "../blind-spots.ts";
import type { Cause } from "../cause.ts";
import type { ChannelContext, ChannelRule } from "../context.ts";
import { HANDSHAKE_BYTES } from "../data-handshake.ts";
import { type DataProgress, endedByCloseNotify, progressOf, stoppedBefore } from "../data-progress.ts";
import { isCutAtReceiver, isTruncated } from "../file-length.ts";
import { resetOrigin } from "../packet-origin.ts";
import { replyText } from "../wording.ts";

export const cause = {
  id: "data-connection-reset",
  group: "Transfer",
  traits: [],
  title: "the data connection is reset during the transfer",
  meaning: "Data flowed and then a RST ended the connection before the transfer was complete.",
  remedy: [
    "Find who sent the RST: its TTL tells an end from a device between them; content inspection and per-connection limits are usual.",
  ],
  situations: {
    "own-reset": {
      remedy: [
        "By its TTL the host itself sent the RST, or a device right beside it: look in the log of the FTP program there why it gave up (a crash, a full disk, a time limit, a user who stopped).",
        "If that program knows of nothing, look for content inspection or a limit on connections near that host.",
      ],
    },
  },
} as const satisfies Cause;

/**
 * A RST after data flowed, before the sender had finished and without a clean 226. A RST after the last byte, after close_notify, or
 * after ABOR is no failure; nor can it be told to be one where the receiver itself sends it and the control connection cannot be read: a user
 * who stops a download does the same.
 */
export const rule: ChannelRule = (context) => {
  const { channel, session } = context;
  const progress = progressOf(channel, session);
  if (!progress?.cutBy || progress.sender.bytes + progress.receiver.bytes === 0) return undefined;
  // Confirmed by 226, and nothing is known to be missing: the reset came after the last byte that mattered.
  const confirmed = channel.transfer !== null && isPositive(channel.transfer);
  if (confirmed && !isTruncated(context) && !isCutAtReceiver(context)) return undefined;
  const { half, reset } = progress.cutBy;
  const origin = resetOrigin(reset, half);
  const isOwn = origin.who === "host";
  if (isOwn && hasReason(context, progress)) return undefined;
  const who = half === progress.client ? "client's" : "server's";
  const before = half === progress.sender ? reset.bytesBefore : reset.otherBytesBefore;
  const facts = [
    {
      packet: reset.packet,
      says: `RST in the ${who} name after ${before} bytes of data, before their end: ${origin.text}`,
    },
  ];
  const final = channel.transfer?.final;
  if (final) facts.push({ packet: final.stamp.packet, says: replyText(final) });
  const isClients = isOwn && half === progress.client;
  return {
    outcome: "failed",
    cause: "data-connection-reset",
    // A user may stop a download; of an upload under TLS the server may have all but not have acknowledged it yet.
    confidence: isClients && (half === progress.receiver || channel.hidden) ? "possible" : "likely",
    facts,
    situation: isOwn ? "own-reset" : null,
  };
};

/** Whether the end whose own host reset had another reason for it, or may have had one that nobody can read. */
function hasReason({ session, channel }: ChannelContext, progress: DataProgress): boolean {
  const { sender, client, server } = progress;
  const { half, reset } = progress.cutBy!;
  // It gave up what had stopped long before: why it had stopped is the question (`data-stalled`, `mtu-blackhole`).
  if (stoppedBefore(progress, reset)) return true;
  // A client that is gone has left a server which can only reset what still comes.
  const { finPacket } = session.client;
  if (finPacket !== 0 && finPacket < reset.packet) return true;
  // The capture has only the beginning of what the server says of it, or of a handshake that the end which resets had given up.
  const { transfer } = channel;
  if (half === server && !(transfer && isPositive(transfer)) && transfer?.final?.cut) return true;
  if (mayBeHandshake(progress)) return true;
  // An upload of which the server's host has all: so ends a client that closes with session tickets unread (RFC 8446 section 4.6.1).
  if (half === sender) return channel.hidden && half === client && hasTickets(progress) && sender.unacknowledged === 0;
  // A user who stops a download.
  if (channel.hidden && half === client) return true;
  // All that was sent had been acknowledged, or the sender had finished: the FIN before it, or the acknowledgment, may only be lost.
  const sentAll =
    sender.unacknowledged === 0 ||
    reset.acknowledges >= sender.highest ||
    (sender.finPacket !== 0 && sender.finPacket < reset.packet);
  if (channel.hidden && sentAll) return true;
  // It had closed and said why before it reset what still came; under TLS nobody can read what it said.
  const hasFin = half.finPacket !== 0 && half.finPacket < reset.packet;
  if (!hasFin && !endedByCloseNotify(progress.records, half, progress.connection)) return false;
  return (
    channel.hidden || (transfer?.final != null && !isPositive(transfer) && transfer.final.stamp.packet < reset.packet)
  );
}

/** The server's TLS gives out session tickets after the handshake. */
function hasTickets({ records }: DataProgress): boolean {
  return (records.serverHello?.version ?? 0) >= TLS_1_3;
}

/** Of its records the snaplen left too little to tell how far TLS came, and they are no more than a handshake may have. */
function mayBeHandshake(progress: DataProgress): boolean {
  const { tls, client, server } = progress;
  return tls && client.highest + server.highest <= HANDSHAKE_BYTES && recordBlindness(progress) === "snaplen-cut";
}
