import type { ReplyEvent } from "../../ftp/control-event.ts";
import type { Cause } from "../cause.ts";
import type { SessionRule } from "../context.ts";
import { mayMean, meaningOf } from "../reply-text.ts";
import { replyText } from "../wording.ts";

export const cause = {
  id: "login-failed",
  group: "Control connection",
  traits: ["refusal"],
  title: "the server refuses the login",
  meaning: "The server answers PASS negatively: user, password, or a rule about who may log in from where and how.",
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

/** linux-ftpd says 550 of a password that is wrong. */
function deniesLogin({ code, lines }: ReplyEvent): boolean {
  return (
    code >= 500 && /\b(authentication|login|logon)\b.*\b(fail\w*|incorrect|denied|invalid)\b/i.test(lines.join(" "))
  );
}

/** A banner may call the place secure; only where nothing names TLS is it the password that was wrong. */
function speaksOfPassword({ lines }: ReplyEvent): boolean {
  const text = lines.join(" ");
  if (/\b(ssl|tls|ftps|clear-?text|encrypt\w*)\b/i.test(text)) return false;
  if (/\bsecured? (connection|session|ftp)|\b(use|required?|must|only)\b.*\bsecured?\b/i.test(text)) return false;
  return /\b(incorrect|failed|invalid)\b/i.test(text);
}
