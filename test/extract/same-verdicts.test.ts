import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Session } from "../../src/analysis.ts";
import { analyzeCapture } from "../../src/analyze.ts";
import { ALL_SESSIONS, extract } from "./extract.ts";

/** What must not change: which sessions, and what became of them and why. Packet numbers do. */
function verdicts(sessions: readonly Session[]) {
  return sessions.map(({ id, control, dataChannels }) => ({
    id,
    control: [control.outcome, control.cause, control.confidence, control.security, control.limits],
    channels: dataChannels.map(
      ({ negotiation, transfer, connection, outcome, cause, confidence, contributing, alternatives, limits }) => ({
        asked: [negotiation?.verb, negotiation?.advertised, negotiation?.replyCode, transfer?.verb, transfer?.replies],
        connection: connection && [connection.originator, connection.responder, connection.match, connection.synCount],
        verdict: [outcome, cause, confidence, contributing, alternatives.map((other) => other.cause), limits],
      }),
    ),
  }));
}

function hasFailed({ control, dataChannels }: Session): boolean {
  return [control, ...dataChannels].some(({ outcome }) => outcome === "failed");
}

const fixtures = readdirSync("fixtures").filter((name) => /\.pcap(ng)?$/.test(name));

describe("an analysis of the extract gives the verdicts of the capture", () => {
  for (const name of fixtures)
    test(name, () => {
      const capture = readFileSync(join("fixtures", name));
      const all = extract(capture, ALL_SESSIONS);
      assert.deepEqual(verdicts(analyzeCapture(all.bytes).sessions), verdicts(all.analysis.sessions));
      const failed = extract(capture, "failed");
      assert.deepEqual(
        verdicts(analyzeCapture(failed.bytes).sessions.filter(hasFailed)),
        verdicts(all.analysis.sessions.filter(hasFailed)),
      );
    });
});
