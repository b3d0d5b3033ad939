import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BOUNDS } from "../../../src/bounds.ts";
import { analyzeCapture } from "../../../src/index.ts";
import { FTP_PORT } from "../../../src/ports.ts";
import { CaptureBuilder } from "../../support/capture-builder.ts";
import { tlsFlights } from "../../support/tls-records.ts";
import { CLIENT, Dialogue, type DialogueOptions, FORGED, judges, SERVER, shows, tlsListing } from "../dialogue.ts";
import {
  DEAD_RETRANSMISSIONS,
  DEAD_SECONDS,
  SILENCE_SECONDS,
  SMALL_SEGMENT,
  VAIN_WAIT_SECONDS,
} from "../thresholds.ts";

const CAUSE = "control-connection-lost";

test("a reset while a command waits for its reply, and who sent it", () => {
  const ftp = new Dialogue().login();
  ftp.ask("TYPE I");
  const reset = ftp.control.reset("server", FORGED);
  shows(ftp.session().control, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "possible",
    evidence: [reset],
    says: /a RST in the server's name .*TTL 62.*by a middlebox/,
  });
});

test("the client's words are repeated and never acknowledged; QUIT is a word like any other", () => {
  for (const command of ["TYPE I", "QUIT"]) {
    const ftp = new Dialogue().login();
    ftp.ask(command);
    const repeats = ftp.control.retransmit("client", { times: DEAD_RETRANSMISSIONS });
    shows(ftp.session().control, {
      outcome: "failed",
      cause: CAUSE,
      confidence: "possible",
      evidence: [repeats[0]],
      says: /the client repeats itself 2 times over 600 ms, never acknowledged/,
    });
  }
});

test("at the server: its words are repeated; and under TLS the client's are", () => {
  const server = new Dialogue({ vantage: "server" }).login();
  server.ask("FEAT", "211-Features:\r\n UTF8\r\n211 End");
  const repeats = server.control.retransmit("server", { times: 5 });
  shows(server.session().control, { outcome: "failed", cause: CAUSE, confidence: "possible", evidence: [repeats[0]] });

  const tls = new Dialogue().secureLogin();
  tls.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50002|)"]);
  const data = tls.dial(50002);
  tls.askSealed("LIST", ["150 Here comes the directory listing."]);
  tlsListing(data, 500);
  tls.control.sealed("server", "226 Directory send OK.\r\n");
  tls.askSealed("TYPE I", []);
  const again = tls.control.retransmit("client", { times: 5 });
  shows(tls.session().control, { outcome: "failed", cause: CAUSE, confidence: "possible", evidence: [again[0]] });
});

test("the server closes, or resets, before it has said a word", () => {
  const closes = new Dialogue();
  const fin = closes.pause(0.2).control.fin("server");
  closes.ask("QUIT");
  closes.control.reset("server");
  shows(closes.session().control, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "possible",
    evidence: [fin],
    alternatives: ["server-busy"],
    says: /the server closes the connection 2\d\d ms after it accepted it, before any greeting/,
  });
  const resets = new Dialogue();
  const reset = resets.control.reset("server", FORGED);
  shows(resets.session().control, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "possible",
    evidence: [reset],
    says: /before any greeting: TTL 62.*by a middlebox/,
  });
});

test("the server closes in order before a word, and the client spoke first", () => {
  const ftp = new Dialogue();
  ftp.ask("USER demo");
  const fin = ftp.control.finish("server")[0];
  shows(ftp.session().control, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "possible",
    evidence: [fin],
    says: /before any greeting/,
  });
});

test("the server closes instead of answering; what clients say into the closed connection changes nothing", () => {
  for (const [command, parting] of [
    ["CWD incoming", null],
    ["USER demo", "QUIT"],
    ["NOOP", "NOOP"],
  ] as const) {
    const ftp = new Dialogue().login();
    ftp.ask(command);
    const fin = ftp.pause(0.2).control.fin("server");
    if (parting) {
      ftp.ask(parting);
      ftp.control.reset("server");
    } else ftp.control.fin("client");
    const { control } = ftp.session();
    shows(control, {
      outcome: "failed",
      cause: CAUSE,
      confidence: "possible",
      evidence: [fin],
      says: new RegExp(
        `the server closes the control connection 2\\d\\d ms after ${command.split(" ")[0]}, which waits`,
      ),
    });
    assert.match(control.remedy[0], /^The server closes by itself/);
  }
});

