import type { CommandEvent, ControlEvent, ReplyEvent } from "./control-event.ts";

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
   * Its reply may have been lost by the capture: absence proves nothing, and a negative reply that stands here may answer a command that
   * was lost.
   */
  readonly replyLost: boolean;
}

const NO_REPLIES: ReplyEvent[] = [];

interface OpenExchange {
  command: CommandEvent | null;
  replies: ReplyEvent[];
  final: ReplyEvent | null;
  replyLost: boolean;
  /** Something that the server said since the command is not in the capture. */
  behindHole: boolean;
}

/** Reply codes that complete a verb successfully; 4xx and 5xx fit any verb. Verbs not named here take any 2xx or 3xx. */
const COMPLETES: Readonly<Record<string, readonly number[]>> = {
  PASV: [227], // RFC 959
  CPSV: [227],
  EPSV: [229, 200], // RFC 2428; 200 answers EPSV ALL
  LPSV: [228], // RFC 1639
  SPSV: [227, 229],
  PORT: [200],
  EPRT: [200],
  LPRT: [200],
  RETR: [226, 250, 225],
  STOR: [226, 250, 225],
  STOU: [226, 250, 225],
  APPE: [226, 250, 225],
  LIST: [226, 250, 225],
  NLST: [226, 250, 225],
  MLSD: [226, 250, 225],
  QUIT: [221],
  USER: [230, 331, 332, 232, 336],
  PASS: [230, 332, 202],
  AUTH: [234, 334, 335, 235],
  TYPE: [200],
  SIZE: [213],
  MDTM: [213],
  PWD: [257, 250],
  XPWD: [257, 250],
  FEAT: [211, 214],
  SYST: [215],
  REST: [350],
  NOOP: [200],
  PBSZ: [200],
  PROT: [200],
};

/** Replies that belong to exactly these verbs, so that they find their command past others. */
const SPECIFIC: Readonly<Record<number, readonly string[]>> = {
  227: ["PASV", "CPSV", "SPSV"],
  228: ["LPSV"],
  229: ["EPSV", "SPSV"],
  226: ["RETR", "STOR", "STOU", "APPE", "LIST", "NLST", "MLSD", "ABOR"],
  221: ["QUIT"],
  213: ["SIZE", "MDTM", "STAT", "MFMT"],
  230: ["PASS", "USER", "ACCT"],
  331: ["USER"],
  257: ["PWD", "XPWD", "MKD", "XMKD"],
  215: ["SYST"],
  211: ["FEAT", "STAT", "HELP"],
  350: ["REST", "RNFR"],
  234: ["AUTH"],
};

/** Verbs that are answered by 1xx and open a data connection (RFC 959 section 4.1.3, RFC 3659 section 7). */
export const TRANSFER_VERBS: ReadonlySet<string> = new Set(["RETR", "STOR", "STOU", "APPE", "LIST", "NLST", "MLSD"]);

/** Verbs that negotiate a data channel (RFC 959, RFC 2428, RFC 1639). */
export const NEGOTIATION_VERBS: ReadonlySet<string> = new Set([
  "PASV",
  "EPSV",
  "LPSV",
  "PORT",
  "EPRT",
  "LPRT",
  "SPSV",
  "CPSV",
]);

function fits(command: CommandEvent, code: number): boolean {
  if (code >= 400 && code < 600) return true;
  if (code < 200) return TRANSFER_VERBS.has(command.verb);
  const completes = COMPLETES[command.verb];
  if (completes === undefined) {
    const owners = SPECIFIC[code];
    return owners === undefined || owners.includes(command.verb);
  }
  return completes.includes(code);
}

/** Acknowledgments may be one higher than the last command's end: a FIN counts as one byte. */
const FIN_BYTES = 1;

/**
 * Pairs commands with replies, given in the order of `inDialogueOrder`. Acknowledgments tell what a reply can answer and what the client had read when it sent a command, so that a
 * hole in either stream costs the exchange that it swallowed and no other:
 *
 * ```
 * C LIST                 behind the hole: its 226 is in there, nothing that comes later is its own
 * S 150
 *   (hole)
 * C TYPE A               acknowledges more than the 150: the client has read what the capture has not
 * S 200                  so this is not the answer to LIST
 * ```
 */
