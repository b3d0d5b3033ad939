import assert from "node:assert/strict";
import { test } from "node:test";
import type { SegmentOptions } from "../../support/capture-builder.ts";
import { CLIENT6, Dialogue, FORGED, judges, SERVER6, shows, tlsListing } from "../dialogue.ts";
import {
  DEAD_RETRANSMISSIONS,
  FORGET_SECONDS,
  FORGOTTEN_SECONDS,
  GIVEN_UP_SECONDS,
  IDLE_SECONDS,
  PROVOKED_SECONDS,
} from "../thresholds.ts";

const CAUSE = "control-idle-timeout";

/** A RST of whoever knows nothing of the connection: it acknowledges nothing (RFC 9293 section 3.10.7.1). */
function resetUnknown({ control }: Dialogue, side: "client" | "server") {
  return control.segment(side, { flags: "R", seq: control.position(side === "client" ? "server" : "client").ack });
}

/** A download that takes `seconds` and is complete; what the control connection does afterwards is up to the test. */
function longDownload(seconds: number, options: ConstructorParameters<typeof Dialogue>[0] = {}) {
  const ftp = new Dialogue(options).login();
  ftp.extended(50002);
  const data = ftp.dial(50002);
  ftp.ask("RETR big", "150 Opening BINARY mode data connection for big (9000 bytes).");
  for (let i = 0; i < 3; i++) {
    ftp.pause(seconds / 3);
    data.serverData(3000);
  }
  const fin = data.fin("server");
  data.fin("client");
  data.ack("server");
  return { ftp, data, fin };
}

test("at the server: the 226 is repeated and never acknowledged although the data arrived", () => {
  for (const options of [{ vantage: "server" }, { vantage: "server", client: CLIENT6, server: SERVER6 }] as const) {
    const { ftp, fin } = longDownload(600, options);
    ftp.control.server("226 Transfer complete.\r\n");
    const repeats = ftp.control.retransmit("server", { times: 5 });
    shows(ftp.channel(), {
      outcome: "failed",
      cause: CAUSE,
      confidence: "likely",
      evidence: [fin, repeats[0]],
      alternatives: ["control-connection-lost"],
      says: [
        /the data is complete: 9000 bytes/,
        /after 60\d\.\d s of silence the server's next words are repeated 5 times/,
      ],
    });
  }
});

test("at the server: a reset in the client's name answers the 226", () => {
  const { ftp, fin } = longDownload(600, { vantage: "server" });
  ftp.control.server("226 Transfer complete.\r\n");
  const reset = ftp.control.reset("client", { ttl: 63 });
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [fin, reset],
    says: /after 600\.\d s of silence a reset ends the control connection/,
  });
});

test("at the server: a device that knows nothing of the connection answers the 226, after seconds only", () => {
  const answered = (
    seconds: number,
    answer: SegmentOptions & { readonly flags?: string; readonly seq?: number } = {},
  ) => {
    const { ftp, fin } = longDownload(seconds, { vantage: "server" });
    ftp.control.server("226 Transfer complete.\r\n");
    const reset = ftp.control.segment("client", { flags: "R", window: 0, ttl: 63, ...answer });
    return { channel: ftp.channel(), evidence: [fin, reset] };
  };
  const { channel, evidence } = answered(FORGOTTEN_SECONDS + 0.2);
  shows(channel, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "possible",
    evidence,
    says: /after 1\.[2-4] s of silence a reset ends the control connection: .*TTL 63/,
    alternatives: ["control-connection-lost"],
  });
  assert.equal(answered(IDLE_SECONDS + 1).channel.confidence, "likely");
  // Not idle, and yet nobody has heard the 226.
  judges(answered(FORGOTTEN_SECONDS - 0.2).channel, "undetermined");
  // The client itself leaves, or whoever resets does not answer the 226.
  judges(answered(FORGOTTEN_SECONDS + 0.2, { ttl: 57 }).channel, "ok");
  judges(answered(FORGOTTEN_SECONDS + 0.2, { flags: "RA" }).channel, "ok");
});

