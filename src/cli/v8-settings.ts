import { setFlagsFromString } from "node:v8";

/**
 * Bytecode that a function may run before V8 compiles it with optimization, in bytes; V8's own value is 67,584. Most of our code runs a few thousand
 * times at most and is not worth that; the packet loop, which is, passes either bound within milliseconds.
 */
const INTERRUPT_BUDGET = 400_000;

/**
 * By so much (per cent) the old generation may grow before it is collected; V8 lets a small one grow fourfold. Of thousands of short sessions a second
 * nearly all is garbage soon: a session outlives the small young generation.
 */
const HEAP_GROWING_PERCENT = 70;

/**
 * Settings of V8 that suit a long packet loop and much code that runs seldom: a tenth less CPU time in all (docs/performance.md). To be called
 * before much has been allocated.
 */
export function tuneV8(): void {
  // The young generation stays as small as it begins, 1 MiB a half: a larger one would mostly hold garbage, and grows at once where many sessions are open.
  setFlagsFromString("--semi-space-growth-factor=1");
  // So small a one is not worth dividing among threads.
  setFlagsFromString("--no-parallel-scavenge");
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWING_PERCENT}`);
  setFlagsFromString(`--interrupt-budget=${INTERRUPT_BUDGET}`);
}
