import { closeSync, existsSync, linkSync, openSync, renameSync, statSync, unlinkSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Complaints } from "./complaints.ts";
import { EXIT_CODES, type ExitCode } from "./exit-code.ts";
import { UsageError } from "./usage-error.ts";

/** Where a report goes. */
export interface ReportOutput {
  /** Resolves when more may be written. */
  write(data: string | Uint8Array): Promise<void>;
  /** All has been written: a file takes its name now. */
  commit(): void;
  /** Nothing is left behind that was not committed. */
  discard(): void;
}

/** Where a command writes. @param path null: standard output */
export function openOutput(path: string | null, force: boolean): ReportOutput {
  return path === null ? standardOutput() : fileOutput(path, force);
}

/** The report cannot be written: no such folder, disk full. */
export class ReportOutputError extends Error {
  override readonly name = "ReportOutputError";
}

/**
 * Standard output, waiting until its reader has what is written: no file beside it takes its name before. Where it takes nothing the program
 * ends (`main.ts`).
 */
function standardOutput(): ReportOutput {
  return {
    write: (data) =>
      new Promise((resolve) => {
        process.stdout.write(data, (error) => {
          if (!error) resolve();
        });
      }),
    commit() {},
    discard() {},
  };
}

/**
 * A file that appears whole or not at all: written under a temporary name beside it, and given its name by {@link
 * ReportOutput.commit}. What is no regular file (`/dev/null`, a named pipe) is written as it is.
 * @throws UsageError if the file exists and `force` is false
 */
export function fileOutput(path: string, force: boolean): ReportOutput {
  if (existsSync(path)) {
    const status = statSync(path);
    if (status.isDirectory()) throw new UsageError(`${path}: is a directory`);
    if (!status.isFile()) return specialFileOutput(path);
    if (!force) throw new UsageError(`${path}: exists already; --force replaces it`);
  }
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  const descriptor = attempt(path, () => openSync(temporary, "wx"));
  let open = true;
  const close = () => {
    if (open) closeSync(descriptor);
    open = false;
  };
  return {
    async write(data) {
      attempt(path, () => writeWhole(descriptor, data));
    },
    commit() {
      attempt(path, () => {
        close();
        // link, unlike rename, fails if somebody else has made the file meanwhile
        if (force) renameSync(temporary, path);
        else {
          linkSync(temporary, path);
          unlinkSync(temporary);
        }
      });
    },
    discard() {
      close();
      if (existsSync(temporary)) unlinkSync(temporary);
    },
  };
}

function specialFileOutput(path: string): ReportOutput {
  const descriptor = attempt(path, () => openSync(path, "w"));
  return {
    async write(data) {
      attempt(path, () => writeWhole(descriptor, data));
    },
    commit: () => closeSync(descriptor),
    discard() {},
  };
}

/** writeSync may write only a part, e.g. when a disk fills up. */
function writeWhole(descriptor: number, data: string | Uint8Array): void {
  const bytes = typeof data === "string" ? Buffer.from(data, "utf8") : data;
  for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such directory",
  ENOTDIR: "not a directory",
  EACCES: "permission denied",
  EROFS: "read-only file system",
  ENOSPC: "no space left on device",
  EDQUOT: "disk quota exceeded",
  EEXIST: "exists already; --force replaces it",
};

function attempt<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new ReportOutputError(`${path}: ${outputProblem(error)}`, { cause: error });
  }
}

/** Why something cannot be written. */
export function outputProblem(error: unknown): string {
  const { code = "", message } = error as NodeJS.ErrnoException;
  return REASONS[code] ?? message;
}

/**
 * Opens outputs, before whatever takes long, and has them written. Of one that is not committed nothing is left, also where the run is
 * interrupted or nobody takes its standard output; a signal then does what it would have done.
 * @returns what `write` does; that the output failed where one cannot be written, after a complaint
 */
export async function withOutputs(
  makes: readonly (() => ReportOutput)[],
  complaints: Complaints,
  write: (outputs: readonly ReportOutput[]) => Promise<ExitCode>,
): Promise<ExitCode> {
  const outputs: ReportOutput[] = [];
  const discard = () => {
    for (const output of outputs) output.discard();
  };
  const stopListening = () => {
    process.off("exit", discard);
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
  const onSignal = (signal: NodeJS.Signals) => {
    discard();
    stopListening();
    process.kill(process.pid, signal);
  };
  // Before there is a file: a signal between the two would leave it.
  process.on("exit", discard);
  for (const signal of SIGNALS) process.on(signal, onSignal);
  try {
    for (const make of makes) outputs.push(make());
    return await write(outputs);
  } catch (error) {
    if (!(error instanceof ReportOutputError)) throw error;
    complaints.add(error.message);
    return EXIT_CODES.outputFailed;
  } finally {
    discard();
    stopListening();
  }
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
