import { isLoggedIn } from "../../correlate/session-facts.ts";
import type { Cause } from "../cause.ts";
import type { SessionRule } from "../context.ts";
import { isGreeting, meaningOf } from "../reply-text.ts";
import { replyText } from "../wording.ts";

export const cause = {
  id: "server-busy",
  group: "Control connection",
  traits: ["refusal"],
  title: "the server takes no more sessions",
  meaning: "The server answers 421: too many sessions in all or from this address, or it is shutting down.",
  remedy: ["Open fewer sessions at once in the client, or raise the server's limits."],
  setting: "session-limit",
} as const satisfies Cause;

/**
 * The server turns the client away at the greeting or the login: limits, or shutdown. pyftpdlib's 421 of a data timeout keeps the control open
 * and comes after the login; a timer, or a demand for TLS, is no lack of room.
 */
export const rule: SessionRule = ({ session }) => {
  if (isLoggedIn(session)) return undefined;
  const refusal = session.exchanges.find(({ command, final, replyLost }) => {
    if (final === null || replyLost || (final.code !== 421 && final.code !== 530)) return false;
    if (command !== null && command.verb !== "USER" && command.verb !== "PASS") return false;
    const meaning = meaningOf(final, command);
    if (meaning === "limit-reached") return true;
    // Of an idle session they say it too: unasked it is about room only in place of the greeting.
    if (final.code === 421 && meaning === "shutdown") return command !== null || isGreeting(session, final);
    // In place of the greeting any other 421 means that there is no room either (RFC 959 section 5.4).
    return final.code === 421 && meaning === undefined && isGreeting(session, final);
  });
  if (!refusal?.final) return undefined;
  return {
    outcome: "failed",
    cause: "server-busy",
    confidence: "certain",
    facts: [{ packet: refusal.final.stamp.packet, says: replyText(refusal.final) }],
  };
};