test("silent: a server that closes and owes no answer", () => {
  const closed = (build: (ftp: Dialogue) => void) => {
    const ftp = new Dialogue();
    build(ftp);
    ftp.control.finish("server");
    return ftp.session().control;
  };
  const told: readonly [what: string, (ftp: Dialogue) => void][] = [
    ["all is answered", (ftp) => ftp.login().ask("SYST", "215 UNIX Type: L8")],
    ["QUIT", (ftp) => ftp.login().ask("QUIT")],
    ["no FTP", (ftp) => ftp.login().ask("GET / HTTP/1.0")],
    ["a line without an end", (ftp) => ftp.login().control.client("CWD inc")],
    ["421 said goodbye", (ftp) => void ftp.login().ask("SYST", "421 Timeout.")],
    [
      "the client closed first",
      (ftp) => {
        ftp.login().ask("SYST");
        ftp.control.fin("client");
      },
    ],
    [
      "the capture lost the reply",
      (ftp) => {
        ftp.login().ask("SYST");
        ftp.net.uncaptured(() => ftp.control.server("215 UNIX Type: L8\r\n"));
      },
    ],
    ["TLS: it may have been QUIT", (ftp) => ftp.secureLogin().askSealed("QUIT", [])],
  ];
  for (const [what, build] of told) assert.equal(closed(build).cause, null, what);
  // The server closed an idle connection, and the command met its FIN on the way.
  const crossed = new Dialogue().login();
  const { ack } = crossed.control.position("server");
  crossed.ask("NOOP");
  crossed.control.segment("server", { flags: "FA", ack });
  crossed.control.reset("server");
  judges(crossed.session().control, "ok");
});

test("silent: a session that says more than is kept of one, in which a command is the last thing kept", () => {
  const net = new CaptureBuilder();
  const control = net.connect({ client: `${CLIENT}:40000`, server: `${SERVER}:21` });
  control.server("220 ready\r\n");
  control.client("USER alice\r\n");
  control.server("230 in\r\n");
  // 3 events and 100 of each end in turns: the last that is kept is a command.
  for (let i = 0; i < BOUNDS.sessionEvents.most / 200 + 1; i++) {
    control.client("NOOP\r\n".repeat(100));
    control.server("200 ok\r\n".repeat(100));
  }
  control.client("QUIT\r\n");
  control.server("221 bye\r\n");
  control.finish("server");
  const { sessions, anomalies } = analyzeCapture(net.build());
  assert.deepEqual(
    anomalies.map(({ code }) => code),
    ["session-events-over-limit"],
  );
  assert.equal(sessions[0].control.outcome, "ok");
  assert.equal(sessions[0].control.cause, null);
});

test("behind data that is complete: the server closes without 226, or nothing is heard any more", () => {
  const retrieved = (end: (ftp: Dialogue) => void) => {
    const ftp = new Dialogue().login();
    ftp.passive(50002);
    const data = ftp.dial(50002);
    ftp.ask("RETR a", "150 Opening BINARY mode data connection for a (5000 bytes).");
    data.serverData(5000);
    data.finish("server");
    end(ftp);
    return { control: ftp.session().control, channel: ftp.channel() };
  };
  const closed = retrieved(({ control }) => void control.finish("server"));
  judges(closed.control, "failed", CAUSE);
  judges(closed.channel, "undetermined");
  const unheard = retrieved((ftp) => {
    ftp.ask("QUIT");
    ftp.control.retransmit("client", { times: 5 });
  });
  judges(unheard.control, "failed", CAUSE);
  // A client that has what it wanted may leave as it likes.
  for (const leaves of [
    retrieved(({ control }) => void control.finish("client")),
    retrieved(({ control }) => void control.reset("client")),
  ])
    judges(leaves.control, "ok");
  const quits = retrieved((ftp) => {
    ftp.ask("QUIT");
    ftp.control.finish("server");
  });
  judges(quits.control, "ok");
  judges(quits.channel, "ok");
});

