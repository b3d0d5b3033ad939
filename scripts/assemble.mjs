// Compiles assembly/prefilter.ts to WebAssembly and keeps it, as text, in src/prefilter/prefilter-module.ts: `npm run assemble`, after each change of it.
// With `-- --check` it keeps nothing and fails if what is kept is of another source; a test runs that.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import asc from "assemblyscript/asc";
import { PAGES } from "../src/prefilter/layout.ts";

const root = join(import.meta.dirname, "..");
const kept = join(root, "src", "prefilter", "prefilter-module.ts");

let module = "";
const { error, stderr } = await asc.main(
  [
    "assembly/prefilter.ts",
    ...["--baseDir", root],
    ...["--outFile", "prefilter.wasm"],
    ...["--runtime", "stub"],
    ...["--initialMemory", String(PAGES), "--maximumMemory", String(PAGES)],
    ...["--optimizeLevel", "3", "--noAssert"],
  ],
  {
    // Biome does not know decorators of functions, so there they stand in comments.
    readFile(name, directory) {
      const path = resolve(directory, name);
      return existsSync(path)
        ? readFileSync(path, "utf8").replaceAll("/* @inline */ function", "@inline function")
        : null;
    },
    writeFile(_name, contents) {
      module = Buffer.from(contents).toString("base64");
    },
  },
);
if (error) throw new Error(`${error.message}\n${stderr}`);

const text = `/** \`assembly/prefilter.ts\` as WebAssembly, in base64. Written by \`npm run assemble\`; not to be changed by hand. */
export const PREFILTER_MODULE =
  "${module}";
`;
if (!process.argv.includes("--check")) writeFileSync(kept, text);
else if (readFileSync(kept, "utf8") !== text) {
  console.error("src/prefilter/prefilter-module.ts is not what assembly/prefilter.ts makes: run `npm run assemble`.");
  process.exitCode = 1;
}
