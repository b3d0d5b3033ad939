import { attemptState, prohibition, prohibitionText } from "../attempt.ts";
import type { SessionRule } from "../context.ts";
import { endpointText } from "../wording.ts";

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
      { packet: control.firstPacket, says: `SYN to ${endpointText(control.responder)}` },
      {
        packet: error.packet,
        says: `ICMP type ${error.type} code ${error.code} from ${error.from}: ${prohibitionText(error)}`,
      },
    ],
  };
};
