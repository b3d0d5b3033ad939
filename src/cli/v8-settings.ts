import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";

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

/** So large (bytes, both halves) the young generation may become: a larger one would only hold garbage. */
const YOUNG_BYTES = 4 * 2 ** 20;

/**
 * Settings of V8 that suit a long packet loop and much code that runs seldom: a tenth less CPU time in all (docs/performance.md). To be called
 * before much has been allocated.
 */
export function tuneV8(): void {
  // So small a young generation is not worth dividing among threads.
  setFlagsFromString("--no-parallel-scavenge");
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWING_PERCENT}`);
  setFlagsFromString(`--interrupt-budget=${INTERRUPT_BUDGET}`);
}

let isHeld = false;

/**
 * To be called every now and then: once the young generation is large enough it grows no more. V8 doubles it up to 32 MiB when enough has survived; its size
 * can be set only where Node is started.
 */
export function holdYoungGeneration(): void {
  if (isHeld) return;
  const young = getHeapSpaceStatistics().find(({ space_name: name }) => name === "new_space");
  if (young === undefined || young.space_size < YOUNG_BYTES) return;
  setFlagsFromString("--semi-space-growth-factor=1");
  isHeld = true;
}
