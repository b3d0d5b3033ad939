import { test } from "node:test";
import { UNPRIVILEGED_PORT } from "../../../src/ports.ts";
import { CLIENT, Dialogue, judges, SERVERS, shows } from "../dialogue.ts";

const CAUSE = "port-private-address";
/** The client's own address behind its NAT. */
const INSIDE = "192.168.178.145";

test("server side: refused in the words of several servers", () => {
  for (const [software, reply] of [
    ["vsftpd", "500 Illegal PORT command."],
    ["proftpd", "500 Illegal PORT command"],
    ["pure-ftpd", `500 I won't open a connection to ${INSIDE} (only to ${CLIENT})`],
    ["pyftpdlib", `501 Rejected data connection to foreign address ${INSIDE}:51002.`],
    ["vsftpd", "530 Only client IP address allowed for PORT command."], // Serv-U
  ] as const) {
    const ftp = new Dialogue({ vantage: "server", software }).login();
    const port = ftp.active(51002, INSIDE, reply);
    ftp.quit();
    shows(ftp.channel(), {
      outcome: "refused",
      cause: CAUSE,
      confidence: "certain",
      evidence: [port.command, port.reply],
      contributing: ["helper-absent"],
      says: /PORT names 192\.168\.178\.145:51002, a private address; the control connection's client is 192\.0\.2\.10/,
    });
  }
});

test("server side and middle: granted, and the server's SYN goes nowhere", () => {
  for (const vantage of ["server", "middle"] as const) {
    const ftp = new Dialogue({ vantage }).login();
    const port = ftp.extendedActive(51002, INSIDE);
    const list = ftp.ask("LIST");
    const [syn] = ftp.net.synUnanswered(ftp.ends(51002, { address: INSIDE }, "server"));
    const failed = ftp.pause(30).control.server(`${SERVERS.vsftpd.connectFailed}\r\n`);
    ftp.quit();
    shows(ftp.channel(), {
      outcome: "failed",
      cause: CAUSE,
      confidence: "certain",
      evidence: [port.command, syn, failed],
      contributing: ["helper-absent"],
      says: [/EPRT names/, /the server's SYN to 192\.168\.178\.145:51002, sent 5 times over 4\.0 s, never answered/],
    });
    void list;
  }
});

test("ProFTPD puts the control connection's address in its place and dials the NAT", () => {
  const ftp = new Dialogue({ vantage: "server", software: "proftpd" }).login();
  const port = ftp.active(51002, INSIDE);
  ftp.ask("LIST");
  const [syn] = ftp.net.synUnanswered(ftp.ends(51002, {}, "server"));
  const failed = ftp.pause(30).control.server(`${SERVERS.proftpd.connectFailed}\r\n`);
  ftp.quit();
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "certain",
    evidence: [port.command, syn, failed],
    contributing: ["helper-absent"],
    says: /SYN to 192\.0\.2\.10:51002, the control connection's client instead/,
  });
});

test("pyftpdlib dials at once: 425 to PORT itself is a failure, not a refusal", () => {
  const ftp = new Dialogue({ vantage: "server", software: "pyftpdlib" }).login();
  const asked = ftp.ask(`PORT ${INSIDE.replaceAll(".", ",")},199,58`);
  const [syn] = ftp.net.synUnanswered(ftp.ends(51002, { address: INSIDE }, "server"));
  const failed = ftp.pause(1).control.server("425 Can't connect to specified address.\r\n");
  ftp.quit();
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "certain",
    evidence: [asked.command, syn, failed],
    contributing: ["helper-absent"],
  });
});

test("client side: likely, refused or with no SYN in return", () => {
  const refused = new Dialogue({ client: INSIDE }).login();
  const port = refused.active(51002, INSIDE, "500 Illegal PORT command.");
  refused.quit();
  shows(refused.channel(), {
    outcome: "refused",
    cause: CAUSE,
    confidence: "likely",
    evidence: [port.command, port.reply],
    alternatives: ["port-refused"],
    says: /to the public server 203\.0\.113\.5/,
  });

  const granted = new Dialogue({ client: "100.72.33.145" }).login();
  const cgnat = granted.active(51002);
  granted.ask("LIST");
  const failed = granted.pause(60).control.server("425 Failed to establish connection.\r\n");
  granted.quit();
  shows(granted.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [cgnat.command, failed],
    alternatives: ["syn-not-seen"],
    says: /a cgnat address/,
  });
});

