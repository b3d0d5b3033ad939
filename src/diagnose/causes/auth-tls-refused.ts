import { controlBlindness } from "../blind-spots.ts";
import type { Cause } from "../cause.ts";
import type { SessionRule } from "../context.ts";
import { replyText } from "../wording.ts";

export const cause = {
  id: "auth-tls-refused",
  group: "Control connection",
  traits: ["refusal"],
  title: "the server refuses AUTH TLS",
  meaning: "The server itself answers AUTH negatively: it has no TLS, no certificate, or does not allow it here.",
  remedy: [
    "Set up TLS on the server (certificate and key), or use the mode it offers: plain FTP, or implicit TLS on port 990.",
  ],
} as const satisfies Cause;

/** The server itself turns AUTH down, and the client leaves over it. A client that goes on in cleartext has not failed. */
export const rule: SessionRule = ({ session }) => {
  const refusals = session.exchanges.filter(
    (exchange) => exchange.command?.verb === "AUTH" && exchange.final !== null && exchange.final.code >= 400,
  );
  const last = refusals.at(-1);
  if (!last || session.exchanges.some((exchange) => exchange.command?.verb === "AUTH" && exchange.final?.code === 234))
    return undefined;
  const wentOn = session.exchanges.some(
    (exchange) =>
      exchange.command !== null &&
      exchange.command.startAt >= last.command!.endAt &&
      !["QUIT", "AUTH"].includes(exchange.command.verb),
  );
  if (wentOn) return undefined;
  // TLS is spoken: another AUTH was granted, whether or not the capture has the 234.
  if (session.security !== "cleartext") return undefined;
  // That it left over the refusal takes seeing it leave.
  if (!session.client.ended || controlBlindness(session, "client", last.final!.stamp.packet) !== null) return undefined;
  return {
    outcome: "failed",
    cause: "auth-tls-refused",
    confidence: "certain",
    facts: [{ packet: last.final!.stamp.packet, says: `AUTH turned down: ${replyText(last.final!)}` }],
  };
};
