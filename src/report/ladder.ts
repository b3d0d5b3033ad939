import type { PacketPlace } from "../analysis.ts";
import type { Conversation, ConversationEvent, Party } from "../conversation.ts";
import { durationText } from "./phrases.ts";

/** A step of a ladder diagram: an event, or what was left out between two. */
export type LadderStep =
  | { readonly event: ConversationEvent }
  /** So many events, or so many seconds in which nothing was seen. */
  | { readonly leftOut: number }
  | { readonly silence: number };

/** Steps of one ladder; of a longer stretch the beginning and the end are shown. */
export const MAX_LADDER_STEPS = 48;
/** How many of these are the last ones. */
const STEPS_AT_END = 18;
/** Events before a channel's first and after its last that show how it came about and what followed. */
const LEAD_IN = 4;
const AFTERMATH = 3;
/** From so many seconds on a pause is drawn. */
const SILENCE_SECONDS = 1;

/** A whole conversation. */
export function wholeLadder(conversation: Conversation): LadderStep[] {
  return paused(stepsOf(conversation));
}

/**
 * The part of a conversation that shows one data channel, with what stands just before and after it; events of other channels' data
 * connections are left out.
 * @param channel its ordinal; null for the control connection itself: all that belongs to no channel
 */
export function ladderOf(conversation: Conversation, channel: number | null): LadderStep[] {
  const steps = stepsOf(conversation);
  const own = (step: LadderStep) => "event" in step && step.event.channel === channel;
  const first = steps.findIndex(own);
  if (first < 0) return [];
  const last = steps.findLastIndex(own);
  const shown = steps
    .slice(Math.max(0, first - LEAD_IN), last + AFTERMATH + 1)
    .filter((step) => !("event" in step) || own(step) || step.event.channel === null || !step.event.onData);
  return paused(shortened(shown));
}

function stepsOf({ events, leftOut }: Conversation): LadderStep[] {
  const counts = new Map(leftOut.map(({ before, count }) => [before, count]));
  return events.flatMap((event, i) => {
    const count = counts.get(i);
    return count === undefined ? [{ event }] : [{ leftOut: count }, { event }];
  });
}

function shortened(steps: readonly LadderStep[]): LadderStep[] {
  if (steps.length <= MAX_LADDER_STEPS) return [...steps];
  const cut = steps.slice(MAX_LADDER_STEPS - STEPS_AT_END, -STEPS_AT_END);
  const leftOut = cut.reduce((sum, step) => sum + ("leftOut" in step ? step.leftOut : 1), 0);
  return [...steps.slice(0, MAX_LADDER_STEPS - STEPS_AT_END), { leftOut }, ...steps.slice(-STEPS_AT_END)];
}

/** With the pauses between its events. */
function paused(steps: readonly LadderStep[]): LadderStep[] {
  const all: LadderStep[] = [];
  let before: number | null = null;
  for (const step of steps) {
    if ("event" in step) {
      if (before !== null && step.event.at - before >= SILENCE_SECONDS) all.push({ silence: step.event.at - before });
      before = step.event.at;
    } else before = null;
    all.push(step);
  }
  return all;
}

const ARROWS: Readonly<Record<Party, Readonly<Record<Party, string>>>> = {
  client: { server: "C -----> S", between: "C --x    S", client: "C        S" },
  server: { client: "C <----- S", between: "C    x-- S", server: "C        S" },
  between: { client: "C <--    S", server: "C    --> S", between: "C        S" },
};

/** A line of a ladder in plain text. */
export interface LadderLine {
  /** Evidence, seconds, packet, and the arrow between client (C) and server (S). */
  readonly lead: string;
  /** What was said or happened. */
  readonly text: string;
}

/**
 * A ladder as plain text.
 * @param evidence numbers of the pieces of evidence by `capture:packet`
 */
export function ladderLines(
  steps: readonly LadderStep[],
  captureCount: number,
  evidence: ReadonlyMap<string, number>,
): LadderLine[] {
  const packetOf = ({ capture, packet }: PacketPlace) =>
    captureCount > 1 ? `${capture + 1}:${packet}` : String(packet);
  const events = steps.flatMap((step) => ("event" in step ? [step.event] : []));
  const packetWidth = Math.max(...events.map(({ place }) => packetOf(place).length), MIN_PACKET_WIDTH);
  const secondsWidth = Math.max(...events.map(({ at }) => at.toFixed(3).length), MIN_SECONDS_WIDTH);
  const marks = new Map([...evidence].map(([place, number]) => [place, `[${number}]`]));
  const margin = Math.max(0, ...[...marks.values()].map((mark) => mark.length + 1));
  const pause = " ".repeat(margin + secondsWidth + 1 + packetWidth + 2);
  return steps.map((step) => {
    if ("leftOut" in step) return { lead: `${pause}:        :  `, text: `… ${step.leftOut} more` };
    if ("silence" in step) return { lead: `${pause}:        :  `, text: `${durationText(step.silence)} later` };
    const { at, place, from, to, onData, text } = step.event;
    const mark = marks.get(`${place.capture}:${place.packet}`) ?? "";
    const lead = `${mark.padEnd(margin)}${at.toFixed(3).padStart(secondsWidth)} ${packetOf(place).padStart(packetWidth)}  ${ARROWS[from][to]}  `;
    return { lead, text: onData ? `data: ${text}` : text };
  });
}

const MIN_PACKET_WIDTH = 5;
const MIN_SECONDS_WIDTH = 7;
