import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { test } from "node:test";
import { LOOK_ALIKES } from "../fixtures/lab/look-alikes.ts";
import { VERSION } from "../src/analyze.ts";
import { CAUSE_IDS, CAUSE_TEXT, CHANNEL_RULES, SESSION_RULES } from "../src/diagnose/causes.ts";
import { CONTRIBUTING_IDS, CONTRIBUTING_TEXT } from "../src/diagnose/contributing.ts";

/** Guards the shape of the source that ARCHITECTURE.md describes. */

/** What stands upstream comes first: a file imports its own part and those before it. */
const RANK = [
  ["address.ts", "ports.ts", "text-memory.ts", "instant.ts", "anomaly.ts", "bounds.ts"],
  ["prefilter"],
  ["capture"],
  ["decode"],
  ["tcp"],
  ["tls"],
  ["ftp"],
  ["correlate"],
  ["diagnose"],
  ["analysis.ts", "conversation.ts"],
  ["report"],
  ["advise"],
  ["session-record.ts", "conversation-record.ts", "finding-record.ts", "analysis-counts.ts", "capture-source.ts"],
  ["analyze.ts"],
  ["extract"],
  ["index.ts"],
  ["cli"],
];

const files = readdirSync("src", { recursive: true })
  .map((name) => String(name).replaceAll("\\", "/"))
  .filter((name) => name.endsWith(".ts"))
  .sort();

function textOf(file: string): string {
  return readFileSync(join("src", file), "utf8");
}

