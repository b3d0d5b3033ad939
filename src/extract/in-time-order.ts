/** Something that holds from a moment on, in seconds since the epoch. */
export interface Since {
  readonly since: number;
}

/** Puts a thing in its place in a list that is in time order; things come nearly in that order. */
export function insertInOrder<T extends Since>(list: T[], thing: T): void {
  let at = list.length;
  while (at > 0 && (list[at - 1] as T).since > thing.since) at--;
  list.splice(at, 0, thing);
}

/** Index of the latest that held at a time; 0 if none did yet. The list is in time order. */
export function latestIndex(list: readonly Since[], time: number): number {
  let low = 0;
  let high = list.length;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((list[middle] as Since).since <= time) low = middle;
    else high = middle;
  }
  return low;
}
