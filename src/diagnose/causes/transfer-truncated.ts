import { formatEndpoint } from "../../address.ts";
import { isPositive } from "../../correlate/data-channel.ts";
import type { Cause } from "../cause.ts";
import type { ChannelRule } from "../context.ts";
import { progressOf, stoodStill } from "../data-progress.ts";
import { announcedSize, isCutShort, isTruncated } from "../file-length.ts";
import type { Fact } from "../verdict.ts";
import { replyText } from "../wording.ts";

export const cause = {
  id: "transfer-truncated",
  group: "Transfer",
  traits: [],
  title: "fewer bytes were transferred than announced",
  meaning:
    "The connection carried fewer bytes than the server announced, and yet the transfer ended as if it were complete.",
  remedy: [
    "Transfer the file again and compare sizes; look for a proxy or inspection on the path that ends connections early.",
  ],
} as const satisfies Cause;

/**
 * Fewer bytes than announced (by the 150, or by SIZE), closed in order with a FIN, and 226 all the same, or nothing more from a server that
 * closed it before the client did. Silent with REST, ASCII type and TLS (`file-length.ts`), and where a RST cut the stream:
 * `data-connection-reset`, which is asked first.
 */
export const rule: ChannelRule = (context) => {
  const { channel, session } = context;
  const { transfer } = channel;
  if (!transfer || !(isPositive(transfer) ? isTruncated(context) : isCutShort(context))) return undefined;
  const progress = progressOf(channel, session)!;
  const { sender } = progress;
  if (sender.finAt < 0) return undefined;
  // A server that gives up what stood still (ProFTPD's TimeoutStalled) did not cut it short: why it stood still is the question (`data-stalled`).
  if (!isPositive(transfer) && stoodStill(progress)) return undefined;
  const announced = announcedSize(session, transfer)!;
  const bySize = announced.reply.code === 213;
  const facts: Fact[] = [
    { packet: announced.reply.stamp.packet, says: `${bySize ? "SIZE: " : ""}${replyText(announced.reply)}` },
    {
      packet: sender.finPacket,
      says: `FIN from ${formatEndpoint(sender)}: the data ends after ${sender.finAt} of ${announced.isLeast ? "at least " : ""}${announced.bytes} bytes`,
    },
  ];
  if (transfer.final && transfer.final !== announced.reply)
    facts.push({ packet: transfer.final.stamp.packet, says: replyText(transfer.final) });
  // Between SIZE and RETR the file itself may have become shorter; 150 speaks of what was opened.
  return { outcome: "failed", cause: "transfer-truncated", confidence: bySize ? "possible" : "likely", facts };
};
