/** Writes packets as a pcap or pcapng file, in either byte order and either time resolution. */

/** A packet on its way into a file. */
export interface FilePacket {
  /** Unix time in nanoseconds. */
  readonly time: bigint;
  /** The whole frame. */
  readonly frame: Uint8Array;
}

/** How the file is written. */
export interface FileOptions {
  readonly byteOrder: "little" | "big";
  readonly nanoseconds: boolean;
  /** LINKTYPE_ value. */
  readonly linkType: number;
  /** Bytes kept of each frame; 0 keeps all. */
  readonly snaplen: number;
}

/** Appends integers of one byte order. */
class FileWriter {
  readonly #parts: Uint8Array[] = [];
  readonly #little: boolean;

  constructor(byteOrder: "little" | "big") {
    this.#little = byteOrder === "little";
  }

  u16(...values: readonly number[]): this {
    for (const value of values) {
      const bytes = new Uint8Array(2);
      new DataView(bytes.buffer).setUint16(0, value, this.#little);
      this.#parts.push(bytes);
    }
    return this;
  }

  u32(...values: readonly number[]): this {
    for (const value of values) {
      const bytes = new Uint8Array(4);
      new DataView(bytes.buffer).setUint32(0, value >>> 0, this.#little);
      this.#parts.push(bytes);
    }
    return this;
  }

  bytes(...values: readonly Uint8Array[]): this {
    this.#parts.push(...values);
    return this;
  }

  finish(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.#parts));
  }
}

const DEFAULT_SNAPLEN = 262144;

/** A classic pcap file. */
export function pcapFile(packets: readonly FilePacket[], options: FileOptions): Uint8Array {
  const writer = new FileWriter(options.byteOrder);
  writer.u32(options.nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4).u16(2, 4);
  writer.u32(0, 0, options.snaplen || DEFAULT_SNAPLEN, options.linkType);
  for (const { time, frame } of packets) {
    const kept = options.snaplen ? frame.subarray(0, options.snaplen) : frame;
    const fraction = Number(time % 1_000_000_000n);
    writer.u32(Number(time / 1_000_000_000n), options.nanoseconds ? fraction : Math.floor(fraction / 1000));
    writer.u32(kept.length, frame.length).bytes(kept);
  }
  return writer.finish();
}

/** A pcapng file: one section, one interface, enhanced packet blocks. */
export function pcapngFile(packets: readonly FilePacket[], options: FileOptions): Uint8Array {
  const writer = new FileWriter(options.byteOrder);
  const block = (type: number, body: (inside: FileWriter) => void) => {
    const inside = new FileWriter(options.byteOrder);
    body(inside);
    const content = inside.finish();
    const padding = new Uint8Array(-content.length & 3);
    const length = 12 + content.length + padding.length;
    writer.u32(type, length).bytes(content, padding).u32(length);
  };
  block(0x0a0d0d0a, (section) => section.u32(0x1a2b3c4d).u16(1, 0).u32(0xffffffff, 0xffffffff));
  block(1, (description) => {
    description.u16(options.linkType, 0).u32(options.snaplen || DEFAULT_SNAPLEN);
    if (options.nanoseconds)
      description
        .u16(9, 1)
        .bytes(Uint8Array.of(9, 0, 0, 0))
        .u16(0, 0);
  });
  for (const { time, frame } of packets) {
    const kept = options.snaplen ? frame.subarray(0, options.snaplen) : frame;
    const ticks = options.nanoseconds ? time : time / 1000n;
    block(6, (enhanced) =>
      enhanced.u32(0, Number(ticks >> 32n), Number(ticks & 0xffffffffn), kept.length, frame.length).bytes(kept),
    );
  }
  return writer.finish();
}
