import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { analyzeCapture } from "../../src/analyze.ts";
import { withoutWebAssembly } from "./without-webassembly.ts";

// A file of its own: what is learnt here holds for the process.
test("where WebAssembly gets no memory the report is the same, and it is not tried again", () => {
  const bytes = readFileSync("fixtures/pasv-cleartext-private-address-client.pcap");
  const expected = withoutWebAssembly(() => analyzeCapture(bytes));
  const global = globalThis as { WebAssembly?: unknown };
  const real = global.WebAssembly;
  let tries = 0;
  global.WebAssembly = {
    Module: class {},
    Instance: class {
      constructor() {
        tries++;
        throw new RangeError("WebAssembly.Instance(): Out of memory: Cannot allocate Wasm memory for new instance");
      }
    },
  };
  try {
    assert.deepEqual(analyzeCapture(bytes), expected);
    assert.deepEqual(analyzeCapture(bytes), expected);
  } finally {
    global.WebAssembly = real;
  }
  assert.equal(tries, 1);
});
