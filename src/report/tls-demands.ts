import { formatEndpoint } from "../address.ts";
import type { Control, Session } from "../analysis.ts";
import { countOf, describePacket } from "./phrases.ts";

/** Sessions that are named. */
const MAX_NAMED = 20;

/** What a control connection without a cause has to say for itself: the reply by which the server demands TLS of the login. Empty where there is none. */
export function tlsDemandOf({ cause, evidence }: Control): string {
  return cause === null && evidence.length > 0 ? evidence[0].says : "";
}

/** Sessions that were let in only with TLS, for documents that show no more of a session than its failures: no failure, and why nothing was transferred. */
export class TlsDemands {
  readonly #named: Control[] = [];
  #count = 0;

  /** @param session safe data */
  add({ control }: Session): void {
    if (tlsDemandOf(control) === "") return;
    if (this.#count++ < MAX_NAMED) this.#named.push(control);
  }

  /** A line each, and one for those that are not named; then what to do. None where TLS was never demanded. */
  lines(captureCount: number): string[] {
    if (this.#count === 0) return [];
    const unnamed = this.#count - this.#named.length;
    return [
      ...this.#named.map((control) => {
        const where = describePacket(control.evidence[0], captureCount);
        return `${formatEndpoint(control.client)} to ${formatEndpoint(control.server)}, ${where}: ${tlsDemandOf(control)}`;
      }),
      ...(unnamed > 0 ? [`… and ${countOf(unnamed, "more session")}`] : []),
      ...this.#named[0].remedy,
    ];
  }
}
