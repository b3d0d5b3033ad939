import assert from "node:assert/strict";
import { describe, it, test } from "node:test";
import type { Session } from "../../src/analysis.ts";
import { createAnalyzer } from "../../src/analyze.ts";
import type { Conversation } from "../../src/conversation.ts";
import type { CreateReportWriter } from "../../src/report/format.ts";
import { OUTPUT_FORMAT_NAMES, OUTPUT_FORMATS } from "../../src/report/formats.ts";
import { createHtmlWriter } from "../../src/report/html.ts";
import { createSessionWriter } from "../../src/report/session-text.ts";
import { CaptureBuilder } from "../support/capture-builder.ts";
import { textProblem } from "./check-input.ts";
import { HOSTILE_TEXTS, rawBytes } from "./hostile-text.ts";

/** Texts that strangers may put where the report prints them: user, path, replies, greeting. */
const TEXTS: readonly string[] = [
  ...HOSTILE_TEXTS,
  ...HOSTILE_TEXTS.map((text) => text.repeat(2000).slice(0, 20_000)),
  "\u{1f600}".repeat(10_000),
  `${"a".repeat(1022)}\u{1f600}`,
  `${"a".repeat(1023)}\u{1f600}`,
  `${"\u{20000}".repeat(300)}\u{39c00}`,
  "\u0301".repeat(500),
  "\x7f".repeat(1024),
];

/** A session whose failures quote `text` in every place that a report has for it. */
function capture(text: string): Uint8Array {
  const net = new CaptureBuilder();
  const control = net.connect({ client: "192.0.2.10:40000", server: "203.0.113.5:21", mss: 1400 });
  const server = (line: string) => control.server(rawBytes(`${line.replaceAll(/[\r\n]/g, "?")}\r\n`));
  const client = (line: string) => control.client(rawBytes(`${line.replaceAll(/[\r\n]/g, "?")}\r\n`));
  server(`220 ProFTPD ${text}`);
  client(`USER ${text}`);
  server(`331 Password for ${text}`);
  client("PASS x");
  server(`230 Hello ${text}`);
  client(`PORT ${text}`);
  server(`500 ${text}`);
  client(`EPRT |${text}|`);
  server(`501 ${text}`);
  client("PASV");
  server(`227 (${text})`);
  client("EPSV");
  server(`229 (|||${text}|)`);
  client("PASV");
  server("227 Entering Passive Mode (203,0,113,5,195,80)");
  client(`RETR ${text}`);
  server(`425-${text}`);
  server(text);
  server(`425 ${text}`);
  client(text);
  server(`500 ${text}`);
  control.finish("client");
  return net.build();
}

describe("hostile text", () => {
  for (const [i, text] of TEXTS.entries())
    it(`${i}: ${JSON.stringify(text.slice(0, 20))} of ${text.length}`, async () => {
      const told: { readonly session: Session; readonly conversation: Conversation }[] = [];
      const analyzer = createAnalyzer({
        onSession: (session, conversation) => told.push({ session, conversation: conversation() }),
      });
      const opened = analyzer.beginCapture("hostile.pcap");
      opened.push(capture(text));
      opened.end();
      const result = analyzer.finish();
      const sessions = told.map(({ session }) => session);
      assert.equal(sessions.length, 1);
      assert.ok(sessions[0].dataChannels.some(({ transfer }) => transfer?.verb === "RETR"));
      const writers: Record<string, CreateReportWriter> = {
        html: createHtmlWriter,
        "one session": (options) => createSessionWriter(() => true, options),
      };
      for (const name of OUTPUT_FORMAT_NAMES) writers[name] = await OUTPUT_FORMATS[name].load();
      for (const [name, create] of Object.entries(writers))
        for (const colour of [false, true]) {
          const writer = create({ width: 80, colour });
          const spoken = told.map(({ session, conversation }) => writer.session(session, () => conversation));
          const text = [writer.begin(), ...spoken, writer.end(result)].join("");
          assert.equal(textProblem(name, text, sessions), undefined, name);
        }
    });
});

test("names that objects have by birth change nothing", () => {
  for (const name of ["__proto__", "constructor", "hasOwnProperty"]) {
    const analyzer = createAnalyzer();
    const opened = analyzer.beginCapture(name);
    opened.push(capture(name));
    opened.end();
    const report = JSON.parse(JSON.stringify(analyzer.finish()));
    assert.equal(report.sessions[0].control.user, name);
    assert.equal(Object.getPrototypeOf(report), Object.prototype);
    assert.equal(({} as Record<string, unknown>)["user"], undefined);
  }
});

test("a capture may have any name", async () => {
  for (const text of HOSTILE_TEXTS) {
    const analyzer = createAnalyzer();
    const opened = analyzer.beginCapture(text);
    opened.push(capture("x"));
    opened.end();
    const { sessions, ...summary } = analyzer.finish();
    for (const name of OUTPUT_FORMAT_NAMES) {
      const writer = (await OUTPUT_FORMATS[name].load())({ width: 80, colour: false });
      const parts = [writer.begin(), ...sessions.map((session) => writer.session(session)), writer.end(summary)];
      assert.equal(textProblem(name, parts.join(""), sessions), undefined);
    }
  }
});
