import { formatEndpoint } from "../../address.ts";
import { attemptOf, attemptState, cameTooLate, mayBeAdvertised } from "../attempt.ts";
import type { Cause } from "../cause.ts";
import type { ChannelRule } from "../context.ts";
import { resetOrigin } from "../packet-origin.ts";
import { FORWARD_RANGE, OPEN_AT_CLIENT, OTHER_SERVER } from "../remedy.ts";
import { standsNearClient } from "../vantage.ts";
import { millisecondsText } from "../wording.ts";

export const cause = {
  id: "data-port-rejected",
  group: "Connecting",
  traits: ["refusal"],
  title: "the SYN to the server's data port is answered by a reset",
  meaning:
    "The connection to the advertised port is refused: nothing listens there, the NAT device does not forward it, or a firewall rejects it.",
  remedy: [
    FORWARD_RANGE,
    "If the reset comes from the server itself, check that the port range forwarded is the range configured, mapped 1:1.",
  ],
  setting: "passive-range",
  situations: {
    "client-side": { remedy: [OPEN_AT_CLIENT] },
    "other-server": OTHER_SERVER,
  },
} as const satisfies Cause;

/**
 * Passive: the SYN is answered by a RST. Whose it is shows in its TTL, compared with the server's other packets, and in its haste, compared
 * with the control connection's SYN-ACK: a device on the way answers sooner.
 */
export const rule: ChannelRule = (context) => {
  const { channel, session } = context;
  const attempt = attemptOf(context, "passive");
  if (!attempt || attemptState(attempt) !== "rejected") return undefined;
  if (cameTooLate(context, attempt)) return undefined;
  const reset = attempt.responder.resets[0];
  const foreign = attempt.responder.address !== session.server.address;
  const origin = foreign ? null : resetOrigin(reset, session.server);
  const synAckAfter = session.server.synTime - session.client.lastSynTime;
  const compared =
    !foreign && session.client.synCount > 0 && session.server.synCount > 0 && synAckAfter > 0
      ? ` (the control connection's SYN-ACK took ${millisecondsText(synAckAfter)})`
      : "";
  const alternatives = mayBeAdvertised(context, attempt);
  return {
    outcome: "failed",
    cause: "data-port-rejected",
    // It was refused; that the address was right is not known.
    confidence: alternatives.length > 0 ? "likely" : "certain",
    facts: [
      { packet: attempt.firstPacket, says: `SYN to ${formatEndpoint(attempt.responder)}` },
      {
        packet: reset.packet,
        says: `RST in answer after ${millisecondsText(reset.time - attempt.originator.synTime)}${compared}: ${origin?.text ?? `TTL ${reset.ttl}; ${attempt.responder.address} is not the control connection's server`}`,
      },
    ],
    situation: foreign ? "other-server" : standsNearClient(session, reset.ttl) ? "client-side" : null,
    contributing: channel.hidden ? ["control-encrypted"] : [],
    alternatives,
  };
};
