import { BOUNDS } from "../../bounds.ts";
import type { SessionDiagnosis } from "../diagnose.ts";
import type { AcrossFinding } from "../verdict.ts";
import { type AcrossRule, type FindingText, keptAt, SessionTally } from "./across-rule.ts";

export const PORTS_EXHAUSTED = {
  id: "ports-exhausted",
  title: "a server runs out of passive ports again and again",
  meaning: "The server's passive range is too small for what its clients do at once.",
} as const satisfies FindingText;

/** Once, a server may have been unlucky; the channel says so by itself. */
const EXHAUSTED_CHANNELS = 2;

interface ServerGrants {
  ports: Set<number>;
  exhausted: number;
  tally: SessionTally;
}

/** A server runs out of passive ports again and again: its range is too small for what its clients do at once. */
export class PortsExhausted implements AcrossRule {
  readonly #servers = new Map<string, ServerGrants>();
  #ports = 0;

  add({ facts: session, channels }: SessionDiagnosis): boolean {
    let isWhole = true;
    for (const { facts, verdict } of channels) {
      const { negotiation } = facts;
      const exhausted = verdict?.cause === "passive-ports-exhausted";
      const granted = negotiation?.mode === "passive" && negotiation.granted ? negotiation.advertised : null;
      if (!exhausted && !granted) continue;
      const kept = keptAt(this.#servers, session.server.address, () => ({
        ports: new Set<number>(),
        exhausted: 0,
        tally: new SessionTally(),
      }));
      isWhole &&= kept !== undefined;
      if (!kept) continue;
      if (granted && !kept.ports.has(granted.port)) {
        if (this.#ports < BOUNDS.comparedPorts.most) {
          kept.ports.add(granted.port);
          this.#ports++;
        } else isWhole = false;
      }
      if (!exhausted) continue;
      kept.exhausted++;
      kept.tally.add(session.id, verdict.facts[0]);
    }
    return isWhole;
  }

  findings(): AcrossFinding[] {
    return [...this.#servers]
      .filter(([, { exhausted }]) => exhausted >= EXHAUSTED_CHANNELS)
      .map(([server, { ports, exhausted, tally }]) => ({
        id: "ports-exhausted",
        title: `${server}: no passive port was left ${exhausted} times${grantedText(ports)}`,
        confidence: "likely" as const,
        sessions: tally.sessions,
        sessionCount: tally.count,
        facts: tally.facts,
        remedy: [
          "Widen the server's passive range and what is forwarded of it: a port stays in use for up to 2 MSL (RFC 9293: four minutes) after its connection.",
          "Or let clients open fewer connections at once.",
        ],
      }));
  }
}

/** `; it granted 3 ports, from 50000 to 50002`. */
function grantedText(ports: ReadonlySet<number>): string {
  if (ports.size === 0) return "";
  let least = Number.POSITIVE_INFINITY;
  let most = 0;
  for (const port of ports) {
    least = Math.min(least, port);
    most = Math.max(most, port);
  }
  return ports.size === 1
    ? `; it granted port ${least} alone`
    : `; it granted ${ports.size} ports, from ${least} to ${most}`;
}
