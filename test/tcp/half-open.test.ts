import assert from "node:assert/strict";
import { test } from "node:test";
import { analyzeCapture } from "../../src/analyze.ts";
import { BOUNDS } from "../../src/bounds.ts";
import { MAX_HALF_OPEN } from "../../src/tcp/half-open.ts";
import { CaptureBuilder } from "../support/capture-builder.ts";

const SERVER = "203.0.113.5:21";
const CLIENT = "192.0.2.10:40000";
const ODD_SERVER = "203.0.113.5:4021";

/** SYNs from addresses that nobody has, a tenth of a millisecond apart. */
function flood(net: CaptureBuilder, syns: number): void {
  for (let i = 0; i < syns; i++) {
    net.segment({
      from: `10.${i >> 16}.${(i >> 8) & 0xff}.${i & 0xff}:${1024 + (i % 60000)}`,
      to: SERVER,
      flags: "S",
      seq: i * 7919,
    });
    net.wait(0.1);
  }
}

const OVER = "control-attempts-over-limit";

test("a SYN flood on a control port is one finding and no session; what is not followed is counted", () => {
  const net = new CaptureBuilder();
  flood(net, MAX_HALF_OPEN + 500);
  const { sessions, findings, anomalies } = analyzeCapture(net.build());
  assert.deepEqual(sessions, []);
  assert.deepEqual(
    findings.map(({ id, title }) => [id, title]),
    [
      [
        "syn-flood",
        `${SERVER} got ${MAX_HALF_OPEN + 500} SYNs whose senders were not seen again: a SYN flood, not sessions`,
      ],
    ],
  );
  assert.equal(anomalies.find(({ code }) => code === OVER)?.count, 500);
});

test("a session that begins under the flood is followed from its first words on, with its SYN", () => {
  const net = new CaptureBuilder();
  flood(net, MAX_HALF_OPEN);
  const control = net.connect({ client: CLIENT, server: SERVER });
  control.server("220 ready\r\n");
  control.client("USER alice\r\n");
  control.server("331 Please specify the password.\r\n");
  control.client("QUIT\r\n");
  control.server("221 Goodbye.\r\n");
  control.finish("server");
  const { sessions, findings } = analyzeCapture(net.build());
  assert.deepEqual(
    sessions.map(({ control }) => [control.client.address, control.outcome, control.user]),
    [["192.0.2.10", "ok", "alice"]],
  );
  assert.ok(!sessions[0].control.limits.includes("midstream"));
  assert.deepEqual(
    findings.map(({ id }) => id),
    ["syn-flood"],
  );
});

test("a client that is really not answered repeats its SYN, and so is found under the flood", () => {
  const net = new CaptureBuilder();
  flood(net, MAX_HALF_OPEN);
  net.synUnanswered({ client: CLIENT, server: SERVER, retries: 4 });
  const { sessions } = analyzeCapture(net.build());
  assert.deepEqual(
    sessions.map(({ control }) => [control.client.address, control.cause]),
    [["192.0.2.10", "control-port-filtered"]],
  );
  assert.match(sessions[0].control.evidence[0].says, /5 times|5 SYNs/);
});

test("a flood elsewhere does not drive the SYNs of sessions on odd ports out of memory", () => {
  const net = new CaptureBuilder();
  const ends = Array.from({ length: 8 }, (_, i) => ({
    client: `${CLIENT.slice(0, -5)}${40_000 + i}`,
    server: ODD_SERVER,
  }));
  const opened = ends.map((each) => net.connect(each));
  const other = { from: "198.51.100.66:1024", flags: "S" };
  for (let i = 0; i < BOUNDS.synMemory.most; i++) {
    net.segment({ ...other, to: `203.0.113.80:${i | 4096}` });
    net.wait(0.01);
  }
  for (const control of opened) {
    control.server("220 FTP server ready\r\n");
    control.client("USER alice\r\n");
  }
  const { sessions } = analyzeCapture(net.build());
  assert.deepEqual(
    sessions.map(({ control }) => [control.client.port, control.limits.includes("midstream")]),
    opened.map((_, i) => [40_000 + i, false]),
  );
});
