import { BOUNDS } from "../../bounds.ts";
import type { SessionFacts } from "../../correlate/session-facts.ts";
import type { Connection } from "../../tcp/connection.ts";
import { cameAbout } from "../attempt.ts";
import type { CauseId } from "../causes.ts";
import type { ChannelDiagnosis, SessionDiagnosis } from "../diagnose.ts";
import { shareNetwork } from "../vantage.ts";
import type { AcrossFinding } from "../verdict.ts";
import { type AcrossRule, ComparedClients, type FindingText, keptAt, pairOf, SessionTally } from "./across-rule.ts";

export const PASSIVE_RANGE = {
  id: "passive-range",
  title: "only a part of a server's passive ports lets connections through, or none does",
  meaning:
    "Data connections to some of the server's passive ports work and to others they never do, or whoever dials, none ever works: the range that is open or forwarded is not the range that the server uses.",
} as const satisfies FindingText;

export const BLOCKED_PORT = {
  id: "blocked-port",
  title: "one passive port never works while its neighbours do",
  meaning:
    "Connections to one port of the server's passive range fail again and again, those to other ports work: something on the path treats that port in a way of its own (5060 is SIP to many devices).",
} as const satisfies FindingText;

/** Causes that say "this port does not let connections through". */
const CLOSED: ReadonlySet<CauseId> = new Set(["data-port-filtered", "data-port-rejected", "icmp-prohibited"]);
/** A range is only spoken of when so many different ports of a kind were seen. */
const RANGE_PORTS = 2;
/** One port counts as blocked by itself when it failed so often and so many others worked (5060 is SIP to many a carrier). */
const BLOCKED_PORT_FAILURES = 2;
const BLOCKED_PORT_OTHERS = 3;
/** One client whose channels all fail may owe it to its own network; so many of them have no network in common. */
const FAILING_CLIENTS = 2;

/** A client with failures: what each port cost it. */
interface FailingClient {
  /** Whether any other data connection of its own came about is looked up by this. */
  readonly pair: number;
  readonly closed: Map<number, number>;
  readonly tally: SessionTally;
}

interface ServerPorts {
  readonly open: Set<number>;
  readonly failing: Map<string, FailingClient>;
}

function newServerPorts(): ServerPorts {
  return { open: new Set(), failing: new Map() };
}

/** What they tell when all sessions are in. */
interface PortsTold {
  readonly open: ReadonlySet<number>;
  readonly witnesses: readonly FailingClient[];
  /** How often each port failed that never worked, in their order. */
  readonly failures: ReadonlyMap<number, number>;
  /** Who dialled them. */
  readonly clients: readonly string[];
  readonly range: Range | undefined;
}

/** Ports that let connections through and ports that do not, all of one kind on one side of all of the other. */
interface Range {
  readonly works: readonly number[];
  readonly fails: readonly number[];
}

/**
 * Which of a server's passive ports let connections through: a range of which only a part is forwarded, one port that never works while
 * its neighbours do, or none at all. A port seen both ways is neither; and where one client alone fails, and always, its ports tell nothing of the server's
 * (`client-network`).
 */
export class PassiveRange implements AcrossRule {
  readonly #servers = new Map<string, ServerPorts>();
  readonly #clients = new ComparedClients();
  #ports = 0;
  /** There was no room for some port or client: that nothing works cannot be said any more. */
  #isCut = false;
  readonly #toldOf = new Map<string, PortsTold>();

  add({ facts: session, channels }: SessionDiagnosis): boolean {
    const isWhole = this.#compare(session, channels);
    if (!isWhole) this.#isCut = true;
    return isWhole;
  }

  #compare(session: SessionFacts, channels: readonly ChannelDiagnosis[]): boolean {
    let isWhole = true;
    for (const channel of channels) {
      const attempt = channel.facts.connection?.connection;
      if (
        !attempt ||
        attempt.responder.address !== session.server.address ||
        attempt.originator.address !== session.client.address
      )
        continue;
      const server = keptAt(this.#servers, session.server.address, newServerPorts);
      if (!server) return false;
      if (cameAbout(attempt)) isWhole = this.#opens(server, attempt.responder.port, pairOf(session)) && isWhole;
      else if (isClosed(channel)) isWhole = this.#closes(server, session, attempt, channel.verdict!.cause) && isWhole;
    }
    return isWhole;
  }

  /** @returns whether there was room for it */
  #opens({ open }: ServerPorts, port: number, pair: number): boolean {
    const known = this.#clients.works(pair) !== undefined;
    if (open.has(port)) return known;
    if (!this.#hasPort()) return false;
    open.add(port);
    return known;
  }

