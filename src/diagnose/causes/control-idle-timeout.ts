import type { SessionFacts } from "../../correlate/session-facts.ts";
import { isSealed } from "../../ftp/control-event.ts";
import { losesTail } from "../blind-spots.ts";
import type { Cause } from "../cause.ts";
import type { ChannelContext, ChannelRule, SessionRule } from "../context.ts";
import {
  type ControlEnd,
  controlEnd,
  DEAD_RETRANSMISSIONS,
  FORGET_SECONDS,
  FORGOTTEN_SECONDS,
  IDLE_SECONDS,
  isDeniedByDevice,
  PROVOKED_SECONDS,
  saidGoodbye,
} from "../control-end.ts";
import { isCloseNotify } from "../data-handshake.ts";
import { type DataProgress, progressOf } from "../data-progress.ts";
import { isForged, resetOrigin } from "../packet-origin.ts";
import type { Confidence, Fact, Verdict } from "../verdict.ts";
import { secondsText, timesText } from "../wording.ts";

export const cause = {
  id: "control-idle-timeout",
  group: "Control connection",
  traits: ["device"],
  title: "a NAT device or firewall forgets the idle control connection",
  meaning:
    "The control connection was idle during a long transfer or pause, and its next segment got no answer or a reset although the data arrived.",
  remedy: [
    "Let the client send TCP keep-alives or NOOP during transfers (curl --keepalive-time 60).",
    "Lengthen the TCP idle timeout on the NAT device or firewall beyond the longest transfer (Linux: nf_conntrack_tcp_timeout_established).",
  ],
} as const satisfies Cause;

/** A client that has not left says nothing by its waiting until it has waited for so long (seconds): servers that check or move a file take their time. */
const GIVEN_UP_SECONDS = 60;

/**
 * A NAT or firewall forgot the idle control connection: what is said next is repeated unanswered, or answered by a reset, or never
 * comes although the data has ended. A server that says 421 idle closed it itself.
 */
export const channelRule: ChannelRule = (context) => {
  const { channel, session } = context;
  const { transfer } = channel;
  const progress = progressOf(channel, session);
  if (!progress?.complete) return undefined;
  // At the server the last reply is in the capture; the client had it only if it was acknowledged.
  if (transfer?.final && transfer.final.endAt <= session.server.acked) return undefined;
  if (transfer === null && !channel.hidden) return undefined;
  const end = controlEnd(session);
  const isForgotten = transfer?.final != null && isDeniedByDevice(session, transfer.final);
  const died = deathFacts(end, session, isForgotten ? FORGOTTEN_SECONDS : IDLE_SECONDS);
  if (died.length > 0) {
    if (!isItsReply(context, progress, end)) return undefined;
    const isDoubtful = channel.hidden || (isForgotten && end.idleBefore < IDLE_SECONDS);
    return verdict(isDoubtful ? "possible" : confidenceOf(end), [completeFact(progress), ...died]);
  }
  const dataEnd = dataEndOf(progress);
  const mayOwe = !channel.hidden || owesReply(session, dataEnd);
  const goodbye = mayOwe ? unheardGoodbye(session, dataEnd) : null;
  if (!goodbye) return channel.hidden ? undefined : staysSilent(context, progress);
  const waited = session.client.finTime - lastServerWord(session);
  return verdict(channel.hidden ? "possible" : forgets(waited), [completeFact(progress), goodbye]);
};

/** When the data was complete (seconds). */
function dataEndOf({ sender }: DataProgress): number {
  return Math.max(sender.finTime, sender.lastNewPayloadTime);
}

/** Whether what the control connection died with is the reply to this transfer. */
function isItsReply(
  { channel, session }: ChannelContext,
  progress: DataProgress,
  { kind, reset }: ControlEnd,
): boolean {
  const { client, server } = session;
  const diedAt = Math.max(server.stalledFirstTime, client.stalledFirstTime, reset?.reset.time ?? 0);
  if (diedAt < progress.connection.firstTime) return false;
  // The server had the last word after the data, and the client had it: that was the reply, and what died later is another command's.
  return !channel.hidden || kind === "server-unheard" || lastServerWord(session) < dataEndOf(progress);
}

/** At the client nothing at all may come back: data long complete, the client waited, then left. */
function staysSilent({ session, capture }: ChannelContext, progress: DataProgress): Verdict | undefined {
  const dataEnd = dataEndOf(progress);
  const last = lastServerWord(session);
  const left = session.client.finTime;
  const waited = (left || capture.now) - dataEnd;
  if (session.server.lastTime > dataEnd || last > dataEnd || waited < IDLE_SECONDS) return undefined;
  // A connection that was not idle before is not forgotten: the server is slow. And nobody has given up yet.
  if (dataEnd - last < IDLE_SECONDS || (!left && waited < GIVEN_UP_SECONDS)) return undefined;
  const says = `the data is complete; the control connection stays silent for ${secondsText(waited)} after it`;
  return verdict(forgets(dataEnd - last), [{ packet: progress.sender.finPacket, says }]);
}