test("in the handshake of TLS 1.3, whose records are sealed behind the server's hello: its flight is repeated in vain", () => {
  const ftp = new Dialogue({ vantage: "server" });
  ftp.control.server("220 ready\r\n");
  ftp.ask("AUTH TLS", "234 Proceed with negotiation.");
  const [hello, flight] = tlsFlights({ version: "1.3" });
  ftp.control.client(hello.bytes);
  const position = ftp.control.position("server");
  ftp.control.segment("server", { flags: "PA", payload: flight.bytes });
  const repeats = [1, 2, 4, 8].map((wait) => {
    ftp.pause(wait / 5);
    return ftp.control.segment("server", { flags: "PA", seq: position.seq, payload: flight.bytes });
  });
  ftp.pause(3).control.segment("client", { flags: "FA", ack: position.seq });
  shows(ftp.session().control, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "possible",
    evidence: [repeats[0]],
    says: /the server repeats itself 4 times over 3\.\d s, never acknowledged/,
  });
});

test("at the client: the server's flight arrives without its beginning, until the client gives up", () => {
  const waits = (seconds: number, bytes: number, arrives = false) => {
    const ftp = new Dialogue();
    ftp.control.server("220 ready\r\n");
    ftp.ask("AUTH TLS", "234 Proceed with negotiation.");
    const [hello] = tlsFlights({ version: "1.3" });
    ftp.control.client(hello.bytes);
    const { seq } = ftp.control.position("server");
    const behind = ftp.control.segment("server", { flags: "PA", seq: seq + bytes, payload: new Uint8Array(200) });
    ftp.control.segment("client", { flags: "A", ack: seq });
    ftp.pause(seconds);
    const fin = ftp.control.segment("client", { flags: "FA", ack: arrives ? seq + bytes + 200 : seq });
    return { control: ftp.session().control, evidence: [behind, fin] };
  };
  for (const [bytes, alternatives] of [
    [2896, ["mtu-blackhole"]],
    [SMALL_SEGMENT - 1, []],
  ] as const) {
    const { control, evidence } = waits(SILENCE_SECONDS + 0.5, bytes);
    shows(control, {
      outcome: "failed",
      cause: CAUSE,
      confidence: "possible",
      evidence,
      says: new RegExp(`without the ${bytes} bytes before it, and these do not come for 5\\.5 s`),
      alternatives,
    });
  }
  assert.equal(waits(SILENCE_SECONDS - 0.5, 2896).control.cause, null);
  // The client has got it: the capture lacks it.
  assert.equal(waits(SILENCE_SECONDS + 0.5, 2896, true).control.cause, null);
});

test("silent: the client leaves before the greeting, or the capture lost it", () => {
  const left = new Dialogue();
  left.control.finish("client");
  judges(left.session().control, "ok");
  const stopped = new Dialogue();
  stopped.control.reset("client");
  stopped.control.reset("server");
  judges(stopped.session().control, "ok");
  const lost = new Dialogue();
  const greeting = lost.control.server("220 ready\r\n");
  lost.control.finish("server");
  lost.net.drop(greeting);
  judges(lost.session().control, "ok");
});

test("silent: one repetition less, loss that recovers", () => {
  const once = new Dialogue().login();
  once.ask("TYPE I");
  once.control.retransmit("client", { times: DEAD_RETRANSMISSIONS - 1 });
  judges(once.session().control, "ok");

  const lossy = new Dialogue().login();
  lossy.control.client("TYPE I\r\n");
  lossy.control.retransmit("client", { times: 4 });
  lossy.control.server("200 Switching to Binary mode.\r\n");
  lossy.quit();
  judges(lossy.session().control, "ok");
});

