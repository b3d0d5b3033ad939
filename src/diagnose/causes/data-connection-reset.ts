import type { ChannelRule } from "../context.ts";
import { progressOf } from "../data-progress.ts";
import { resetOrigin } from "../reset-origin.ts";
import { replyText } from "../wording.ts";

/**
 * A RST after data flowed, before the sender had finished and without a clean 226. A RST after the last byte, after close_notify, or
 * after ABOR is no failure.
 */
export const rule: ChannelRule = ({ channel, session }) => {
  const progress = progressOf(channel, session);
  if (!progress?.cutBy || progress.sender.bytes + progress.receiver.bytes === 0) return undefined;
  const { half, reset } = progress.cutBy;
  const origin = resetOrigin(reset, half);
  const who = half === progress.client ? "client's" : "server's";
  const facts = [
    {
      packet: reset.packet,
      says: `RST in the ${who} name after ${progress.sender.bytes} bytes, before the end of the data: ${origin.text}`,
    },
  ];
  const final = channel.transfer?.final;
  if (final) facts.push({ packet: final.stamp.packet, says: replyText(final) });
  return { outcome: "failed", cause: "data-connection-reset", confidence: "likely", facts };
};
