import assert from "node:assert/strict";
import { test } from "node:test";
import type { DataChannel } from "../../../src/analysis.ts";
import { analyzeCapture } from "../../../src/analyze.ts";
import { analyzeCaptures } from "../../support/analyze-captures.ts";
import { CaptureBuilder } from "../../support/capture-builder.ts";
import { rawPackets, withSnaplen } from "../../support/capture-mutation.ts";
import {
  CLIENT,
  CLIENT6,
  Dialogue,
  judges,
  OTHER,
  SERVER,
  SERVER6,
  SERVERS,
  type ServerName,
  shows,
} from "../dialogue.ts";
import { ANSWER_SECONDS, PATIENCE_SECONDS } from "../thresholds.ts";

const CAUSE = "syn-not-seen";

/** Some packets that are none of this session's. */
function otherTraffic(ftp: Dialogue): Dialogue {
  ftp.net.connect({ client: "192.0.2.11:40100", server: "203.0.113.9:443" }).finish("client");
  return ftp;
}

test("server side: 425 and no SYN, in the words of several servers", () => {
  for (const software of ["vsftpd", "proftpd", "pure-ftpd"] as const) {
    const ftp = otherTraffic(new Dialogue({ vantage: "server", software })).login();
    const granted = ftp.passive(50002);
    ftp.ask("LIST");
    const failed = ftp.pause(60).control.server(`${SERVERS[software as ServerName].connectFailed}\r\n`);
    ftp.quit();
    const first = ftp.control.handshake.syn;
    shows(ftp.channel(), {
      outcome: "failed",
      cause: CAUSE,
      confidence: "likely",
      evidence: [granted.reply, failed, first, first],
      alternatives: ["data-port-filtered"],
      says: [
        /no SYN of the client to 203\.0\.113\.5:50002/,
        /captured at the server.*TTL 57 from the client/,
        /not filtered/,
      ],
      remedy: /^Capture at the end that should send the SYN/,
    });
  }
});

test("client side: the network did not stop it", () => {
  const ftp = otherTraffic(new Dialogue({ client: CLIENT6, server: SERVER6 })).login();
  const granted = ftp.extended(50002);
  ftp.ask("LIST");
  const failed = ftp.pause(60).control.server("425 Failed to establish connection.\r\n");
  ftp.quit();
  const first = ftp.control.handshake.syn;
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [granted.reply, failed, first, first],
    says: /captured at the client.*the network did not stop it; the client sent no SYN, or sent it by another interface or to itself/,
    remedy: /^The capture is from the end that should have sent the SYN/,
  });
});

test("a capture with nothing but port 21 says so and is only possible", () => {
  const ftp = new Dialogue({ vantage: "middle" }).login();
  const granted = ftp.passive(50002);
  ftp.ask("LIST");
  const failed = ftp.pause(60).control.server("425 Failed to establish connection.\r\n");
  ftp.quit();
  const first = ftp.control.handshake.syn;
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "possible",
    evidence: [granted.reply, failed, first, first],
    says: [/captured between the two/, /it may be filtered to them/],
  });
});

test("active mode: granted, 425, and no SYN at the client; pyftpdlib's 425 to PORT itself", () => {
  const ftp = otherTraffic(new Dialogue()).login();
  const granted = ftp.active(51002);
  ftp.ask("LIST");
  const failed = ftp.pause(60).control.server("425 Failed to establish connection.\r\n");
  ftp.quit();
  const first = ftp.control.handshake.syn;
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [granted.reply, failed, first, first],
    alternatives: ["active-inbound-blocked"],
    says: /no SYN of the server to 192\.0\.2\.10:51002/,
  });

  const py = otherTraffic(new Dialogue({ software: "pyftpdlib" })).login();
  const port = py.active(51002, undefined, "425 Can't connect to specified address.");
  py.quit();
  const begin = py.control.handshake.syn;
  shows(py.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [port.reply, port.reply, begin, begin],
    alternatives: ["active-inbound-blocked"],
  });
});

test("the client leaves without any transfer, or says no more and the capture goes on", () => {
  const left = new Dialogue().login();
  const granted = left.passive(50002);
  left.pause(2).ask("QUIT", "221 Goodbye.");
  const [, fin] = left.control.finish("server");
  const first = left.control.handshake.syn;
  shows(left.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "possible",
    evidence: [granted.reply, fin, first, first],
  });

  const silent = (seconds: number) => {
    const ftp = new Dialogue().login();
    ftp.passive(50002);
    ftp.control.ack("client");
    ftp.pause(seconds).net.udp({ from: "192.0.2.10:5353", to: "192.0.2.1:53", payload: "other" });
    return ftp.channel();
  };
  judges(silent(ANSWER_SECONDS + 0.1), "failed", CAUSE);
  const early = silent(ANSWER_SECONDS - 0.5);
  judges(early, "undetermined");
  assert.deepEqual(early.limits, ["capture-ends"]);
});