test("at the client: nothing comes, it waits and leaves; its FIN is repeated", () => {
  const waits = (seconds: number, times: number) => {
    const { ftp, fin } = longDownload(600);
    const left = ftp.pause(seconds).control.fin("client");
    if (times > 0) ftp.control.retransmit("client", { times });
    return { channel: ftp.channel(), fin, left };
  };
  const silent = waits(IDLE_SECONDS + 1, 0);
  const verdict = { outcome: "failed", cause: CAUSE, confidence: "likely" } as const;
  shows(silent.channel, {
    ...verdict,
    evidence: [silent.fin],
    says: /the control connection stays silent for 6\.\d s after it/,
  });
  const repeated = waits(IDLE_SECONDS + 1, 4);
  shows(repeated.channel, {
    ...verdict,
    evidence: [repeated.fin, repeated.left],
    says: /after 6\.\d s without a reply the client leaves: its FIN is repeated 4 times, never acknowledged/,
  });
  judges(waits(IDLE_SECONDS - 1, 4).channel, "ok"); // a client may leave before the last 226
});

test("at the client: its next words are repeated", () => {
  const { ftp, fin } = longDownload(600);
  ftp.pause(1).control.client("NOOP\r\n");
  const repeats = ftp.control.retransmit("client", { times: DEAD_RETRANSMISSIONS });
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [fin, repeats[0]],
    says: /the client's next words are repeated 2 times/,
  });
});

/** The same under TLS, five minutes long, and nobody has said a word behind it. */
function longSealedDownload() {
  const ftp = new Dialogue().secureLogin();
  ftp.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50002|)"]);
  const data = ftp.dial(50002);
  ftp.askSealed("RETR big", ["150 Opening BINARY mode data connection for big (9000 bytes)."]);
  data.tls({ resumption: "psk" });
  ftp.pause(300);
  data.sealed("server", 9000);
  data.closeNotify("server");
  const fin = data.fin("server");
  data.fin("client");
  data.ack("server");
  return { ftp, fin };
}

test("under TLS: the record after the long transfer is repeated: possible", () => {
  const { ftp, fin } = longSealedDownload();
  ftp.pause(20).askSealed("NOOP", []);
  const repeats = ftp.control.retransmit("client", { times: 5 });
  shows(ftp.channel(), { outcome: "failed", cause: CAUSE, confidence: "possible", evidence: [fin, repeats[0]] });
});

test("under TLS at the client: no word follows the transfer, the client waits and leaves, and its FIN is repeated: possible", () => {
  const leaves = ({ confirmed = false, asksMore = false, answered = false, waits = IDLE_SECONDS + 1 } = {}) => {
    const { ftp, fin } = longSealedDownload();
    if (confirmed) ftp.control.sealed("server", "226 Transfer complete.\r\n");
    if (asksMore) ftp.askSealed("NOOP", ["200 NOOP ok."]);
    const left = ftp.pause(waits).control.fin("client");
    if (answered) ftp.control.ack("server");
    else ftp.control.retransmit("client", { times: 4 });
    return { session: ftp.session(), evidence: [fin, left] };
  };
  const { session, evidence } = leaves();
  shows(session.dataChannels[0], {
    outcome: "failed",
    cause: CAUSE,
    confidence: "possible",
    evidence,
    says: /after 6\.\d s without a reply the client leaves: its FIN is repeated 4 times, never acknowledged/,
  });
  for (const fine of [
    { confirmed: true },
    { confirmed: true, asksMore: true },
    { answered: true },
    { waits: IDLE_SECONDS - 1 },
  ])
    judges(leaves(fine).session.dataChannels[0], "ok");
});

test("no data channel carries it: the next command after a pause is repeated or reset", () => {
  const repeated = new Dialogue().login().pause(900);
  repeated.ask("TYPE I");
  const repeats = repeated.control.retransmit("client", { times: 5 });
  shows(repeated.session().control, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [repeats[0]],
    alternatives: ["control-connection-lost"],
    says: /after 900\.0 s of silence the client's next words are repeated 5 times/,
  });
});

