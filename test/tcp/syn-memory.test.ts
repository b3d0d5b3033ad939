import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyPacketView } from "../../src/decode/packet-view.ts";
import { plainSynTables } from "../../src/prefilter/prefilter.ts";
import { FLOOD_SYNS, SynMemory } from "../../src/tcp/syn-memory.ts";

// pcapng has times before 1970 (if_tsoffset) and beyond 32 bits of seconds.
for (const seconds of [0, 1_700_000_000, 2 ** 32 + 5, -5])
  test(`a flood is seen within a second, ${seconds} s after 1970 too`, () => {
    const memory = new SynMemory(plainSynTables(16));
    const view = { ...emptyPacketView(), seconds, destinationPort: 80 };
    const floods = Array.from({ length: FLOOD_SYNS + 2 }, (_, i) => memory.isFlood(1000 + i, 7, view));
    assert.deepEqual(floods, [...new Array(FLOOD_SYNS).fill(false), true, true]);
    assert.equal(memory.isFlood(1, 7, { ...view, seconds: seconds + 1 }), false, "the next second");
  });

test("a SYN is known until another takes its place, and one that comes again stays the first", () => {
  const memory = new SynMemory(plainSynTables(16));
  const ends = (key: number) => ({
    hash: 5,
    addressBytes: new Uint8Array(),
    originator: { address: "a", port: 40_000, key },
    responder: { address: "b", port: 21, key: 7 },
  });
  const syn = (packet: number, sequence = 1) => ({
    ...emptyPacketView(),
    ...{ packet, sequence, seconds: packet, sourcePort: 40_000, destinationPort: 21 },
  });
  assert.equal(memory.mayHaveLost(5), false);
  assert.equal(memory.recall(ends(1)), undefined);
  memory.remember(5, 1, 7, syn(10));
  memory.remember(5, 1, 7, syn(11));
  assert.equal(memory.recall(ends(1))?.packet, 10, "a retransmission");
  memory.remember(5, 1, 7, syn(12, 2));
  assert.equal(memory.recall(ends(1))?.packet, 12, "another connection of the same ends");
  assert.equal(memory.recall(ends(2)), undefined, "the same hash, another host");
  assert.equal(memory.recall(ends(1), 5 + 2 ** 24 * 2), undefined, "the same place, another hash");
  memory.remember(5 + 2 ** 24 * 2, 2, 7, syn(13));
  assert.equal(memory.recall(ends(1)), undefined);
  assert.equal(memory.mayHaveLost(5), true);
  assert.equal(memory.recall(ends(2), 5 + 2 ** 24 * 2)?.packet, 13);
});
