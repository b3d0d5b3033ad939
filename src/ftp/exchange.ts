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
  /** The reply (or what came between) may have been lost by the capture: its absence proves nothing. */
  readonly replyLost: boolean;
}

interface OpenExchange {
  command: CommandEvent | null;
  replies: ReplyEvent[];
  final: ReplyEvent | null;
  replyLost: boolean;
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

/**
 * Commands and replies in the order in which the two ends lived them: a reply stands behind every command that its segment
 * acknowledges, and before all others, wherever the packets stand in the file.
 */
export function inDialogueOrder(events: readonly ControlEvent[]): (CommandEvent | ReplyEvent)[] {
  const commands = events.filter((event) => event.kind === "command");
  const replies = events.filter((event) => event.kind === "reply");
  const ordered: (CommandEvent | ReplyEvent)[] = [];
  let next = 0;
  for (const reply of replies) {
    const { acknowledged, packet } = reply.firstStamp;
    while (next < commands.length) {
      const command = commands[next];
      const before = acknowledged >= 0 ? command.endAt <= acknowledged : command.stamp.packet < packet;
      if (!before) break;
      ordered.push(command);
      next++;
    }
    ordered.push(reply);
  }
  ordered.push(...commands.slice(next));
  return ordered;
}

/** Pairs commands with replies. Where the capture has gaps, a reply goes to the first command that it fits. */
export function pairExchanges(events: readonly ControlEvent[]): Exchange[] {
  const exchanges: OpenExchange[] = [];
  const waiting: OpenExchange[] = [];
  const gapPackets = events.filter((event) => event.kind === "gap").map((event) => event.stamp.packet);
  const gapBetween = (from: number, to: number) => gapPackets.some((packet) => packet >= from && packet <= to);
  for (const event of inDialogueOrder(events)) {
    if (event.kind === "command") {
      const exchange: OpenExchange = { command: event, replies: [], final: null, replyLost: false };
      exchanges.push(exchange);
      waiting.push(exchange);
      continue;
    }
    const at = ownerOf(waiting, event);
    if (at < 0) {
      exchanges.push({ command: null, replies: [event], final: event.code >= 200 ? event : null, replyLost: false });
      continue;
    }
    const owner = waiting[at];
    owner.replies.push(event);
    // A transfer in progress stays open while the server answers other commands (NOOP, STAT, ABOR); all else before is passed over.
    for (let i = at - 1; i >= 0; i--) {
      const passed = waiting[i];
      if (TRANSFER_VERBS.has(passed.command!.verb) && passed.replies.length > 0) continue;
      passed.replyLost = gapBetween(passed.command!.stamp.packet, event.stamp.packet);
      waiting.splice(i, 1);
    }
    if (event.code >= 200) {
      owner.final = event;
      waiting.splice(waiting.indexOf(owner), 1);
    }
  }
  for (const exchange of waiting) {
    exchange.replyLost ||= gapBetween(exchange.command!.stamp.packet, Number.POSITIVE_INFINITY);
  }
  return exchanges;
}

/** Index in `waiting` of the command that this reply answers; -1 when none does. */
function ownerOf(waiting: readonly OpenExchange[], reply: ReplyEvent): number {
  if (waiting.length === 0) return -1;
  const oldest = waiting[0].command!;
  if (fits(oldest, reply.code) && (reply.code !== 421 || reply.firstStamp.acknowledged >= oldest.endAt)) {
    // The final reply of a transfer fits the transfer; one that says ABOR does not exist.
    return 0;
  }
  if (reply.code < 200) return waiting.findIndex((exchange) => fits(exchange.command!, reply.code));
  const specific = waiting.findIndex((exchange) => SPECIFIC[reply.code]?.includes(exchange.command!.verb) === true);
  if (specific >= 0) return specific;
  const any = waiting.findIndex((exchange) => fits(exchange.command!, reply.code));
  if (any >= 0) return any;
  // A code that fits nothing that waits (250 to PASV, 200 to LIST): servers do that; it goes to the oldest, unless that is a
  // transfer under way.
  return TRANSFER_VERBS.has(oldest.verb) && waiting[0].replies.length > 0 ? -1 : 0;
}
