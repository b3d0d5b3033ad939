import { ANSWER_SECONDS, attemptState } from "../attempt.ts";
import type { SessionRule } from "../context.ts";
import { endpointText, synText } from "../wording.ts";

/** A SYN to the control port and no answer of any kind. One SYN at the end of the capture proves nothing. */
export const rule: SessionRule = ({ session, capture }) => {
  const { control } = session;
  if (control.midstream || attemptState(control) !== "unanswered" || capture.cutIcmp) return undefined;
  const { synCount, lastSynTime } = control.originator;
  if (synCount < 2 && capture.now - lastSynTime < ANSWER_SECONDS) return undefined;
  return {
    outcome: "failed",
    cause: "control-port-filtered",
    confidence: synCount >= 2 ? "likely" : "possible",
    facts: [
      {
        packet: control.firstPacket,
        says: `SYN to ${endpointText(control.responder)}, ${synText(control)}, never answered`,
      },
    ],
  };
};
