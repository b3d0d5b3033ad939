import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { Analysis } from "../src/analysis.ts";
import { createAnalyzer } from "../src/analyze.ts";
import { analyzeCaptures } from "./support/analyze-captures.ts";
import {
  displaced,
  doubled,
  flowBetween,
  pcapOf,
  rawPackets,
  seededRandom,
  split,
  withTimesOf,
} from "./support/capture-mutation.ts";

/** What must not change the report: how the bytes are cut, copies of packets, packets a few places late, the cut between two files. */

const SEEDS = [1, 2, 3];
const fixtures = readdirSync("fixtures").filter((name) => /\.pcap(ng)?$/.test(name));

/** Feeds one capture; `next` says how long each chunk is. */
function analyzeChunks(bytes: Uint8Array, next: () => number): Analysis {
  const analyzer = createAnalyzer();
  const capture = analyzer.beginCapture("capture");
  for (let at = 0; at < bytes.length; ) {
    const length = Math.max(1, next());
    capture.push(bytes.slice(at, at + length));
    at += length;
  }
  capture.end();
  return analyzer.finish();
}

function analyzeWhole(bytes: Uint8Array): Analysis {
  return analyzeChunks(bytes, () => bytes.length);
}

/** Sessions, endpoints, outcomes and causes. */
function story({ sessions }: Analysis): unknown {
  return sessions
    .map(({ control, dataChannels }) => ({
      control: [control.client, control.server, control.security, control.outcome, control.cause, control.user],
      channels: dataChannels.map(({ inferred, negotiation, transfer, connection, outcome, cause }) => ({
        inferred,
        negotiation: negotiation && [negotiation.verb, negotiation.advertised, negotiation.replyCode],
        transfer: transfer && [transfer.verb, transfer.path, transfer.replies],
        connection: connection && [connection.originator, connection.responder, connection.match],
        outcome,
        cause,
      })),
    }))
    .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

/** The report without the list of captures, and without the places of packets in them. */
function withoutPlaces({ sessions, findings, anomalies }: Analysis): unknown {
  const places = /^(capture|packet|firstPacket|lastPacket|commandPacket|replyPacket)$/;
  return JSON.parse(
    JSON.stringify(
      { sessions, findings, anomalies: anomalies.map(({ code, count }) => ({ code, count })) },
      (key, value) =>
        places.test(key) ? undefined : typeof value === "string" ? value.replace(/packet \d+/g, "packet") : value,
    ),
  );
}

/** Each end of each connection that the report speaks of. */
function endsOf({ sessions }: Analysis): { flow: string; sender: string }[] {
  return sessions
    .flatMap(({ control, dataChannels }) => [
      [control.client, control.server],
      ...dataChannels.flatMap(({ connection }) => (connection ? [[connection.originator, connection.responder]] : [])),
    ])
    .flatMap(([a, b]) => [a, b].map((end) => ({ flow: flowBetween(a, b), sender: `${end.address}:${end.port}` })));
}

describe("the report does not depend on", () => {
  assert.ok(fixtures.length > 0);
  for (const name of fixtures) {
    const bytes = new Uint8Array(readFileSync(join("fixtures", name)));
    const packets = rawPackets(bytes);
    const rewritten = pcapOf(packets);
    const whole = analyzeWhole(rewritten);

    it(`how the bytes come in: ${name}`, () => {
      const report = JSON.stringify(analyzeWhole(bytes));
      assert.equal(JSON.stringify(analyzeChunks(bytes, () => 1)), report);
      for (const seed of SEEDS) {
        const random = seededRandom(seed);
        const chunks = analyzeChunks(bytes, () => Math.floor(random() ** 4 * 5000));
        assert.equal(JSON.stringify(chunks), report, `seed ${seed}`);
      }
    });

    it(`copies of packets: ${name}`, () => {
      assert.deepEqual(story(analyzeWhole(pcapOf(doubled(packets)))), story(whole));
    });

    it(`packets a few places away: ${name}`, () => {
      for (const { flow, sender } of endsOf(whole)) {
        for (const seed of SEEDS) {
          const moved = displaced(packets, sender, flow, seededRandom(seed));
          const message = `${sender} on ${flow}, seed ${seed}`;
          assert.deepEqual(story(analyzeWhole(pcapOf(moved))), story(whole), message);
          const inTime = withTimesOf(moved, packets);
          assert.deepEqual(story(analyzeWhole(pcapOf(inTime))), story(whole), `${message}, times in order`);
        }
      }
    });

    it(`the cut between two captures: ${name}`, () => {
      const report = withoutPlaces(whole);
      for (const seed of SEEDS) {
        const at = 1 + Math.floor(seededRandom(seed)() * (packets.length - 1));
        const [first, second] = split(packets, at);
        assert.deepEqual(withoutPlaces(analyzeCaptures([first, second])), report, `cut before packet ${at + 1}`);
        assert.deepEqual(
          withoutPlaces(analyzeCaptures([second, first])),
          report,
          `the same, opened the other way round`,
        );
      }
    });
  }
});
