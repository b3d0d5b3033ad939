import { formatEndpoint } from "../address.ts";
import type { Failure } from "./failure.ts";

/** Failures that one explanation serves: same cause, same server, same certainty. */
export interface FailureGroup {
  /** The first of them, kept whole. */
  readonly example: Failure;
  count: number;
  /** The next few, for a line each. */
  readonly others: Failure[];
  /** Client addresses, up to {@link MAX_CLIENTS} of them. */
  readonly clients: Set<string>;
  /** Advertised ports; 0 while none was seen. */
  lowestPort: number;
  highestPort: number;
}

/** How many groups are kept; a failure that would open another is only counted. */
const MAX_GROUPS = 1000;
/** How many failures of a group are listed after its example. */
const MAX_OTHERS = 4;
const MAX_CLIENTS = 1000;

/** Collects failures into groups, in bounded memory: a hundred channels that fail for one reason are one block to read. */
export class FailureGroups {
  readonly #byKey = new Map<string, FailureGroup>();
  #dropped = 0;

  /** @returns whether it is the first of its kind, and so the example of a group */
  add(failure: Failure): boolean {
    const key = groupKey(failure);
    let group = this.#byKey.get(key);
    const isFirst = group === undefined;
    if (!group) {
      if (this.#byKey.size >= MAX_GROUPS) {
        this.#dropped++;
        return false;
      }
      group = { example: failure, count: 0, others: [], clients: new Set(), lowestPort: 0, highestPort: 0 };
      this.#byKey.set(key, group);
    } else if (group.others.length < MAX_OTHERS) {
      group.others.push(failure);
    }
    group.count++;
    if (group.clients.size < MAX_CLIENTS) group.clients.add(failure.control.client.address);
    const port = failure.channel?.negotiation?.advertised?.port ?? failure.channel?.connection?.responder.port ?? 0;
    if (port > 0) {
      if (group.lowestPort === 0 || port < group.lowestPort) group.lowestPort = port;
      if (port > group.highestPort) group.highestPort = port;
    }
    return isFirst;
  }

  /** Failures that were counted but are in no group, because there were too many different ones. */
  get dropped(): number {
    return this.#dropped;
  }

  /** What failed before what was refused, otherwise in order of first occurrence. */
  list(): FailureGroup[] {
    const groups = [...this.#byKey.values()];
    const refused = (group: FailureGroup) => group.example.outcome === "refused";
    return [...groups.filter((group) => !refused(group)), ...groups.filter(refused)];
  }
}

function groupKey(failure: Failure): string {
  return [
    failure.channel ? "data" : "control",
    failure.outcome,
    failure.cause,
    failure.confidence,
    failure.control.security,
    formatEndpoint(failure.control.server),
    failure.channel?.negotiation?.verb ?? "",
    failure.contributing.join(),
    failure.limits.join(),
    failure.alternatives.map(({ cause }) => cause).join(),
    failure.remedy.join("\n"),
  ].join("\n");
}