  /** @returns whether there was room for it */
  #closes({ failing }: ServerPorts, session: SessionFacts, attempt: Connection, cause: CauseId): boolean {
    const { address } = session.client;
    const { port } = attempt.responder;
    let client = failing.get(address);
    if (!client) {
      if (!this.#clients.admitsFailing()) return false;
      client = { pair: pairOf(session), closed: new Map(), tally: new SessionTally() };
      failing.set(address, client);
    }
    const times = client.closed.get(port);
    if (times === undefined && !this.#hasPort()) return false;
    client.closed.set(port, (times ?? 0) + 1);
    client.tally.add(session.id, {
      packet: attempt.firstPacket,
      says: `SYN to ${session.server.address} port ${port}: ${cause}`,
    });
    return true;
  }

  #hasPort(): boolean {
    if (this.#ports >= BOUNDS.comparedPorts.most) return false;
    this.#ports++;
    return true;
  }

  findings(): AcrossFinding[] {
    return [...this.#servers.keys()].flatMap((server) => {
      const told = this.#told(server);
      return (
        rangeFinding(server, told) ??
        blockedPortFinding(server, told) ??
        (this.#isCut ? undefined : noPortFinding(server, told)) ??
        []
      );
    });
  }

  /** Whether a range of which only a part lets connections through explains that none of this client's came about: asked when all sessions are in. */
  explains(server: string, client: string): boolean {
    const closed = this.#servers.get(server)?.failing.get(client)?.closed;
    const range = closed && this.#told(server).range;
    if (!range) return false;
    const { works, fails } = range;
    return [...closed.keys()].every((port) => (fails[0] > works[0] ? port > works.at(-1)! : port < works[0]));
  }

  /** Worked out once: of thousands of clients each asks for it. */
  #told(server: string): PortsTold {
    const known = this.#toldOf.get(server);
    if (known) return known;
    const { open, failing } = this.#servers.get(server)!;
    const clients = [...failing.values()];
    const witnesses = this.#witnesses(clients);
    const failures = failuresOf(witnesses, open);
    const told = { open, witnesses, failures, clients: [...failing.keys()], range: rangeOf(open, clients, failures) };
    this.#toldOf.set(server, told);
    return told;
  }

  /** The clients whose failures tell of the server's ports: those that got through on others, and those that fail together. */
  #witnesses(clients: readonly FailingClient[]): FailingClient[] {
    const works = ({ pair }: FailingClient) => this.#clients.hasWorked(pair);
    const alone = clients.filter((client) => !works(client)).length < FAILING_CLIENTS;
    return alone ? clients.filter(works) : [...clients];
  }
}

function isClosed({ verdict }: ChannelDiagnosis): boolean {
  return verdict !== null && CLOSED.has(verdict.cause);
}

/** How often each port failed that never worked, in their order. */
function failuresOf(witnesses: readonly FailingClient[], open: ReadonlySet<number>): Map<number, number> {
  const failures = new Map<number, number>();
  for (const { closed } of witnesses)
    for (const [port, times] of closed) if (!open.has(port)) failures.set(port, (failures.get(port) ?? 0) + times);
  return new Map([...failures].sort(([a], [b]) => a - b));
}

/** All ports that work lie on one side of all that do not. */
function rangeOf(
  open: ReadonlySet<number>,
  clients: readonly FailingClient[],
  failures: ReadonlyMap<number, number>,
): Range | undefined {
  const closed = new Set(clients.flatMap((client) => [...client.closed.keys()]));
  const works = [...open].filter((port) => !closed.has(port)).sort((a, b) => a - b);
  const fails = [...failures.keys()];
  if (works.length < RANGE_PORTS || fails.length < RANGE_PORTS) return undefined;
  return works.at(-1)! < fails[0] || fails.at(-1)! < works[0] ? { works, fails } : undefined;
}

function rangeFinding(server: string, { range, witnesses }: PortsTold): AcrossFinding | undefined {
  if (!range) return undefined;
  const { works, fails } = range;
  return {
    id: "passive-range",
    title: `${server}: passive ports ${span(works)} let connections through, ${span(fails)} do not`,
    confidence: "likely",
    ...evidenceOf(witnesses),
    remedy: [
      `Open or forward the server's whole passive range (ports up to ${Math.max(works.at(-1)!, fails.at(-1)!)} were negotiated), or narrow the range on the server to what is open.`,
    ],
  };
}

function blockedPortFinding(server: string, { open, failures, witnesses }: PortsTold): AcrossFinding | undefined {
  const fails = [...failures];
  if (fails.length !== 1 || fails[0][1] < BLOCKED_PORT_FAILURES || open.size < BLOCKED_PORT_OTHERS) return undefined;
  const [port, times] = fails[0];
  return {
    id: "blocked-port",
    title: `${server}: port ${port} failed ${times} times while ${open.size} other passive ports work`,
    confidence: "likely",
    ...evidenceOf(witnesses),
    remedy: [
      `Leave port ${port} out of the server's passive range${port === 5060 ? " (5060 is SIP: carriers and routers treat it specially)" : ""}.`,
    ],
  };
}

/** Several clients, several ports, and not one of them works: of one network alone it may be the clients' own firewall. */
function noPortFinding(server: string, { open, failures, witnesses, clients }: PortsTold): AcrossFinding | undefined {
  if (open.size > 0 || witnesses.length < FAILING_CLIENTS || failures.size < RANGE_PORTS) return undefined;
  const together = clients.every((client) => shareNetwork(client, clients[0]));
  return {
    id: "passive-range",
    title: `${server}: none of the ${failures.size} passive ports that ${clients.length} clients dialled, ${span([...failures.keys()])}, lets a connection through`,
    confidence: together ? "possible" : "likely",
    ...evidenceOf(witnesses),
    remedy: [
      "Open or forward the server's whole passive range, and give the server a fixed one if it has none.",
      ...(together
        ? [
            "All these clients are of one network: its own firewall may be what stops them. A capture at the server tells whether their SYNs arrive.",
          ]
        : []),
    ],
  };
}

/** The sessions and facts of all who tell of the ports. */
function evidenceOf(witnesses: readonly FailingClient[]): Pick<AcrossFinding, "sessions" | "sessionCount" | "facts"> {
  const tally = SessionTally.of(witnesses.map((client) => client.tally));
  return { sessions: tally.sessions, sessionCount: tally.count, facts: tally.facts };
}

function span(ports: readonly number[]): string {
  return ports.length === 1 ? `${ports[0]}` : `${ports[0]}–${ports.at(-1)}`;
}
