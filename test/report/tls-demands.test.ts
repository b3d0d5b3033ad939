import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { Analysis } from "../../src/analysis.ts";
import { analyzeCapture } from "../../src/analyze.ts";
import { createHtmlWriter } from "../../src/report/html.ts";
import { TlsDemands } from "../../src/report/tls-demands.ts";
import { render, renderWith } from "./render.ts";
import { SAMPLES } from "./sample-analysis.ts";

const REFUSED = analyzeCapture(readFileSync("fixtures/control-cleartext-login-wants-tls-client.pcap"));

test("a server that demands TLS of the login is quoted wherever people read, though nothing failed", async () => {
  const html = (analysis: Analysis) => renderWith(createHtmlWriter({ width: 80, colour: false }), analysis);
  for (const [format, written] of Object.entries({
    table: [await render(REFUSED, "table"), await render(SAMPLES.healthy, "table")],
    markdown: [await render(REFUSED, "markdown"), await render(SAMPLES.healthy, "markdown")],
    html: [html(REFUSED), html(SAMPLES.healthy)],
  })) {
    const [refused, healthy] = written.map((text) => text.replace(/\s+/g, " ").replaceAll("&quot;", '"'));
    assert.match(refused, /demands TLS of the login: USER answered by reply "530 Anonymous sessions must use/, format);
    assert.doesNotMatch(healthy, /TLS demanded|demands TLS/, format);
  }
});

test("twenty sessions are named, the others counted, and the remedy stands once at the end", () => {
  const demands = new TlsDemands();
  for (let i = 0; i < 22; i++) demands.add(REFUSED.sessions[0]);
  const lines = demands.lines(1);
  assert.equal(lines.length, 22);
  assert.match(lines[0], /^192\.168\.42\.17:39410 to 93\.190\.70\.26:21, packet 10: /);
  assert.equal(lines[20], "… and 2 more sessions");
  assert.match(lines[21], /AUTH TLS/);
});
