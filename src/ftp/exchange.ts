import type { AnomalyLog } from "../anomaly.ts";
import { BOUNDS } from "../bounds.ts";
import { isNegotiation, isTransfer, negotiationOf, VERBS, verbFacts } from "./command.ts";
import type { CommandEvent, ControlEvent, ReplyEvent } from "./control-event.ts";
import { NEGOTIATIONS } from "./negotiation.ts";

/**
 * A command and the replies that answer it (RFC 959 section 5.4): preliminary ones (1xx), then one that completes it. The
 * greeting and replies that nobody asked for have no command.
 */
export interface Exchange {
  readonly command: CommandEvent | null;
  readonly replies: readonly ReplyEvent[];
  /** The completing reply (2xx … 6xx); null while there is none. */
  readonly final: ReplyEvent | null;
  /**
   * Its reply may have been lost by the capture, or came when the command was waited for no more (`BOUNDS.pendingCommands`): absence proves
   * nothing, and a negative reply that stands here may answer a command that was lost.
   */
  readonly replyLost: boolean;
}

/** One that a command began. */
export type AskedExchange = Exchange & { readonly command: CommandEvent };

/** Whether a command began the exchange. */
export function isAsked(exchange: Exchange): exchange is AskedExchange {
  return exchange.command !== null;
}

/** Whether its command asks for a transfer. */
export function asksForTransfer({ command }: Exchange): boolean {
  return command !== null && isTransfer(command.verb);
}

/** Whether its command negotiates a data connection. */
export function negotiates({ command }: Exchange): boolean {
  return command !== null && isNegotiation(command.verb);
}

const NO_REPLIES: ReplyEvent[] = [];

/** An exchange that may still get replies. */
interface WaitingExchange extends AskedExchange {
  replies: ReplyEvent[];
  final: ReplyEvent | null;
  replyLost: boolean;
  /** Something that the server said since the command is not in the capture. */
  behindHole: boolean;
}

/** What completes a verb (`command.ts`); those not named here take any 2xx or 3xx. */
const COMPLETES: Readonly<Record<string, readonly number[]>> = Object.fromEntries(
  VERBS.flatMap((verb) => {
    const codes = verbFacts(verb)?.completedBy;
    return codes ? [[verb, codes]] : [];
  }),
);

/** Replies that belong to exactly these verbs, so that they find their command past others. */
const SPECIFIC: Readonly<Record<number, readonly string[]>> = byCode();

function byCode(): Record<number, string[]> {
  const verbs: Record<number, string[]> = {};
  for (const verb of VERBS)
    for (const code of verbFacts(verb)?.owns ?? []) verbs[code] = [...(verbs[code] ?? []), verb];
  return verbs;
}

function fits(verb: string, code: number): boolean {
  if (code >= 400 && code < 600) return true;
  if (code < 200) return isTransfer(verb);
  const completes = COMPLETES[verb];
  if (completes === undefined) {
    const owners = SPECIFIC[code];
    return owners === undefined || owners.includes(verb);
  }
  return completes.includes(code);
}

/** Verbs that {@link fits} tells from others; all others are alike to it. */
const TOLD_APART: ReadonlySet<string> = new Set([
  ...Object.keys(COMPLETES),
  ...Object.values(SPECIFIC).flat(),
  ...VERBS.filter(isTransfer),
]);

/** How many commands there are of each verb, those of {@link TOLD_APART} by name: whether any fits a reply is known without asking each. */
class VerbCounts {
  readonly #counts = new Map<string, number>();

  add(verb: string, times: 1 | -1): void {
    const key = TOLD_APART.has(verb) ? verb : "";
    // Not deleted at 0: the table that a Map is would be made anew each time.
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + times);
  }

  anyFits(code: number): boolean {
    for (const [verb, count] of this.#counts) if (count > 0 && fits(verb, code)) return true;
    return false;
  }
}

/** Acknowledgments may be one higher than the last command's end: a FIN counts as one byte. */
const FIN_BYTES = 1;

/**
 * Pairs commands with replies, given in the order of `inDialogueOrder`. Acknowledgments tell what a reply can answer and what the client had read when
 * it sent a command, so that a hole in either stream costs the exchange that it swallowed and no other:
 *
 * ```
 * C LIST                 behind the hole: its 226 is in there, nothing that comes later is its own
 * S 150
 *   (hole)
 * C TYPE A               acknowledges more than the 150: the client has read what the capture has not
 * S 200                  so this is not the answer to LIST
 * ```
 * @param anomalies counts the commands that are waited for no more since too many came after them
 * @param seenOfClient up to where the capture has the client's stream, but for the holes among the events
 * @param hasBeginning the capture has the server's stream from its beginning on: else what stands before its first words is a hole
 */
