import assert from "node:assert/strict";
import { test } from "node:test";
import { analyzeCapture } from "../../src/analyze.ts";
import { CaptureBuilder } from "../support/capture-builder.ts";
import { CLIENT, Dialogue, endpoint, judges, SERVER } from "./dialogue.ts";

/** A limit stands at the claim that it weakens, and at no other. */

/** A connection that is none of the session's. */
function otherTraffic(ftp: Dialogue): Dialogue {
  ftp.net.connect({ client: "192.0.2.11:40100", server: "203.0.113.9:443" }).finish("client");
  return ftp;
}

test("a SYN that is missing proves less where nothing but control connections was captured", () => {
  const refused = (ftp: Dialogue) => {
    ftp.login().passive(50002);
    ftp.ask("LIST", "425 Failed to establish connection.");
    return ftp.quit().channel();
  };
  const filtered = refused(new Dialogue());
  judges(filtered, "failed", "syn-not-seen");
  assert.deepEqual(filtered.limits, ["capture-filtered"]);
  assert.deepEqual(refused(otherTraffic(new Dialogue())).limits, []);
});

test("a capture that is filtered to an odd control port holds handshakes of it, and is filtered all the same", () => {
  const refused = (ftp: Dialogue) => {
    ftp.login().passive(50002);
    ftp.ask("LIST", "425 Failed to establish connection.");
    ftp.quit();
    return ftp;
  };
  const odd = { port: 2100 };
  const filtered = refused(new Dialogue(odd));
  judges(filtered.channel(), "failed", "syn-not-seen");
  assert.equal(filtered.channel().confidence, "possible");
  assert.deepEqual(filtered.channel().limits, ["capture-filtered"]);
  assert.deepEqual(analyzeCapture(filtered.net.build()).captures[0].limits, ["capture-filtered"]);

  // A single packet of other TCP shows that there is no filter, in the words of the prefilter or of the table.
  for (const flags of ["S", "A", "R"]) {
    const ftp = new Dialogue(odd);
    ftp.net.segment({ from: "192.0.2.11:40100", to: "203.0.113.9:443", flags });
    assert.deepEqual(refused(ftp).channel().limits, [], flags);
    assert.deepEqual(analyzeCapture(ftp.net.build()).captures[0].limits, [], flags);
  }

  // And so does a data connection.
  const dialled = new Dialogue(odd).login();
  dialled.passive(50002);
  dialled.dial(50002).finish("server");
  assert.deepEqual(analyzeCapture(dialled.net.build()).captures[0].limits, []);
});

test("a negotiation that the server refused was due no connection, filtered or not", () => {
  const ftp = new Dialogue().login();
  ftp.active(50002, "10.0.0.5", "500 Illegal PORT command.");
  const channel = ftp.quit().channel();
  judges(channel, "refused", "port-private-address");
  assert.deepEqual(channel.limits, []);
});

test("a transfer that the server confirms had a connection: its packets are missing, or part of them", () => {
  const unseen = otherTraffic(new Dialogue()).login();
  unseen.passive(50002);
  unseen.ask("LIST", "150 Here comes the directory listing.", "226 Directory send OK.");
  const channel = unseen.quit().channel();
  judges(channel, "ok");
  assert.deepEqual(channel.limits, ["data-gap"]);

  const partly = new Dialogue().login();
  partly.passive(50002);
  const data = partly.dial(50002);
  const opening = partly.ask("RETR big", "150 Opening BINARY mode data connection for big (9000 bytes).");
  const sent = data.serverData(9000);
  data.finish("server");
  partly.control.server("226 Transfer complete.\r\n");
  partly.quit();
  assert.deepEqual(partly.channel().limits, []);
  const unended = new Dialogue().login();
  unended.passive(50002);
  const cut = unended.dial(50002);
  unended.ask("RETR big", "150 Opening BINARY mode data connection for big (9000 bytes).");
  cut.serverData(2000);
  unended.control.server("226 Transfer complete.\r\n");
  judges(unended.quit().channel(), "ok");
  assert.deepEqual(unended.channel().limits, ["data-gap"], "confirmed, and its end is not here");

  partly.net.drop(...sent.filter((packet) => packet > opening.reply).slice(2, 4));
  judges(partly.channel(), "ok");
  assert.deepEqual(partly.channel().limits, ["data-gap"]);
});

