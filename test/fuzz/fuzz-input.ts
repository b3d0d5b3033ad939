import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { ENCAPSULATIONS } from "../decode/encapsulations.ts";
import { type RawPacket, rawPackets } from "../support/capture-mutation.ts";
import { Chance } from "./chance.ts";
import { pcapContainer, pcapngContainer } from "./containers.ts";
import { conversation } from "./conversation.ts";
import { mutatePacket } from "./packet-mutation.ts";

/** What one run feeds to the analyzer. The seed alone decides it, given the same fixtures. */
export interface FuzzInput {
  readonly seed: number;
  /** What was done, in a few words. */
  readonly how: string;
  readonly bytes: Uint8Array;
  /** A capture that is analysed together with it; null for none. */
  readonly second: Uint8Array | null;
  /** `memory`: pushed whole. `chunks`: whole and in pieces, which must give the same. `file`: through `openCapture`. */
  readonly via: "memory" | "chunks" | "file";
}

/** A capture to be mutated. */
export interface CorpusEntry {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly packets: readonly RawPacket[];
}

/** All captures of a folder, in the order of their names. */
export function loadCorpus(folder: string): CorpusEntry[] {
  return readdirSync(folder)
    .filter((name) => /\.(?:pcap|pcapng|cap)$/.test(name))
    .sort()
    .map((name) => {
      const bytes = new Uint8Array(readFileSync(join(folder, name)));
      return { name, bytes, packets: rawPackets(bytes) };
    });
}

/** Packets of a fixture that are used at once, mostly and at most: few packets make for many runs. */
const FEW_PACKETS = 10;
const MAX_PACKETS = 50;

/** A packet of each link type and tunnel, as if captured one after the other. */
const ENCAPSULATED: readonly RawPacket[] = ENCAPSULATIONS.map(({ linkType, frame }, i) => ({
  number: i + 1,
  seconds: 1_700_000_000 + i,
  nanoseconds: 0,
  bytes: Uint8Array.from(frame),
  originalLength: frame.length,
  linkType,
  flow: null,
  sender: null,
}));

/** The input of a seed. */
export function fuzzInput(seed: number, corpus: readonly CorpusEntry[]): FuzzInput {
  const chance = new Chance(seed);
  const { bytes, how } = capture(corpus, chance);
  const way = chance.below(1000);
  if (way < 10) return { seed, how: `${how}, in chunks`, bytes, second: null, via: "chunks" };
  if (way < 15)
    return { seed, how: `${how}, with another`, bytes, second: capture(corpus, chance).bytes, via: "memory" };
  if (way < 16) return { seed, how: `${how}, gzip`, bytes: compressed(bytes, chance), second: null, via: "file" };
  return { seed, how, bytes, second: null, via: "memory" };
}

function capture(corpus: readonly CorpusEntry[], chance: Chance): { bytes: Uint8Array; how: string } {
  if (chance.in(0.04)) {
    const bytes = conversation(chance);
    if (chance.in(0.7)) return { bytes, how: "conversation" };
    if (chance.in(0.4)) return { bytes: mutateBytes(bytes, chance), how: "conversation, bytes" };
    return { bytes: rewritten(rawPackets(bytes), chance), how: "conversation, packets" };
  }
  if (chance.in(0.1)) {
    const chosen = Array.from({ length: chance.between(1, 6) }, () => chance.pick(ENCAPSULATED));
    return { bytes: rewritten(chosen, chance), how: "encapsulations" };
  }
  const entry = chance.pick(corpus);
  if (chance.in(0.25)) {
    const whole = chance.in(0.05) ? entry.bytes : entry.bytes.subarray(0, 300 + chance.below(1500));
    return { bytes: mutateBytes(whole, chance), how: `${entry.name}, bytes` };
  }
  let packets = entry.packets;
  const many = chance.in(0.95) ? chance.between(2, FEW_PACKETS) : MAX_PACKETS;
  if (packets.length > many) {
    const from = chance.in(0.4) ? 0 : chance.below(packets.length - many);
    packets = packets.slice(from, from + many);
  }
  if (chance.in(0.1)) {
    const other = chance.pick(corpus).packets.slice(0, many);
    if (other[0]?.linkType === packets[0]?.linkType) packets = interleaved(packets, other, chance);
  }
  return { bytes: rewritten(packets, chance), how: `${entry.name}, packets` };
}

