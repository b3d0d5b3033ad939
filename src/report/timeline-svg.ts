import { escapeHtml } from "./html-text.ts";
import { countOf, groupDigits } from "./phrases.ts";
import { coordinate, type SvgRow, stackedSvg } from "./svg-stack.ts";
import { cutText, displayWidth } from "./text-layout.ts";

/** A session in the timeline. */
export interface TimelineSession {
  /** `192.0.2.10:40000 → 203.0.113.5:21`. */
  readonly ends: string;
  /** The same for all sessions of a client with a server: without the client's port. */
  readonly pair: string;
  /** Milliseconds since the epoch. */
  readonly start: number;
  readonly end: number;
  /** The worst that happened in it. */
  readonly outcome: TimelineOutcome;
  readonly says: string;
}

/** The worst that happened in a bar of the time line. */
export type TimelineOutcome = (typeof OUTCOMES)[number];

/** The worst last, so that it is drawn over the others. */
const OUTCOMES = ["ok", "refused", "failed"] as const;

const WIDTH = 980;
const HEAD = 26;
const ROW = 20;
/** A further line of a label. */
const LINE = 13;
/** In a row of many sessions. */
const LANE = 9;
const BAR = 6;
const LEFT = 318;
const RIGHT = 716;
const MIN_BAR = 3;
/** Columns of a label left of the bars, and of what is said right of them. */
const LABEL_COLUMNS = 46;
const SAYS_COLUMNS = 40;

/** Up to so many sessions have a row each; with more, those of one client with one server share one. */
const MAX_SINGLE_ROWS = 40;
const MAX_PAIR_ROWS = 60;
/** Sessions of a pair that are under way at once and can be told apart. */
const MAX_LANES = 5;

/** When each session was, and what failed: a bar a session over one scale of time. @param sessions at least one, in any order */
export function timelineSvg(sessions: readonly TimelineSession[]): string {
  const from = Math.min(...sessions.map(({ start }) => start));
  const to = Math.max(...sessions.map(({ end }) => end), from + 1);
  const x = (time: number) => LEFT + ((time - from) / (to - from)) * (RIGHT - LEFT);
  const ticks = ticksOf(from, to);
  const inOrder = [...sessions].sort((a, b) => a.start - b.start);
  return stackedSvg({
    width: WIDTH,
    label: "Timeline of the sessions",
    className: "timeline",
    head: {
      height: HEAD,
      draw: () =>
        ticks
          .map((time) => `<text class="time" x="${coordinate(x(time))}" y="14">${tickText(time, from, to)}</text>`)
          .join(""),
    },
    rows:
      sessions.length <= MAX_SINGLE_ROWS
        ? inOrder.map((session) => row([[session]], session.ends, session.says, ROW, x))
        : pairRows(inOrder, x),
    behind: (y, height) =>
      ticks
        .map((time) => {
          const at = coordinate(x(time));
          return `<line class="tick" x1="${at}" y1="${y}" x2="${at}" y2="${y + height}"/>`;
        })
        .join(""),
  });
}

/** A row for each client and server, those with failures first in the choice, the earliest first on the page. */
function pairRows(inOrder: readonly TimelineSession[], x: (time: number) => number): SvgRow[] {
  const pairs = new Map<string, TimelineSession[]>();
  for (const session of inOrder) {
    const known = pairs.get(session.pair);
    if (known) known.push(session);
    else pairs.set(session.pair, [session]);
  }
  const failuresOf = (sessions: readonly TimelineSession[]) =>
    sessions.filter(({ outcome }) => outcome === "failed").length;
  const chosen = new Set(
    [...pairs]
      .sort(([, a], [, b]) => Math.min(1, failuresOf(b)) - Math.min(1, failuresOf(a)))
      .slice(0, MAX_PAIR_ROWS)
      .map(([pair]) => pair),
  );
  const rows = [...pairs]
    .filter(([pair]) => chosen.has(pair))
    .map(([pair, sessions]) => {
      const failed = failuresOf(sessions);
      const says = `${countOf(sessions.length, "session")}${failed === 0 ? "" : `, ${groupDigits(failed)} failed`}`;
      return row(lanesOf(sessions, x), pair, says, LANE, x);
    });
  const others = pairs.size - chosen.size;
  if (others > 0)
    rows.push({
      height: ROW,
      draw: (y) => `<text class="says" x="0" y="${y + 14}">… and ${countOf(others, "more client-server pair")}</text>`,
    });
  return rows;
}

