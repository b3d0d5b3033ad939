import assert from "node:assert/strict";
import { test } from "node:test";
import { DataRecords } from "../../src/tls/data-records.ts";

test("a greeting is one only if its code and what follows it are in the segment", () => {
  // Behind the segment the buffer goes on with what belongs to other packets.
  const buffer = Buffer.from("220 ready\r\n", "latin1");
  for (const [length, greets] of [
    [3, false],
    [4, true],
    [buffer.length, true],
  ] as const) {
    const records = new DataRecords();
    records.payload(false, 0, buffer, 0, length, 1, 0, -1);
    assert.deepEqual([records.responder.greets, records.responder.state], [greets, "cleartext"], `${length}`);
    assert.equal(records.originator.greets, false);
    // A byte before the stream, as keep-alive probes have (RFC 9293 section 3.8.4), is none of the greeting's.
    const probed = new DataRecords();
    probed.payload(false, -1, Buffer.concat([Buffer.of(0), buffer]), 0, 1 + length, 1, 0, -1);
    assert.equal(probed.responder.greets, greets, `${length} behind a byte of a probe`);
  }
});
