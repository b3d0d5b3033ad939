import assert from "node:assert/strict";
import { test } from "node:test";
import { AnomalyLog } from "../../src/anomaly.ts";
import { BOUNDS } from "../../src/bounds.ts";
import type { ControlEvent } from "../../src/ftp/control-event.ts";
import { type Exchange, pairExchanges } from "../../src/ftp/exchange.ts";

/**
 * A dialogue in which nothing was lost: `verb` of a command, or a reply's code (below 0: it acknowledges nothing); `-` is a hole in the server's
 * stream, `~` the first part of one, `=` a hole in the client's, `+` the same with nothing of the client behind it.
 */
function paired(...said: readonly (string | number)[]): { exchanges: Exchange[]; anomalies: AnomalyLog } {
  const anomalies = new AnomalyLog();
  let client = 0;
  let server = 0;
  let lost = 0;
  const events = said.flatMap((word, i): ControlEvent | [] => {
    const stamp = { packet: i + 1, time: i, acknowledged: -1, ttl: 64 };
    if (typeof word === "number") {
      const startAt = server;
      server += 10;
      const acknowledged = word < 0 ? -1 : client;
      const ofReply = { startAt, endAt: server, firstStamp: { ...stamp, acknowledged }, stamp };
      return { kind: "reply", code: Math.abs(word), lines: ["x"], cut: false, ...ofReply };
    }
    if (word === "~" || word === "-") {
      server += 10;
      lost += 10;
      if (word === "~") return [];
      const length = lost;
      lost = 0;
      const range = { startAt: server - length, endAt: server };
      return { kind: "gap", direction: "server", ...range, length, reason: "lost", stamp };
    }
    if (word === "=" || word === "+") {
      client += 10;
      if (word === "+") return [];
      const range = { startAt: client - 10, endAt: client };
      return { kind: "gap", direction: "client", ...range, length: 10, reason: "lost", stamp };
    }
    const startAt = client;
    client += 10;
    const ofCommand = { startAt, endAt: client, stamp: { ...stamp, acknowledged: server }, cut: false };
    return { kind: "command", verb: word, argument: null, ...ofCommand };
  });
  return { exchanges: pairExchanges(events, anomalies, client), anomalies };
}

/** `LIST 150 226`, with a `?` where the reply may have been lost. */
const told = (exchanges: readonly Exchange[]) =>
  exchanges.map(({ command, replies, replyLost }) =>
    [command?.verb ?? "-", ...replies.map(({ code }) => code), ...(replyLost ? ["?"] : [])].join(" "),
  );

test("a reply finds its command past others that it cannot answer", () => {
  assert.deepEqual(told(paired("LIST", "NOOP", 150, 200, 226).exchanges), ["LIST 150 226", "NOOP 200"]);
  assert.deepEqual(told(paired("NOOP", "PASV", "LIST", 227, 150, 226).exchanges), ["NOOP", "PASV 227", "LIST 150 226"]);
  assert.deepEqual(told(paired(220, "XYZZY", "FROB", 500, 200).exchanges), ["- 220", "XYZZY 500", "FROB 200"]);
});

test("a reply finds its command past many others", () => {
  const asked = Array.from({ length: 7 }, () => "SIZE");
  assert.equal(told(paired(...asked, "PWD", 257).exchanges).at(-1), "PWD 257");
  assert.equal(told(paired(...asked, "-", "PWD", 257).exchanges).at(-1), "PWD 257");
  assert.equal(told(paired("PWD", "-", ...asked.slice(1), "PWD", 257).exchanges).at(-1), "PWD 257");
});

test("what is not understood while a transfer is under way is a command behind it", () => {
  assert.deepEqual(told(paired("RETR", 150, "NOOP", 500, 226).exchanges), ["RETR 150 226", "NOOP 500"]);
  assert.deepEqual(told(paired("RETR", 150, "STAT", 502, 426).exchanges), ["RETR 150 426", "STAT 502"]);
  assert.deepEqual(told(paired("RETR", "NOOP", 500, 200).exchanges), ["RETR 500", "NOOP 200"], "not under way yet");
  assert.deepEqual(told(paired("RETR", 150, 500).exchanges), ["RETR 150 500"], "nothing behind it");
  assert.deepEqual(told(paired("RETR", 150, "NOOP", 451, 200).exchanges), ["RETR 150 451", "NOOP 200"], "another code");
});

test("one 250 answers one CWD", () => {
  assert.deepEqual(told(paired("CWD", "CWD", "CWD", 250).exchanges), ["CWD 250", "CWD", "CWD"]);
});

test("what fits nothing goes to the oldest, but not to a transfer under way", () => {
  assert.deepEqual(told(paired("PASV", 250).exchanges), ["PASV 250"]);
  assert.deepEqual(told(paired("LIST", 150, 229, 226).exchanges), ["LIST 150 226", "- 229"]);
});

