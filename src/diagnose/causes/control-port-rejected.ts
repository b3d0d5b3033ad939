import { formatEndpoint } from "../../address.ts";
import { attemptState } from "../attempt.ts";
import type { Cause } from "../cause.ts";
import type { SessionRule } from "../context.ts";
import { millisecondsText } from "../wording.ts";

export const cause = {
  id: "control-port-rejected",
  group: "Control connection",
  traits: ["refusal"],
  title: "the SYN to the control port is answered by a reset",
  meaning: "Nothing listens on the control port, or a firewall rejects it.",
  remedy: ["Start the FTP server, and check host and port; if the reset is a firewall's, open the port there."],
} as const satisfies Cause;

/** The SYN to the control port is answered by a RST. */
export const rule: SessionRule = ({ session }) => {
  const { control } = session;
  if (attemptState(control) !== "rejected") return undefined;
  const reset = control.responder.resets[0];
  return {
    outcome: "failed",
    cause: "control-port-rejected",
    confidence: "certain",
    facts: [
      { packet: control.firstPacket, says: `SYN to ${formatEndpoint(control.responder)}` },
      {
        packet: reset.packet,
        says: `RST in answer after ${millisecondsText(reset.time - control.originator.synTime)}, TTL ${reset.ttl}`,
      },
    ],
  };
};
