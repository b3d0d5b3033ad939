import assert from "node:assert/strict";
import { test } from "node:test";
import {
  channelSpan,
  describeNegotiation,
  durationText,
  groupDigits,
  tsharkCommands,
} from "../../src/report/phrases.ts";
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

test("a channel is called by its negotiation, else by what is known of it", () => {
  const [channel] = SAMPLES["private-address"].sessions[0].dataChannels;
  const seen = SAMPLES.healthy.sessions[0].dataChannels.find(({ connection }) => connection !== null)!;
  const unread = { ...channel, negotiation: null, transfer: null, connection: null };
  assert.equal(describeNegotiation(channel), "PASV 10.0.1.121:3846");
  assert.match(describeNegotiation({ ...unread, connection: seen.connection }), /^data connection to \S+:\d+$/);
  assert.equal(describeNegotiation({ ...unread, inferred: true }), "inferred data channel");
  // What the server calls a transfer without PASV or PORT was said in the clear.
  assert.equal(describeNegotiation({ ...channel, negotiation: null, connection: null }), "no negotiation");
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

test("a channel's time: to the second, without the day where it is the session's", () => {
  const [session] = SAMPLES["private-address"].sessions;
  const at = (start: string | null, end: string | null) =>
    channelSpan({ ...session.dataChannels[0], start, end }, session.control);
  assert.equal(at("2026-01-05T10:00:01.250000000Z", "2026-01-05T10:00:09.125000000Z"), "10:00:01 to 10:00:09");
  assert.equal(at("2026-01-05T10:00:01.250000000Z", "2026-01-05T10:00:01.900000000Z"), "10:00:01");
  assert.equal(
    at("2026-01-05T23:59:58.000000000Z", "2026-01-06T00:00:03.000000000Z"),
    "23:59:58 to 2026-01-06 00:00:03",
  );
  assert.equal(
    at("2026-01-06T00:00:03.000000000Z", "2026-01-06T00:00:04.000000000Z"),
    "2026-01-06 00:00:03 to 00:00:04",
  );
  assert.equal(at(null, null), "");
});
