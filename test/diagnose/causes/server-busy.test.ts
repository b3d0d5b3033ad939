import { test } from "node:test";
import { Dialogue, judges, shows } from "../dialogue.ts";

const CAUSE = "server-busy";

test("421 in place of the greeting: limits and shutdown", () => {
  for (const reply of [
    "421 There are too many connected users, please try later.", // vsftpd
    "421 There are too many connections from your internet address.", // vsftpd
    "421 1 users (the maximum) are already logged in, sorry", // Pure-FTPd
    "421 Too many connections (8) from this IP", // Pure-FTPd
    "421 FTP server shutting down (disk failure) -- please try again later", // ProFTPD
    "421 Service not available, closing control connection.",
    "421 Maximum session limit reached.",
  ]) {
    const ftp = new Dialogue();
    const greeting = ftp.control.server(`${reply}\r\n`);
    ftp.control.finish("server");
    shows(ftp.session().control, {
      outcome: "failed",
      cause: CAUSE,
      confidence: "certain",
      evidence: [greeting],
      says: /reply "421 /,
    });
  }
});

test("530 or 421 to the login, that speaks of limits (ProFTPD)", () => {
  for (const reply of [
    "530 Sorry, the maximum number of allowed clients (1) are already connected.",
    "421 Too many users logged in for this account.",
  ]) {
    const ftp = new Dialogue({ software: "proftpd" });
    ftp.control.server("220 ready\r\n");
    ftp.ask("USER alice", "331 Password required for alice");
    const pass = ftp.ask("PASS secret", reply);
    ftp.control.finish("server");
    shows(ftp.session().control, { outcome: "failed", cause: CAUSE, confidence: "certain", evidence: [pass.reply] });
  }
});

test("silent: pyftpdlib's 421 of a data timeout keeps the control open", () => {
  const ftp = new Dialogue({ software: "pyftpdlib" }).login();
  ftp.passive(50002);
  ftp.ask("LIST", "421 Passive data channel timed out.");
  ftp.ask("NOOP", "200 I successfully done nothin'.");
  ftp.quit();
  const session = ftp.session();
  judges(session.control, "ok");
  judges(session.dataChannels[0], "failed", "syn-not-seen");
});

test("silent: idle timers, a wrong password too often, TLS demanded", () => {
  const idle = new Dialogue().login().pause(300);
  idle.control.server("421 Timeout.\r\n");
  idle.control.finish("server");
  judges(idle.session().control, "ok");

  const never = new Dialogue();
  never.control.server("220 ready\r\n");
  never.pause(60).control.server("421 Login timeout (60 seconds): closing control connection\r\n");
  never.control.finish("server");
  judges(never.session().control, "ok");

  const wrong = new Dialogue();
  wrong.control.server("220 ready\r\n");
  wrong.ask("USER alice", "331 Password required");
  wrong.ask("PASS wrong", "530 Maximum login attempts. Disconnecting.");
  wrong.control.finish("server");
  judges(wrong.session().control, "failed", "login-failed");

  const tls = new Dialogue({ software: "pure-ftpd" });
  tls.control.server("220 ready\r\n");
  tls.ask("USER alice", "421 Sorry, cleartext sessions and weak ciphers are not accepted on this server.");
  tls.control.finish("server");
  judges(tls.session().control, "ok");
});

test("silent: a 421 that is not in place of the greeting, since the capture begins behind it", () => {
  for (const reply of [
    "421 Service not available, closing control connection.",
    "421 No-transfer-time exceeded. Closing control connection.", // FileZilla Server 0.9
    "421 Home directory not available, exiting.",
  ]) {
    const ftp = new Dialogue();
    const greeting = ftp.control.server("220 ready\r\n");
    ftp.ask("PWD", '257 "/"');
    ftp.pause(120).control.server(`${reply}\r\n`);
    ftp.control.finish("server");
    const { net } = ftp;
    judges(ftp.session().control, "ok");
    // The SYN, the greeting and the login are not in it.
    net.edit((packets) => packets.slice(greeting));
    judges(ftp.session().control, "ok");
  }

  const lost = new Dialogue();
  const greeting = lost.control.server("220 ready\r\n");
  lost.pause(60).control.server("421 Service not available, closing control connection.\r\n");
  lost.control.finish("server");
  lost.net.drop(greeting);
  judges(lost.session().control, "ok");
});

test("silent: a greeting that turns away this client's address, however much room there is", () => {
  for (const reply of [
    "421 Temporarily banned for too many failed login attempts", // FileZilla Server 0.9
    "421 Access denied, IP address was rejected by the server.", // Quick 'n Easy FTP Server
  ]) {
    const ftp = new Dialogue();
    ftp.control.server(`${reply}\r\n`);
    ftp.control.finish("server");
    judges(ftp.session().control, "failed", "login-failed");
  }
});

test("a login that fails since the server is busy", () => {
  const ftp = new Dialogue();
  ftp.control.server("220 ready\r\n");
  ftp.ask("USER alice", "530 Login failed, server busy. Try again later.");
  judges(ftp.session().control, "failed", CAUSE);
});

test("silent: a 530 that may answer another command than the login, whose own reply the capture lost", () => {
  const ftp = new Dialogue();
  ftp.control.server("220 ready\r\n");
  const user = ftp.ask("USER alice", "331 Password required.");
  const pass = ftp.ask("PASS secret", "230 Logged in.");
  const pasv = ftp.passive(50002);
  const list = ftp.ask("LIST", "530 Too many connections.");
  ftp.net.drop(user.reply, pass.reply, pasv.command, list.command);
  judges(ftp.session().control, "ok");
});
