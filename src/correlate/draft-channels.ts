import { isTransfer, verbFacts } from "../ftp/command.ts";
import type { CommandEvent, ReplyEvent } from "../ftp/control-event.ts";
import { asksForTransfer, type Exchange, negotiates } from "../ftp/exchange.ts";
import {
  endpointOfReply,
  isEpsvAll,
  NEGOTIATIONS,
  type NegotiationVerb,
  type ParsedEndpoint,
  passiveVerbOf,
} from "../ftp/negotiation.ts";
import type { ChannelFacts, NegotiationFacts, TransferFacts } from "./data-channel.ts";
import type { SessionFacts } from "./session-facts.ts";

/** Whether an exchange negotiates a data connection, or asks for a transfer. */
export function concernsData(exchange: Exchange): boolean {
  if (exchange.command) return negotiates(exchange) || asksForTransfer(exchange);
  return verbOfReply(exchange.replies[0]) !== undefined;
}

/** A channel before any connection is tied to it. */
export type Draft = Pick<ChannelFacts, "negotiation" | "transfer" | "from" | "until" | "followedBy">;

/** One draft for each negotiation, with the transfer that used it. */
export function draftChannels(session: SessionFacts): Draft[] {
  const { exchanges } = session;
  const negotiations: { at: number; facts: NegotiationFacts }[] = [];
  let running: Exchange | null = null;
  exchanges.forEach((exchange, at) => {
    const facts = negotiationOf(exchange, running !== null && overlaps(running, exchange));
    if (facts) negotiations.push({ at, facts });
    if (asksForTransfer(exchange)) running = exchange;
  });
  const untils = nextGrants(negotiations);
  const drafts: Draft[] = [];
  const first = negotiations[0]?.at ?? exchanges.length;
  const missed = firstMissed(session);
  for (const draft of transfersWithout(exchanges.slice(0, first), missed)) drafts.push(draft);
  negotiations.forEach(({ at, facts }, i) => {
    const end = negotiations[i + 1]?.at ?? exchanges.length;
    const followedBy = exchanges.slice(at + 1, end);
    const transferAt = transferIn(followedBy, missed);
    const granted = facts.granted;
    const transfer = granted && transferAt >= 0 ? transferOf(exchanges, at + 1 + transferAt, end) : null;
    const grantedAt =
      facts.mode === "active" && facts.command ? facts.command.stamp : (facts.reply?.stamp ?? facts.command?.stamp);
    drafts.push({
      negotiation: facts,
      transfer,
      from: grantedAt ? grantedAt.time : session.control.firstTime,
      until: untils[i],
      followedBy,
    });
    if (transfer && facts.mode === "active") {
      for (const draft of unserved(facts, exchanges, at + 2 + transferAt, end))
        drafts.push({ ...draft, until: untils[i] });
    }
    // A passive listener serves one transfer. A negotiation that may have been granted, its reply being lost, has the transfer that follows.
    const refused = !granted && facts.reply !== null && !facts.replyLost;
    if (transferAt >= 0 && (granted || refused)) {
      const rest = followedBy.slice(granted ? transferAt + 1 : transferAt);
      if (facts.mode === "passive" || !granted) for (const draft of transfersWithout(rest, missed)) drafts.push(draft);
    }
  });
  return drafts;
}

/**
 * Which exchange behind a negotiation is the transfer that used it: the first; but one that was turned down before anything was opened for it
 * (550 to RETR, 500 to MLSD) leaves the data connection to the next, as vsftpd, Pure-FTPd and pyftpdlib have it.
 * @param missed packet behind which a negotiation of its own may be missing
 * @returns -1 when there is none
 */
function transferIn(followedBy: readonly Exchange[], missed: number): number {
  const first = followedBy.findIndex(asksForTransfer);
  if (first < 0 || !wasTurnedDown(followedBy[first])) return first;
  const next = followedBy.findIndex((exchange) => asksForTransfer(exchange) && !wasTurnedDown(exchange));
  if (next < 0 || followedBy[next].command!.stamp.packet >= missed) return first;
  return followedBy[next].replies.some(({ code }) => code < 300) ? next : first;
}

