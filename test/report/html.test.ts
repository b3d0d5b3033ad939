import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import type { Analysis, Control, DataChannel } from "../../src/analysis.ts";
import { createAnalyzer } from "../../src/analyze.ts";
import { createHtmlWriter } from "../../src/report/html.ts";
import { CONVERSATION, SAMPLES, summaryOf } from "./sample-analysis.ts";

const UPDATE = process.env.UPDATE_GOLDEN === "1";

function page(analysis: Analysis): string {
  const writer = createHtmlWriter({ width: 80, colour: false, captureHashes: ["ab".repeat(32)] });
  return [
    writer.begin(),
    ...analysis.sessions.map((session) => writer.session(session, () => CONVERSATION)),
    writer.end(summaryOf(analysis)),
  ].join("");
}

/** Elements that have no end tag. */
const VOID = new Set(["meta", "br", "!doctype"]);

/** @throws AssertionError where an element is closed that is not open, or stays open */
function assertNested(html: string): void {
  const open: string[] = [];
  const body = html.replace(/<style>[\s\S]*?<\/style>/, "");
  for (const [, end, tag, selfClosed] of body.matchAll(/<(\/?)([a-z!][a-z0-9]*)\b[^>]*?(\/?)>/gi)) {
    if (VOID.has(tag.toLowerCase()) || selfClosed) continue;
    if (!end) open.push(tag);
    else assert.equal(open.pop(), tag);
  }
  assert.deepEqual(open, []);
}

