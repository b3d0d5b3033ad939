import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AnomalyLog } from "../../src/anomaly.ts";
import type { ControlEvent } from "../../src/ftp/control-event.ts";
import { ControlSession } from "../../src/ftp/control-session.ts";
import { DeferredDialogue, DialogueMemory } from "../../src/ftp/deferred-dialogue.ts";
import {
  BLOCK_HEADER,
  BLOCK_USED,
  DIALOGUE_BLOCK_BYTES,
  DIALOGUES,
  MAX_DEFERRED_LINES,
} from "../../src/prefilter/layout.ts";
import { Prefilter } from "../../src/prefilter/prefilter.ts";
import type { ControlStream, Direction, Stamp } from "../../src/tcp/stream-sink.ts";

interface Segment {
  readonly direction: Direction;
  readonly text: string;
}

/** Takes bytes within a larger buffer, as they come from a capture. */
function give<Answer>(
  stream: (...data: Parameters<ControlStream["data"]>) => Answer,
  { direction, text }: Segment,
  n: number,
): Answer {
  const bytes = Uint8Array.from(`??${text}??`, (character) => character.charCodeAt(0));
  const stamp: Stamp = { packet: n + 1, time: 1_700_000_000 + n / 8, acknowledged: n * 10 - 1, ttl: 200 + (n % 50) };
  return stream(direction, bytes, 2, bytes.length - 2, stamp);
}

/** What a reader is handed: direction, text and stamp of each segment. */
function readAll(dialogue: DeferredDialogue) {
  const read: { direction: Direction; text: string; stamp: Stamp }[] = [];
  dialogue.read({
    data: (direction, bytes, from, to, stamp) => {
      read.push({ direction, text: String.fromCharCode(...bytes.subarray(from, to)), stamp });
    },
    gap: () => assert.fail("nothing is missing"),
  });
  return read;
}

function keeps(direction: Direction, text: string): boolean {
  const dialogue = new DeferredDialogue(new DialogueMemory());
  return give((...data) => dialogue.keep(...data), { direction, text }, 0);
}

test("what can wait is handed out as it came", () => {
  const dialogue = new DeferredDialogue(new DialogueMemory());
  const said: Segment[] = [
    { direction: "server", text: "220 ready\r\n" },
    { direction: "client", text: "USER anonymous\r\n" },
    { direction: "server", text: "331 password, please\r\n" },
    { direction: "client", text: "PASS x\r\nSYST\r\nPASV\r\n" },
    { direction: "server", text: "230-Welcome\r\n 227 files\r\n230 .\n" },
    { direction: "server", text: `215 ${"x".repeat(400)}\r\n` },
    { direction: "server", text: `200 ${"y".repeat(400)}\r\n` },
  ];
  assert.ok(dialogue.isEmpty);
  for (const [n, segment] of said.entries()) assert.ok(give((...data) => dialogue.keep(...data), segment, n));
  assert.ok(!dialogue.isEmpty);
  assert.deepEqual(
    readAll(dialogue),
    said.map((segment, n) => ({
      ...segment,
      stamp: { packet: n + 1, time: 1_700_000_000 + n / 8, acknowledged: n * 10 - 1, ttl: 200 + n },
    })),
  );
  assert.ok(dialogue.isEmpty);
  assert.deepEqual(readAll(dialogue), []);
});

test("what negotiates a port cannot wait, wherever it stands among lines", () => {
  for (const command of [
    "PORT 1,2,3,4,5,6",
    "port 1,2,3,4,5,6",
    "EPRT |1|192.0.2.1|5|",
    "LPRT 4,4,1,2,3,4,2,5,6",
    "PORT",
  ])
    for (const before of ["", "TYPE I\r\n"]) assert.ok(!keeps("client", `${before}${command}\r\n`), before + command);
  for (const reply of ["227 (1,2,3,4,5,6)", "228 (4,4,1,2,3,4,2,5,6)", "229 (|||5|)", "227-x", "227"])
    for (const before of ["", "200 ok\r\n"]) assert.ok(!keeps("server", `${before}${reply}\r\n`), before + reply);
  assert.ok(keeps("client", "PASV\r\nEPSV\r\nLPSV\r\n"));
  assert.ok(keeps("server", "220 x\r\n226 x\r\n22\r\n"));
});