export function pairExchanges(
  events: readonly ControlEvent[],
  anomalies: AnomalyLog,
  seenOfClient: number,
  hasBeginning = true,
): Exchange[] {
  const exchanges: Exchange[] = [];
  const waiting = new WaitingCommands();
  /** The last exchange that got its final reply. */
  let answered: WaitingExchange | null = null;
  /** End of what the capture has of the client's stream so far. */
  let clientEnd = 0;
  /** Not all that the client sent is in the capture: where it is, bytes without a command are no lost one (Telnet commands, a line without an end). */
  const hasHoles = events.some((event) => event.kind === "gap" && event.direction === "client");
  const dialogue = events.every(isOfDialogue) ? events : events.filter(isOfDialogue);
  const holes = new Holes(dialogue);
  for (let place = 0; place < dialogue.length; place++) {
    const event = dialogue[place];
    if (event.kind === "command") {
      const exchange: WaitingExchange = {
        command: event,
        replies: NO_REPLIES,
        final: null,
        replyLost: false,
        behindHole: false,
      };
      exchanges.push(exchange);
      waiting.add(exchange, anomalies);
      clientEnd = event.endAt;
      continue;
    }
    if (event.kind === "gap") {
      waiting.hole(holes.beginOf(place, event.length) + event.length);
      continue;
    }
    if (event.kind !== "reply") continue;
    if (!hasBeginning) {
      hasBeginning = true;
      waiting.hole(event.startAt);
    }
    let owner = waiting.fitting(event);
    if (owner === undefined && event.code >= 200) {
      // Where the server has heard more than these commands, it may answer what the capture lacks.
      const isAllHeard = !hasHoles && event.firstStamp.acknowledged <= clientEnd + FIN_BYTES;
      if (answered !== null && isAllHeard && wasAnsweredTooSoon(answered, event)) {
        exchanges.splice(exchanges.lastIndexOf(answered) + 1, 0, unasked(answered.final!));
        answered.replies = [event];
        answered.final = event;
        continue;
      }
      owner = waiting.passedOver(event) ?? waiting.inTurn(event);
    }
    if (owner === undefined) {
      exchanges.push(unasked(event));
      continue;
    }
    // Nearly always the only one: an array that grows has room for seventeen.
    if (owner.replies.length === 0) owner.replies = [event];
    else owner.replies.push(event);
    waiting.passOver(owner);
    if (event.code >= 200) {
      owner.final = event;
      // A lost command may be the one that is refused, or an ABOR that explains the 426.
      const { acknowledged } = event.firstStamp;
      const mayLack = hasHoles || acknowledged > seenOfClient + FIN_BYTES;
      const commandLost = event.code >= 400 && mayLack && acknowledged > clientEnd + FIN_BYTES;
      owner.replyLost = commandLost || (owner.behindHole && isAnyones(event, owner.command));
      waiting.done(owner);
      answered = owner;
    }
  }
  waiting.finish();
  return exchanges;
}

function unasked(reply: ReplyEvent): Exchange {
  return { command: null, replies: [reply], final: reply.code >= 200 ? reply : null, replyLost: false };
}

/**
 * The no that a command got was said unasked while it waited (pyftpdlib's 425 and ftp-srv's 550 to a stranger on the data port): its own yes comes now,
 * when nothing waits that the yes fits. A transfer is answered twice where an ABOR ends it (426, 226), which the capture may lack.
 */
function wasAnsweredTooSoon({ command, final }: WaitingExchange, { code, firstStamp }: ReplyEvent): boolean {
  if (final === null || final.code < 400 || final.code === 421) return false;
  if (firstStamp.acknowledged < command.endAt) return false;
  return !isTransfer(command.verb) && isItsYes(command.verb, code);
}

/** The code that grants what this verb negotiates; undefined when it negotiates nothing. */
function grantCodeOf(verb: string): number | undefined {
  const form = negotiationOf(verb);
  return form && NEGOTIATIONS[form].code;
}

/** The reply is one by which this verb is told. */
function isItsYes(verb: string, code: number): boolean {
  return (COMPLETES[verb] ?? []).includes(code) || (SPECIFIC[code] ?? []).includes(verb);
}

/** Commands, replies, and what else the server's stream holds. */
function isOfDialogue(event: ControlEvent): boolean {
  return (
    event.kind === "command" || event.kind === "reply" || (event.kind !== "odd-line" && event.direction === "server")
  );
}

