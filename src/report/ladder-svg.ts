import type { ConversationEvent, Party } from "../conversation.ts";
import { escapeHtml } from "./html-text.ts";
import type { LadderStep } from "./ladder.ts";
import { cutText } from "./text-layout.ts";

const WIDTH = 760;
const ROW = 30;
const TOP = 44;
/** Where the lanes stand. */
const LANE: Readonly<Record<Party, number>> = { client: 150, between: 425, server: 700 };
/** Columns of a label between the lanes, and of one that reaches only to the middle. */
const LABEL_COLUMNS = 78;

/**
 * A ladder diagram: client left, server right, each event a row from top to bottom with its time and packet number. A packet that is lost ends
 * at a cross in the middle. Colours and fonts come from the page's style, so that it follows light, dark and paper.
 * @param evidence `capture:packet` of the packets that are evidence
 */
export function ladderSvg(steps: readonly LadderStep[], captureCount: number, evidence: ReadonlySet<string>): string {
  const height = TOP + steps.length * ROW + 14;
  const usesMiddle = steps.some((step) => "event" in step && step.event.from === "between");
  const lanes = (["client", "server", ...(usesMiddle ? ["between"] : [])] as Party[]).map(
    (party) =>
      `<line class="lane" x1="${LANE[party]}" y1="${TOP - 14}" x2="${LANE[party]}" y2="${height - 8}"/><text class="party" x="${LANE[party]}" y="20">${party === "between" ? "middlebox" : party}</text>`,
  );
  const rows = steps.map((step, i) => {
    const y = TOP + i * ROW + 16;
    if ("leftOut" in step) return `<text class="pause" x="${LANE.between}" y="${y}">… ${step.leftOut} more …</text>`;
    if ("silence" in step) return pause(y, step.silence);
    return arrow(step.event, y, captureCount, evidence);
  });
  return `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="Ladder diagram of the packets">${lanes.join("")}${rows.join("")}</svg>`;
}

function pause(y: number, seconds: number): string {
  return `<line class="silence" x1="${LANE.client}" y1="${y - 4}" x2="${LANE.server}" y2="${y - 4}"/><text class="pause" x="${LANE.between}" y="${y - 10}">${seconds.toFixed(1)} s of silence</text>`;
}

function arrow(event: ConversationEvent, y: number, captureCount: number, evidence: ReadonlySet<string>): string {
  const { at, place, from, to, kind, onData, text } = event;
  const marked = evidence.has(`${place.capture}:${place.packet}`);
  const packet = captureCount > 1 ? `${place.capture + 1}:${place.packet}` : String(place.packet);
  const lost = to === "between";
  const classes = [onData ? "data" : "control", kind, lost ? "lost" : "", marked ? "evidence" : ""].filter(Boolean);
  const x1 = LANE[from];
  const x2 = LANE[to];
  const way = x2 > x1 ? 1 : -1;
  const head = lost
    ? `<path class="cross" d="M${x2 - 5} ${y - 5}l10 10M${x2 - 5} ${y + 5}l10 -10"/>`
    : `<path class="head" d="M${x2} ${y}l${-8 * way} -4v8z"/>`;
  const label = cutText(text, LABEL_COLUMNS);
  const middle = lost || from === "between" ? (LANE.client + LANE.server) / 2 : (x1 + x2) / 2;
  return `<g class="${classes.join(" ")}"><title>${escapeHtml(text)}</title><text class="time" x="68" y="${y + 4}">${at.toFixed(3)}</text><text class="packet" x="128" y="${y + 4}">${packet}</text><line class="wire" x1="${x1}" y1="${y}" x2="${x2 - (lost ? 0 : 6 * way)}" y2="${y}"/>${head}<text class="label" x="${middle}" y="${y - 5}">${escapeHtml(label)}</text></g>`;
}
