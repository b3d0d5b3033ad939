import { formatEndpoint } from "../../address.ts";
import { attemptOf, attemptState, cameTooLate } from "../attempt.ts";
import type { Cause } from "../cause.ts";
import type { ChannelRule } from "../context.ts";
import { resetOrigin } from "../packet-origin.ts";
import { prohibition, prohibitionFact } from "../prohibition.ts";
import { THIRD_HOST, THIRD_HOST_OWN, USE_PASSIVE } from "../remedy.ts";
import { NAMED_BY_PORT, thirdHostOf } from "../third-host.ts";
import type { Fact } from "../verdict.ts";

export const cause = {
  id: "active-inbound-rejected",
  group: "Connecting",
  traits: ["refusal"],
  title: "the server's SYN to the client is refused",
  meaning:
    "In active mode the server connects to the client, and the client or a firewall before it answers with a reset or an ICMP error.",
  remedy: [USE_PASSIVE, "If active mode is needed: allow the server's connections on the client's firewall."],
  situations: { "third-host": { remedy: [THIRD_HOST, THIRD_HOST_OWN] } },
} as const satisfies Cause;

/** Active: the server's SYN is answered by a RST or an ICMP error. */
export const rule: ChannelRule = (context) => {
  const { channel, session } = context;
  const attempt = attemptOf(context, "active");
  if (!attempt) return undefined;
  const state = attemptState(attempt);
  if (state !== "rejected" && state !== "prohibited") return undefined;
  if (state === "rejected" && cameTooLate(context, attempt)) return undefined;
  const third = thirdHostOf(channel, session) === attempt.responder.address;
  const syn = {
    packet: attempt.firstPacket,
    says: `the server's SYN from ${formatEndpoint(attempt.originator)} to ${formatEndpoint(attempt.responder)}${third ? `, ${NAMED_BY_PORT}` : ""}`,
  };
  const answer = state === "rejected" ? resetFact() : prohibitionFact(prohibition(attempt)!, attempt);
  return {
    outcome: "failed",
    cause: "active-inbound-rejected",
    // What was encrypted may have named another address, from which a NAT device would have answered in the client's place.
    confidence: channel.hidden ? "likely" : "certain",
    facts: [syn, answer],
    situation: third ? "third-host" : null,
    contributing: channel.hidden ? ["control-encrypted"] : [],
    alternatives: channel.hidden
      ? [{ cause: "port-private-address", missing: "the PORT or EPRT command, which is encrypted" }]
      : [],
  };

  function resetFact(): Fact {
    const reset = attempt!.responder.resets[0];
    const { address } = attempt!.responder;
    const origin =
      address === session.client.address
        ? resetOrigin(reset, session.client).text
        : `TTL ${reset.ttl}; ${address} is not the control connection's client`;
    return { packet: reset.packet, says: `RST in answer: ${origin}` };
  }
};
