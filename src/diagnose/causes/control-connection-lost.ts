import type { SessionRule } from "../context.ts";
import { controlEnd } from "../control-end.ts";

/** The control connection dies (reset, or repetition without acknowledgment) in mid-dialogue and no better cause has its proof. */
export const rule: SessionRule = ({ session }) => {
  const quit = session.exchanges.some((exchange) => exchange.command?.verb === "QUIT");
  const goodbye = session.exchanges.some((exchange) => exchange.final?.code === 221 || exchange.final?.code === 421);
  if (quit || goodbye || !session.hasDialogue) return undefined;
  // Encrypted, a QUIT cannot be told from any other command: a reset proves nothing.
  if (session.hidden.some(({ to }) => to === Number.POSITIVE_INFINITY)) return undefined;
  const end = controlEnd(session);
  const waiting = session.exchanges.some((exchange) => exchange.command !== null && exchange.final === null);
  if (end.kind === "reset" && waiting)
    return {
      outcome: "failed",
      cause: "control-connection-lost",
      confidence: "possible",
      facts: [{ packet: end.packet, says: "a reset ends the control connection while a command waits for its reply" }],
    };
  if (end.kind === "client-unheard" || end.kind === "server-unheard") {
    return {
      outcome: "failed",
      cause: "control-connection-lost",
      confidence: "possible",
      facts: [{ packet: end.packet, says: `repeated ${end.retransmissions} times, never acknowledged` }],
    };
  }
  return undefined;
};
