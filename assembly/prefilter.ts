// AssemblyScript (https://www.assemblyscript.org): TypeScript's syntax, compiled to WebAssembly by `npm run assemble`. What it is for, and why it is no
// TypeScript, stands in src/prefilter/prefilter.ts and docs/decisions/0007-prefilter-in-webassembly.md. Numbers of a capture are read in place, little
// endian, and without a check of bounds: each place is compared with the end of the record, and that with the end of the window, beforehand.

import {
  ACKED,
  ACTIVE_WORDS,
  ALL,
  BIG_ENDIAN,
  BLOCK_USED,
  BUCKET_COUNT,
  BUCKETS,
  CAPTURE_INDEX,
  COPY_ENTRIES,
  COPY_MILLISECONDS,
  COPY_SIGNATURES,
  COPY_TIMES,
  DIALOGUE,
  DIALOGUE_BLOCK_BYTES,
  FIRST_LENT,
  FIRST_PAIRS,
  FIRST_TIME,
  FLOOD_SYNS,
  FOLLOWED,
  FORMAT,
  HEADER_LENGTH,
  HIGHEST,
  HIGHEST_TTL,
  INTERFACE_WORDS,
  INTERFACES,
  IS_TOUCHED,
  LARGER_END,
  LARGER_LENGTH,
  LARGEST_ACKED,
  LAST_HALF,
  LAST_IP_ID,
  LAST_NANOSECONDS,
  LAST_NEW_PAYLOAD_PACKET,
  LAST_NEW_PAYLOAD_TIME,
  LAST_PACKET,
  LAST_SECONDS,
  LAST_TIME,
  LENT,
  LENT_BYTES,
  LENT_IP_VERSION,
  LENT_PORTS,
  LINK,
  LOWEST_TTL,
  MAX_DEFERRED_LINES,
  MAX_INTERFACES,
  MAX_LENGTH,
  MAX_NEGOTIATIONS,
  MAX_SYNS,
  NANOSECONDS_PER_TICK,
  NEXT_SEQUENCE,
  OF_CLIENT,
  ORIGINATOR_ADDRESS,
  ORIGINATOR_HALF,
  ORIGINATOR_RATE,
  OTHER_TCP_PACKETS,
  PACKET_NUMBER,
  PACKETS,
  PASSIVE_CODES,
  PAYLOAD_PACKETS,
  PCAP,
  PCAPNG,
  PORTS,
  RATE_SECOND,
  RECORD_ACKNOWLEDGED,
  RECORD_HEADER,
  RECORD_LENGTH,
  RECORD_PACKET,
  RECORD_TIME,
  RESPONDER_ADDRESS,
  RESPONDER_HALF,
  RESPONDER_RATE,
  SALT,
  SECOND_PAIRS,
  SESSION_ENDS,
  SEVERAL_CAPTURES,
  SHARED,
  SKIPPED,
  STANDS_AT,
  STANDS_PACKET,
  SYN_BYTES,
  SYN_TAGS,
  SYNS,
  TICK_NANOSECONDS,
  TICK_SECONDS,
  TICKS_PER_SECOND,
  TIME,
  TOUCHED,
  TOUCHED_COUNT,
  TUNNEL_PORTS,
  UNTIL,
  UNWANTED_TO,
  WAS_FLOODED,
  WINDOW,
} from "../src/prefilter/layout";

const ENHANCED_PACKET: u32 = 6;
const ARPHRD_NETLINK: u32 = 824;
/** EtherTypes as they are loaded. */
const VLAN: u32 = 0x0081;
const IPV4: u32 = 0x0008;
const IPV6: u32 = 0xdd86;
const TCP: u32 = 6;
const UDP: u32 = 17;
const FIN: u32 = 1;
const SYN: u32 = 2;
const RST: u32 = 4;
const ACK: u32 = 16;
const TAB: u32 = 0x09;
const LF: u32 = 0x0a;
const CR: u32 = 0x0d;
const SPACE: u32 = 0x20;
const TILDE: u32 = 0x7e;
const ZERO: i32 = 0x30;
/** Makes capitals of four letters. */
const CAPITALS: u32 = 0xdfdfdfdf;

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

