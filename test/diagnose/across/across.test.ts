import assert from "node:assert/strict";
import { test } from "node:test";
import { analyzeCapture } from "../../../src/index.ts";
import { CaptureBuilder } from "../../support/capture-builder.ts";

const SERVER = "198.51.100.7";

/** A session that logs in, negotiates by EPSV and lists; the data connection is answered, or not. */
function session(
  net: CaptureBuilder,
  client: string,
  port: number,
  data: "works" | "filtered",
  dataPort: number,
): void {
  const control = net.connect({ client: `${client}:${port}`, server: `${SERVER}:21` });
  control.server("220 ready\r\n");
  control.client("USER anonymous\r\n");
  control.server("230 logged in\r\n");
  control.client("EPSV\r\n");
  control.server(`229 Entering Extended Passive Mode (|||${dataPort}|)\r\n`);
  if (data === "works") {
    const connection = net.connect({ client: `${client}:${port + 1}`, server: `${SERVER}:${dataPort}` });
    control.client("LIST\r\n");
    control.server("150 here it comes\r\n");
    connection.serverData(400);
    connection.finish("server");
    control.server("226 done\r\n");
  } else {
    net.synUnanswered({ client: `${client}:${port + 1}`, server: `${SERVER}:${dataPort}`, retries: 3 });
    net.wait(1000);
  }
  control.client("QUIT\r\n");
  control.server("221 bye\r\n");
  control.finish("server");
  net.wait(3000);
}

function findingsOf(net: CaptureBuilder) {
  return analyzeCapture(net.build()).findings;
}

test("a range of which only the lower part is forwarded is told from its ports", () => {
  const net = new CaptureBuilder();
  for (const [i, port] of [50000, 50003, 50010].entries()) session(net, "203.0.113.9", 40000 + 2 * i, "works", port);
  for (const [i, port] of [50021, 50040].entries()) session(net, "203.0.113.9", 41000 + 2 * i, "filtered", port);
  const [finding] = findingsOf(net).filter(({ id }) => id === "passive-range");
  assert.equal(finding.title, `${SERVER}: passive ports 50000–50010 let connections through, 50021–50040 do not`);
  assert.equal(finding.sessionCount, 2);
  assert.equal(finding.evidence.length, 2);
});

test("ports that fail among ports that work are no range", () => {
  const net = new CaptureBuilder();
  for (const [i, port] of [50000, 50030, 50060].entries()) session(net, "203.0.113.9", 40000 + 2 * i, "works", port);
  for (const [i, port] of [50010, 50040].entries()) session(net, "203.0.113.9", 41000 + 2 * i, "filtered", port);
  assert.deepEqual(findingsOf(net), []);
});

test("one port that never works while others do is named", () => {
  const net = new CaptureBuilder();
  for (const [i, port] of [5050, 5055, 5070].entries()) session(net, "203.0.113.9", 40000 + 2 * i, "works", port);
  for (let i = 0; i < 2; i++) session(net, "203.0.113.9", 41000 + 2 * i, "filtered", 5060);
  const ids = findingsOf(net).map(({ id, title }) => [id, title]);
  assert.deepEqual(ids, [["blocked-port", `${SERVER}: port 5060 failed 2 times while 3 other passive ports work`]]);
});

test("one failure of a port is no blocked port", () => {
  const net = new CaptureBuilder();
  for (const [i, port] of [5050, 5055, 5070].entries()) session(net, "203.0.113.9", 40000 + 2 * i, "works", port);
  session(net, "203.0.113.9", 41000, "filtered", 5060);
  assert.deepEqual(findingsOf(net), []);
});

test("a client network that never gets through is told from the server", () => {
  const net = new CaptureBuilder();
  session(net, "203.0.113.9", 40000, "works", 50000);
  session(net, "203.0.113.10", 40000, "works", 50040);
  for (const [i, port] of [50001, 50020, 50030].entries()) session(net, "192.0.2.66", 41000 + 2 * i, "filtered", port);
  const [finding] = findingsOf(net).filter(({ id }) => id === "client-network");
  assert.equal(finding.title, `all 3 data channels from 192.0.2.66 to ${SERVER} fail, while 2 other clients' work`);
});

test("EPSV refused and PASV used is a cost, not a failure", () => {
  const net = new CaptureBuilder();
  const control = net.connect({ client: "203.0.113.9:40000", server: `${SERVER}:21` });
  control.server("220 ready\r\n");
  control.client("USER anonymous\r\n");
  control.server("230 logged in\r\n");
  const epsv = control.client("EPSV\r\n");
  net.wait(4000);
  control.server("500 EPSV not understood\r\n");
  control.client("PASV\r\n");
  control.server("227 Entering Passive Mode (198,51,100,7,195,80).\r\n");
  const data = net.connect({ client: "203.0.113.9:40001", server: `${SERVER}:50000` });
  control.client("LIST\r\n");
  control.server("150 here it comes\r\n");
  data.serverData(10);
  data.finish("server");
  control.server("226 done\r\n");
  control.finish("client");
  const analysis = analyzeCapture(net.build());
  assert.deepEqual(
    analysis.sessions[0].dataChannels.map(({ outcome, cause }) => [outcome, cause]),
    [
      ["refused", "epsv-refused"],
      ["ok", null],
    ],
  );
  const [finding] = analysis.findings;
  assert.equal(finding.id, "epsv-fallback");
  assert.equal(finding.evidence[0].packet, epsv);
  assert.match(finding.title, /once; it cost 4\.\d s in all/);
});

test("password guessing is five refused logins, and not four", () => {
  const guess = (times: number) => {
    const net = new CaptureBuilder();
    for (let i = 0; i < times; i++) {
      const control = net.connect({ client: `203.0.113.9:${40000 + i}`, server: `${SERVER}:21` });
      control.server("220 ready\r\n");
      control.client("USER root\r\n");
      control.server("331 password\r\n");
      control.client("PASS x\r\n");
      control.server("530 Login incorrect.\r\n");
      control.finish("client");
      net.wait(1000);
    }
    return findingsOf(net).map(({ id }) => id);
  };
  assert.deepEqual(guess(4), []);
  assert.deepEqual(guess(5), ["brute-force"]);
});

test("a helper that cannot read TLS is told from cleartext sessions that work", () => {
  const net = new CaptureBuilder();
  session(net, "203.0.113.9", 40000, "works", 50000);
  session(net, "203.0.113.9", 40010, "works", 50003);
  for (let i = 0; i < 2; i++) {
    const control = net.connect({ client: `203.0.113.9:${42000 + 10 * i}`, server: `${SERVER}:21` });
    control.server("220 ready\r\n");
    control.client("AUTH TLS\r\n");
    control.server("234 proceed\r\n");
    control.tls({ version: "1.3", resumption: "none" });
    for (const command of ["USER anonymous\r\n", "EPSV\r\n"]) {
      control.sealed("client", command, "1.3");
      control.sealed("server", "229 Entering Extended Passive Mode (|||50001|)\r\n", "1.3");
    }
    net.synUnanswered({ client: `203.0.113.9:${42001 + 10 * i}`, server: `${SERVER}:${50010 + i}`, retries: 3 });
    net.wait(2000);
    control.finish("client");
    net.wait(3000);
  }
  const finding = findingsOf(net).find(({ id }) => id === "blind-helper");
  assert.equal(finding?.sessionCount, 2);
});
