// Runs the bundled program on the bundled captures and keeps its bytecode beside it: `node scripts/warm-up.mjs DIST`, a part of bundle.mjs.
import { readdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import v8 from "node:v8";

const dist = process.argv[2];
const bundle = join(dist, "bin", "program.js");
const { codeCachePath, compileBundle } = await import(join(dist, "cli", "code-cache.js"));
const { EXIT_CODES } = await import(join(dist, "cli", "exit-code.js"));
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
process.once("exit", (exitCode) => {
  // Some of them are cut off, and shall be.
  if (exitCode !== EXIT_CODES.ok && exitCode !== EXIT_CODES.inputDamaged) return;
  writeFileSync(codeCachePath(bundle), compiled.bytecode());
  process.exitCode = 0;
});
compiled.run();
