import assert from "node:assert/strict";
import { test } from "node:test";
import type { Connection } from "../support/capture-builder.ts";
import { applicationRecord, JSSE_ZEROS, sealed } from "../support/tls-records.ts";
import { concatBytes } from "../support/wire.ts";
import {
  CLIENT6,
  Dialogue,
  type DialogueOptions,
  judges,
  OTHER,
  octets,
  SERVER,
  SERVER6,
  SERVERS,
  type ServerName,
  tlsListing,
} from "./dialogue.ts";
import { TICKET_BYTES } from "./thresholds.ts";

/** Healthy sessions that are easy to accuse: whatever is odd about them, nobody is to blame. */

const NAMES = Object.keys(SERVERS) as ServerName[];

/** Asserts that every channel went well and that the control connection did. */
function allWell(ftp: Dialogue, channels = 1): void {
  const session = ftp.session();
  assert.equal(session.dataChannels.length, channels);
  for (const channel of session.dataChannels) {
    judges(channel, "ok");
    assert.deepEqual(channel.remedy, []);
    assert.deepEqual(channel.contributing, []);
  }
  judges(session.control, "ok");
}

test("every server's words, passive and active, IPv4 and IPv6, at every vantage", () => {
  for (const software of NAMES)
    for (const vantage of ["client", "server", "middle"] as const)
      for (const family of [{}, { client: CLIENT6, server: SERVER6 }] as DialogueOptions[]) {
        const ftp = new Dialogue({ software, vantage, ...family }).login();
        ftp.extended(50000);
        ftp.list(ftp.dial(50000));
        ftp.extendedActive(51000);
        ftp.list(ftp.dialBack(51000));
        ftp.quit();
        allWell(ftp, 2);
      }
});

test("an empty listing, in clear and under TLS, resumed or not, then QUIT", () => {
  const clear = new Dialogue().login();
  clear.passive(50000);
  clear.list(clear.dial(50000), 0);
  clear.quit();
  allWell(clear);
  for (const version of ["1.2", "1.3"] as const)
    for (const resumption of ["none", version === "1.2" ? "session-id" : "psk"] as const) {
      const ftp = new Dialogue().secureLogin(version);
      for (const port of [50000, 50001, 50002]) {
        ftp.askSealed("PASV", [SERVERS.vsftpd.pasv("203,0,113,5,195,80")], version);
        const data = ftp.dial(port);
        ftp.askSealed("LIST", ["150 Here comes the directory listing."], version);
        tlsListing(data, 0, { version, resumption });
        ftp.control.sealed("server", "226 Directory send OK.\r\n", version);
      }
      ftp.quitSealed();
      allWell(ftp, 3);
    }
});

test("an empty listing under TLS, resumed or not, whose client's close_notify finds the server's program gone", () => {
  for (const version of ["1.2", "1.3"] as const)
    for (const resumption of ["none", version === "1.2" ? "session-id" : "psk"] as const) {
      const ftp = new Dialogue().secureLogin(version);
      ftp.askSealed("PASV", [SERVERS.vsftpd.pasv("203,0,113,5,195,80")], version);
      const data = ftp.dial(50000);
      ftp.askSealed("LIST", ["150 Here comes the directory listing."], version);
      data.tls({ version, resumption });
      data.closeNotify("server", version);
      data.fin("server");
      data.ack("client");
      data.closeNotify("client", version);
      data.reset("server");
      ftp.control.sealed("server", "226 Directory send OK.\r\n", version);
      ftp.quitSealed();
      allWell(ftp);
    }
});

test("empty files sent up under TLS: the client closes first, and the server's last words are long (Pure-FTPd)", () => {
  const ftp = new Dialogue({ software: "pure-ftpd" }).secureLogin();
  for (const port of [50000, 50001]) {
    ftp.askSealed("EPSV", [SERVERS["pure-ftpd"].epsv(port)]);
    const data = ftp.dial(port);
    ftp.askSealed("STOR empty", ["150 Accepted data connection"]);
    data.tls();
    data.closeNotify("client");
    data.finish("client");
    ftp.control.sealed(
      "server",
      "226-File successfully transferred\r\n226 0.012 seconds (measured here), 0.00 bytes per second\r\n",
    );
  }
  ftp.quitSealed();
  allWell(ftp, 2);
});