/** The command itself or its file (RFC 959 section 4.2): no word of the data connection (425, 426) nor of its protection (52x, 53x). */
const TURNED_DOWN: ReadonlySet<number> = new Set([450, 500, 501, 502, 504, 550, 553]);

/** Refused for what it asked, before a 1xx. */
function wasTurnedDown({ replies, final, replyLost }: Exchange): boolean {
  if (final === null || replyLost || replies.length > 1) return false;
  return TURNED_DOWN.has(final.code);
}

/**
 * RFC 959 lets one PORT serve several transfers, each with a connection of its own. Those for which the server could not open one (425) are
 * channels of their own; the others count with the first.
 */
function unserved(
  negotiation: NegotiationFacts,
  exchanges: readonly Exchange[],
  begin: number,
  end: number,
): Omit<Draft, "until">[] {
  const drafts: Omit<Draft, "until">[] = [];
  for (let at = begin; at < end; at++) {
    const { command, final } = exchanges[at];
    if (command === null || !asksForTransfer(exchanges[at]) || final?.code !== 425) continue;
    drafts.push({
      negotiation,
      transfer: transferOf(exchanges, at, end),
      from: command.stamp.time,
      followedBy: exchanges.slice(at + 1, Math.min(end, at + 1 + MAX_FOLLOWING)),
    });
  }
  return drafts;
}

/** The first packet behind which something that the client said is not in the capture; infinite when all is. */
function firstMissed({ control, client, events }: SessionFacts): number {
  if (control.midstream || !client.baseFromSyn) return 0;
  const hole = events.find((event) => event.kind === "gap" && event.direction === "client");
  return hole?.stamp.packet ?? Number.POSITIVE_INFINITY;
}

/** Exchanges behind a transfer without negotiation that are kept with it: all that come, for each of many, would be quadratic. */
const MAX_FOLLOWING = 64;

/**
 * Transfer commands that had no negotiation in force and were turned down for it or saw none of it. Behind a hole in what the client said
 * nothing is known of negotiations: silence.
 */
function transfersWithout(exchanges: readonly Exchange[], missed: number): Draft[] {
  const drafts: Draft[] = [];
  exchanges.forEach((exchange, at) => {
    if (!exchange.command || !asksForTransfer(exchange)) return;
    if (exchange.command.stamp.packet >= missed) return;
    // Only "no negotiation" itself is told here (425, 503): a transfer after a negotiation that the capture missed is not.
    if (exchange.final === null || (exchange.final.code !== 425 && exchange.final.code !== 503)) return;
    const time = exchange.command.stamp.time;
    drafts.push({
      negotiation: null,
      transfer: transferOf(exchanges, at),
      from: time,
      until: exchange.final.stamp.time,
      followedBy: exchanges.slice(at + 1, at + 1 + MAX_FOLLOWING),
    });
  });
  return drafts;
}

/** For each negotiation when the next one was granted (seconds); infinite where none was. */
function nextGrants(negotiations: readonly { facts: NegotiationFacts }[]): number[] {
  const untils = new Array<number>(negotiations.length);
  let until = Number.POSITIVE_INFINITY;
  for (let i = negotiations.length - 1; i >= 0; i--) {
    untils[i] = until;
    const { mode, granted, command, reply } = negotiations[i].facts;
    const stamp = mode === "active" ? command?.stamp : reply?.stamp;
    if (granted && stamp) until = stamp.time;
  }
  return untils;
}

/** Whether the earlier transfer had not been completed when this command was sent. */
function overlaps(transfer: Exchange, exchange: Exchange): boolean {
  if (exchange.command === null) return false;
  if (transfer.final === null) return !transfer.replyLost;
  const { acknowledged } = exchange.command.stamp;
  return acknowledged >= 0
    ? acknowledged < transfer.final.endAt
    : transfer.final.stamp.packet > exchange.command.stamp.packet;
}

