import type { SessionRule } from "../context.ts";
import { controlEnd } from "../control-end.ts";
import { resetOrigin } from "../reset-origin.ts";
import { secondsText } from "../wording.ts";

/** The control connection dies (reset, or repetition without acknowledgment) in mid-dialogue and no better cause has its proof. */
export const rule: SessionRule = ({ session }) => {
  const goodbye = session.exchanges.some((exchange) => exchange.final?.code === 221 || exchange.final?.code === 421);
  if (goodbye || !session.hasDialogue) return undefined;
  const encrypted = session.hidden.some(({ to }) => to === Number.POSITIVE_INFINITY);
  const end = controlEnd(session);
  if (end.kind === "client-unheard" || end.kind === "server-unheard") {
    const half = end.kind === "client-unheard" ? session.client : session.server;
    // Encrypted, the server's last words may be its goodbye to a client that is gone.
    if (encrypted && (half === session.server || session.server.finPacket !== 0)) return undefined;
    return {
      outcome: "failed",
      cause: "control-connection-lost",
      confidence: "possible",
      facts: [
        {
          packet: end.packet,
          says: `the ${half === session.client ? "client" : "server"} repeats itself ${end.retransmissions} times over ${secondsText(half.stalledLastTime - half.lastNewPayloadTime)}, never acknowledged`,
        },
      ],
    };
  }
  // An earlier command without its reply is one whose reply was lost: the dialogue went on after it.
  const waiting = session.exchanges.findLast((exchange) => exchange.command !== null)?.final === null;
  const quit = session.exchanges.some((exchange) => exchange.command?.verb === "QUIT");
  // A reset after QUIT is how some ends close, and encrypted a QUIT cannot be told from any other command.
  if (end.kind !== "reset" || !waiting || quit || encrypted) return undefined;
  const { half, reset } = end.reset!;
  const who = half === session.client ? "client's" : "server's";
  return {
    outcome: "failed",
    cause: "control-connection-lost",
    confidence: "possible",
    facts: [
      {
        packet: end.packet,
        says: `a RST in the ${who} name ends the control connection while a command waits for its reply: ${resetOrigin(reset, half).text}`,
      },
    ],
  };
};
