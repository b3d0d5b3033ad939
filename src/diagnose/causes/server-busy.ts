import type { SessionRule } from "../context.ts";
import { mayMean } from "../reply-text.ts";
import { replyText } from "../wording.ts";

/** The server turns the client away at the greeting or the login: limits, or shutdown. pyftpdlib's 421 of a data timeout keeps the control open. */
export const rule: SessionRule = ({ session }) => {
  if (session.exchanges.some((exchange) => exchange.final?.code === 230)) return undefined;
  const refusal = session.exchanges.find(({ command, final }) => {
    if (final === null) return false;
    const early = command === null || command.verb === "USER" || command.verb === "PASS";
    if (!early) return false;
    if (final.code === 421) return command === null || mayMean(final, "limit-reached") || mayMean(final, "shutdown");
    return final.code === 530 && mayMean(final, "limit-reached");
  });
  if (!refusal?.final) return undefined;
  if (refusal.final.code === 421 && !mayMean(refusal.final, "limit-reached") && mayMean(refusal.final, "idle-timeout"))
    return undefined;
  return {
    outcome: "failed",
    cause: "server-busy",
    confidence: "certain",
    facts: [{ packet: refusal.final.stamp.packet, says: replyText(refusal.final) }],
  };
};