test("a yes completes the transfer under way where nothing was asked behind it (aioftp: 200 to MLSD)", () => {
  assert.deepEqual(told(paired("MLSD", 150, 200, "RETR", 550).exchanges), ["MLSD 150 200", "RETR 550"]);
  assert.deepEqual(told(paired("LIST", 150, 250).exchanges), ["LIST 150 250"]);
  assert.deepEqual(told(paired("LIST", 150, "NOOP", 200, 226).exchanges), ["LIST 150 226", "NOOP 200"]);
  // No yes, the yes to another verb, said behind another command, and nobody knows behind what.
  assert.deepEqual(told(paired("LIST", 150, 332, 226).exchanges), ["LIST 150 226", "- 332"]);
  assert.deepEqual(told(paired("LIST", 150, 213, 226).exchanges), ["LIST 150 226", "- 213"]);
  assert.deepEqual(told(paired("LIST", 150, "SIZE", 200, 226, 213).exchanges), ["LIST 150 226", "SIZE 213", "- 200"]);
  assert.deepEqual(told(paired("LIST", 150, -200, 226).exchanges), ["LIST 150 226", "- 200"]);
});

test("a no that was said unasked leaves its command to its own yes", () => {
  const { exchanges } = paired("PASV", 227, "SIZE", 425, "RETR", 213, "PASV", 150, 227);
  assert.deepEqual(told(exchanges), ["PASV 227", "SIZE 213", "- 425", "RETR 150", "PASV 227"]);
  assert.deepEqual(told(paired("REST", 550, "RETR", 350).exchanges), ["REST 350", "- 550", "RETR"]);
  assert.deepEqual(told(paired("TYPE", 425, 200).exchanges), ["TYPE 200", "- 425"]);
  // Its no is its own: another's yes, a yes that a command takes which waits, a transfer that ABOR ends, a session that ends.
  assert.deepEqual(told(paired("TYPE", 500, "PWD", 257).exchanges), ["TYPE 500", "PWD 257"]);
  assert.deepEqual(told(paired("TYPE", 500, "TYPE", 200).exchanges), ["TYPE 500", "TYPE 200"]);
  assert.deepEqual(told(paired("TYPE", 500, 213).exchanges), ["TYPE 500", "- 213"]);
  assert.deepEqual(told(paired("RETR", 150, 426, 226).exchanges), ["RETR 150 426", "- 226"]);
  assert.deepEqual(told(paired("RETR", 425, 226).exchanges), ["RETR 425", "- 226"]);
  assert.deepEqual(told(paired("NOOP", 421, 200).exchanges), ["NOOP 421", "- 200"]);
  // A lost command may have asked for the second reply.
  assert.deepEqual(told(paired("TYPE", 500, "=", 200).exchanges), ["TYPE 500", "- 200"]);
  assert.deepEqual(told(paired("TYPE", 500, "+", 200).exchanges), ["TYPE 500", "- 200"]);
  assert.deepEqual(told(paired("PASV", 425, "+", 227).exchanges), ["PASV 425", "- 227"]);
  assert.deepEqual(told(paired("TYPE", 500, -200).exchanges), ["TYPE 500", "- 200"]);
});

test("a negotiation that was passed over has the grant that comes out of turn", () => {
  assert.deepEqual(told(paired("PASV", "TYPE", 200, 227).exchanges), ["PASV 227", "TYPE 200"]);
  assert.deepEqual(told(paired("PORT", "PWD", 257, "SIZE", 200).exchanges), ["PORT 200", "PWD 257", "SIZE"]);
  assert.deepEqual(told(paired("PASV", "TYPE", 200, -227).exchanges), ["PASV", "TYPE 200", "- 227"]);
  assert.deepEqual(told(paired("EPSV", "PWD", 257, 200).exchanges), ["EPSV", "PWD 257", "- 200"]);
  // Its reply may be in the hole.
  assert.deepEqual(told(paired("PASV", "-", "TYPE", 200, 227).exchanges), ["PASV ?", "TYPE 200", "- 227"]);
  // Granted once.
  assert.deepEqual(told(paired("PASV", "TYPE", 200, 227, 227).exchanges), ["PASV 227", "TYPE 200", "- 227"]);
});

test("what is behind a hole is asked last", () => {
  assert.deepEqual(told(paired("LIST", 150, "-", 500, "TYPE", 200).exchanges), ["LIST 150 500 ?", "TYPE 200"]);
  assert.deepEqual(told(paired("SIZE", "-", "NOOP", "SIZE", 213).exchanges), ["SIZE ?", "NOOP", "SIZE 213"]);
  // One hole for the answers to two commands, of which the client sent the second when it had read the first.
  assert.deepEqual(told(paired("TYPE", "~", "SIZE", "-", "MDTM", 213).exchanges), ["TYPE ?", "SIZE ?", "MDTM 213"]);
});

test("the oldest of too many commands is not waited for any more, and nothing is concluded from its silence", () => {
  const flood = Array.from({ length: BOUNDS.pendingCommands.most }, () => "NOOP");
  const { exchanges, anomalies } = paired("SIZE", "LIST", ...flood, 213, "QUIT", 221);
  const [size, list, ...rest] = told(exchanges);
  assert.deepEqual([size, list], ["SIZE ?", "LIST ?"]);
  // The 213 answers none of those that wait, so it is taken for the oldest one's.
  assert.equal(rest[0], "NOOP 213");
  assert.equal(rest.at(-1), "QUIT 221");
  assert.equal(anomalies.count(BOUNDS.pendingCommands.code), 2);
});
