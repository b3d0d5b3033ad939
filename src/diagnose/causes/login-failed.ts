import { isLoggedIn, type SessionFacts } from "../../correlate/session-facts.ts";
import type { ReplyEvent } from "../../ftp/control-event.ts";
import type { Exchange } from "../../ftp/exchange.ts";
import type { Cause } from "../cause.ts";
import type { SessionRule } from "../context.ts";
import { deniesLogin, isGreeting, mayMean, meaningOf, speaksOfPassword } from "../reply-text.ts";
import type { Fact, Verdict } from "../verdict.ts";
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

/** USER, PASS or ACCT. */
function isLogin({ command }: Exchange): boolean {
  return command?.verb === "USER" || command?.verb === "PASS" || command?.verb === "ACCT";
}

/** Whether the server turned the login down for want of TLS. What it quotes (a user's name) is not its own word. */
function demandsTls({ command, final }: Exchange): boolean {
  return mayMean(final, "tls-required", command) && !speaksOfPassword(final!);
}

/**
 * The reply by which the server demands TLS of a client that logs in without it, and never does with it. The network, and the control connection, did their
 * work, so it is no cause; and yet it is why nothing was transferred.
 */
export function tlsDemand(session: SessionFacts): Fact | undefined {
  if (session.security !== "cleartext" || isLoggedIn(session)) return undefined;
  const refusal = session.exchanges.findLast(
    (exchange) =>
      isLogin(exchange) &&
      !exchange.replyLost &&
      exchange.final !== null &&
      exchange.final.code >= 400 &&
      !exchange.final.cut,
  );
  if (!refusal || !demandsTls(refusal)) return undefined;
  const { command, final } = refusal;
  return {
    packet: final!.stamp.packet,
    says: `the server demands TLS of the login: ${command!.verb} answered by ${replyText(final!)}`,
  };
}

/**
 * The client's address is turned away at the greeting; or 530 or 430 to the login, or another refusal that says so, and no login afterwards. 530 that
 * demands TLS, or names a limit, says something else.
 */
export const rule: SessionRule = ({ session }) => {
  const refusal = session.exchanges.findLast(
    (exchange) =>
      isLogin(exchange) &&
      !exchange.replyLost &&
      exchange.final !== null &&
      (exchange.final.code === 530 || exchange.final.code === 430 || deniesLogin(exchange.final)),
  );
  if (!refusal) return turnedAway(session);
  // Cut, its text cannot say whether it is about the password at all.
  if (!refusal.final || refusal.final.cut) return undefined;
  if (isLoggedIn(session)) return undefined;
  if (meaningOf(refusal.final, refusal.command) === "limit-reached" || demandsTls(refusal)) return undefined;
  return {
    outcome: "failed",
    cause: "login-failed",
    confidence: "certain",
    facts: [
      { packet: refusal.final.stamp.packet, says: `${refusal.command!.verb} answered by ${replyText(refusal.final)}` },
    ],
  };
};

/** The reply by which the server refuses the client's address in place of the greeting: nobody may log in from there, and nobody has tried a password. */
export function refusedGreeting(session: SessionFacts): ReplyEvent | undefined {
  const greeting = session.exchanges[0]?.final;
  if (!greeting || greeting.cut || meaningOf(greeting) !== "address-refused") return undefined;
  return isGreeting(session, greeting) ? greeting : undefined;
}

function turnedAway(session: SessionFacts): Verdict | undefined {
  const greeting = refusedGreeting(session);
  return (
    greeting && {
      outcome: "failed",
      cause: "login-failed",
      confidence: "certain",
      facts: [{ packet: greeting.stamp.packet, says: `in place of the greeting: ${replyText(greeting)}` }],
    }
  );
}
