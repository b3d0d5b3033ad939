import assert from "node:assert/strict";
import { test } from "node:test";
import type { Conversation, ConversationEvent } from "../../src/conversation.ts";
import { type LadderStep, ladderOf, MAX_LADDER_STEPS, wholeLadder } from "../../src/report/ladder.ts";

function event(packet: number, channel: number | null, more: Partial<ConversationEvent> = {}): ConversationEvent {
  return {
    at: packet / 100,
    place: { capture: 0, packet },
    channel,
    from: "client",
    to: "server",
    kind: "command",
    onData: false,
    text: "x",
    ...more,
  };
}

function shown(steps: readonly LadderStep[]): (number | string)[] {
  return steps.map((step) => {
    if ("event" in step) return step.event.place.packet;
    return "silence" in step ? `${step.silence.toFixed(1)} s` : `${step.leftOut} more`;
  });
}

test("a channel stands among the words before and after it, without the data connections of others", () => {
  const events = [
    ...[1, 2, 3, 4, 5, 6].map((packet) => event(packet, null)),
    event(7, 1),
    event(8, 2, { onData: true }),
    event(9, 1, { onData: true }),
    ...[10, 11, 12, 13].map((packet) => event(packet, null)),
  ];
  const conversation: Conversation = { events, leftOut: [] };
  assert.deepEqual(shown(ladderOf(conversation, 1)), [3, 4, 5, 6, 7, 9, 10, 11, 12]);
  assert.deepEqual(shown(ladderOf(conversation, 3)), []);
});

test("pauses of a second and more are steps of their own, and so is what the conversation left out", () => {
  const events = [event(1, null), event(2, null, { at: 1.5 }), event(3, null, { at: 9 }), event(4, null, { at: 9.5 })];
  const conversation: Conversation = { events, leftOut: [{ count: 70, before: 2 }] };
  assert.deepEqual(shown(wholeLadder(conversation)), [1, "1.5 s", 2, "70 more", 3, 4]);
});

test("a long channel shows its beginning and its end, and counts the rest", () => {
  const events = Array.from({ length: 100 }, (_, i) => event(i + 1, 1));
  const steps = shown(ladderOf({ events, leftOut: [{ count: 7, before: 50 }] }, 1));
  assert.deepEqual([steps[0], steps.at(-1)], [1, 100]);
  const counted = steps.findIndex((step) => String(step).endsWith("more"));
  assert.equal(steps[counted], `${100 + 7 - MAX_LADDER_STEPS} more`);
  assert.equal(steps.length, MAX_LADDER_STEPS + 1);
});
