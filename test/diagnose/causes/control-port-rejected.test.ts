import assert from "node:assert/strict";
import { test } from "node:test";
import { analyzeCapture } from "../../../src/analyze.ts";
import { CaptureBuilder } from "../../support/capture-builder.ts";
import { CLIENT, CLIENT6, Dialogue, endpoint, judges, SERVER, SERVER6, shows } from "../dialogue.ts";

const CAUSE = "control-port-rejected";

test("the SYN is answered by a RST, whose TTL and delay are told", () => {
  for (const [client, server, ttl, rttMs] of [
    [CLIENT, SERVER, 57, 20],
    [CLIENT6, SERVER6, 63, 0.5],
  ] as const) {
    const net = new CaptureBuilder();
    const { syn, reset } = net.synRefused({
      client: endpoint(client, 40000),
      server: endpoint(server, 21),
      ttl,
      rttMs,
    });
    const { sessions } = analyzeCapture(net.build());
    shows(sessions[0].control, {
      outcome: "failed",
      cause: CAUSE,
      confidence: "certain",
      evidence: [syn, reset],
      says: new RegExp(`RST in answer after ${rttMs} ms, TTL ${ttl}`),
    });
  }
});

test("silent: a RST after the session, and a FIN before it", () => {
  const ftp = new Dialogue().login();
  ftp.ask("QUIT", "221 Goodbye.");
  ftp.control.fin("server");
  ftp.control.reset("client");
  judges(ftp.session().control, "ok");
});

test("silent: four hosts refuse one source: a scan", () => {
  const net = new CaptureBuilder();
  for (let i = 0; i < 4; i++) net.synRefused({ client: endpoint(CLIENT, 40000 + i), server: `203.0.113.${10 + i}:21` });
  assert.equal(analyzeCapture(net.build()).sessions.length, 0);
});
