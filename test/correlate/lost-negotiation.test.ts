import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Dialogue } from "../diagnose/dialogue.ts";

/** RETR over a connection that works. */
function retrieve(ftp: Dialogue, port: number): void {
  const data = ftp.dial(port);
  ftp.control.client("RETR file\r\n");
  ftp.control.server(`${ftp.texts.list}\r\n`);
  data.serverData(1000);
  data.finish("server");
  ftp.control.server(`${ftp.texts.sent}\r\n`);
}

/** RETR whose connection nobody answers, or of which nothing is seen. */
function retrieveInVain(ftp: Dialogue, port: number | null): void {
  ftp.control.client("RETR file\r\n");
  if (port !== null) ftp.net.synUnanswered({ ...ftp.ends(port), retries: 2 });
  ftp.pause(30);
  ftp.control.server(`${ftp.texts.connectFailed}\r\n`);
}

/** What is said of each channel: the port of the connection tied to it, and the verdict. */
function told(ftp: Dialogue): [port: number | undefined, match: string | undefined, outcome: string, cause: string][] {
  return ftp
    .channels()
    .map(({ connection, outcome, cause }) => [
      connection?.responder.port,
      connection?.match,
      outcome,
      cause ?? "no cause",
    ]);
}

describe("two transfers, and the capture lost how the first was negotiated", () => {
  for (const lost of ["reply", "command and reply"] as const) {
    test(`lost ${lost}: its connection is not the second's`, () => {
      const ftp = new Dialogue().login();
      const first = ftp.passive(50001);
      retrieve(ftp, 50001);
      ftp.passive(50002);
      retrieve(ftp, 50002);
      ftp.quit();
      ftp.net.drop(first.reply, ...(lost === "reply" ? [] : [first.command]));
      assert.deepEqual(told(ftp).at(-1), [50002, "exact", "ok", "no cause"]);
      assert.ok(told(ftp).every(([port]) => port !== 50001));
    });
  }
});

describe("two transfers, and the capture lost how the second was negotiated", () => {
  test("on another port: its connection is no translated port of the first", () => {
    const ftp = new Dialogue().login();
    ftp.passive(50001);
    ftp.control.client("RETR file\r\n");
    ftp.control.server(`${ftp.texts.connectFailed}\r\n`);
    const second = ftp.passive(50002);
    retrieve(ftp, 50002);
    ftp.quit();
    ftp.net.drop(second.command, second.reply);
    assert.deepEqual(told(ftp), [[undefined, undefined, "failed", "syn-not-seen"]]);
  });

  for (const lost of ["reply", "command and reply"] as const) {
    test(`on the same port, lost ${lost}: what came after the first had failed is not the first's`, () => {
      const filtered = new Dialogue().login();
      filtered.passive(50001);
      retrieveInVain(filtered, 50001);
      const second = filtered.passive(50001);
      retrieve(filtered, 50001);
      filtered.quit();
      filtered.net.drop(second.reply, ...(lost === "reply" ? [] : [second.command]));
      assert.deepEqual(told(filtered)[0], [50001, "exact", "failed", "data-port-filtered"]);

      const unseen = new Dialogue().login();
      unseen.passive(50001);
      retrieveInVain(unseen, null);
      const again = unseen.passive(50001);
      retrieveInVain(unseen, 50001);
      unseen.quit();
      unseen.net.drop(again.reply, ...(lost === "reply" ? [] : [again.command]));
      assert.deepEqual(told(unseen)[0], [undefined, undefined, "failed", "syn-not-seen"]);
    });
  }

  test("with nothing lost a late connection to the negotiated port stays the first's", () => {
    const ftp = new Dialogue().login();
    ftp.passive(50001);
    retrieveInVain(ftp, null);
    const late = ftp.dial(50001);
    late.finish("client");
    ftp.quit();
    assert.equal(told(ftp)[0]?.[0], 50001);
  });
});