test("what is not whole lines of plain text is read at once", () => {
  for (const text of [
    "NOOP",
    "NOOP\r\nNOO",
    "\r\n",
    " NOOP\r\n",
    "\xff\xf4\xff\xf2ABOR\r\n",
    "CWD \xe9\r\n",
    "CWD a\0\r\n",
    "CWD \x7f\r\n",
  ])
    assert.ok(!keeps("client", text), JSON.stringify(text));
  for (const text of ["220 ready", "220 r\xe9ady\r\n", "\x16\x03\x03\0\x02\r\n", `220 ${"x".repeat(500)}\r\n`])
    assert.ok(!keeps("server", text), JSON.stringify(text));
  assert.ok(keeps("server", "   continued\tline\r\n\r\n"));
});

test("a long dialogue is read as it comes, and blocks are used again", () => {
  const memory = new DialogueMemory();
  const blocks = new Set<number>();
  const take = memory.take.bind(memory);
  memory.take = (lines) => {
    const block = take(lines);
    blocks.add(block);
    return block;
  };
  for (let session = 0; session < 50; session++) {
    const dialogue = new DeferredDialogue(memory);
    const keep = (n: number) => give((...data) => dialogue.keep(...data), { direction: "client", text: "NOOP\r\n" }, n);
    for (let n = 0; n < MAX_DEFERRED_LINES; n++) assert.ok(keep(n));
    assert.ok(!keep(MAX_DEFERRED_LINES));
    assert.equal(readAll(dialogue).length, MAX_DEFERRED_LINES);
  }
  // Each line takes 32 bytes.
  assert.ok(blocks.size <= Math.ceil((MAX_DEFERRED_LINES * 32) / 500), `${blocks.size} blocks`);
});

test("sessions that are open at once keep their words apart, over more than one piece of memory", () => {
  const memory = new DialogueMemory();
  const dialogues = Array.from({ length: 5000 }, () => new DeferredDialogue(memory));
  for (const round of [0, 1])
    for (const [n, dialogue] of dialogues.entries())
      assert.ok(give((...data) => dialogue.keep(...data), { direction: "client", text: `CWD ${n} ${round}\r\n` }, n));
  dialogues.forEach((dialogue, n) => {
    assert.deepEqual(
      readAll(dialogue).map(({ text }) => text),
      [`CWD ${n} 0\r\n`, `CWD ${n} 1\r\n`],
    );
  });
});

test("only what lies in the memory of the prefilter is added to by it, and what it adds is told once", () => {
  const { dialogues: tables } = new Prefilter().tables;
  assert.ok(tables);
  const pieceBytes = 2048 * DIALOGUE_BLOCK_BYTES;
  const memory = new DialogueMemory({ ...tables, blocks: tables.blocks.subarray(pieceBytes, 2 * pieceBytes) });
  const dialogues = Array.from({ length: 2050 }, () => new DeferredDialogue(memory));
  const places = dialogues.map((dialogue, n) => {
    assert.equal(dialogue.appendAt, 0);
    assert.ok(give((...data) => dialogue.keep(...data), { direction: "server", text: "220 ready\r\n" }, n));
    return dialogue.appendAt;
  });
  assert.deepEqual(places.slice(2048), [0, 0]);
  assert.deepEqual(
    places.slice(0, 2048),
    Array.from({ length: 2048 }, (_, n) => DIALOGUES + pieceBytes + n * DIALOGUE_BLOCK_BYTES),
  );
  // What another dialogue holds, a client's line, put behind the first one's own as the prefilter would.
  const [one, other] = dialogues;
  assert.ok(give((...data) => other.keep(...data), { direction: "client", text: "NOOP\r\n" }, 7));
  const words = new Int32Array(tables.blocks.buffer);
  const from = (places[1] + BLOCK_HEADER + 40) / 4;
  words.copyWithin((places[0] + BLOCK_HEADER + 40) / 4, from, from + 8);
  words[(places[0] + BLOCK_USED) / 4] = words[(places[1] + BLOCK_USED) / 4];
  const told: string[] = [];
  const tell = () =>
    one.tellAppended({
      appended: (direction, bytes, start, end) =>
        told.push(`${direction} ${String.fromCharCode(...bytes.subarray(start, end))}`),
    });
  tell();
  tell();
  assert.deepEqual(told, ["client NOOP\r\n"]);
  assert.deepEqual(
    readAll(one).map(({ direction, text, stamp: { packet } }) => [direction, text, packet]),
    [
      ["server", "220 ready\r\n", 1],
      ["client", "NOOP\r\n", 8],
    ],
  );
  assert.equal(one.appendAt, 0);
});

