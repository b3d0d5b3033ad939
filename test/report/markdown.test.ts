import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { codeSpan, plainMarkdown } from "../../src/report/markdown.ts";
import { render } from "./render.ts";
import { SAMPLES } from "./sample-analysis.ts";

describe("captured text in Markdown", () => {
  test("formats nothing, mentions nobody, links nowhere: such words stand in code", () => {
    assert.equal(
      plainMarkdown("**bold** _x_ `code` [a](b) # | ~~s~~ plain"),
      "`**bold**` `_x_` `` `code` `` `[a](b`) `#` `|` `~~s~~` plain",
    );
    assert.equal(
      plainMarkdown("@admin <b>&amp; (http://x), www.x.de :joy: a:100:b"),
      "`@admin` `<b>&amp`; (`http://x`), `www.x.de` `:joy`: `a:100:b`",
    );
  });

  test("begins no list, heading or rule", () => {
    for (const word of ["-", "+", "---", "===", "1.", "12)"])
      assert.equal(plainMarkdown(`${word} x ${word}`), `\`${word}\` x ${word}`);
  });

  test("stays readable where it is harmless", () => {
    const text = 'packet 16: SYN to 10.0.1.121:3846, "425 no" at 10:00:09 (vsftpd.conf(5)), 100% of -p 1/2';
    assert.equal(plainMarkdown(text), text);
  });

  test("stays inside its code span, whatever backticks it holds", () => {
    assert.equal(codeSpan("plain"), "`plain`");
    assert.equal(codeSpan("a`b``c"), "``` a`b``c ```");
  });
});

for (const [name, analysis] of Object.entries(SAMPLES))
  test(`${name}: outside code blocks no line begins a heading, list or quote that captured text could have made`, async () => {
    const text = await render(analysis, "markdown");
    const outside = text.replace(/^(`{3,}).*\n[\s\S]*?^\1$/gm, "");
    for (const line of outside.split("\n")) assert.match(line, /^(?:$|#{1,2} |- |\| |\*\*[A-Z]|`|[A-Z0-9]|\d+\. )/);
  });
