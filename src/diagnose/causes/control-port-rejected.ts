import { attemptState } from "../attempt.ts";
import type { SessionRule } from "../context.ts";
import { endpointText } from "../wording.ts";

/** The SYN to the control port is answered by a RST. */
export const rule: SessionRule = ({ session }) => {
  const { control } = session;
  if (attemptState(control) !== "rejected") return undefined;
  return {
    outcome: "failed",
    cause: "control-port-rejected",
    confidence: "certain",
    facts: [
      { packet: control.firstPacket, says: `SYN to ${endpointText(control.responder)}` },
      { packet: control.responder.resets[0].packet, says: `RST in answer, TTL ${control.responder.resets[0].ttl}` },
    ],
  };
};
