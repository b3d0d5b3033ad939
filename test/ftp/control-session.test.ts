import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { describe as suite, test } from "node:test";
import fc from "fast-check";
import type { ControlEvent } from "../../src/ftp/control-event.ts";
import { MAX_LINE_BYTES } from "../../src/ftp/line.ts";
import { Dialogue } from "../diagnose/dialogue.ts";
import {
  byByte,
  type Conversation,
  ciphertext,
  describe,
  hold,
  readConversations,
  type Step,
  whole,
} from "./conversation.ts";

const FOLDER = new URL("./conversations/", import.meta.url);
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith(".md") && name !== "README.md");
const CONVERSATIONS = FILES.flatMap((name) => readConversations(new URL(name, FOLDER)));

/** Whether segment starts tell where lines and records begin, so that other segments give other events. */
const needsSegments = ({ steps, midstream, ragged }: Conversation) =>
  midstream || ragged || steps.some(({ gap }) => gap !== undefined);

for (const name of FILES) {
  suite(`conversations/${name}`, () => {
    for (const conversation of readConversations(new URL(name, FOLDER))) {
      test(conversation.title, () => {
        const { events, session } = hold(conversation, whole);
        const said = [...events.map(describe), `= ${session.security}, ${session.state}`];
        assert.deepEqual(said, conversation.expected);
        if (needsSegments(conversation)) return;
        assert.deepEqual(hold(conversation, byByte).events, events, "byte by byte");
        fc.assert(
          fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 }), (sizes) => {
            assert.deepEqual(hold(conversation, pieces(sizes)).events, events);
          }),
          { numRuns: 25 },
        );
      });
    }
  });
}

function pieces(sizes: readonly number[]) {
  let next = 0;
  return (length: number) => {
    const result: number[] = [];
    for (let left = length; left > 0; ) {
      const size = Math.min(sizes[next++ % sizes.length], left);
      result.push(size);
      left -= size;
    }
    return result;
  };
}

test("offsets and stamps: the segment of the last byte, and of a reply's first", () => {
  const steps: Step[] = [
    { direction: "server", bytes: Buffer.from("220-one\r\n220 tw"), gap: undefined },
    { direction: "server", bytes: Buffer.from("o\r\n331 x\r\n"), gap: undefined },
    { direction: "client", bytes: Buffer.from("NOOP\r\nPWD\r\n"), gap: undefined },
  ];
  const { events } = hold({ midstream: false, port: 21, steps }, whole);
  const [greeting, second, noop, pwd] = events as [ControlEvent, ControlEvent, ControlEvent, ControlEvent];
  assert.ok(greeting.kind === "reply" && second.kind === "reply" && noop.kind === "command" && pwd.kind === "command");
  assert.deepEqual(
    [greeting.startAt, greeting.endAt, greeting.firstStamp.packet, greeting.stamp.packet],
    [0, 18, 1, 2],
  );
  assert.deepEqual([second.startAt, second.endAt], [18, 25]);
  assert.deepEqual([noop.startAt, noop.endAt, pwd.startAt, pwd.endAt, pwd.stamp.packet], [0, 6, 6, 11, 3]);
  assert.equal(noop.stamp.acknowledged, 25);
});

test("a gap moves the offsets on", () => {
  const steps: Step[] = [
    { direction: "client", bytes: Buffer.from("NOOP\r\n"), gap: undefined },
    { direction: "client", bytes: new Uint8Array(0), gap: { length: 100, reason: "lost" } },
    { direction: "client", bytes: Buffer.from("PASV\r\n"), gap: undefined },
  ];
  const last = hold({ midstream: false, port: 21, steps }, whole).events.at(-1);
  assert.ok(last?.kind === "command");
  assert.deepEqual([last.startAt, last.endAt], [106, 112]);
});

test("a negative reply to an earlier, pipelined command does not refuse the AUTH", () => {
  const steps: Step[] = [
    { direction: "server", bytes: Buffer.from("220 ready\r\n"), gap: undefined },
    { direction: "client", bytes: Buffer.from("CLNT x\r\n"), gap: undefined },
  ];
  const events: ControlEvent[] = [];
  const { session } = hold({ midstream: false, port: 21, steps }, whole);
  const stamp = (acknowledged: number) => ({ packet: 9, time: 1, acknowledged, ttl: 64 });
  const send = (direction: "client" | "server", text: string, acknowledged: number) =>
    session.data(direction, Buffer.from(text), 0, text.length, stamp(acknowledged));
  send("client", "AUTH TLS\r\n", 11);
  send("server", "500 no CLNT\r\n", 8);
  assert.equal(session.state, "auth-requested");
  send("server", "500 no AUTH\r\n", 18);
  assert.equal(session.state, "cleartext");
  assert.equal(events.length, 0);
});

