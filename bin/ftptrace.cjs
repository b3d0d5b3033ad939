#!/usr/bin/env node
// What npm links as `ftptrace`. It is no part of the build because `npx ftptrace` in a checkout must find it before the first one too: what
// npx did not find then it would not find after the build either.
const { existsSync } = require("node:fs");
const { join } = require("node:path");

const program = join(__dirname, "..", "dist", "bin", "ftptrace.js");
if (existsSync(program)) require(program);
else {
  process.stderr.write("ftptrace: not built yet: npm ci && npm run build\n");
  process.exitCode = 70;
}
