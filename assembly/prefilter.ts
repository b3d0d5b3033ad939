// AssemblyScript (https://www.assemblyscript.org): TypeScript's syntax, compiled to WebAssembly by `npm run assemble`. What it is for, and why it is no
// TypeScript, stands in src/prefilter/prefilter.ts and docs/decisions/0007-prefilter-in-webassembly.md. Numbers of a capture are read in place, little
// endian, and without a check of bounds: each place is compared with the end of the record, and that with the end of the window, beforehand.

import {
  ALL,
  BIG_ENDIAN,
  BUCKET_COUNT,
  BUCKETS,
  CAPTURE_INDEX,
  FIRST_PAIRS,
  FIRST_TIME,
  FLOOD_SYNS,
  FORMAT,
  HEADER_LENGTH,
  INTERFACE_WORDS,
  INTERFACES,
  LAST_TIME,
  LINK,
  MAX_INTERFACES,
  MAX_LENGTH,
  MAX_SYNS,
  NANOSECONDS_PER_TICK,
  ORIGINATOR_RATE,
  PACKET_NUMBER,
  PCAP,
  PCAPNG,
  PORTS,
  RATE_SECOND,
  RESPONDER_RATE,
  SAW_TCP,
  SECOND_PAIRS,
  SESSION_ENDS,
  SEVERAL_CAPTURES,
  SHARED,
  SKIPPED,
  SYN_BYTES,
  SYNS,
  TICK_NANOSECONDS,
  TICK_SECONDS,
  TICKS_PER_SECOND,
  TIME,
  TUNNEL_PORTS,
  UNTIL,
  WAS_FLOODED,
} from "../src/prefilter/layout";

const ENHANCED_PACKET: u32 = 6;
const ARPHRD_NETLINK: u32 = 824;
const VLAN: u32 = 0x8100;
const IPV4: u32 = 0x0800;
const IPV6: u32 = 0x86dd;
const TCP: u32 = 6;
const UDP: u32 = 17;
const SYN: u32 = 2;
const RST: u32 = 4;
const ACK: u32 = 16;

/** What a packet is to those behind the prefilter. */
const WANTED: i32 = 0;
const OTHER: i32 = 1;
const OTHER_TCP: i32 = 2;

function u16be(at: usize): u32 {
  return <u32>bswap<u16>(load<u16>(at));
}

function u32be(at: usize): u32 {
  return bswap<u32>(load<u32>(at));
}

function u32of(at: usize, bigEndian: u32): u32 {
  const value = load<u32>(at);
  return bigEndian ? bswap<u32>(value) : value;
}

function shared(index: u32): u32 {
  return load<u32>(SHARED + (index << 2));
}

/** `hostHash` of src/tcp/watchlist.ts. */
function isSessionEnd(key: u32): bool {
  const mixed = key * 0x9e3779b1;
  return load<u16>(SESSION_ENDS + (((mixed ^ (mixed >>> 16)) & 0xffff) << 1)) !== 0;
}

/** `addressKey` of src/tcp/connection-table.ts for IPv6. Not a loop: what has one is not inlined. */
function ipv6Key(at: usize): u32 {
  return withWord(withWord(withWord(withWord(0, u32be(at)), u32be(at + 4)), u32be(at + 8)), u32be(at + 12));
}

function withWord(key: u32, word: u32): u32 {
  const mixed = (key ^ word) * 0x9e3779b1;
  return mixed ^ (mixed >>> 15);
}

/** `connectionHash` of src/tcp/connection-table.ts. */
function connectionHash(keyA: u32, portA: u32, keyB: u32, portB: u32): u32 {
  let a = (keyA ^ (portA << 16) ^ portA) * 0x85ebca6b;
  a ^= a >>> 15;
  let b = (keyB ^ (portB << 16) ^ portB) * 0x85ebca6b;
  b ^= b >>> 15;
  const sum = (a + b) * 0xc2b2ae35;
  return sum ^ (sum >>> 13);
}

/** Counts one more SYN, as `SynMemory.isFlood`. @returns how many in this second */
function counted(counter: usize): u32 {
  const count = <u32>load<u16>(counter) + 1;
  store<u16>(counter, <u16>(count === 0xffff ? shared(FLOOD_SYNS) + 1 : count));
  return count;
}

/** `SynMemory.isFlood` of src/tcp/syn-memory.ts. */
function isFlood(originator: u32, responder: u32, port: u32, seconds: u32): bool {
  if (seconds !== shared(RATE_SECOND)) {
    store<u32>(SHARED + (RATE_SECOND << 2), seconds);
    memory.fill(ORIGINATOR_RATE, 0, SYNS - ORIGINATOR_RATE);
  }
  const fromOne = counted(ORIGINATOR_RATE + (((originator * 0x9e3779b1) >>> 20) << 1));
  const toOne = counted(RESPONDER_RATE + ((((responder ^ port) * 0x9e3779b1) >>> 20) << 1));
  if (fromOne <= shared(FLOOD_SYNS) && toOne <= shared(FLOOD_SYNS)) return false;
  store<u32>(SHARED + (WAS_FLOODED << 2), 1);
  return true;
}