test("repetitions at both sides of the time that they have to span", () => {
  const repeatedOver = (seconds: number) => {
    const ftp = new Dialogue().login();
    ftp.ask("TYPE I");
    ftp.control.retransmit("client", { times: 5, afterMs: (seconds * 1000) / 5 });
    return ftp.session().control;
  };
  judges(repeatedOver(DEAD_SECONDS + 0.05), "failed", CAUSE);
  judges(repeatedOver(DEAD_SECONDS - 0.05), "ok");
});

test("silent: resets that end healthy sessions", () => {
  const afterQuit = new Dialogue().login();
  afterQuit.ask("QUIT", "221 Goodbye.");
  afterQuit.control.reset("client");
  judges(afterQuit.session().control, "ok");

  const impatient = new Dialogue().login();
  impatient.ask("QUIT");
  impatient.control.reset("client");
  judges(impatient.session().control, "ok");

  const finThenReset = new Dialogue().login();
  finThenReset.control.fin("client");
  finThenReset.control.reset("server");
  judges(finThenReset.session().control, "ok");

  const tls = new Dialogue().secureLogin();
  tls.askSealed("QUIT", ["221 Goodbye."]);
  tls.control.closeNotify("server");
  tls.control.reset("client");
  judges(tls.session().control, "ok");
});

test("silent: a better cause has its proof: idle before, AUTH, a failed data channel", () => {
  const idle = new Dialogue().login().pause(600);
  idle.ask("TYPE I");
  idle.control.retransmit("client", { times: 5 });
  judges(idle.session().control, "failed", "control-idle-timeout");

  const auth = new Dialogue();
  auth.control.server("220 ready\r\n");
  auth.ask("AUTH TLS");
  auth.control.retransmit("client", { times: 5 });
  judges(auth.session().control, "failed", "auth-tls-blocked");
});

test("silent: a reset after the last word was answered, where the reply to an earlier one is not in the capture", () => {
  const ftp = new Dialogue().login();
  ftp.ask("TYPE I");
  const lost = ftp.control.server("200 Switching to Binary mode.\r\n");
  ftp.ask("NOOP", "200 NOOP ok.");
  ftp.control.reset("client");
  ftp.net.drop(lost);
  judges(ftp.session().control, "ok");
});

test("a 421 that another device sends in the server's name; the server's own is its timer or its shutdown", () => {
  const expelled = (ttl?: number) => {
    const ftp = new Dialogue().login();
    const said = ftp.pause(1).control.server("421 Service not available.\r\n", ttl === undefined ? {} : { ttl });
    ftp.control.finish("server");
    return { control: ftp.session().control, said };
  };
  const { control, said } = expelled(62);
  shows(control, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "possible",
    evidence: [said],
    says: /421 Service not available.*not the server's own: TTL 62/,
  });
  judges(expelled().control, "ok");
});

/** AUTH TLS granted, and the client's hello under way. */
function inHandshake(options: ConstructorParameters<typeof Dialogue>[0] = {}) {
  const ftp = new Dialogue(options);
  ftp.control.server("220 ready\r\n");
  ftp.ask("AUTH TLS", "234 AUTH TLS OK.");
  ftp.control.tls({ version: "1.2" }, 1);
  return ftp;
}

test("the server ends the handshake of the control connection by an alert, whatever it says then and whoever closes, or without a word", () => {
  const alerted = (then: (control: Dialogue["control"]) => void) => {
    const ftp = inHandshake();
    const alert = ftp.control.alert("server", 2, 70);
    then(ftp.control);
    shows(ftp.session().control, {
      outcome: "failed",
      cause: CAUSE,
      confidence: "possible",
      evidence: [alert],
      alternatives: ["auth-tls-blocked"],
      says: /an alert from the server ends the TLS handshake/,
    });
  };
  alerted((control) => void control.finish("server"));
  alerted((control) => {
    control.fin("client");
    control.server("421 TLS handshake failed\r\n");
    control.reset("client");
  });
  alerted((control) => {
    control.server("500 OOPS: \r\n");
    control.reset("client");
  });
  const closed = inHandshake();
  const [fin] = closed.control.finish("server");
  shows(closed.session().control, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "possible",
    evidence: [fin],
    says: /FIN from the server ends the TLS handshake/,
  });
  // Who is gone is told goodbye.
  const late = inHandshake();
  late.control.fin("client");
  late.control.alert("server", 1, 0);
  late.control.fin("server");
  judges(late.session().control, "ok");
});

