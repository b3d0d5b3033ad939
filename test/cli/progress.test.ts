import assert from "node:assert/strict";
import { test } from "node:test";
import { Progress, progressLine } from "../../src/cli/progress.ts";

const state = { bytesRead: 512 * 2 ** 20, bytesTotal: 2 ** 31, sessions: 1234, failures: 1 };

test("the line says how far, how fast, how long yet and what was found", () => {
  assert.equal(progressLine(state, 2000), "512 of 2,048 MiB, 256 MiB/s, 6 s left, 1,234 sessions, 1 failure");
  assert.equal(progressLine({ ...state, bytesTotal: null }, 2000), "512 MiB, 256 MiB/s, 1,234 sessions, 1 failure");
  assert.match(progressLine({ ...state, bytesRead: 0 }, 0), /^0 of 2,048 MiB, 0 MiB\/s, 1,234/);
});

test("it is silent for a second, drawn five times a second, and leaves nothing behind", () => {
  const written: string[] = [];
  const progress = new Progress((text) => written.push(text), 0);
  for (let now = 0; now <= 1500; now += 10) progress.update(now, () => state);
  assert.equal(written.length, 3);
  progress.clear();
  progress.clear();
  assert.equal(written.length, 4);
  assert.equal(written.at(-1), "\r\x1b[K");
});
