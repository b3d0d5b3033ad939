import assert from "node:assert/strict";
import { test } from "node:test";
import { analyzeCapture } from "../../../src/index.ts";
import { CaptureBuilder } from "../../support/capture-builder.ts";
import { Dialogue } from "../dialogue.ts";
import { FALLBACK_SECONDS, FALLBACK_SESSIONS } from "../thresholds.ts";
import { findingsOf, SERVER } from "./sessions.ts";

/** Sessions whose EPSV is refused after some seconds, and whose PASV works. @returns the packets with EPSV */
function fallBack(net: CaptureBuilder, sessions: number, seconds: number): number[] {
  return Array.from({ length: sessions }, (_, i) => {
    const control = net.connect({ client: `203.0.113.9:${40000 + 2 * i}`, server: `${SERVER}:21` });
    control.server("220 ready\r\n");
    control.client("USER anonymous\r\n");
    control.server("230 logged in\r\n");
    const epsv = control.client("EPSV\r\n");
    net.wait(seconds * 1000);
    control.server("500 EPSV not understood\r\n");
    control.client("PASV\r\n");
    control.server("227 Entering Passive Mode (198,51,100,7,195,80).\r\n");
    const data = net.connect({ client: `203.0.113.9:${40001 + 2 * i}`, server: `${SERVER}:50000` });
    control.client("LIST\r\n");
    control.server("150 here it comes\r\n");
    data.serverData(10);
    data.finish("server");
    control.server("226 done\r\n");
    control.finish("client");
    return epsv;
  });
}

test("EPSV refused and PASV used is a cost, not a failure", () => {
  const net = new CaptureBuilder();
  const [epsv] = fallBack(net, 1, 4);
  const analysis = analyzeCapture(net.build());
  assert.deepEqual(
    analysis.sessions[0].dataChannels.map(({ outcome, cause }) => [outcome, cause]),
    [
      ["refused", "epsv-refused"],
      ["ok", null],
    ],
  );
  const [finding] = analysis.findings;
  assert.equal(finding.id, "epsv-fallback");
  assert.equal(finding.evidence[0].packet, epsv);
  assert.match(finding.title, /once; it cost 4\.\d s in all/);
});

test("a fallback that cost nothing is told where it is the rule, not where it happened once", () => {
  const told = (sessions: number, seconds: number) => {
    const net = new CaptureBuilder();
    fallBack(net, sessions, seconds);
    return findingsOf(net).map(({ id }) => id);
  };
  assert.deepEqual(told(FALLBACK_SESSIONS, 0), ["epsv-fallback"]);
  assert.deepEqual(told(FALLBACK_SESSIONS - 1, 0), []);
  assert.deepEqual(told(1, FALLBACK_SECONDS), ["epsv-fallback"]);
  assert.deepEqual(told(1, FALLBACK_SECONDS - 0.2), []);
});

test("EPSV that is granted and filtered costs as much; one that was not tried, or of which nothing is known, is not counted", () => {
  const told = (attempt: "filtered" | "untried" | "unseen") => {
    const ftp = new Dialogue().login();
    for (let i = 0; i < FALLBACK_SESSIONS; i++) {
      if (attempt === "unseen") {
        ftp.control.client("EPSV\r\n");
        ftp.net.uncaptured(() => ftp.control.server(`${ftp.texts.epsv(50000 + i)}\r\n`));
      } else ftp.extended(50000 + i);
      if (attempt === "filtered") ftp.net.synUnanswered({ ...ftp.ends(50000 + i), retries: 2 });
      else ftp.pause(FALLBACK_SECONDS + 1);
      ftp.passive(50010 + i);
      ftp.list(ftp.dial(50010 + i));
    }
    ftp.quit();
    return findingsOf(ftp.net).flatMap(({ id }) => (id === "passive-range" ? [] : [id]));
  };
  assert.deepEqual(told("filtered"), ["epsv-fallback"]);
  assert.deepEqual(told("untried"), []);
  assert.deepEqual(told("unseen"), []);
});

test("EPSV that worked is none that does not: the file is missing, or the client gives up the transfer", () => {
  for (const [reply, last] of [
    ["550 Failed to open file.", null],
    ["150 Opening data connection.", "ABOR"],
  ] as const) {
    const ftp = new Dialogue().login();
    for (let i = 0; i < FALLBACK_SESSIONS; i++) {
      ftp.extended(50000 + i);
      const data = ftp.dial(50000 + i);
      ftp.ask("RETR file", reply);
      if (last !== null) ftp.ask(last, "426 Failure writing network stream.", "226 ABOR ok.");
      data.finish("server");
      ftp.pause(FALLBACK_SECONDS + 1);
      ftp.passive(50010 + i);
      ftp.list(ftp.dial(50010 + i));
    }
    ftp.quit();
    assert.deepEqual(findingsOf(ftp.net), []);
  }
});
