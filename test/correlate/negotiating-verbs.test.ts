import assert from "node:assert/strict";
import { test } from "node:test";
import { isNegotiation, VERBS } from "../../src/ftp/command.ts";
import { Dialogue } from "../diagnose/dialogue.ts";

/** What each negotiating verb is answered with by a server at 203.0.113.5 (RFC 959, 1639, 2428; SPSV: Pure-FTPd), and what the report calls it. */
const ANSWERS: readonly (readonly [asked: string, reply: string, verb: string])[] = [
  ["PASV", "227 Entering Passive Mode (203,0,113,5,195,81).", "PASV"],
  ["P@SW", "227 Entering Passive Mode (203,0,113,5,195,81).", "PASV"],
  ["CPSV", "227 Entering Passive Mode (203,0,113,5,195,81).", "PASV"],
  ["SPSV", "227 Entering Passive Mode (203,0,113,5,195,81).", "PASV"],
  ["SPSV", "229 Extended Passive mode OK (|||50001|)", "EPSV"],
  ["EPSV", "229 Entering Extended Passive Mode (|||50001|)", "EPSV"],
  ["LPSV", "228 Entering Long Passive Mode (4,4,203,0,113,5,2,195,81)", "LPSV"],
  ["PORT 192,0,2,10,195,81", "200 PORT command successful.", "PORT"],
  ["EPRT |1|192.0.2.10|50001|", "200 EPRT command successful.", "EPRT"],
  ["LPRT 4,4,192,0,2,10,2,195,81", "200 LPRT command successful.", "LPRT"],
];

test("each verb that negotiates makes a data channel, which gets its connection", () => {
  for (const [asked, reply, verb] of ANSWERS) {
    const ftp = new Dialogue().login();
    ftp.ask(asked, reply);
    const data = asked.includes(" ") ? ftp.dialBack(50001) : ftp.dial(50001);
    ftp.list(data);
    ftp.quit();
    const channel = ftp.channel();
    const { negotiation, connection, outcome } = channel;
    assert.deepEqual([negotiation?.verb, negotiation?.advertised?.port, outcome], [verb, 50001, "ok"], asked);
    assert.equal(connection?.match, "exact", asked);
  }
});

test("the table of answers has every verb that negotiates", () => {
  const answered = new Set(ANSWERS.map(([asked]) => asked.split(" ")[0]));
  assert.deepEqual(VERBS.filter(isNegotiation).toSorted(), [...answered].sort());
});
