import { formatEndpoint } from "../../address.ts";
import type { HalfConnection } from "../../tcp/half-connection.ts";
import { answerLostFact, isAnswerLost } from "../attempt.ts";
import { losesTail, neverArrived, oneSided } from "../blind-spots.ts";
import type { Cause } from "../cause.ts";
import type { ChannelContext, ChannelRule } from "../context.ts";
import {
  type DataProgress,
  HIDDEN_SILENCE_SECONDS,
  isRetransmittingInVain,
  progressOf,
  type Starved,
  starved,
  windowShutFor,
  ZERO_WINDOW_SECONDS,
} from "../data-progress.ts";
import { resetOrigin } from "../packet-origin.ts";
import { ANSWER_LOST, type Situation } from "../remedy.ts";
import { isSilent } from "../silence.ts";
import type { Alternative, Fact } from "../verdict.ts";
import { replyText, secondsText } from "../wording.ts";

export const cause = {
  id: "data-stalled",
  group: "Transfer",
  traits: [],
  title: "the data connection stalls during the transfer",
  meaning:
    "The data connection was established and then nothing got through any more, or the receiver kept its window closed.",
  remedy: [
    "If packets are lost, look at the path (firewall state, link, both directions by the same route); if the window is zero, at the receiving end (disk, process).",
  ],
  situations: {
    "answer-lost": { remedy: [ANSWER_LOST] },
    "window-closed": {
      remedy: ["Look at the receiving end: a full disk, a program that hangs, or whatever it hands the data to."],
    },
  },
} as const satisfies Cause;

/**
 * Established, and then one direction only repeats itself, nothing arrives any more, or the receiver keeps its window closed. Slow but
 * moving is no stall; a zero window is the receiver's doing and is said so.
 */
export const rule: ChannelRule = (context) => {
  const { channel, session } = context;
  const progress = progressOf(channel, session);
  if (!progress) return undefined;
  const { sender, receiver, connection, cutBy } = progress;
  // Nothing was ever said on a connection to another port than negotiated: that is what is wrong with it (`data-port-translated`).
  if (channel.connection?.match === "port-differs" && sender.bytes + receiver.bytes === 0) return undefined;
  const final = channel.transfer?.final;
  const said = final ? [{ packet: final.stamp.packet, says: replyText(final) }] : [];
  if (isAnswerLost(connection))
    return {
      outcome: "failed",
      cause: "data-stalled",
      confidence: "likely",
      facts: [answerLostFact(connection, session), ...said],
      situation: "answer-lost",
    };
  const stall = stallOf(context, progress);
  if (!stall) return undefined;
  const cut = cutBy
    ? [
        {
          packet: cutBy.reset.packet,
          says: `a RST in the ${nameOf(cutBy.half, progress)} name ends it: ${resetOrigin(cutBy.reset, cutBy.half).text}`,
        },
      ]
    : [];
  const alternatives: Alternative[] = [];
  if (sender.bytes === 0 || sender.unseen > 0 || stall.isLost)
    alternatives.push({
      cause: "mtu-blackhole",
      missing: "a capture at the sender: whether it repeats full-size segments",
    });
  // With the window open and nothing repeated it may have been a pause, and the RST what went wrong.
  const mayHavePaused = cutBy !== null && !stall.isInVain && receiver.zeroWindowTime === 0;
  if (mayHavePaused)
    alternatives.push({
      cause: "data-connection-reset",
      missing: "the logs of both ends: a device that ends connections which pause may bear a host's own TTL",
    });
  const gaveUp = mayHavePaused && cutBy.half === receiver;
  return {
    outcome: "failed",
    cause: "data-stalled",
    confidence: !stall.isProven && (channel.hidden || gaveUp) ? "possible" : "likely",
    facts: [stall.fact, ...cut, ...said],
    situation: stall.situation,
    alternatives,
  };
};

/** How a connection stands still. */
interface Stall {
  readonly fact: Fact;
  readonly situation: Situation | null;
  /** The same data is sent again and again. */
  readonly isInVain: boolean;
  /** Sequence numbers tell of bytes that never arrived. */
  readonly isLost: boolean;
  /** Packets show that data is lost: it is no pause. */
  readonly isProven: boolean;
}