for (const [name, analysis] of Object.entries(SAMPLES))
  describe(`the page of ${name}`, () => {
    const html = page(analysis);

    test("golden", () => {
      const path = `test/golden/report-${name}.html`;
      if (UPDATE) writeFileSync(path, html);
      assert.equal(html, readFileSync(path, "utf8"));
    });

    test("runs nothing, loads nothing, and its policy allows its one style sheet only", () => {
      assert.doesNotMatch(
        html,
        /<script|<link|<img|<iframe|<object|\son\w+=|\sstyle=|\ssrc=|javascript:|@import|url\(/i,
      );
      for (const [, target] of html.matchAll(/\shref="([^"]*)"/g)) assert.match(target, /^#(failure|finding)-\d+$/);
      const style = /<style>([\s\S]*?)<\/style>/.exec(html)![1];
      const hash = createHash("sha256").update(style).digest("base64");
      assert.ok(html.includes(`default-src 'none'; style-src 'sha256-${hash}'`));
    });

    test("every element is closed where it was opened", () => assertNested(html));

    test("captured text is text", () => {
      assert.doesNotMatch(html.replaceAll("\n", ""), /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
      if (analysis.sessions.some(({ dataChannels }) => dataChannels.some(({ outcome }) => outcome === "failed")))
        assert.ok(html.includes("227 &lt;script&gt;alert(1)&lt;/script&gt;"));
    });
  });

describe("a long report", () => {
  const [session] = SAMPLES["private-address"].sessions;
  const sessions = (count: number, change: (i: number) => Partial<Control>) =>
    Array.from({ length: count }, (_, i) => ({
      ...session,
      id: `s-${i}`,
      control: { ...session.control, ...change(i) },
    }));

  test("has at most so many groups, ladders and rows, and says what it left out", () => {
    const servers = sessions(2000, (i) => ({ server: { address: `10.0.${i >> 8}.${i & 255}`, port: 21 } }));
    const html = page({ ...SAMPLES["private-address"], sessions: servers });
    assert.equal(html.match(/<section class="failure/g)?.length, 1000);
    assert.ok(html.includes("1,000 more failures of other kinds not shown here."));
    assert.equal(html.match(/class="ladder"/g)?.length, 100);
    assert.equal(html.match(/class="who"/g)?.length, 60);
    assert.ok(html.includes("… and 1,940 more client-server pairs"));
  });

  test("is one section for ten thousand failures alike", () => {
    const alike = sessions(10_000, (i) => ({ client: { address: "192.0.2.10", port: i } }));
    const html = page({ ...SAMPLES["private-address"], sessions: alike });
    assert.equal(html.match(/<section class="failure/g)?.length, 1);
    assert.ok(html.includes("<small>10,000 times</small>"));
    assert.ok(html.includes("10,000 sessions, 10,000 failed"));
    assert.ok(html.length < 30_000, `${html.length} characters`);
  });

  test("draws the sessions of up to forty rows each, in order of time", () => {
    const later = sessions(40, (i) => ({
      client: { address: "192.0.2.10", port: 1000 + i },
      start: `2026-01-05T10:00:${59 - i}.000000000Z`,
      end: "2026-01-05T10:01:00.000000000Z",
    }));
    const html = page({ ...SAMPLES["private-address"], sessions: later });
    const ports = [...html.matchAll(/class="who"[^>]*>192\.0\.2\.10:(\d+)/g)].map(([, port]) => Number(port));
    assert.deepEqual(ports, later.map(({ control }) => control.client.port).reverse());
  });

  test("asks for a conversation once a session, however many of its channels failed", () => {
    const channels = Array.from({ length: 50 }, (_, i) => ({
      ...session.dataChannels[0],
      ordinal: i + 1,
      remedy: [`remedy ${i}`],
    }));
    const writer = createHtmlWriter({ width: 80, colour: false });
    let asked = 0;
    writer.session({ ...session, dataChannels: channels }, () => {
      asked++;
      return CONVERSATION;
    });
    assert.equal(asked, 1);
  });
});

test("a device between has a lane where it sent something or is to blame", () => {
  const [session] = SAMPLES["private-address"].sessions;
  const lanes = (channel: Partial<DataChannel>) =>
    page({
      ...SAMPLES["private-address"],
      sessions: [{ ...session, dataChannels: [{ ...session.dataChannels[0], ...channel }] }],
    }).match(/class="lane"/g)?.length;
  assert.equal(lanes({}), 2);
  assert.equal(lanes({ cause: "negotiation-dropped-by-helper" }), 3);
});

test("the numbers at the head add up to the data channels, whatever became of them", () => {
  const [session] = SAMPLES["private-address"].sessions;
  const [channel] = session.dataChannels;
  const outcomes = ["failed", "refused", "ok", "undetermined", "aborted", "aborted", "not-attempted"] as const;
  const dataChannels = outcomes.map((outcome, i) => ({ ...channel, ordinal: i + 1, outcome, cause: null }));
  const tilesOf = (analysis: Analysis) =>
    [...page(analysis).matchAll(/<div class="tile[^>]*><b>([\d,]+)<\/b><span>([^<]*)/g)].map(
      ([, count, label]) => `${count} ${label}`,
    );
  const sample = SAMPLES["private-address"];
  assert.deepEqual(tilesOf({ ...sample, sessions: [{ ...session, dataChannels }] }), [
    "1 session",
    "7 data channels",
    "1 failed",
    "1 refused",
    "1 worked",
    "1 undetermined",
    "2 aborted",
    "1 not attempted",
  ]);
  assert.equal(tilesOf(sample).length, 6);
});

test("packets that are evidence carry the number of that evidence", () => {
  const html = page(SAMPLES["private-address"]);
  const rows = [...html.matchAll(/class="number"[^>]*>(\d+)<.*?class="packet"[^>]*>(\d+)</g)];
  assert.deepEqual(
    rows.map(([, number, packet]) => `${number}: ${packet}`),
    ["1: 23", "2: 25"],
  );
});

test("the page of every recording is whole, and draws a ladder of every failure", () => {
  for (const name of readdirSync("fixtures").filter((file) => /\.pcap(ng)?$/.test(file))) {
    const writer = createHtmlWriter({ width: 80, colour: false });
    const analyzer = createAnalyzer({
      keepSessions: false,
      onSession: (session, conversation) => writer.session(session, conversation),
    });
    const capture = analyzer.beginCapture(name);
    capture.push(new Uint8Array(readFileSync(`fixtures/${name}`)));
    capture.end();
    const html = writer.end(analyzer.finish());
    assertNested(html);
    assert.doesNotMatch(html, /NaN|undefined|\[object/, name);
    for (const section of html.match(/<section class="failure (?:failed|refused)[\s\S]*?<\/section>/g) ?? [])
      assert.match(section, /class="ladder"/, name);
  }
});
