#!/usr/bin/env node
import { fileURLToPath } from "node:url";
import { compileBundle } from "./code-cache.ts";

/** What npm installs as `ftptrace`: starts the program bundled beside it. */
compileBundle(fileURLToPath(new URL("program.js", import.meta.url))).run();
