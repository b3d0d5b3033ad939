import type { RawPacket } from "../support/capture-mutation.ts";
import type { Chance } from "./chance.ts";
import { rawBytes, strangeText } from "./hostile-text.ts";

/** Changes to single packets: fields of Ethernet, IP and TCP, what FTP says in them, and headers of TLS records. */

/** A copy of the packet with one thing in it changed. */
export function mutatePacket(packet: RawPacket, chance: Chance): RawPacket {
  const bytes = packet.bytes.slice();
  if (bytes.length === 0) return packet;
  const ip = ipAt(packet.linkType, bytes);
  const tcp = tcpAt(bytes, ip);
  switch (chance.below(11)) {
    case 0:
      bytes[chance.below(bytes.length)] = chance.byte();
      break;
    case 1: // anything up to the network header
      bytes[chance.below(Math.min(bytes.length, Math.max(1, ip)))] = chance.byte();
      break;
    case 2:
      mutateIp(bytes, ip, chance);
      break;
    case 3:
    case 4:
      if (tcp >= 0) mutateTcp(bytes, tcp, chance);
      break;
    case 5:
      return { ...packet, bytes: bytes.subarray(0, chance.below(bytes.length + 1)) };
    case 6:
      return { ...packet, originalLength: chance.word() };
    case 7:
      return { ...packet, seconds: chance.in(0.5) ? chance.word() : packet.seconds + chance.pick([-1, 1, 60, 86_400]) };
    case 8:
      if (tcp >= 0) mutateTls(bytes, payloadAt(bytes, tcp), chance);
      break;
    default:
      if (tcp >= 0) return { ...packet, ...withPayload(bytes, ip, tcp, chance) };
  }
  return { ...packet, bytes };
}

/** Where the network header begins. */
function ipAt(linkType: number, bytes: Uint8Array): number {
  switch (linkType) {
    case 1: {
      let at = 12;
      while (at + 4 < bytes.length && (bytes[at] === 0x81 || bytes[at] === 0x88)) at += 4;
      return at + 2;
    }
    case 113:
      return 16;
    case 276:
      return 20;
    case 0:
    case 108:
      return 4;
    default:
      return 0;
  }
}

/** Where the TCP header begins; -1 without one. */
function tcpAt(bytes: Uint8Array, ip: number): number {
  const at = bytes[ip] >> 4 === 6 ? ip + 40 : ip + (bytes[ip] & 0x0f) * 4;
  const protocol = bytes[ip] >> 4 === 6 ? bytes[ip + 6] : bytes[ip + 9];
  return protocol === 6 && at + 20 <= bytes.length ? at : -1;
}

function payloadAt(bytes: Uint8Array, tcp: number): number {
  return tcp + (bytes[tcp + 12] >> 4) * 4;
}

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value;
}

function mutateIp(bytes: Uint8Array, ip: number, chance: Chance): void {
  const isV6 = bytes[ip] >> 4 === 6;
  switch (chance.below(6)) {
    case 0:
      bytes[ip] = chance.byte();
      break;
    case 1:
      put16(bytes, ip + (isV6 ? 4 : 2), chance.word());
      break;
    case 2:
      if (isV6) bytes[ip + 6] = chance.pick([0, 43, 44, 50, 51, 60, 135, 6, 58, 41, 47, 17]);
      else put16(bytes, ip + 6, chance.pick([0x2000, 0x4000, 0x1fff, 0x0001, 0x2001, 0x0003, 0x3fff]));
      break;
    case 3:
      bytes[ip + (isV6 ? 6 : 9)] = chance.pick([0, 1, 4, 6, 17, 41, 47, 50, 51, 58, 59, 60, chance.below(256)]);
      break;
    case 4:
      for (let i = 0; i < 4; i++) bytes[ip + (isV6 ? 20 : 12) + i] = chance.byte();
      break;
    default:
      bytes[ip + chance.below(isV6 ? 40 : 20)] = chance.byte();
  }
}

const CONTROL_PORTS = [21, 990, 2121, 20, 989] as const;

