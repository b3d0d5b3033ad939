import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { stackedSvg } from "../../src/report/svg-stack.ts";
import { type TimelineSession, timelineSvg } from "../../src/report/timeline-svg.ts";

const NOON = Date.parse("2026-01-05T12:00:00Z");

function session(second: number, seconds: number, more: Partial<TimelineSession> = {}): TimelineSession {
  const start = NOON + second * 1000;
  return {
    ends: "192.0.2.10:40000 → 203.0.113.5:21",
    pair: "192.0.2.10 → 203.0.113.5:21",
    start,
    end: start + seconds * 1000,
    outcome: "ok",
    says: "1 data channel",
    ...more,
  };
}

function attributes(svg: string, element: string, ...names: string[]): string[][] {
  return [...svg.matchAll(new RegExp(`<${element} [^>]*>`, "g"))].map(([tag]) =>
    names.map((name) => new RegExp(` ${name}="([^"]*)"`).exec(tag)?.[1] ?? ""),
  );
}

describe("the timeline", () => {
  test("has its ticks at round times", () => {
    const times = (seconds: number) =>
      [...timelineSvg([session(7, seconds)]).matchAll(/class="time"[^>]*>([^<]+)</g)].map(([, text]) => text);
    assert.deepEqual(times(50), ["12:00:10", "12:00:20", "12:00:30", "12:00:40", "12:00:50"]);
    assert.deepEqual(times(51), ["12:00:15", "12:00:30", "12:00:45"]);
    assert.deepEqual(times(4), ["12:00:07", "12:00:08", "12:00:09", "12:00:10", "12:00:11"]);
    assert.deepEqual(times(1), [
      "12:00:07.000",
      "12:00:07.200",
      "12:00:07.400",
      "12:00:07.600",
      "12:00:07.800",
      "12:00:08.000",
    ]);
    assert.deepEqual(times(3 * 86_400), ["01-06 00:00", "01-07 00:00", "01-08 00:00"]);
  });

  test("draws sessions of one pair that overlap below each other, and the failed over the others", () => {
    const many = [
      ...Array.from({ length: 50 }, (_, i) => session(i * 10, 2)),
      session(100, 300, { outcome: "failed" }),
    ];
    const svg = timelineSvg(many);
    const bars = attributes(svg, "rect", "class", "y");
    assert.equal(bars.length, 51);
    assert.deepEqual([...new Set(bars.map(([, y]) => y))].length, 2);
    assert.equal(svg.match(/class="who"/g)?.length, 1);
    assert.match(svg, />51 sessions, 1 failed</);
  });

  test("draws once what would cover another of its kind", () => {
    const alike = Array.from({ length: 1000 }, () => session(0, 5));
    assert.equal(attributes(timelineSvg(alike), "rect", "x").length, 5);
  });

  test("has room for an instant", () => {
    assert.deepEqual(attributes(timelineSvg([session(0, 0)]), "rect", "width"), [["3"]]);
  });
});

test("a drawing taller than a page is several pictures, none of them with half a row", () => {
  const row = { height: 100, draw: (y: number) => `<text y="${y}"></text>` };
  const svg = stackedSvg({
    width: 10,
    label: "rows",
    className: "rows",
    head: { height: 50, draw: () => "" },
    rows: Array.from({ length: 10 }, () => row),
    behind: (y, height) => `<line y1="${y}" y2="${y + height}"/>`,
  });
  assert.deepEqual(attributes(svg, "svg", "viewBox"), [["0 0 10 350"], ["0 0 10 400"], ["0 0 10 300"]]);
  assert.deepEqual(attributes(svg, "line", "y1", "y2"), [
    ["50", "350"],
    ["0", "400"],
    ["0", "300"],
  ]);
  const places = attributes(svg, "text", "y").flat().map(Number);
  assert.deepEqual(places, [50, 150, 250, 0, 100, 200, 300, 0, 100, 200]);
});
