import assert from "node:assert/strict";
import { test } from "node:test";
import { Dialogue, judges, shows } from "../dialogue.ts";
import { MIN_QUOTED } from "../thresholds.ts";

const CAUSE = "login-failed";

function login(reply: string, user = "alice") {
  const ftp = new Dialogue();
  ftp.control.server("220 ready\r\n");
  ftp.ask(`USER ${user}`, "331 Password required");
  const pass = ftp.ask("PASS wrong", reply);
  return { ftp, pass };
}

test("530 or 430 to PASS, in the words of several servers", () => {
  for (const reply of [
    "530 Login incorrect.", // vsftpd, ProFTPD
    "550 Authentication failure", // linux-ftpd
    "530 Login authentication failed", // Pure-FTPd
    "530 Authentication failed.", // pyftpdlib
    "530 User cannot log in, home directory inaccessible.", // IIS
    "530 Maximum login attempts. Disconnecting.", // pyftpdlib
    "430 Invalid username or password",
  ]) {
    const { ftp, pass } = login(reply);
    ftp.quit();
    shows(ftp.session().control, {
      outcome: "failed",
      cause: CAUSE,
      confidence: "certain",
      evidence: [pass.reply],
      says: new RegExp(`PASS answered by reply "${reply.slice(0, 3)} `),
    });
  }
});

test("a greeting that turns away the client's address", () => {
  for (const reply of [
    "550 No connections allowed from your IP", // FileZilla Server 0.9
    "421 Temporarily banned for too many failed login attempts", // FileZilla Server 0.9
    "421 Access denied, IP address was rejected by the server.", // Quick 'n Easy FTP Server
    "530 Access denied.",
  ]) {
    const ftp = new Dialogue();
    const greeting = ftp.control.server(`${reply}\r\n`);
    ftp.control.finish("server");
    shows(ftp.session().control, {
      outcome: "failed",
      cause: CAUSE,
      confidence: "certain",
      evidence: [greeting],
      says: /in place of the greeting: reply "/,
      remedy: /this client's address/,
    });
  }
});

test("silent: such words behind the greeting, or where the capture begins behind it", () => {
  for (const greeting of ["220 ready", null]) {
    const ftp = new Dialogue();
    const first = ftp.control.server("220 ready\r\n");
    ftp.ask("NOOP", "200 ok");
    ftp.control.server("421 Access denied, IP address was rejected by the server.\r\n");
    ftp.control.finish("server");
    if (greeting === null) ftp.net.edit((packets) => packets.slice(first));
    judges(ftp.session().control, "ok");
  }
});

test("530 to USER; a user's name with the word tls in it", () => {
  const ftp = new Dialogue();
  ftp.control.server("220 ready\r\n");
  const user = ftp.ask("USER bob", "530 This FTP server is anonymous only.");
  ftp.quit();
  shows(ftp.session().control, { outcome: "failed", cause: CAUSE, confidence: "certain", evidence: [user.reply] });

  const named = new Dialogue();
  named.control.server("220 ready\r\n");
  const refused = named.ask("USER tls-backup", "530 User tls-backup cannot log in.");
  named.quit();
  shows(named.session().control, { outcome: "failed", cause: CAUSE, confidence: "certain", evidence: [refused.reply] });
});

test("a user's name is not the server's word, unless it is too short to tell", () => {
  const refused = (user: string, reply: string) => {
    const ftp = new Dialogue();
    ftp.control.server("220 ready\r\n");
    ftp.ask(`USER ${user}`, reply);
    ftp.quit();
    return ftp.session().control;
  };
  const name = "ssl".padEnd(MIN_QUOTED, "l");
  judges(refused(name, `530 ${name}: not allowed to log in.`), "failed", CAUSE);
  // Taken away, `-s` would turn "Non-secure" into no word at all.
  const short = "-s".slice(0, MIN_QUOTED - 1);
  judges(refused(short, "530 Non-secure sessions are disallowed."), "ok");
});

test("silent: the next try works", () => {
  const { ftp } = login("530 Login incorrect.");
  ftp.ask("USER alice", "331 Password required");
  ftp.ask("PASS right", "230 Login successful.");
  ftp.quit();
  judges(ftp.session().control, "ok");
});

test("silent: TLS is demanded, or a limit is reached", () => {
  for (const reply of [
    "530 Non-anonymous sessions must use encryption.", // vsftpd
    "530 Please use TLS to log in.",
    "530 SSL/TLS required on the control channel",
  ]) {
    const { ftp } = login(reply);
    ftp.quit();
    judges(ftp.session().control, "ok");
  }
  const { ftp } = login("530 Sorry, the maximum number of allowed clients (1) are already connected.");
  ftp.quit();
  judges(ftp.session().control, "failed", "server-busy");
});

