import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cutText, displayWidth, wrapText, wrapWithLabel } from "../../src/report/text-layout.ts";

test("widths are those of a terminal", () => {
  assert.equal(displayWidth("abc"), 3);
  assert.equal(displayWidth("日本"), 4);
  assert.equal(displayWidth("e\u0301"), 1);
  assert.equal(displayWidth("🎉"), 2);
  assert.equal(displayWidth("…é"), 2);
});

test("text breaks at spaces, and in a word only where it must", () => {
  assert.deepEqual(wrapText("the quick brown fox", 10), ["the quick", "brown fox"]);
  assert.deepEqual(wrapText("[2001:db8:85a3:8d3::1]:21", 16), ["[2001:db8:85a3:", "8d3::1]:21"]);
  assert.deepEqual(wrapText("one two three", 8, 2), ["one two", "  three"]);
  assert.deepEqual(wrapText("", 10), [""]);
});

test("no line is too wide and nothing is lost", () => {
  fc.assert(
    fc.property(
      fc.array(fc.stringMatching(/^[a-z日/.:-]{1,30}$/), { minLength: 1 }),
      fc.integer({ min: 8, max: 60 }),
      fc.integer({ min: 0, max: 3 }),
      (words, width, hang) => {
        const lines = wrapText(words.join(" "), width, hang);
        for (const line of lines) assert.ok(displayWidth(line) <= width, `"${line}" in ${width}`);
        assert.equal(lines.join("").replaceAll(" ", ""), words.join(""));
      },
    ),
  );
});

test("cut text says that it was cut", () => {
  assert.equal(cutText("abcdef", 6), "abcdef");
  assert.equal(cutText("abcdefg", 6), "abcde…");
  assert.equal(cutText("日本語文", 6), "日本…");
});

test("a label leads the first line and indents the others", () => {
  assert.equal(wrapWithLabel("1. ", "one two three", 10), "1. one two\n   three");
});