test("a 227 whose form is wrong is said", () => {
  const ftp = otherTraffic(new Dialogue()).login();
  const pasv = ftp.ask("PASV", "227 Entering Passive Mode (203,0,113,5,451,80).");
  ftp.pause(5).quit();
  const fin = ftp.net.last - 1;
  const first = ftp.control.handshake.syn;
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "possible",
    evidence: [pasv.reply, pasv.reply, fin, first, first],
    says: /octet 451 is above 255/,
    remedy: /^The reply names no port that a client could read/,
  });
  const silent = new Dialogue().login();
  const told = silent.ask("PASV", "227 Passive mode, go ahead");
  const [left] = silent.control.finish("client");
  shows(silent.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "possible",
    evidence: [told.reply, told.reply, left, 1, 1],
    says: /no address and port stand in it/,
    remedy: /^The reply names no port that a client could read/,
  });
});

test("silent: of a 227 with an octet above 255 the client makes a port that it dials (lftp, ftplib): what became of that decides", () => {
  const UNREADABLE = "227 Entering Passive Mode (203,0,113,5,451,80).";
  const refused = new Dialogue().login();
  const pasv = refused.ask("PASV", UNREADABLE);
  const { syn, reset } = refused.net.synRefused(refused.ends(50000));
  refused.quit();
  shows(refused.channel(), {
    outcome: "failed",
    cause: "data-port-rejected",
    confidence: "likely",
    evidence: [syn, reset, pasv.reply],
    says: /no port can be read in it: that this is the connection it grants only the time tells/,
  });
  const worked = new Dialogue().login();
  worked.ask("PASV", UNREADABLE);
  worked.list(worked.dial(50000));
  const channel = worked.quit().channel();
  judges(channel, "ok");
  assert.deepEqual([channel.connection?.match, channel.connection?.responder.port], ["inferred", 50000]);
  // Another host's, or long after the grant: another matter of the client's.
  const elsewhere = new Dialogue().login();
  elsewhere.ask("PASV", UNREADABLE);
  elsewhere.net.synRefused(elsewhere.ends(50000, { address: OTHER }));
  judges(elsewhere.quit().channel(), "failed", CAUSE);
});

test("a 227 with an IPv6 address in it (Twisted): said, whether or not the client found six numbers", () => {
  const form = /its form is wrong.*: an IPv6 address stands where four of the six numbers belong/;
  for (const numbers of ["::ffff:203,0,113,5,156,64", "2001:db8:2::26,156,64"]) {
    const ftp = new Dialogue().login();
    const pasv = ftp.ask("PASV", `227 Entering Passive Mode (${numbers}).`);
    const [fin] = ftp.control.finish("client");
    shows(ftp.channel(), {
      outcome: "failed",
      cause: CAUSE,
      confidence: "possible",
      evidence: [pasv.reply, pasv.reply, fin, 1, 1],
      says: form,
    });
  }
  const lenient = new Dialogue().login();
  lenient.ask("PASV", "227 Entering Passive Mode (::ffff:203,0,113,5,156,64).");
  lenient.list(lenient.dial(40000));
  const channel = lenient.quit().channel();
  judges(channel, "ok");
  assert.deepEqual(channel.negotiation?.advertised, { address: "203.0.113.5", port: 40000 });
  assert.equal(channel.connection?.match, "exact");
});

test("silent: not attempted, for a later channel served or 550 came first", () => {
  const ftp = new Dialogue().login();
  ftp.extended(50002);
  ftp.passive(50003);
  ftp.list(ftp.dial(50003));
  ftp.passive(50004);
  ftp.ask("RETR nothing", "550 Failed to open file.");
  ftp.quit();
  const [unused, used, refused] = ftp.channels();
  judges(unused, "not-attempted");
  judges(used, "ok");
  judges(refused, "refused");
});

test("silent: there is nothing to transfer, says the 550 to SIZE, over which curl leaves; but not where it had waited to connect", () => {
  const asks = (seconds: number, reply: string) => {
    const ftp = new Dialogue().login();
    ftp.extended(50002);
    ftp.pause(seconds).ask("TYPE I", "200 Type set to I");
    ftp.ask("SIZE nothing", reply);
    return ftp.quit().channel();
  };
  judges(asks(0, "550 nothing: No such file or directory"), "not-attempted");
  judges(asks(PATIENCE_SECONDS, "550 nothing: No such file or directory"), "failed", CAUSE);
  judges(asks(0, "213 5000"), "undetermined");
});

