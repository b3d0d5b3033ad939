import assert from "node:assert/strict";
import { test } from "node:test";
import { safeData } from "../../src/report/safe-text.ts";
import { render } from "./render.ts";
import { countsOf, SAMPLES } from "./sample-analysis.ts";

async function records(name: string) {
  const lines = (await render(SAMPLES[name], "ndjson")).split("\n");
  assert.equal(lines.pop(), "");
  return lines.map((line) => JSON.parse(line));
}

for (const [name, analysis] of Object.entries(SAMPLES))
  test(`the records of ${name} hold the whole report`, async () => {
    const all = await records(name);
    const of = (type: string) => all.filter((record) => record.type === type);
    const sessions = of("session").map(({ id, control }) => ({
      id,
      control,
      dataChannels: of("channel")
        .filter(({ sessionId }) => sessionId === id)
        .map(({ type: _type, sessionId: _sessionId, control: _control, ...channel }) => channel),
    }));
    assert.deepEqual(sessions, safeData(analysis.sessions));
    assert.deepEqual(
      of("finding").map(({ type: _type, ...finding }) => finding),
      analysis.findings,
    );
    const [{ type: _type, ...summary }] = of("summary");
    const { schemaVersion, tool, captures, anomalies } = analysis;
    assert.deepEqual(summary, { schemaVersion, tool, captures, anomalies, counts: countsOf(analysis.sessions) });
    assert.equal(all.at(-1).type, "summary");
  });

test("a channel record names its control connection", async () => {
  const [channel] = (await records("private-address")).filter(({ type }) => type === "channel");
  assert.equal(channel.sessionId, "s-51c2a7e9d0b34f18");
  assert.deepEqual(channel.control.client, { address: "192.168.1.20", port: 47596 });
  assert.deepEqual(channel.control.server, { address: "5.9.12.92", port: 21 });
});
