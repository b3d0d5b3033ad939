import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { codeCachePath, compileBundle } from "../../src/cli/code-cache.ts";

const folder = mkdtempSync(join(tmpdir(), "ftptrace-code-cache-"));
after(() => rmSync(folder, { recursive: true }));

/** A bundle that says where it is and what it has been given to require. */
function bundle(name: string): string {
  const path = join(folder, name);
  writeFileSync(
    path,
    `(function (require, __filename) {
function late() { return require("node:path").basename(__filename); }
globalThis.said = late(); // \xe9
})`,
    "latin1",
  );
  return path;
}

function said(): unknown {
  return (globalThis as { said?: unknown }).said;
}

describe("the bundle and its bytecode", () => {
  it("runs without bytecode", () => {
    const path = bundle("without.js");
    const compiled = compileBundle(path);
    assert.equal(compiled.tookBytecode, false);
    compiled.run();
    assert.equal(said(), "without.js");
  });

  it("runs from the bytecode that an earlier run left", () => {
    const path = bundle("with.js");
    const first = compileBundle(path);
    first.run();
    writeFileSync(codeCachePath(path), first.bytecode());
    const second = compileBundle(path);
    assert.equal(second.tookBytecode, true);
    second.run();
    assert.equal(said(), "with.js");
  });

  it("does not take bytecode of another source, or what is no bytecode", () => {
    const compiled = compileBundle(bundle("longer-name.js"));
    compiled.run();
    for (const [index, bytes] of [compiled.bytecode(), Buffer.alloc(4096, 0x5a), Buffer.alloc(0)].entries()) {
      const path = join(folder, `${index}.js`);
      writeFileSync(codeCachePath(path), bytes);
      writeFileSync(path, '(function () { globalThis.said = "its own"; })');
      const own = compileBundle(path);
      assert.equal(own.tookBytecode, false);
      own.run();
      assert.equal(said(), "its own");
    }
  });

  it("was built with bytecode that this Node takes", () => {
    assert.equal(compileBundle(join(import.meta.dirname, "../../dist/bin/program.js")).tookBytecode, true);
  });
});
