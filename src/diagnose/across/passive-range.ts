import { cameAbout } from "../attempt.ts";
import type { ChannelDiagnosis, SessionDiagnosis } from "../diagnose.ts";
import type { AcrossFinding } from "../verdict.ts";
import { type AcrossRule, type FindingText, keptAt, SessionTally } from "./across-rule.ts";

export const PASSIVE_RANGE = {
  id: "passive-range",
  title: "only a part of a server's passive ports lets connections through",
  meaning:
    "Data connections to some of the server's passive ports work and to others they never do: the range that is open or forwarded is not the range that the server uses.",
} as const satisfies FindingText;

export const BLOCKED_PORT = {
  id: "blocked-port",
  title: "one passive port never works while its neighbours do",
  meaning:
    "Connections to one port of the server's passive range fail again and again, those to other ports work: something on the path treats that port in a way of its own (5060 is SIP to many devices).",
} as const satisfies FindingText;

/** Causes that say "this port does not let connections through". */
const CLOSED: ReadonlySet<string> = new Set(["data-port-filtered", "data-port-rejected", "icmp-prohibited"]);
/** A range is only spoken of when so many different ports of a kind were seen. */
export const RANGE_PORTS = 2;
/** One port counts as blocked by itself when it failed so often and so many others worked (5060 is SIP to many a carrier). */
export const BLOCKED_PORT_FAILURES = 2;
export const BLOCKED_PORT_OTHERS = 3;
/** One client whose channels all fail may owe it to its own network; so many of them have no network in common. */
export const FAILING_CLIENTS = 2;
/** Ports of one server that are kept, and its clients. */
const MAX_PORTS = 8192;
const MAX_CLIENTS = 1024;

/** A client with failures: what each port cost it. */
interface FailingClient {
  readonly address: string;
  readonly closed: Map<number, number>;
  readonly tally: SessionTally;
}

interface ServerPorts {
  readonly open: Set<number>;
  /** Clients of which any data connection came about. */
  readonly working: Set<string>;
  readonly failing: Map<string, FailingClient>;
  /** Ports kept in all. */
  kept: number;
}

/** Ports that let connections through and ports that do not, all of one kind on one side of all of the other. */
interface Range {
  readonly works: readonly number[];
  readonly fails: readonly number[];
}

/**
 * Which of a server's passive ports let connections through: a range of which only a part is forwarded, or one port that never works while
 * its neighbours do. A port seen both ways is neither; and where one client alone fails, and always, its ports tell nothing of the server's
 * (`client-network`).
 */
export class PassiveRange implements AcrossRule {
  readonly #servers = new Map<string, ServerPorts>();

  add({ facts: session, channels }: SessionDiagnosis): void {
    for (const channel of channels) {
      const attempt = channel.facts.connection?.connection;
      if (
        !attempt ||
        attempt.responder.address !== session.server.address ||
        attempt.originator.address !== session.client.address
      )
        continue;
      const ports = keptAt(this.#servers, session.server.address, () => ({
        open: new Set<number>(),
        working: new Set<string>(),
        failing: new Map<string, FailingClient>(),
        kept: 0,
      }));
      if (!ports) continue;
      const { port } = attempt.responder;
      if (cameAbout(attempt)) {
        if (ports.working.size < MAX_CLIENTS) ports.working.add(session.client.address);
        if (!ports.open.has(port) && ports.kept < MAX_PORTS) {
          ports.open.add(port);
          ports.kept++;
        }
      } else if (isClosed(channel)) {
        const client = failingClient(ports, session.client.address);
        const known = client?.closed.get(port);
        if (!client || (known === undefined && ports.kept >= MAX_PORTS)) continue;
        if (known === undefined) ports.kept++;
        client.closed.set(port, (known ?? 0) + 1);
        client.tally.add(session.id, {
          packet: attempt.firstPacket,
          says: `SYN to ${session.server.address} port ${port}: ${channel.verdict!.cause}`,
        });
      }
    }
  }

  findings(): AcrossFinding[] {
    return [...this.#servers].flatMap(
      ([server, ports]) => rangeFinding(server, ports) ?? blockedPortFinding(server, ports) ?? [],
    );
  }

  /** Whether a range of which only a part lets connections through explains that none of this client's came about. */
  explains(server: string, client: string): boolean {
    const ports = this.#servers.get(server);
    const closed = ports?.failing.get(client)?.closed;
    const range = ports && rangeOf(ports);
    if (!closed?.size || !range) return false;
    const { works, fails } = range;
    return [...closed.keys()].every((port) => (fails[0] > works[0] ? port > works.at(-1)! : port < works[0]));
  }
}