test("the data connection comes before or after its command, and QUIT before the last 226", () => {
  const ftp = new Dialogue().login();
  ftp.passive(50000);
  ftp.control.client("LIST\r\n");
  const data = ftp.dial(50000);
  ftp.control.server("150 Here comes the directory listing.\r\n");
  data.serverData(300);
  data.finish("server");
  ftp.control.client("QUIT\r\n");
  ftp.control.server("226 Directory send OK.\r\n221 Goodbye.\r\n");
  ftp.control.finish("server");
  allWell(ftp);
});

test("a client that leaves when it has all, without waiting for the 226", () => {
  const ftp = new Dialogue().login();
  ftp.passive(50000);
  const data = ftp.dial(50000);
  ftp.ask("LIST", "150 Here comes the directory listing.");
  data.serverData(300);
  data.finish("server");
  ftp.control.finish("client");
  allWell(ftp);
});

test("passive ports and the client's own ports reused, one PORT for several transfers", () => {
  const ftp = new Dialogue().login();
  for (let i = 0; i < 4; i++) {
    ftp.passive(50000);
    ftp.list(ftp.dial(50000));
  }
  ftp.active(51000);
  for (let i = 0; i < 3; i++) ftp.list(ftp.dialBack(51000));
  ftp.quit();
  allWell(ftp, 5);
});

test("EPSV ALL, TYPE and NOOP between, commands in one segment", () => {
  const ftp = new Dialogue().login();
  ftp.ask("EPSV ALL", "200 EPSV ALL ok.");
  ftp.control.client("TYPE I\r\nEPSV\r\n");
  ftp.control.server(`200 Switching to Binary mode.\r\n${SERVERS.vsftpd.epsv(50000)}\r\n`);
  const data = ftp.dial(50000);
  ftp.control.client("NOOP\r\n");
  ftp.control.server("200 NOOP ok.\r\n");
  ftp.list(data);
  ftp.quit();
  allWell(ftp);
});

test("a client that does not wait, and a server that answers out of turn", () => {
  const ftp = new Dialogue().login();
  ftp.control.client(`PASV\r\nTYPE I\r\n`);
  ftp.control.server(`200 Switch to "binary" transfer mode.\r\n${SERVERS.vsftpd.pasv(octets(SERVER, 50000))}\r\n`);
  ftp.list(ftp.dial(50000));
  ftp.control.client("PORT 192,0,2,10,200,0\r\nPWD\r\n");
  ftp.control.server('257 "/"\r\n200 PORT command successful.\r\n');
  ftp.list(ftp.dialBack(51200));
  ftp.quit();
  allWell(ftp, 2);
});

test("FXP: each server sees the other as its data peer, the client stays away", () => {
  const from = new Dialogue({ vantage: "middle", server: "203.0.113.5" }).login();
  from.passive(50000);
  const data = from.dial(50000, { from: OTHER });
  from.list(data, 5000);
  from.quit();
  allWell(from);
  const to = new Dialogue({ vantage: "middle", server: OTHER }).login();
  to.active(50000, "203.0.113.5");
  const pushed = to.dialBack(50000, { address: "203.0.113.5" });
  to.ask("STOR file", "150 Ok to send data.");
  pushed.clientData(5000);
  pushed.finish("client");
  to.control.server("226 Transfer complete.\r\n");
  to.quit();
  allWell(to);
});

test("a VPN with private addresses on both sides, a public 227 at the server, an ignored 227 at the client", () => {
  for (const [options, advertised] of [
    [{ client: "10.8.0.6", server: "192.168.1.10", port: 2121 }, "192.168.1.10"],
    [{ vantage: "server", server: "10.0.0.5" }, "203.0.113.5"],
    [{}, "192.168.50.21"],
    [{}, "0.0.0.0"],
    [{}, "127.0.0.1"],
  ] as const) {
    const ftp = new Dialogue(options).login();
    ftp.passive(50000, advertised);
    ftp.list(ftp.dial(50000));
    ftp.quit();
    allWell(ftp);
  }
});

test("the control connection alone in the capture", () => {
  const ftp = new Dialogue().login();
  ftp.passive(50000, "192.168.50.21");
  ftp.ask("LIST", "150 Here comes the directory listing.", "226 Directory send OK.");
  ftp.extended(50001);
  ftp.ask("RETR file", "150 Opening BINARY mode data connection for file (300 bytes).", "226 Transfer complete.");
  ftp.active(51000);
  ftp.ask("STOR file", "150 Ok to send data.", "226 Transfer complete.");
  ftp.quit();
  allWell(ftp, 3);
});

