import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { arch, platform, version } from "node:process";
import { Script } from "node:vm";

/**
 * The bundled program is one function of `require` and `__filename` in a file of its own, and beside it lies the bytecode of what a run uses, for the
 * Node that built it. V8 takes the bytecode only if version and flags are its own and compiles what is missing, so that without it everything works as
 * well, only later (docs/decisions/0006-bundled-command-line.md).
 */

/** Where the bytecode of a bundle lies. V8 does not check the platform, so the name does. @param bundle path of the bundle */
export function codeCachePath(bundle: string): string {
  return `${bundle}.${version}-${platform}-${arch}.cache`;
}

/** A bundle, compiled and not run. */
export interface CompiledBundle {
  /** Whether V8 took the bytecode that lies beside it. */
  readonly tookBytecode: boolean;
  /** Runs it. Its `require` and `__filename` are those of the bundle's own path. */
  run(): void;
  /** The bytecode of all that has been compiled of it so far. */
  bytecode(): Buffer;
}

/**
 * Compiles a bundle, or takes its bytecode.
 * @param bundle absolute path of a file in Latin-1: an expression that is a function of `require` and `__filename`
 * @throws Error when there is no such file
 */
export function compileBundle(bundle: string): CompiledBundle {
  const source = readFileSync(bundle, "latin1");
  const cachedData = bytecodeOf(bundle);
  const script = new Script(source, { filename: bundle, ...(cachedData && { cachedData }) });
  return {
    tookBytecode: script.cachedDataRejected === false,
    run: () => script.runInThisContext()(createRequire(bundle), bundle),
    bytecode: () => script.createCachedData(),
  };
}

function bytecodeOf(bundle: string): Buffer | undefined {
  try {
    return readFileSync(codeCachePath(bundle));
  } catch {
    return undefined;
  }
}
