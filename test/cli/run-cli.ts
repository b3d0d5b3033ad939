import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

/** What a run of the program left behind. */
export interface CliResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `ftptrace` from source, as a process of its own; `input` is its standard input, `before` a script that runs first. */
export function runCli(words: readonly string[], input?: Uint8Array, before = ""): Promise<CliResult> {
  const { COLUMNS: _columns, FORCE_COLOR: _force, ...env } = process.env;
  const child = spawn(
    process.execPath,
    ["--import", "tsx", "--import", `data:text/javascript,${before}`, "src/cli/main.ts", ...words],
    { env },
  );
  const output: Record<"stdout" | "stderr", Buffer[]> = { stdout: [], stderr: [] };
  child.stdout.on("data", (chunk) => output.stdout.push(chunk));
  child.stderr.on("data", (chunk) => output.stderr.push(chunk));
  // A program that refuses its input does not read it.
  child.stdin.on("error", () => {});
  child.stdin.end(input ?? "");
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status) =>
      resolve({
        status,
        stdout: Buffer.concat(output.stdout).toString(),
        stderr: Buffer.concat(output.stderr).toString(),
      }),
    );
  });
}

/** A folder of its own for one test, removed after it. */
export function temporaryFolder(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "ftptrace-test-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