test("the word that is lost after the pause is a negotiation", () => {
  const ftp = new Dialogue().login().pause(300);
  ftp.ask("EPSV");
  const repeats = ftp.control.retransmit("client", { times: 5 });
  const { control, dataChannels } = ftp.session();
  judges(dataChannels[0], "undetermined");
  shows(control, { outcome: "failed", cause: CAUSE, confidence: "likely", evidence: [repeats[0]] });
});

test("idle time and repetitions at both sides", () => {
  const idle = (seconds: number, times: number) => {
    const ftp = new Dialogue().login().pause(seconds);
    ftp.ask("TYPE I");
    ftp.control.retransmit("client", { times });
    return ftp.session().control;
  };
  judges(idle(IDLE_SECONDS + 0.1, DEAD_RETRANSMISSIONS), "failed", CAUSE);
  judges(idle(IDLE_SECONDS - 0.5, DEAD_RETRANSMISSIONS), "failed", "control-connection-lost");
  judges(idle(IDLE_SECONDS + 60, DEAD_RETRANSMISSIONS - 1), "ok");
});

test("a reset answers what was said after the pause, or comes too late for an answer and is the host's own", () => {
  const resetAfter = (seconds: number) => {
    const ftp = new Dialogue().login().pause(600);
    ftp.ask("TYPE I");
    resetUnknown(ftp.pause(seconds), "server");
    return ftp.session().control;
  };
  judges(resetAfter(PROVOKED_SECONDS - 0.1), "failed", CAUSE);
  judges(resetAfter(PROVOKED_SECONDS + 0.1), "failed", "control-connection-lost");
});

test("silent: 421 is the server's own timer", () => {
  const { ftp } = longDownload(600);
  ftp.control.server("226 Transfer complete.\r\n");
  ftp.pause(300).control.server("421 Idle timeout (300 seconds): closing control connection\r\n");
  ftp.control.finish("server");
  const session = ftp.session();
  judges(session.dataChannels[0], "ok");
  judges(session.control, "ok");
});

test("silent: 226 comes; the server needs long for it; NOOPs keep the connection alive", () => {
  const slow = longDownload(600);
  slow.ftp.pause(50).control.server("226 Transfer complete.\r\n");
  slow.ftp.quit();
  judges(slow.ftp.channel(), "ok");

  const alive = new Dialogue().login();
  alive.passive(50002);
  const data = alive.dial(50002);
  alive.ask("RETR big", "150 Opening BINARY mode data connection for big (9000 bytes).");
  for (let i = 0; i < 3; i++) {
    alive.pause(60).control.client("NOOP\r\n");
    data.serverData(3000);
  }
  data.finish("server");
  alive.control.server("226 Transfer complete.\r\n200 NOOP ok.\r\n200 NOOP ok.\r\n200 NOOP ok.\r\n");
  alive.quit();
  judges(alive.channel(), "ok");
});

test("silent: the data is not complete either: the path is gone", () => {
  const ftp = new Dialogue({ vantage: "server" }).login();
  ftp.extended(50002);
  const data = ftp.dial(50002);
  ftp.ask("RETR big", "150 Opening BINARY mode data connection for big (900000 bytes).");
  data.serverData(14_480);
  const [lost] = data.serverData(1448, { acked: false });
  data.retransmit(lost, { times: 5 });
  ftp.control.server("426 Failure writing network stream.\r\n");
  ftp.control.retransmit("server", { times: 5 });
  judges(ftp.channel(), "failed", "data-stalled");
});

test("silent under TLS: after the pause the client ends TLS, and the server's reset answers that", () => {
  const ends = (how: (ftp: Dialogue) => void) => {
    const ftp = new Dialogue({ vantage: "server" }).secureLogin();
    ftp.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50002|)"]);
    const data = ftp.dial(50002);
    ftp.askSealed("LIST", ["150 Here comes the directory listing."]);
    tlsListing(data, 500);
    ftp.control.sealed("server", "226 Directory send OK.\r\n");
    how(ftp.pause(60));
    resetUnknown(ftp, "server");
    return ftp.session();
  };
  const goodbye = ends((ftp) => void ftp.control.closeNotify("client"));
  judges(goodbye.control, "ok");
  assert.equal(goodbye.dataChannels[0].cause, null);
  // Asked again after the pause; the listing had its 226.
  const asked = ends((ftp) => void ftp.askSealed("NOOP", []));
  judges(asked.control, "failed", CAUSE);
  judges(asked.dataChannels[0], "ok");
});

