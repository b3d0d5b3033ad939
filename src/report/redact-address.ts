import { createHmac } from "node:crypto";
import { type AddressClass, classifyAddress, formatAddress, parseAddress } from "../address.ts";

/**
 * Addresses behind a key: every address becomes another of the same family and class, never two the same one, and with the same key always the
 * same. A private address stays private, a public one public, so that a report still makes sense.
 */
export class AddressPermutation {
  readonly #key: Uint8Array;
  readonly #known = new Map<string, string>();

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  /** @param text an address in canonical form. @returns another; the same where the class says all (loopback, 0.0.0.0, multicast) or it is none */
  replace(text: string): string {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const bytes = parseAddress(text);
    const replaced = bytes ? this.#permuted(bytes, classifyAddress(text)) : text;
    if (this.#known.size < MAX_KNOWN) this.#known.set(text, replaced);
    return replaced;
  }

  #permuted(bytes: Uint8Array, kind: AddressClass): string {
    const width = bytes.length * 8;
    const value = toNumber(bytes);
    const embedding = EMBEDDINGS.find(({ prefix }) => width === 128 && prefix.every((byte, i) => bytes[i] === byte));
    if (embedding) return this.#permutedAround(bytes, embedding.prefix.length);
    const kept = keptBits(value, width, kind);
    if (kept === undefined) return formatAddress(bytes, 0, width === 32 ? 4 : 6);
    const free = width - kept;
    const head = (value >> BigInt(free)) << BigInt(free);
    let tail = value & ((1n << BigInt(free)) - 1n);
    // Walking on until the class is right keeps it a permutation: of the addresses of that class.
    for (;;) {
      tail = this.#shuffle(tail, free, `${width}/${kept}`);
      const next = formatAddress(toBytes(head | tail, bytes.length), 0, width === 32 ? 4 : 6);
      if (classifyAddress(next) === kind) return next;
    }
  }

  /** An IPv6 address that carries an IPv4 address at `at`: that one's replacement in its place, and another rest behind it. */
  #permutedAround(bytes: Uint8Array, at: number): string {
    const carried = parseAddress(this.replace(formatAddress(bytes.subarray(at, at + 4), 0, 4)))!;
    const rest = bytes.subarray(at + 4);
    const bits = rest.length * 8;
    const shuffled = bits === 0 ? rest : toBytes(this.#shuffle(toNumber(rest), bits, `behind ${at}`), rest.length);
    return formatAddress(Uint8Array.from([...bytes.subarray(0, at), ...carried, ...shuffled]), 0, 6);
  }

  /** A Feistel network over so many bits (Luby and Rackoff, 1988): invertible, whatever its round function. */
  #shuffle(value: bigint, bits: number, domain: string): bigint {
    let rightBits = bits >> 1;
    let leftBits = bits - rightBits;
    let left = value >> BigInt(rightBits);
    let right = value & ((1n << BigInt(rightBits)) - 1n);
    for (let round = 0; round < ROUNDS; round++) {
      const digest = createHmac("sha256", this.#key).update(`${domain} ${round} ${right}`).digest("hex");
      const mixed = left ^ (BigInt(`0x${digest}`) & ((1n << BigInt(leftBits)) - 1n));
      [left, right] = [right, mixed];
      [leftBits, rightBits] = [rightBits, leftBits];
    }
    return (left << BigInt(rightBits)) | right;
  }
}

/** An even number, so that both halves have their own widths again. */
const ROUNDS = 8;
/** Addresses whose replacement is remembered; others are worked out again. */
const MAX_KNOWN = 100_000;

/** Networks whose prefix tells the class, and so is kept: network, bits. */
const PREFIXES: readonly { readonly kind: AddressClass; readonly network: string; readonly bits: number }[] = [
  { kind: "private", network: "10.0.0.0", bits: 8 }, // RFC 1918
  { kind: "private", network: "172.16.0.0", bits: 12 },
  { kind: "private", network: "192.168.0.0", bits: 16 },
  { kind: "cgnat", network: "100.64.0.0", bits: 10 }, // RFC 6598
  { kind: "link-local", network: "169.254.0.0", bits: 16 }, // RFC 3927
  { kind: "link-local", network: "fe80::", bits: 64 }, // RFC 4291
  { kind: "link-local", network: "fe80::", bits: 10 }, // the rest of the prefix, which no interface should have
  { kind: "unique-local", network: "fc00::", bits: 7 }, // RFC 4193
  { kind: "public", network: "2000::", bits: 3 }, // RFC 4291: global unicast
  { kind: "public", network: "::", bits: 0 },
  { kind: "public", network: "0.0.0.0", bits: 0 },
  { kind: "reserved", network: "240.0.0.0", bits: 4 }, // RFC 1112 section 4, used inside some networks
];

/** IPv6 prefixes behind which an IPv4 address stands. */
const EMBEDDINGS: readonly { readonly prefix: readonly number[] }[] = [
  { prefix: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff] }, // IPv4-mapped, RFC 4291
  { prefix: [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0] }, // NAT64, RFC 6052
  { prefix: [0x20, 0x02] }, // 6to4, RFC 3056
];

/** How many leading bits stay; undefined where the whole address does. */
function keptBits(value: bigint, width: number, kind: AddressClass): number | undefined {
  return PREFIXES.find(({ kind: of, network, bits }) => {
    const prefix = parseAddress(network)!;
    if (of !== kind || prefix.length * 8 !== width) return false;
    return value >> BigInt(width - bits) === toNumber(prefix) >> BigInt(width - bits);
  })?.bits;
}

function toNumber(bytes: Uint8Array): bigint {
  return bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function toBytes(value: bigint, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => Number((value >> BigInt(8 * (length - 1 - i))) & 0xffn));
}