function verdict(confidence: Confidence, facts: readonly Fact[]): Verdict {
  return {
    outcome: "failed",
    cause: "control-idle-timeout",
    confidence,
    facts,
    alternatives: [
      { cause: "control-connection-lost", missing: "the NAT's or firewall's idle timer for established TCP" },
    ],
  };
}

function completeFact({ sender }: DataProgress): Fact {
  return { packet: sender.finPacket, says: `the data is complete: ${sender.bytes} bytes, closed in order` };
}

/**
 * The client waited for the reply in vain, and its FIN gets no answer, or a RST from a device that knows nothing of the connection: a server that is
 * merely slow acknowledges a FIN. @param dataEnd when the data was complete (seconds)
 */
function unheardGoodbye(session: SessionFacts, dataEnd: number): Fact | null {
  const { client, server } = session;
  const { finPacket, finTime, finAcked, finCount } = client;
  const waited = finTime - Math.max(dataEnd, lastServerWord(session));
  if (finPacket === 0 || finAcked || waited < IDLE_SECONDS) return null;
  const reset = server.resets.find(({ time }) => time >= finTime && time - finTime <= PROVOKED_SECONDS);
  const after = `after ${secondsText(waited)} without a reply the client leaves`;
  if (reset && isForged(reset, server)) {
    const { text } = resetOrigin(reset, server);
    return { packet: reset.packet, says: `${after}, and a RST answers its FIN: ${text}` };
  }
  if (finCount <= DEAD_RETRANSMISSIONS || server.lastTime >= finTime) return null;
  return { packet: finPacket, says: `${after}: its FIN is repeated ${timesText(finCount - 1)}, never acknowledged` };
}

/** Under TLS: since the client's last word, which was said before the data was complete, the server has said one at most. A transfer has two. */
function owesReply(session: SessionFacts, dataEnd: number): boolean {
  if (session.lostBytes || losesTail(session)) return false;
  const words = session.events.filter(isSealed).filter((record) => !isCloseNotify(record));
  const asked = words.findLastIndex(({ direction }) => direction === "client");
  return asked >= 0 && words[asked].stamp.time < dataEnd && words.length - asked <= 2;
}

/** The control connection died after a silence, and no transfer was under way that tells more. */
export const sessionRule: SessionRule = ({ session }) => {
  const end = controlEnd(session);
  const died = deathFacts(end, session);
  return died.length > 0 ? verdict(confidenceOf(end), died) : undefined;
};

/** A silence that no device forgets a connection for leaves the end of a host or of the path as likely as a timer. */
function forgets(idleSeconds: number): Confidence {
  return idleSeconds >= FORGET_SECONDS ? "likely" : "possible";
}

/** A reset that a device on the way makes up shows that it knows nothing of the connection, whatever its timer. */
function confidenceOf({ kind, idleBefore, reset }: ControlEnd): Confidence {
  return kind === "reset" && reset && isForged(reset.reset, reset.half) ? "likely" : forgets(idleBefore);
}

/** What shows that the control connection died after at least so much silence (seconds); empty where it did not, or the capture may lack its last words. */
function deathFacts(end: ControlEnd, session: SessionFacts, leastIdle = IDLE_SECONDS): Fact[] {
  if (end.idleBefore < leastIdle || (end.kind === "reset" && saidGoodbye(session))) return [];
  // The capture lacks what was said last, which may have been a goodbye and a FIN.
  if (losesTail(session)) return [];
  const idle = `after ${secondsText(end.idleBefore)} of silence`;
  if (end.kind === "client-unheard" || end.kind === "server-unheard") {
    const whose = end.kind === "client-unheard" ? "client's" : "server's";
    const says = `${idle} the ${whose} next words are repeated ${end.retransmissions} times, never acknowledged`;
    return [{ packet: end.packet, says }];
  }
  if (end.kind !== "reset") return [];
  const { reset, half } = end.reset!;
  const whose = isForged(reset, half) ? `: ${resetOrigin(reset, half).text}` : "";
  return [{ packet: end.packet, says: `${idle} a reset ends the control connection${whose}` }];
}

/** When the server said something last, in the clear or sealed (seconds); 0 where it said nothing. */
function lastServerWord({ events }: SessionFacts): number {
  let last = 0;
  for (const event of events) {
    const isServers = event.kind === "reply" || (event.kind === "tls-record" && event.direction === "server");
    if (isServers) last = Math.max(last, event.stamp.time);
  }
  return last;
}