/** `SynMemory.remember`. */
function remember(
  hash: u32,
  originator: u32,
  responder: u32,
  ports: u32,
  sequence: u32,
  seconds: u32,
  nanoseconds: u32,
  packetNumber: u32,
  captureIndex: u32,
): void {
  const entry: usize = SYNS + (hash & (MAX_SYNS - 1)) * SYN_BYTES;
  if (
    load<u32>(entry, 24) !== 0 &&
    load<u32>(entry) === originator &&
    load<u32>(entry, 4) === responder &&
    load<u32>(entry, 8) === ports &&
    load<u32>(entry, 12) === sequence
  )
    return;
  store<u32>(entry, originator);
  store<u32>(entry, responder, 4);
  store<u32>(entry, ports, 8);
  store<u32>(entry, sequence, 12);
  store<u32>(entry, seconds, 16);
  store<u32>(entry, nanoseconds, 20);
  store<u32>(entry, packetNumber, 24);
  store<u32>(entry, captureIndex, 28);
}

/**
 * What the table would do with a packet that nobody follows, if that is all. As `PacketDecoder` on its short way and `ConnectionTable.segment`.
 * @param frame where the frame begins, and `end` where what was captured of it ends
 * @returns WANTED where more is to be done: nothing has been changed then
 */
function settle(
  frame: usize,
  end: usize,
  link: u32,
  seconds: u32,
  nanoseconds: u32,
  packetNumber: u32,
  captureIndex: u32,
): i32 {
  let ip = frame + (link & 0xff);
  if (end < ip + 40) return WANTED;
  const arphrdAt = link >>> 16;
  if (arphrdAt !== 0 && u16be(frame + arphrdAt) === ARPHRD_NETLINK) return OTHER;
  let etherType = u16be(frame + ((link >>> 8) & 0xff));
  if (etherType === VLAN) {
    etherType = u16be(ip + 2);
    ip += 4;
  }
  const isIpv4 = etherType === IPV4;
  let protocol: u32;
  let ipLength: u32;
  let tcp: usize;
  if (isIpv4) {
    if (end < ip + 40 || load<u8>(ip) !== 0x45 || (load<u16>(ip, 6) & 0xff3f) !== 0) return WANTED;
    protocol = load<u8>(ip, 9);
    ipLength = u16be(ip + 2);
    tcp = ip + 20;
  } else {
    if (etherType !== IPV6 || end < ip + 60 || load<u8>(ip) >> 4 !== 6) return WANTED;
    protocol = load<u8>(ip, 6);
    const length = u16be(ip + 4);
    ipLength = length + 40;
    tcp = ip + 40;
  }
  if (ipLength < 20) return WANTED;
  const destinationPort = u16be(tcp + 2);
  if (protocol !== TCP) return protocol === UDP && load<u8>(TUNNEL_PORTS + destinationPort) === 0 ? OTHER : WANTED;
  const headerLength = (<u32>load<u8>(tcp, 12) >>> 4) << 2;
  const payload = tcp + headerLength;
  if (headerLength < 20 || ip + ipLength < payload || end < payload) return WANTED;
  const sourcePort = u16be(tcp);
  const portUse = <u32>load<u8>(PORTS + sourcePort) | <u32>load<u8>(PORTS + destinationPort);
  if ((portUse & ALL) !== 0) return WANTED;

  const flags = <u32>load<u8>(tcp, 13);
  if ((flags & SYN) === 0) {
    const captured = min(ip + ipLength, end) - payload;
    if (captured >= 4 && (load<u8>(FIRST_PAIRS + u16be(payload)) & load<u8>(SECOND_PAIRS + u16be(payload + 2))) !== 0)
      return WANTED;
    if ((flags & RST) === 0 && portUse === 0) return OTHER_TCP;
  }
  const source = isIpv4 ? u32be(ip + 12) : ipv6Key(ip + 8);
  const destination = isIpv4 ? u32be(ip + 16) : ipv6Key(ip + 24);
  if (portUse !== 0) {
    const hash = connectionHash(source, sourcePort, destination, destinationPort);
    if (load<u8>(BUCKETS + (hash & (BUCKET_COUNT - 1))) !== 0) return WANTED;
    if ((flags & (SYN | RST)) === 0) return OTHER_TCP;
  }
  if (isSessionEnd(source) || isSessionEnd(destination)) return WANTED;
  // A RST, or a SYN-ACK.
  if ((flags & (SYN | ACK)) !== SYN) return OTHER_TCP;
  if (isFlood(source, destination, destinationPort, seconds)) return OTHER_TCP;
  const hash = connectionHash(source, sourcePort, destination, destinationPort);
  const ports = (sourcePort << 16) | destinationPort;
  const sequence = u32be(tcp + 4);
  remember(hash, source, destination, ports, sequence, seconds, nanoseconds, packetNumber, captureIndex);
  if (captureIndex > 0) store<u32>(SHARED + (SEVERAL_CAPTURES << 2), 1);
  if (shared(SEVERAL_CAPTURES) !== 0) {
    const own = hash ^ ((captureIndex + 1) * 0x9e3779b1);
    remember(own, source, destination, ports, sequence, seconds, nanoseconds, packetNumber, captureIndex);
  }
  return OTHER_TCP;
}

