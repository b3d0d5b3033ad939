import assert from "node:assert/strict";
import { test } from "node:test";
import { AnomalyLog } from "../../src/anomaly.ts";
import type { ReplyEvent } from "../../src/ftp/control-event.ts";
import type { Line } from "../../src/ftp/line.ts";
import { MAX_REPLY_LINES, RESYNCHRONISE_AFTER_LINES, ReplyAssembler, replyCode } from "../../src/ftp/reply.ts";

function assembler() {
  const said: string[] = [];
  const replies: ReplyEvent[] = [];
  const anomalies = new AnomalyLog();
  const made = new ReplyAssembler(
    {
      reply: (reply) => {
        replies.push(reply);
        said.push(`${reply.code} ${reply.lines.join(" / ")}${reply.cut ? " [cut]" : ""}`);
      },
      odd: (line) => said.push(`odd ${line.text}`),
    },
    anomalies,
  );
  let at = 0;
  const say = (...texts: string[]) => {
    for (const text of texts) {
      const stamp = { packet: ++at, time: at, acknowledged: -1, ttl: 64 };
      const line: Line = { text, startAt: at * 10, endAt: at * 10 + 9, firstStamp: stamp, stamp, cut: false };
      made.line(line);
    }
  };
  return { made, say, said, replies, anomalies };
}

test("heads: three digits of 100 … 699, then a space, a tab, a hyphen or nothing", () => {
  const codes = ["227 x", "220-x", "226", "632\tx"].map(replyCode);
  assert.deepEqual(codes, [227, 220, 226, 632]);
  for (const text of ["", "22", "2200", "099 x", "700 x", "22a x", " 220 x", "220x", "220:"])
    assert.equal(replyCode(text), -1, text);
});

test("a multi-line reply ends at its own code and a space, or its bare code", () => {
  const { say, said, replies } = assembler();
  say("230-Welcome", "226 files served today", "226-and", "", " 230 indented is inside", "230-more", "230 in");
  say("211-Features:", " MDTM", "211", "200 ok");
  assert.deepEqual(said, [
    "230 Welcome / 226 files served today / 226-and /  /  230 indented is inside / more / in",
    "211 Features: /  MDTM / ",
    "200 ok",
  ]);
  assert.deepEqual(
    [replies[0].startAt, replies[0].endAt, replies[0].firstStamp.packet, replies[0].stamp.packet],
    [10, 79, 1, 7],
  );
});

test("codes outside any reply, blank lines, others", () => {
  const { say, said } = assembler();
  say("", "   ", "hello", "USER x", "500");
  assert.deepEqual(said, ["odd hello", "odd USER x", "500 "]);
});

test("after a gap another code ends the reply in hand; the same one goes on with it", () => {
  const { made, say, said } = assembler();
  say("220-Welcome");
  made.gap();
  say("  rest", "331 go on", "230-a");
  made.gap();
  say("230 b", "200 ok");
  made.gap();
  say("220-may be the second line", "220 x");
  assert.deepEqual(said, [
    "220 Welcome /   rest [cut]",
    "331 go on",
    "230 a / b [cut]",
    "200 ok",
    "220 may be the second line / x [cut]",
  ]);
});

test("so many lines and no end: another code is believed again", () => {
  const { made, say, said, anomalies, replies } = assembler();
  say("220-Welcome");
  for (let i = 0; i < RESYNCHRONISE_AFTER_LINES; i++) say(`331 line ${i}`);
  say("331 go on");
  assert.equal(said.at(-1), "331 go on");
  assert.equal(replies[0].lines.length, MAX_REPLY_LINES);
  assert.ok(replies[0].cut);
  assert.equal(anomalies.count("ftp-reply-too-long"), RESYNCHRONISE_AFTER_LINES - MAX_REPLY_LINES);
  say("211-x");
  made.finish();
  made.finish();
  assert.equal(said.at(-1), "211 x [cut]");
});

test("the last line is kept however long the reply was", () => {
  const { say, said, replies } = assembler();
  say("226-first", ...new Array<string>(100).fill("x".repeat(100)), "226 Transfer complete");
  assert.equal(said.length, 1);
  assert.equal(replies[0].lines.at(-1), "Transfer complete");
  assert.ok(!replies[0].cut);
});
