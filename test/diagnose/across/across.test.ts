import assert from "node:assert/strict";
import { test } from "node:test";
import { BOUNDS } from "../../../src/bounds.ts";
import { analyzeCapture } from "../../../src/index.ts";
import { CaptureBuilder } from "../../support/capture-builder.ts";
import { Dialogue } from "../dialogue.ts";
import {
  BLOCKED_PORT_FAILURES,
  BLOCKED_PORT_OTHERS,
  EXHAUSTED_CHANNELS,
  FAILED_CHANNELS,
  FAILING_CLIENTS,
  FALLBACK_SECONDS,
  FALLBACK_SESSIONS,
  GUESSING_SESSIONS,
  HELPER_CHANNELS,
  RANGE_PORTS,
  REFUSALS_PER_LOGIN,
  WORKING_CLIENTS,
} from "../thresholds.ts";

const SERVER = "198.51.100.7";

/** A session that logs in, negotiates by EPSV and lists; the data connection is answered, or not. */
function session(
  net: CaptureBuilder,
  client: string,
  port: number,
  data: "works" | "filtered" | "unheard",
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
  } else if (data === "unheard") {
    const ends = { client: `${client}:${port + 1}`, server: `${SERVER}:${dataPort}` };
    const connection = net.uncaptured(() => net.connect(ends));
    const seq = { client: connection.position("client").seq - 1, server: connection.position("server").seq - 1 };
    for (const seconds of [1, 2, 4]) {
      connection.segment("client", { flags: "S", seq: seq.client, ack: 0 });
      connection.segment("server", { flags: "SA", seq: seq.server });
      net.wait(seconds * 1000);
    }
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

test("a port whose answer does not arrive is none that lets connections through", () => {
  const net = new CaptureBuilder();
  for (const [i, port] of [50000, 50003].entries()) session(net, "203.0.113.9", 40000 + 2 * i, "unheard", port);
  for (const [i, port] of [50021, 50040].entries()) session(net, "203.0.113.9", 41000 + 2 * i, "filtered", port);
  for (const [i, port] of [50000, 50003].entries()) session(net, `203.0.113.${20 + i}`, 40000, "unheard", port);
  assert.deepEqual(findingsOf(net), []);
});

test("that none of a server's passive ports works takes so many clients and ports, and nobody who gets through", () => {
  const closed = (clients: readonly string[], ports: number, more?: (net: CaptureBuilder) => void) => {
    const net = new CaptureBuilder();
    for (const [i, client] of clients.entries()) session(net, client, 40000, "filtered", 50000 + (i % ports));
    more?.(net);
    return findingsOf(net);
  };
  const several = ["203.0.113.9", "192.0.2.44"];
  const [finding, ...others] = closed(several, RANGE_PORTS);
  assert.deepEqual(others, []);
  assert.equal(
    finding.title,
    `${SERVER}: none of the 2 passive ports that 2 clients dialled, 50000–50001, lets a connection through`,
  );
  assert.deepEqual([finding.id, finding.confidence, finding.sessionCount], ["passive-range", "likely", 2]);
  // One network's own firewall does the same.
  const [together] = closed(["203.0.113.9", "203.0.113.10"], RANGE_PORTS);
  assert.equal(together.confidence, "possible");
  assert.match(together.remedy[1], /its own firewall/);
  assert.deepEqual(closed(several.slice(0, FAILING_CLIENTS - 1), RANGE_PORTS), []);
  assert.deepEqual(closed(several, RANGE_PORTS - 1), []);
  assert.deepEqual(
    closed(several, RANGE_PORTS, (net) => session(net, "203.0.113.60", 40000, "works", 50001)),
    [],
  );
});

test("a range takes so many ports of either kind", () => {
  const range = (working: number, failing: number) => {
    const net = new CaptureBuilder();
    for (let i = 0; i < working; i++) session(net, "203.0.113.9", 40000 + 2 * i, "works", 50000 + i);
    for (let i = 0; i < failing; i++) session(net, "203.0.113.9", 41000 + 2 * i, "filtered", 50100 + i);
    return findingsOf(net).map(({ id }) => id);
  };
  assert.deepEqual(range(RANGE_PORTS, RANGE_PORTS), ["passive-range"]);
  assert.deepEqual(range(RANGE_PORTS - 1, RANGE_PORTS), []);
  assert.deepEqual(range(RANGE_PORTS, RANGE_PORTS - 1), []);
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

test("a blocked port takes so many failures, and so many others that work", () => {
  const blocked = (failures: number, others: number) => {
    const net = new CaptureBuilder();
    for (let i = 0; i < others; i++) session(net, "203.0.113.9", 40000 + 2 * i, "works", 5050 + 5 * i);
    for (let i = 0; i < failures; i++) session(net, "203.0.113.9", 41000 + 2 * i, "filtered", 5062);
    return findingsOf(net).map(({ id }) => id);
  };
  assert.deepEqual(blocked(BLOCKED_PORT_FAILURES, BLOCKED_PORT_OTHERS), ["blocked-port"]);
  assert.deepEqual(blocked(BLOCKED_PORT_FAILURES - 1, BLOCKED_PORT_OTHERS), []);
  assert.deepEqual(blocked(BLOCKED_PORT_FAILURES, BLOCKED_PORT_OTHERS - 1), []);
});

test("a client network that never gets through is told from the server", () => {
  const net = new CaptureBuilder();
  session(net, "203.0.113.9", 40000, "works", 50000);
  session(net, "203.0.113.10", 40000, "works", 50040);
  for (const [i, port] of [50001, 50020, 50030].entries()) session(net, "192.0.2.66", 41000 + 2 * i, "filtered", port);
  const [finding] = findingsOf(net).filter(({ id }) => id === "client-network");
  assert.equal(finding.title, `all 3 data channels from 192.0.2.66 to ${SERVER} fail, while 2 other clients' work`);
  // Before or after: one that worked is enough.
  session(net, "192.0.2.66", 42000, "works", 50045);
  assert.deepEqual(
    findingsOf(net).filter(({ id }) => id === "client-network"),
    [],
  );
});

test("the ports of one client that never gets through tell nothing of the server's range", () => {
  const net = new CaptureBuilder();
  for (const [i, port] of [50000, 50001].entries()) session(net, "203.0.113.9", 40000 + 2 * i, "works", port);
  for (const [i, port] of [50002, 50003].entries()) session(net, "203.0.113.10", 40000 + 2 * i, "works", port);
  for (const [i, port] of [50004, 50005, 50006].entries()) session(net, "192.0.2.66", 41000 + 2 * i, "filtered", port);
  assert.deepEqual(
    findingsOf(net).map(({ id }) => id),
    ["client-network"],
  );
});

test("nor does the one port of such a client", () => {
  const net = new CaptureBuilder();
  for (let i = 0; i < BLOCKED_PORT_OTHERS; i++) session(net, "203.0.113.9", 40000 + 2 * i, "works", 5050 + i);
  for (let i = 0; i < BLOCKED_PORT_FAILURES; i++) session(net, "192.0.2.66", 41000 + 2 * i, "filtered", 5060);
  assert.deepEqual(findingsOf(net), []);
});

test("several clients that never get through have no network in common: then it is the range, and not their networks", () => {
  const range = (failing: number) => {
    const net = new CaptureBuilder();
    for (const [i, port] of [50000, 50001].entries()) session(net, `203.0.113.${9 + i}`, 40000, "works", port);
    for (let c = 0; c < failing; c++)
      for (let i = 0; i < FAILED_CHANNELS; i++)
        session(net, `192.0.2.${66 + c}`, 41000 + 2 * i, "filtered", 50100 + 10 * c + i);
    return findingsOf(net).map(({ id, sessionCount }) => [id, sessionCount]);
  };
  assert.deepEqual(range(FAILING_CLIENTS), [["passive-range", FAILING_CLIENTS * FAILED_CHANNELS]]);
  assert.deepEqual(range(FAILING_CLIENTS - 1), [["client-network", FAILED_CHANNELS]]);
});

test("a client whose ports are among those that fail for others too is not told to look at its own network", () => {
  const beside = (ports: readonly number[]) => {
    const net = new CaptureBuilder();
    session(net, "203.0.113.10", 40000, "works", 50000);
    for (const [i, port] of [50050, 50051].entries()) session(net, "203.0.113.9", 40000 + 2 * i, "works", port);
    for (const [i, port] of [50100, 50101].entries()) session(net, "203.0.113.9", 41000 + 2 * i, "filtered", port);
    for (const [i, port] of ports.entries()) session(net, "192.0.2.66", 42000 + 2 * i, "filtered", port);
    return findingsOf(net).map(({ id }) => id);
  };
  assert.deepEqual(beside([50102, 50090, 50110]), ["passive-range"]);
  assert.deepEqual(beside([50102, 50010, 50110]), ["passive-range", "client-network"]);
});

test("a client that obeys a private address is not told to look at its own network", () => {
  const net = new CaptureBuilder();
  session(net, "203.0.113.9", 40000, "works", 50000);
  session(net, "203.0.113.10", 40000, "works", 50040);
  for (let i = 0; i < FAILED_CHANNELS; i++) {
    const client = `192.0.2.66:${41000 + 2 * i}`;
    const control = net.connect({ client, server: `${SERVER}:21` });
    control.server("220 ready\r\n");
    control.client("PASV\r\n");
    control.server("227 Entering Passive Mode (10,0,0,5,195,80).\r\n");
    control.client("LIST\r\n");
    net.synUnanswered({ client: `192.0.2.66:${41001 + 2 * i}`, server: "10.0.0.5:50000", retries: 3 });
    control.finish("client");
    net.wait(3000);
  }
  assert.deepEqual(findingsOf(net), []);
});

test("a client network takes so many failures, and so many clients that get through", () => {
  const network = (failures: number, clients: number) => {
    const net = new CaptureBuilder();
    for (let i = 0; i < clients; i++) session(net, `203.0.113.${9 + i}`, 40000, "works", 50000);
    for (let i = 0; i < failures; i++) session(net, "192.0.2.66", 41000 + 2 * i, "filtered", 50000);
    return findingsOf(net).map(({ id }) => id);
  };
  assert.deepEqual(network(FAILED_CHANNELS, WORKING_CLIENTS), ["client-network"]);
  assert.deepEqual(network(FAILED_CHANNELS - 1, WORKING_CLIENTS), []);
  assert.deepEqual(network(FAILED_CHANNELS, WORKING_CLIENTS - 1), []);
});

/** Sessions whose EPSV is refused after some seconds, and whose PASV works. @returns the packets with EPSV */
function fallBack(net: CaptureBuilder, sessions: number, seconds: number): number[] {
  return Array.from({ length: sessions }, (_, i) => {
    const control = net.connect({ client: `203.0.113.9:${40000 + 2 * i}`, server: `${SERVER}:21` });
    control.server("220 ready\r\n");
    control.client("USER anonymous\r\n");
    control.server("230 logged in\r\n");
    const epsv = control.client("EPSV\r\n");
    net.wait(seconds * 1000);
    control.server("500 EPSV not understood\r\n");
    control.client("PASV\r\n");
    control.server("227 Entering Passive Mode (198,51,100,7,195,80).\r\n");
    const data = net.connect({ client: `203.0.113.9:${40001 + 2 * i}`, server: `${SERVER}:50000` });
    control.client("LIST\r\n");
    control.server("150 here it comes\r\n");
    data.serverData(10);
    data.finish("server");
    control.server("226 done\r\n");
    control.finish("client");
    return epsv;
  });
}

test("EPSV refused and PASV used is a cost, not a failure", () => {
  const net = new CaptureBuilder();
  const [epsv] = fallBack(net, 1, 4);
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

test("a fallback that cost nothing is told where it is the rule, not where it happened once", () => {
  const told = (sessions: number, seconds: number) => {
    const net = new CaptureBuilder();
    fallBack(net, sessions, seconds);
    return findingsOf(net).map(({ id }) => id);
  };
  assert.deepEqual(told(FALLBACK_SESSIONS, 0), ["epsv-fallback"]);
  assert.deepEqual(told(FALLBACK_SESSIONS - 1, 0), []);
  assert.deepEqual(told(1, FALLBACK_SECONDS), ["epsv-fallback"]);
  assert.deepEqual(told(1, FALLBACK_SECONDS - 0.2), []);
});

test("EPSV that is granted and filtered costs as much; one that was not tried, or of which nothing is known, is not counted", () => {
  const told = (attempt: "filtered" | "untried" | "unseen") => {
    const ftp = new Dialogue().login();
    for (let i = 0; i < FALLBACK_SESSIONS; i++) {
      if (attempt === "unseen") {
        ftp.control.client("EPSV\r\n");
        ftp.net.uncaptured(() => ftp.control.server(`${ftp.texts.epsv(50000 + i)}\r\n`));
      } else ftp.extended(50000 + i);
      if (attempt === "filtered") ftp.net.synUnanswered({ ...ftp.ends(50000 + i), retries: 2 });
      else ftp.pause(FALLBACK_SECONDS + 1);
      ftp.passive(50010 + i);
      ftp.list(ftp.dial(50010 + i));
    }
    ftp.quit();
    return findingsOf(ftp.net).flatMap(({ id }) => (id === "passive-range" ? [] : [id]));
  };
  assert.deepEqual(told("filtered"), ["epsv-fallback"]);
  assert.deepEqual(told("untried"), []);
  assert.deepEqual(told("unseen"), []);
});

test("EPSV that worked is none that does not: the file is missing, or the client gives up the transfer", () => {
  for (const [reply, last] of [
    ["550 Failed to open file.", null],
    ["150 Opening data connection.", "ABOR"],
  ] as const) {
    const ftp = new Dialogue().login();
    for (let i = 0; i < FALLBACK_SESSIONS; i++) {
      ftp.extended(50000 + i);
      const data = ftp.dial(50000 + i);
      ftp.ask("RETR file", reply);
      if (last !== null) ftp.ask(last, "426 Failure writing network stream.", "226 ABOR ok.");
      data.finish("server");
      ftp.pause(FALLBACK_SECONDS + 1);
      ftp.passive(50010 + i);
      ftp.list(ftp.dial(50010 + i));
    }
    ftp.quit();
    assert.deepEqual(findingsOf(ftp.net), []);
  }
});

const REFUSED = "530 Login incorrect.\r\n";
const ADMITTED = "230 logged in\r\n";

/** A session that says no more than its login. */
function logsIn(net: CaptureBuilder, client: string, port: number, answer: string): void {
  const control = net.connect({ client: `${client}:${port}`, server: `${SERVER}:21` });
  control.server("220 ready\r\n");
  control.client("USER root\r\n");
  control.server("331 password\r\n");
  control.client("PASS x\r\n");
  control.server(answer);
  control.finish("client");
}

/** So many sessions whose login is refused, and so many that are let in. */
function guesses(refused: number, admitted: number): string[] {
  const net = new CaptureBuilder();
  for (let i = 0; i < refused + admitted; i++) {
    logsIn(net, "203.0.113.9", 40000 + i, i < refused ? REFUSED : ADMITTED);
    net.wait(1000);
  }
  return findingsOf(net).map(({ id }) => id);
}

test("password guessing is five refused logins, and not four; many of them for each that is let in", () => {
  assert.deepEqual(guesses(GUESSING_SESSIONS, 0), ["brute-force"]);
  assert.deepEqual(guesses(GUESSING_SESSIONS - 1, 0), []);
  assert.deepEqual(guesses(2 * REFUSALS_PER_LOGIN + 1, 2), ["brute-force"]);
  assert.deepEqual(guesses(2 * REFUSALS_PER_LOGIN, 2), []);
});

test("a client that is turned away at each greeting guesses no password", () => {
  const net = new CaptureBuilder();
  for (let i = 0; i < GUESSING_SESSIONS; i++) {
    const control = net.connect({ client: `203.0.113.9:${40000 + i}`, server: "198.51.100.20:21" });
    control.server("421 Temporarily banned for too many failed login attempts\r\n");
    control.finish("server");
  }
  assert.deepEqual(findingsOf(net), []);
});

test("a guesser is told also behind thousands of clients who were let in, or refused once", () => {
  for (const answer of [ADMITTED, REFUSED]) {
    const net = new CaptureBuilder();
    for (let i = 0; i <= BOUNDS.comparedServers.most; i++) logsIn(net, `100.64.${i >>> 8}.${i & 0xff}`, 40000, answer);
    // Others may count among a pair's logins, never among its refusals.
    for (let i = 0; i < 50 * GUESSING_SESSIONS; i++) logsIn(net, "203.0.113.9", 41000 + i, REFUSED);
    const told = findingsOf(net);
    assert.deepEqual(
      told.map(({ id, sessionCount }) => [id, sessionCount]),
      [["brute-force", 50 * GUESSING_SESSIONS]],
      answer,
    );
  }
});

test("of clients that were refused fewer than five times the last thousand are kept", () => {
  const told = (others: number) => {
    const net = new CaptureBuilder();
    for (let i = 1; i < GUESSING_SESSIONS; i++) logsIn(net, "203.0.113.9", 40000 + i, REFUSED);
    for (let i = 0; i < others; i++) logsIn(net, `100.64.${i >>> 8}.${i & 0xff}`, 40000, REFUSED);
    logsIn(net, "203.0.113.9", 41000, REFUSED);
    return findingsOf(net).map(({ id }) => id);
  };
  assert.deepEqual(told(BOUNDS.refusedClients.most - 1), ["brute-force"]);
  assert.deepEqual(told(BOUNDS.refusedClients.most), []);
});

/** So many sessions in cleartext that work, and so many encrypted ones of which the first `admitted` work. */
function besideCleartext(clear: number, encrypted: number, admitted = 0) {
  const net = new CaptureBuilder();
  for (let i = 0; i < clear; i++) session(net, "203.0.113.9", 40000 + 10 * i, "works", 50000 + i);
  for (let i = 0; i < encrypted; i++) {
    const control = net.connect({ client: `203.0.113.9:${42000 + 10 * i}`, server: `${SERVER}:21` });
    control.server("220 ready\r\n");
    control.client("AUTH TLS\r\n");
    control.server("234 proceed\r\n");
    control.tls({ version: "1.3", resumption: "none" });
    for (const command of ["USER anonymous\r\n", "EPSV\r\n"]) {
      control.sealed("client", command, "1.3");
      control.sealed("server", "229 Entering Extended Passive Mode (|||50001|)\r\n", "1.3");
    }
    const ends = { client: `203.0.113.9:${42001 + 10 * i}`, server: `${SERVER}:${50010 + i}` };
    if (i < admitted) net.connect(ends).finish("server");
    else net.synUnanswered({ ...ends, retries: 3 });
    net.wait(2000);
    control.finish("client");
    net.wait(3000);
  }
  return findingsOf(net).find(({ id }) => id === "blind-helper");
}

test("a helper that cannot read TLS is told from cleartext sessions that work", () => {
  const finding = besideCleartext(HELPER_CHANNELS, HELPER_CHANNELS);
  assert.equal(finding?.sessionCount, HELPER_CHANNELS);
  assert.match(finding.title, /all \d+ passive data channels of encrypted sessions fail/);
  assert.match(finding.remedy[0], /^Open a fixed passive range/);
  assert.equal(besideCleartext(HELPER_CHANNELS - 1, HELPER_CHANNELS), undefined);
  assert.equal(besideCleartext(HELPER_CHANNELS, HELPER_CHANNELS - 1), undefined);
  assert.equal(besideCleartext(HELPER_CHANNELS, HELPER_CHANNELS + 1, 1), undefined, "one encrypted session works");
});

/** So many sessions of each kind: cleartext ones in this mode that work, and encrypted ones in active mode that the client's side refuses. */
function besideActive(clear: "active" | "passive", clearClient = "203.0.113.9") {
  const net = new CaptureBuilder({ vantage: "server" });
  for (let i = 0; i < HELPER_CHANNELS; i++) {
    const port = 40000 + 10 * i;
    if (clear === "passive") {
      session(net, clearClient, port, "works", 50000 + i);
      continue;
    }
    const control = net.connect({ client: `${clearClient}:${port}`, server: `${SERVER}:21` });
    control.server("220 ready\r\n");
    control.client("USER anonymous\r\n");
    control.server("230 logged in\r\n");
    control.client(`EPRT |1|${clearClient}|${port + 1}|\r\n`);
    control.server("200 EPRT command successful.\r\n");
    control.client("LIST\r\n");
    control.server("150 here it comes\r\n");
    const data = net.connect({
      client: `${clearClient}:${port + 1}`,
      server: `${SERVER}:20`,
      originator: "server",
    });
    data.serverData(400);
    data.finish("server");
    control.server("226 done\r\n");
    control.finish("client");
    net.wait(3000);
  }
  for (let i = 0; i < HELPER_CHANNELS; i++) {
    const control = net.connect({ client: `203.0.113.9:${42000 + 10 * i}`, server: `${SERVER}:21` });
    control.server("220 ready\r\n");
    control.client("AUTH TLS\r\n");
    control.server("234 proceed\r\n");
    control.tls({ version: "1.3", resumption: "none" });
    for (const command of ["USER anonymous\r\n", "EPRT |1|203.0.113.9|50001|\r\n", "LIST\r\n"]) {
      control.sealed("client", command, "1.3");
      control.sealed("server", "200 EPRT command successful.\r\n", "1.3");
    }
    net.synRefused({ client: `203.0.113.9:${50010 + i}`, server: `${SERVER}:${30000 + i}`, originator: "server" });
    control.sealed("server", "425 Unable to build data connection: Connection refused\r\n", "1.3");
    control.finish("client");
    net.wait(3000);
  }
  return findingsOf(net).find(({ id }) => id === "blind-helper");
}

test("a blind helper is told by channels of one mode, in active mode of one client", () => {
  const finding = besideActive("active");
  assert.match(finding?.title ?? "", /all \d+ active data channels of encrypted sessions fail/);
  assert.match(finding?.remedy[0] ?? "", /^Use passive mode/);
  assert.equal(besideActive("passive"), undefined, "the client dials there, through no NAT's helper");
  assert.equal(
    besideActive("active", "203.0.113.77"),
    undefined,
    "another client's network proves nothing of this one",
  );
});

/** Sessions that work on each of `ports`, and so many whose EPSV finds no port. */
function besideExhausted(ports: readonly number[], exhausted: number) {
  const net = new CaptureBuilder();
  for (const [i, port] of ports.entries()) session(net, "203.0.113.9", 40000 + 2 * i, "works", port);
  const refusals = Array.from({ length: exhausted }, (_, i) => {
    const control = net.connect({ client: `203.0.113.9:${43000 + i}`, server: `${SERVER}:21` });
    control.server("220 ready\r\n");
    control.client("USER anonymous\r\n");
    control.server("230 logged in\r\n");
    control.client("EPSV\r\n");
    const refusal = control.server("425 All reserved TCP ports are busy\r\n");
    control.finish("client");
    net.wait(3000);
    return refusal;
  });
  return { finding: findingsOf(net).find(({ id }) => id === "ports-exhausted"), refusals };
}

test("a server that runs out of passive ports again and again, with the ports that it has", () => {
  const { finding, refusals } = besideExhausted([50000, 50002, 50000], EXHAUSTED_CHANNELS);
  assert.equal(finding?.title, `${SERVER}: no passive port was left 2 times; it granted 2 ports, from 50000 to 50002`);
  assert.equal(finding.sessionCount, EXHAUSTED_CHANNELS);
  assert.deepEqual(
    finding.evidence.map(({ packet }) => packet),
    refusals,
  );
  assert.match(besideExhausted([50000], EXHAUSTED_CHANNELS).finding?.title ?? "", /it granted port 50000 alone$/);
  assert.match(besideExhausted([], EXHAUSTED_CHANNELS).finding?.title ?? "", /left 2 times$/);
  assert.equal(besideExhausted([50000, 50002], EXHAUSTED_CHANNELS - 1).finding, undefined);
});
