/** Sequence number arithmetic, modulo 2³² (RFC 9293 section 3.4). Sequence numbers are unsigned 32-bit integers. */

/** `a - b` as the shortest signed distance, -2³¹ … 2³¹-1. */
export function sequenceDistance(a: number, b: number): number {
  return (a - b) | 0;
}
