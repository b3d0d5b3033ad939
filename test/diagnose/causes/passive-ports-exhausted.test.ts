import { test } from "node:test";
import { Dialogue, judges, shows } from "../dialogue.ts";
import { WORKED_BEFORE } from "../thresholds.ts";

const CAUSE = "passive-ports-exhausted";

test("the server says that it has no port", () => {
  for (const reply of [
    "425 All reserved TCP ports are busy", // Pure-FTPd
    "400 Unable to find valid port", // ftp-srv
    "425 Can't create the data socket", // Pure-FTPd
    "425 Try later, out of network sockets.", // Serv-U
    "425 Unable to set up passive listening socket.", // Serv-U
    "421 Unable to listen, too many pending PASV requests from same client IP.", // Serv-U
    "500 OOPS: vsf_sysutil_bind", // vsftpd
    "451 No passive port available.",
  ]) {
    const ftp = new Dialogue().login();
    const pasv = ftp.ask("PASV", reply);
    ftp.quit();
    shows(ftp.channel(), {
      outcome: "refused",
      cause: CAUSE,
      confidence: "likely",
      evidence: [pasv.reply],
      alternatives: ["pasv-refused"],
    });
  }
});

test("said to the transfer: failed", () => {
  const ftp = new Dialogue({ software: "proftpd" }).login();
  ftp.passive(50000);
  const list = ftp.ask("LIST", "425 Unable to build data connection: Address already in use");
  ftp.quit();
  shows(ftp.channel(), { outcome: "failed", cause: CAUSE, confidence: "likely", evidence: [list.reply] });
});

/** So many transfers over ports 50000 and the next ones in turn, then EPSV turned down without a reason. */
function afterTransfers(transfers: number, reply: string, ports = 2) {
  const ftp = new Dialogue().login();
  let last = 0;
  for (let i = 0; i < transfers; i++) {
    last = ftp.extended(50000 + (i % ports)).reply;
    ftp.list(ftp.dial(50000 + (i % ports)));
  }
  const refused = ftp.ask("EPSV", reply);
  ftp.quit();
  return { channel: ftp.channels()[transfers], last, refused };
}

test("without words: after the ports of a narrow range were granted again and again", () => {
  const { channel, last, refused } = afterTransfers(WORKED_BEFORE, "425 Cannot open data connection.");
  shows(channel, {
    outcome: "refused",
    cause: CAUSE,
    confidence: "possible",
    evidence: [last, refused.reply],
    alternatives: ["epsv-refused"],
    says: /3 passive ports were granted before, of only 2 \(50000 to 50001\)/,
  });
});

test("silent: fewer before, or a code that does not fit", () => {
  for (const ports of [1, 2])
    judges(
      afterTransfers(WORKED_BEFORE - 1, "425 Cannot open data connection.", ports).channel,
      "refused",
      "epsv-refused",
    );
  judges(afterTransfers(WORKED_BEFORE, "500 EPSV not understood").channel, "refused", "epsv-refused");
});

test("silent: every port granted was another one, so the range is wide", () => {
  const ftp = new Dialogue().login();
  for (let port = 50000; port < 50005; port++) {
    ftp.passive(port);
    ftp.list(ftp.dial(port));
  }
  ftp.ask("PASV", "425 Cannot open data connection.");
  ftp.quit();
  judges(ftp.channels()[5], "refused", "pasv-refused");
});

test("silent: login limits, and the words in a file's name", () => {
  const busy = new Dialogue({ software: "pure-ftpd" });
  busy.control.server("421 1 users (the maximum) are already logged in, sorry\r\n");
  busy.control.finish("server");
  judges(busy.session().control, "failed", "server-busy");

  const named = new Dialogue().login();
  named.passive(50000);
  const data = named.dial(50000);
  named.ask("RETR no ports.txt", '426 Connection closed; aborted transfer of "/no ports.txt"');
  data.finish("client");
  named.quit();
  judges(named.channel(), "undetermined");
});
