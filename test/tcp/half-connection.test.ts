import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { HalfConnection } from "../../src/tcp/half-connection.ts";

function half(base = 1000): HalfConnection {
  const made = new HalfConnection("192.0.2.1", 50_000);
  made.base = base;
  made.baseFromSyn = true;
  return made;
}

describe("offsets", () => {
  test("count from the base and do not wrap where sequence numbers do", () => {
    const wraps = half(0xffff_fff0);
    assert.equal(wraps.offsetOf(0xffff_fff0), 0);
    assert.equal(wraps.offsetOf(0x10), 0x20);
    wraps.sent(0, 0x20, 1, 0);
    assert.equal(wraps.offsetOf(0x20), 0x30);
  });

  test("below the base they are negative, and rebasing moves all that is known", () => {
    const joined = half();
    assert.equal(joined.offsetOf(990), -10);
    joined.sent(0, 20, 1, 0);
    joined.acknowledged(20);
    joined.rebase(-10);
    assert.equal(joined.base, 990);
    assert.equal(joined.highest, 30);
    assert.equal(joined.acked, 30);
    assert.equal(joined.offsetOf(990), 0);
  });
});

describe("holes", () => {
  test("are bytes skipped, and are filled by what comes late, also when it was acknowledged already", () => {
    const sender = half();
    sender.sent(0, 100, 1, 0);
    sender.sent(200, 100, 2, 0);
    assert.equal(sender.missing, 100);
    assert.equal(sender.bytes, 200);
    sender.acknowledged(300);
    assert.equal(sender.sent(100, 100, 4, 0), true);
    assert.equal(sender.missing, 0);
    assert.equal(sender.bytes, 300);
    assert.equal(sender.retransmissions, 0);
  });

  test("are filled in parts, and what overlaps them is counted once", () => {
    const sender = half();
    sender.sent(0, 10, 1, 0);
    sender.sent(50, 10, 2, 0);
    sender.sent(5, 20, 3, 0); // 5 bytes known, 15 new
    assert.equal(sender.missing, 25);
    sender.sent(25, 25, 4, 0);
    assert.equal(sender.missing, 0);
    assert.equal(sender.bytes, 60);
  });

  test("too many to remember stay missing", () => {
    const sender = half();
    for (let i = 0; i < 400; i++) sender.sent(i * 20, 10, i + 1, 0);
    assert.equal(sender.missing, 399 * 10);
    for (let i = 0; i < 399; i++) sender.sent(i * 20 + 10, 10, 500 + i, 0);
    assert.ok(sender.missing > 0 && sender.missing < 399 * 10);
  });

  test("a burst of a hundred and more is filled", () => {
    const sender = half();
    for (let i = 0; i < 200; i++) sender.sent(i * 20, 10, i + 1, 0);
    for (let i = 0; i < 199; i++) sender.sent(i * 20 + 10, 10, 500 + i, 0);
    assert.deepEqual([sender.missing, sender.bytes], [0, 3990]);
  });
});

describe("what is repeated in vain", () => {
  test("is no longer so once any of it is acknowledged, but an acknowledgment of less changes nothing", () => {
    const sender = half();
    sender.sent(0, 100, 1, 0);
    sender.sent(100, 100, 2, 0.1);
    sender.sent(100, 100, 3, 1);
    sender.sent(100, 100, 4, 3);
    assert.equal(sender.stalledRetransmissions, 2);
    sender.acknowledged(100); // of what was sent before, late in the file
    assert.equal(sender.stalledRetransmissions, 2);
    sender.acknowledged(200);
    assert.equal(sender.stalledRetransmissions, 0);
  });
});

describe("the largest payload that arrived", () => {
  test("is one whose acknowledgment stands before it in the file, too", () => {
    const sender = half();
    sender.sent(0, 100, 1, 0);
    sender.acknowledged(1_548);
    sender.sent(100, 1_448, 2, 0);
    assert.equal(sender.largestAcked, 1_448);
  });
});

describe("the end", () => {
  test("of a stream whose handshake stands behind its FIN in the file is counted from the handshake", () => {
    const sender = half(2_100);
    sender.endsAt(0, -1);
    sender.beginsAt(1_000);
    sender.sent(0, 1_100, 1, 0);
    assert.deepEqual([sender.finAt, sender.unseen], [1_100, 0]);
  });

  test("a FIN whose acknowledgment stands before it in the file is acknowledged", () => {
    const sender = half();
    sender.sent(0, 10, 1, 0);
    sender.acknowledged(11);
    sender.endsAt(10, -1);
    assert.equal(sender.finAcked, true);
    assert.equal(sender.acked, 10);
    assert.equal(sender.unacknowledged, 0);
  });

  test("who closed first is told by what the FINs acknowledge, not by where they stand", () => {
    const client = half();
    const server = half();
    client.finPacket = 20;
    server.finPacket = 10;
    client.endsAt(5, 7); // 7 bytes of the server, not its FIN
    server.endsAt(7, 6); // the client's FIN too
    assert.equal(client.closedBefore(server), true);
    assert.equal(server.closedBefore(client), false);
  });

  test("of FINs that cross the first in the file counts; without a FIN nobody closed", () => {
    const client = half();
    const server = half();
    assert.equal(client.closedBefore(server), false);
    client.finPacket = 10;
    client.endsAt(5, 7);
    assert.equal(client.closedBefore(server), true);
    server.finPacket = 11;
    server.endsAt(7, 5);
    assert.equal(client.closedBefore(server), true);
    assert.equal(server.closedBefore(client), false);
  });
});
