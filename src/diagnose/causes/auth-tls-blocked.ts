import { silenceAfterAuth } from "../auth.ts";
import type { SessionRule } from "../context.ts";
import { controlEnd } from "../control-end.ts";
import { resetOrigin } from "../reset-origin.ts";
import type { Fact } from "../verdict.ts";

/**
 * The control connection dies at AUTH TLS or at the ClientHello: a reset, silence, or repetition without acknowledgment. A server
 * without TLS answers 500, 502 or 504 and stays: that is fine, or `auth-tls-refused`.
 */
export const rule: SessionRule = ({ session }) => {
  const auth = session.exchanges.findLast((exchange) => exchange.command?.verb === "AUTH");
  if (!auth?.command || session.lostBytes || session.cutBytes) return undefined;
  const sealed = session.events.some((event) => event.kind === "tls-record" && event.contentType === 23);
  if (sealed) return undefined;
  // Something else was said after it: AUTH was survived.
  const after = session.exchanges.some(
    (exchange) =>
      exchange.command !== null && exchange.command.startAt >= auth.command!.endAt && exchange.final !== null,
  );
  if (after || (auth.final !== null && auth.final.code !== 234)) return undefined;
  const end = controlEnd(session);
  const facts: Fact[] = [
    {
      packet: auth.command.stamp.packet,
      says: auth.final ? "AUTH is granted with 234" : "AUTH is sent and never answered",
    },
  ];
  let own = false;
  if (end.reset && (end.kind === "reset" || auth.final === null)) {
    const { half, reset } = end.reset;
    const origin = resetOrigin(reset, half);
    own = origin.who === "host";
    const who = half === session.server ? "server's" : "client's";
    facts.push({ packet: reset.packet, says: `a RST in the ${who} name ends the control connection: ${origin.text}` });
  } else if (end.kind === "client-unheard")
    facts.push({ packet: end.packet, says: `repeated ${end.retransmissions} times, never acknowledged` });
  else if (silenceAfterAuth(session, auth.command) !== undefined)
    facts.push({
      packet: session.client.finPacket || session.control.lastPacket,
      says: silenceAfterAuth(session, auth.command)!,
    });
  else return undefined;
  return {
    outcome: "failed",
    cause: "auth-tls-blocked",
    confidence: own ? "possible" : "likely",
    facts,
    alternatives: own
      ? [{ cause: "control-connection-lost", missing: "the server's log: whether it ended the session itself" }]
      : [],
  };
};
