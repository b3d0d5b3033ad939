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
