import assert from "node:assert/strict";
import { test } from "node:test";
import { analyzeCapture } from "../../../src/analyze.ts";
import { CaptureBuilder } from "../../support/capture-builder.ts";
import { CLIENT, CLIENT6, endpoint, judges, SERVER, SERVER6, shows } from "../dialogue.ts";
import { ANSWER_SECONDS, ENOUGH_SYNS } from "../thresholds.ts";

const CAUSE = "control-port-filtered";

/** SYNs to a control port, and the capture going on for some seconds. */
function attempt(port: number, retries: number, goesOn = 0, ipv6 = false) {
  const net = new CaptureBuilder();
  const [client, server] = ipv6 ? [CLIENT6, SERVER6] : [CLIENT, SERVER];
  const [syn] = net.synUnanswered({ client: endpoint(client, 40000), server: endpoint(server, port), retries });
  if (goesOn > 0) {
    net.wait(goesOn * 1000);
    net.udp({ from: "192.0.2.10:5353", to: "192.0.2.1:53", payload: "other traffic" });
  }
  const { sessions } = analyzeCapture(net.build());
  assert.equal(sessions.length, 1);
  assert.deepEqual(sessions[0].dataChannels, []);
  return { control: sessions[0].control, syn };
}

test("several SYNs go unanswered, and a RST answers the last", () => {
  const answered = (schedule: readonly number[]) => {
    const net = new CaptureBuilder();
    const [client, server] = [endpoint(CLIENT, 40000), endpoint(SERVER, 21)];
    const [syn] = net.synUnanswered({ client, server, schedule, isn: 1000 });
    net.wait(20);
    const reset = net.segment({ from: server, to: client, flags: "RA", seq: 0, ack: 1001, window: 0 });
    return { control: analyzeCapture(net.build()).sessions[0].control, evidence: [syn, reset] };
  };
  const { control, evidence } = answered([1, ANSWER_SECONDS]);
  shows(control, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence,
    says: /sent 3 times over 3\.0 s, of which only the last is answered[\s\S]*RST 3\.0 s after the first SYN/,
  });
  judges(answered([ANSWER_SECONDS]).control, "failed", "control-port-rejected");
  judges(answered([1, ANSWER_SECONDS - 0.1]).control, "failed", "control-port-rejected");
});

test("SYNs with back-off and no answer, on 21, 990 and 2121, IPv4 and IPv6", () => {
  for (const [port, ipv6] of [
    [21, false],
    [990, true],
    [2121, false],
  ] as const) {
    const { control, syn } = attempt(port, 4, 0, ipv6);
    shows(control, {
      outcome: "failed",
      cause: CAUSE,
      confidence: "likely",
      evidence: [syn],
      says: new RegExp(`SYN to .*:${port}, sent 5 times over 4\\.0 s, never answered`),
    });
    assert.equal(control.security, port === 990 ? "implicit-tls" : "cleartext", "what would have been spoken there");
  }
});

test("three SYNs at the end of the capture, or two with time enough after them; fewer are nothing", () => {
  judges(attempt(21, ENOUGH_SYNS - 1).control, "failed", CAUSE);
  judges(attempt(21, 1, ANSWER_SECONDS + 0.1).control, "failed", CAUSE);
  judges(attempt(21, 1, ANSWER_SECONDS - 0.1).control, "undetermined");
});

test("silent: a SYN that its sender did not repeat, as after an ICMP error that the capture lost", () => {
  judges(attempt(21, 0, ANSWER_SECONDS + 60).control, "undetermined");
});

test("silent: answered late", () => {
  const net = new CaptureBuilder();
  const control = net.connect({ client: endpoint(CLIENT, 40000), server: endpoint(SERVER, 21) });
  net.wait(20_000); // reverse DNS
  control.server("220 ready\r\n");
  control.client("QUIT\r\n");
  control.server("221 bye\r\n");
  control.finish("server");
  judges(analyzeCapture(net.build()).sessions[0].control, "ok");
});

test("silent: more than three targets from one source in 60 s are one scan", () => {
  const targets = (count: number) => {
    const net = new CaptureBuilder();
    for (let i = 0; i < count; i++) {
      net.synUnanswered({ client: endpoint(CLIENT, 40000 + i), server: `203.0.113.${10 + i}:21`, retries: 2 });
    }
    return analyzeCapture(net.build());
  };
  const scan = targets(4);
  assert.equal(scan.sessions.length, 0);
  assert.deepEqual(
    scan.findings.map(({ id }) => id),
    ["scan"],
  );
  const few = targets(3);
  assert.equal(few.sessions.length, 3);
  for (const { control } of few.sessions) judges(control, "failed", CAUSE);
});