test("words of faults in names: timeout, port, tls", () => {
  for (const name of [
    "no ports available.txt",
    "timed out.log",
    "tls required.txt",
    "use port or pasv first",
    "timeout",
  ]) {
    const ftp = new Dialogue({ software: "proftpd" }).login();
    ftp.passive(50000);
    const data = ftp.dial(50000);
    ftp.ask(`RETR ${name}`, `550 ${name}: No such file or directory`);
    data.finish("client");
    ftp.passive(50001);
    const next = ftp.dial(50001);
    ftp.ask(`RETR ${name}`, `150 Opening BINARY mode data connection for ${name} (300 bytes)`);
    next.serverData(300);
    next.finish("server");
    ftp.control.server("226 Transfer complete\r\n");
    ftp.quit();
    const [refused, ok] = ftp.channels();
    judges(refused, "refused");
    judges(ok, "ok");
  }
});

test("ABOR as ftplib sends it, with each server's replies", () => {
  for (const replies of [
    ["500 Unknown command.", "226 Transfer complete."], // vsftpd
    ["500 ?", "426 ABORT"], // Pure-FTPd
    ["426 Transfer aborted. Data connection closed", "500 'ABOR TYPE A' not understood"], // ProFTPD
  ]) {
    const ftp = new Dialogue().login();
    ftp.passive(50000);
    const data = ftp.dial(50000);
    ftp.ask("RETR big", "150 Opening BINARY mode data connection for big (900000 bytes).");
    data.serverData(20_000);
    ftp.control.client("ABOR\r\n", { urgent: true });
    data.reset("client");
    for (const reply of replies) ftp.control.server(`${reply}\r\n`);
    ftp.quit();
    const session = ftp.session();
    judges(session.dataChannels[0], "aborted");
    judges(session.control, "ok");
  }
});

test("pyftpdlib's 421 keeps the control open, and the next transfer works", () => {
  const ftp = new Dialogue({ software: "pyftpdlib" }).login();
  ftp.passive(50000);
  ftp.list(ftp.dial(50000));
  ftp.control.server("421 Data connection timed out.\r\n");
  ftp.passive(50001);
  ftp.list(ftp.dial(50001));
  ftp.quit();
  allWell(ftp, 2);
});

test("loss, duplicates, reordering and a fragmented reply in a session that works", () => {
  const ftp = new Dialogue().login();
  const pasv = ftp.passive(50000);
  const data = ftp.dial(50000);
  ftp.ask("RETR file", "150 Opening BINARY mode data connection for file (14480 bytes).");
  const packets = data.serverData(14_480, { acked: false });
  data.retransmit(packets[2], { times: 3 });
  data.ack("client");
  data.finish("server");
  ftp.control.server("226 Transfer complete.\r\n");
  ftp.quit();
  ftp.net.move(packets[4], 2);
  ftp.net.duplicate(packets[6]);
  ftp.net.duplicate(pasv.reply);
  allWell(ftp);
});

test("legacy active mode, where the server dials the control connection's own port", () => {
  const ftp = new Dialogue({ vantage: "server" }).login();
  const data = ftp.net.connect({ client: "192.0.2.10:40000", server: "203.0.113.5:20", originator: "server" });
  ftp.list(data);
  ftp.quit();
  const session = ftp.session();
  for (const channel of session.dataChannels) judges(channel, "ok");
  judges(session.control, "ok");
});

test("implicit TLS, CCC and what follows it", () => {
  const implicit = new Dialogue({ port: 990 });
  implicit.control.tls();
  for (const [command, reply] of [
    ["USER alice", "331 Please specify the password."],
    ["PASS secret", "230 Login successful."],
    ["EPSV", "229 Entering Extended Passive Mode (|||50000|)"],
  ])
    implicit.askSealed(command, [reply]);
  const data = implicit.dial(50000);
  implicit.askSealed("LIST", ["150 Here comes the directory listing."]);
  tlsListing(data, 700, { resumption: "psk" });
  implicit.control.sealed("server", "226 Directory send OK.\r\n");
  implicit.quitSealed();
  allWell(implicit);

  const ccc = new Dialogue().secureLogin().clearAgain();
  ccc.extended(50000);
  const after = ccc.dial(50000);
  ccc.ask("LIST", "150 Here comes the directory listing.");
  tlsListing(after, 700);
  ccc.control.server("226 Directory send OK.\r\n");
  ccc.quit();
  allWell(ccc);
});

