import { formatEndpoint } from "../../address.ts";
import { ANSWER_SECONDS, isUnheard, REPEATED_SYNS, unheardFacts } from "../attempt.ts";
import type { Cause } from "../cause.ts";
import type { SessionRule } from "../context.ts";

export const cause = {
  id: "control-port-filtered",
  group: "Control connection",
  traits: [],
  title: "the SYN to the control port is never answered",
  meaning: "The client's SYNs to the server's control port are dropped on their way or by the server's firewall.",
  remedy: ["Open the control port (21, 990 for implicit TLS) on the firewall, and check host and port."],
} as const satisfies Cause;

/** With fewer SYNs than this the capture has to go on for {@link ANSWER_SECONDS} after the last: an answer may come behind its end. */
export const ENOUGH_SYNS = 3;

/**
 * SYNs to the control port and no answer of any kind. A stack repeats its first SYN after a second (RFC 6298 section 2): where it did not,
 * something told it to stop, or the capture lost packets, and nobody is accused.
 */
export const rule: SessionRule = ({ session, capture }) => {
  const { control } = session;
  if (control.midstream || !isUnheard(control) || capture.cutIcmp) return undefined;
  const { synCount, lastSynTime } = control.originator;
  if (synCount < REPEATED_SYNS || (synCount < ENOUGH_SYNS && capture.now - lastSynTime < ANSWER_SECONDS))
    return undefined;
  return {
    outcome: "failed",
    cause: "control-port-filtered",
    confidence: "likely",
    facts: unheardFacts(control, `SYN to ${formatEndpoint(control.responder)}`),
  };
};
