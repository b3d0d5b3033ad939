// Runs the bundled program on bundled captures and keeps its bytecode beside it: `node scripts/warm-up.mjs DIST BUNDLE`, a part of bundle.mjs.
import { readdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import v8 from "node:v8";

const [dist, bundle] = process.argv.slice(2);
const { codeCachePath, compileBundle } = await import(join(dist, "cli", "code-cache.js"));
const fixtures = resolve(import.meta.dirname, "..", "fixtures");
const captures = readdirSync(fixtures).filter((name) => name.endsWith(".pcap"));

// Bytecode is for the flags that V8 has when it is written, and a run changes them later than it asks for it.
v8.setFlagsFromString = () => {};
process.argv = [
  process.execPath,
  bundle,
  "analyze",
  "--quiet",
  "--format",
  "json",
  ...captures.map((name) => join(fixtures, name)),
];
const compiled = compileBundle(bundle);
process.once("exit", () => {
  writeFileSync(codeCachePath(bundle), compiled.bytecode());
  process.exitCode = 0;
});
compiled.run();