test("under TLS: other traffic of the two hosts, refused or not answered, is none of the session's", () => {
  const ftp = new Dialogue().secureLogin();
  ftp.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50000|)"]);
  tlsListing(ftp.dial(50000), 700, { resumption: "psk" });
  ftp.control.sealed("server", "226 Directory send OK.\r\n");
  ftp.pause(60);
  ftp.net.synRefused({ client: "192.0.2.10:44000", server: "203.0.113.5:8443" });
  ftp.pause(30);
  ftp.net.synUnanswered({ client: "192.0.2.10:44001", server: "203.0.113.5:8080" });
  ftp.net.synUnanswered({ client: "192.0.2.10:44002", server: "10.1.2.3:8080" });
  ftp.pause(30).quitSealed();
  const session = ftp.session();
  judges(session.dataChannels[0], "ok");
  for (const channel of session.dataChannels) assert.equal(channel.cause, null);
  judges(session.control, "ok");
});

/** A TLS download of five records whose first segment comes late, so many segments behind its place. */
function lateSegment(places: number) {
  const ftp = new Dialogue().secureLogin();
  ftp.askSealed("EPSV", [ftp.texts.epsv(50000)]);
  const data = ftp.dial(50000);
  ftp.askSealed("RETR big.bin", ["150 Opening BINARY mode data connection for big.bin (80000 bytes)."]);
  data.tls({ resumption: "psk" }, 3);
  const records = concatBytes(...Array.from({ length: 5 }, () => sealed(16000)));
  const first = ftp.net.last + 1;
  data.say("server", records);
  ftp.net.move(first, places);
  data.ack("client");
  data.closeNotify("server");
  data.finish("server");
  ftp.askSealed("QUIT", ["226 Transfer complete.", "221 Goodbye."]);
  ftp.control.finish("server");
  return ftp.channel();
}

test("a TLS transfer with a segment that comes late is whole, however many came before it", () => {
  for (const places of [6, 20, 40, 54]) {
    const channel = lateSegment(places);
    judges(channel, "ok");
    assert.deepEqual(channel.limits, [], `${places} segments late`);
  }
});

test("who sends under TLS, where an end pads its records: a longer close_notify is no data", () => {
  const padding = { client: JSSE_ZEROS, server: JSSE_ZEROS };
  const transfer = (command: string, carry: (data: Connection) => void) => {
    const ftp = new Dialogue({ software: "pyftpdlib" }).secureLogin();
    ftp.askSealed("EPSV", [ftp.texts.epsv(50000)]);
    const data = ftp.dial(50000);
    ftp.askSealed(command, [ftp.texts.list]);
    data.tls({ padding });
    carry(data);
    ftp.control.sealed("server", `${ftp.texts.sent}\r\n`);
    return ftp.quitSealed().channel();
  };
  // An empty listing: all that the server sent is acknowledged. An upload would lack its FIN.
  const listing = transfer("LIST", (data) => {
    data.closeNotify("server", "1.3", JSSE_ZEROS);
    data.fin("server");
    data.ack("client");
    data.closeNotify("client", "1.3", JSSE_ZEROS);
    data.reset("client");
  });
  judges(listing, "ok");
  // A small file sent up: all that the client sent is acknowledged. A download would lack its FIN.
  const upload = transfer("STOR small.txt", (data) => {
    data.sealed("client", 100 + JSSE_ZEROS);
    data.closeNotify("client", "1.3", JSSE_ZEROS);
    data.fin("client");
    data.ack("server");
    data.closeNotify("server", "1.3", JSSE_ZEROS);
  });
  judges(upload, "ok");
});

test("an empty TLS upload: the client closes at once, and a late session ticket draws a RST; what is larger is a download given up", () => {
  for (const [length, outcome] of [
    [TICKET_BYTES, "ok"],
    [TICKET_BYTES + 1, "undetermined"],
  ] as const) {
    const ftp = new Dialogue().secureLogin();
    ftp.askSealed("EPSV", [ftp.texts.epsv(50000)]);
    const data = ftp.dial(50000);
    ftp.askSealed("STOR empty", ["150 Ok to send data."]);
    data.tls({}, 3);
    data.closeNotify("client");
    data.fin("client");
    data.say("server", applicationRecord(length));
    data.segment("client", { flags: "R" });
    ftp.control.sealed("server", "226 Transfer complete.\r\n");
    judges(ftp.quitSealed().channel(), outcome);
  }
});
