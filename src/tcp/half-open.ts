import { BOUNDS } from "../bounds.ts";
import type { Connection } from "./connection.ts";

/**
 * Control connections, followed from their SYN on, on which nothing has been said yet. A server whose greeting takes a second can have 4,000 new
 * clients a second; what goes beyond is a flood or a scan, and waits in a memory of SYNs until it shows that it is not.
 */
export const MAX_HALF_OPEN = BOUNDS.halfOpen.most;

/** How many control connections there are on which nothing has been said. */
export class HalfOpenCount {
  #count = 0;

  /** Whether no further one may be followed. */
  get isFull(): boolean {
    return this.#count >= MAX_HALF_OPEN;
  }

  /** A control connection is followed from its SYN on. */
  begin(connection: Connection): void {
    connection.halfOpen = true;
    this.#count++;
  }

  /** Something was said on it, or it is followed no more; any other connection is none of this. */
  end(connection: Connection): void {
    if (!connection.halfOpen) return;
    connection.halfOpen = false;
    this.#count--;
  }
}