test("silent: the server confirms the transfer, or the capture lost the client's words", () => {
  const confirmed = new Dialogue().login();
  confirmed.passive(50002);
  confirmed.ask("LIST", "150 Here comes the directory listing.", "226 Directory send OK.");
  confirmed.quit();
  const channel = confirmed.channel();
  judges(channel, "ok");
  assert.equal(channel.connection, null);
  assert.deepEqual(channel.limits, ["capture-filtered"]);

  const lossy = new Dialogue().login();
  lossy.passive(50002);
  const lost = lossy.control.client("RETR something\r\n");
  lossy.control.server("150 Opening data connection\r\n");
  lossy.ask("NOOP", "200 ok");
  lossy.quit();
  lossy.net.drop(lost);
  judges(lossy.channels()[0], "undetermined");
});

test("silent: a reply that speaks of the data connection's TLS", () => {
  for (const [reply, cause] of [
    ["522 SSL connection failed: session reuse required", "tls-session-reuse-required"],
    ["522 SSL handshake failed.", "data-tls-handshake-failed"],
  ] as const) {
    const ftp = new Dialogue().secureLogin().clearAgain();
    ftp.passive(50002);
    ftp.ask("LIST", "150 Here comes the directory listing.", reply);
    ftp.quit();
    judges(ftp.channel(), "failed", cause);
  }
});

test("ProFTPD's `Operation not permitted` speaks of TLS only where there is TLS", () => {
  const ftp = new Dialogue({ software: "proftpd" }).login();
  ftp.active(50002);
  ftp.ask("LIST", "425 Unable to build data connection: Operation not permitted");
  judges(ftp.quit().channel(), "failed", CAUSE);
  const secure = new Dialogue({ software: "proftpd" }).secureLogin().clearAgain();
  secure.active(50002);
  secure.ask("LIST", "425 Unable to build data connection: Operation not permitted");
  judges(secure.quit().channel(), "failed", "data-tls-handshake-failed");
});

test("at a server in a private network, to a client in another: its address may be what is wrong", () => {
  const alternatives = (client: string) => {
    const ftp = new Dialogue({ vantage: "server", client, server: "172.16.5.5" }).login();
    ftp.passive(50002);
    ftp.ask("LIST", "425 Failed to establish connection.");
    return ftp
      .quit()
      .channel()
      .alternatives.map((other) => other.cause);
  };
  assert.deepEqual(alternatives("10.1.2.3"), ["data-port-filtered", "pasv-private-address"]);
  assert.deepEqual(alternatives("172.16.5.77"), ["data-port-filtered"]);
});

test("silent: the client said something before it left, and only its FIN or RST tells of it", () => {
  const left = (end: (ftp: Dialogue) => void) => {
    const ftp = new Dialogue().login();
    ftp.passive(50002);
    const lost = ftp.control.client("RETR empty\r\n");
    end(ftp);
    ftp.net.drop(lost);
    return ftp.channel();
  };
  judges(
    left(({ control }) => void control.fin("client")),
    "undetermined",
  );
  judges(
    left(({ control }) => void control.reset("client")),
    "undetermined",
  );
});

test("silent: nobody says that anything failed, and the capture lacks words of the session: it may lack the data connection", () => {
  const leaves = (lose: boolean) => {
    const ftp = new Dialogue().login();
    const { reply } = ftp.ask("TYPE I", "200 Switching to Binary mode.");
    ftp.passive(50002);
    ftp.pause(5).quit();
    ftp.net.connect({ client: "192.0.2.11:40100", server: "203.0.113.9:443" }).finish("client");
    if (lose) ftp.net.drop(reply);
    return ftp.channel();
  };
  judges(leaves(false), "failed", "syn-not-seen");
  const blind = leaves(true);
  judges(blind, "undetermined");
  assert.deepEqual(blind.limits, ["control-gap"]);
});

test("silent: another transfer of the session worked, and the capture does not have its connection either", () => {
  const leaves = (confirms: string) => {
    const ftp = new Dialogue().login();
    ftp.extended(50001);
    ftp.ask("RETR readme.txt", "150 Accepted data connection", confirms);
    ftp.extended(50002);
    ftp.pause(ANSWER_SECONDS + 1).quit();
    return ftp.channels()[1];
  };
  judges(leaves("425 Failed to establish connection."), "failed", CAUSE);
  const other = leaves("226-File successfully transferred\r\n226 0.000 seconds");
  judges(other, "undetermined");
  assert.deepEqual(other.limits, ["capture-filtered"]);
});

