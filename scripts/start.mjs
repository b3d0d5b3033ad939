// `npm start` analyses the bundled capture; `npm start -- ARGUMENTS` passes them on (a bare FILE list means `analyze FILE…`).
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../dist/bin/ftptrace.js", import.meta.url));
const bundled = relative(
  process.cwd(),
  fileURLToPath(new URL("../fixtures/pasv-cleartext-private-address-client.pcap", import.meta.url)),
);
const given = process.argv.slice(2);
const bare = given.length > 0 && (given[0] === "-" || existsSync(given[0]));
const words = given.length === 0 ? ["analyze", bundled] : bare ? ["analyze", ...given] : given;
const run = spawnSync(process.execPath, [main, ...words], { stdio: "inherit" });
process.exit(run.status ?? 1);