/** Sessions that overlap in lanes of their own; where there are too many, in the last. */
function lanesOf(inOrder: readonly TimelineSession[], x: (time: number) => number): TimelineSession[][] {
  const lanes: TimelineSession[][] = [];
  const ends: number[] = [];
  for (const session of inOrder) {
    const free = ends.findIndex((end) => end < x(session.start));
    const lane = free >= 0 ? free : Math.min(lanes.length, MAX_LANES - 1);
    lanes[lane] ??= [];
    lanes[lane].push(session);
    ends[lane] = Math.max(ends[lane] ?? 0, x(session.start) + MIN_BAR, x(session.end)) + 1;
  }
  return lanes;
}

function row(
  lanes: readonly (readonly TimelineSession[])[],
  label: string,
  says: string,
  laneHeight: number,
  x: (time: number) => number,
): SvgRow {
  const outcome = OUTCOMES.findLast((one) => lanes.some((lane) => lane.some((session) => session.outcome === one)));
  const words = linesOf(label);
  const height = Math.max(ROW + (words.length - 1) * LINE, lanes.length * laneHeight + 4);
  return {
    height,
    draw: (y) => {
      const top = y + (lanes.length === 1 ? (height - BAR) / 2 : 3);
      const bars = lanes.flatMap((lane, i) => barsOf(lane, top + i * laneHeight, x));
      return (
        `<g class="${outcome}">${words.map((line, i) => `<text class="who" x="0" y="${y + 14 + i * LINE}">${escapeHtml(line)}</text>`).join("")}` +
        `${bars.join("")}<text class="says" x="${RIGHT + 16}" y="${y + 14}">${escapeHtml(cutText(says, SAYS_COLUMNS))}</text></g>`
      );
    },
  };
}

/** A label in one line, or client and server in two. */
function linesOf(label: string): string[] {
  if (displayWidth(label) <= LABEL_COLUMNS) return [label];
  return label.split(/ (?=→)/).map((line) => cutText(line, LABEL_COLUMNS));
}

/** The worst over the others; what would cover another of its kind exactly is drawn once. */
function barsOf(lane: readonly TimelineSession[], y: number, x: (time: number) => number): string[] {
  return OUTCOMES.flatMap((outcome) => {
    const bars = lane
      .filter((session) => session.outcome === outcome)
      .map(({ start, end }) => {
        const width = Math.max(MIN_BAR, x(end) - x(start));
        return `<rect class="bar ${outcome}" x="${coordinate(x(start))}" y="${y}" width="${coordinate(width)}" height="${BAR}" rx="1.5"/>`;
      });
    return [...new Set(bars)];
  });
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const TICK_STEPS: readonly number[] = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((seconds) => seconds * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE),
  ...[1, 2, 3, 6, 12].map((hours) => hours * HOUR),
  ...[1, 2, 7, 14, 30, 90, 365].map((days) => days * DAY),
];
const MAX_TICKS = 5;

/** From one round time to the next (milliseconds). */
function tickStep(from: number, to: number): number {
  return TICK_STEPS.find((length) => (to - from) / length <= MAX_TICKS) ?? to - from;
}

/** Round times on the scale. */
function ticksOf(from: number, to: number): number[] {
  const step = tickStep(from, to);
  const ticks: number[] = [];
  for (let time = Math.ceil(from / step) * step; time <= to; time += step) ticks.push(time);
  return ticks;
}

/** `10:00:09` in UTC; with the date where the scale is longer than a day, with milliseconds where one tick to the next is less than a second. */
function tickText(time: number, from: number, to: number): string {
  const span = to - from;
  const text = new Date(time).toISOString();
  if (span > 10 * DAY) return text.slice(0, 10);
  if (span > DAY) return text.slice(5, 16).replace("T", " ");
  return tickStep(from, to) < SECOND ? text.slice(11, 23) : text.slice(11, 19);
}