/** Made with its first failure: most clients of a server never have one. */
function failingClient({ failing }: ServerPorts, address: string): FailingClient | undefined {
  let client = failing.get(address);
  if (!client && failing.size < MAX_CLIENTS) {
    client = { address, closed: new Map(), tally: new SessionTally() };
    failing.set(address, client);
  }
  return client;
}

function isClosed({ verdict }: ChannelDiagnosis): boolean {
  return verdict !== null && CLOSED.has(verdict.cause);
}

/** The clients whose failures tell of the server's ports: those that got through on others, and those that fail together. */
function witnesses({ working, failing }: ServerPorts): FailingClient[] {
  const failed = [...failing.values()].filter(({ closed }) => closed.size > 0);
  const alone = failed.filter(({ address }) => !working.has(address)).length < FAILING_CLIENTS;
  return failed.filter(({ address }) => working.has(address) || !alone);
}

/** How often each port failed that never worked, in their order. */
function failuresOf(ports: ServerPorts): Map<number, number> {
  const failures = new Map<number, number>();
  for (const { closed } of witnesses(ports))
    for (const [port, times] of closed)
      if (!ports.open.has(port)) failures.set(port, (failures.get(port) ?? 0) + times);
  return new Map([...failures].sort(([a], [b]) => a - b));
}

/** All ports that work lie on one side of all that do not. */
function rangeOf(ports: ServerPorts): Range | undefined {
  const closed = new Set([...ports.failing.values()].flatMap((client) => [...client.closed.keys()]));
  const works = [...ports.open].filter((port) => !closed.has(port)).sort((a, b) => a - b);
  const fails = [...failuresOf(ports).keys()];
  if (works.length < RANGE_PORTS || fails.length < RANGE_PORTS) return undefined;
  return works.at(-1)! < fails[0] || fails.at(-1)! < works[0] ? { works, fails } : undefined;
}

function rangeFinding(server: string, ports: ServerPorts): AcrossFinding | undefined {
  const range = rangeOf(ports);
  if (!range) return undefined;
  const { works, fails } = range;
  return {
    id: "passive-range",
    title: `${server}: passive ports ${span(works)} let connections through, ${span(fails)} do not`,
    confidence: "likely",
    ...told(ports),
    remedy: [
      `Open or forward the server's whole passive range (ports up to ${Math.max(works.at(-1)!, fails.at(-1)!)} were negotiated), or narrow the range on the server to what is open.`,
    ],
  };
}

function blockedPortFinding(server: string, ports: ServerPorts): AcrossFinding | undefined {
  const fails = [...failuresOf(ports)];
  const { size } = ports.open;
  if (fails.length !== 1 || fails[0][1] < BLOCKED_PORT_FAILURES || size < BLOCKED_PORT_OTHERS) return undefined;
  const [port, failures] = fails[0];
  return {
    id: "blocked-port",
    title: `${server}: port ${port} failed ${failures} times while ${size} other passive ports work`,
    confidence: "likely",
    ...told(ports),
    remedy: [
      `Leave port ${port} out of the server's passive range${port === 5060 ? " (5060 is SIP: carriers and routers treat it specially)" : ""}.`,
    ],
  };
}

/** The sessions and facts of all who tell of the ports. */
function told(ports: ServerPorts): Pick<AcrossFinding, "sessions" | "sessionCount" | "facts"> {
  const tally = SessionTally.of(witnesses(ports).map((client) => client.tally));
  return { sessions: tally.sessions, sessionCount: tally.count, facts: tally.facts };
}

function span(ports: readonly number[]): string {
  return ports.length === 1 ? `${ports[0]}` : `${ports[0]}–${ports.at(-1)}`;
}
