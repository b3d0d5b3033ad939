import assert from "node:assert/strict";
import { test } from "node:test";
import { durationText, groupDigits, tsharkCommands } from "../../src/report/phrases.ts";
import { SAMPLES } from "./sample-analysis.ts";

test("tshark commands: one a capture, packets sorted, runs as ranges, file names quoted", () => {
  const [capture] = SAMPLES.healthy.captures;
  const named = (name: string) => ({ ...capture, name });
  const packets = (index: number, ...numbers: number[]) => numbers.map((packet) => ({ capture: index, packet }));
  assert.deepEqual(
    tsharkCommands([...packets(0, 9, 3, 4, 5, 3), ...packets(1, 2, 1)], [named("a.pcap"), named("it's here.pcap")]),
    ["tshark -r a.pcap -Y 'frame.number in {3..5,9}'", "tshark -r 'it'\\''s here.pcap' -Y 'frame.number in {1,2}'"],
  );
  assert.deepEqual(tsharkCommands(packets(0, 1), [named("-")]), ["tshark -r FILE -Y 'frame.number in {1}'"]);
});

test("digits are grouped", () => {
  assert.deepEqual([0, 999, 1000, 1234567].map(groupDigits), ["0", "999", "1,000", "1,234,567"]);
});

test("a span of time is said as people say it", () => {
  assert.deepEqual([0, 0.34, 1, 119.94, 120, 5400, 7200, 90_000].map(durationText), [
    "0 ms",
    "340 ms",
    "1.0 s",
    "119.9 s",
    "2 min",
    "90 min",
    "2.0 h",
    "25.0 h",
  ]);
});
