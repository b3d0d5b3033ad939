import assert from "node:assert/strict";
import { test } from "node:test";
import { renderPage } from "../../src/cli/markdown-page.ts";

const PAGE = `# id: the \`title\`

A paragraph over
two lines, with \`code\` and a [link](other.md)
or [one that leads out](https://example.net/).

## Fix

- **first**: a point that goes on
  in a second line
- second

\`\`\`text
  as  it
  is, however wide this line may be
\`\`\`
`;

test("a page as plain text", () => {
  assert.equal(
    renderPage(PAGE, { width: 40, colour: false }),
    [
      "id: the `title`",
      "===============",
      "",
      "A paragraph over two lines, with `code`",
      "and a link or one that leads out",
      "(https://example.net/).",
      "",
      "Fix",
      "---",
      "",
      "- first: a point that goes on in a",
      "  second line",
      "- second",
      "",
      "      as  it",
      "      is, however wide this line may be",
      "",
    ].join("\n"),
  );
});

test("a page in colours", () => {
  const shown = renderPage(PAGE, { width: 40, colour: true });
  assert.match(shown, /\x1b\[1mFix\x1b\[22m/);
  assert.match(shown, /\x1b\[36mcode\x1b\[39m/);
  assert.match(shown, /- \x1b\[1mfirst\x1b\[22m: a/);
  assert.doesNotMatch(shown, /[`*]/);
});

test("a title that is wider than the terminal is wrapped, its rule as wide as it is", () => {
  const page = renderPage("# an-id: a title of many words\n\nText.\n", { width: 20, colour: false });
  assert.equal(page, "an-id: a title of\nmany words\n=================\n\nText.\n");
});
