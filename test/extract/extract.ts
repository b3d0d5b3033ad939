import type { Analysis, Session } from "../../src/analysis.ts";
import { CONTROL_PORTS, createAnalyzer } from "../../src/analyze.ts";
import { AnomalyLog } from "../../src/anomaly.ts";
import { createCaptureReader } from "../../src/capture/capture-reader.ts";
import { emptyFrame, type Frame } from "../../src/capture/frame.ts";
import { EvidencePlan, type Wanted } from "../../src/extract/evidence-plan.ts";
import { EvidenceWriter } from "../../src/extract/evidence-writer.ts";
import { SecretMasks } from "../../src/extract/secret-masks.ts";

/** An analysis of one capture, and the extract of the wanted sessions. */
export interface Extracted {
  readonly analysis: Analysis;
  readonly wantedSessions: number;
  readonly packets: number;
  readonly overwritten: number;
  readonly bytes: Uint8Array;
}

/** Every session. */
export const ALL_SESSIONS: Wanted = { sessionId: "" };

/** What `ftptrace extract` does, without files. */
export function extract(
  capture: Uint8Array,
  wanted: Wanted,
  {
    headersOnly = false,
    ftpPorts = [],
  }: { readonly headersOnly?: boolean; readonly ftpPorts?: readonly number[] } = {},
): Extracted {
  const controlPorts = [...CONTROL_PORTS, ...ftpPorts];
  const plan = new EvidencePlan(wanted);
  const sessions: Session[] = [];
  const analyzer = createAnalyzer({
    ftpPorts,
    onSession(session) {
      sessions.push(session);
      plan.add(session);
    },
  });
  const opened = analyzer.beginCapture("capture");
  opened.push(capture);
  opened.end();
  const analysis = analyzer.finish();
  const masks = new SecretMasks(plan, controlPorts);
  eachFrame(capture, (frame) => masks.read(frame, 0));
  masks.finish();
  const writer = new EvidenceWriter({
    plan,
    masks,
    headersOnly,
    withWitness: plan.needsWitness(analysis),
    controlPorts,
    application: "ftptrace test",
  });
  const blocks = [writer.begin()];
  eachFrame(capture, (frame, name) => blocks.push(...writer.frame(frame, 0, () => name ?? "capture")));
  const { packets, overwritten } = writer;
  return { analysis, wantedSessions: plan.sessions, packets, overwritten, bytes: Buffer.concat(blocks) };
}

/** Hands out every frame of a capture, and the name of its interface. */
export function eachFrame(capture: Uint8Array, take: (frame: Frame, interfaceName: string | null) => void): void {
  const reader = createCaptureReader("capture", 0, new AnomalyLog());
  const frame = emptyFrame();
  reader.push(capture);
  while (reader.next(frame)) take(frame, reader.summary.interfaces[frame.interfaceIndex]?.name ?? null);
}