/** Where the holes of the server's stream begin, asked in the order of the dialogue. */
class Holes {
  readonly #dialogue: readonly ControlEvent[];
  /** Place of the next thing known of the server's stream. */
  #next = 0;

  constructor(dialogue: readonly ControlEvent[]) {
    this.#dialogue = dialogue;
  }

  /** Offset at which the hole at `place` begins, or a later one: what follows it is the next thing known. Infinite where nothing follows. */
  beginOf(place: number, length: number): number {
    this.#next = Math.max(this.#next, place + 1);
    for (; this.#next < this.#dialogue.length; this.#next++) {
      const event = this.#dialogue[this.#next];
      if (event.kind === "command" || event.kind === "gap" || event.kind === "tls-hello") continue;
      return event.startAt - length;
    }
    return Number.POSITIVE_INFINITY;
  }
}

/** Whether the reply fits other commands as well: it is negative, and does not speak of a data connection (425, 426) as only a transfer's can. */
function isAnyones({ code }: ReplyEvent, { verb }: CommandEvent): boolean {
  if (code < 400) return false;
  return !((code === 425 || code === 426) && isTransfer(verb));
}

/** From so many commands on that wait at once their verbs are counted; fewer, as nearly always, are asked one by one. */
const COUNTED_FROM = 8;

/** How many negotiations that were passed over are remembered: more than a client has under way at once. */
const MAX_PASSED = 16;

/** Commands without a final reply yet, the oldest first. */
class WaitingCommands {
  readonly #waiting: WaitingExchange[] = [];
  /** Negotiations that a later command was answered before, the last of them. */
  readonly #passed: WaitingExchange[] = [];
  /** null as long as there have never been {@link COUNTED_FROM}. */
  #verbs: VerbCounts | null = null;
  /** Of those that are not behind a hole in the server's stream. */
  #openVerbs: VerbCounts | null = null;
  #behindHole = 0;

  add(exchange: WaitingExchange, anomalies: AnomalyLog): void {
    if (this.#waiting.length >= BOUNDS.pendingCommands.most) {
      const oldest = this.#waiting[0];
      this.#remove(0);
      oldest.replyLost = true;
      const detail = () =>
        `more than ${BOUNDS.pendingCommands.most} commands without a reply; the oldest is not waited for any more`;
      anomalies.note(BOUNDS.pendingCommands.code, "ftp", exchange.command.stamp.packet, detail);
    }
    this.#waiting.push(exchange);
    this.#verbs?.add(exchange.command.verb, 1);
    this.#openVerbs?.add(exchange.command.verb, 1);
    if (this.#verbs === null && this.#waiting.length === COUNTED_FROM) this.#countVerbs();
  }

  #countVerbs(): void {
    this.#verbs = new VerbCounts();
    this.#openVerbs = new VerbCounts();
    for (const { command, behindHole } of this.#waiting) {
      this.#verbs.add(command.verb, 1);
      if (!behindHole) this.#openVerbs.add(command.verb, 1);
    }
  }

  /** The server's stream has a hole that ends at `offset`: what it said there may answer whoever has not read all of it. */
  hole(offset: number): void {
    for (const exchange of this.#waiting) {
      if (exchange.behindHole || exchange.command.stamp.acknowledged >= offset) continue;
      exchange.behindHole = true;
      this.#behindHole++;
      this.#openVerbs?.add(exchange.command.verb, -1);
    }
  }

  /** The command that this reply fits; undefined when it fits none that waits. */
  fitting(reply: ReplyEvent): WaitingExchange | undefined {
    if (this.#waiting.length === 0) return undefined;
    const oldest = this.#waiting[0];
    // What was answered in a hole of the capture is asked last.
    const oldestOpen = this.#oldestOpen();
    return (
      (oldestOpen && this.#fitting(oldestOpen, reply, this.#openVerbs, isOpen)) ??
      this.#fitting(oldest, reply, this.#verbs, isAny)
    );
  }

  /**
   * The negotiation that was passed over and that this reply, which fits nothing that waits, grants: servers that read on answer out of turn (ftp-srv,
   * to a client that does not wait).
   */
  passedOver({ code, firstStamp }: ReplyEvent): WaitingExchange | undefined {
    const at = this.#passed.findIndex(
      ({ command }) => grantCodeOf(command.verb) === code && firstStamp.acknowledged >= command.endAt,
    );
    return at < 0 ? undefined : this.#passed.splice(at, 1)[0];
  }

  /**
   * The command that has to take a final reply that fits nothing that waits (250 to PASV, 200 to LIST): servers do that; it goes to the oldest,
   * unless that is a transfer under way.
   */
  inTurn(reply: ReplyEvent): WaitingExchange | undefined {
    const first = this.#oldestOpen() ?? this.#waiting[0];
    return first === undefined || (isUnderWay(first) && !answersNothingElse(reply, first.command)) ? undefined : first;
  }

  #oldestOpen(): WaitingExchange | undefined {
    return this.#behindHole === 0 ? this.#waiting[0] : this.#waiting.find(isOpen);
  }