suite("gap sweep", () => {
  for (const conversation of CONVERSATIONS.filter((each) => !needsSegments(each))) {
    test(conversation.title, () => {
      // One hole of every length at every place of each direction: nothing may be said that the whole conversation does not say.
      // Of a reply the last lines may be all that is left, or an inner line that looks like a reply.
      const saidWhole = hold(conversation, whole).events;
      const texts = new Set(saidWhole.map(describe));
      const wasSaid = (event: ControlEvent) =>
        texts.has(describe(event)) ||
        (event.kind === "reply" &&
          saidWhole.some(
            (reply) =>
              reply.kind === "reply" &&
              ((reply.code === event.code && reply.lines.slice(-event.lines.length).join() === event.lines.join()) ||
                reply.lines.includes(`${event.code} ${event.lines[0]}`)),
          ));
      for (const direction of ["client", "server"] as const) {
        const total = conversation.steps.reduce(
          (sum, step) => sum + (step.direction === direction ? step.bytes.length : 0),
          0,
        );
        for (let at = 0; at < total; at += 1 + Math.floor(total / 120)) {
          for (const length of [1, 2, 5, 17, 60]) {
            const { events } = hold(
              { ...conversation, steps: withHole(conversation.steps, direction, at, length) },
              whole,
            );
            for (const event of events) {
              if (event.kind === "gap" || event.kind === "odd-line" || event.kind === "tls-hello") continue;
              if ("cut" in event && event.cut) continue;
              assert.ok(wasSaid(event), `${describe(event)} with ${length} bytes missing at ${at} of the ${direction}`);
            }
          }
        }
      }
    });
  }
});

/** The same steps with bytes `at` … `at + length` of one direction replaced by a gap. */
function withHole(steps: readonly Step[], direction: "client" | "server", at: number, length: number): Step[] {
  const result: Step[] = [];
  let offset = 0;
  let missing = 0;
  const flush = () => {
    if (missing > 0) result.push({ direction, bytes: new Uint8Array(0), gap: { length: missing, reason: "lost" } });
    missing = 0;
  };
  for (const step of steps) {
    if (step.direction !== direction) {
      result.push(step);
      continue;
    }
    const from = Math.min(Math.max(at - offset, 0), step.bytes.length);
    const to = Math.min(Math.max(at + length - offset, 0), step.bytes.length);
    offset += step.bytes.length;
    if (from > 0) result.push({ ...step, bytes: step.bytes.subarray(0, from) });
    missing += to - from;
    if (to < step.bytes.length) {
      flush();
      if (to > 0 || from === 0) result.push({ ...step, bytes: step.bytes.subarray(to) });
    }
  }
  flush();
  return result;
}

suite("fuzz", () => {
  const fragment = fc.oneof(
    fc
      .constantFrom(
        "220 ready\r\n",
        "220-x\r\n",
        "230 in\r\n",
        "234 go\r\n",
        "500 no\r\n",
        "AUTH TLS\r\n",
        "PASV\r\n",
        "RETR ",
        "\r\n",
        "\n",
        "\r",
        "\0",
        "\r\nPASS CANARY\r\n",
        "\r\npass  CANARY\r\n",
        "\r\n\xffPASS CANARY\r\n",
        "\r\nPASS\xff\xf1 CANARY\r\n",
        "\nACCT CANARY\n",
        "\r\nADAT CANARY\r\n",
        "\r\nSITE PSWD CANARY\r\n",
        "\r\nXPASS CANARY\r\n",
        "\xff\xf4",
        "\xff",
        "\x16\x03\x01\x00\x05hello",
        "\x17\x03\x03\x00\x03abc",
        "\x15\x03\x03\x00\x02\x01\x00",
        "\x16\x03",
        "\x17",
      )
      .map((text) => Buffer.from(text, "latin1")),
    fc.uint8Array({ maxLength: 40 }),
  );
  const step = fc.record({
    direction: fc.constantFrom("client" as const, "server" as const),
    bytes: fc.array(fragment, { maxLength: 4 }).map((parts) => new Uint8Array(Buffer.concat(parts))),
    gap: fc.option(
      fc.record({
        length: fc.integer({ min: 1, max: 400 }),
        reason: fc.constantFrom("lost" as const, "snaplen" as const),
      }),
      { nil: undefined, freq: 6 },
    ),
  });

  test("nothing throws, nothing leaks a secret, ranges are in order", () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 25 }),
        fc.boolean(),
        fc.integer({ min: 1, max: 30 }),
        (steps, midstream, size) => {
          const { events } = hold({ midstream, port: 21, steps }, pieces([size]));
          // What a server echoes in a reply is beyond this: a password there is printed by the server itself.
          const ours = JSON.stringify(events.filter(({ kind }) => kind !== "reply"));
          assert.ok(!ours.includes("CANARY"), ours);
          const ends = { client: 0, server: 0 };
          for (const event of events) {
            if (!("startAt" in event)) continue;
            assert.ok(event.startAt <= event.endAt);
            const direction = event.kind === "command" ? "client" : event.kind === "reply" ? "server" : event.direction;
            if (event.kind === "reply") continue; // an odd line cannot stand inside, but the reply comes at its end
            // A hole that the snaplen makes stands within the record whose header was seen.
            const within = event.kind === "odd-line" || event.kind === "gap";
            assert.ok(event.startAt >= ends[direction] || within, describe(event));
            ends[direction] = Math.max(ends[direction], event.endAt);
          }
        },
      ),
      { numRuns: 1500 },
    );
  });

  test("a hole tells its place in the stream, within the record that it is cut out of", () => {
    const said = (direction: "client" | "server", text: string) => ({
      direction,
      bytes: Buffer.from(text, "latin1"),
      gap: undefined,
    });
    const steps = [
      said("server", "220 ready\r\n"),
      said("client", "AUTH TLS\r\n"),
      said("server", "234 go\r\n"),
      said("client", `\x16\x03\x01\x01\x00${"x".repeat(20)}`),
      { direction: "client" as const, bytes: new Uint8Array(0), gap: { length: 236, reason: "snaplen" as const } },
    ];
    const { events } = hold({ midstream: false, port: 21, steps }, pieces([1000]));
    const gap = events.find(({ kind }) => kind === "gap");
    const record = events.find(({ kind }) => kind === "tls-record");
    assert.ok(gap?.kind === "gap" && record?.kind === "tls-record");
    assert.deepEqual([gap.startAt, gap.endAt, record.endAt], [35, 271, 271]);
  });

  test("a mutated conversation never throws", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...CONVERSATIONS),
        fc.array(fc.tuple(fc.nat(5000), fc.nat(255)), { maxLength: 6 }),
        (conversation, changes) => {
          const steps = conversation.steps.map((each) => ({ ...each, bytes: each.bytes.slice() }));
          for (const [place, value] of changes) {
            const { bytes } = steps[place % steps.length];
            if (bytes.length > 0) bytes[place % bytes.length] = value;
          }
          hold({ ...conversation, steps }, pieces([1, 7, 3]));
        },
      ),
      { numRuns: 500 },
    );
  });
});