test("the server's flight is repeated in vain: the handshake cannot go on", () => {
  const ftp = inHandshake({ vantage: "server" });
  ftp.control.server(tlsFlights({ version: "1.2" })[1].bytes);
  const repeats = ftp.control.retransmit("server", { times: 5 });
  shows(ftp.session().control, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "possible",
    evidence: [repeats[0]],
    says: /the server repeats itself 5 times/,
  });
});

test("silent: the server's part of the handshake is not in the capture", () => {
  const ftp = inHandshake();
  const flight = ftp.control.server(tlsFlights({ version: "1.2" })[1].bytes);
  ftp.control.ack("client");
  ftp.control.finish("server");
  ftp.net.drop(flight - 1, flight);
  judges(ftp.session().control, "ok");
});

test("silent: the client itself leaves the handshake: an alert, its certificate, its FIN", () => {
  const alert = inHandshake();
  alert.control.alert("client", 2, 48);
  alert.control.finish("server");
  judges(alert.session().control, "ok");
  const left = inHandshake();
  left.control.finish("client");
  judges(left.session().control, "ok");
});

test("silent: the server's RST stands behind words that the capture does not have", () => {
  const before = new Dialogue();
  before.control.skip("server", 500);
  before.control.segment("server", { flags: "R", window: 0 });
  assert.equal(before.session().control.cause, null);

  const during = new Dialogue().login();
  during.ask("NOOP");
  during.control.skip("server", 30);
  during.control.segment("server", { flags: "R", window: 0 });
  assert.equal(during.session().control.cause, null);
});

test("silent: the capture lacks what stands between the handshake of the control connection and its end", () => {
  const ftp = new Dialogue();
  ftp.control.server(`${ftp.texts.greeting}\r\n`);
  ftp.ask("AUTH TLS", "234 AUTH TLS OK.");
  ftp.control.tls({}, 2);
  ftp.control.skip("client", 600);
  ftp.control.skip("server", 900);
  ftp.ask("PWD", '257 "/"');
  ftp.control.finish("server");
  assert.equal(ftp.session().control.cause, null);
});

test("silent: the client's RST acknowledges words that the capture does not have: they may have answered", () => {
  const ftp = new Dialogue().login();
  const { reply } = ftp.ask("TYPE I", "200 Switching to Binary mode.");
  ftp.control.reset("client");
  ftp.net.drop(reply);
  judges(ftp.session().control, "ok");
});

/** SYNs and SYN-ACKs of a control connection, and nothing else, so many seconds after the first. */
function neverBegun(syns: readonly number[], synAcks: readonly number[]) {
  const net = new CaptureBuilder({ vantage: "server" });
  const control = net.uncaptured(() => net.connect({ client: `${CLIENT}:40000`, server: `${SERVER}:21` }));
  const seq = { client: control.position("client").seq - 1, server: control.position("server").seq - 1 };
  let last = 0;
  let now = 0;
  const events = [...syns.map((at) => [at, "S"] as const), ...synAcks.map((at) => [at + 0.01, "SA"] as const)];
  for (const [at, flags] of events.sort((a, b) => a[0] - b[0])) {
    net.wait((at - now) * 1000);
    now = at;
    if (flags === "S") control.segment("client", { flags, seq: seq.client, ack: 0 });
    else last = control.segment("server", { flags, seq: seq.server });
  }
  const [session] = analyzeCapture(net.build()).sessions;
  return { control: session.control, last };
}

test("the SYN-ACK never arrives: the connection came about for the server alone", () => {
  const { control, last } = neverBegun([0, 1, 3], [0, 1, 3]);
  shows(control, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "possible",
    evidence: [last],
    says: /203\.0\.113\.5:21 repeats its SYN-ACK 2 times over 3\.\d s, never acknowledged: it does not arrive/,
  });
});

