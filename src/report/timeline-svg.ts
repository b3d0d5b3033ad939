import { escapeHtml } from "./html-text.ts";
import { cutText } from "./text-layout.ts";

/** A session in the timeline. */
export interface TimelineRow {
  readonly label: string;
  /** Milliseconds since the epoch. */
  readonly start: number;
  readonly end: number;
  /** The worst that happened in it. */
  readonly outcome: "ok" | "refused" | "failed";
  readonly says: string;
}

const WIDTH = 980;
const ROW = 20;
const LEFT = 330;
const RIGHT = 700;
const TOP = 26;
/** Columns of a label left of the bars, and of what is said right of them. */
const LABEL_COLUMNS = 46;
const SAYS_COLUMNS = 40;

/** When each session was, and what failed: a bar a session, in the order given, over one scale of time. */
export function timelineSvg(rows: readonly TimelineRow[]): string {
  if (rows.length === 0) return "";
  const from = Math.min(...rows.map(({ start }) => start));
  const to = Math.max(...rows.map(({ end }) => end), from + 1);
  const x = (time: number) => LEFT + ((time - from) / (to - from)) * (RIGHT - LEFT);
  const height = TOP + rows.length * ROW + 8;
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const at = LEFT + share * (RIGHT - LEFT);
    return `<line class="tick" x1="${at}" y1="${TOP - 6}" x2="${at}" y2="${height - 6}"/><text class="time" x="${at}" y="14">${timeText(from + share * (to - from), to - from)}</text>`;
  });
  const bars = rows.map(({ label, start, end, outcome, says }, i) => {
    const y = TOP + i * ROW;
    const width = Math.max(3, x(end) - x(start));
    return `<g class="${outcome}"><title>${escapeHtml(`${label}: ${says}`)}</title><text class="who" x="0" y="${y + 12}">${escapeHtml(cutText(label, LABEL_COLUMNS))}</text><rect class="bar" x="${round(x(start))}" y="${y + 3}" width="${round(width)}" height="${ROW - 8}" rx="2"/><text class="says" x="${RIGHT + 14}" y="${y + 12}">${escapeHtml(cutText(says, SAYS_COLUMNS))}</text></g>`;
  });
  return `<svg class="timeline" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="Timeline of the sessions">${ticks.join("")}${bars.join("")}</svg>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** `10:00:09` in UTC; with the date where the scale is longer than a day, with tenths where it is shorter than ten seconds. */
function timeText(time: number, span: number): string {
  const text = new Date(time).toISOString();
  if (span > 86_400_000) return text.slice(0, 16).replace("T", " ");
  return span < 10_000 ? text.slice(11, 21) : text.slice(11, 19);
}