/** What shows that the connection stands still: repetition before a closed window, that before what is missing, that before silence. */
function stallOf(context: ChannelContext, progress: DataProgress): Stall | undefined {
  const { channel, session } = context;
  const { sender, receiver } = progress;
  const by = (fact: Fact, more: Partial<Stall> = {}): Stall => ({
    fact,
    situation: null,
    isInVain: false,
    isLost: false,
    isProven: false,
    ...more,
  });
  const inVain = [sender, receiver].find((half) => isRetransmittingInVain(half));
  const unarrived = channel.hidden ? starved(progress, session) : undefined;
  const isLost = unarrived !== undefined;
  if (inVain) return by(repetitionFact(inVain), { isInVain: true, isLost, isProven: true });
  const shut = windowShutFor(progress);
  if (shut >= ZERO_WINDOW_SECONDS)
    return by(
      {
        packet: receiver.zeroWindowPacket,
        says: `${formatEndpoint(receiver)} keeps its receive window at zero for ${secondsText(shut)}: the receiver stopped reading`,
      },
      { situation: "window-closed", isLost, isProven: unarrived?.proven === true },
    );
  if (unarrived) return by(lossFact(unarrived, progress), { isLost, isProven: unarrived.proven });
  if (neverArrived(progress))
    return by({
      packet: sender.finPacket,
      says: `the sender's FIN is here, ${sender.unseen} bytes before it never arrived`,
    });
  // Of what moves where the capture does not look nothing is known. (A hole that was acknowledged before the silence speaks of nothing in it.)
  if (isHandshakeAlone(progress) || oneSided(progress) || losesTail(progress)) return undefined;
  const silence = silenceOf(context, progress);
  if (progress.complete || !isSilent(context) || (channel.hidden && silence < HIDDEN_SILENCE_SECONDS)) return undefined;
  return by(silenceFact(progress, silence));
}

function repetitionFact(half: HalfConnection): Fact {
  return {
    packet: half.stalledFirstPacket,
    says: `${formatEndpoint(half)} repeats the same data ${half.stalledRetransmissions} times over ${secondsText(half.stalledLastTime - half.stalledFirstTime)}, never acknowledged`,
  };
}

function lossFact(unarrived: Starved, { sender, receiver }: DataProgress): Fact {
  return {
    packet: unarrived.packet,
    says: `${formatEndpoint(sender)} has sent ${unarrived.bytes} bytes before this packet that never arrived; ${unarrived.proven ? `${formatEndpoint(receiver)} closes without them` : "the client leaves"} after ${secondsText(unarrived.seconds)}`,
  };
}

/** Nothing follows the SYN-ACK, and nobody repeats it: the rest went past the capture, as it does where a filter keeps SYNs alone. */
function isHandshakeAlone({ connection: { originator, responder } }: DataProgress): boolean {
  if (originator.synCount === 0 || responder.synCount === 0) return false;
  return originator.packets === originator.synCount && responder.packets === responder.synCount;
}

/** Seconds from the last new data to the end of what is seen of the session. */
function silenceOf({ session: { control } }: ChannelContext, { connection }: DataProgress): number {
  const { originator, responder, lastTime } = connection;
  return (
    Math.max(control.lastTime, lastTime) -
    Math.max(originator.lastNewPayloadTime, responder.lastNewPayloadTime, responder.synTime)
  );
}

function silenceFact({ sender, receiver, connection }: DataProgress, silence: number): Fact {
  return {
    packet: sender.lastNewPayloadPacket || receiver.lastNewPayloadPacket || connection.firstPacket,
    says:
      sender.bytes > 0
        ? `the last data after ${sender.bytes} bytes; then nothing arrives for ${secondsText(silence)}, ${whoStopped(sender, receiver)}`
        : `established, and no data arrives for ${secondsText(silence)}`,
  };
}

function nameOf(half: HalfConnection, { client }: DataProgress): string {
  return half === client ? "client's" : "server's";
}

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