/** Packets changed one by one and as a row, in a container of either format. */
function rewritten(packets: readonly RawPacket[], chance: Chance): Uint8Array {
  let changed = [...packets];
  for (let i = chance.in(0.9) ? chance.between(1, 6) : chance.below(60); i > 0 && changed.length > 0; i--) {
    const at = chance.below(changed.length);
    if (chance.in(0.75)) changed[at] = mutatePacket(changed[at]!, chance);
    else changed = rearranged(changed, at, chance);
  }
  const lies = chance.in(0.3);
  return chance.in(0.6) ? pcapContainer(changed, chance, lies) : pcapngContainer(changed, chance, lies);
}

function rearranged(packets: RawPacket[], at: number, chance: Chance): RawPacket[] {
  const packet = packets[at]!;
  switch (chance.below(6)) {
    case 0:
      return packets.filter((_, i) => i !== at);
    case 1:
      return packets.flatMap((other, i) =>
        i === at ? new Array<RawPacket>(chance.skewed(200) + 2).fill(other) : [other],
      );
    case 2: {
      const rest = packets.filter((_, i) => i !== at);
      rest.splice(chance.below(rest.length + 1), 0, packet);
      return rest;
    }
    case 3:
      return packets.slice(0, at + 1);
    case 4:
      return packets.slice(at);
    default:
      return packets
        .map((other) => (other.flow === packet.flow && other.sender === packet.sender ? null : other))
        .filter((other) => other !== null);
  }
}

function interleaved(a: readonly RawPacket[], b: readonly RawPacket[], chance: Chance): RawPacket[] {
  const all: RawPacket[] = [];
  for (let i = 0, j = 0; i < a.length || j < b.length; )
    if (j >= b.length || (i < a.length && chance.in(0.5))) all.push(a[i++]!);
    else all.push(b[j++]!);
  return all;
}

/** Bytes of a file changed, cut out, put in, doubled, cut off. */
export function mutateBytes(bytes: Uint8Array, chance: Chance): Uint8Array {
  let changed: Uint8Array = bytes.slice();
  for (let i = chance.between(1, 8); i > 0 && changed.length > 0; i--) {
    const at = chance.in(0.3) ? chance.below(Math.min(changed.length, 120)) : chance.below(changed.length);
    switch (chance.below(6)) {
      case 0:
        changed[at] = chance.byte();
        break;
      case 1:
        changed[at] ^= 1 << chance.below(8);
        break;
      case 2: {
        const view = new DataView(changed.buffer, changed.byteOffset, changed.byteLength);
        if (at + 4 <= changed.length) view.setUint32(at, chance.word(), chance.in(0.7));
        break;
      }
      case 3:
        changed = joined(changed.subarray(0, at), changed.subarray(at + chance.skewed(200)));
        break;
      case 4: {
        const piece = changed.subarray(at, at + chance.skewed(2000));
        changed = joined(changed.subarray(0, at), piece, changed.subarray(at));
        break;
      }
      default:
        if (chance.in(0.3)) changed = changed.subarray(0, at);
    }
  }
  return changed;
}

/** Compressed, once or twice, in one member or two, and mostly damaged. */
function compressed(bytes: Uint8Array, chance: Chance): Uint8Array {
  const level = chance.pick([0, 1, 6]);
  const half = chance.below(bytes.length + 1);
  let file = chance.in(0.7)
    ? new Uint8Array(gzipSync(bytes, { level }))
    : joined(gzipSync(bytes.subarray(0, half), { level }), gzipSync(bytes.subarray(half), { level }));
  if (chance.in(0.1)) file = new Uint8Array(gzipSync(file));
  return chance.in(0.8) ? mutateBytes(file, chance) : file;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
