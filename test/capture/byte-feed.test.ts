import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ByteFeed } from "../../src/capture/byte-feed.ts";

/** Take so many bytes in one piece, some of them only looked at, or step over so many. */
type Step = { readonly take: number; readonly keep: number } | { readonly skip: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc
    .tuple(fc.integer({ min: 1, max: 50 }), fc.nat(50))
    .map(([take, keep]): Step => ({ take, keep: Math.min(keep, take - 1) })),
  fc.integer({ min: 1, max: 60 }).map((skip): Step => ({ skip })),
);

describe("byte feed", () => {
  it("gives every byte once, in order and with its offset, however the chunks fall", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 60 }),
        fc.array(step, { minLength: 1, maxLength: 20 }),
        // Bytes of the room to which chunks are copied piece by piece; 0: there is none.
        fc.constantFrom(0, 1, 7, 16, 64),
        (chunkSizes, steps, roomLength) => {
          const memory = new Uint8Array(100);
          const room = roomLength === 0 ? null : memory.subarray(20, 20 + roomLength);
          const feed = new ByteFeed();
          const buffer = new Uint8Array(40);
          let pushed = 0;
          let consumed = 0;
          let turn = 0;
          let left: number | null = null;
          const run = (): void => {
            for (;;) {
              const next = steps[turn % steps.length]!;
              if ("skip" in next) {
                left = feed.skip(left ?? next.skip);
                if (left > 0) return;
                left = null;
                consumed += next.skip;
              } else {
                if (feed.limit - feed.at < next.take && !feed.more(next.take)) return;
                assert.equal(feed.offset, consumed);
                if (feed.memoryAt >= 0) assert.equal(memory[feed.memoryAt + feed.at], consumed & 0xff);
                assert.ok(roomLength > 0 || feed.memoryAt < 0);
                for (let index = 0; index < next.take; index++) {
                  assert.equal(feed.bytes[feed.at + index], (consumed + index) & 0xff);
                  assert.equal(feed.view.getUint8(feed.at + index), (consumed + index) & 0xff);
                }
                feed.at += next.take - next.keep;
                consumed += next.take - next.keep;
              }
              turn++;
            }
          };
          for (const size of chunkSizes) {
            for (let index = 0; index < size; index++) buffer[index] = (pushed + index) & 0xff;
            feed.push(buffer.subarray(0, size), room);
            pushed += size;
            run();
            buffer.fill(0xee);
            assert.equal(feed.received, pushed);
            const current = steps[turn % steps.length]!;
            const skipped: number = left !== null && "skip" in current ? current.skip - left : 0;
            assert.equal(feed.pending, pushed - consumed - skipped);
            if ("take" in current) assert.ok(pushed - consumed < current.take, "gives what is there at once");
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  for (const [where, room] of [
    ["anywhere", null],
    ["in a room smaller than they are", new Uint8Array(4)],
  ] as const)
    it(`gives no more bytes once it is stopped, but counts them: ${where}`, () => {
      const feed = new ByteFeed();
      feed.push(new Uint8Array(10), room);
      feed.stop();
      assert.equal(feed.more(1), false);
      assert.equal(feed.pending, 0);
      feed.push(new Uint8Array(5), room);
      feed.push(new Uint8Array(5), room);
      assert.equal(feed.more(1), false);
      assert.equal(feed.skip(3), 3);
      assert.equal(feed.skip(0), 0);
      assert.equal(feed.pending, 0);
      assert.equal(feed.received, 20);
    });
});
