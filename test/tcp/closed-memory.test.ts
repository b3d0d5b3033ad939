import assert from "node:assert/strict";
import { test } from "node:test";
import { analyzeCapture } from "../../src/analyze.ts";
import { CLOSED_SECONDS } from "../../src/tcp/closed-memory.ts";
import { CaptureBuilder } from "../support/capture-builder.ts";

const ENDS = { client: "192.0.2.10:40000", server: "203.0.113.5:21" };

/** A session that ends in good order, then `later` with a repetition of its QUIT's segment in between the other traffic. */
function afterSession(waitMs: number, later: (net: CaptureBuilder, last: { seq: number; ack: number }) => void) {
  const net = new CaptureBuilder();
  const control = net.connect({ ...ENDS, clientIsn: 1000, serverIsn: 5000 });
  control.server("220 ready\r\n");
  control.client("QUIT\r\n");
  control.server("221 Goodbye.\r\n");
  control.finish("server");
  net.wait(waitMs);
  // Anything lets time pass.
  net.udp({ from: "192.0.2.1:53", to: "192.0.2.2:53", payload: "x" });
  later(net, { seq: 1001, ack: 5012 });
  return analyzeCapture(net.build()).sessions;
}

const repeatQuit = (net: CaptureBuilder, { seq, ack }: { seq: number; ack: number }) =>
  net.segment({ from: ENDS.client, to: ENDS.server, flags: "PA", seq, ack, payload: "QUIT\r\n" });

test("what comes of a settled connection a moment later begins no session", () => {
  assert.equal(afterSession(1000, repeatQuit).length, 1);
});

test("long after it is a session that was joined midstream", () => {
  assert.equal(afterSession((CLOSED_SECONDS + 2) * 1000, repeatQuit).length, 2);
});

test("the SYN again, as a copy on a slower path, begins no session; another SYN does", () => {
  const syn = (seq: number) => (net: CaptureBuilder) => {
    net.segment({ from: ENDS.client, to: ENDS.server, flags: "S", seq });
    net.segment({ from: ENDS.server, to: ENDS.client, flags: "RA", seq: 0, ack: seq + 1 });
  };
  assert.equal(afterSession(1000, syn(1000)).length, 1);
  assert.equal(afterSession(1000, syn(777_000)).length, 2);
});
