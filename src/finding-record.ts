import type { Finding } from "./analysis.ts";
import { captureIndexOf, packetNumberOf } from "./capture/frame.ts";
import type { AcrossFinding } from "./diagnose/verdict.ts";

/** A finding over several sessions as plain data of the report. */
export function findingRecord({ facts, ...finding }: AcrossFinding): Finding {
  const evidence = facts.map(({ packet, says }) => ({
    capture: captureIndexOf(packet),
    packet: packetNumberOf(packet),
    says,
  }));
  return { ...finding, evidence };
}