test("silent: the client leaves by a RST right after it has acknowledged the 226", () => {
  const ftp = new Dialogue().login();
  ftp.extended(50002);
  const data = ftp.dial(50002);
  ftp.ask("STOR file", "150 Ok to send data.");
  data.clientData(5000);
  ftp.pause(IDLE_SECONDS + 3);
  data.finish("client");
  ftp.control.server("226 Transfer complete.\r\n");
  ftp.control.ack("client");
  ftp.pause(0.4).control.reset("client");
  judges(ftp.session().control, "ok");
  judges(ftp.channel(), "ok");
});

/** An upload after which the server says nothing for `waits` seconds, at the client; it took `takes` seconds. */
function unconfirmed(takes: number, waits: number, leaves: boolean) {
  const ftp = new Dialogue().login();
  ftp.extended(50002);
  const data = ftp.dial(50002);
  ftp.ask("STOR file", "150 Ok to send data.");
  data.clientData(5000);
  ftp.pause(takes);
  data.clientData(5000);
  data.finish("client");
  ftp.pause(waits);
  if (leaves) ftp.control.fin("client");
  else ftp.watch(0);
  return ftp.channel();
}

test("silent: a server that is slow with its 226, on a control connection that was not idle before, or while the client still waits", () => {
  judges(unconfirmed(IDLE_SECONDS + 1, IDLE_SECONDS + 1, true), "failed", CAUSE);
  judges(unconfirmed(1, 60, true), "ok");
  judges(unconfirmed(IDLE_SECONDS + 1, GIVEN_UP_SECONDS - 1, false), "undetermined");
  judges(unconfirmed(IDLE_SECONDS + 1, GIVEN_UP_SECONDS + 1, false), "failed", CAUSE);
});

test("silent: the client had closed, and only its FIN is not in the capture: its RST stands behind it", () => {
  const ends = (finLost: boolean, acked = true) => {
    const ftp = new Dialogue().login();
    ftp.extended(50002);
    const data = ftp.dial(50002);
    ftp.ask("STOR file", "150 Ok to send data.");
    data.clientData(5000);
    data.finish("client");
    ftp.pause(IDLE_SECONDS + 3);
    const fin = finLost ? ftp.control.fin("client") : 0;
    const { ack } = ftp.control.position("server");
    if (acked) ftp.control.server("226 Transfer complete.\r\n");
    else ftp.control.segment("server", { flags: "PA", ack, payload: "226 Transfer complete.\r\n" });
    if (finLost) ftp.control.segment("client", { flags: "R" });
    else resetUnknown(ftp, "client");
    if (finLost) ftp.net.drop(fin);
    return ftp.channel();
  };
  judges(ends(true), "ok");
  judges(ends(true, false), "ok");
  judges(ends(false), "failed", CAUSE);
});

test("likely from the shortest timer of a NAT device on, or where a device answers; a pause of seconds is possible", () => {
  const confidenceAfter = (seconds: number, end: (ftp: Dialogue) => void) => {
    const ftp = new Dialogue().login().pause(seconds);
    ftp.ask("TYPE I");
    end(ftp);
    const { control } = ftp.session();
    judges(control, "failed", CAUSE);
    return control.confidence;
  };
  const unheard = (ftp: Dialogue) => void ftp.control.retransmit("client", { times: 5 });
  assert.equal(confidenceAfter(FORGET_SECONDS + 1, unheard), "likely");
  assert.equal(confidenceAfter(FORGET_SECONDS - 1, unheard), "possible");
  assert.equal(
    confidenceAfter(6, (ftp) => void ftp.control.reset("server", FORGED)),
    "likely",
  );
  assert.equal(
    confidenceAfter(6, (ftp) => void resetUnknown(ftp, "server")),
    "possible",
  );
  assert.equal(unconfirmed(FORGET_SECONDS + 1, 20, true).confidence, "likely");
  assert.equal(unconfirmed(FORGET_SECONDS - 1, 20, true).confidence, "possible");
});

