import type { SessionFacts } from "../../correlate/session-facts.ts";
import { type CommandEvent, isSealed, type ReplyEvent } from "../../ftp/control-event.ts";
import { silenceAfterAuth } from "../auth.ts";
import { controlBlindness, spokeUnseen } from "../blind-spots.ts";
import type { Cause } from "../cause.ts";
import type { SessionRule } from "../context.ts";
import { controlEnd } from "../control-end.ts";
import { deviceFacts, resetOrigin } from "../packet-origin.ts";
import type { Fact, Verdict } from "../verdict.ts";
import { replyText } from "../wording.ts";

export const cause = {
  id: "auth-tls-blocked",
  group: "Control connection",
  traits: ["device"],
  title: "something on the path ends the session at AUTH TLS",
  meaning:
    "The control connection dies or is answered by a third party as soon as TLS is asked for: an inspecting firewall does not let it become unreadable.",
  remedy: [
    "Switch strict FTP inspection off for this server on the firewall (Cisco ASA: inspect ftp without strict), or exempt it.",
    "Or use implicit TLS on port 990, with a fixed passive range.",
  ],
} as const satisfies Cause;

/**
 * The control connection dies at AUTH TLS or at the ClientHello: a reset, silence, or repetition without acknowledgment. A server
 * without TLS answers 500, 502 or 504 and stays: that is fine, or `auth-tls-refused`.
 */
export const rule: SessionRule = ({ session }) => {
  const auth = session.exchanges.findLast((exchange) => exchange.command?.verb === "AUTH");
  if (!auth?.command || session.lostBytes || session.cutBytes) return undefined;
  if (session.events.some(isSealed)) return undefined;
  if (auth.final !== null && auth.final.code !== 234) return answeredByDevice(session, auth.command, auth.final);
  // Something else was said after it: AUTH was survived.
  const after = session.exchanges.some(
    (exchange) =>
      exchange.command !== null && exchange.command.startAt >= auth.command!.endAt && exchange.final !== null,
  );
  if (after) return undefined;
  // The server's answer is not here and the client has it, or the client had already said more.
  const since = auth.command.stamp.packet;
  if (controlBlindness(session, "server", since) !== null || controlBlindness(session, "client", since) !== null)
    return undefined;
  const ending = endingOf(session, auth.command, auth.final !== null);
  if (!ending) return undefined;
  const asked = { packet: since, says: auth.final ? "AUTH is granted with 234" : "AUTH is sent and never answered" };
  const { fact, missing } = ending;
  return {
    outcome: "failed",
    cause: "auth-tls-blocked",
    confidence: missing ? "possible" : "likely",
    facts: [asked, fact],
    alternatives: missing ? [{ cause: "control-connection-lost", missing: `the server's log: ${missing}` }] : [],
  };
};

/** What ended a session. */
interface Ending {
  readonly fact: Fact;
  /** What only the server's log tells, where its own host may have done it; else null. */
  readonly missing: string | null;
}

/** How the session ended at AUTH; undefined where the client itself ended it, or nothing did. @param isGranted AUTH was answered by 234 */
function endingOf(session: SessionFacts, auth: CommandEvent, isGranted: boolean): Ending | undefined {
  const { client, server, control } = session;
  const end = controlEnd(session);
  if (end.reset && (end.kind === "reset" || !isGranted)) {
    const { half, reset } = end.reset;
    const origin = resetOrigin(reset, half);
    const own = origin.who === "host";
    // The client itself leaves: an alert, a certificate that it does not like.
    if (own && half === client) return undefined;
    const who = half === server ? "server's" : "client's";
    const says = `a RST in the ${who} name ends the control connection: ${origin.text}`;
    return { fact: { packet: reset.packet, says }, missing: own ? "whether it ended the session itself" : null };
  }
  if (end.kind === "client-unheard")
    return {
      fact: { packet: end.packet, says: `repeated ${end.retransmissions} times, never acknowledged` },
      missing: null,
    };
  const silence = silenceAfterAuth(session, auth);
  if (silence === undefined) return undefined;
  // All that was asked has reached the server's host (or a device in its place), which sent nothing: a server that hangs does the same.
  const heard = client.acked >= client.highest && !spokeUnseen(server);
  const says = `${silence}${heard ? "; the server's host has acknowledged it" : ""}`;
  return {
    fact: { packet: client.finPacket || control.lastPacket, says },
    missing: heard ? "whether it had read what it did not answer" : null,
  };
}

/** AUTH is turned down by a device between, and the session ends over it. */
function answeredByDevice(session: SessionFacts, auth: CommandEvent, reply: ReplyEvent): Verdict | undefined {
  const byDevice = deviceFacts(reply, "AUTH", session);
  const wentOn = session.exchanges.some(
    ({ command }) => command !== null && command.startAt >= auth.endAt && command.verb !== "QUIT",
  );
  if (wentOn || byDevice.length === 0) return undefined;
  const facts = [{ packet: reply.stamp.packet, says: `AUTH turned down: ${replyText(reply)}` }, ...byDevice];
  return { outcome: "failed", cause: "auth-tls-blocked", confidence: "likely", facts };
}
