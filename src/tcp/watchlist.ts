import { pairKey } from "../address.ts";

/**
 * Which connections to follow, asked once a SYN. Small counting bitmaps say no at the price of a few loads; only what passes
 * them is looked up by its addresses in full.
 */

/** Whoever wants connections to be followed: a session, as the slow half sees it. */
export interface Watcher {
  /** The endpoint whose further connections are control connections, not data. */
  readonly controlAddress: string;
  readonly controlPort: number;
  /** The FTP client's address. */
  readonly clientAddress: string;
  /** The vantage point whose connections it may be given (`vantage-points.ts`). */
  readonly point: number;
  /** How many connections it may still be given; at 0 they are counted, not followed. */
  room: number;
  /** Whether it negotiated this port, and no connection to it has come about since. */
  awaits(port: number): boolean;
  /** Whether a SYN by the client to a host that is not its server may belong to it at this moment (seconds). */
  wantsForeign(time: number): boolean;
}

/** How many of a connection's ends, by their addresses, are the watcher's client or server. */
export function hostsOf(
  { clientAddress, controlAddress }: Pick<Watcher, "clientAddress" | "controlAddress">,
  originator: string,
  responder: string,
): number {
  return (
    Number(originator === clientAddress || originator === controlAddress) +
    Number(responder === clientAddress || responder === controlAddress)
  );
}

/** Symmetric 16-bit hash of two address keys. */
function pairHash(keyA: number, keyB: number): number {
  const mixed = Math.imul(keyA ^ keyB, 0x9e3779b1) ^ Math.imul(keyA + keyB, 0x85ebca6b);
  return (mixed ^ (mixed >>> 16)) & 0xffff;
}

function hostHash(key: number): number {
  const mixed = Math.imul(key, 0x9e3779b1);
  return (mixed ^ (mixed >>> 16)) & 0xffff;
}

/** Watchers under keys; an empty list is removed. */
class WatcherIndex<Key> {
  readonly #watchers = new Map<Key, Watcher[]>();

  add(key: Key, watcher: Watcher): void {
    const list = this.#watchers.get(key);
    if (list) list.push(watcher);
    else this.#watchers.set(key, [watcher]);
  }

  remove(key: Key, watcher: Watcher): void {
    const list = this.#watchers.get(key);
    if (!list) return;
    const at = list.indexOf(watcher);
    if (at >= 0) list.splice(at, 1);
    if (list.length === 0) this.#watchers.delete(key);
  }

  get(key: Key): readonly Watcher[] {
    return this.#watchers.get(key) ?? NOBODY;
  }
}

const NOBODY: readonly Watcher[] = [];

/** Which new connections sessions want followed: by the ports that they negotiated, by their pair of hosts, or by their client. */
export class Watchlist {
  readonly #pairBits = new Uint16Array(65_536);
  readonly #hostBits = new Uint16Array(65_536);
  /** Which hosts are an end of a watched pair, and how often. */
  readonly #endBits: Uint8Array;
  readonly #endCounts = new Uint16Array(65_536);
  readonly #portCounts = new Uint16Array(65_536);
  /** Times that a host is watched: asked for every SYN. */
  #watchedHosts = 0;
  readonly #pairs = new WatcherIndex<string>();
  readonly #hosts = new WatcherIndex<string>();
  readonly #ports = new WatcherIndex<number>();

  /** @param endBits a bit for each host hash, all 0; the prefilter reads them as well */
  constructor(endBits: Uint8Array) {
    this.#endBits = endBits;
  }

  /** Follow all connections between two hosts. Keys are the table's 32-bit address keys. */
  watchPair(a: string, keyA: number, b: string, keyB: number, watcher: Watcher): void {
    this.#pairBits[pairHash(keyA, keyB)]++;
    this.#countEnd(keyA, 1);
    this.#countEnd(keyB, 1);
    this.#pairs.add(pairKey(a, b), watcher);
  }

  unwatchPair(a: string, keyA: number, b: string, keyB: number, watcher: Watcher): void {
    this.#pairBits[pairHash(keyA, keyB)]--;
    this.#countEnd(keyA, -1);
    this.#countEnd(keyB, -1);
    this.#pairs.remove(pairKey(a, b), watcher);
  }

  /** Follow what this host opens to others, as long as the watcher wants it. */
  watchHost(address: string, key: number, watcher: Watcher): void {
    this.#hostBits[hostHash(key)]++;
    this.#watchedHosts++;
    this.#hosts.add(address, watcher);
  }

  unwatchHost(address: string, key: number, watcher: Watcher): void {
    this.#hostBits[hostHash(key)]--;
    this.#watchedHosts--;
    this.#hosts.remove(address, watcher);
  }

  /** Look at SYNs to this port, whatever their addresses: it was negotiated. */
  expectPort(port: number, watcher: Watcher): void {
    this.#portCounts[port]++;
    this.#ports.add(port, watcher);
  }

  unexpectPort(port: number, watcher: Watcher): void {
    this.#portCounts[port]--;
    this.#ports.remove(port, watcher);
  }

  /** Whether any host is watched for what it opens to others: some control connection cannot be read. */
  get watchesHosts(): boolean {
    return this.#watchedHosts > 0;
  }

  /** Cheap: false means that neither host is an end of any session. */
  mayKnow(keyA: number, keyB: number): boolean {
    return this.#isEnd(hostHash(keyA)) || this.#isEnd(hostHash(keyB));
  }

  #isEnd(hash: number): boolean {
    return ((this.#endBits[hash >>> 3] >>> (hash & 7)) & 1) !== 0;
  }

  #countEnd(key: number, change: 1 | -1): void {
    const hash = hostHash(key);
    this.#endCounts[hash] += change;
    const bit = 1 << (hash & 7);
    if (this.#endCounts[hash] === 0) this.#endBits[hash >>> 3] &= ~bit;
    else this.#endBits[hash >>> 3] |= bit;
  }

  /** Cheap: false means that nobody wants a SYN between these hosts to this port. */
  mayMatch(originatorKey: number, responderKey: number, responderPort: number): boolean {
    return (
      this.#portCounts[responderPort] !== 0 ||
      this.#pairBits[pairHash(originatorKey, responderKey)] !== 0 ||
      (this.#watchedHosts > 0 && this.#hostBits[hostHash(originatorKey)] !== 0)
    );
  }

  /** Watchers that negotiated this port. */
  expecting(port: number): readonly Watcher[] {
    return this.#ports.get(port);
  }

  /** Watchers of everything between two hosts. */
  ofPair(a: string, b: string): readonly Watcher[] {
    return this.#pairs.get(pairKey(a, b));
  }

  /** Watchers of what this host opens. */
  ofHost(address: string): readonly Watcher[] {
    return this.#hosts.get(address);
  }
}
