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
const HEAP_GROWING_PERCENT = 55;

/**
 * Both halves of the young generation, in bytes; V8 begins with 2 MiB. The larger it is, the more of what a session needs for a while is garbage before it
 * would be moved to the old one.
 */
const YOUNG_GENERATION_BYTES = 8 * 2 ** 20;

/** Survivors that make it grow: V8 doubles it once as much has survived in it as a half of it holds. It takes 45; where it may not grow there is an end. */
const SURVIVOR_BYTES = 128 * 1024;
const MAX_SURVIVORS = 64;

/**
 * Settings of V8 that suit a long packet loop and much code that runs seldom: a tenth less CPU time in all (docs/performance.md). To be called
 * before much has been allocated.
 */
export function tuneV8(): void {
  growYoungGeneration();
  // So small a one is not worth dividing among threads.
  setFlagsFromString("--no-parallel-scavenge");
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWING_PERCENT}`);
  setFlagsFromString(`--interrupt-budget=${INTERRUPT_BUDGET}`);
}

/**
 * Lets the young generation grow to what it is to be, and no further: where many sessions are open it would grow to 32 MiB at once. Its size is taken
 * from the command line of Node alone, so it is made to grow here.
 */
function growYoungGeneration(): void {
  setFlagsFromString("--semi-space-growth-factor=2");
  const survivors: number[][] = [];
  while (youngGenerationBytes() < YOUNG_GENERATION_BYTES && survivors.length < MAX_SURVIVORS)
    survivors.push(new Array(SURVIVOR_BYTES / 8).fill(0));
  setFlagsFromString("--semi-space-growth-factor=1");
}

function youngGenerationBytes(): number {
  const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space");
  return young?.space_size ?? Number.POSITIVE_INFINITY;
}
