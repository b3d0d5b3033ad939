import assert from "node:assert/strict";
import { test } from "node:test";
import { AnomalyLog } from "../../src/anomaly.ts";
import { decodeText, type Line, LineSplitter, MAX_LINE_BYTES } from "../../src/ftp/line.ts";

const stamp = (packet: number) => ({ packet, time: packet, acknowledged: -1, ttl: 64 });

function splitter() {
  const lines: Line[] = [];
  const anomalies = new AnomalyLog();
  const made = new LineSplitter("client", (line) => lines.push(line), anomalies);
  let offset = 0;
  let packet = 0;
  const feed = (text: string) => {
    const bytes = Buffer.from(text, "latin1");
    packet++;
    for (let at = 0; at < bytes.length; ) {
      const next = made.push(bytes, at, bytes.length, offset, stamp(packet));
      offset += next - at;
      at = next;
    }
  };
  return { made, feed, lines, anomalies };
}

const texts = (lines: readonly Line[]) => lines.map(({ text, cut }) => (cut ? `${text} [cut]` : text));

test("line ends: CR LF, LF, CR CR LF; CR NUL and a lone CR are within the line", () => {
  const { feed, lines } = splitter();
  feed("a\r\nb\nc\r\r\nd\r\0e\r\nf\rg\r\n\r\n");
  assert.deepEqual(texts(lines), ["a", "b", "c", "d\re", "f\rg", ""]);
});

test("offsets take line ends and Telnet bytes in, stamps are of the first and last byte", () => {
  const { feed, lines } = splitter();
  feed("ab\r\n\xff\xf4x");
  feed("y\xff");
  feed("\xf2z\r");
  feed("\n");
  assert.deepEqual(
    lines.map(({ text, startAt, endAt, firstStamp, stamp: last }) => [
      text,
      startAt,
      endAt,
      firstStamp.packet,
      last.packet,
    ]),
    [
      ["ab", 0, 4, 1, 1],
      ["xyz", 4, 13, 1, 4],
    ],
  );
});

test("Telnet: IP, DM, negotiation with an option that looks like LF, IAC IAC, ÿ of a client that knows no Telnet", () => {
  const { feed, lines } = splitter();
  feed("\xff\xf4\xff\xf2ABOR\r\n\xff\xfb\nNOOP\r\nRETR a\xff\xffb\r\n\xff\xfd");
  feed("\nPWD\r\nRETR \xffe\r\n");
  assert.deepEqual(texts(lines), ["ABOR", "NOOP", "RETR aÿb", "PWD", "RETR ÿe"]);
});

test("a line that is too long is cut, skipped to its end, and counted", () => {
  const { feed, lines, anomalies } = splitter();
  feed(`${"x".repeat(MAX_LINE_BYTES)}\r\n`);
  for (let i = 0; i < 20; i++) feed("y".repeat(1000));
  feed("\r\nnext\r\n");
  assert.equal(lines.length, 3);
  assert.deepEqual([lines[0].cut, lines[0].text.length], [false, MAX_LINE_BYTES]);
  assert.deepEqual([lines[1].cut, lines[1].text.length], [true, MAX_LINE_BYTES]);
  assert.equal(lines[1].endAt - lines[1].startAt, 20_002);
  assert.equal(lines[2].text, "next");
  assert.equal(anomalies.count("ftp-line-too-long"), 1);
});

test("gap and end: a line in hand is cut; Telnet bytes alone are no line", () => {
  const { made, feed, lines } = splitter();
  feed("RETR fi");
  made.gap("lost");
  feed("\xff\xf4");
  made.gap("lost");
  made.distrustNext();
  feed("226 Tr");
  made.gap("lost");
  made.distrustNext();
  feed("227 Ent");
  made.gap("snaplen");
  made.distrustNext();
  feed("200 ok\r\nQUI");
  made.gap("lost");
  feed("221");
  made.finish();
  made.finish();
  assert.deepEqual(texts(lines), ["RETR fi [cut]", "227 Ent [cut]", "200 ok", "QUI [cut]", "221 [cut]"]);
});

test("text: UTF-8, Latin-1 where it is none, a sequence cut in two", () => {
  const decode = (bytes: number[], cut = false) => decodeText(Uint8Array.from(bytes), 0, bytes.length, cut);
  assert.equal(decode([0x63, 0x61, 0x66, 0xc3, 0xa9]), "café");
  assert.equal(decode([0x63, 0x61, 0x66, 0xe9]), "café");
  assert.equal(decode([0x63, 0xc3], true), "c");
  assert.equal(decode([0x63, 0xe2, 0x82], true), "c");
  assert.equal(decode([0x63, 0xc3, 0xa9], true), "cé");
  assert.equal(decode([0x63, 0xc3]), "cÃ");
  assert.equal(decode([0xef, 0xbb, 0xbf, 0x61]), "\ufeffa");
});
