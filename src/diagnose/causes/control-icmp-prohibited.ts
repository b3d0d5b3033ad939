import { attemptState, prohibition, prohibitionFact } from "../attempt.ts";
import type { SessionRule } from "../context.ts";
import { endpointText, synText } from "../wording.ts";

/** An ICMP error quotes the SYN to the control port. */
export const rule: SessionRule = ({ session }) => {
  const { control } = session;
  if (attemptState(control) !== "prohibited") return undefined;
  const error = prohibition(control)!;
  return {
    outcome: "failed",
    cause: "control-icmp-prohibited",
    confidence: "certain",
    facts: [
      { packet: control.firstPacket, says: `SYN to ${endpointText(control.responder)}, ${synText(control)}` },
      { packet: error.packet, says: prohibitionFact(error, control) },
    ],
  };
};
