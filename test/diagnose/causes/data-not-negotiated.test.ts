import assert from "node:assert/strict";
import { test } from "node:test";
import { Dialogue, judges, shows } from "../dialogue.ts";

const CAUSE = "data-not-negotiated";

test("a transfer with nothing negotiated, or with what the first transfer has used up", () => {
  const ftp = new Dialogue().login();
  const list = ftp.ask("LIST", "425 Use PORT or PASV first.");
  ftp.passive(50000);
  ftp.list(ftp.dial(50000));
  const again = ftp.ask("NLST", "425 Use PORT or PASV first.");
  ftp.quit();
  const [none, used, usedUp] = ftp.channels();
  shows(none, { outcome: "refused", cause: CAUSE, confidence: "certain", evidence: [list.command, list.reply] });
  judges(used, "ok");
  shows(usedUp, { outcome: "refused", cause: CAUSE, confidence: "certain", evidence: [again.command, again.reply] });
});

test("without words to that end: likely", () => {
  for (const reply of ["503 Bad sequence of commands.", "425 No data connection"]) {
    const ftp = new Dialogue({ software: "pure-ftpd" }).login();
    const list = ftp.ask("LIST", reply);
    ftp.quit();
    shows(ftp.channel(), {
      outcome: "refused",
      cause: CAUSE,
      confidence: "likely",
      evidence: [list.command, list.reply],
      says: /LIST with no PASV, EPSV, PORT or EPRT in force/,
    });
  }
});

test("Pure-FTPd's words for a PORT that it has used up: likely", () => {
  const ftp = new Dialogue({ software: "pure-ftpd" }).login();
  ftp.active(51002);
  ftp.list(ftp.dialBack(51002));
  const again = ftp.ask("LIST", "425 No data connection");
  ftp.quit();
  const [used, usedUp] = ftp.channels();
  judges(used, "ok");
  shows(usedUp, { outcome: "refused", cause: CAUSE, confidence: "likely", evidence: [again.command, again.reply] });
});

test("under TLS: ProFTPD dials the port below the control connection's, which only a missing PORT explains", () => {
  for (const [software, offset, cause] of [
    ["proftpd", -1, CAUSE],
    ["proftpd", 1, "active-inbound-rejected"],
    ["vsftpd", -1, "active-inbound-rejected"],
  ] as const) {
    const ftp = new Dialogue({ vantage: "server", software }).secureLogin();
    const control = Number(ftp.session().control.client.port);
    ftp.askSealed("LIST", []);
    ftp.net.synRefused(ftp.ends(control + offset, {}, "server"));
    ftp.control.sealed("server", "425 Unable to build data connection: Connection refused\r\n");
    ftp.quitSealed();
    assert.equal(ftp.channel().cause, cause);
  }
});

test("after CCC with the negotiation in clear", () => {
  const ftp = new Dialogue().secureLogin().clearAgain();
  const list = ftp.ask("LIST", "425 Use PORT or PASV first.");
  ftp.quit();
  shows(ftp.channel(), {
    outcome: "refused",
    cause: CAUSE,
    confidence: "certain",
    evidence: [list.command, list.reply],
  });
});

test("silent: legacy active mode on the default data port, working and blocked", () => {
  const works = new Dialogue({ vantage: "server" }).login();
  works.control.client("LIST\r\n");
  const data = works.net.connect({ client: "192.0.2.10:40000", server: "203.0.113.5:20", originator: "server" });
  works.control.server("150 Opening ASCII mode data connection for file list\r\n");
  data.serverData(300);
  data.finish("server");
  works.control.server("226 Transfer complete\r\n");
  works.quit();
  for (const channel of works.channels()) judges(channel, "ok");

  const blocked = new Dialogue({ vantage: "server" }).login();
  blocked.control.client("LIST\r\n");
  const syns = blocked.net.synUnanswered({
    client: "192.0.2.10:40000",
    server: "203.0.113.5:20",
    originator: "server",
  });
  const failed = blocked.control.server("425 Can't build data connection: Connection timed out.\r\n");
  blocked.quit();
  shows(blocked.channel(), {
    outcome: "failed",
    cause: "active-inbound-blocked",
    confidence: "likely",
    evidence: [syns[0], failed],
  });
});

test("silent: one PORT serves several transfers (RFC 959)", () => {
  const ftp = new Dialogue().login();
  ftp.active(51002);
  ftp.list(ftp.dialBack(51002));
  ftp.list(ftp.dialBack(51002));
  ftp.quit();
  for (const channel of ftp.channels()) judges(channel, "ok");
});

test("silent: 503 before the login is about the login", () => {
  const ftp = new Dialogue();
  ftp.control.server("220 ready\r\n");
  ftp.ask("LIST", "503 Login with USER first.");
  ftp.quit();
  judges(ftp.channel(), "undetermined");
});

test("one PORT for several transfers: those that the server could not serve are channels of their own", () => {
  const ftp = new Dialogue({ vantage: "server" }).login();
  const port = ftp.active(50001);
  const serve = () => ftp.list(ftp.dialBack(50001));
  serve();
  serve();
  const used = ftp.ask("LIST", "425 Use PORT or PASV first.");
  ftp.ask("NLST");
  const syns = ftp.net.synUnanswered({ ...ftp.ends(50001, {}, "server"), retries: 3 });
  const failed = ftp.control.server("425 Failed to establish connection.\r\n");
  ftp.quit();
  const channels = ftp.channels();
  judges(channels[0], "ok");
  shows(channels[1], {
    outcome: "refused",
    cause: CAUSE,
    confidence: "certain",
    evidence: [used.command, used.reply],
    says: /LIST after the PORT before it has served a transfer/,
  });
  judges(channels[2], "failed", "active-inbound-blocked");
  assert.deepEqual(
    channels.map(({ negotiation, connection }) => [negotiation?.commandPacket, connection?.synCount]),
    [
      [port.command, 1],
      [port.command, undefined],
      [port.command, syns.length],
    ],
  );
  assert.ok(channels[2].evidence.some(({ packet }) => packet === failed));
});
