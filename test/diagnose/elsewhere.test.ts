import assert from "node:assert/strict";
import { test } from "node:test";
import type { SessionFacts } from "../../src/correlate/session-facts.ts";
import type { ChannelContext } from "../../src/diagnose/context.ts";
import { attemptElsewhere, sameAttemptElsewhere } from "../../src/diagnose/elsewhere.ts";
import { standsNearClient } from "../../src/diagnose/vantage.ts";
import { Connection } from "../../src/tcp/connection.ts";

/** An attempt with this initial sequence number, begun so many seconds after the epoch. */
function attempt(isn: number, port: number, seconds = 1000): Connection {
  const connection = new Connection(
    "data",
    4,
    { address: "192.0.2.10", port: 40_000 },
    { address: "203.0.113.5", port },
    1,
    seconds,
    0,
  );
  connection.originator.base = isn;
  connection.originator.baseFromSyn = true;
  connection.originator.synCount = 1;
  return connection;
}

test("the same attempt has the same initial sequence number and port, whatever its addresses", () => {
  const here = attempt(7, 50_000);
  const elsewhere = [attempt(8, 50_000), attempt(7, 50_001), attempt(7, 50_000)];
  assert.equal(sameAttemptElsewhere(here, { elsewhere } as unknown as SessionFacts), elsewhere[2]);
  for (const other of elsewhere) other.originator.baseFromSyn = false;
  assert.equal(sameAttemptElsewhere(here, { elsewhere } as unknown as SessionFacts), undefined);
});

test("of several attempts at a port the one nearest to the grant counts, before or after it", () => {
  const seen = [900, 990, 1020].map((seconds) => attempt(seconds, 50_000, seconds));
  const nearest = (from: number) =>
    attemptElsewhere({
      session: { elsewhere: [attempt(1, 50_001, from), ...seen] },
      channel: { negotiation: { advertised: { address: null, port: 50_000 } }, from },
    } as unknown as ChannelContext);
  assert.deepEqual([nearest(901), nearest(1000), nearest(1010)], seen);
});

test("who stands near the client is not said where a TTL is missing", () => {
  const near = (client: number, server: number, sender: number) =>
    standsNearClient({ client: { ttl: client }, server: { ttl: server } } as unknown as SessionFacts, sender);
  assert.equal(near(64, 61, 64), true);
  assert.equal(near(0, 61, 64), false);
  assert.equal(near(64, 0, 64), false);
  assert.equal(near(64, 61, 0), false);
});