export function pairExchanges(events: readonly ControlEvent[]): Exchange[] {
  const exchanges: OpenExchange[] = [];
  const waiting: OpenExchange[] = [];
  /** End of what the capture has of the client's stream so far. */
  let clientEnd = 0;
  const dialogue = events.every(isOfDialogue) ? events : events.filter(isOfDialogue);
  let anyHole = false;
  for (let place = 0; place < dialogue.length; place++) {
    const event = dialogue[place];
    if (event.kind === "command") {
      const exchange: OpenExchange = {
        command: event,
        replies: NO_REPLIES,
        final: null,
        replyLost: false,
        behindHole: false,
      };
      exchanges.push(exchange);
      waiting.push(exchange);
      clientEnd = event.endAt;
      continue;
    }
    if (event.kind === "gap") {
      const hole = beginOfHole(dialogue, place, event.length);
      anyHole = true;
      for (const exchange of waiting) exchange.behindHole ||= exchange.command!.stamp.acknowledged <= hole;
      continue;
    }
    if (event.kind !== "reply") continue;
    const at = ownerOf(waiting, event, anyHole);
    if (at < 0) {
      exchanges.push({
        command: null,
        replies: [event],
        final: event.code >= 200 ? event : null,
        replyLost: false,
        behindHole: false,
      });
      continue;
    }
    const owner = waiting[at];
    // Nearly always the only one: an array that grows has room for seventeen.
    if (owner.replies.length === 0) owner.replies = [event];
    else owner.replies.push(event);
    // A transfer in progress stays open while the server answers other commands (NOOP, STAT, ABOR); all else before is passed over.
    for (let i = at - 1; i >= 0; i--) {
      const passed = waiting[i];
      if (TRANSFER_VERBS.has(passed.command!.verb) && passed.replies.length > 0) continue;
      passed.replyLost = passed.behindHole;
      removeAt(waiting, i);
    }
    if (event.code >= 200) {
      owner.final = event;
      // A lost command may be the one that is refused, or an ABOR that explains the 426.
      const commandLost = event.code >= 400 && event.firstStamp.acknowledged > clientEnd + FIN_BYTES;
      owner.replyLost = commandLost || (owner.behindHole && isAnyones(event, owner.command!));
      removeAt(waiting, waiting.indexOf(owner));
    }
  }
  for (const exchange of waiting) exchange.replyLost = exchange.behindHole;
  return exchanges;
}

/** Commands, replies, and what else the server's stream holds. */
function isOfDialogue(event: ControlEvent): boolean {
  return (
    event.kind === "command" || event.kind === "reply" || (event.kind !== "odd-line" && event.direction === "server")
  );
}

/** Nearly always the last, and `splice` makes an array of what it takes out. */
function removeAt(waiting: OpenExchange[], at: number): void {
  if (at === waiting.length - 1) waiting.pop();
  else waiting.splice(at, 1);
}

/**
 * Offset at which a hole in the server's stream begins, or a later one: what follows it is the next thing known. Infinite where nothing
 * follows.
 */
function beginOfHole(dialogue: readonly ControlEvent[], place: number, length: number): number {
  for (let i = place + 1; i < dialogue.length; i++) {
    const event = dialogue[i];
    if (event.kind === "command" || event.kind === "gap" || event.kind === "tls-hello") continue;
    return event.startAt - length;
  }
  return Number.POSITIVE_INFINITY;
}

/** Whether the reply fits other commands as well: it is negative, and does not speak of a data connection (425, 426) as only a transfer's can. */
function isAnyones({ code }: ReplyEvent, { verb }: CommandEvent): boolean {
  if (code < 400) return false;
  return !((code === 425 || code === 426) && TRANSFER_VERBS.has(verb));
}

/**
 * Index in `waiting` of the command that this reply answers; -1 when none does.
 * @param anyHole some of them may be behind a hole in the server's stream
 */
function ownerOf(waiting: readonly OpenExchange[], reply: ReplyEvent, anyHole: boolean): number {
  if (waiting.length === 0) return -1;
  // What was answered in a hole of the capture is asked last.
  const open = anyHole ? waiting.filter((exchange) => !exchange.behindHole) : waiting;
  const fitting = fittingOwner(open, reply) ?? fittingOwner(waiting, reply);
  if (fitting !== undefined) return waiting.indexOf(fitting);
  if (reply.code < 200) return -1;
  // A code that fits nothing that waits (250 to PASV, 200 to LIST): servers do that; it goes to the oldest, unless that is a
  // transfer under way.
  const oldest = open[0] ?? waiting[0];
  return TRANSFER_VERBS.has(oldest.command!.verb) && oldest.replies.length > 0 ? -1 : waiting.indexOf(oldest);
}

function fittingOwner(waiting: readonly OpenExchange[], reply: ReplyEvent): OpenExchange | undefined {
  const oldest = waiting[0];
  if (oldest === undefined) return undefined;
  // The final reply of a transfer fits the transfer; one that says ABOR does not exist.
  if (
    fits(oldest.command!, reply.code) &&
    (reply.code !== 421 || reply.firstStamp.acknowledged >= oldest.command!.endAt)
  )
    return oldest;
  if (reply.code < 200) return waiting.find((exchange) => fits(exchange.command!, reply.code));
  return (
    waiting.find((exchange) => SPECIFIC[reply.code]?.includes(exchange.command!.verb) === true) ??
    waiting.find((exchange) => fits(exchange.command!, reply.code))
  );
}
