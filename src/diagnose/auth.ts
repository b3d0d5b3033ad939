import type { SessionFacts } from "../correlate/session-facts.ts";
import type { CommandEvent } from "../ftp/control-event.ts";
import { TLS_1_3 } from "../tls/hello.ts";
import { CONTENT_TYPE } from "../tls/record.ts";
import { spokeUnseen } from "./blind-spots.ts";
import { secondsText } from "./wording.ts";

/** A server answers AUTH at once; silence for so long means that it, or its answer, never arrived (seconds). */
const AUTH_SILENCE_SECONDS = 5;

/** Words for the silence after AUTH (or after the ClientHello that it allowed), or undefined when there was none. */
export function silenceAfterAuth(session: SessionFacts, auth: CommandEvent): string | undefined {
  const answered = session.events.some((event) => event.kind === "tls-record" && event.direction === "server");
  // The client's FIN acknowledges what it had heard by then; without it the client may have heard what the capture lacks.
  if (answered || (session.client.finPacket === 0 && spokeUnseen(session.server))) return undefined;
  const end = session.client.finTime || session.settledAt;
  const waited = end - auth.stamp.time;
  const answer = session.exchanges.find((exchange) => exchange.command === auth)?.final;
  // Granted, and no ClientHello: the client left by itself.
  if (answer && !session.events.some((event) => event.kind === "tls-record")) return undefined;
  if (waited < AUTH_SILENCE_SECONDS) return undefined;
  return `the client waits ${secondsText(waited)} and hears nothing`;
}

/** TLS began on the control connection, and nothing was said under it: all that was sent since is in the capture. */
export function isInHandshake({ events }: SessionFacts): boolean {
  let began = false;
  let isSealedByServer = false;
  for (const event of events) {
    if (event.kind === "tls-hello" && event.hello.role === "server") isSealedByServer = event.hello.version >= TLS_1_3;
    if (event.kind === "gap" && began) return false;
    if (event.kind !== "tls-record") continue;
    // In TLS 1.3 what follows the server's hello is application data by its type too (RFC 8446 section 5.1), and so is the client's Finished.
    if (event.contentType === CONTENT_TYPE.applicationData && (event.direction === "client" || !isSealedByServer))
      return false;
    began = true;
  }
  return began;
}
