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
  const end = controlEnd(session);
  const facts: Fact[] = [
    {
      packet: auth.command.stamp.packet,
      says: auth.final ? "AUTH is granted with 234" : "AUTH is sent and never answered",
    },
  ];
  let own = false;
  let heard = false;
  if (end.reset && (end.kind === "reset" || auth.final === null)) {
    const { half, reset } = end.reset;
    const origin = resetOrigin(reset, half);
    own = origin.who === "host";
    // The client itself leaves: an alert, a certificate that it does not like.
    if (own && half === session.client) return undefined;
    const who = half === session.server ? "server's" : "client's";
    facts.push({ packet: reset.packet, says: `a RST in the ${who} name ends the control connection: ${origin.text}` });
  } else if (end.kind === "client-unheard")
    facts.push({ packet: end.packet, says: `repeated ${end.retransmissions} times, never acknowledged` });
  else if (silenceAfterAuth(session, auth.command) !== undefined) {
    // All that was asked has reached the server's host (or a device in its place), which sent nothing: a server that hangs does the same.
    heard = session.client.acked >= session.client.highest && !spokeUnseen(session.server);
    facts.push({
      packet: session.client.finPacket || session.control.lastPacket,
      says: `${silenceAfterAuth(session, auth.command)!}${heard ? "; the server's host has acknowledged it" : ""}`,
    });
  } else return undefined;
  return {
    outcome: "failed",
    cause: "auth-tls-blocked",
    confidence: own || heard ? "possible" : "likely",
    facts,
    alternatives:
      own || heard
        ? [
            {
              cause: "control-connection-lost",
              missing: `the server's log: whether it ${own ? "ended the session itself" : "had read what it did not answer"}`,
            },
          ]
        : [],
  };
};

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
