import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { codeSpan, escapeMarkdown } from "../../src/report/markdown.ts";
import { render } from "./render.ts";
import { SAMPLES } from "./sample-analysis.ts";

describe("captured text in Markdown", () => {
  test("formats nothing, mentions nobody, links nowhere", () => {
    assert.equal(
      escapeMarkdown("**bold** _x_ `code` [a](b) # | ~~s~~"),
      "\\*\\*bold\\*\\* \\_x\\_ \\`code\\` \\[a\\](b) \\# \\| \\~\\~s\\~\\~",
    );
    assert.equal(
      escapeMarkdown("@admin <b>&amp; http://x www.x.de :joy:"),
      "&#64;admin &#60;b&#62;&#38;amp; http&#58;//x www&#46;x.de &#58;joy:",
    );
    assert.equal(escapeMarkdown("10.0.1.121:3846"), "10.0.1.121:3846");
    assert.equal(escapeMarkdown("a\u202eb\n"), "a\\\\u202eb\\\\n");
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
    for (const line of outside.split("\n")) assert.match(line, /^(?:$|#{1,2} |- |\| |\*\*[A-Z]|`|[A-Z0-9])/);
  });
