import { displayWidth, wrapText } from "../report/text-layout.ts";

/** How a page is shown. */
export interface PageOptions {
  /** Columns of the terminal. */
  readonly width: number;
  /** Whether ANSI colours are wanted; without, code keeps its backticks. */
  readonly colour: boolean;
}

/**
 * Shows a Markdown page of ours in a terminal: headings set apart, paragraphs and list items wrapped, code blocks as they are.
 * Knows what docs/causes/ uses and no more: `#` and `##`, paragraphs, `-` lists of one level, fenced code, `code`, `**strong**`, links.
 */
export function renderPage(markdown: string, options: PageOptions): string {
  return `${blocksOf(markdown)
    .map((block) => renderBlock(block, options))
    .join("\n\n")}\n`;
}

function renderBlock({ kind, lines }: Block, { width, colour }: PageOptions): string {
  const style = colour ? COLOURED : PLAIN;
  switch (kind) {
    case "title":
    case "heading":
      return style[kind](wrapText(spans(withoutLinks(lines[0]), PLAIN), width));
    case "code":
      return lines.map((line) => (line === "" ? "" : `    ${line}`)).join("\n");
    case "list":
      return lines.map((line) => spans(wrapItem(withoutLinks(line), width), style)).join("\n");
    case "paragraph":
      return spans(wrapText(withoutLinks(lines.join(" ")), width).join("\n"), style);
  }
}

function wrapItem(text: string, width: number): string {
  return wrapText(text, width - BULLET.length)
    .map((line, i) => (i === 0 ? BULLET : " ".repeat(BULLET.length)) + line)
    .join("\n");
}

const BULLET = "- ";

interface Block {
  readonly kind: "title" | "heading" | "code" | "list" | "paragraph";
  readonly lines: string[];
}

/** Cuts a page into blocks; a list is one block, with each item as one line. */
function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = [];
  let open: Block | null = null;
  let inCode = false;
  const begin = (block: Block) => {
    blocks.push(block);
    open = block;
  };
  for (const line of markdown.split(/\r?\n/)) {
    const last = open as Block | null;
    if (line.startsWith("```")) {
      inCode = !inCode;
      if (inCode) begin({ kind: "code", lines: [] });
      else open = null;
    } else if (inCode) last?.lines.push(line);
    else if (line.trim() === "") open = null;
    else if (/^#{1,6} /.test(line)) {
      begin({ kind: line.startsWith("# ") ? "title" : "heading", lines: [line.replace(/^#+ /, "")] });
      open = null;
    } else if (line.startsWith("- ")) {
      if (last?.kind === "list") last.lines.push(line.slice(2));
      else begin({ kind: "list", lines: [line.slice(2)] });
    } else if (last?.kind === "list") last.lines.push(`${last.lines.pop()} ${line.trim()}`);
    else if (last?.kind === "paragraph") last.lines.push(line.trim());
    else begin({ kind: "paragraph", lines: [line.trim()] });
  }
  return blocks;
}

interface Style {
  title(lines: readonly string[]): string;
  heading(lines: readonly string[]): string;
  code(text: string): string;
  strong(text: string): string;
}

const PLAIN: Style = {
  title: (lines) => ruled(lines, "="),
  heading: (lines) => ruled(lines, "-"),
  code: (text) => `\`${text}\``,
  strong: (text) => text,
};

const COLOURED: Style = {
  title: (lines) => bold(lines.join("\n").replaceAll("`", "")),
  heading: (lines) => bold(lines.join("\n").replaceAll("`", "")),
  code: (text) => `\x1b[36m${text}\x1b[39m`,
  strong: bold,
};

/** With a rule below, as wide as the widest line. */
function ruled(lines: readonly string[], rule: string): string {
  return [...lines, rule.repeat(Math.max(...lines.map(displayWidth)))].join("\n");
}

function bold(text: string): string {
  return `\x1b[1m${text}\x1b[22m`;
}

/** `[text](url)`: the address is only shown where it leads out of our pages. */
function withoutLinks(text: string): string {
  return text.replace(/\[([^\]]+)\]\(([^)]+)\)/g, (_, words: string, to: string) =>
    /^https?:/.test(to) && words !== to ? `${words} (${to})` : words,
  );
}

/** Spans may reach over the line breaks that wrapping made. */
function spans(text: string, style: Style): string {
  return text
    .replace(/`([^`]+)`/g, (_, code: string) => style.code(code))
    .replace(/\*\*([^*]+)\*\*/g, (_, strong: string) => style.strong(strong));
}
