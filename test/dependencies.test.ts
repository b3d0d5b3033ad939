import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

/** What SECURITY.md promises of what is installed. */

const manifest = JSON.parse(readFileSync("package.json", "utf8"));
const locked: Readonly<
  Record<string, { readonly version?: string; readonly dev?: boolean; readonly hasInstallScript?: boolean }>
> = JSON.parse(readFileSync("package-lock.json", "utf8")).packages;

test("every dependency is pinned to one version, the one that is locked", () => {
  const pinned: Record<string, string> = {
    ...manifest.dependencies,
    ...manifest.optionalDependencies,
    ...manifest.devDependencies,
  };
  assert.ok(Object.keys(pinned).length > 0);
  for (const [name, version] of Object.entries(pinned)) {
    assert.match(version, /^\d+\.\d+\.\d+$/, name);
    assert.equal(locked[`node_modules/${name}`]?.version, version, name);
  }
});

test("nothing runs when the package or what it needs is installed", () => {
  const scripts = Object.keys(manifest.scripts);
  for (const script of ["preinstall", "install", "postinstall", "prepare"])
    assert.ok(!scripts.includes(script), script);
  const running = Object.entries(locked).filter(([, { dev, hasInstallScript }]) => !dev && hasInstallScript);
  assert.deepEqual(running, []);
});