test("silent: the client asks for the size behind the grant, as one that has its connection (curl), and leaves soon", () => {
  const leaves = (more: readonly [string, string] | null, seconds: number) => {
    const ftp = new Dialogue().login();
    ftp.extended(50002);
    if (more) ftp.ask(...more);
    ftp.pause(seconds).quit();
    return ftp.channel();
  };
  judges(leaves(["SIZE big", "213 900000"], 0.1), "undetermined");
  judges(leaves(["SIZE big", "213 900000"], ANSWER_SECONDS + 0.1), "failed", CAUSE);
  judges(leaves(null, 0.1), "failed", CAUSE);
});

test("the server's own word that it failed stands, whatever else of the session the capture lacks", () => {
  const ftp = new Dialogue().login();
  const { reply } = ftp.ask("TYPE I", "200 Switching to Binary mode.");
  ftp.passive(50002);
  ftp.ask("LIST", "425 Failed to establish connection.");
  ftp.quit();
  ftp.net.connect({ client: "192.0.2.11:40100", server: "203.0.113.9:443" }).finish("client");
  ftp.net.drop(reply);
  judges(ftp.channel(), "failed", "syn-not-seen");
});

test("the server's own words say that its SYN was refused, at the third host that PORT names (FXP)", () => {
  const ftp = otherTraffic(new Dialogue({ software: "proftpd" })).login();
  const granted = ftp.active(50110, OTHER);
  const asked = ftp.ask("RETR data.bin", "425 Unable to build data connection: Connection refused");
  const first = ftp.control.handshake.syn;
  shows(ftp.quit().channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [granted.reply, asked.reply, first, first],
    says: /by its own words the server sent one, and it was turned away where this capture does not see it/,
    alternatives: ["active-inbound-rejected"],
    remedy: /^Capture at the server, which should send the SYN, or at the third host/,
  });
});

test("a client that hands the 227 on to another server does not dial itself (FXP)", () => {
  const ftp = otherTraffic(new Dialogue()).login();
  ftp.passive(50110);
  ftp.ask("STOR data.bin");
  const channel = ftp.pause(40).quit().channel();
  judges(channel, "failed", CAUSE);
  assert.match(channel.evidence.map(({ says }) => says).join(), /or left it to another server to dial \(FXP\)/);
});

test("where the other server's PORT is in the capture too, that one is named, and not the client (FXP)", () => {
  const net = new CaptureBuilder();
  net.connect({ client: "192.0.2.11:40100", server: "203.0.113.9:443" }).finish("client");
  const [granting, dialling] = ["203.0.113.5", "198.51.100.77"].map((server, i) => {
    const control = net.connect({ client: `192.0.2.10:${40_000 + i}`, server: `${server}:21` });
    control.server("220 ready\r\n");
    return control;
  });
  const handOn = (port: number) => {
    granting.client("PASV\r\n");
    granting.server(`227 Entering Passive Mode (203,0,113,5,${port >> 8},${port & 255}).\r\n`);
    return port;
  };
  handOn(50_001);
  dialling.client("PORT 203,0,113,5,195,81\r\n");
  dialling.server("200 PORT command successful.\r\n");
  granting.client("STOR data.bin\r\n");
  dialling.client("RETR data.bin\r\n");
  net.wait(60_000);
  for (const control of [granting, dialling]) control.server("425 Failed to establish connection.\r\n");
  // The same port again, and nobody else is told.
  handOn(50_001);
  granting.client("STOR data.bin\r\n");
  net.wait(60_000);
  granting.server("425 Failed to establish connection.\r\n");
  for (const control of [granting, dialling]) control.finish("client");
  const [told, again, port] = analyzeCapture(net.build()).sessions.flatMap(({ dataChannels }) => dataChannels);
  for (const channel of [told, again, port]) judges(channel, "failed", CAUSE);
  const says = ({ evidence }: DataChannel) => evidence.map((fact) => fact.says).join("\n");
  assert.match(
    says(told),
    /no SYN of the server 198\.51\.100\.77 to 203\.0\.113\.5:50001.*\n.*tells 198\.51\.100\.77 to dial it/,
  );
  assert.doesNotMatch(says(told), /the client sent none|the network did not stop it/);
  assert.match(told.remedy[0], /^Capture at the other server/);
  assert.doesNotMatch(says(again), /198\.51\.100\.77/);
});