const PIECES = [
  ..."220 ready\r\n|220-hello\r\n|220 there\r\n|331 Password\r\n|230 in\r\n|215 UNIX\r\n|200 ok\r\n|234 go\r\n|500 what\r\n".split(
    "|",
  ),
  ..."227 Entering (1,2,3,4,5,6)\r\n|229 Entering (|\r\n|22|7 (1,2,3,4,5,6)\r\n|227-a\r\n|227 b (1,2,3,4,5,6)\r\n".split(
    "|",
  ),
  ..."USER joe\r\n|PASS joe\r\n|SYST\r\n|PASV\r\n|PORT 1,2,3,4,5,6\r\n|PO|RT 1,2,3,4,5,6\r\n|EPRT |AUTH TLS\r\n|\r\n| \r\n|eprt x\r\n".split(
    "|",
  ),
  "\x17\x03\x03\0\x01x",
  "\x16\x03\x01\0\x04\x01\0\0\0",
  "caf\xe9\r\n",
];

test("reading late makes the same events, and none that could not wait is late", () => {
  const segment = fc.record({
    direction: fc.constantFrom<Direction>("client", "server"),
    text: fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 3 }).map((pieces) => pieces.join("")),
  });
  fc.assert(
    fc.property(fc.array(segment, { maxLength: 12 }), (segments) => {
      const parser = (events: ControlEvent[]) =>
        new ControlSession({ serverPort: 21, anomalies: new AnomalyLog(), onEvent: (event) => events.push(event) });
      const atOnce: ControlEvent[] = [];
      const late: ControlEvent[] = [];
      const reader = parser(atOnce);
      const dialogue = new DeferredDialogue(new DialogueMemory());
      let lateReader: ControlSession | null = null;
      segments.forEach((said, n) => {
        give((...data) => reader.data(...data), said, n);
        if (lateReader === null && give((...data) => dialogue.keep(...data), said, n)) {
          // PORT, EPRT, LPRT, 227, 228, 229 and TLS: what others have to know at once.
          assert.ok(!atOnce.some(isUrgent), said.text);
          return;
        }
        lateReader ??= readBy(parser(late), dialogue);
        give((...data) => lateReader!.data(...data), said, n);
      });
      lateReader ??= readBy(parser(late), dialogue);
      reader.finish();
      lateReader.finish();
      assert.deepEqual(late, atOnce);
      assert.equal(lateReader.security, reader.security);
    }),
    { numRuns: 2000 },
  );
});

function readBy(reader: ControlSession, dialogue: DeferredDialogue): ControlSession {
  dialogue.read(reader);
  return reader;
}

function isUrgent(event: ControlEvent): boolean {
  if (event.kind === "command") return ["PORT", "EPRT", "LPRT"].includes(event.verb);
  if (event.kind === "reply") return event.code >= 227 && event.code <= 229;
  return event.kind === "tls-record" || event.kind === "tls-hello";
}
