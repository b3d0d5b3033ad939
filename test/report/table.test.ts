import assert from "node:assert/strict";
import { test } from "node:test";
import { createTableWriter } from "../../src/report/table.ts";
import { render } from "./render.ts";
import { filteredSessions, healthySession, SAMPLES, summaryOf } from "./sample-analysis.ts";

test("a failing channel begins with its verdict and ends with the packets to look at", async () => {
  const text = await render(SAMPLES["private-address"], "table");
  assert.match(text, /^1\. FAILED {2}PASV 10\.0\.1\.121:3846: the server advertises a private address/m);
  assert.match(text, /packet 25: SYN to 10\.0\.1\.121:3846, sent 5 times/);
  assert.match(text, /pasv_address=ADDRESS/);
  assert.match(text, /tshark -r client\.pcap -Y 'frame\.number in \{21,23,25,40\}'/);
});

test("failures that one explanation serves are one block", async () => {
  const text = await render(SAMPLES.filtered, "table");
  assert.equal(text.match(/^\d+\. FAILED/gm)?.length, 1);
  assert.match(text, /\(30\s+times\)/);
  assert.match(text, /… and 25 more/);
  assert.match(text, /in all: 30 clients, ports 50000 to 50029/);
});

test("packets of several captures name their capture", async () => {
  const text = await render(SAMPLES.filtered, "table");
  assert.match(text, /packet 1:110:/);
  assert.match(text, /^ {4}2: ring 2\.pcapng, 7 packets/m);
  assert.match(text, /tshark -r 'ring 1\.pcapng'/);
});

test("what the server refuses for its own reasons has no block", async () => {
  const text = await render(SAMPLES.healthy, "table");
  assert.equal(text.match(/^\d+\. /gm)?.length, 1);
  assert.match(text, /refused: 550/);
});

test("colours are only there when asked for", async () => {
  const sample = SAMPLES["private-address"];
  const plain = await render(sample, "table");
  const coloured = await render(sample, "table", { width: 80, colour: true });
  assert.doesNotMatch(plain, /\x1b/);
  assert.match(coloured, /\x1b\[1;31mFAILED\x1b\[0m/);
  assert.equal(coloured.replace(/\x1b\[[\d;]*m/g, ""), plain);
});

test("what is kept does not grow with the number of sessions, and what is left out is said", () => {
  const writer = createTableWriter({ width: 80, colour: false });
  const sessions = filteredSessions(3000);
  for (const session of sessions) writer.session(session);
  for (let i = 0; i < 3000; i++) writer.session(healthySession);
  const text = writer.end(summaryOf({ ...SAMPLES.healthy, sessions: [...sessions, ...sessions] }));
  assert.match(text, /\(3,000 times\)/);
  assert.match(text, /… and 5,000 more sessions; --format ndjson has them all\./);
  assert.ok(text.length < 300_000, `${text.length} characters`);
});

test("more kinds of failure than anyone reads are counted", () => {
  const writer = createTableWriter({ width: 80, colour: false });
  const [session] = filteredSessions(1);
  for (let i = 0; i < 1200; i++)
    writer.session({
      ...session,
      control: { ...session.control, server: { address: `198.51.${i >> 8}.${i & 255}`, port: 990 } },
    });
  const text = writer.end(summaryOf(SAMPLES.empty));
  assert.match(text, /200 more failures of other kinds not shown here/);
});