test("silent: the client's next words acknowledge what the capture lacks of the server, which then resets: it may have left", () => {
  const ended = (lost: number) => {
    const ftp = new Dialogue().secureLogin();
    ftp.askSealed("EPSV", [ftp.texts.epsv(50002)]);
    const data = ftp.dial(50002);
    ftp.askSealed("LIST", [ftp.texts.list]);
    tlsListing(data, 900);
    ftp.control.sealed("server", `${ftp.texts.sent}\r\n`);
    ftp.control.skip("server", lost);
    ftp.pause(IDLE_SECONDS + 1).control.sealed("client", "NOOP\r\n");
    resetUnknown(ftp, "server");
    return ftp.session();
  };
  assert.equal(ended(0).control.cause, CAUSE);
  const { control, dataChannels } = ended(62);
  assert.deepEqual([control.cause, dataChannels[0].cause], [null, null]);
});

test("silent: the client leaves by a RST that acknowledges the 226, and its acknowledgment is not in the capture", () => {
  const { ftp } = longDownload(600);
  ftp.control.server("226 Transfer complete.\r\n");
  const acknowledged = ftp.control.ack("client");
  ftp.pause(0.4).control.reset("client");
  ftp.net.drop(acknowledged);
  const session = ftp.session();
  judges(session.dataChannels[0], "ok");
  judges(session.control, "ok");
});

test("at the client: its FIN is answered by a device, or by nobody", () => {
  const answered = longDownload(40);
  answered.ftp.pause(36);
  answered.ftp.control.fin("client");
  const reset = answered.ftp.control.reset("server", FORGED);
  shows(answered.ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [answered.fin, reset],
    says: /after 36\.\d s without a reply the client leaves, and a RST answers its FIN: TTL 62.*by a middlebox/,
  });

  const unheard = longDownload(0.3);
  unheard.ftp.pause(60);
  const fin = unheard.ftp.control.fin("client");
  unheard.ftp.control.retransmit("client", { times: DEAD_RETRANSMISSIONS });
  shows(unheard.ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [unheard.fin, fin],
    says: /after 60\.\d s without a reply the client leaves: its FIN is repeated 2 times, never acknowledged/,
  });
});

test("silent: a server that is slow acknowledges the FIN, or resets by itself; one repetition less; a client that leaves soon", () => {
  const slow = longDownload(0.3);
  slow.ftp.pause(60);
  slow.ftp.control.fin("client");
  slow.ftp.control.ack("server");
  judges(slow.ftp.channel(), "ok");

  const own = longDownload(0.3);
  own.ftp.pause(60);
  own.ftp.control.fin("client");
  own.ftp.control.reset("server");
  judges(own.ftp.channel(), "ok");

  const once = longDownload(0.3);
  once.ftp.pause(60);
  once.ftp.control.fin("client");
  once.ftp.control.retransmit("client", { times: DEAD_RETRANSMISSIONS - 1 });
  once.ftp.control.ack("server");
  judges(once.ftp.channel(), "ok");

  const soon = longDownload(40);
  soon.ftp.pause(IDLE_SECONDS - 1);
  soon.ftp.control.fin("client");
  soon.ftp.control.reset("server", FORGED);
  judges(soon.ftp.channel(), "ok");
});

test("under TLS: a reply that came after the data ends the channel, and what dies later is the session's", () => {
  const ftp = new Dialogue().secureLogin();
  ftp.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50002|)"]);
  const data = ftp.dial(50002);
  ftp.askSealed("LIST", ["150 Here comes the directory listing."]);
  tlsListing(data, 300, { resumption: "psk" });
  ftp.control.sealed("server", "226 Directory send OK.\r\n");
  ftp.control.ack("client");
  ftp.pause(40);
  ftp.control.sealed("client", "PASV\r\n");
  ftp.control.retransmit("client", { times: 5 });
  const session = ftp.session();
  judges(session.dataChannels[0], "ok");
  judges(session.control, "failed", CAUSE);
});
