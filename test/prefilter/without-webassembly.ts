/** Runs something as where WebAssembly is switched off: then no packet is stepped over. */
export function withoutWebAssembly<T>(run: () => T): T {
  const global = globalThis as { WebAssembly?: unknown };
  const { WebAssembly } = global;
  delete global.WebAssembly;
  try {
    return run();
  } finally {
    global.WebAssembly = WebAssembly;
  }
}
