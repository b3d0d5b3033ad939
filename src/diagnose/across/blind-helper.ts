import type { ChannelMode } from "../../ftp/negotiation.ts";
import { cameAbout, modeOf } from "../attempt.ts";
import type { CauseId } from "../causes.ts";
import type { SessionDiagnosis } from "../diagnose.ts";
import type { AcrossFinding } from "../verdict.ts";
import { type AcrossRule, type FindingText, keptAt, SessionTally } from "./across-rule.ts";

export const BLIND_HELPER = {
  id: "blind-helper",
  title: "encrypted sessions fail where cleartext ones work",
  meaning:
    "At one server the data connections of all encrypted sessions are blocked while those of cleartext sessions work: a firewall opens the ports by reading the control connection, and TLS hides it.",
} as const satisfies FindingText;

/** Causes that a helper which reads the control connection would have prevented. */
const HELPER_CAUSES: ReadonlySet<CauseId> = new Set([
  "data-port-filtered",
  "data-port-rejected",
  "icmp-prohibited",
  "pasv-private-address",
  "port-private-address",
  "active-inbound-blocked",
  "active-inbound-rejected",
]);
/** So many channels of each kind are asked for before they are compared. */
const HELPER_CHANNELS = 2;

/** What came of the channels of one mode. */
interface Kept {
  readonly mode: ChannelMode;
  readonly server: string;
  encryptedFailed: number;
  encryptedWorked: number;
  clearWorked: number;
  readonly tally: SessionTally;
}

const REMEDY = {
  passive: [
    "Open a fixed passive range for FTPS and configure the server's external address; a helper opens ports only for what it can read.",
    "CCC makes the control connection readable again where policy allows it.",
  ],
  active: [
    "Use passive mode for FTPS: the client then opens the data connections itself, and no helper on its side is needed.",
    "CCC makes the control connection readable again where policy allows it.",
  ],
} as const satisfies Record<ChannelMode, readonly string[]>;

/**
 * All encrypted sessions of a server fail for want of an open port while cleartext ones work: a firewall helper that cannot read TLS. Only
 * channels of one mode are compared: the other end dials in the other mode, through other rules. What lets a server dial stands before the client,
 * so active mode is compared for each client alone.
 */
export class BlindHelper implements AcrossRule {
  readonly #kept = new Map<string, Kept>();

  add({ facts: session, channels }: SessionDiagnosis): boolean {
    let isWhole = true;
    for (const channel of channels) {
      const attempt = channel.facts.connection?.connection;
      if (!attempt) continue;
      const mode = modeOf(channel.facts, session, attempt);
      const { server, client } = session;
      const key = mode === "passive" ? server.address : `${server.address} ${client.address}`;
      const kept = keptAt(this.#kept, key, () => ({
        mode,
        server: server.address,
        encryptedFailed: 0,
        encryptedWorked: 0,
        clearWorked: 0,
        tally: new SessionTally(),
      }));
      isWhole &&= kept !== undefined;
      if (!kept) continue;
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
    return isWhole;
  }

  findings(): AcrossFinding[] {
    return [...this.#kept.values()].flatMap(
      ({ mode, server, encryptedFailed, encryptedWorked, clearWorked, tally }): AcrossFinding[] =>
        encryptedFailed >= HELPER_CHANNELS && encryptedWorked === 0 && clearWorked >= HELPER_CHANNELS
          ? [
              {
                id: "blind-helper",
                title: `${server}: all ${encryptedFailed} ${mode} data channels of encrypted sessions fail, ${clearWorked} of cleartext sessions work: a NAT or firewall helper cannot read TLS`,
                confidence: "likely",
                sessions: tally.sessions,
                sessionCount: tally.count,
                facts: tally.facts,
                remedy: REMEDY[mode],
              },
            ]
          : [],
    );
  }
}
