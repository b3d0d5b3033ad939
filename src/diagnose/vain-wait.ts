import type { NegotiationFacts } from "../correlate/data-channel.ts";
import type { SessionFacts } from "../correlate/session-facts.ts";
import { endsInBareLf, isKnownVerb, isNegotiation, isTransfer } from "../ftp/command.ts";
import type { CommandEvent, ControlEvent } from "../ftp/control-event.ts";
import { type Exchange, isAsked } from "../ftp/exchange.ts";
import { FTP_PORT } from "../ports.ts";
import { type LostBytes, lostOnTheWay, spokeUnseen } from "./blind-spots.ts";
import { SILENCE_SECONDS } from "./data-progress.ts";

/**
 * A client that waits for a word of the server and leaves has given up after so much silence (seconds). Seen are time-outs of 5 s, and of 8 to 12; a scanner
 * waits 5 to 6 for a greeting.
 */
export const VAIN_WAIT_SECONDS = 8;

/** For the answer to a negotiation clients wait at least so long (seconds; in recordings 5, or 8 to 12): one that leaves sooner has changed its mind. */
export const PATIENCE_SECONDS = 5;

/** What the client waited for in vain until it left. */
export interface VainWait {
  /** The SYN-ACK, or what the client said, since when there was nothing but silence. */
  readonly packet: number;
  readonly seconds: number;
  /** Null: the greeting, or whatever answers a client that speaks first. */
  readonly command: CommandEvent | null;
  /** The server spoke when the client had left. */
  readonly cameLate: boolean;
}

/**
 * Whether the client left because the server, whose host is there, said nothing any more. Silent of commands that negotiate or transfer, of
 * which other rules know more, of QUIT, for whose answer nobody waits, and wherever the server may have spoken past this capture.
 */
export function vainWait(session: SessionFacts): VainWait | null {
  const { client, server } = session;
  const left = client.finTime;
  // A FIN that nobody acknowledges: the host, or the path, is gone.
  if (!client.finAcked || spokeUnseen(server) || (server.finPacket !== 0 && server.finTime <= left)) return null;
  // Who shuts down one direction and reads on has not left; a closed socket acknowledges nothing more.
  const cameLate = server.lastNewPayloadTime > left;
  if (cameLate && server.acked >= server.highest) return null;
  const heardAt = lastHeard(session, left);
  // So with nearly every session, and at once.
  if (left - heardAt < VAIN_WAIT_SECONDS) return null;
  const since = heardAt === 0 ? firstWait(session) : replyWait(session, left);
  if (since === null || heardAt > since.time) return null;
  // Until it had arrived nothing could be said to it.
  const repeated = client.stalledLastPacket >= since.packet ? client.stalledLastTime : 0;
  const seconds = left - Math.max(since.time, repeated);
  return seconds < VAIN_WAIT_SECONDS ? null : { packet: since.packet, command: since.command, seconds, cameLate };
}

/**
 * How long the client waited for the answer to a command that is acknowledged, until it left (seconds): the server's TCP lives, its FTP says nothing.
 * Null where that is not seen, or was less than `least`, or where the server may wait for the end of the line.
 */
export function waitForAnswer({ client }: SessionFacts, command: CommandEvent, least: number): number | null {
  const { endAt, stamp } = command;
  if (endsInBareLf(command) || client.acked < endAt || client.finPacket === 0 || !client.finAcked) return null;
  const seconds = client.finTime - stamp.time;
  return seconds < least ? null : seconds;
}

/**
 * Whether a server may still be dialling for a PORT that it has got and not answered: some dial first (pyftpdlib, tcllib). An answer that was sent and
 * did not arrive is no such silence.
 */
export function mayBeDialling(session: SessionFacts, { mode, command, reply }: NegotiationFacts): boolean {
  if (mode !== "active" || command === null || reply !== null || spokeUnseen(session.server)) return false;
  return waitForAnswer(session, command, PATIENCE_SECONDS) !== null;
}

/**
 * When the server spoke last before the client left (seconds): 0 where it had not. Bytes tell, words where it spoke behind that too; infinite where what
 * it said then made no words, and so what else it said may have made none.
 */
