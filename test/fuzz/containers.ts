import type { RawPacket } from "../support/capture-mutation.ts";
import type { Chance } from "./chance.ts";
import { rawBytes, strangeText } from "./hostile-text.ts";

/** Writes packets into capture files of which any length, number or order may be wrong. */

/** Grows as it is written to; numbers in either byte order. */
class FileWriter {
  readonly #little: boolean;
  #bytes = new Uint8Array(4096);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  constructor(little: boolean) {
    this.#little = little;
  }

  u16(value: number): void {
    this.#reserve(2);
    this.#view.setUint16(this.#length, value & 0xffff, this.#little);
    this.#length += 2;
  }

  u32(value: number): void {
    this.#reserve(4);
    this.#view.setUint32(this.#length, value >>> 0, this.#little);
    this.#length += 4;
  }

  bytes(part: Uint8Array): void {
    this.#reserve(part.length);
    this.#bytes.set(part, this.#length);
    this.#length += part.length;
  }

  done(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}

/** A classic pcap. With `lies` some of its numbers are wrong. */
export function pcapContainer(packets: readonly RawPacket[], chance: Chance, lies: boolean): Uint8Array {
  const nanoseconds = chance.in(0.5);
  const writer = new FileWriter(chance.in(0.7));
  const wrong = (value: number, share: number) => (lies && chance.in(share) ? chance.word() : value);
  const magic = nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4;
  const variant = lies && chance.in(0.05) ? chance.pick([0xa1b2cd34, 0x1c0001ac, 0x1c0001ab]) : magic;
  writer.u32(variant);
  writer.u16(wrong(2, 0.02));
  writer.u16(wrong(4, 0.03));
  writer.u32(0);
  writer.u32(0);
  writer.u32(wrong(262_144, 0.02));
  writer.u32(lies && chance.in(0.05) ? chance.word() : (packets[0]?.linkType ?? 1));
  if (variant === 0x1c0001ac || variant === 0x1c0001ab) writer.u32(0);
  const share = 0.5 / (packets.length + 1);
  for (const packet of packets) {
    writer.u32(wrong(packet.seconds, share));
    writer.u32(wrong(nanoseconds ? packet.nanoseconds : Math.floor(packet.nanoseconds / 1000), share));
    writer.u32(wrong(packet.bytes.length, share));
    writer.u32(wrong(packet.originalLength, share));
    if (variant === 0xa1b2cd34) for (let i = 0; i < 2; i++) writer.u32(0);
    writer.bytes(packet.bytes);
  }
  return writer.done();
}

/** A pcapng with several sections, interfaces, block types and options. With `lies` some of its numbers are wrong. */
export function pcapngContainer(packets: readonly RawPacket[], chance: Chance, lies: boolean): Uint8Array {
  const parts: Uint8Array[] = [];
  let at = 0;
  do {
    const length = chance.in(0.8) ? packets.length : chance.between(1, packets.length);
    parts.push(pcapngSection(packets.slice(at, at + length), chance, lies));
    at += Math.max(1, length);
  } while (at < packets.length);
  const file = Buffer.concat(parts);
  return new Uint8Array(file.buffer, file.byteOffset, file.length).slice();
}

function pcapngSection(packets: readonly RawPacket[], chance: Chance, lies: boolean): Uint8Array {
  const little = chance.in(0.6);
  const writer = new FileWriter(little);
  const share = lies ? 0.5 / (packets.length + 2) : 0;
  const wrong = (value: number) => (chance.in(share) ? chance.word() : value);
  const block = (type: number, fill: (body: FileWriter) => void) => {
    const body = new FileWriter(little);
    fill(body);
    const content = body.done();
    const padding = -content.length & 3;
    const length = 12 + content.length + padding;
    writer.u32(wrong(type));
    writer.u32(wrong(length));
    writer.bytes(content);
    writer.bytes(new Uint8Array(padding));
    writer.u32(wrong(length));
  };
  const options = (body: FileWriter, many: number) => {
    for (let i = chance.skewed(many); i > 0; i--) {
      const value = chance.in(0.5) ? rawBytes(strangeText(chance)).slice(0, 60_000) : Uint8Array.of(chance.byte());
      body.u16(wrong(chance.pick([1, 2, 3, 4, 9, 13, 14, 2988, 19372, 0x8001, chance.below(65_536)])));
      body.u16(wrong(value.length));
      body.bytes(value);
      body.bytes(new Uint8Array(-value.length & 3));
    }
    if (chance.in(0.5)) body.u32(0);
  };
  block(0x0a0d0d0a, (body) => {
    body.u32(wrong(0x1a2b3c4d));
    body.u16(wrong(1));
    body.u16(wrong(0));
    body.u32(wrong(0xffffffff));
    body.u32(wrong(0xffffffff));
    options(body, 4);
  });
  const linkTypes = [
    ...new Set(packets.map(({ linkType }) => linkType)),
    ...(chance.in(0.2) ? [chance.below(300)] : []),
  ];
  const resolution = chance.in(0.5) ? 6 : chance.pick([0, 3, 9, 12, 18, 20, 0x80, 0x8a, 0xbf, 0xff, 127]);
  for (const linkType of linkTypes)
    block(1, (body) => {
      body.u16(wrong(linkType));
      body.u16(0);
      body.u32(wrong(chance.pick([0, 96, 262_144])));
      if (resolution !== 6) {
        body.u16(9);
        body.u16(1);
        body.bytes(Uint8Array.of(resolution, 0, 0, 0));
      }
      if (chance.in(0.1)) {
        body.u16(14);
        body.u16(8);
        body.u32(chance.word());
        body.u32(chance.word());
      }
      options(body, 4);
    });
  for (const packet of packets) {
    const id = wrong(linkTypes.indexOf(packet.linkType));
    const ticks = BigInt(packet.seconds) * 1_000_000n + BigInt(Math.floor(packet.nanoseconds / 1000));
    if (chance.in(0.03))
      block(chance.pick([4, 5, 9, 10, 0xbad, 0x40000bad, 0x204, 0x80000001]), (body) =>
        body.bytes(rawBytes(strangeText(chance))),
      );
    const type = chance.in(0.92) ? 6 : chance.pick([2, 3]);
    block(type, (body) => {
      if (type === 3) {
        body.u32(wrong(packet.originalLength));
        body.bytes(packet.bytes);
        return;
      }
      if (type === 2) {
        body.u16(id);
        body.u16(0xffff);
      } else body.u32(id);
      body.u32(wrong(Number((ticks >> 32n) & 0xffffffffn)));
      body.u32(wrong(Number(ticks & 0xffffffffn)));
      body.u32(wrong(packet.bytes.length));
      body.u32(wrong(packet.originalLength));
      body.bytes(packet.bytes);
      body.bytes(new Uint8Array(-packet.bytes.length & 3));
      if (chance.in(0.05)) options(body, 40);
    });
  }
  return writer.done();
}
