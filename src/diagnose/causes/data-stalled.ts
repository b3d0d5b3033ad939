import type { HalfConnection } from "../../tcp/half-connection.ts";
import { answerLostFact, isAnswerLost } from "../attempt.ts";
import { neverArrived } from "../blind-spots.ts";
import type { Situation } from "../cause.ts";
import type { ChannelRule } from "../context.ts";
import {
  HIDDEN_SILENCE_SECONDS,
  isRetransmittingInVain,
  progressOf,
  starved,
  ZERO_WINDOW_SECONDS,
} from "../data-progress.ts";
import { resetOrigin } from "../packet-origin.ts";
import { isSilent } from "../silence.ts";
import type { Alternative, Fact } from "../verdict.ts";
import { endpointText, replyText, secondsText } from "../wording.ts";

/**
 * Established, and then one direction only repeats itself, nothing arrives any more, or the receiver keeps its window closed. Slow but
 * moving is no stall; a zero window is the receiver's doing and is said so.
 */
export const rule: ChannelRule = (context) => {
  const { channel, session } = context;
  const progress = progressOf(channel, session);
  if (!progress) return undefined;
  const { sender, receiver, connection } = progress;
  // Nothing was ever said on a connection to another port than negotiated: that is what is wrong with it (`data-port-translated`).
  if (channel.connection?.match === "port-differs" && sender.bytes + receiver.bytes === 0) return undefined;
  const final = channel.transfer?.final;
  if (isAnswerLost(connection))
    return {
      outcome: "failed",
      cause: "data-stalled",
      confidence: "likely",
      facts: [
        answerLostFact(connection, session),
        ...(final ? [{ packet: final.stamp.packet, says: replyText(final) }] : []),
      ],
      situation: "answer-lost",
    };
  const facts: Fact[] = [];
  let situation: Situation | null = null;
  const inVain = [sender, receiver].find((half) => isRetransmittingInVain(half));
  const unarrived = channel.hidden ? starved(progress, session) : undefined;
  const zero = Math.max(
    receiver.zeroWindowLongest,
    receiver.zeroWindowTime > 0 ? connection.lastTime - receiver.zeroWindowTime : 0,
  );
  if (inVain) {
    facts.push({
      packet: inVain.stalledFirstPacket,
      says: `${endpointText(inVain)} repeats the same data ${inVain.stalledRetransmissions} times over ${secondsText(inVain.stalledLastTime - inVain.stalledFirstTime)}, never acknowledged`,
    });
  } else if (zero >= ZERO_WINDOW_SECONDS) {
    situation = "window-closed";
    facts.push({
      packet: receiver.zeroWindowPacket,
      says: `${endpointText(receiver)} keeps its receive window at zero for ${secondsText(zero)}: the receiver stopped reading`,
    });
  } else if (unarrived) {
    facts.push({
      packet: unarrived.packet,
      says: `${endpointText(sender)} has sent ${unarrived.bytes} bytes before this packet that never arrived; ${unarrived.proven ? `${endpointText(receiver)} closes without them` : "the client leaves"} after ${secondsText(unarrived.seconds)}`,
    });
  } else if (neverArrived(progress)) {
    facts.push({
      packet: sender.finPacket,
      says: `the sender's FIN is here, ${sender.unseen} bytes before it never arrived`,
    });
  } else if (
    !progress.complete &&
    isSilent(context) &&
    (!channel.hidden || silence(context) >= HIDDEN_SILENCE_SECONDS)
  ) {
    const moved = sender.lastNewPayloadPacket || receiver.lastNewPayloadPacket || connection.firstPacket;
    facts.push({
      packet: moved,
      says:
        sender.bytes > 0
          ? `the last data after ${sender.bytes} bytes; then nothing arrives for ${secondsText(silence(context))}, ${whoStopped(sender, receiver)}`
          : `established, and no data arrives for ${secondsText(silence(context))}`,
    });
  } else return undefined;
  const { cutBy } = progress;
  if (cutBy) {
    const who = cutBy.half === progress.client ? "client's" : "server's";
    const { text } = resetOrigin(cutBy.reset, cutBy.half);
    facts.push({ packet: cutBy.reset.packet, says: `a RST in the ${who} name ends it: ${text}` });
  }
  if (final) facts.push({ packet: final.stamp.packet, says: replyText(final) });
  const alternatives: Alternative[] = [];
  if (sender.bytes === 0 || sender.unseen > 0 || unarrived)
    alternatives.push({
      cause: "mtu-blackhole",
      missing: "a capture at the sender: whether it repeats full-size segments",
    });
  // With the window open and nothing repeated it may have been a pause, and the RST what went wrong.
  const mayHavePaused = cutBy !== null && !inVain && receiver.zeroWindowTime === 0;
  if (mayHavePaused)
    alternatives.push({
      cause: "data-connection-reset",
      missing: "the logs of both ends: a device that ends connections which pause may bear a host's own TTL",
    });
  const gaveUp = mayHavePaused && cutBy.half === receiver;
  return {
    outcome: "failed",
    cause: "data-stalled",
    confidence: !inVain && !unarrived?.proven && (channel.hidden || gaveUp) ? "possible" : "likely",
    facts,
    situation,
    alternatives,
  };

  function silence({ channel: { connection: matched }, session: { control } }: typeof context): number {
    const { originator, responder, lastTime } = matched!.connection;
    return (
      Math.max(control.lastTime, lastTime) -
      Math.max(originator.lastNewPayloadTime, responder.lastNewPayloadTime, responder.synTime)
    );
  }
};

/** What silence tells of the two ends: loss on the way, or a sender that stopped though it might go on. */
function whoStopped(sender: HalfConnection, receiver: HalfConnection): string {
  if (sender.unacknowledged > 0)
    return `and ${sender.unacknowledged} bytes are not acknowledged: they, or their acknowledgment, were lost`;
  // RFC 7323 section 2.2: scaled only where both ends offered it.
  const scale = sender.windowScale >= 0 && receiver.windowScale >= 0 ? receiver.windowScale : 0;
  const window = receiver.window * 2 ** scale;
  return window > 0
    ? `though all is acknowledged and the window open (${window} bytes): the sender stopped, or what it sends is lost before this point`
    : "and all is acknowledged, with the window closed: the receiver stopped reading";
}