test("silent: a SYN sent once may be a scanner's or bear a forged source; it is not said to have worked either", () => {
  judges(neverBegun([0], [0, 1, 3]).control, "undetermined");
  judges(neverBegun([0], [0]).control, "ok");
});

describe("the server's host is there and its FTP says nothing until the client leaves", () => {
  const lost = (says: RegExp, evidence: readonly number[]) => ({
    outcome: "failed" as const,
    cause: "control-connection-lost" as const,
    confidence: "possible" as const,
    evidence,
    says,
  });

  test("no greeting", () => {
    const ftp = new Dialogue({ port: FTP_PORT });
    ftp.pause(VAIN_WAIT_SECONDS + 4).control.fin("client");
    ftp.control.fin("server");
    ftp.control.ack("client");
    ftp.control.ack("server");
    const { control } = ftp.session();
    shows(control, {
      ...lost(/sends no greeting for 12\.\d s, until the client leaves$/, [2]),
      alternatives: ["server-busy"],
    });
    assert.match(control.remedy.join(" "), /UseReverseDNS off/);
  });

  test("no answer to a ClientHello on the port of implicit TLS, where a server waits for it", () => {
    const ftp = new Dialogue({ port: 990 });
    const [hello] = ftp.control.tls({}, 1);
    ftp.control.ack("server");
    ftp.pause(VAIN_WAIT_SECONDS + 1).control.finish("client");
    shows(ftp.session().control, lost(/what the client says first gets no answer for 9\.\d s/, [hello]));
    const silent = new Dialogue({ port: 990 });
    silent.pause(30).control.finish("client");
    assert.equal(silent.session().control.outcome, "ok");
  });

  test("no reply to a command, or one that comes when the client has left", () => {
    for (const late of [false, true]) {
      const ftp = new Dialogue().login();
      const { command } = ftp.ask("SYST");
      ftp.control.ack("server");
      ftp.pause(VAIN_WAIT_SECONDS + 1);
      if (late) {
        ftp.control.fin("client");
        ftp.control.server("215 UNIX Type: L8\r\n");
      } else ftp.control.finish("client");
      const says = late
        ? /: SYST gets no reply for 9\.\d s, until the client leaves \(the server speaks behind that\); the server's host has/
        : /: SYST gets no reply for 9\.\d s, until the client leaves; the server's host has/;
      shows(ftp.session().control, lost(says, [command]));
    }
  });

  test("silent: LF alone ends the command, and the server may wait for CR LF", () => {
    for (const [end, outcome] of [
      ["\r\n", "failed"],
      ["\n", "ok"],
    ] as const) {
      const ftp = new Dialogue().login();
      ftp.control.client(`SYST${end}`);
      ftp.control.ack("server");
      ftp.pause(VAIN_WAIT_SECONDS + 1).control.finish("client");
      assert.equal(ftp.session().control.outcome, outcome);
    }
  });

  test("after CCC the two ends do not leave TLS in the same way", () => {
    const ftp = new Dialogue({ software: "pure-ftpd" }).secureLogin().clearAgain();
    const { command } = ftp.ask("PWD");
    ftp.control.ack("server");
    ftp.pause(VAIN_WAIT_SECONDS + 1).control.fin("client");
    ftp.control.server("200 Logout.\r\n");
    const { control } = ftp.session();
    shows(control, { ...lost(/: PWD gets no reply for 9\.\d s/, [command]), alternatives: [] });
    assert.match(control.remedy[0], /CCC/);
    // Once anything was answered in the clear it is not CCC.
    const answered = new Dialogue().secureLogin().clearAgain();
    answered.ask("PWD", '257 "/"');
    answered.ask("SYST");
    answered.control.ack("server");
    answered.pause(VAIN_WAIT_SECONDS + 1).control.finish("client");
    const later = answered.session().control;
    assert.equal(later.cause, CAUSE);
    assert.match(later.remedy[0], /log of that moment/);
  });

  test("a greeting that comes when the client has given up, and a socket that is closed", () => {
    const ftp = new Dialogue({ software: "pure-ftpd" });
    ftp.pause(9).control.fin("client");
    ftp.control.ack("server");
    ftp.pause(1).control.server("220 ready\r\n");
    ftp.control.reset("client");
    shows(
      ftp.session().control,
      lost(/sends no greeting for 9\.\d s, until the client leaves \(the server speaks behind that\)$/, [2]),
    );
  });

  test("several commands, and QUIT in leaving: since the first of them", () => {
    const ftp = new Dialogue().login();
    const { command } = ftp.ask("SYST");
    for (let i = 0; i < 3; i++) {
      ftp.pause(5).ask("NOOP");
      ftp.control.ack("server");
    }
    ftp.pause(5).ask("QUIT");
    ftp.control.finish("client");
    shows(ftp.session().control, lost(/: SYST gets no reply for 20\.\d s/, [command]));
  });

  const look = (what: string, build: (ftp: Dialogue) => void, options: DialogueOptions = {}) =>
    test(`not: ${what}`, () => {
      const ftp = new Dialogue(options);
      build(ftp);
      assert.equal(ftp.session().control.cause, null);
    });
  const waits = (ftp: Dialogue, command: string, seconds = VAIN_WAIT_SECONDS + 4) => {
    ftp.ask(command);
    ftp.control.ack("server");
    return ftp.pause(seconds);
  };
  test("not: a server that takes its time, for which the client waits", () => {
    const greeting = new Dialogue().pause(20).login();
    greeting.control.finish("client");
    assert.equal(greeting.session().control.cause, null);
    const reply = new Dialogue().login();
    waits(reply, "SYST").control.server("215 UNIX Type: L8\r\n");
    reply.ask("QUIT", "221 Goodbye.");
    reply.control.finish("server");
    assert.equal(reply.session().control.cause, null);
  });
  look("a client that was idle", (ftp) => ftp.login().pause(60).control.finish("client"));
  look("QUIT, for whose reply nobody waits", (ftp) => waits(ftp.login(), "QUIT").control.finish("client"));
  look("a command that belongs to a data channel", (ftp) => waits(ftp.login(), "LIST").control.finish("client"));
  look("a session that is open when the capture ends", (ftp) => {
    waits(ftp.login(), "SYST");
    ftp.net.udp({ from: "192.0.2.77:1", to: "192.0.2.78:53", payload: "x" });
  });
  look("a reply that the capture lost", (ftp) => {
    ftp.login().ask("SYST");
    ftp.net.uncaptured(() => ftp.control.server("215 UNIX Type: L8\r\n"));
    ftp.control.ack("client");
    ftp.pause(20).control.finish("client");
  });
  look("NOOP in a transfer, which the server answers behind it (vsftpd)", (ftp) => {
    ftp.login().passive(50002);
    const data = ftp.dial(50002);
    ftp.ask("RETR big", "150 Opening BINARY mode data connection.");
    data.serverData(20_000);
    waits(ftp, "NOOP");
    data.serverData(20_000);
    ftp.control.fin("client");
    ftp.control.server("426 Failure writing network stream.\r\n");
    ftp.control.reset("client");
  });
  look("a client that shuts down its direction and reads on", (ftp) => {
    ftp.login().ask("SYST");
    ftp.control.ack("server");
    ftp.pause(VAIN_WAIT_SECONDS + 1).control.fin("client");
    ftp.control.ack("server");
    ftp.pause(20).control.server("215 UNIX Type: L8\r\n");
    ftp.control.ack("client");
    ftp.control.fin("server");
    ftp.control.ack("client");
  });
  look("a reply that has begun", (ftp) => {
    ftp.login().ask("STAT -lR");
    ftp.control.server("213-Status follows:\r\n one\r\n");
    ftp.control.ack("client");
    ftp.pause(20).control.fin("client");
    ftp.control.server("213 End\r\n");
    ftp.control.reset("client");
  });
  look("a line that was never ended", (ftp) => {
    ftp.control.server("220 ready\r\n");
    ftp.control.client("USER al");
    ftp.control.ack("server");
    ftp.pause(60).control.finish("client");
  });
  for (const said of ["<13>Oct 11 22:14:15 host su: message\n", "PING\r\n", ""])
    look(
      `no FTP on port 2121, where ${said === "" ? "nobody says anything" : `a client says ${said.slice(0, 4)}`}`,
      (ftp) => {
        if (said !== "") ftp.control.client(said);
        ftp.control.ack("server");
        ftp.pause(300).control.finish("client");
      },
      { port: 2121 },
    );
  for (const flags of ["FA", "A"])
    look(
      `a reply that the path lost: the server's ${flags === "A" ? "acknowledgment" : "FIN"} stands behind it`,
      (ftp) => {
        const waiting = waits(ftp.login(), "FEAT");
        const { seq, ack } = waiting.control.position("server");
        if (flags === "A") waiting.control.segment("server", { flags, seq: seq + 1400, ack });
        waiting.control.fin("client");
        waiting.control.segment("server", { flags, seq: seq + 1400, ack: ack + 1 });
      },
    );
  look("a command that arrived only as the client left", (ftp) => {
    const { command } = ftp.login().ask("SYST");
    ftp.control.retransmit(command, { times: 5 });
    ftp.control.ack("server");
    ftp.pause(3).control.finish("client");
  });
  look("words that answer nothing", (ftp) => {
    waits(ftp.login(), "SYST", 2).control.server("hello there\r\n");
    ftp.control.ack("client");
    ftp.pause(20).control.finish("client");
  });
  look("bytes that are no words", (ftp) => {
    // Telnet's IAC NOP (RFC 854).
    waits(ftp.login(), "SYST", 2).control.server(Uint8Array.of(255, 241));
    ftp.control.ack("client");
    ftp.pause(20).control.finish("client");
  });
  for (const said of ["hello there\r\n", Uint8Array.of(255, 241)])
    look(`${typeof said === "string" ? "words" : "bytes"} before it left and behind that`, (ftp) => {
      waits(ftp.login(), "SYST", 2).control.server(said);
      ftp.control.ack("client");
      ftp.pause(20).control.fin("client");
      ftp.control.server(said);
      ftp.control.reset("client");
    });
  look("a command behind one whose reply has begun", (ftp) => {
    ftp.login().ask("STAT");
    ftp.ask("FEAT");
    ftp.control.ack("server");
    ftp.pause(1).control.server("211-Status follows:\r\n one\r\n");
    ftp.control.ack("client");
    ftp.pause(20).control.fin("client");
    ftp.control.server("211 End\r\n");
    ftp.control.reset("client");
  });
  look("what is said behind 221", (ftp) => {
    ftp.login().ask("QUIT", "221 Goodbye.");
    waits(ftp, "NOOP").control.finish("client");
  });
  look("ABOR, which no reply need follow", (ftp) => waits(ftp.login(), "ABOR").control.finish("client"));
  look("a SYN-ACK that the server repeats", (ftp) => {
    const { seq, ack } = ftp.control.position("server");
    for (const wait of [1000, 2000, 4000]) {
      ftp.net.wait(wait);
      ftp.control.segment("server", { flags: "SA", seq: (seq - 1) >>> 0, ack });
    }
    ftp.pause(10).control.finish("client");
  });
  look("a host that is gone, and acknowledges no FIN", (ftp) => {
    waits(ftp.login(), "SYST").control.fin("client");
  });
  test("not: AUTH, of which another rule knows more", () => {
    const ftp = new Dialogue();
    ftp.control.server("220 ready\r\n");
    waits(ftp, "AUTH TLS").control.finish("client");
    assert.equal(ftp.session().control.cause, "auth-tls-blocked");
  });
  look("a greeting that the capture lost", (ftp) => {
    ftp.net.uncaptured(() => ftp.control.server("220 ready\r\n"));
    ftp.control.ack("client");
    ftp.pause(20).control.finish("client");
  });
});
