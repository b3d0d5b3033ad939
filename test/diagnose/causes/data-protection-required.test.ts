import assert from "node:assert/strict";
import { test } from "node:test";
import { Dialogue, judges, shows } from "../dialogue.ts";

const CAUSE = "data-protection-required";

test("to the transfer, in the words of several servers, and no PROT P in force", () => {
  for (const reply of [
    "522 Data connections must be encrypted.", // vsftpd
    "522 SSL/TLS required on the data channel", // ProFTPD
    "521 Data connection cannot be opened with this PROT setting.", // Pure-FTPd, AWS Transfer
    "550 SSL/TLS required on the data channel.", // pyftpdlib
    "521 PROT P required", // FileZilla Server 0.9
    "534 Policy requires SSL.", // IIS
    "425 Server requires protected data connection.", // clj-ftp#18
  ]) {
    const ftp = new Dialogue().login();
    ftp.passive(50002);
    const list = ftp.ask("LIST", reply);
    ftp.quit();
    shows(ftp.channel(), {
      outcome: "refused",
      cause: CAUSE,
      confidence: "certain",
      evidence: [list.reply],
      says: /no PROT P was sent/,
      remedy: /^Let the client ask for TLS \(AUTH TLS\) and then send PBSZ 0 and PROT P/,
    });
  }
});

test("with the data connection open, with PROT C, after CCC, and said to PASV itself", () => {
  const open = new Dialogue().login();
  open.ask("PBSZ 0", "200 PBSZ set to 0.");
  open.ask("PROT C", "200 PROT now Clear.");
  open.passive(50002);
  const data = open.dial(50002);
  const list = open.ask("LIST", "522 Data connections must be encrypted.");
  data.finish("server");
  open.quit();
  shows(open.channel(), { outcome: "refused", cause: CAUSE, confidence: "certain", evidence: [list.reply] });

  const ccc = new Dialogue().secureLogin().clearAgain();
  const pasv = ccc.ask("PASV", "521 Data connection cannot be opened with this PROT setting.");
  ccc.quit();
  shows(ccc.channel(), {
    outcome: "refused",
    cause: CAUSE,
    confidence: "certain",
    evidence: [pasv.reply],
    says: /a PROT sent under TLS cannot be read/,
    remedy: /^Let the client send PBSZ 0 and PROT P/,
  });
});

test("silent: PROT P is in force, so the text speaks of something else", () => {
  const ftp = new Dialogue().login();
  ftp.ask("PBSZ 0", "200 PBSZ set to 0.");
  ftp.ask("PROT P", "200 PROT now Private.");
  ftp.passive(50002);
  const data = ftp.dial(50002);
  ftp.ask("LIST", "150 Here it comes.");
  data.alert("server", 2, 40);
  data.finish("server");
  ftp.control.server("522 SSL/TLS required on the data channel\r\n");
  ftp.quit();
  judges(ftp.channel(), "failed", "data-tls-handshake-failed");
});

test("a PROT P that was refused is not in force", () => {
  const ftp = new Dialogue().login();
  ftp.ask("PROT P", "503 PROT not allowed on insecure control connection.");
  ftp.passive(50002);
  const list = ftp.ask("LIST", "522 SSL/TLS required on the data channel");
  ftp.quit();
  shows(ftp.channel(), { outcome: "refused", cause: CAUSE, confidence: "certain", evidence: [list.reply] });
});

test("silent: 521 and 522 about address families, 550 about a file, whatever its name", () => {
  const ftp = new Dialogue({ client: "2001:db8:1::10", server: "2001:db8:2::5" }).login();
  ftp.ask("LPSV", "521 Supported address families are (4)");
  ftp.extendedActive(51002, undefined, "522 Network protocol not supported, use (1)");
  ftp.extended(50002);
  ftp.ask(
    "RETR tls required on the data channel.txt",
    "550 tls required on the data channel.txt: No such file or directory",
  );
  ftp.quit();
  const [lpsv, eprt, file] = ftp.channels();
  judges(lpsv, "refused", "pasv-refused");
  judges(eprt, "refused", "port-refused");
  judges(file, "refused");
});

test("a PROT P that was turned down is not said not to have been sent", () => {
  const ftp = new Dialogue().login();
  ftp.ask("PROT P", "503 PBSZ command not yet executed");
  ftp.passive(50002);
  const list = ftp.ask("LIST", "522 SSL/TLS required on the data channel");
  ftp.quit();
  shows(ftp.channel(), {
    outcome: "refused",
    cause: CAUSE,
    confidence: "certain",
    evidence: [list.reply],
    says: /; PROT P was answered by 503/,
  });
});

test("certain also where the snaplen cut the port off the 227: the reply is of the transfer, whatever its connection", () => {
  const ftp = new Dialogue({ snaplen: 66 + "227 Entering Passive Mode (203,0,113,5,195".length }).login();
  ftp.passive(50002);
  const data = ftp.dial(50002);
  const asked = ftp.ask("LIST", "522 Data connections must be encrypted.");
  data.finish("server");
  const channel = ftp.quit().channel();
  assert.equal(channel.connection?.match, "inferred");
  shows(channel, {
    outcome: "refused",
    cause: CAUSE,
    confidence: "certain",
    evidence: [asked.reply],
  });
});
