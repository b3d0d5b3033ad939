import type { SessionFacts } from "../../correlate/session-facts.ts";
import type { CommandEvent } from "../../ftp/control-event.ts";
import { CONTENT_TYPE } from "../../tls/record.ts";
import { answerLostFact, isAnswerLost, REPEATED_SYNS } from "../attempt.ts";
import { isInHandshake } from "../auth.ts";
import { isBeyondLimit, losesTail } from "../blind-spots.ts";
import type { Cause } from "../cause.ts";
import type { SessionRule } from "../context.ts";
import { askedBeforeEnd, controlEnd } from "../control-end.ts";
import { SMALL_SEGMENT } from "../data-progress.ts";
import { forgerOf, resetOrigin } from "../packet-origin.ts";
import { isWhole, unfilledHole, vainWait } from "../vain-wait.ts";
import type { Fact, Verdict } from "../verdict.ts";
import { millisecondsText, replyText, secondsText } from "../wording.ts";

export const cause = {
  id: "control-connection-lost",
  group: "Control connection",
  traits: [],
  title: "the control connection is lost",
  meaning:
    "The control connection is reset, closed by the server instead of an answer, or falls silent in the middle of the session, and nothing in the capture says why.",
  remedy: ["Capture at the other end as well: whether its packets left there decides between host and path."],
  situations: {
    "server-closes": {
      remedy: [
        "The server closes by itself instead of answering: read its log of that moment (a process that crashed, a limit, a ban).",
      ],
    },
    "server-silent": {
      remedy: [
        "The server's host is there and its FTP service says nothing: read the server's log of that moment, first for name lookups that wait (ProFTPD: UseReverseDNS off, Pure-FTPd: -H).",
        "Look whether a load balancer or a firewall accepts connections in the server's name and has none to hand them to.",
      ],
    },
    "silent-after-ccc": {
      remedy: [
        "After CCC both ends have to leave TLS in the same way, and these two do not: do without CCC (lftp: ftp:ssl-use-ccc no), or let the other end shut TLS down (curl: --ftp-ssl-ccc-mode).",
      ],
    },
  },
} as const satisfies Cause;

/**
 * The control connection dies (reset, or repetition without acknowledgment) in mid-dialogue, or is closed before the server has said a word, and
 * no better cause has its proof.
 */
export const rule: SessionRule = ({ session }) => {
  return (
    neverBegins(session) ??
    endsBeforeGreeting(session) ??
    neverArrives(session) ??
    fallsSilent(session) ??
    endedByDevice(session) ??
    endsInHandshake(session) ??
    breaksOff(session)
  );
};

/** In mid-dialogue. */
function breaksOff(session: SessionFacts): Verdict | undefined {
  const goodbye = session.exchanges.some((exchange) => exchange.final?.code === 221 || exchange.final?.code === 421);
  if (goodbye || !session.hasDialogue) return undefined;
  const encrypted = session.hidden.some(({ to }) => to === Number.POSITIVE_INFINITY);
  const end = controlEnd(session);
  if (end.kind === "client-unheard" || end.kind === "server-unheard") {
    const half = end.kind === "client-unheard" ? session.client : session.server;
    // Encrypted, the server's last words may be its goodbye to a client that is gone; a handshake is none.
    if (encrypted && !isInHandshake(session) && (half === session.server || session.server.finPacket !== 0))
      return undefined;
    return lost([
      {
        packet: end.packet,
        says: `the ${half === session.client ? "client" : "server"} repeats itself ${end.retransmissions} times over ${secondsText(half.stalledLastTime - half.lastNewPayloadTime)}, never acknowledged`,
      },
    ]);
  }
  // An earlier command without its reply is one whose reply was lost: the dialogue went on after it.
  const asked = askedBeforeEnd(session);
  const last = asked.at(-1);
  // A reset after QUIT is how some ends close, and encrypted a QUIT cannot be told from any other command.
  if (
    isBeyondLimit(session) ||
    last?.final !== null ||
    encrypted ||
    asked.some(({ command }) => command.verb === "QUIT")
  )
    return undefined;
  if (end.kind === "closed") return closedByServer(session, last.command);
  if (end.kind !== "reset") return undefined;
  const { half, reset } = end.reset!;
  // A client that has all it wanted may leave so, with the last reply unread.
  if (half === session.client && last.replies.length > 0) return undefined;
  const who = half === session.client ? "client's" : "server's";
  return lost([
    {
      packet: end.packet,
      says: `a RST in the ${who} name ends the control connection while a command waits for its reply: ${resetOrigin(reset, half).text}`,
    },
  ]);
}

/** The server closes in order instead of answering. */
function closedByServer({ server, client }: SessionFacts, command: CommandEvent): Verdict | undefined {
  if (!server.closedBefore(client) || !isWhole(command)) return undefined;
  const after = millisecondsText(server.finTime - command.stamp.time);
  return lost(
    [
      {
        packet: server.finPacket,
        says: `the server closes the control connection ${after} after ${command.verb}, which waits for its reply`,
      },
    ],
    { situation: "server-closes" },
  );
}

/** The server answers the SYN again and again, and the client does not hear it. One that repeats no SYN need not be there: scans, forged sources. */
function neverBegins(session: SessionFacts): Verdict | undefined {
  const { control, client } = session;
  if (!isAnswerLost(control) || client.synCount < REPEATED_SYNS) return undefined;
  return lost([answerLostFact(control, session)]);
}

