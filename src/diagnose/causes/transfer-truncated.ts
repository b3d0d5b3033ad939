import type { ChannelRule } from "../context.ts";
import { progressOf } from "../data-progress.ts";
import { announcedSize, isPositive, isTruncated } from "../outcome.ts";
import { replyText } from "../wording.ts";

/** Fewer bytes than announced, the stream's end seen, and 226 all the same. Silent with REST, ASCII type and TLS (`outcome.ts`). */
export const rule: ChannelRule = (context) => {
  const { channel, session } = context;
  if (!channel.transfer || !isPositive(channel.transfer) || !isTruncated(context)) return undefined;
  const progress = progressOf(channel, session)!;
  return {
    outcome: "failed",
    cause: "transfer-truncated",
    confidence: "likely",
    facts: [
      { packet: channel.transfer.replies[0].stamp.packet, says: replyText(channel.transfer.replies[0]) },
      {
        packet: progress.sender.finPacket,
        says: `the data ends after ${progress.sender.finAt} of ${announcedSize(channel.transfer)} bytes`,
      },
    ],
  };
};