test("lost words weaken the channel that they belong to, and not the one after it", () => {
  const ftp = new Dialogue().login();
  ftp.passive(50002);
  const first = ftp.list(ftp.dial(50002));
  ftp.passive(50003);
  ftp.list(ftp.dial(50003));
  ftp.quit();
  ftp.net.drop(first.replies[0]);
  assert.deepEqual(
    ftp.channels().map(({ limits }) => limits),
    [["control-gap"], []],
  );
});

test("an encrypted session without data connections may have had some, where only the control port was captured", () => {
  const limits = (ftp: Dialogue) => ftp.secureLogin().quitSealed().session().control.limits;
  assert.deepEqual(limits(new Dialogue()), ["capture-filtered"]);
  assert.deepEqual(limits(otherTraffic(new Dialogue())), []);
});

test("what still comes on a control port after its session is no other traffic", () => {
  const ftp = new Dialogue().secureLogin().quitSealed();
  ftp.pause(60);
  ftp.control.ack("client");
  const { sessions, captures } = analyzeCapture(ftp.net.build());
  assert.equal(sessions.length, 1);
  assert.ok(captures[0].limits.includes("capture-filtered"));
});

test("a SYN that nobody answers does not make the capture one-sided, words of one end alone do", () => {
  const net = new CaptureBuilder();
  net.synUnanswered({ client: endpoint(CLIENT, 40000), server: endpoint(SERVER, 21) });
  assert.deepEqual(analyzeCapture(net.build()).sessions[0].control.limits, []);

  const ftp = new Dialogue().login().quit();
  ftp.net.edit((packets) => packets.filter(({ datagram }) => datagram[15] === 10)); // from 192.0.2.10 only
  assert.ok(ftp.session().control.limits.includes("one-sided"));
});

test("a clock that steps back makes times doubtful", () => {
  const stepping = (milliseconds: number) => {
    const ftp = new Dialogue().login();
    ftp.net.wait(milliseconds);
    ftp.passive(50002);
    ftp.list(ftp.dial(50002));
    return ftp.quit().session();
  };
  const { control, dataChannels } = stepping(-60_000);
  assert.ok(control.limits.includes("clock-step"));
  assert.ok(dataChannels.every(({ limits }) => limits.includes("clock-step")));
  assert.deepEqual(stepping(60_000).control.limits, []);
});

test("Telnet commands and lines without an end are no words that the capture lacks", () => {
  const refused = (said: string | Uint8Array) => {
    const ftp = new Dialogue().login();
    ftp.passive(50002);
    ftp.dial(50002);
    const asked = ftp.control.client("RETR none\r\n");
    ftp.control.client(said);
    const reply = ftp.control.server("550 Failed to open file.\r\n");
    ftp.quit();
    assert.ok(asked < reply);
    return ftp.session();
  };
  for (const said of [Uint8Array.of(0xff, 0xf4, 0xff, 0xf2), "NO"]) {
    const { control, dataChannels } = refused(said);
    assert.deepEqual(control.limits, []);
    judges(dataChannels[0], "refused");
    assert.deepEqual(dataChannels[0].limits, []);
  }
});

test("a command of the client that only its acknowledgment tells of is lost, not cut by a snaplen", () => {
  const ftp = new Dialogue().login();
  ftp.passive(50002);
  ftp.dial(50002);
  ftp.ask("RETR none");
  const lost = ftp.control.client("ABOR\r\n");
  ftp.control.server("550 Failed to open file.\r\n");
  ftp.control.reset("server");
  ftp.net.drop(lost);
  const [channel] = ftp.channels();
  judges(channel, "undetermined");
  assert.deepEqual(channel.limits, ["control-gap"]);
});
