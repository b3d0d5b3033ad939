import { cameAbout } from "../attempt.ts";
import type { CauseId } from "../causes.ts";
import type { SessionDiagnosis } from "../diagnose.ts";
import type { AcrossFinding } from "../verdict.ts";
import { type AcrossRule, ComparedClients, type FindingText, keptAt, pairOf, SessionTally } from "./across-rule.ts";
import type { PassiveRange } from "./passive-range.ts";

export const CLIENT_NETWORK = {
  id: "client-network",
  title: "all data connections of one client fail while other clients reach the same server",
  meaning: "The cause is to be looked for on that client's side: its own firewall, NAT or network.",
} as const satisfies FindingText;

/** A client network is spoken of when so many of its channels failed, none worked, and so many other clients' worked. */
const FAILED_CHANNELS = 3;
const WORKING_CLIENTS = 2;
/** Causes that may lie in the client's network: others are the server's or the client's own. */
const ON_THE_WAY: ReadonlySet<CauseId> = new Set([
  "data-port-filtered",
  "data-port-rejected",
  "icmp-prohibited",
  "active-inbound-blocked",
  "active-inbound-rejected",
]);

/** A client with failures. */
interface FailingClient {
  readonly pair: number;
  channels: number;
  readonly tally: SessionTally;
}

interface ServerClients {
  /** How many clients' data connections came about. */
  working: number;
  readonly failing: Map<string, FailingClient>;
}

/**
 * Every data channel from one client address fails at the connection while other clients reach the same server's. Where its ports are among those
 * that let nobody through, the server's range is told instead.
 */
export class ClientNetwork implements AcrossRule {
  readonly #servers = new Map<string, ServerClients>();
  readonly #clients = new ComparedClients();
  readonly #range: PassiveRange;

  constructor(range: PassiveRange) {
    this.#range = range;
  }

  add({ facts: session, channels }: SessionDiagnosis): boolean {
    if (channels.length === 0) return true;
    const server = keptAt(this.#servers, session.server.address, () => ({ working: 0, failing: new Map() }));
    if (!server) return false;
    const pair = pairOf(session);
    let isWhole = true;
    for (const { facts, outcome, verdict } of channels) {
      const attempt = facts.connection?.connection;
      if (attempt && cameAbout(attempt)) {
        const isNew = this.#clients.works(pair);
        if (isNew) server.working++;
        isWhole &&= isNew !== undefined;
      } else if (outcome === "failed" && verdict && attempt && ON_THE_WAY.has(verdict.cause)) {
        const client = this.#failingClient(server, session.client.address, pair);
        isWhole &&= client !== undefined;
        if (!client) continue;
        client.channels++;
        client.tally.add(session.id, { packet: attempt.firstPacket, says: verdict.cause });
      }
    }
    return isWhole;
  }

  #failingClient({ failing }: ServerClients, address: string, pair: number): FailingClient | undefined {
    const known = failing.get(address);
    if (known || !this.#clients.admitsFailing()) return known;
    const client = { pair, channels: 0, tally: new SessionTally() };
    failing.set(address, client);
    return client;
  }

  findings(): AcrossFinding[] {
    return [...this.#servers].flatMap(([server, { working, failing }]) => {
      if (working < WORKING_CLIENTS) return [];
      return [...failing].flatMap(([client, { pair, channels, tally }]) =>
        channels >= FAILED_CHANNELS && !this.#clients.hasWorked(pair) && !this.#range.explains(server, client)
          ? [
              {
                id: "client-network",
                title: `all ${channels} data channels from ${client} to ${server} fail, while ${working} other clients' work`,
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
