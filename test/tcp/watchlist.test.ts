import assert from "node:assert/strict";
import { test } from "node:test";
import { Prefilter } from "../../src/prefilter/prefilter.ts";
import { Watchlist } from "../../src/tcp/watchlist.ts";

test("a host is known as long as it is an end of any watched pair", () => {
  const { sessionEnds } = new Prefilter().tables;
  const watchlist = new Watchlist(sessionEnds);
  const watcher = {
    ...{ controlAddress: "server", controlPort: 21, clientAddress: "client", point: -1, room: 1 },
    awaits: () => true,
    wantsForeign: () => false,
  };
  const [server, one, other, stranger] = [0x0a000001, 0x0a000002, 0x0a000003, 0x0a000004];
  watchlist.watchPair("one", one, "server", server, watcher);
  watchlist.watchPair("other", other, "server", server, watcher);
  const known = () => [server, one, other, stranger].map((key) => watchlist.mayKnow(key, stranger));
  assert.deepEqual(known(), [true, true, true, false]);
  assert.equal(watchlist.mayKnow(stranger, one), true, "whichever end it is");
  watchlist.unwatchPair("one", one, "server", server, watcher);
  assert.deepEqual(known(), [true, false, true, false]);
  watchlist.unwatchPair("other", other, "server", server, watcher);
  assert.deepEqual(known(), [false, false, false, false]);
  assert.ok(sessionEnds.every((bits) => bits === 0));
});
