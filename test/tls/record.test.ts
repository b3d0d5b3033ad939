import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AnomalyLog } from "../../src/anomaly.ts";
import type { TlsHello } from "../../src/tls/hello.ts";
import {
  couldBeRecordHeader,
  looksLikeRecordHeader,
  MAX_RECORD_LENGTH,
  RecordReader,
  type TlsRecord,
} from "../../src/tls/record.ts";
import { helloMessage, join, record } from "./hello-bytes.ts";

const stamp = (packet: number) => ({ packet, time: packet, acknowledged: -1, ttl: 64 });

function reader() {
  const records: TlsRecord[] = [];
  const hellos: { hello: TlsHello; packet: number }[] = [];
  const anomalies = new AnomalyLog();
  const made = new RecordReader(
    { record: (each) => records.push(each), hello: (hello, { packet }) => hellos.push({ hello, packet }) },
    anomalies,
  );
  /** Feeds all of `bytes` in pieces of `size`, each a packet of its own. */
  const feed = (bytes: Uint8Array, size = bytes.length, startAt = 0) => {
    let packet = 0;
    for (let from = 0; from < bytes.length; from += size) {
      packet++;
      const to = Math.min(from + size, bytes.length);
      for (let at = from; at < to; ) at = made.push(bytes, at, to, startAt + at, stamp(packet));
    }
  };
  return { made, feed, records, hellos, anomalies };
}

test("what a record header looks like", () => {
  const header = (...bytes: number[]) => looksLikeRecordHeader(Uint8Array.from(bytes), 0, bytes.length);
  for (const type of [20, 21, 22, 23, 24]) assert.ok(header(type, 3, 3, 0, 19));
  for (const minor of [0, 1, 2, 3, 4]) assert.ok(header(22, 3, minor, 1, 0));
  assert.ok(header(23, 3, 3, MAX_RECORD_LENGTH >> 8, MAX_RECORD_LENGTH & 0xff));
  assert.ok(!header(23, 3, 3, MAX_RECORD_LENGTH >> 8, (MAX_RECORD_LENGTH & 0xff) + 1));
  assert.ok(!header(19, 3, 3, 0, 1));
  assert.ok(!header(25, 3, 3, 0, 1));
  assert.ok(!header(22, 2, 3, 0, 1));
  assert.ok(!header(22, 3, 5, 0, 1));
  assert.ok(!header(22, 3, 3, 0), "four bytes are no header yet");
  assert.ok(!header(...Buffer.from("220 r")));
  const bytes = Uint8Array.from([22, 3, 3, 0x48, 1]);
  assert.deepEqual(
    [1, 2, 3, 4, 5].map((to) => couldBeRecordHeader(bytes, 0, to)),
    [true, true, true, true, false],
  );
});

test("records, offsets and stamps, however the bytes come", () => {
  const bytes = join(
    record(22, new Uint8Array(30).fill(9)),
    record(20, [1]),
    record(23, []),
    record(23, new Uint8Array(300)),
  );
  const expected = [
    [22, 30, 0, 35],
    [20, 1, 35, 41],
    [23, 0, 41, 46],
    [23, 300, 46, 351],
  ];
  for (const size of [1, 2, 3, 4, 5, 6, 7, 50, 400]) {
    const { feed, records } = reader();
    feed(bytes, size, 1000);
    assert.deepEqual(
      records.map(({ contentType, length, startAt, endAt }) => [contentType, length, startAt - 1000, endAt - 1000]),
      expected,
      `pieces of ${size}`,
    );
    for (const { endAt, stamp: last } of records) assert.equal(last.packet, Math.ceil((endAt - 1000) / size));
  }
});

test("the first hello: over several records, once, with the stamp of its last byte", () => {
  const hello = helloMessage({ role: "client", sessionId: [0xab, 0x01], extensions: [[43, [2, 3, 4]]] });
  const bytes = join(
    record(22, hello.subarray(0, 2)),
    record(22, hello.subarray(2)),
    record(22, hello),
    record(23, [1]),
  );
  for (const size of [1, 9, 1000]) {
    const { feed, hellos } = reader();
    feed(bytes, size);
    assert.equal(hellos.length, 1);
    assert.deepEqual([hellos[0].hello.sessionId, hellos[0].hello.version], ["ab01", 0x0304]);
    assert.equal(hellos[0].packet, Math.ceil((10 + hello.length) / size));
  }
});

test("handshake messages that are no hello are none, and no anomaly", () => {
  const { feed, hellos, anomalies } = reader();
  feed(join(record(22, [11, 0, 0, 1, 0]), record(22, helloMessage({ role: "server" }))));
  assert.deepEqual([hellos.length, anomalies.list().length], [0, 0]);
});

test("a gap in a record's body keeps the framing, one beyond it does not", () => {
  const inside = reader();
  inside.feed(record(23, new Uint8Array(100)).subarray(0, 20));
  assert.ok(inside.made.skip(85, stamp(7)));
  assert.ok(inside.made.atBoundary);
  assert.deepEqual(
    inside.records.map(({ length, stamp: last }) => [length, last.packet]),
    [[100, 7]],
  );
  const beyond = reader();
  beyond.feed(record(23, new Uint8Array(100)).subarray(0, 20));
  assert.ok(!beyond.made.skip(86, stamp(7)));
  assert.equal(beyond.records.length, 1, "its header was seen");
  assert.ok(!reader().made.skip(1, stamp(1)), "at a boundary nothing tells where the next record begins");
});

test("a gap in a hello: what is there is read; what follows in the record is not mistaken for another", () => {
  const hello = helloMessage({ role: "client", sessionId: [0xab, 0x01], extensions: [[43, [2, 3, 4]]] });
  const bytes = record(22, hello);
  const { made, feed, hellos, records } = reader();
  feed(bytes.subarray(0, 50));
  assert.ok(made.skip(4, stamp(5)));
  assert.deepEqual(
    hellos.map(({ hello: { sessionId, version }, packet }) => [sessionId, version, packet]),
    [["ab01", 0x0303, 1]],
  );
  feed(bytes.subarray(54), undefined, 54);
  assert.deepEqual([hellos.length, records.length], [1, 1]);
});

test("memory is bounded by 16 KiB whatever length a hello claims", () => {
  const { feed, hellos } = reader();
  const head = [1, 0xff, 0xff, 0xff, 3, 3];
  feed(
    join(
      record(22, [...head, ...new Uint8Array(16000)]),
      record(22, new Uint8Array(16000)),
      record(22, new Uint8Array(16000)),
    ),
  );
  assert.deepEqual(
    hellos.map(({ hello }) => hello.version),
    [0x0303],
  );
});

test("any bytes whatever: no exception, records in order", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 20, max: 24 }), fc.uint8Array({ maxLength: 60 })), { maxLength: 8 }),
      fc.integer({ min: 1, max: 30 }),
      (parts, size) => {
        const { feed, records } = reader();
        feed(join(...parts.map(([type, body]) => record(type, body))), size);
        assert.deepEqual(
          records.map(({ contentType, length }) => [contentType, length]),
          parts.map(([type, body]) => [type, body.length]),
        );
      },
    ),
  );
});