/** @param end index of the next negotiation: an ABOR behind it is another transfer's */
function transferOf(exchanges: readonly Exchange[], at: number, end = exchanges.length): TransferFacts {
  const { command, replies, final, replyLost } = exchanges[at];
  let abort: CommandEvent | null = null;
  for (let i = at + 1; i < end && abort === null; i++) {
    const { command: later } = exchanges[i];
    if (later === null) continue;
    // What follows it came later still.
    if (!beforeReply(later, final) && !(later.verb === "ABOR" && crosses(later, final))) break;
    if (later.verb === "ABOR") abort = later;
  }
  let restartAt = 0;
  for (let i = at - 1; i >= 0; i--) {
    const earlier = exchanges[i].command;
    if (earlier && isTransfer(earlier.verb)) break;
    if (earlier?.verb === "REST") {
      restartAt = Number.parseInt(earlier.argument ?? "0", 10) || 0;
      break;
    }
  }
  return { command: command!, replies, final, replyLost, abort, restartAt };
}

function beforeReply(command: CommandEvent, reply: ReplyEvent | null): boolean {
  if (reply === null) return true;
  const { acknowledged } = reply.stamp;
  return acknowledged >= 0 ? command.startAt < acknowledged : command.stamp.packet < reply.stamp.packet;
}

/**
 * The server broke off before it read this command, and the client had not read that it did: a client that aborts often closes the data
 * connection first, and over a long way the server's 426 to that is out before the ABOR comes in.
 */
export function crosses(command: CommandEvent, reply: ReplyEvent | null): boolean {
  if (reply === null || reply.code < 400 || beforeReply(command, reply)) return false;
  const { acknowledged } = command.stamp;
  return acknowledged >= 0 && acknowledged < reply.endAt;
}

/** The negotiation in an exchange, or in a 227/228/229 whose command the capture missed; undefined when it is none. */
function negotiationOf(exchange: Exchange, duringTransfer: boolean): NegotiationFacts | undefined {
  const { command, final } = exchange;
  const verb = command ? verbOfCommand(command, final) : verbOfReply(exchange.replies[0]);
  if (verb === undefined) return undefined;
  const { mode } = NEGOTIATIONS[verb];
  const reply = final ?? exchange.replies[0] ?? null;
  const granted = reply !== null && reply.code >= 200 && reply.code < 300;
  const parsed =
    mode === "active" ? endpointAsked(verb, command) : granted && reply ? endpointGranted(verb, reply) : undefined;
  const advertised =
    parsed !== undefined && "port" in parsed && (mode === "passive" || command !== null)
      ? { address: parsed.address, port: parsed.port }
      : null;
  const malformed = parsed?.malformed ?? null;
  return {
    verb,
    mode,
    command,
    reply,
    advertised,
    granted,
    malformed,
    replyLost: exchange.replyLost,
    duringTransfer,
  };
}

function verbOfCommand({ verb, argument }: CommandEvent, final: ReplyEvent | null): NegotiationVerb | undefined {
  if (verb === "EPSV" && isEpsvAll(argument)) return undefined;
  const facts = verbFacts(verb);
  // SPSV is answered as PASV is, or as EPSV.
  const granted = final && facts?.completedBy?.includes(final.code) ? passiveVerbOf(final.code) : undefined;
  return facts?.negotiates && (granted ?? facts.negotiates);
}

function verbOfReply(reply: ReplyEvent | undefined): NegotiationVerb | undefined {
  if (reply === undefined) return undefined;
  // A 227 without an address, such as Pure-FTPd's `227 Logout.`, negotiates nothing.
  return endpointOfReply(reply.code, reply.lines) && passiveVerbOf(reply.code);
}

function endpointAsked(verb: NegotiationVerb, command: CommandEvent | null): ParsedEndpoint | undefined {
  if (command === null || command.argument === null || command.cut) return undefined;
  return NEGOTIATIONS[verb].parse(command.argument);
}

function endpointGranted(verb: NegotiationVerb, reply: ReplyEvent): ParsedEndpoint | undefined {
  return reply.cut ? undefined : NEGOTIATIONS[verb].parse(reply.lines.join(" "));
}
