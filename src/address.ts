import ipaddr from "ipaddr.js";
import { rememberingTexts } from "./text-memory.ts";

/**
 * IP addresses: text (RFC 5952 for IPv6), strict parsing, and the class that decides whether an address can be reached from
 * elsewhere. Text is the only form in the slow half; the fast half compares bytes.
 */

/** Dotted decimal of the 4 bytes at `at`, network byte order. */
function formatIpv4(bytes: Uint8Array, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
}

/** RFC 5952 text of the 16 bytes at `at`: lower case, longest run of two or more zero groups as `::`, IPv4-mapped dotted. */
function formatIpv6(bytes: Uint8Array, at: number): string {
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push((bytes[at + i] << 8) | bytes[at + i + 1]);
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff)
    return `::ffff:${formatIpv4(bytes, at + 12)}`;
  let bestAt = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; ) {
    let end = i;
    while (end < 8 && groups[end] === 0) end++;
    if (end - i > bestLength) {
      bestAt = i;
      bestLength = end - i;
    }
    i = Math.max(end, i + 1);
  }
  const hex = (part: number[]) => part.map((group) => group.toString(16)).join(":");
  if (bestAt < 0) return hex(groups);
  return `${hex(groups.slice(0, bestAt))}::${hex(groups.slice(bestAt + bestLength))}`;
}

/** Text of a 4- or 16-byte address. */
export function formatAddress(bytes: Uint8Array, at: number, ipVersion: number): string {
  return ipVersion === 4 ? formatIpv4(bytes, at) : formatIpv6(bytes, at);
}

/**
 * Bytes of an address written as text: exactly four decimal octets of 0 … 255, or RFC 4291 text. Unlike ipaddr.js and
 * inet_aton it never reads `010` as octal and takes no short forms.
 * @returns 4 or 16 bytes, or undefined when the text is no address
 */
export function parseAddress(text: string): Uint8Array | undefined {
  if (!text.includes(":")) return parseIpv4(text);
  const dotted = text.slice(text.lastIndexOf(":") + 1);
  let tail: Uint8Array | undefined;
  let groupsText = text;
  if (dotted.includes(".")) {
    tail = parseIpv4(dotted);
    if (!tail) return undefined;
    groupsText = `${text.slice(0, text.lastIndexOf(":"))}:${((tail[0] << 8) | tail[1]).toString(16)}:${((tail[2] << 8) | tail[3]).toString(16)}`;
  }
  const halves = groupsText.split("::");
  if (halves.length > 2) return undefined;
  const groupsOf = (half: string): number[] | undefined => {
    if (half === "") return [];
    const groups = half.split(":");
    if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return undefined;
    return groups.map((group) => Number.parseInt(group, 16));
  };
  const head = groupsOf(halves[0]);
  const rest = halves.length === 2 ? groupsOf(halves[1]) : [];
  if (!head || !rest) return undefined;
  const missing = 8 - head.length - rest.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...new Array<number>(missing).fill(0), ...rest];
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

function parseIpv4(text: string): Uint8Array | undefined {
  const octets = new Uint8Array(4);
  let at = 0;
  for (let i = 0; i < 4; i++) {
    const from = at;
    let octet = 0;
    for (; at < text.length && at - from < 3; at++) {
      const digit = text.charCodeAt(at) - 0x30;
      if (digit < 0 || digit > 9) break;
      octet = octet * 10 + digit;
    }
    if (at === from || octet > 255 || (i < 3 && text[at++] !== ".")) return undefined;
    octets[i] = octet;
  }
  return at === text.length ? octets : undefined;
}

/**
 * Where an address can be reached from. `public` includes the documentation ranges (RFC 5737, RFC 3849): captures made
 * anonymous use them for public hosts.
 */
export type AddressClass =
  | "public"
  | "private"
  | "cgnat"
  | "link-local"
  | "unique-local"
  | "loopback"
  | "unspecified"
  | "multicast"
  | "broadcast"
  | "reserved";

/**
 * ipaddr.js range name → our class. Overlays that carry an IPv4 address (mapped, NAT64, 6to4) are read by it; what IPv6 sets aside besides
 * (Teredo, the old site-local addresses, 100::/64) counts as public, since nothing tells that a capture uses it otherwise.
 */
const CLASS_OF_RANGE: Readonly<Record<string, AddressClass>> = {
  unicast: "public",
  private: "private", // RFC 1918
  carrierGradeNat: "cgnat", // RFC 6598
  linkLocal: "link-local", // RFC 3927, RFC 4291
  uniqueLocal: "unique-local", // RFC 4193
  loopback: "loopback",
  unspecified: "unspecified",
  multicast: "multicast",
  broadcast: "broadcast",
};

/** Ranges that ipaddr.js calls reserved, or does not know, and that captures use like public addresses. */
const PUBLIC_IN_CAPTURES = [
  "192.0.2.0/24", // RFC 5737 TEST-NET-1
  "198.51.100.0/24", // RFC 5737 TEST-NET-2
  "203.0.113.0/24", // RFC 5737 TEST-NET-3
  "198.18.0.0/15", // RFC 2544 benchmarking
  "2001:db8::/32", // RFC 3849
  "3fff::/20", // RFC 9637
].map((network) => ipaddr.parseCIDR(network));

/** The class of an address given as canonical text; `reserved` for text that is no address. */
export const classifyAddress = rememberingTexts((text): AddressClass => {
  const bytes = parseAddress(text);
  return bytes ? classifyBytes(bytes) : "reserved";
});

function classifyBytes(bytes: Uint8Array): AddressClass {
  const address = ipaddr.fromByteArray([...bytes]);
  for (const [prefix, length] of PUBLIC_IN_CAPTURES)
    if (prefix.kind() === address.kind() && address.match(prefix as never, length)) return "public";
  if (bytes.length === 16) {
    const embedded = embeddedIpv4(bytes);
    if (embedded) return classifyBytes(embedded);
  }
  return CLASS_OF_RANGE[address.range()] ?? (bytes.length === 16 ? "public" : "reserved");
}

/** The IPv4 address inside an IPv4-mapped, NAT64 (RFC 6052) or 6to4 (RFC 3056) address; undefined for all others. */
function embeddedIpv4(bytes: Uint8Array): Uint8Array | undefined {
  const startsWith = (...head: number[]) => head.every((byte, i) => bytes[i] === byte);
  if (startsWith(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff)) return bytes.slice(12);
  if (startsWith(0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0)) return bytes.slice(12);
  if (startsWith(0x20, 0x02)) return bytes.slice(2, 6);
  return undefined;
}

/** Whether hosts elsewhere on the Internet cannot send to this address: RFC 1918, CGNAT, link-local, unique-local. */
export function isPrivateUse(text: string): boolean {
  const kind = classifyAddress(text);
  return kind === "private" || kind === "cgnat" || kind === "link-local" || kind === "unique-local";
}

/** Whether no host can be reached at this address from another host: unspecified, loopback, multicast, broadcast, reserved. */
export function isUnusable(text: string): boolean {
  const kind = classifyAddress(text);
  return (
    kind === "unspecified" || kind === "loopback" || kind === "multicast" || kind === "broadcast" || kind === "reserved"
  );
}

/** A key for two hosts by their addresses, the same in either order. */
export function pairKey(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}

/** An address with a TCP port (0 … 65535). */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** `192.0.2.1:21`, `[2001:db8::1]:21`. */
export function formatEndpoint(endpoint: Endpoint): string {
  return endpoint.address.includes(":")
    ? `[${endpoint.address}]:${endpoint.port}`
    : `${endpoint.address}:${endpoint.port}`;
}