test("memory is bounded: a line without end, a reply without end", () => {
  const filler = new Uint8Array(60_000).fill(0x61);
  const inner = Buffer.from("inner line\r\n".repeat(4000));
  const endless: Step[] = [{ direction: "client", bytes: Buffer.from("RETR "), gap: undefined }];
  for (let i = 0; i < 50; i++) endless.push({ direction: "client", bytes: filler, gap: undefined });
  endless.push({ direction: "client", bytes: Buffer.from("\r\nPASV\r\n"), gap: undefined });
  endless.push({ direction: "server", bytes: Buffer.from("220-hello\r\n"), gap: undefined });
  for (let i = 0; i < 20; i++) endless.push({ direction: "server", bytes: inner, gap: undefined });
  endless.push({ direction: "server", bytes: Buffer.from("331 next\r\n"), gap: undefined });
  const { events, anomalies } = hold({ midstream: false, port: 21, steps: endless }, whole);
  const [retr, pasv, greeting, next] = events;
  assert.ok(retr.kind === "command" && retr.cut && retr.argument?.length === MAX_LINE_BYTES - 5);
  assert.equal(retr.endAt, 5 + 50 * 60_000 + 2);
  assert.equal(describe(pasv), "C command PASV");
  assert.ok(greeting.kind === "reply" && greeting.cut);
  assert.ok(greeting.lines.join("").length < 9000 && greeting.lines.length <= 65);
  assert.equal(describe(next), "S reply 331 next");
  assert.equal(anomalies.count("ftp-line-too-long"), 1);
  assert.ok(anomalies.count("ftp-reply-too-long") > 0);
});

test("ciphertext joined midstream says nothing", () => {
  // 400 KiB that look like nothing; one in 2^18 segment starts may look like a header, so the seed is fixed.
  const steps: Step[] = Array.from({ length: 300 }, (_, i) => ({
    direction: i % 2 ? ("client" as const) : ("server" as const),
    bytes: ciphertext(1400, i + 3),
    gap: undefined,
  }));
  const { events } = hold({ midstream: true, port: 21, steps }, whole);
  assert.deepEqual(events.map(describe), []);
});

test("Telnet commands past TLS, as Net::FTP sends before it aborts, end no TLS; a verb behind them does", () => {
  const securityBehind = (words: (ftp: Dialogue) => void) => {
    const ftp = new Dialogue().secureLogin();
    ftp.askSealed("PWD", ['257 "/"']);
    words(ftp);
    ftp.control.finish("client");
    return ftp.session().control.security;
  };
  const interrupts = Uint8Array.of(0xff, 0xf4, 0xff);
  assert.equal(
    securityBehind((ftp) => {
      ftp.control.client(interrupts);
      ftp.askSealed("ABOR", ["226 Abort successful"]);
    }),
    "explicit-tls",
  );
  assert.equal(
    securityBehind((ftp) => {
      ftp.askSealed("CCC", ["200 Control channel switched to plaintext."]);
      ftp.control.client(Uint8Array.of(...interrupts, 0xf2, ...new TextEncoder().encode("ABOR\r\n")));
      ftp.control.server("226 Abort successful\r\n");
    }),
    "explicit-tls-then-ccc",
  );
});
