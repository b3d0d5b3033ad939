import { cameAbout } from "../attempt.ts";
import type { CauseId } from "../causes.ts";
import type { SessionDiagnosis } from "../diagnose.ts";
import type { AcrossFinding } from "../verdict.ts";
import { type AcrossRule, type FindingText, keptAt, SessionTally } from "./across-rule.ts";
import type { PassiveRange } from "./passive-range.ts";

export const CLIENT_NETWORK = {
  id: "client-network",
  title: "all data connections of one client fail while other clients reach the same server",
  meaning: "The cause is to be looked for on that client's side: its own firewall, NAT or network.",
} as const satisfies FindingText;

/** A client network is spoken of when so many of its channels failed, none worked, and so many other clients' worked. */
export const FAILED_CHANNELS = 3;
export const WORKING_CLIENTS = 2;
/** Clients of one server that are kept. */
const MAX_CLIENTS = 1024;

/** Causes that may lie in the client's network: others are the server's or the client's own. */
const ON_THE_WAY: ReadonlySet<CauseId> = new Set([
  "data-port-filtered",
  "data-port-rejected",
  "icmp-prohibited",
  "active-inbound-blocked",
  "active-inbound-rejected",
]);

interface ClientChannels {
  worked: number;
  failed: number;
  tally: SessionTally;
}

/**
 * Every data channel from one client address fails at the connection while other clients reach the same server's. Where its ports are among those
 * that let nobody through, the server's range is told instead.
 */
export class ClientNetwork implements AcrossRule {
  readonly #servers = new Map<string, Map<string, ClientChannels>>();
  readonly #range: PassiveRange;

  constructor(range: PassiveRange) {
    this.#range = range;
  }

  add({ facts: session, channels }: SessionDiagnosis): void {
    if (channels.length === 0) return;
    const clients = keptAt(this.#servers, session.server.address, () => new Map<string, ClientChannels>());
    if (!clients) return;
    let kept = clients.get(session.client.address);
    if (!kept) {
      if (clients.size >= MAX_CLIENTS) return;
      kept = { worked: 0, failed: 0, tally: new SessionTally() };
      clients.set(session.client.address, kept);
    }
    for (const { facts, outcome, verdict } of channels) {
      const attempt = facts.connection?.connection;
      if (attempt && cameAbout(attempt)) kept.worked++;
      else if (outcome === "failed" && verdict && attempt && ON_THE_WAY.has(verdict.cause)) {
        kept.failed++;
        kept.tally.add(session.id, { packet: attempt.firstPacket, says: verdict.cause });
      }
    }
  }

  findings(): AcrossFinding[] {
    return [...this.#servers].flatMap(([server, clients]) => {
      const working = [...clients.values()].filter(({ worked }) => worked > 0).length;
      if (working < WORKING_CLIENTS) return [];
      return [...clients].flatMap(([client, { worked, failed, tally }]) =>
        worked === 0 && failed >= FAILED_CHANNELS && !this.#range.explains(server, client)
          ? [
              {
                id: "client-network",
                title: `all ${failed} data channels from ${client} to ${server} fail, while ${working} other clients' work`,
                confidence: "likely" as const,
                sessions: tally.sessions,
                sessionCount: tally.count,
                facts: tally.facts,
                remedy: [`Look at the firewall or NAT in front of ${client}, not at the server.`],
              },
            ]
          : [],
      );
    });
  }
}
