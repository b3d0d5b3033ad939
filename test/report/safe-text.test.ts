import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MAX_TEXT_LENGTH, safeData, safeJson, safeText } from "../../src/report/safe-text.ts";

test("what a terminal or a reader could take amiss is shown as an escape", () => {
  const cases: [text: string, safe: string][] = [
    ["pub/file.txt", "pub/file.txt"],
    ["naïve 日本語 🎉", "naïve 日本語 🎉"],
    ["C:\\dir", "C:\\dir"],
    ["\x1b[31m", "\\x1b[31m"],
    ["a\r\n\tb\0\x7f\x9b", "a\\r\\n\\tb\\x00\\x7f\\x9b"],
    ["\u202egnp.exe", "\\u202egnp.exe"],
    ["zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"],
    ["tag\u{e0041}", "tag\\u{e0041}"],
    ["\ud800", "\ufffd"],
    ["\udc00x", "\ufffdx"],
    ["", ""],
  ];
  for (const [text, safe] of cases) assert.equal(safeText(text), safe);
});

test("overlong text is cut, and never inside a surrogate pair", () => {
  assert.equal(safeText("x".repeat(MAX_TEXT_LENGTH)).length, MAX_TEXT_LENGTH);
  for (const text of ["x".repeat(20_000), "🎉".repeat(20_000), `x${"🎉".repeat(20_000)}`, "\x1b".repeat(20_000)]) {
    const safe = safeText(text);
    assert.ok(safe.length <= MAX_TEXT_LENGTH);
    assert.ok(safe.endsWith("…"));
    assert.doesNotMatch(safe, /\p{Cs}/u);
  }
});

test("safe text is safe: a second pass changes nothing", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 3000 }), (text) => {
      const safe = safeText(text);
      assert.equal(safeText(safe), safe);
      assert.doesNotMatch(safe, /\p{Cs}/u);
      assert.ok(safe.length <= MAX_TEXT_LENGTH);
      assert.doesNotMatch(safe, /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u);
    }),
  );
});

test("in JSON one character too many is found wherever the text stands", () => {
  for (let before = 0; before <= MAX_TEXT_LENGTH; before += 7) {
    const data = { before: "a".repeat(before), text: "b".repeat(MAX_TEXT_LENGTH + 1), behind: "c" };
    assert.equal(safeJson(data), JSON.stringify(safeData(data)));
    assert.match(safeJson(data), /b…"/);
  }
});

test("in JSON a single unsafe character is found", () => {
  for (const text of ["\x7f", "\x80", "\n", "\u202e", "\ud800"]) {
    const data = { text };
    assert.equal(safeJson(data), JSON.stringify(safeData(data)));
    assert.doesNotMatch(safeJson(data), /[^ -~\ufffd]/);
  }
});

test("safeJson is the JSON of the safe data, whichever way it went", () => {
  const strings = fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.constant("x".repeat(2000)));
  fc.assert(
    fc.property(fc.array(fc.record({ path: strings, list: fc.array(strings), count: fc.nat() })), (data) => {
      assert.equal(safeJson(data), JSON.stringify(safeData(data)));
    }),
  );
});
