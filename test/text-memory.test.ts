import assert from "node:assert/strict";
import { test } from "node:test";
import { rememberingTexts } from "../src/text-memory.ts";

test("what was made of a text is not made again, and is the same thing", () => {
  let made = 0;
  const remembered = rememberingTexts((text) => ({ text, number: ++made }));
  const first = remembered("220 ready");
  assert.equal(remembered(["220", "ready"].join(" ")), first);
  assert.equal(first.text, "220 ready");
});

test("of many texts each gets its own answer, and not all are remembered", () => {
  let made = 0;
  const remembered = rememberingTexts((text) => {
    made++;
    return text.toUpperCase();
  });
  const texts = Array.from({ length: 5_000 }, (_, i) => `reply ${i}`);
  for (const text of [...texts, ...texts]) assert.equal(remembered(text), text.toUpperCase());
  assert.equal(made, 10_000);
});

test("the empty text, and one too long to be remembered", () => {
  const remembered = rememberingTexts((text) => text.length);
  assert.equal(remembered(""), 0);
  assert.equal(remembered("x".repeat(10_000)), 10_000);
  assert.equal(remembered(""), 0);
});

test("that nothing can be made of a text is remembered too", () => {
  let asked = 0;
  const remembered = rememberingTexts((): number | undefined => {
    asked++;
    return undefined;
  });
  assert.equal(remembered("no number"), undefined);
  assert.equal(remembered("no number"), undefined);
  assert.equal(asked, 1);
});