/** The server accepts the connection and ends it without a byte (RFC 959 section 5.4 wants 220, 120 or 421): its FIN or RST stands where they would. */
function endsBeforeGreeting(session: SessionFacts): Verdict | undefined {
  const { server, client, control } = session;
  if (!server.baseFromSyn || server.highest > 0 || !control.established || losesTail(session)) return undefined;
  const reset = server.resets.find(({ packet }) => server.finPacket === 0 || packet < server.finPacket);
  const closed = server.finPacket !== 0 && server.finAt === 0;
  if (!reset && !closed) return undefined;
  const { packet, time } = reset ?? { packet: server.finPacket, time: server.finTime };
  // The client left first.
  if (client.finPacket !== 0 && client.finPacket < packet) return undefined;
  if (client.resets.some((own) => own.packet < packet)) return undefined;
  const how = reset ? "resets" : "closes";
  const whose = reset ? `: ${resetOrigin(reset, server).text}` : "";
  const after = millisecondsText(time - server.synTime);
  return lost(
    [{ packet, says: `the server ${how} the connection ${after} after it accepted it, before any greeting${whose}` }],
    {
      alternatives: [
        {
          cause: "server-busy",
          missing: "the server's log: a limit of connections, or TCP wrappers, closes without a word",
        },
      ],
    },
  );
}

/** Part of what the server says is lost on its way, each time that it is sent, until the client gives up. */
function neverArrives(session: SessionFacts): Verdict | undefined {
  const hole = unfilledHole(session);
  if (!hole) return undefined;
  const { packet, bytes, seconds } = hole;
  const facts = [
    {
      packet,
      says: `what the server says arrives without the ${bytes} bytes before it, and these do not come for ${secondsText(seconds)}`,
    },
    {
      packet: session.client.finPacket,
      says: "the client leaves, and still acknowledges only what came before them",
    },
  ];
  if (bytes < SMALL_SEGMENT) return lost(facts);
  return lost(facts, {
    alternatives: [
      {
        cause: "mtu-blackhole",
        missing: "a capture at the server: whether it repeats full-size segments, and no smaller ones",
      },
    ],
  });
}

/** The server's host is there and its FTP says nothing, until the client gives up. */
function fallsSilent(session: SessionFacts): Verdict | undefined {
  const wait = vainWait(session);
  if (!wait) return undefined;
  const { command, packet, seconds, cameLate } = wait;
  const until = `for ${secondsText(seconds)}, until the client leaves`;
  const what =
    command !== null
      ? `${command.verb} gets no reply`
      : session.client.highest === 0
        ? "the server accepts the connection and sends no greeting"
        : "what the client says first gets no answer";
  const heard = session.client.highest === 0 ? "" : "; the server's host has acknowledged it";
  const facts = [{ packet, says: `${what} ${until}${cameLate ? " (the server speaks behind that)" : ""}${heard}` }];
  if (isSinceCcc(session, command)) return lost(facts, { situation: "silent-after-ccc" });
  return lost(facts, {
    situation: "server-silent",
    alternatives: [
      {
        cause: "server-busy",
        missing: "the server's log: what it was waiting for (a name lookup, a slow disk, a process that is gone)",
      },
    ],
  });
}

/** Whether nothing was answered in the clear since TLS ended (RFC 2228 section 3: CCC). */
function isSinceCcc({ security, events, exchanges }: SessionFacts, command: CommandEvent | null): boolean {
  if (command === null || !security.endsWith("-then-ccc")) return false;
  const ended = events.findLast(({ kind }) => kind === "tls-record")?.stamp.packet ?? 0;
  return !exchanges.some(
    ({ command: asked, final }) => asked !== null && asked !== command && final !== null && asked.stamp.packet > ended,
  );
}

/**
 * The server ends the handshake of the control connection: by an alert, or by closing without one. A client that does so dislikes the
 * certificate, or changed its mind: that is no loss.
 */
function endsInHandshake(session: SessionFacts): Verdict | undefined {
  const { server, client, events } = session;
  if (!isInHandshake(session)) return undefined;
  const alert = events.find((event) => event.kind === "tls-record" && event.contentType === CONTENT_TYPE.alert);
  if (alert?.kind === "tls-record") {
    const leaves = client.finPacket || client.resets[0]?.packet;
    if (alert.direction === "client" || (leaves && leaves < alert.stamp.packet)) return undefined;
  } else if (server.finPacket === 0 || !server.closedBefore(client)) return undefined;
  const packet = alert?.stamp.packet ?? server.finPacket;
  const says = `${alert ? "an alert" : "FIN"} from the server ends the TLS handshake of the control connection before anything was said under it`;
  return lost([{ packet, says }], {
    alternatives: [
      {
        cause: "auth-tls-blocked",
        missing: "the server's log: which version, cipher or certificate it did not like, if it was it",
      },
    ],
  });
}

/** A 421 in the server's name that another device sent ends the session (RFC 959 section 4.2: 421 may answer anything, or nothing). */
function endedByDevice(session: SessionFacts): Verdict | undefined {
  const last = session.exchanges.findLast(({ final }) => final !== null)?.final;
  const forger = last?.code === 421 ? forgerOf(last, session) : undefined;
  if (!last || !forger) return undefined;
  return lost([{ packet: last.stamp.packet, says: `${replyText(last)}, not the server's own: ${forger.text}` }]);
}

/** Never more than possible: either end may have done it, or the path. */
function lost(facts: readonly Fact[], more: Partial<Pick<Verdict, "situation" | "alternatives">> = {}): Verdict {
  return { outcome: "failed", cause: "control-connection-lost", confidence: "possible", facts, ...more };
}
