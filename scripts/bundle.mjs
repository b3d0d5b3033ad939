// Bundles the compiled command line (dist/cli) into dist/bin, where it starts in half the CPU time: one file instead of 130 and their
// dependencies', and the bytecode of what an analysis runs (docs/decisions/0006-bundled-command-line.md). `node scripts/bundle.mjs [DIST]`, after tsc.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import { build } from "esbuild";
import { lower } from "./lower.mjs";

// As esbuild calls its files.
const dist = realpathSync(process.argv[2] ?? join(import.meta.dirname, "..", "dist"));
const out = join(dist, "bin");
const program = join(out, "program.js");

rmSync(out, { recursive: true, force: true });
const { metafile } = await build({
  entryPoints: { ftptrace: join(dist, "cli", "launch.js"), program: join(dist, "cli", "main.js") },
  bundle: true,
  format: "cjs",
  platform: "node",
  target: "node20.19",
  // The bundle is compiled as a script, which knows require() and no import().
  supported: { "dynamic-import": false },
  define: { "import.meta.url": "bundleUrl" },
  banner: { js: 'const bundleUrl = require("node:url").pathToFileURL(__filename).href;' },
  // Optional, so it may not be there now and be there later.
  external: ["fzstd"],
  outdir: out,
  plugins: [
    {
      name: "lower",
      setup({ onLoad }) {
        onLoad({ filter: /\.js$/ }, ({ path }) =>
          path.startsWith(dist + sep) ? { contents: lower(readFileSync(path, "utf8")) } : null,
        );
      },
    },
  ],
  metafile: true,
  logLevel: "warning",
});
// An expression, as src/cli/code-cache.ts wants it.
writeFileSync(program, `(function (require, __filename) {${readFileSync(program, "latin1")}\n})`, "latin1");
writeFileSync(join(out, "package.json"), '{ "type": "commonjs" }\n');

const packages = new Set(
  Object.keys(metafile.inputs).flatMap((path) => /.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? []),
);
const notices = [...packages].sort().map((path) => {
  const { name, version, license } = JSON.parse(readFileSync(join(path, "package.json"), "utf8"));
  const file = ["LICENSE", "LICENSE.md", "LICENSE-MIT.txt", "license"]
    .map((called) => join(path, called))
    .find(existsSync);
  if (!file) throw new Error(`${dirname(path)}: ${name} has no licence file to pass on`);
  return `${name} ${version} (${license})\n\n${readFileSync(file, "utf8").trim()}\n`;
});
writeFileSync(
  join(out, "LICENSES.txt"),
  `These packages are part of the files beside this one.\n\n${notices.join("\n---\n\n")}`,
);

const { status, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, "warm-up.mjs"), dist], {
  stdio: ["ignore", "ignore", "pipe"],
  encoding: "utf8",
});
if (status !== 0) throw new Error(`the bytecode of ${program} could not be kept: ${stderr}`);
