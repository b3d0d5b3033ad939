import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Dialogue } from "../diagnose/dialogue.ts";

/** What is said of each channel: verb and path of its transfer, replies, outcome. */
function told(ftp: Dialogue) {
  return ftp
    .channels()
    .map(({ transfer, outcome }) => [`${transfer?.verb} ${transfer?.path}`, transfer?.replies, outcome]);
}

/** RETR over the connection. */
function retrieve(ftp: Dialogue, data: ReturnType<Dialogue["dial"]>): void {
  ftp.ask("RETR file", "150 Opening BINARY mode data connection for file (1000 bytes).");
  data.serverData(1000);
  data.finish("server");
  ftp.control.server("226 Transfer complete.\r\n");
}

describe("a command that is turned down leaves the data connection to the next", () => {
  for (const [refused, reply] of [
    ["RETR nofile", "550 Failed to open file."],
    ["MLSD", "500 Unknown command."],
  ])
    test(`${refused}, as vsftpd, Pure-FTPd and pyftpdlib have it`, () => {
      const passive = new Dialogue().login();
      passive.passive(50001);
      const data = passive.dial(50001);
      passive.ask(refused, reply);
      passive.ask("TYPE I", "200 Switching to Binary mode.");
      retrieve(passive, data);
      passive.quit();
      assert.deepEqual(told(passive), [["RETR file", [150, 226], "ok"]]);

      const active = new Dialogue().login();
      active.active(50001);
      active.ask(refused, reply);
      retrieve(active, active.dialBack(50001));
      active.quit();
      assert.deepEqual(told(active), [["RETR file", [150, 226], "ok"]]);
    });
});

test("where nothing was opened for any of them, the first counts", () => {
  const ftp = new Dialogue().login();
  ftp.passive(50001);
  ftp.dial(50001);
  ftp.ask("RETR nofile", "550 Failed to open file.");
  ftp.ask("RETR other", "550 Failed to open file.");
  ftp.quit();
  assert.deepEqual(told(ftp), [["RETR nofile", [550], "refused"]]);
});

test("what the server says of the data connection, or of its protection, is the channel's", () => {
  for (const reply of ["425 Failed to establish connection.", "522 Data connections must be encrypted."]) {
    const ftp = new Dialogue().login();
    ftp.passive(50001);
    ftp.dial(50001);
    ftp.ask("RETR file", reply);
    ftp.ask("LIST", ftp.texts.list, ftp.texts.sent);
    ftp.quit();
    assert.deepEqual(told(ftp)[0].slice(0, 2), ["RETR file", [Number(reply.slice(0, 3))]]);
  }
});

test("a later transfer behind a hole may have had a negotiation of its own", () => {
  const ftp = new Dialogue().login();
  ftp.passive(50001);
  ftp.dial(50001);
  ftp.ask("RETR nofile", "550 Failed to open file.");
  const lost = ftp.ask("NOOP", "200 NOOP ok.");
  ftp.ask("LIST", ftp.texts.list, ftp.texts.sent);
  ftp.quit();
  ftp.net.drop(lost.command, lost.reply);
  assert.deepEqual(told(ftp)[0].slice(0, 2), ["RETR nofile", [550]]);
});

test("a transfer that nobody answers takes nothing over, nor one behind a refusal that had begun or may be another's", () => {
  const paths = (replies: readonly string[], last: readonly string[]) => {
    const ftp = new Dialogue().login();
    ftp.passive(50001);
    ftp.dial(50001);
    ftp.ask("RETR first", ...replies);
    ftp.ask("RETR second", ...last);
    ftp.quit();
    return told(ftp).map(([path]) => path);
  };
  assert.deepEqual(paths(["550 Failed to open file."], []), ["RETR first"]);
  const begun = ["150 Opening BINARY mode data connection.", "550 Failed to open file."];
  assert.deepEqual(paths(begun, ["150 Opening BINARY mode data connection.", "226 Transfer complete."]), [
    "RETR first",
  ]);
});

test("a refusal behind a hole in what the server said may be of a transfer that had begun", () => {
  const ftp = new Dialogue().login();
  ftp.passive(50001);
  ftp.dial(50001);
  const first = ftp.ask("RETR first", "150 Opening BINARY mode data connection.", "550 Failed to open file.");
  ftp.ask("RETR second", "150 Opening BINARY mode data connection.", "226 Transfer complete.");
  ftp.quit();
  ftp.net.drop(first.replies[0]);
  assert.deepEqual(told(ftp)[0].slice(0, 2), ["RETR first", [550]]);
});
