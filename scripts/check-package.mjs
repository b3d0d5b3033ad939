// Checks what would be published: packs it, lets publint and attw look at the archive, installs it into an empty folder and uses it there as
// a program, as a library and with its types. `node scripts/check-package.mjs`; takes a few seconds and changes nothing here.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const tool = (name) => join(root, "node_modules", ".bin", name);
const description = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

const FIXTURE = "fixtures/pasv-cleartext-private-address-client.pcap";
const CAUSE = "pasv-private-address";

const work = mkdtempSync(join(tmpdir(), "ftptrace-package-"));
try {
  check();
} finally {
  rmSync(work, { recursive: true, force: true });
}

function check() {
  // A build of its own, so that nobody's dist/ is touched.
  const staging = join(work, "staging");
  run(root, tool("tsc"), ["-p", "tsconfig.build.json", "--outDir", join(staging, "dist")]);
  symlinkSync(join(root, "node_modules"), join(staging, "node_modules"), "dir");
  for (const part of ["package.json", "README.md", "LICENSE", ...description.files])
    if (!part.includes("dist") && !part.includes("*"))
      cpSync(join(root, part), join(staging, part), { recursive: true });
  // Behind package.json, whose version the program reads: one that ends by an error is no warm-up.
  run(root, process.execPath, ["scripts/bundle.mjs", join(staging, "dist")]);
  mkdirSync(join(staging, "fixtures"));
  cpSync(join(root, FIXTURE), join(staging, FIXTURE));
  writeFileSync(join(staging, description.man), run(staging, process.execPath, ["dist/bin/ftptrace.js", "manual"]));
  const [{ filename, entryCount, unpackedSize }] = JSON.parse(
    run(staging, "npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", work]),
  );
  const archive = join(work, filename);
  console.log(`${filename}: ${entryCount} files, ${unpackedSize} bytes unpacked (with one of the fixtures)`);

  run(work, tool("publint"), [archive, "--strict"]);
  console.log("publint: nothing to complain about");
  // The package is ESM only: require() of it works from Node 20.19 on, and node10 resolution knows no exports.
  run(work, tool("attw"), [archive, "--profile", "esm-only", "--no-emoji"]);
  console.log("attw: the types resolve for ESM");

  const clean = join(work, "clean");
  mkdirSync(clean);
  writeFileSync(join(clean, "package.json"), JSON.stringify({ name: "clean", private: true, type: "module" }));
  install(clean, archive);
  useAsProgram(clean);
  useAsLibrary(clean);
}

function install(clean, archive) {
  const words = ["install", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund", archive];
  const { status, stderr } = spawnSync("npm", words, { cwd: clean, encoding: "utf8" });
  if (status === 0) {
    console.log("npm install into an empty folder: done");
    return;
  }
  // Without a registry only the dependencies are lacking, and they are here.
  console.log(
    `npm install is not possible here (${stderr.trim().split("\n")[0]}); unpacked beside linked dependencies instead`,
  );
  const target = join(clean, "node_modules", description.name);
  mkdirSync(target, { recursive: true });
  run(clean, "tar", ["-xzf", archive, "-C", target, "--strip-components=1"]);
  for (const name of Object.keys({ ...description.dependencies, ...description.optionalDependencies }))
    symlinkSync(join(root, "node_modules", name), join(clean, "node_modules", name), "dir");
  mkdirSync(join(clean, "node_modules", ".bin"));
  symlinkSync(join(target, description.bin.ftptrace), join(clean, "node_modules", ".bin", "ftptrace"));
}

function useAsProgram(clean) {
  const program = join(clean, "node_modules", ".bin", "ftptrace");
  const version = run(clean, process.execPath, [program, "--version"]).trim();
  if (version !== description.version) throw new Error(`--version says ${version}`);
  const report = run(clean, process.execPath, [program, "analyze", join("node_modules", description.name, FIXTURE)]);
  if (!report.includes(`[${CAUSE}]`)) throw new Error(`analyze does not find ${CAUSE}:\n${report}`);
  if (!run(clean, process.execPath, [program, "explain", CAUSE]).includes(CAUSE))
    throw new Error("no page for a cause");
  console.log("ftptrace analyze and explain: run from the installed package");
}

function useAsLibrary(clean) {
  writeFileSync(
    join(clean, "use.ts"),
    `import { type Analysis, analyzeCapture, type CauseId } from "ftptrace";
import schema from "ftptrace/report.schema.json" with { type: "json" };
export function causes(bytes: Uint8Array): (CauseId | null)[] {
  const analysis: Analysis = analyzeCapture(bytes);
  return analysis.sessions.flatMap(({ dataChannels }) => dataChannels.map(({ cause }) => cause));
}
export const title: string = schema.title;
`,
  );
  const options = ["--module", "nodenext", "--target", "es2022", "--strict", "--resolveJsonModule", "--outDir", "out"];
  run(clean, tool("tsc"), [...options, "--types", "", "--ignoreConfig", "use.ts"]);
  const words = `import { readFileSync } from "node:fs"; import { causes } from "./out/use.js";
console.log(causes(readFileSync("node_modules/${description.name}/${FIXTURE}")).join());`;
  const found = run(clean, process.execPath, ["--input-type=module", "-e", words]).trim();
  if (found !== CAUSE) throw new Error(`the library finds ${found}`);
  console.log("import from TypeScript: types hold, and it finds the cause");
}

function run(cwd, program, words) {
  const { status, stdout, stderr, error } = spawnSync(program, words, { cwd, encoding: "utf8" });
  if (error) throw error;
  if (status !== 0) throw new Error(`${program} ${words.join(" ")}: status ${status}\n${stdout}${stderr}`);
  return stdout;
}
