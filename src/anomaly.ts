/**
 * Anomalies: what was malformed, truncated, lost or beyond a limit. A value, never an exception: the layer that met it
 * stops, the analysis goes on (DESIGN: three kinds of error). Every occurrence is counted, the first of each code kept.
 */

/** The layer that noticed. */
export type AnomalyLayer = "capture" | "link" | "ip" | "tcp" | "icmp" | "tls" | "ftp" | "correlate";

/** One kind of oddity as the report lists it. */
export interface Anomaly {
  readonly code: string;
  readonly layer: AnomalyLayer;
  /** How often it occurred. */
  readonly count: number;
  readonly first: {
    /** Index into the report's `captures`. */
    readonly capture: number;
    /** 1-based packet number in that capture; 0 when it belongs to no packet. */
    readonly packet: number;
    readonly detail: string;
  };
}

/** Counts anomalies and keeps the first of each code. */
export class AnomalyLog {
  readonly #byCode = new Map<string, { layer: AnomalyLayer; count: number; packet: number; detail: string }>();

  /**
   * @param packet a {@link ./capture/frame.ts packet reference} (capture index × 2³² + packet number)
   * @param detail text, or a function that makes it: it runs only for the first of its code
   * @param times how often it occurred, where that is noted once for all
   */
  note(code: string, layer: AnomalyLayer, packet: number, detail: string | (() => string), times = 1): void {
    const known = this.#byCode.get(code);
    if (known) {
      known.count += times;
      return;
    }
    this.#byCode.set(code, { layer, count: times, packet, detail: typeof detail === "string" ? detail : detail() });
  }

  /** How often `code` was noted. */
  count(code: string): number {
    return this.#byCode.get(code)?.count ?? 0;
  }

  /** All anomalies, in the order in which their codes first occurred. */
  list(): Anomaly[] {
    return [...this.#byCode].map(([code, { layer, count, packet, detail }]) => ({
      code,
      layer,
      count,
      first: { capture: Math.floor(packet / 2 ** 32), packet: packet % 2 ** 32, detail },
    }));
  }
}
