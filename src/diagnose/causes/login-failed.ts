import type { Cause } from "../cause.ts";
import type { SessionRule } from "../context.ts";
import { deniesLogin, mayMean, meaningOf, speaksOfPassword } from "../reply-text.ts";
import { replyText } from "../wording.ts";

export const cause = {
  id: "login-failed",
  group: "Control connection",
  traits: ["refusal"],
  title: "the server refuses the login",
  meaning:
    "The server answers USER or PASS negatively: user, password, or a rule about who may log in from where and how.",
  remedy: ["Check user and password, and whether the server demands TLS or refuses this client's address."],
} as const satisfies Cause;

/** 530 or 430 to the login, or another refusal that says so, and no login afterwards. 530 that demands TLS, or names a limit, says something else. */
export const rule: SessionRule = ({ session }) => {
  const isLogin = (verb: string | undefined) => verb === "USER" || verb === "PASS" || verb === "ACCT";
  const refusal = session.exchanges.findLast(
    (exchange) =>
      isLogin(exchange.command?.verb) &&
      !exchange.replyLost &&
      exchange.final !== null &&
      (exchange.final.code === 530 || exchange.final.code === 430 || deniesLogin(exchange.final)),
  );
  // Cut, its text cannot say whether it is about the password at all.
  if (!refusal?.final || refusal.final.cut) return undefined;
  if (session.exchanges.some((exchange) => exchange.final?.code === 230)) return undefined;
  // What the server quotes (a user's name) is not its own word.
  const asked = refusal.command;
  if (meaningOf(refusal.final, asked) === "limit-reached") return undefined;
  if (mayMean(refusal.final, "tls-required", asked) && !speaksOfPassword(refusal.final)) return undefined;
  return {
    outcome: "failed",
    cause: "login-failed",
    confidence: "certain",
    facts: [
      { packet: refusal.final.stamp.packet, says: `${refusal.command!.verb} answered by ${replyText(refusal.final)}` },
    ],
  };
};