test("silent: a helper on the client's NAT rewrites it further on, and the SYN comes back", () => {
  const ftp = new Dialogue({ client: INSIDE }).login();
  ftp.active(51002);
  ftp.list(ftp.dialBack(51002));
  ftp.active(51003);
  ftp.ask("LIST");
  ftp.net.synUnanswered(ftp.ends(51003, {}, "server"));
  ftp.pause(30).control.server("425 Failed to establish connection.\r\n");
  ftp.quit();
  const [works, blocked] = ftp.channels();
  judges(works, "ok");
  judges(blocked, "failed", "active-inbound-blocked");
});

test("silent: both in one network, working or blocked", () => {
  const ftp = new Dialogue({ client: "10.0.0.9", server: "10.0.0.5" }).login();
  ftp.active(51002);
  ftp.list(ftp.dialBack(51002));
  ftp.active(51003);
  ftp.ask("LIST");
  ftp.pause(60).control.server("425 Failed to establish connection.\r\n");
  ftp.quit();
  const [works, unseen] = ftp.channels();
  judges(works, "ok");
  judges(unseen, "failed", "syn-not-seen");
});

test("silent: refused for the mode, the port or the command, whatever the address", () => {
  for (const [port, reply] of [
    [51002, "550 Permission denied."], // vsftpd: port_enable=NO
    [51002, "501 Active mode is disabled"], // Pure-FTPd
    [51002, "500 Unable to service PORT commands"], // ProFTPD
    [51002, "502 Command not implemented."],
    [51002, "522 Network protocol not supported, use (2)"],
    [51002, "501 PASV/PORT/EPRT not allowed after EPSV ALL."], // pyftpdlib
    [UNPRIVILEGED_PORT - 1, "501 Sorry, but I won't connect to ports < 1024"], // Pure-FTPd
    [1000, "500 Illegal PORT command."],
  ] as const) {
    const ftp = new Dialogue({ vantage: "server" }).login();
    ftp.active(port, INSIDE, reply);
    ftp.quit();
    judges(ftp.channel(), "refused", "port-refused");
  }
});

test("silent: FXP between two servers of one private network, refused or working", () => {
  const ftp = new Dialogue({ client: "10.0.0.9", server: "10.0.0.5", vantage: "server" }).login();
  ftp.active(51002, "10.0.0.6", "500 Illegal PORT command.");
  ftp.active(51003, "10.0.0.6");
  ftp.list(ftp.dialBack(51003, { address: "10.0.0.6" }));
  ftp.quit();
  const [refused, works] = ftp.channels();
  judges(refused, "refused", "port-refused");
  judges(works, "ok");
});

test("silent: granted and never wanted, or turned down for a file", () => {
  const ftp = new Dialogue({ client: INSIDE }).login();
  ftp.active(51002);
  ftp.ask("RETR nothing", "550 Failed to open file.");
  ftp.quit();
  judges(ftp.channel(), "refused");
});

test("silent: never answered, or turned down since nobody has logged in", () => {
  const ftp = new Dialogue({ client: "192.168.1.50" }).login();
  ftp.control.client("PORT 192,168,1,50,19,137\r\n");
  ftp.control.ack("server");
  ftp.pause(10).control.fin("client");
  judges(ftp.channel(), "undetermined");
  const early = new Dialogue({ client: "192.168.1.50" });
  early.control.server("220 ready\r\n");
  early.ask("PORT 192,168,1,50,19,137", "530 Please login with USER and PASS.");
  judges(early.channel(), "refused");
  const bound = new Dialogue({ client: "192.168.1.50" }).login();
  bound.ask("PORT 192,168,1,50,19,137", "530 PORT: IP address must match the one you logged in from.");
  judges(bound.channel(), "refused", CAUSE);
});

test("`Host not allowed` is about the address, not about the mode", () => {
  const ftp = new Dialogue({ client: "192.168.1.50" }).login();
  ftp.ask("EPRT |1|192.168.1.50|5001|", "504 Host not allowed");
  judges(ftp.channel(), "refused", CAUSE);
  const mode = new Dialogue({ client: "192.168.1.50" }).login();
  mode.ask("EPRT |1|192.168.1.50|5001|", "500 EPRT not allowed");
  judges(mode.channel(), "refused", "port-refused");
});

test("silent: the server reached the client at that address before", () => {
  const ftp = new Dialogue({ vantage: "server", software: "proftpd" }).login();
  ftp.active(51000, "192.168.7.20");
  ftp.list(ftp.dialBack(51000));
  ftp.active(51001, "192.168.7.20");
  ftp.ask("LIST");
  ftp.net.synUnanswered(ftp.ends(51001, {}, "server"));
  ftp.control.server("425 Unable to build data connection: Connection timed out\r\n");
  ftp.quit();
  const [works, blocked] = ftp.channels();
  judges(works, "ok");
  judges(blocked, "failed", "active-inbound-blocked");
});
