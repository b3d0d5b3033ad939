import { versions } from "node:process";
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * Bytecode that a function may run before V8 compiles it with optimization, in bytes; V8's own value is 67,584. Most of our code runs a few thousand
 * times at most and is not worth that; the packet loop, which is, passes either bound within milliseconds. Later versions of V8 count calls instead, and
 * compile in more steps.
 */
const INTERRUPT_BUDGET = 400_000;

/**
 * By so much (per cent) the old generation may grow before it is collected; V8 lets a small one grow fourfold. Of thousands of short sessions a second
 * nearly all is garbage soon: a session outlives the small young generation.
 */
const HEAP_GROWING_PERCENT = 55;

/**
 * A half of the young generation, in bytes, without the headers of its pages; V8 begins with 1 MiB. The larger it is, the more of what a session needs for a while is
 * garbage before it would be moved to the old one.
 */
const YOUNG_HALF_BYTES = 3.8 * 2 ** 20;

/** Survivors that make it grow: V8 doubles it once as much has survived in it as a half of it holds. It takes 45; where it may not grow there is an end. */
const SURVIVOR_BYTES = 128 * 1024;
const MAX_SURVIVORS = 64;

/** Major versions of V8 that were tried: 11 is Node 20's and 21's, 14 those of 25 and 26. Of flags that it does not know V8 complains on standard error. */
const TRIED = { from: 11, to: 14 } as const;
/** The last one that knows `--interrupt-budget`: Node 20's. */
const WITH_INTERRUPT_BUDGET = "11.3.";

/**
 * The flags that {@link tuneV8} sets, but for the size of the young generation.
 * @param version of V8, as `process.versions.v8`
 * @returns none where it would not know them all
 */
export function flagsFor(version: string): string[] {
  const major = Number.parseInt(version, 10);
  if (!(major >= TRIED.from && major <= TRIED.to)) return [];
  return [
    // So small a young generation is not worth dividing among threads.
    "--no-parallel-scavenge",
    `--heap-growing-percent=${HEAP_GROWING_PERCENT}`,
    ...(version.startsWith(WITH_INTERRUPT_BUDGET) ? [`--interrupt-budget=${INTERRUPT_BUDGET}`] : []),
  ];
}

/**
 * Settings of V8 that suit a long packet loop and much code that runs seldom: a tenth less CPU time in all (docs/performance.md). To be called
 * before much has been allocated.
 */
export function tuneV8(): void {
  const flags = flagsFor(versions.v8);
  if (flags.length === 0) return;
  growYoungGeneration();
  for (const flag of flags) setFlagsFromString(flag);
}

/**
 * Lets the young generation grow to what it is to be, and no further: where many sessions are open it would grow to 32 MiB at once. Its size is taken
 * from the command line of Node alone, so it is made to grow here.
 */
function growYoungGeneration(): void {
  setFlagsFromString("--semi-space-growth-factor=2");
  const survivors: number[][] = [];
  while (youngHalfBytes() < YOUNG_HALF_BYTES && survivors.length < MAX_SURVIVORS)
    survivors.push(new Array(SURVIVOR_BYTES / 8).fill(0));
  setFlagsFromString("--semi-space-growth-factor=1");
}

/**
 * What collects the young generation, in a millisecond or two. Buffers that live for a moment are in no heap, but V8 counts them, and collects the whole
 * old generation for them as long as nothing else fills the young one: 90 times in a gigabyte of a flood.
 * @returns what does nothing where V8 does not know how
 */
export function youngCollector(): () => void {
  if (flagsFor(versions.v8).length === 0) return () => {};
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("globalThis.gc");
  setFlagsFromString("--no-expose-gc");
  return typeof collect === "function" ? () => collect({ type: "minor" }) : () => {};
}

/** What one half holds. How much both have taken is no measure: V8 takes it when it is needed since Node 26. */
function youngHalfBytes(): number {
  const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space");
  return young ? young.space_used_size + young.space_available_size : Number.POSITIVE_INFINITY;
}
