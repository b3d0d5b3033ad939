import type { ChannelDiagnosis, SessionDiagnosis } from "../diagnose.ts";
import type { AcrossFinding } from "../verdict.ts";
import { type AcrossRule, keptAt, SessionTally } from "./across-rule.ts";

/** Causes that say "this port does not let connections through". */
const CLOSED: ReadonlySet<string> = new Set(["data-port-filtered", "data-port-rejected", "icmp-prohibited"]);
/** A range is only spoken of when so many different ports of a kind were seen. */
export const RANGE_PORTS = 2;
/** One port counts as blocked by itself when it failed so often and so many others worked (5060 is SIP to many a carrier). */
export const BLOCKED_PORT_FAILURES = 2;
export const BLOCKED_PORT_OTHERS = 3;
/** Ports of one server that are kept. */
const MAX_PORTS = 8192;

interface ServerPorts {
  open: Map<number, number>;
  closed: Map<number, number>;
  tally: SessionTally;
}

/**
 * Which of a server's passive ports let connections through: a range of which only a part is forwarded, or one port that never works while
 * its neighbours do. A port seen both ways is neither.
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
        open: new Map(),
        closed: new Map(),
        tally: new SessionTally(),
      }));
      if (!ports) continue;
      const { port } = attempt.responder;
      if (attempt.established) count(ports.open, port);
      else if (isClosed(channel)) {
        count(ports.closed, port);
        ports.tally.add(session.id, {
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
}

function isClosed({ verdict }: ChannelDiagnosis): boolean {
  return verdict !== null && CLOSED.has(verdict.cause);
}

function count(ports: Map<number, number>, port: number): void {
  const known = ports.get(port);
  if (known !== undefined || ports.size < MAX_PORTS) ports.set(port, (known ?? 0) + 1);
}

/** All ports that work lie on one side of all that do not. */
function rangeFinding(server: string, { open, closed, tally }: ServerPorts): AcrossFinding | undefined {
  const works = [...open.keys()].filter((port) => !closed.has(port)).sort((a, b) => a - b);
  const fails = [...closed.keys()].filter((port) => !open.has(port)).sort((a, b) => a - b);
  if (works.length < RANGE_PORTS || fails.length < RANGE_PORTS) return undefined;
  const apart = works.at(-1)! < fails[0] || fails.at(-1)! < works[0];
  if (!apart) return undefined;
  return {
    id: "passive-range",
    title: `${server}: passive ports ${span(works)} let connections through, ${span(fails)} do not`,
    confidence: "likely",
    sessions: tally.sessions,
    sessionCount: tally.count,
    facts: tally.facts,
    remedy: [
      `Open or forward the server's whole passive range (ports up to ${Math.max(works.at(-1)!, fails.at(-1)!)} were negotiated), or narrow the range on the server to what is open.`,
    ],
  };
}

function blockedPortFinding(server: string, { open, closed, tally }: ServerPorts): AcrossFinding | undefined {
  const fails = [...closed].filter(([port]) => !open.has(port));
  if (fails.length !== 1 || fails[0][1] < BLOCKED_PORT_FAILURES || open.size < BLOCKED_PORT_OTHERS) return undefined;
  const [port, failures] = fails[0];
  return {
    id: "blocked-port",
    title: `${server}: port ${port} failed ${failures} times while ${open.size} other passive ports work`,
    confidence: "likely",
    sessions: tally.sessions,
    sessionCount: tally.count,
    facts: tally.facts,
    remedy: [
      `Leave port ${port} out of the server's passive range${port === 5060 ? " (5060 is SIP: carriers and routers treat it specially)" : ""}.`,
    ],
  };
}

function span(ports: readonly number[]): string {
  return ports.length === 1 ? `${ports[0]}` : `${ports[0]}–${ports.at(-1)}`;
}