/** The module specifiers that a file imports from or re-exports, dynamic and type imports too. */
function importsOf(file: string): string[] {
  const code = textOf(file).replace(/\/\*[\s\S]*?\*\//g, "");
  return [...code.matchAll(/(?:\bfrom\s*|\bimport\s*\(\s*|^import\s+)["']([^"']+)["']/gm)].map(([, from]) => from);
}

function rankOf(file: string): number {
  const part = file.split("/")[0];
  return RANK.findIndex((parts) => parts.includes(part));
}

test("every source file has a place in the order of parts", () => {
  assert.ok(files.length > 0);
  assert.deepEqual(
    files.filter((file) => rankOf(file) < 0),
    [],
  );
  assert.deepEqual(
    RANK.flat().filter((part) => !existsSync(join("src", part))),
    [],
  );
});

test("imports point upstream only", () => {
  const wrong = files.flatMap((file) =>
    importsOf(file)
      .filter((from) => from.startsWith("."))
      .map((from) => relative("src", join("src", dirname(file), from)))
      .filter((imported) => rankOf(imported) > rankOf(file) || rankOf(imported) < 0)
      .map((imported) => `${file} imports ${imported}`),
  );
  assert.deepEqual(wrong, []);
});

test("relative imports name the file", () => {
  const wrong = files.flatMap((file) =>
    importsOf(file)
      .filter((from) => from.startsWith(".") && !existsSync(join("src", dirname(file), from)))
      .map((from) => `${file}: ${from}`),
  );
  assert.deepEqual(wrong, []);
});

/** Built-in modules that compute and touch nothing outside: SHA-1 for session ids and Community ID. */
const PURE_BUILT_INS: readonly string[] = ["node:crypto"];

test("input and output happen in src/cli only", () => {
  const touches = (from: string) => from.startsWith("node:") && !PURE_BUILT_INS.includes(from);
  const outside = files.filter((file) => !file.startsWith("cli/"));
  assert.deepEqual(
    outside.filter((file) => importsOf(file).some(touches)),
    [],
  );
  assert.deepEqual(
    outside.filter((file) => /\b(process|console)\./.test(textOf(file).replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, ""))),
    [],
  );
});

test("files and folders are named for what they hold", () => {
  const vague = /^(util|utils|common|helper|helpers|misc|shared|lib|types|constants|index)(\.ts)?$/;
  const names = files.filter((file) => file !== "index.ts").flatMap((file) => file.split("/"));
  assert.deepEqual(
    names.filter((name) => vague.test(name)),
    [],
  );
  assert.deepEqual(
    files.filter((file) => !/^[a-z0-9-]+$/.test(basename(file, ".ts"))),
    [],
  );
});

test("nothing is exported as default", () => {
  assert.deepEqual(
    files.filter((file) => /^export default\b|\bas default\b/m.test(textOf(file))),
    [],
  );
});

test("every exported function, class and type says what it is", () => {
  // `(typeof LIST)[number]` is named for the list above it, which says so.
  const declared =
    /^export (?:async )?(?:function\*?|class|interface|type|const(?= \w*[rR]ule\b)) (?!\w+ = \(typeof )(\w+)/;
  const silent = files.flatMap((file) => {
    const lines = textOf(file).split("\n");
    return lines.flatMap((line, i) => {
      const name = declared.exec(line)?.[1];
      return name !== undefined && !lines[i - 1]?.endsWith("*/") ? [`${file}: ${name}`] : [];
    });
  });
  assert.deepEqual(silent, []);
});

test("each cause has its file, each file its cause, and each is asked", () => {
  const files = readdirSync("src/diagnose/causes").map((name) => basename(name, ".ts"));
  assert.deepEqual(files.sort(), [...CAUSE_IDS].sort());
  for (const id of CAUSE_IDS) assert.ok(textOf(`diagnose/causes/${id}.ts`).includes(`\n  id: "${id}",\n`), id);
  const asked = new Set([...CHANNEL_RULES, ...SESSION_RULES].map(({ cause }) => cause));
  assert.deepEqual(
    CAUSE_IDS.filter((id) => !asked.has(id)),
    [],
  );
});

test("each cause has its test", () => {
  assert.deepEqual(
    CAUSE_IDS.filter((id) => !existsSync(`test/diagnose/causes/${id}.test.ts`)),
    [],
  );
});

/** What the truth of each recording blames, and what else it permits. */
const blamed = new Map(
  readdirSync("fixtures")
    .filter((name) => name.endsWith(".truth.json"))
    .map((name) => {
      const { sessions } = JSON.parse(readFileSync(join("fixtures", name), "utf8")) as {
        sessions: { control: Blame; channels: (Blame & { contributing: string[] })[] }[];
      };
      const blames = sessions.flatMap(({ control, channels }) => [control, ...channels]);
      const named = sessions.flatMap(({ channels }) => channels.flatMap(({ contributing }) => contributing));
      return [
        name.slice(0, -".truth.json".length),
        {
          causes: [...blames.map(({ cause }) => cause), ...named],
          permitted: blames.flatMap(({ acceptableCauses }) => acceptableCauses),
        },
      ] as const;
    }),
);

interface Blame {
  readonly cause: string | null;
  readonly acceptableCauses: readonly (string | null)[];
}

test("each cause has a recording that shows it", () => {
  const shown = new Set([...blamed.values()].flatMap(({ causes }) => causes));
  assert.deepEqual(
    [...CAUSE_IDS, ...CONTRIBUTING_IDS].filter((id) => !shown.has(id)),
    [],
  );
});

test("each look-alike has a recording or a test in which the cause stays silent, or says why not", () => {
  const wrong: string[] = [];
  for (const id of [...CAUSE_IDS, ...CONTRIBUTING_IDS]) {
    const page = readFileSync(`docs/causes/${id}.md`, "utf8");
    const [, section = ""] = /^## Not to be confused with\n([\s\S]*?)^## /m.exec(page) ?? [];
    const rows = new Map(Object.entries(LOOK_ALIKES[id] ?? {}));
    for (const [, entry] of section.matchAll(/^- ([\s\S]*?)(?=\n- |\n*$(?![\s\S]))/gm)) {
      const [, bold] = /^\*\*([\s\S]*?)\*\*/.exec(entry) ?? [];
      const [, another] = /^\[`([a-z-]+)`\]/.exec(entry) ?? [];
      const words = another ?? (bold ?? entry).replace(/\s+/g, " ");
      const row = rows.get(words);
      rows.delete(words);
      if (!row && another !== undefined) {
        const silent = [...blamed.values()].some(
          ({ causes, permitted }) => causes.includes(another) && !causes.includes(id) && !permitted.includes(id),
        );
        if (!silent) wrong.push(`${id}: no recording shows ${another} and not it`);
      } else if (!row) wrong.push(`${id}: no row for: ${words}`);
      else if ("recording" in row) {
        const truth = blamed.get(row.recording);
        if (!truth) wrong.push(`${id}: ${row.recording} does not exist`);
        else if (truth.causes.includes(id) || truth.permitted.includes(id))
          wrong.push(`${id}: ${row.recording} is not free of it`);
      } else if ("title" in row) {
        const file = join("test", row.file);
        const titles = existsSync(file) ? readFileSync(file, "utf8").match(/\btest\(\s*["`].*/g) : null;
        if (!titles?.some((title) => title.includes(row.title))) wrong.push(`${id}: ${file} has no test: ${row.title}`);
      }
    }
    wrong.push(...[...rows.keys()].map((words) => `${id}: its page does not say: ${words}`));
  }
  assert.deepEqual(wrong, []);
});

test("each cause has its page, in one form, and every page its cause", () => {
  const titles: Readonly<Record<string, { title: string }>> = { ...CAUSE_TEXT, ...CONTRIBUTING_TEXT };
  assert.deepEqual(
    readdirSync("docs/causes").sort(),
    [...CAUSE_IDS, ...CONTRIBUTING_IDS].map((id) => `${id}.md`).sort(),
  );
  for (const id of [...CAUSE_IDS, ...CONTRIBUTING_IDS]) {
    const page = readFileSync(`docs/causes/${id}.md`, "utf8");
    assert.equal(page.split("\n")[0], `# ${id}: ${titles[id].title}`);
    const headings = [...page.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading);
    assert.deepEqual(headings, ["Packets", "Not to be confused with", "Fix", "Sources"], id);
    const [, ladder] = /^```text\n([\s\S]*?)^```$/m.exec(page) ?? [];
    assert.ok(ladder, `${id} has no ladder`);
    // `ftptrace explain` indents it by four and must fit 80 columns
    for (const line of ladder.split("\n")) assert.ok(line.length <= 76, `${id}: ${line}`);
  }
});

test("ARCHITECTURE.md tells the same order of parts", () => {
  const text = readFileSync("ARCHITECTURE.md", "utf8");
  const [, block] = /^```text rank\n([\s\S]*?)^```$/m.exec(text) ?? [];
  assert.ok(block, "no block `text rank`");
  const told = block
    .trim()
    .split(/\s*→\s*/)
    .map((parts) => parts.trim().split(/\s+/));
  assert.deepEqual(told, RANK);
});

/** The Markdown files that belong to the project. */
const pages = [
  ...readdirSync(".").filter((name) => name.endsWith(".md")),
  ...["docs", "fixtures", "test"].flatMap((folder) =>
    readdirSync(folder, { recursive: true })
      .map((name) => join(folder, String(name)))
      .filter((name) => name.endsWith(".md")),
  ),
];

test("links between files lead somewhere", () => {
  const broken = pages.flatMap((page) =>
    [...readFileSync(page, "utf8").matchAll(/\]\(([^)\s#]+)[^)]*\)/g)]
      .map(([, to]) => to)
      .filter((to) => !/^[a-z]+:/.test(to) && !existsSync(join(dirname(page), to)))
      .map((to) => `${page}: ${to}`),
  );
  assert.deepEqual(broken, []);
});

const guides = pages.filter((page) => !page.includes("/") || page.startsWith("docs/"));

test("the guides name only files that there are", () => {
  const wrong = guides.flatMap((page) =>
    [...readFileSync(page, "utf8").matchAll(/`((?:src|test|docs|schema|scripts|fixtures|bench|\.ci)\/[\w./-]+)`/g)]
      .map(([, path]) => path)
      .filter((path) => !existsSync(path))
      .map((path) => `${page}: ${path}`),
  );
  assert.deepEqual(wrong, []);
});

test("nothing speaks of a machine on which it was written", () => {
  const local = /\/work\/(shared|main)\b/;
  const texts = [...guides, ...files.map((file) => join("src", file))];
  assert.deepEqual(
    texts.filter((file) => local.test(readFileSync(file, "utf8"))),
    [],
  );
});

test("the version is one", () => {
  assert.equal(VERSION, JSON.parse(readFileSync("package.json", "utf8")).version);
});
