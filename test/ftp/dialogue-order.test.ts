import assert from "node:assert/strict";
import { test } from "node:test";
import type { ControlEvent } from "../../src/ftp/control-event.ts";
import { inDialogueOrder } from "../../src/ftp/dialogue-order.ts";

/** `C`ommand or `R`eply: name, end of its stream, what its segment acknowledges, packet. */
function event(kind: "C" | "R", name: number, endAt: number, acknowledged: number, packet: number): ControlEvent {
  const stamp = { packet, time: packet, acknowledged, ttl: 64 };
  return kind === "C"
    ? { kind: "command", verb: String(name), argument: null, startAt: endAt - 5, endAt, stamp, cut: false }
    : { kind: "reply", code: name, lines: [""], startAt: endAt - 5, endAt, stamp, firstStamp: stamp, cut: false };
}

function order(events: readonly ControlEvent[]): (string | number)[] {
  return inDialogueOrder(events).map((said) =>
    said.kind === "command" ? said.verb : said.kind === "reply" ? said.code : said.kind,
  );
}

test("a reply stands behind each command that it acknowledges, wherever the packets stand", () => {
  const events = [
    event("R", 220, 5, 0, 1),
    event("R", 331, 10, 5, 2), // before the USER that it answers
    event("C", 1, 5, 5, 3),
    event("C", 2, 10, 10, 4),
    event("R", 230, 15, 10, 5),
  ];
  assert.deepEqual(order(events), [220, "1", 331, "2", 230]);
});

test("where acknowledgments say nothing the order of the file stays", () => {
  const events = [event("C", 1, 5, -1, 1), event("R", 200, 5, -1, 2), event("C", 2, 10, -1, 3)];
  assert.deepEqual(order(events), ["1", 200, "2"]);
});

test("what the client sent before it had read a reply stands before it", () => {
  const events = [event("R", 220, 5, 0, 1), event("R", 200, 10, 5, 3), event("C", 1, 5, 5, 2), event("C", 2, 10, 5, 4)];
  assert.deepEqual(order(events), [220, "1", 200, "2"]);
});

test("TLS records are put in order like words", () => {
  const record = (
    direction: "client" | "server",
    endAt: number,
    acknowledged: number,
    packet: number,
  ): ControlEvent => ({
    kind: "tls-record",
    direction,
    contentType: 23,
    length: packet,
    startAt: endAt - 5,
    endAt,
    stamp: { packet, time: packet, acknowledged, ttl: 64 },
  });
  const ordered = inDialogueOrder([record("server", 5, 5, 1), record("client", 5, 0, 2), record("client", 10, 5, 3)]);
  assert.deepEqual(
    ordered.map((said) => (said.kind === "tls-record" ? said.length : 0)),
    [2, 1, 3],
  );
});

test("a hole stands where it is: the snaplen cut it out of a record that has been counted whole", () => {
  const stamp = { packet: 1, time: 1, acknowledged: 0, ttl: 64 };
  const ofClient = { direction: "client", stamp } as const;
  const events: ControlEvent[] = [
    { kind: "tls-record", ...ofClient, contentType: 22, length: 495, startAt: 0, endAt: 500 },
    { kind: "gap", ...ofClient, length: 440, reason: "snaplen", startAt: 60, endAt: 500 },
    event("C", 1, 505, 0, 2),
    event("R", 227, 5, 505, 3),
  ];
  assert.deepEqual(order(events), ["tls-record", "gap", "1", 227]);
});
