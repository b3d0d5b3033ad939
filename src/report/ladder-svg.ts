import type { ConversationEvent, Party } from "../conversation.ts";
import { escapeHtml } from "./html-text.ts";
import type { LadderStep } from "./ladder.ts";
import { durationText } from "./phrases.ts";
import { stackedSvg } from "./svg-stack.ts";
import { cutText } from "./text-layout.ts";

/** What a ladder is drawn with, besides its steps. */
export interface LadderFrame {
  /** Addresses over the lanes. */
  readonly client: string;
  readonly server: string;
  /** A device between is known of otherwise than by what it sent. */
  readonly deviceBetween: boolean;
  readonly captureCount: number;
  /** Numbers of the pieces of evidence by `capture:packet`. */
  readonly evidence: ReadonlyMap<string, number>;
}

const WIDTH = 900;
const HEAD = 52;
const ROW = 31;
const PAUSE_ROW = 26;
/** Where the lanes stand, the pieces of evidence are numbered, and times and packet numbers end. */
const LANE: Readonly<Record<Party, number>> = { client: 186, between: 530, server: 874 };
const BADGE = 14;
const TIME = 88;
const PACKET = 164;
/** Between a lane and what is said beside it. */
const MARGIN = 12;
/** How far a lost packet gets where nobody is known to have stopped it, as a share of the way to the middle: its words have room before the cross. */
const LOST_SHARE = 1.25;
/** Columns of a label from lane to lane, in the page's monospaced font. */
const LABEL_COLUMNS = 92;

/**
 * A ladder diagram: client left, server right, each event a row from top to bottom with its time and packet number, its words at the side
 * of who said them. A packet that is lost ends at a cross in the middle; a device between has a lane if it sent anything or is the verdict. Colours and fonts come
 * from the page's style, so that it follows light, dark and paper.
 */
export function ladderSvg(steps: readonly LadderStep[], frame: LadderFrame): string {
  const hasMiddle = frame.deviceBetween || steps.some((step) => "event" in step && step.event.from === "between");
  const parties: [Party, string, string][] = [
    ["client", "client", frame.client],
    ...(hasMiddle ? ([["between", "device between", ""]] as [Party, string, string][]) : []),
    ["server", "server", frame.server],
  ];
  return stackedSvg({
    width: WIDTH,
    label: "Ladder diagram of the packets between client and server",
    className: "ladder",
    head: {
      height: HEAD,
      draw: () => parties.map(([party, name, address]) => laneHead(party, name, address)).join(""),
    },
    rows: steps.map((step) => {
      if ("event" in step) return { height: ROW, draw: (y) => arrow(step.event, y + 21, hasMiddle, frame) };
      const text = "leftOut" in step ? `… ${step.leftOut} more …` : `${durationText(step.silence)} later`;
      return {
        height: PAUSE_ROW,
        // Beside the lane of a device, not across it.
        draw: (y) =>
          `<text class="pause" x="${hasMiddle ? (LANE.client + LANE.between) / 2 : LANE.between}" y="${y + 16}">${text}</text>`,
      };
    }),
    behind: (y, height) =>
      parties
        .map(([party]) => `<line class="lane" x1="${LANE[party]}" y1="${y}" x2="${LANE[party]}" y2="${y + height}"/>`)
        .join(""),
  });
}

function laneHead(party: Party, name: string, address: string): string {
  // The outer names would stick out of the picture if they stood in the middle of their lanes.
  const anchor = party === "server" ? "end" : party === "client" ? "start" : "middle";
  const x = party === "server" ? WIDTH - 2 : party === "client" ? LANE.client - 24 : LANE.between;
  return `<g class="${anchor}"><text class="party" x="${x}" y="18">${name}</text><text class="address" x="${x}" y="35">${escapeHtml(address)}</text></g>`;
}

/** @param y of the arrow */
function arrow(
  event: ConversationEvent,
  y: number,
  hasMiddle: boolean,
  { captureCount, evidence }: LadderFrame,
): string {
  const { at, place, from, to, kind, onData, text } = event;
  const number = evidence.get(`${place.capture}:${place.packet}`);
  const packet = captureCount > 1 ? `${place.capture + 1}:${place.packet}` : String(place.packet);
  const lost = to === "between";
  const classes = [
    onData ? "data" : "",
    kind === "reset" || kind === "icmp" || lost ? "trouble" : "",
    number ? "evidence" : "",
  ];
  const x1 = LANE[from];
  const x2 = lost && !hasMiddle ? LANE[from] + (LANE.between - LANE[from]) * LOST_SHARE : LANE[to];
  const way = x2 > x1 ? 1 : -1;
  const head = lost
    ? `<path class="cross" d="M${x2 - 5} ${y - 5}l10 10m0 -10l-10 10"/>`
    : `<path class="head" d="M${x2} ${y}l${-9 * way} -4.5v9z"/>`;
  const badge =
    number === undefined
      ? ""
      : `<circle class="badge" cx="${BADGE}" cy="${y - 4}" r="8.5"/><text class="number" x="${BADGE}" y="${y}">${number}</text>`;
  const wordsByServer = from === "server" || (from === "between" && to === "server");
  const words = wordsByServer
    ? `<text class="label end" x="${LANE.server - MARGIN}" y="${y - 6}">`
    : `<text class="label" x="${LANE.client + MARGIN}" y="${y - 6}">`;
  const tip = text.length > LABEL_COLUMNS ? `<title>${escapeHtml(text)}</title>` : "";
  return (
    `<g class="${classes.filter(Boolean).join(" ")}">${tip}${badge}<text class="time" x="${TIME}" y="${y}">${at.toFixed(3)}</text>` +
    `<text class="packet" x="${PACKET}" y="${y}">${packet}</text><line class="wire" x1="${x1}" y1="${y}" x2="${x2 - (lost ? 0 : 7 * way)}" y2="${y}"/>${head}` +
    `${words}${escapeHtml(cutText(text, LABEL_COLUMNS))}</text></g>`
  );
}