function lastHeard({ server, events }: SessionFacts, left: number): number {
  if (server.lastNewPayloadTime <= left) return server.lastNewPayloadTime;
  if (server.firstPayloadTime > left) return 0;
  let heardAt = server.firstPayloadTime;
  let spokeLater = false;
  for (const event of events) {
    const at = wordsOfServerAt(event);
    if (at === null) continue;
    if (at > left) spokeLater = true;
    else if (at > heardAt) heardAt = at;
  }
  return spokeLater ? heardAt : Number.POSITIVE_INFINITY;
}

/** What is waited for: since which packet, and when that was (seconds). */
interface Since {
  readonly packet: number;
  readonly time: number;
  readonly command: CommandEvent | null;
}

/** The server has said nothing at all: its greeting, or its answer to FTP or TLS that the client began with. */
function firstWait({ client, server, events }: SessionFacts): Since | null {
  // A SYN-ACK that comes again says that the server has not heard that it arrived.
  if (server.synCount !== 1) return null;
  // On other control ports it may be no FTP, or the client that speaks first.
  if (client.firstPayloadPacket === 0)
    return server.port === FTP_PORT ? { packet: server.synPacket, time: server.synTime, command: null } : null;
  const words = events.find((event) => event.kind === "tls-hello" || event.kind === "command");
  const isFtp =
    words?.kind === "tls-hello" ? words.direction === "client" : words !== undefined && isWhole(words as CommandEvent);
  return isFtp ? { packet: client.firstPayloadPacket, time: client.firstPayloadTime, command: null } : null;
}

/** A command of FTP, to its line end: before that a server has nothing to answer, and to some LF alone is none. */
export function isWhole(command: CommandEvent): boolean {
  return !command.cut && isKnownVerb(command.verb) && !endsInBareLf(command);
}

/** The commands at the end of the session that nobody answered until the client left: the first of them. */
function replyWait({ exchanges }: SessionFacts, left: number): Since | null {
  const asked = exchanges.filter(isAsked);
  const from = asked.findLastIndex((exchange) => !isUnanswered(exchange, left)) + 1;
  // What is said in leaving is not waited for.
  const to = asked.findLastIndex(({ command }) => command.verb !== "QUIT") + 1;
  const waiting = asked.slice(from, to);
  if (waiting.length === 0) return null;
  if (waiting.some(({ command, replyLost }) => replyLost || !isWhole(command) || isOthers(command.verb))) return null;
  // A server inside a transfer answers nothing else; one that has said goodbye nothing at all.
  const busy = ({ command, final }: Exchange) =>
    isTransfer(command!.verb) && (final === null || final.firstStamp.time > left);
  if (asked.slice(0, from).some(busy)) return null;
  if (exchanges.some(({ final }) => (final?.code === 221 || final?.code === 421) && final.firstStamp.time <= left))
    return null;
  const [{ command }] = waiting;
  return { packet: command.stamp.packet, time: command.stamp.time, command };
}

/**
 * What the server said never arrives though what it said behind that does, and the client, which still acknowledges no more than what came before, gives
 * up: a stack repeats several times meanwhile what is lost. Null where the capture may lack it.
 */
export function unfilledHole({ control, client, server }: SessionFacts): (LostBytes & { seconds: number }) | null {
  const lost = server.missing > 0 && client.finPacket !== 0 ? lostOnTheWay({ connection: control }, server) : null;
  if (!lost || client.finAcknowledged > server.wholeUpTo) return null;
  const seconds = client.finTime - server.lastNewPayloadTime;
  return seconds >= SILENCE_SECONDS ? { ...lost, seconds } : null;
}

/** No word of a reply until then. */
function isUnanswered({ replies, final }: Exchange, left: number): boolean {
  return [...replies, ...(final ? [final] : [])].every(({ firstStamp }) => firstStamp.time > left);
}

/** Verbs whose silence is told of a data channel. */
function isOthers(verb: string): boolean {
  return isTransfer(verb) || isNegotiation(verb) || verb === "ABOR";
}

/** When the server said this, or began to (seconds); null for what it did not say. */
function wordsOfServerAt(event: ControlEvent): number | null {
  if (event.kind === "reply") return event.firstStamp.time;
  return event.kind !== "command" && event.direction === "server" ? event.stamp.time : null;
}