test("a server behind a NAT grants another address than its control connection's: handed on, it is the same port (FXP)", () => {
  const net = new CaptureBuilder();
  const [granting, dialling] = ["192.168.1.5", "198.51.100.77"].map((server, i) => {
    const control = net.connect({ client: `192.168.1.10:${40_000 + i}`, server: `${server}:21` });
    control.server("220 ready\r\n");
    return control;
  });
  granting.client("PASV\r\n");
  granting.server("227 Entering Passive Mode (203,0,113,5,195,81).\r\n");
  dialling.client("PORT 203,0,113,5,195,81\r\n");
  dialling.server("200 PORT command successful.\r\n");
  granting.client("STOR data.bin\r\n");
  dialling.client("RETR data.bin\r\n");
  net.wait(60_000);
  for (const control of [granting, dialling]) control.server("425 Failed to establish connection.\r\n");
  for (const control of [granting, dialling]) control.finish("client");
  const [told, port] = analyzeCapture(net.build()).sessions.flatMap(({ dataChannels }) => dataChannels);
  for (const channel of [told, port]) judges(channel, "failed", CAUSE);
  const says = told.evidence.map((fact) => fact.says).join("\n");
  assert.match(
    says,
    /no SYN of the server 198\.51\.100\.77 to 203\.0\.113\.5:50001.*\n.*tells 198\.51\.100\.77 to dial it/,
  );
});

test("silent: in active mode the server could not bind its own port, and says so", () => {
  for (const words of [
    "500 OOPS: vsf_sysutil_bind",
    "425 Unable to build data connection: Address already in use",
    "425 Unable to build data connection: Cannot assign requested address",
  ]) {
    const ftp = otherTraffic(new Dialogue()).login();
    ftp.active(50110);
    ftp.ask("RETR data.bin", words);
    judges(ftp.quit().channel(), "refused");
  }
  const named = otherTraffic(new Dialogue()).login();
  named.active(50110);
  named.ask("RETR vsf_sysutil_bind.c", "425 vsf_sysutil_bind.c: Failed to establish connection.");
  judges(named.quit().channel(), "failed", CAUSE);
});

test("silent: the snaplen cut the port of EPRT or PORT, so that one of the SYNs here may be the one that was due", () => {
  // Ethernet, IPv4, TCP with timestamps, and of the command all but its port.
  const [eprt, port] = [`EPRT |1|${CLIENT}|`, `PORT ${CLIENT.replaceAll(".", ",")},`];
  for (const [isExtended, kept] of [
    [true, eprt.length],
    [false, port.length],
  ] as const) {
    const ftp = new Dialogue({ vantage: "server", snaplen: 14 + 20 + 32 + kept }).login();
    if (isExtended) ftp.extendedActive(40111, CLIENT, "200 yes");
    else ftp.active(40111, CLIENT, "200 yes");
    ftp.net.synUnanswered(ftp.ends(40111, {}, "server"));
    ftp.ask("LIST", "425 no");
    ftp.quit();
    judges(ftp.channel(), "undetermined");

    const controlOnly = new Dialogue({ vantage: "server", snaplen: 14 + 20 + 32 + kept }).login();
    if (isExtended) controlOnly.extendedActive(40111, CLIENT, "200 yes");
    else controlOnly.active(40111, CLIENT, "200 yes");
    controlOnly.ask("LIST", "425 no");
    controlOnly.quit();
    judges(controlOnly.channel(), "failed", CAUSE);
  }
});

test("silent: each direction was captured by itself, the client's words are cut, and its clock is ahead: they stand before the grant that they follow", () => {
  const ftp = new Dialogue().login();
  ftp.passive(50002);
  ftp.ask("LIST", "150 Here comes the directory listing.", "226 Directory send OK.");
  ftp.quit();
  const packets = rawPackets(ftp.net.build());
  const sentBy = (host: string) => packets.filter(({ sender }) => sender?.startsWith(`${host}:`));
  for (const milliseconds of [0, 2, 20]) {
    const ahead = withSnaplen(sentBy(CLIENT), 68).map((packet) => {
      const nanoseconds = packet.nanoseconds - milliseconds * 1e6;
      return nanoseconds < 0
        ? { ...packet, seconds: packet.seconds - 1, nanoseconds: nanoseconds + 1e9 }
        : { ...packet, nanoseconds };
    });
    const [session] = analyzeCaptures([ahead, sentBy(SERVER)]).sessions;
    assert.equal(session.dataChannels.length, 1, String(milliseconds));
    judges(session.dataChannels[0], "undetermined");
  }
});