function mutateTcp(bytes: Uint8Array, tcp: number, chance: Chance): void {
  switch (chance.below(7)) {
    case 0:
      put16(bytes, tcp + chance.pick([0, 2]), chance.in(0.6) ? chance.pick(CONTROL_PORTS) : chance.word());
      break;
    case 1:
    case 2: {
      const at = tcp + chance.pick([4, 8]);
      const near = chance.in(0.6);
      const value = near ? readWord(bytes, at) + chance.between(-2000, 2000) : chance.word();
      put16(bytes, at, value >>> 16);
      put16(bytes, at + 2, value);
      break;
    }
    case 3:
      bytes[tcp + 12] = chance.byte();
      break;
    case 4:
      bytes[tcp + 13] = chance.in(0.7) ? 1 << chance.below(8) : chance.below(256);
      break;
    case 5:
      put16(bytes, tcp + 14, chance.pick([0, 1, 0xffff]));
      break;
    default: {
      const end = Math.min(payloadAt(bytes, tcp), bytes.length);
      for (let at = tcp + 20; at < end; at++) if (chance.in(0.3)) bytes[at] = chance.byte();
    }
  }
}

function readWord(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

/** Record headers and the lengths inside a hello. */
function mutateTls(bytes: Uint8Array, payload: number, chance: Chance): void {
  if (payload + 6 > bytes.length) return;
  if (chance.in(0.3)) {
    bytes.set([chance.pick([20, 21, 22, 23, 24]), 3, chance.below(6)], payload);
    put16(bytes, payload + 3, chance.word());
    return;
  }
  const at = payload + chance.pick([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 43, 44, 76, 77, 78, 79, chance.below(300)]);
  if (at < bytes.length) bytes[at] = chance.byte();
}

/** The packet with something else said in it; lengths of IP fit, so that it is read. */
function withPayload(
  bytes: Uint8Array,
  ip: number,
  tcp: number,
  chance: Chance,
): Pick<RawPacket, "bytes" | "originalLength"> {
  const at = Math.min(payloadAt(bytes, tcp), bytes.length);
  const old = bytes.subarray(at);
  const payload = changedText(old, chance).subarray(0, 65_000);
  const changed = new Uint8Array(at + payload.length);
  changed.set(bytes.subarray(0, at));
  changed.set(payload, at);
  if (bytes[ip] >> 4 === 6) put16(changed, ip + 4, changed.length - ip - 40);
  else put16(changed, ip + 2, changed.length - ip);
  return { bytes: changed, originalLength: changed.length };
}

const LINES = [
  "PASV\r\n",
  "EPSV\r\n",
  "PORT 10,0,0,5,195,80\r\n",
  "RETR x\r\n",
  "QUIT\r\n",
  "AUTH TLS\r\n",
  "220 ProFTPD\r\n",
  "227 Entering Passive Mode (10,0,0,5,195,80)\r\n",
  "229 Entering Extended Passive Mode (|||50000|)\r\n",
  "226 done\r\n",
  "150 x\r\n",
  "234 go\r\n",
  "EHLO x\r\n",
  "USER alice\r\nPASS b\r\nPASV\r\nLIST\r\n",
] as const;

function changedText(old: Uint8Array, chance: Chance): Uint8Array {
  switch (chance.below(7)) {
    case 0:
      return rawBytes(strangeText(chance));
    case 1: {
      const at = chance.below(old.length + 1);
      return concat(old.subarray(0, at), rawBytes(strangeText(chance)), old.subarray(at));
    }
    case 2: // digits and separators
      return old.map((byte) =>
        byte >= 0x28 && byte <= 0x39 && chance.in(0.2) ? chance.pick([0x28, 0x29, 0x2c, 0x2d, 0x30, 0x39, 0x7c]) : byte,
      );
    case 3: // no line end
      return old.subarray(0, chance.below(old.length + 1));
    case 4:
      return concat(...Array.from({ length: chance.skewed(400) + 1 }, () => old));
    case 5:
      return rawBytes(Array.from({ length: chance.skewed(300) + 1 }, () => chance.pick(LINES)).join(""));
    default:
      return rawBytes(chance.pick(LINES));
  }
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
