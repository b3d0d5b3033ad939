import type { NegotiationFacts } from "../correlate/data-channel.ts";
import type { SessionFacts } from "../correlate/session-facts.ts";
import { isEpsvAll } from "../ftp/negotiation.ts";
import type { Fact } from "./verdict.ts";

/**
 * After EPSV ALL a client may send nothing but EPSV, and the server has to turn down the rest (RFC 2428 section 4): then the refusal is the
 * client's doing. @returns the EPSV ALL that the server agreed to before a negotiation, as a fact; empty where there is none
 */
export function epsvAllBefore({ exchanges }: SessionFacts, { command: refused }: NegotiationFacts): Fact[] {
  const agreed = exchanges.find(
    ({ command, final }) =>
      command?.verb === "EPSV" &&
      isEpsvAll(command.argument) &&
      final !== null &&
      final.code < 300 &&
      refused !== null &&
      command.startAt < refused.startAt,
  );
  if (!agreed) return [];
  const packet = agreed.command!.stamp.packet;
  return [
    { packet, says: `EPSV ALL, answered ${agreed.final!.code}: from here on the client may use nothing but EPSV` },
  ];
}
