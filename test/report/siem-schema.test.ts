import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Analysis } from "../../src/analysis.ts";
import { analyzeCapture } from "../../src/analyze.ts";
import { MAX_LINE_BYTES } from "../../src/report/event.ts";
import { OUTPUT_FORMATS } from "../../src/report/formats.ts";
import { ecsErrors } from "../schema/ecs.ts";
import { ocsfErrors } from "../schema/ocsf.ts";
import { render } from "./render.ts";
import { SAMPLES, summaryOf } from "./sample-analysis.ts";

/** Every event that any fixture or sample gives follows its schema, fits a line, and has an id of its own that does not change. */

const fixtures = readdirSync("fixtures").filter((name) => /\.pcap(ng)?$/.test(name));

function* analyses(): Generator<[string, Analysis]> {
  for (const [name, analysis] of Object.entries(SAMPLES)) yield [`sample ${name}`, analysis];
  for (const name of fixtures)
    yield [name, analyzeCapture(new Uint8Array(readFileSync(join("fixtures", name))), { name })];
}

const FORMATS = {
  ecs: { errors: ecsErrors, id: (event: { event: { id: string } }) => event.event.id },
  ocsf: { errors: ocsfErrors, id: (event: { metadata: { uid: string } }) => event.metadata.uid },
} as const;

for (const format of ["ecs", "ocsf"] as const) {
  describe(`--format ${format}`, () => {
    test("every event of every fixture and sample follows the schema, on a line of its own that no collector cuts", async () => {
      let events = 0;
      for (const [name, analysis] of analyses()) {
        const text = await render(analysis, format);
        assert.ok(text === "" || text.endsWith("\n"));
        const ids = new Set<string>();
        for (const line of text.split("\n").slice(0, -1)) {
          assert.ok(Buffer.byteLength(line) < MAX_LINE_BYTES, name);
          assert.doesNotMatch(line, /\p{Cs}/u);
          const event = JSON.parse(line);
          assert.deepEqual(FORMATS[format].errors(event), [], `${name}: ${line}`);
          const id = FORMATS[format].id(event);
          assert.match(id, /^[0-9a-f]{32}$/);
          assert.ok(!ids.has(id), `${name}: two events have the id ${id}`);
          ids.add(id);
          events++;
        }
      }
      assert.ok(events > fixtures.length);
    });

    test("the same capture under another name gives the same ids", async () => {
      const name = "pasv-cleartext-private-address-client.pcap";
      const bytes = new Uint8Array(readFileSync(join("fixtures", name)));
      const [first, second] = await Promise.all(
        [name, "evidence.pcap"].map((called) => render(analyzeCapture(bytes, { name: called }), format)),
      );
      const idsOf = (text: string) =>
        text
          .trim()
          .split("\n")
          .map((line) => FORMATS[format].id(JSON.parse(line)));
      assert.ok(idsOf(first).length > 0);
      assert.deepEqual(idsOf(second), idsOf(first));
    });
  });
}

for (const format of ["ecs", "ocsf", "ndjson", "csv"] as const)
  test(`--format ${format} writes whole lines when a session settles, and nothing of it later`, async () => {
    const create = await OUTPUT_FORMATS[format].load();
    const writer = create({ width: 80, colour: false });
    writer.begin();
    for (const session of SAMPLES.filtered.sessions) {
      const text = writer.session(session);
      assert.ok(text.endsWith("\n") && text.includes(session.id));
    }
    const end = writer.end(summaryOf(SAMPLES.filtered));
    const named = SAMPLES.filtered.findings.flatMap(({ sessions }) => sessions);
    for (const { id } of SAMPLES.filtered.sessions) assert.ok(named.includes(id) || !end.includes(id));
  });

describe("the schema checks themselves", () => {
  test("refuse what ECS does not know", async () => {
    const [line] = (await render(SAMPLES["private-address"], "ecs")).split("\n");
    const event = JSON.parse(line);
    assert.deepEqual(ecsErrors({ ...event, network: { ...event.network, bytez: 1 } }), [
      "network.bytez is no ECS field",
    ]);
    assert.deepEqual(ecsErrors({ ...event, source: { ...event.source, ip: "none" } }), ['source.ip: "none" is no ip']);
    assert.deepEqual(ecsErrors({ ...event, event: { ...event.event, kind: "disaster" } }), [
      "event.kind: disaster is not allowed",
    ]);
    assert.deepEqual(ecsErrors({ ...event, event: { ...event.event, type: ["error"] } }), [
      "event.type error does not go with category network",
    ]);
  });

  test("refuse what OCSF does not know", async () => {
    const [line] = (await render(SAMPLES["private-address"], "ocsf")).split("\n");
    const event = JSON.parse(line);
    assert.deepEqual(ocsfErrors({ ...event, type_uid: 1 }), ["type_uid must be 400800"]);
    assert.deepEqual(ocsfErrors({ ...event, severity_id: 42 }), ["severity_id: 42 is not allowed"]);
    assert.deepEqual(ocsfErrors({ ...event, status: "Fine" }), ["status must be Failure"]);
    assert.deepEqual(ocsfErrors({ ...event, colour: "red" }), ["colour is no attribute"]);
    const { metadata: _metadata, ...without } = event;
    assert.deepEqual(ocsfErrors(without), ["metadata is required"]);
  });
});
