import { isPositive } from "../../correlate/data-channel.ts";
import { TLS_1_3 } from "../../tls/hello.ts";
import { recordBlindness } from "../blind-spots.ts";
import type { Cause } from "../cause.ts";
import type { ChannelRule } from "../context.ts";
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
  const { sender } = progress;
  const origin = resetOrigin(reset, half);
  // An end that gave up what had stopped long before: why it had stopped is the question (`data-stalled`, `mtu-blackhole`).
  if (origin.who === "host" && stoppedBefore(progress, reset)) return undefined;
  // A client that is gone has left a server which can only reset what still comes.
  const { finPacket } = session.client;
  const hadLeft = finPacket !== 0 && finPacket < reset.packet;
  if (hadLeft && origin.who === "host") return undefined;
  const isClients = half === progress.client && origin.who === "host";
  const gaveUp = isClients && half === progress.receiver;
  if (gaveUp && channel.hidden) return undefined;
  // All that was sent had been acknowledged, or the sender had finished, and the receiver's own host resets: the FIN before it, or the
  // acknowledgment, may only be lost.
  const sentAll =
    sender.unacknowledged === 0 ||
    reset.acknowledges >= sender.highest ||
    (sender.finPacket !== 0 && sender.finPacket < reset.packet);
  if (channel.hidden && half === progress.receiver && origin.who === "host" && sentAll) return undefined;
  // An upload of which the server's host has all: so ends a client that closes with session tickets unread (RFC 8446 section 4.6.1).
  const hasTickets = (progress.records.serverHello?.version ?? 0) >= TLS_1_3;
  if (channel.hidden && isClients && half === sender && hasTickets && sender.unacknowledged === 0) return undefined;
  // The capture has only the beginning of what the server says of it, or of a handshake that the end which resets had given up.
  const isServers = half === progress.server && origin.who === "host";
  if (isServers && !confirmed && channel.transfer?.final?.cut) return undefined;
  if (origin.who === "host" && mayBeHandshake(progress)) return undefined;
  // The receiver had closed and said why before it reset what still came; under TLS nobody can read what it said.
  const final = channel.transfer?.final ?? null;
  const hasFin = half.finPacket !== 0 && half.finPacket < reset.packet;
  const closed =
    half === progress.receiver && (hasFin || endedByCloseNotify(progress.records, half, progress.connection));
  const saidWhy = channel.hidden || (final !== null && !confirmed && final.stamp.packet < reset.packet);
  if (closed && saidWhy && origin.who === "host") return undefined;
  const who = half === progress.client ? "client's" : "server's";
  const before = half === sender ? reset.bytesBefore : reset.otherBytesBefore;
  const facts = [
    {
      packet: reset.packet,
      says: `RST in the ${who} name after ${before} bytes of data, before their end: ${origin.text}`,
    },
  ];
  if (final) facts.push({ packet: final.stamp.packet, says: replyText(final) });
  return {
    outcome: "failed",
    cause: "data-connection-reset",
    // So may one whose last bytes the server had not acknowledged yet.
    confidence: gaveUp || (isClients && channel.hidden) ? "possible" : "likely",
    facts,
    situation: origin.who === "host" ? "own-reset" : null,
  };
};

/** Of its records the snaplen left too little to tell how far TLS came, and they are no more than a handshake may have. */
function mayBeHandshake(progress: DataProgress): boolean {
  const { tls, client, server } = progress;
  return tls && client.highest + server.highest <= HANDSHAKE_BYTES && recordBlindness(progress) === "snaplen-cut";
}