test("a server that demands TLS of the login is no cause, and its words stand in the report with what to do", () => {
  for (const [verb, reply] of [
    ["USER alice", "530 Non-anonymous sessions must use encryption."], // vsftpd
    ["USER alice", "550 SSL/TLS required on the control channel"], // ProFTPD, pyftpdlib
    ["USER alice", "421 Sorry, cleartext sessions and weak ciphers are not accepted on this server."], // Pure-FTPd
    ["PASS secret", "534-Policy requires SSL.\r\n534 End"], // IIS
    ["USER alice", "503 Use AUTH first."], // FileZilla Server 1.x
  ]) {
    const ftp = new Dialogue();
    ftp.control.server("220 ready\r\n");
    if (verb !== "USER alice") ftp.ask("USER alice", "331 Password required.");
    const refused = ftp.ask(verb, reply).reply;
    const { control } = ftp.quit().session();
    judges(control, "ok");
    assert.equal(control.evidence[0].packet, refused);
    assert.match(control.evidence[0].says, /demands TLS of the login: (USER|PASS) answered by reply "[45]/);
    assert.match(control.remedy[0], /AUTH TLS/);
  }
});

test("TLS is not told as demanded of a client that goes on to it, or is let in, nor of who may not log in for another reason", () => {
  const upgraded = new Dialogue();
  upgraded.control.server("220 ready\r\n");
  upgraded.ask("USER alice", "530 Non-anonymous sessions must use encryption.");
  upgraded.ask("AUTH TLS", "234 Proceed with negotiation.");
  upgraded.control.tls({ version: "1.3" });
  assert.deepEqual(upgraded.quitSealed().session().control.evidence, []);
  const later = new Dialogue();
  later.control.server("220 ready\r\n");
  later.ask("USER alice", "530 Non-anonymous sessions must use encryption.");
  later.ask("USER anonymous", "331 Please specify the password.");
  later.ask("PASS x", "230 Login successful.");
  assert.deepEqual(later.quit().session().control.evidence, []);
  const other = new Dialogue();
  other.control.server("220 ready\r\n");
  other.ask("USER alice", "503 Already logged in as somebody else.");
  assert.deepEqual(other.quit().session().control.evidence, []);
});

test("silent: 530 to something else than a login", () => {
  const ftp = new Dialogue();
  ftp.control.server("220 ready\r\n");
  ftp.ask("PASV", "530 Please login with USER and PASS.");
  ftp.quit();
  const session = ftp.session();
  judges(session.control, "ok");
  // Nobody has logged in: that says nothing of the mode.
  judges(session.dataChannels[0], "refused");
});

test("a banner that calls the place secure, or advice to try again later, does not hide a wrong password", () => {
  for (const reply of [
    "530-Welcome to ACME secure file exchange.\r\n530 Login incorrect.",
    "530 Login authentication failed. Please try again later.",
  ]) {
    const ftp = new Dialogue();
    ftp.control.server("220 ready\r\n");
    ftp.ask("USER alice", "331 Password required.");
    ftp.ask("PASS wrong", reply);
    judges(ftp.session().control, "failed", CAUSE);
  }
  const tls = new Dialogue();
  tls.control.server("220 ready\r\n");
  tls.ask("USER alice", "530 Login failed: only encrypted sessions are allowed.");
  judges(tls.session().control, "ok");
});

test("silent: a demand for a secure session, and a 530 that may answer another command", () => {
  for (const reply of [
    "530 Login failed: secure connection required.",
    "530 Login failed. Secure FTP (AUTH) required by policy.",
    "530 Invalid connection type: use a secured session.",
  ]) {
    const ftp = new Dialogue();
    ftp.control.server("220 ready\r\n");
    ftp.ask("USER alice", reply);
    judges(ftp.session().control, "ok");
  }
  const lossy = new Dialogue();
  lossy.control.server("220 ready\r\n");
  const user = lossy.ask("USER alice", "331 Password required.");
  const pass = lossy.ask("PASS secret", "230 Logged in.");
  const pasv = lossy.passive(50002);
  const list = lossy.ask("LIST", "530 Only client IP address allowed to connect to PASV socket.");
  lossy.net.drop(user.reply, pass.reply, pasv.command, list.command);
  judges(lossy.session().control, "ok");
});
