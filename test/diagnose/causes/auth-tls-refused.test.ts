import { test } from "node:test";
import { Dialogue, FORGED, judges, shows } from "../dialogue.ts";

const CAUSE = "auth-tls-refused";

test("the server turns AUTH down, and the client leaves over it", () => {
  for (const reply of [
    "431 Necessary security resource unavailable", // ProFTPD
    "500 Unknown command.",
    "502 Command not implemented.",
    "504 Unknown AUTH type.", // vsftpd
    "534 Unwilling to accept security parameters", // ProFTPD
  ]) {
    const ftp = new Dialogue();
    ftp.control.server("220 ready\r\n");
    ftp.ask("AUTH SSL", reply);
    const auth = ftp.ask("AUTH TLS", reply);
    ftp.quit();
    shows(ftp.session().control, {
      outcome: "failed",
      cause: CAUSE,
      confidence: "certain",
      evidence: [auth.reply],
      says: new RegExp(`AUTH turned down: reply "${reply.slice(0, 3)}`),
    });
  }
});

test("silent: the client goes on in cleartext, or the second AUTH is granted", () => {
  const clear = new Dialogue();
  clear.control.server("220 ready\r\n");
  clear.ask("AUTH TLS", "502 Command not implemented.");
  clear.ask("USER alice", "331 Please specify the password.");
  clear.ask("PASS secret", "230 Login successful.");
  clear.quit();
  judges(clear.session().control, "ok");

  const second = new Dialogue();
  second.control.server("220 ready\r\n");
  second.ask("AUTH SSL", "504 Unknown AUTH type.");
  second.ask("AUTH TLS", "234 AUTH TLS OK.");
  second.control.tls();
  second.askSealed("USER alice", ["331 Please specify the password."]);
  second.quitSealed();
  judges(second.session().control, "ok");
});

test("silent: no reply, but a reset", () => {
  const ftp = new Dialogue();
  ftp.control.server("220 ready\r\n");
  ftp.ask("AUTH TLS");
  ftp.control.reset("server", FORGED);
  judges(ftp.session().control, "failed", "auth-tls-blocked");
});

test("silent: AUTH given twice (503)", () => {
  const ftp = new Dialogue();
  ftp.control.server("220 ready\r\n");
  ftp.ask("AUTH SSL", "234 AUTH SSL OK.");
  ftp.ask("AUTH TLS", "503 Bad sequence of commands.");
  ftp.quit();
  judges(ftp.session().control, "ok");
});
