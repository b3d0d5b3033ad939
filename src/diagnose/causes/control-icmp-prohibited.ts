import { formatEndpoint } from "../../address.ts";
import { attemptState } from "../attempt.ts";
import type { Cause } from "../cause.ts";
import type { SessionRule } from "../context.ts";
import { prohibition, prohibitionFact } from "../prohibition.ts";
import { CORRECT_SENDER } from "../remedy.ts";
import { synText } from "../wording.ts";

export const cause = {
  id: "control-icmp-prohibited",
  group: "Control connection",
  traits: ["refusal"],
  title: "a router answers the control connection's SYN with ICMP unreachable",
  meaning: "An ICMP error quotes the control connection's SYN: a router or host on the path refuses to carry it.",
  remedy: [CORRECT_SENDER],
} as const satisfies Cause;

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
      { packet: control.firstPacket, says: `SYN to ${formatEndpoint(control.responder)}, ${synText(control)}` },
      prohibitionFact(error, control),
    ],
  };
};
