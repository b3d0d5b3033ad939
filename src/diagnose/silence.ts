import { ANSWER_SECONDS } from "./attempt.ts";
import { losesTail, losesWordsBetween } from "./blind-spots.ts";
import type { ChannelContext } from "./context.ts";
import { type DataProgress, progressOf, SILENCE_SECONDS } from "./data-progress.ts";

/** Data connections on which nothing moves any more: who has given up, and who may only pause. */

/** Nothing moved on the data connection for long before the client gave up or the session ended. */
export function isSilent(context: ChannelContext): boolean {
  const { session, channel } = context;
  const connection = channel.connection!.connection;
  const { originator, responder } = connection;
  const moved = Math.max(
    originator.lastNewPayloadTime,
    responder.lastNewPayloadTime,
    originator.synTime,
    responder.synTime,
    connection.firstTime,
  );
  // A FIN behind bytes that are not here is no end of what moves: they may still come.
  const closed = ({ unseen, finTime }: typeof originator) => (unseen === 0 && finTime) || Infinity;
  const ended = Math.min(
    closed(originator),
    closed(responder),
    originator.resets[0]?.time ?? Infinity,
    responder.resets[0]?.time ?? Infinity,
  );
  if (ended !== Infinity) return ended - moved >= SILENCE_SECONDS;
  if (mayGoOnUnseen(context)) return false;
  return Math.max(session.control.lastTime, connection.lastTime) - moved >= SILENCE_SECONDS;
}

/** That nobody says more on the data connection, or closes it, is not sure: the capture lost words of the control connection since. */
export function mayGoOnUnseen({ session, channel }: ChannelContext): boolean {
  return losesTail(session) || losesWordsBetween(session, channel.connection!.connection.lastPacket, Infinity);
}

/** A keep-alive, or what answers it, this long after the last data shows that the path lives (seconds). */
const ALIVE_SECONDS = 1;

/** The capture ends in a pause: nobody has closed, all is acknowledged, and the path is seen to live. */
export function mayGoOn({ session }: ChannelContext, { sender, receiver }: DataProgress): boolean {
  const { client, server } = session;
  const ended = [client, server, sender, receiver].some((half) => half.ended);
  if (ended || !session.atCaptureEnd || sender.bytes === 0 || sender.unacknowledged > 0 || receiver.window === 0)
    return false;
  return [sender, receiver].every((half) => half.lastTime - sender.lastNewPayloadTime >= ALIVE_SECONDS);
}

/**
 * The receiver closed the data connection under the sender, and that was acknowledged, or had to be repeated: the connection was still open, so no
 * reset had come, or came then, that the capture may lack.
 */
export function isGivenUp({ session, channel }: ChannelContext): boolean {
  const { sender, receiver } = progressOf(channel, session)!;
  return sender.finPacket === 0 && (receiver.finAcked || receiver.finCount > 1);
}

/** The receiver or the client has closed, and the capture goes on long enough for what could answer that. */
export function isLeft({ session, capture }: ChannelContext, { connection, receiver }: DataProgress): boolean {
  const left = receiver.finPacket !== 0 || session.client.finPacket !== 0;
  return left && capture.now - connection.lastTime >= ANSWER_SECONDS;
}
