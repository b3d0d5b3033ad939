import { test } from "node:test";
import { CLIENT6, Dialogue, judges, SERVER6, shows } from "../dialogue.ts";

const CAUSE = "pasv-refused";

test("PASV turned down with no better cause", () => {
  for (const reply of [
    "550 Permission denied.", // vsftpd: pasv_enable=NO
    "501 PASV: Operation not permitted", // ProFTPD
    "500 Illegal PASV command, EPSV ALL in effect", // ProFTPD
    "550 Passive mode not allowed on this server.", // Serv-U
    "425 Cannot open passive connection.",
  ]) {
    const ftp = new Dialogue().login();
    const pasv = ftp.ask("PASV", reply);
    ftp.quit();
    shows(ftp.channel(), { outcome: "refused", cause: CAUSE, confidence: "certain", evidence: [pasv.reply] });
  }
});

test("PASV on an IPv6 control connection, and LPSV in a family that is not served", () => {
  const ftp = new Dialogue({ client: CLIENT6, server: SERVER6, software: "pure-ftpd" }).login();
  const pasv = ftp.ask("PASV", "425 You cannot use PASV on IPv6 connections. Use EPSV instead.");
  const lpsv = ftp.ask("LPSV", "521 Supported address families are (4)");
  ftp.quit();
  const [first, second] = ftp.channels();
  shows(first, {
    outcome: "refused",
    cause: CAUSE,
    confidence: "certain",
    evidence: [pasv.reply],
    remedy: /^On an IPv6 control connection use EPSV/,
  });
  shows(second, {
    outcome: "refused",
    cause: CAUSE,
    confidence: "certain",
    evidence: [lpsv.reply],
    remedy: /^Enable passive mode/,
  });
});

test("silent: a server that does not know LPSV", () => {
  for (const [command, cause] of [["LPSV"], ["PASV", CAUSE]] as const) {
    const ftp = new Dialogue().login();
    ftp.ask(command, `500 '${command}': command not understood.`);
    judges(ftp.quit().channel(), "refused", cause);
  }
});

test("silent: vsftpd's process ends, which says nothing of passive mode", () => {
  const ftp = new Dialogue().login();
  ftp.ask("PASV", "500 OOPS: priv_sock_get_int");
  ftp.control.finish("server");
  judges(ftp.channel(), "refused");
});

test("after EPSV ALL the client is wrong, whatever it sends but EPSV", () => {
  for (const [command, cause, reply] of [
    ["PASV", CAUSE, "550 Permission denied."], // vsftpd
    ["PORT 192,0,2,10,199,58", "port-refused", "550 Permission denied."],
    ["PORT 192,0,2,10,199,58", "port-refused", "501 no."],
  ] as const) {
    const ftp = new Dialogue().login();
    const all = ftp.ask("EPSV ALL", "200 EPSV ALL ok.");
    const refused = ftp.ask(command, reply);
    ftp.quit();
    shows(ftp.channel(), {
      outcome: "refused",
      cause,
      confidence: "certain",
      evidence: [all.command, refused.reply],
      says: /EPSV ALL, answered 200: from here on the client may use nothing but EPSV/,
      remedy: /^Correct the client: after EPSV ALL/,
    });
  }
  // Turned down, or sent later, it binds nobody.
  const ftp = new Dialogue().login();
  ftp.ask("EPSV ALL", "500 Unknown command.");
  const pasv = ftp.ask("PASV", "550 Permission denied.");
  ftp.ask("EPSV ALL", "200 EPSV ALL ok.");
  ftp.quit();
  shows(ftp.channel(), {
    outcome: "refused",
    cause: CAUSE,
    confidence: "certain",
    evidence: [pasv.reply],
    remedy: /^Enable passive mode/,
  });
});

test("silent: out of ports, TLS demanded", () => {
  const ports = new Dialogue().login();
  ports.ask("PASV", "500 OOPS: vsf_sysutil_bind");
  ports.control.finish("server");
  judges(ports.channel(), "refused", "passive-ports-exhausted");

  const tls = new Dialogue().login();
  tls.ask("PASV", "521 Data connection cannot be opened with this PROT setting.");
  tls.quit();
  judges(tls.channel(), "refused", "data-protection-required");
});

test("silent: Pure-FTPd's 227 Logout. at the end refuses and grants nothing", () => {
  const ftp = new Dialogue({ software: "pure-ftpd" }).login();
  ftp.control.server("227 Logout.\r\n");
  ftp.control.finish("server");
  const session = ftp.session();
  judges(session.control, "ok");
  if (session.dataChannels.length > 0) throw new Error("no channel");
});

test("silent: its yes, the transfer and the 150 are not in the capture, and the no is that of the transfer", () => {
  const ftp = new Dialogue({ software: "proftpd" }).login();
  ftp.ask("TYPE I", "200 Type set to I");
  const granted = ftp.passive(50002);
  const data = ftp.dial(50002);
  const opened = ftp.ask("RETR big", "150 Opening BINARY mode data connection for big (900000 bytes)");
  data.serverData(3000);
  ftp.ask("ABOR", "426 Transfer aborted. Data connection closed.", "226 Abort successful");
  ftp.quit();
  ftp.net.drop(granted.reply, opened.command);
  judges(ftp.channel(), "undetermined");
});

test("silent: a refusal that is of the session, not of the mode", () => {
  for (const reply of [
    "530 Please login with USER and PASS.", // vsftpd
    "530 Please log in with USER and PASS first.", // pyftpdlib
    "530 Command requires authentication", // ftp-srv
    "550 SSL/TLS required on the control channel", // ProFTPD
    "421 Timeout.", // vsftpd
    "421 Service not available, closing control connection",
    "421 Unsupported: contact support@example.com",
    "425 Too many connections. Can't open data channel.", // pyftpdlib: max_cons
  ])
    for (const command of ["PASV", "EPSV", "PORT 192,0,2,10,195,80"]) {
      const ftp = new Dialogue().login();
      ftp.ask(command, reply);
      judges(ftp.channel(), "refused");
    }
});
