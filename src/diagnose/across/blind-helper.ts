import { cameAbout } from "../attempt.ts";
import type { SessionDiagnosis } from "../diagnose.ts";
import type { AcrossFinding } from "../verdict.ts";
import { type AcrossRule, keptAt, SessionTally } from "./across-rule.ts";

/** Causes that a helper which reads the control connection would have prevented. */
const HELPER_CAUSES: ReadonlySet<string> = new Set([
  "data-port-filtered",
  "data-port-rejected",
  "icmp-prohibited",
  "pasv-private-address",
  "port-private-address",
  "active-inbound-blocked",
  "active-inbound-rejected",
]);
/** So many channels of each kind are asked for before they are compared. */
export const HELPER_CHANNELS = 2;

/** All encrypted sessions of a server fail for want of an open port while cleartext ones work: a firewall helper that cannot read TLS. */
export class BlindHelper implements AcrossRule {
  readonly #servers = new Map<
    string,
    { encryptedFailed: number; encryptedWorked: number; clearWorked: number; tally: SessionTally }
  >();

  add({ facts: session, channels }: SessionDiagnosis): void {
    const kept = keptAt(this.#servers, session.server.address, () => ({
      encryptedFailed: 0,
      encryptedWorked: 0,
      clearWorked: 0,
      tally: new SessionTally(),
    }));
    if (!kept) return;
    for (const channel of channels) {
      const attempt = channel.facts.connection?.connection;
      if (!attempt) continue;
      const encrypted = channel.facts.hidden;
      if (cameAbout(attempt)) {
        if (encrypted) kept.encryptedWorked++;
        else kept.clearWorked++;
      } else if (encrypted && channel.verdict && HELPER_CAUSES.has(channel.verdict.cause)) {
        kept.encryptedFailed++;
        kept.tally.add(session.id, {
          packet: attempt.firstPacket,
          says: `encrypted session, ${channel.verdict.cause}`,
        });
      }
    }
  }

  findings(): AcrossFinding[] {
    return [...this.#servers].flatMap(([server, { encryptedFailed, encryptedWorked, clearWorked, tally }]) =>
      encryptedFailed >= HELPER_CHANNELS && encryptedWorked === 0 && clearWorked >= HELPER_CHANNELS
        ? [
            {
              id: "blind-helper",
              title: `${server}: all ${encryptedFailed} data channels of encrypted sessions fail, ${clearWorked} of cleartext sessions work: a NAT or firewall helper cannot read TLS`,
              confidence: "likely" as const,
              sessions: tally.sessions,
              sessionCount: tally.count,
              facts: tally.facts,
              remedy: [
                "Open a fixed passive range for FTPS and configure the server's external address; a helper opens ports only for what it can read.",
                "CCC makes the control connection readable again where policy allows it.",
              ],
            },
          ]
        : [],
    );
  }
}