  /** A later command has been answered: a transfer in progress stays open while the server answers others (NOOP, STAT, ABOR), all else is passed. */
  passOver(owner: WaitingExchange): void {
    for (let i = this.#waiting.indexOf(owner) - 1; i >= 0; i--) {
      const passed = this.#waiting[i];
      if (isUnderWay(passed)) continue;
      passed.replyLost = passed.behindHole;
      this.#remove(i);
      if (!passed.behindHole && isNegotiation(passed.command.verb)) {
        this.#passed.push(passed);
        if (this.#passed.length > MAX_PASSED) this.#passed.shift();
      }
    }
  }

  /** It has its final reply. */
  done(exchange: WaitingExchange): void {
    const at = this.#waiting.indexOf(exchange);
    // One that was passed over waits no more.
    if (at >= 0) this.#remove(at);
  }

  /** Nothing more comes. */
  finish(): void {
    for (const exchange of this.#waiting) exchange.replyLost = exchange.behindHole;
  }

  /** The first that the reply fits, of those that are `among`; `oldest` is the first of them, `verbs` counts them. */
  #fitting(
    oldest: WaitingExchange,
    reply: ReplyEvent,
    verbs: VerbCounts | null,
    among: (exchange: WaitingExchange) => boolean,
  ): WaitingExchange | undefined {
    const { code } = reply;
    const { command } = oldest;
    // Whoever began a transfer has understood its verb: what is not understood is a command behind it (Pure-FTPd says 500 to NOOP and STAT meanwhile).
    if (isUnderWay(oldest) && (tellsNotUnderstood(reply) || saysBusy(reply))) {
      const behind = this.#waiting.find((exchange) => among(exchange) && !isUnderWay(exchange));
      if (behind !== undefined) return behind;
    }
    // The final reply of a transfer fits the transfer; one that says ABOR does not exist.
    if (fits(command.verb, code) && (code !== 421 || reply.firstStamp.acknowledged >= command.endAt)) return oldest;
    if (verbs?.anyFits(code) === false) return undefined;
    const isFitting = (exchange: WaitingExchange) => among(exchange) && fits(exchange.command.verb, code);
    if (code < 200) return this.#waiting.find(isFitting);
    return (
      this.#waiting.find((exchange) => among(exchange) && SPECIFIC[code]?.includes(exchange.command.verb) === true) ??
      this.#waiting.find(isFitting)
    );
  }

  #remove(at: number): void {
    const { command, behindHole } = this.#waiting[at];
    // Nearly always the last, and `splice` makes an array of what it takes out.
    if (at === this.#waiting.length - 1) this.#waiting.pop();
    else this.#waiting.splice(at, 1);
    this.#verbs?.add(command.verb, -1);
    if (behindHole) this.#behindHole--;
    else this.#openVerbs?.add(command.verb, -1);
  }
}

/** A verb that is unknown or not implemented (RFC 959 section 4.2.1). vsftpd says `500 OOPS: …` of its own end. */
function tellsNotUnderstood({ code, lines }: ReplyEvent): boolean {
  return (code === 500 || code === 502) && !lines[0].startsWith("OOPS: ");
}

/** ProFTPD of what it does not do during a transfer: `450 PASV: data transfer in progress`. */
function saysBusy({ code, lines }: ReplyEvent): boolean {
  return code === 450 && lines[0].endsWith(": data transfer in progress");
}

/** A yes of a server that had read nothing behind the command: it completes that one, whatever its code (aioftp says 200 behind MLSD's 150). */
function answersNothingElse({ code, firstStamp }: ReplyEvent, { endAt }: CommandEvent): boolean {
  return code < 300 && SPECIFIC[code] === undefined && firstStamp.acknowledged >= 0 && firstStamp.acknowledged <= endAt;
}

const isAny = () => true;
const isOpen = ({ behindHole }: WaitingExchange) => !behindHole;

/** A transfer that has been answered but not completed. */
function isUnderWay({ command, replies }: WaitingExchange): boolean {
  return isTransfer(command.verb) && replies.length > 0;
}