/** `Watchlist.mayKnow` of src/tcp/watchlist.ts, of one host. */
function isSessionEnd(key: u32): bool {
  const mixed = key * 0x9e3779b1;
  const hash = (mixed ^ (mixed >>> 16)) & 0xffff;
  return ((load<u8>(SESSION_ENDS + (hash >>> 3)) >>> (hash & 7)) & 1) !== 0;
}

/** `addressKey` of src/tcp/connection-table.ts for IPv6. Not a loop: what has one is not inlined. */
function ipv6Key(at: usize): u32 {
  return withWord(withWord(withWord(withWord(0, u32be(at)), u32be(at + 4)), u32be(at + 8)), u32be(at + 12));
}

function withWord(key: u32, word: u32): u32 {
  const mixed = (key ^ word) * 0x9e3779b1;
  return mixed ^ (mixed >>> 15);
}

function sourceKey(ip: usize, isIpv4: bool): u32 {
  return isIpv4 ? u32be(ip + 12) : ipv6Key(ip + 8);
}

function destinationKey(ip: usize, isIpv4: bool): u32 {
  return isIpv4 ? u32be(ip + 16) : ipv6Key(ip + 24);
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
/* @inline */ function isFlood(originator: u32, responder: u32, port: u32, seconds: u32): bool {
  if (seconds !== shared(RATE_SECOND)) beginRates(seconds);
  const fromOne = counted(ORIGINATOR_RATE + (((originator * 0x9e3779b1) >>> 20) << 1));
  const toOne = counted(RESPONDER_RATE + ((((responder ^ port) * 0x9e3779b1) >>> 20) << 1));
  if (max(fromOne, toOne) <= shared(FLOOD_SYNS)) return false;
  store<u32>(SHARED + (WAS_FLOODED << 2), 1);
  return true;
}

function beginRates(seconds: u32): void {
  store<u32>(SHARED + (RATE_SECOND << 2), seconds);
  memory.fill(ORIGINATOR_RATE, 0, SYN_TAGS - ORIGINATOR_RATE);
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
  const place = hash & (MAX_SYNS - 1);
  const entry: usize = SYNS + place * SYN_BYTES;
  // `tagOf` of src/tcp/connection-ends.ts.
  const tag = (hash >>> 24) | 1;
  if (load<u8>(SYN_TAGS + place) === tag && isSame(entry, originator, responder, ports, sequence)) return;
  store<u8>(SYN_TAGS + place, <u8>tag);
  store<u32>(entry, originator);
  store<u32>(entry, responder, 4);
  store<u32>(entry, ports, 8);
  store<u32>(entry, sequence, 12);
  store<u32>(entry, seconds, 16);
  store<u32>(entry, nanoseconds, 20);
  store<u32>(entry, packetNumber, 24);
  store<u32>(entry, captureIndex, 28);
}

/** Whether an entry is of the same SYN: then this is a retransmission, and the first one counts. */
function isSame(entry: usize, originator: u32, responder: u32, ports: u32, sequence: u32): bool {
  return (
    load<u32>(entry) === originator &&
    load<u32>(entry, 4) === responder &&
    load<u32>(entry, 8) === ports &&
    load<u32>(entry, 12) === sequence
  );
}

/** Whether the packet at `ip` goes from one of a lent connection's addresses to the other. */
function isBetween(ip: usize, isIpv4: bool, connection: usize, from: usize, to: usize): bool {
  if (isIpv4) return u32be(ip + 12) === load<u32>(connection + from) && u32be(ip + 16) === load<u32>(connection + to);
  return (
    load<u64>(ip, 8) === load<u64>(connection + from) &&
    load<u64>(ip, 16) === load<u64>(connection + from, 8) &&
    load<u64>(ip, 24) === load<u64>(connection + to) &&
    load<u64>(ip, 32) === load<u64>(connection + to, 8)
  );
}

/** `CopyMemory.isCopy` of src/tcp/copy-memory.ts. */
function isCopy(
  salt: u32,
  sequence: u32,
  acknowledgment: u32,
  flags: u32,
  window: u32,
  ipId: u32,
  length: u32,
  time: f64,
): bool {
  let low = ((sequence ^ salt) * 0x9e3779b1) ^ ((acknowledgment + flags) * 0x85ebca6b);
  low = ((low ^ (low >>> 15)) * 0xc2b2ae35) ^ window;
  low ^= low >>> 16;
  const mixed = (ipId + 1) * 8191 + length * 31 + flags + salt;
  const high = (mixed ^ (mixed >>> 11)) & 0x1fffff;
  const entry = (low & (COPY_ENTRIES - 1)) << 3;
  const signature: usize = COPY_SIGNATURES + entry;
  const remembered: usize = COPY_TIMES + entry;
  if (
    load<u32>(signature) === low &&
    load<u32>(signature, 4) === high &&
    Math.abs(time - load<f64>(remembered)) <= <f64>COPY_MILLISECONDS / 1000
  )
    return true;
  store<u32>(signature, low);
  store<u32>(signature, high, 4);
  store<f64>(remembered, time);
  return false;
}

/** `HalfConnection.acknowledged` of src/tcp/half-connection.ts, for an end that has sent no FIN and repeats nothing. */
function acknowledge(half: usize, offset: f64): void {
  if (offset <= load<f64>(half, ACKED)) return;
  store<f64>(half, offset, ACKED);
  const larger = load<u32>(half, LARGER_LENGTH);
  if (larger === 0 || offset < load<f64>(half, LARGER_END)) return;
  if (larger > load<u32>(half, LARGEST_ACKED)) store<u32>(half, larger, LARGEST_ACKED);
  store<u32>(half, 0, LARGER_LENGTH);
}

/**
 * `linesThatCanWait` of src/ftp/deferred-dialogue.ts.
 * @returns how many lines `from` … `end` are; 0 where they are not whole lines of plain ASCII text, or one of them has to be read at once
 */
function linesThatCanWait(ofClient: bool, from: usize, end: usize): u32 {
  let lines: u32 = 0;
  for (let at = from; at < end; at++) {
    if (ofClient ? !isCommandThatCanWait(at) : isGrant(at)) return 0;
    for (;;) {
      if (at === end) return 0;
      const byte = <u32>load<u8>(at);
      if (byte === LF) break;
      if (byte > TILDE) return 0;
      if (byte < SPACE) {
        if (byte !== CR && byte !== TAB) return 0;
      }
      at++;
    }
    lines++;
  }
  return lines;
}

/** Of a line that is shorter than a word, what stands behind it makes none that is listed, or has it looked at. */
function isCommandThatCanWait(at: usize): bool {
  const capital = <u32>load<u8>(at) & 0xdf;
  if (capital < 0x41 || capital > 0x5a) return false;
  return !isListed(ACTIVE_WORDS, u32be(at) & CAPITALS);
}

function isGrant(at: usize): bool {
  const hundreds = <i32>load<u8>(at) - ZERO;
  const tens = <i32>load<u8>(at, 1) - ZERO;
  return isListed(PASSIVE_CODES, hundreds * 100 + tens * 10 + <i32>load<u8>(at, 2) - ZERO);
}

function isListed(list: u32, word: u32): bool {
  for (let i: u32 = 0; i < <u32>MAX_NEGOTIATIONS; i++) if (shared(list + i) === word) return true;
  return false;
}

/** Whether a stream offset is kept as an integer of 32 bits. */
function isInteger(offset: f64): bool {
  return offset <= <f64>i32.MAX_VALUE && offset >= <f64>i32.MIN_VALUE;
}

/** What `DeferredDialogue.keep` would add to the block, as far as it has room; 0: it would not keep it there. @returns the new value of BLOCK_USED */
function usedWith(block: usize, ofClient: bool, payload: usize, length: u32): u32 {
  const used = load<u32>(block, BLOCK_USED);
  if ((used & 0xffff) + RECORD_HEADER + length > <u32>DIALOGUE_BLOCK_BYTES) return 0;
  const lines = linesThatCanWait(ofClient, payload, payload + length);
  if (lines === 0 || (used >>> 16) + lines > <u32>MAX_DEFERRED_LINES) return 0;
  return used + RECORD_HEADER + ((length + 7) & ~7) + (lines << 16);
}

/**
 * Counts an ordinary segment of a lent connection, as `ConnectionTable` on its short way; on a control connection keeps what is said, as
 * `DeferredDialogue`.
 * @param length of the payload, all of which was captured
 * @returns WANTED where it is not one, or not of this connection: nothing has been changed then
 */
function carryOn(
  connection: usize,
  ip: usize,
  isIpv4: bool,
  tcp: usize,
  length: u32,
  seconds: u32,
  nanoseconds: u32,
  packetNumber: u32,
  captureIndex: u32,
): i32 {
  if (isIpv4 !== (load<u32>(connection, LENT_IP_VERSION) === 4)) return WANTED;
  const ports = (u16be(tcp) << 16) | u16be(tcp + 2);
  const lentPorts = load<u32>(connection, LENT_PORTS);
  let half: usize;
  let other: usize;
  let salt = load<u32>(connection, SALT);
  if (ports === lentPorts && isBetween(ip, isIpv4, connection, ORIGINATOR_ADDRESS, RESPONDER_ADDRESS)) {
    half = connection + ORIGINATOR_HALF;
    other = connection + RESPONDER_HALF;
  } else if (
    ports === rotl<u32>(lentPorts, 16) &&
    isBetween(ip, isIpv4, connection, RESPONDER_ADDRESS, ORIGINATOR_ADDRESS)
  ) {
    half = connection + RESPONDER_HALF;
    other = connection + ORIGINATOR_HALF;
    salt = ~salt;
  } else return WANTED;
  const flags = <u32>load<u8>(tcp, 13);
  if ((flags & (FIN | SYN | RST | ACK)) !== ACK) return WANTED;
  const sequence = u32be(tcp + 4);
  const window = u16be(tcp + 14);
  if (sequence !== load<u32>(half, NEXT_SEQUENCE) || window === 0) return WANTED;
  const ttl = <u32>load<u8>(isIpv4 ? ip + 8 : ip + 7);
  if (ttl < load<u32>(half, LOWEST_TTL) || ttl > load<u32>(half, HIGHEST_TTL)) return WANTED;
  const highest = load<f64>(half, HIGHEST);
  if (load<f64>(half, ACKED) > highest) return WANTED;
  const end = highest + <f64>length;
  if (length > 0 && end > load<f64>(half, UNWANTED_TO)) return WANTED;
  const acknowledgment = u32be(tcp + 8);
  const acknowledged = load<f64>(other, HIGHEST) + <f64>(<i32>(acknowledgment - load<u32>(other, NEXT_SEQUENCE)));
  const block: usize = load<u32>(connection, DIALOGUE);
  const payload = tcp + ((<u32>load<u8>(tcp, 12) & 0xf0) >>> 2);
  const isOfClient = half === connection + ORIGINATOR_HALF;
  let used: u32 = 0;
  if (block !== 0) {
    if (!isInteger(acknowledged) || !isInteger(end)) return WANTED;
    if (length > 0) {
      used = usedWith(block, isOfClient, payload, length);
      if (used === 0) return WANTED;
    }
  }
  const ipId = isIpv4 ? u16be(ip + 4) : u32.MAX_VALUE;
  const time = <f64>seconds + <f64>nanoseconds / 1e9;
  if (isCopy(salt, sequence, acknowledgment, flags, window, ipId, length, time)) return WANTED;

  acknowledge(other, acknowledged);
  const packet = <f64>captureIndex * 4_294_967_296 + <f64>packetNumber;
  if (used !== 0) {
    const record = block + (load<u32>(block, BLOCK_USED) & 0xffff);
    store<f64>(record, time, RECORD_TIME);
    store<f64>(record, packet, RECORD_PACKET);
    store<i32>(record, <i32>acknowledged, RECORD_ACKNOWLEDGED);
    store<u32>(record, length | (isOfClient ? OF_CLIENT : 0) | (ttl << 24), RECORD_LENGTH);
    memory.copy(record + RECORD_HEADER, payload, length);
    store<u32>(block, used, BLOCK_USED);
  } else if (block !== 0 && highest > load<f64>(half, STANDS_AT)) {
    store<f64>(half, highest, STANDS_AT);
    store<f64>(half, packet, STANDS_PACKET);
  }
  store<u32>(half, load<u32>(half, PACKETS) + 1, PACKETS);
  store<f64>(half, packet, LAST_PACKET);
  store<u32>(half, seconds, LAST_SECONDS);
  store<u32>(half, nanoseconds, LAST_NANOSECONDS);
  store<u32>(half, ipId, LAST_IP_ID);
  store<u32>(half, window, WINDOW);
  if (length > 0) {
    store<u32>(half, load<u32>(half, PAYLOAD_PACKETS) + 1, PAYLOAD_PACKETS);
    store<f64>(half, end, HIGHEST);
    store<u32>(half, sequence + length, NEXT_SEQUENCE);
    store<f64>(half, packet, LAST_NEW_PAYLOAD_PACKET);
    store<f64>(half, time, LAST_NEW_PAYLOAD_TIME);
    if (length > max(load<u32>(half, LARGEST_ACKED), load<u32>(half, LARGER_LENGTH))) {
      store<u32>(half, length, LARGER_LENGTH);
      store<f64>(half, end, LARGER_END);
    }
  }
  store<u32>(connection, <u32>(half - connection), LAST_HALF);
  if (load<u32>(connection, IS_TOUCHED) === 0) {
    store<u32>(connection, 1, IS_TOUCHED);
    const count = shared(TOUCHED_COUNT);
    store<u16>(TOUCHED + (count << 1), <u16>((connection - LENT) / LENT_BYTES));
    store<u32>(SHARED + (TOUCHED_COUNT << 2), count + 1);
  }
  return OTHER;
}

/**
 * What the table would do with a packet that nobody follows, or an ordinary one of a lent connection, if that is all. As `PacketDecoder` on its short
 * way and `ConnectionTable.segment`. Each condition is a statement of its own: V8 makes numbers of those that `||` joins, and then tests the numbers.
 * @param frame where the frame begins, and `end` where what was captured of it ends
 * @returns WANTED where more is to be done: nothing has been changed then
 */
/* @inline */ function settle(
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
  if (arphrdAt !== 0) {
    if (u16be(frame + arphrdAt) === ARPHRD_NETLINK) return OTHER;
  }
  let etherType = <u32>load<u16>(frame + ((link >>> 8) & 0xff));
  if (etherType === VLAN) {
    etherType = load<u16>(ip, 2);
    ip += 4;
  }
  const isIpv4 = etherType === IPV4;
  let protocol: u32;
  let ipEnd: usize;
  let tcp: usize;
  if (isIpv4) {
    tcp = ip + 20;
    if (end < tcp + 20) return WANTED;
    if (load<u8>(ip) !== 0x45) return WANTED;
    // Whether it is a fragment, its TTL and its protocol.
    const word = load<u32>(ip, 6);
    if ((word & 0xff3f) !== 0) return WANTED;
    protocol = word >>> 24;
    const ipLength = u16be(ip + 2);
    if (ipLength < 20) return WANTED;
    ipEnd = ip + ipLength;
  } else {
    tcp = ip + 40;
    if (etherType !== IPV6) return WANTED;
    if (end < tcp + 20) return WANTED;
    if (load<u8>(ip) >> 4 !== 6) return WANTED;
    protocol = load<u8>(ip, 6);
    ipEnd = tcp + u16be(ip + 4);
  }
  if (protocol !== TCP) {
    if (protocol !== UDP) return WANTED;
    return load<u8>(TUNNEL_PORTS + <u32>load<u16>(tcp, 2)) === 0 ? OTHER : WANTED;
  }
  const rawPorts = load<u32>(tcp);
  const portUse = <u32>load<u8>(PORTS + (rawPorts & 0xffff)) | <u32>load<u8>(PORTS + (rawPorts >>> 16));
  // The length of the header, and the flags.
  const word = <u32>load<u16>(tcp, 12);
  const headerLength = (word & 0xf0) >>> 2;
  if (headerLength < 20) return WANTED;
  const payload = tcp + headerLength;
  const capturedEnd = min(ipEnd, end);
  if (capturedEnd < payload) return WANTED;
  if (portUse !== 0) {
    const use = useOf(ip, isIpv4, u16be(tcp), u16be(tcp + 2));
    if (use === FOLLOWED) return WANTED;
    if (use >= <u32>FIRST_LENT) {
      if (ipEnd > end) return WANTED;
      const lent: usize = LENT + (use - FIRST_LENT) * LENT_BYTES;
      return carryOn(lent, ip, isIpv4, tcp, <u32>(ipEnd - payload), seconds, nanoseconds, packetNumber, captureIndex);
    }
    if ((portUse & ALL) !== 0) return WANTED;
  }
  if ((word & (SYN << 8)) === 0) {
    if (capturedEnd >= payload + 4) {
      const four = load<u32>(payload);
      if ((load<u8>(FIRST_PAIRS + (four & 0xffff)) & load<u8>(SECOND_PAIRS + (four >>> 16))) !== 0) return WANTED;
    }
    if ((word & (RST << 8)) === 0) return OTHER_TCP;
  }
  const source = sourceKey(ip, isIpv4);
  if (isSessionEnd(source)) return WANTED;
  const destination = destinationKey(ip, isIpv4);
  if (isSessionEnd(destination)) return WANTED;
  // A RST, or a SYN-ACK.
  if ((word & ((SYN | ACK) << 8)) !== SYN << 8) return OTHER_TCP;
  const sourcePort = u16be(tcp);
  const destinationPort = u16be(tcp + 2);
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

/** What {@link BUCKETS} says of a packet's connection. */
function useOf(ip: usize, isIpv4: bool, sourcePort: u32, destinationPort: u32): u32 {
  const hash = connectionHash(sourceKey(ip, isIpv4), sourcePort, destinationKey(ip, isIpv4), destinationPort);
  return load<u16>(BUCKETS + ((hash & (BUCKET_COUNT - 1)) << 1));
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
  const isPlain = get(capture, FORMAT) === PCAP && !get(capture, BIG_ENDIAN);
  return isPlain ? skipPlain(capture, window, limit, packetNumber) : skipAny(capture, window, limit, packetNumber);
}

/** Of classic pcap with little-endian numbers, as tcpdump writes it on nearly all machines. */
function skipPlain(capture: usize, window: usize, limit: usize, packetNumber: u32): usize {
  return skipRecords(capture, window, limit, packetNumber, true);
}

function skipAny(capture: usize, window: usize, limit: usize, packetNumber: u32): usize {
  return skipRecords(capture, window, limit, packetNumber, false);
}

/* @inline */ function skipRecords(
  capture: usize,
  window: usize,
  limit: usize,
  packetNumber: u32,
  isPlain: bool,
): usize {
  const format = isPlain ? PCAP : get(capture, FORMAT);
  const bigEndian = isPlain ? 0 : get(capture, BIG_ENDIAN);
  const headerLength = get(capture, HEADER_LENGTH);
  const interfaces = capture + (INTERFACES << 2);
  let number = packetNumber;
  let otherTcp: u32 = 0;
  let at = window;
  let time = u64.MAX_VALUE;
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
      if (length > get(capture, MAX_LENGTH)) break;
      if (length > u32of(at + 12, bigEndian)) break;
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
      if (length > get(capture, MAX_LENGTH) || length > blockLength - 32 || length > u32of(at + 24, bigEndian)) break;
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
    if (recordTime >= getTime(capture, UNTIL)) break;
    if (recordSeconds > shared(TICK_SECONDS)) break;
    if (recordNanoseconds >= shared(TICK_NANOSECONDS)) break;
    const index = get(capture, CAPTURE_INDEX);
    const kind = settle(frame, frame + length, link, recordSeconds, recordNanoseconds, number + 1, index);
    if (kind === WANTED) break;
    if (kind === OTHER_TCP) otherTcp++;
    number++;
    at = next;
    // Of times that only grow the first and the last are enough.
    if (recordTime < time) stepBack(capture, time, recordTime);
    time = recordTime;
  }
  if (number !== packetNumber) {
    set(capture, PACKET_NUMBER, number);
    setTime(capture, TIME, time);
    set(capture, SKIPPED, get(capture, SKIPPED) + number - packetNumber);
    set(capture, OTHER_TCP_PACKETS, get(capture, OTHER_TCP_PACKETS) + otherTcp);
    setTime(capture, LAST_TIME, max(getTime(capture, LAST_TIME), time));
  }
  return at - window;
}

/** The time of a packet is earlier than that of the packet before, or it is the first one, before which `late` is the largest number. */
function stepBack(capture: usize, late: u64, early: u64): void {
  setTime(capture, FIRST_TIME, min(getTime(capture, FIRST_TIME), early));
  if (late !== u64.MAX_VALUE) setTime(capture, LAST_TIME, max(getTime(capture, LAST_TIME), late));
}