function get(capture: usize, index: u32): u32 {
  return load<u32>(capture + (index << 2));
}

function set(capture: usize, index: u32, value: u32): void {
  store<u32>(capture + (index << 2), value);
}

function getTime(capture: usize, index: u32): u64 {
  return load<u64>(capture + (index << 2));
}

function setTime(capture: usize, index: u32, time: u64): void {
  store<u64>(capture + (index << 2), time);
}

/**
 * Steps over the records at the beginning of a window that leave nothing behind but what they are counted for.
 * @param capture what is known of the capture
 * @param window where it begins, at a record, and `limit` where it ends
 * @param packetNumber of the packet before
 * @returns how many bytes these records have
 */
export function skip(capture: usize, window: usize, limit: usize, packetNumber: u32): usize {
  const format = get(capture, FORMAT);
  const bigEndian = get(capture, BIG_ENDIAN);
  const maxLength = get(capture, MAX_LENGTH);
  const captureIndex = get(capture, CAPTURE_INDEX);
  const headerLength = get(capture, HEADER_LENGTH);
  const until = getTime(capture, UNTIL);
  const tickSeconds = shared(TICK_SECONDS);
  const tickNanoseconds = shared(TICK_NANOSECONDS);
  const interfaces = capture + (INTERFACES << 2);
  let first = getTime(capture, FIRST_TIME);
  let last = getTime(capture, LAST_TIME);
  let kinds = 0;
  let number = packetNumber;
  let at = window;
  let time: u64 = 0;
  for (;;) {
    let next: usize;
    let frame: usize;
    let length: u32;
    let recordSeconds: u32;
    let recordNanoseconds: u32;
    let link: u32;
    if (format === PCAP) {
      if (limit - at < headerLength) break;
      length = u32of(at + 8, bigEndian);
      if (length > maxLength || length > u32of(at + 12, bigEndian)) break;
      frame = at + headerLength;
      next = frame + length;
      if (next > limit) break;
      const fraction = u32of(at + 4, bigEndian);
      if (fraction >= get(interfaces, TICKS_PER_SECOND)) break;
      recordSeconds = u32of(at, bigEndian);
      recordNanoseconds = fraction * get(interfaces, NANOSECONDS_PER_TICK);
      link = get(interfaces, LINK);
    } else {
      if (format !== PCAPNG || limit - at < 32 || u32of(at, bigEndian) !== ENHANCED_PACKET) break;
      const declared = u32of(at + 4, bigEndian);
      if (declared < 32 || declared > <u32>(limit - at)) break;
      const blockLength = (declared + 3) & ~3;
      next = at + blockLength;
      if (next > limit) break;
      const trailer = u32of(next - 4, bigEndian);
      if (trailer !== declared && trailer !== blockLength) break;
      const id = u32of(at + 8, bigEndian);
      if (id >= <u32>MAX_INTERFACES) break;
      const source = interfaces + ((id * INTERFACE_WORDS) << 2);
      link = get(source, LINK);
      if (link === 0) break;
      length = u32of(at + 20, bigEndian);
      if (length > maxLength || length > blockLength - 32 || length > u32of(at + 24, bigEndian)) break;
      frame = at + 28;
      // Options may tell of a frame check sequence.
      if (next - 4 - (frame + ((length + 3) & ~3)) >= 8) break;
      const ticks = ((<u64>u32of(at + 12, bigEndian)) << 32) | u32of(at + 16, bigEndian);
      const ticksPerSecond = <u64>get(source, TICKS_PER_SECOND);
      const whole = ticks / ticksPerSecond;
      if (whole > u32.MAX_VALUE) break;
      recordSeconds = <u32>whole;
      recordNanoseconds = <u32>(ticks - whole * ticksPerSecond) * get(source, NANOSECONDS_PER_TICK);
    }
    const recordTime = ((<u64>recordSeconds) << 32) | recordNanoseconds;
    if (recordTime >= until || recordSeconds > tickSeconds || recordNanoseconds >= tickNanoseconds) break;
    const kind = settle(frame, frame + length, link, recordSeconds, recordNanoseconds, number + 1, captureIndex);
    if (kind === WANTED) break;
    kinds |= kind;
    number++;
    at = next;
    time = recordTime;
    first = min(first, time);
    last = max(last, time);
  }
  if (number !== packetNumber) {
    set(capture, PACKET_NUMBER, number);
    setTime(capture, TIME, time);
    set(capture, SKIPPED, get(capture, SKIPPED) + number - packetNumber);
    setTime(capture, FIRST_TIME, first);
    setTime(capture, LAST_TIME, last);
    if ((kinds & OTHER_TCP) !== 0) set(capture, SAW_TCP, 1);
  }
  return at - window;
}
