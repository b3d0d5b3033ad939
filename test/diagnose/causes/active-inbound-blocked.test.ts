import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CLIENT6,
  Dialogue,
  judges,
  OTHER,
  octets,
  SERVER,
  SERVER6,
  SERVERS,
  type ServerName,
  shows,
} from "../dialogue.ts";
import { ANSWER_SECONDS } from "../thresholds.ts";

const CAUSE = "active-inbound-blocked";

test("PORT and EPRT, source port 20 and any other, IPv4 and IPv6, at the server and between", () => {
  for (const [software, vantage, sourcePort, ipv6] of [
    ["vsftpd", "server", 20, false],
    ["proftpd", "middle", 38513, false],
    ["pure-ftpd", "server", 20, true],
  ] as const) {
    const ftp = new Dialogue({ software, vantage, ...(ipv6 ? { client: CLIENT6, server: SERVER6 } : {}) }).login();
    if (ipv6) ftp.extendedActive(51002);
    else ftp.active(51002);
    ftp.ask("LIST");
    const server = ipv6 ? `[${SERVER6}]:${sourcePort}` : `203.0.113.5:${sourcePort}`;
    const [syn] = ftp.net.synUnanswered({ ...ftp.ends(51002, {}, "server"), server });
    const failed = ftp.control.server(`${SERVERS[software as ServerName].connectFailed}\r\n`);
    ftp.quit();
    shows(ftp.channel(), {
      outcome: "failed",
      cause: CAUSE,
      confidence: "likely",
      evidence: [syn, failed],
      says: /the server's SYN from .* to .*:51002, sent 5 times over 4\.0 s, never answered/,
    });
  }
});

test("several SYNs go unanswered, and a RST answers the last, when the client has given up", () => {
  const answered = (schedule: readonly number[], seconds: number) => {
    const ftp = new Dialogue({ vantage: "server", software: "proftpd" }).login();
    ftp.active(51002);
    ftp.ask("LIST");
    const ends = ftp.ends(51002, {}, "server");
    const [syn] = ftp.net.synUnanswered({ ...ends, server: "203.0.113.5:38513", schedule, isn: 1000 });
    ftp.pause(seconds - (schedule.at(-1) ?? 0));
    const reset = ftp.net.segment({
      from: ends.client,
      to: "203.0.113.5:38513",
      flags: "RA",
      seq: 0,
      ack: 1001,
      window: 0,
    });
    const failed = ftp.control.server("425 Unable to build data connection: Connection refused\r\n");
    return { channel: ftp.quit().channel(), evidence: [syn, reset, failed] };
  };
  const { channel, evidence } = answered([1, ANSWER_SECONDS], ANSWER_SECONDS + 0.1);
  shows(channel, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence,
    says: /sent 3 times over 3\.0 s, of which only the last is answered[\s\S]*RST 3\.1 s after the first SYN/,
  });
  // The first was lost, or the stack asks again at once whoever rejects it.
  judges(answered([1], 1.1).channel, "failed", "active-inbound-rejected");
  judges(answered([1, 2], ANSWER_SECONDS - 0.1).channel, "failed", "active-inbound-rejected");
});

test("a server that dials from another of its addresses", () => {
  const ftp = new Dialogue({ vantage: "middle" }).login();
  ftp.active(51002);
  ftp.ask("LIST");
  const [syn] = ftp.net.synUnanswered(ftp.ends(51002, { from: OTHER }, "server"));
  const failed = ftp.control.server("425 Failed to establish connection.\r\n");
  ftp.quit();
  shows(ftp.channel(), { outcome: "failed", cause: CAUSE, confidence: "likely", evidence: [syn, failed] });
});

test("under TLS: the SYN alone, and the PORT that cannot be read is the other possibility", () => {
  const ftp = new Dialogue({ vantage: "server" }).secureLogin();
  ftp.askSealed("PORT 192,0,2,10,199,58", ["200 PORT command successful."]);
  ftp.askSealed("LIST", []);
  const [syn] = ftp.net.synUnanswered(ftp.ends(51002, {}, "server"));
  ftp.control.sealed("server", "425 Failed to establish connection.\r\n");
  ftp.quitSealed();
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [syn],
    contributing: ["control-encrypted"],
    alternatives: ["port-private-address"],
  });
});

test("one SYN is possible", () => {
  const ftp = new Dialogue({ vantage: "server" }).login();
  ftp.active(51002);
  ftp.ask("LIST");
  ftp.net.synUnanswered({ ...ftp.ends(51002, {}, "server"), retries: 0 });
  ftp.pause(10).control.server("425 Failed to establish connection.\r\n");
  ftp.quit();
  const channel = ftp.channel();
  judges(channel, "failed", CAUSE);
  assert.equal(channel.confidence, "possible");
});

test("silent: a private address in the PORT, a refusal, or no SYN at all", () => {
  const nat = new Dialogue({ vantage: "server" }).login();
  nat.active(51002, "192.168.1.7");
  nat.ask("LIST");
  nat.net.synUnanswered(nat.ends(51002, { address: "192.168.1.7" }, "server"));
  nat.control.server("425 Failed to establish connection.\r\n");
  nat.quit();
  judges(nat.channel(), "failed", "port-private-address");

  const client = new Dialogue().login();
  client.active(51002);
  client.ask("LIST");
  client.pause(60).control.server("425 Failed to establish connection.\r\n");
  client.quit();
  judges(client.channel(), "failed", "syn-not-seen");
});

test("silent: passive mode where client and server are one host", () => {
  const ftp = new Dialogue({ client: "127.0.0.1", server: "127.0.0.1" }).login();
  ftp.passive(50002);
  ftp.net.synUnanswered(ftp.ends(50002));
  ftp.quit();
  judges(ftp.channel(), "failed", "data-port-filtered");
});

test("a third host that PORT names does not answer (FXP)", () => {
  const ftp = new Dialogue({ vantage: "server" }).login();
  ftp.active(50110, OTHER);
  ftp.ask("RETR data.bin");
  const ends = { client: `${OTHER}:50110`, server: `${SERVER}:36551`, originator: "server" } as const;
  const [first] = ftp.net.synUnanswered({ ...ends, retries: 3 });
  const failed = ftp.control.server("425 Failed to establish connection.\r\n");
  shows(ftp.quit().channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [first, failed],
    says: /the third host that the negotiation names, not the client/,
    remedy: /^PORT names a third host/,
  });
});

test("silent: a server that dials before it answers PORT, one SYN, and nothing that tells how long it waited", () => {
  // The capture lacks the data connection from its SYN-ACK on, and the end of the session but for the RST that answers the server's last words.
  const lost = new Dialogue().login();
  lost.ask(`PORT ${octets(lost.client, 51000)}`);
  lost.net.synUnanswered({ ...lost.ends(51000, {}, "server"), retries: 0 });
  const { seq, ack } = lost.control.position("client");
  lost.net.segment({ from: `${lost.client}:40000`, to: `${lost.server}:21`, flags: "R", seq: seq + 1, ack, window: 0 });
  judges(lost.channel(), "undetermined");

  // The client leaves at once.
  const brief = new Dialogue().login();
  brief.ask(`PORT ${octets(brief.client, 51000)}`);
  brief.net.synUnanswered({ ...brief.ends(51000, {}, "server"), retries: 0 });
  brief.quit();
  judges(brief.channel(), "undetermined");

  const waited = new Dialogue().login();
  waited.ask(`PORT ${octets(waited.client, 51000)}`);
  waited.net.synUnanswered(waited.ends(51000, {}, "server"));
  waited.pause(5).control.finish("client");
  judges(waited.channel(), "failed", CAUSE);
});
