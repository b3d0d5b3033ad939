import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";

/** What one run of a program cost. */
export interface Cost {
  /** User and system time of the program and its children, seconds. */
  readonly cpuSeconds: number;
  /** Resident memory at its greatest, MiB. */
  readonly peakMiB: number;
}

/** Whether a program is installed. */
export function isInstalled(program: string): boolean {
  return spawnSync("sh", ["-c", 'command -v "$1"', "sh", program], { stdio: "ignore" }).status === 0;
}

/** Seconds after which a run is ended. */
export const LIMIT_SECONDS = 180;

/** A run was ended for its length. */
export class TooSlowError extends Error {}

/**
 * Runs a command under GNU time.
 * @param output file for what it prints; what it cost is put beside it
 * @param accepts exit statuses that are no failure
 * @throws TooSlowError when it takes more than {@link LIMIT_SECONDS}; Error when it fails
 */
export async function measure(command: readonly string[], output: string, accepts: readonly number[]): Promise<Cost> {
  const costFile = `${output}.cost`;
  const stdout = openSync(output, "w");
  // GNU time itself, not the shell's word of the same name. Waiting leaves room for signals: an interrupted run tidies up.
  const child = spawn("env", ["time", "-f", "%U %S %M", "-o", costFile, "--", ...command], {
    stdio: ["ignore", stdout, "pipe"],
    // Node would read such certificates whenever it starts, for 35 ms.
    env: { ...process.env, NODE_EXTRA_CA_CERTS: undefined },
    // A group of its own, so that what GNU time runs is ended with it.
    detached: true,
  });
  closeSync(stdout);
  let complaint = "";
  child.stderr!.on("data", (chunk) => (complaint = (complaint + String(chunk)).slice(-2000)));
  const endChild = () => process.kill(-child.pid!, "SIGKILL");
  process.once("exit", endChild);
  let tooSlow = false;
  const limit = setTimeout(() => {
    tooSlow = true;
    endChild();
  }, LIMIT_SECONDS * 1000);
  const [status, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  process.off("exit", endChild);
  clearTimeout(limit);
  if (tooSlow) throw new TooSlowError(`more than ${LIMIT_SECONDS} s`);
  if (status === null || !accepts.includes(status))
    throw new Error(`${command.join(" ")} ended with ${status ?? signal}: ${complaint}`);
  // A line before it tells of an exit status other than 0.
  const words = readFileSync(costFile, "utf8").trim().split("\n").at(-1)!.split(" ");
  const [user = 0, system = 0, peakKiB = 0] = words.map(Number);
  return { cpuSeconds: user + system, peakMiB: peakKiB / 1024 };
}

/** The middle one by CPU time, and the middle one by memory. */
export function median(costs: readonly Cost[]): Cost {
  const middle = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!;
  return {
    cpuSeconds: middle(costs.map(({ cpuSeconds }) => cpuSeconds)),
    peakMiB: middle(costs.map(({ peakMiB }) => peakMiB)),
  };
}
