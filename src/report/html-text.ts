/** Text in HTML: captured text goes nowhere but through these. */

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** `text` as content or as a quoted attribute's value (HTML 13.1.2.3). */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]);
}

/** An element that holds nothing but text. */
export function element(name: "code" | "p" | "pre" | "span", text: string, className?: string): string {
  return `<${name}${className === undefined ? "" : ` class="${className}"`}>${escapeHtml(text)}</${name}>`;
}

/** Texts as a list; nothing for none. */
export function list(items: readonly string[]): string {
  return items.length === 0 ? "" : `<ul>${listItems(items)}</ul>`;
}

/** Texts as a numbered list; nothing for none. */
export function orderedList(items: readonly string[]): string {
  return items.length === 0 ? "" : `<ol>${listItems(items)}</ol>`;
}

function listItems(items: readonly string[]): string {
  return items.map((item) => `<li>${escapeHtml(item)}</li>`).join("");
}
