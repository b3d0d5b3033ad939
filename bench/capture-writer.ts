/** How a capture is written, and what its packets are wrapped in. */
export interface CaptureForm {
  readonly format: "pcap" | "pcapng";
  readonly nanoseconds: boolean;
  readonly bigEndian: boolean;
  readonly vlan: boolean;
  readonly ipVersion: 4 | 6;
}

/** An IPv4 address as a number; under IPv6 the same number ends a global address. */
export type Host = number;

export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const PSH = 0x08;
export const ACK = 0x10;

/** Where a segment goes, and where it stands in its connection. */
export interface Segment {
  readonly from: Host;
  readonly fromPort: number;
  readonly to: Host;
  readonly toPort: number;
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly flags: number;
  readonly payload: Uint8Array;
}

/** Seconds since the epoch at which every capture begins: 2026-01-05 00:00 UTC. */
const START_SECONDS = 1_767_571_200;
/** MSS 1460, SACK permitted, window scale 7. */
const SYN_OPTIONS = Uint8Array.of(2, 4, 5, 0xb4, 1, 1, 4, 2, 1, 3, 3, 7);
const CHUNK = 1 << 20;
/** The longest record that is ever written: what is left of a chunk must hold it. */
const LARGEST_RECORD = 2048;
const SHORTEST_FRAME = 60;
const VLAN_ID = 42;
/** The /64 of every IPv6 address. */
const IPV6_NETWORK = [0x2a06, 0x4c80, 0x0003, 0x0001] as const;
const PROTOCOL = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58 } as const;

/** An address as reports print it. */
export function addressText(host: Host, ipVersion: 4 | 6): string {
  const octets = [host >>> 24, (host >>> 16) & 255, (host >>> 8) & 255, host & 255];
  if (ipVersion === 4) return octets.join(".");
  const network = IPV6_NETWORK.map((word) => word.toString(16)).join(":");
  return `${network}::${(host >>> 16).toString(16)}:${(host & 0xffff).toString(16)}`;
}

/** Writes packets with right lengths, checksums and times into chunks, and hands each chunk out when it is full. */
export class CaptureWriter {
  readonly form: CaptureForm;
  readonly #write: (chunk: Uint8Array) => void;
  readonly #bytes = new Uint8Array(CHUNK);
  readonly #view = new DataView(this.#bytes.buffer);
  readonly #little: boolean;
  readonly #linkLength: number;
  #at = 0;
  #flushed = 0;
  #packets = 0;
  #ident = 0;

  /** @param write gets the capture's bytes in order; a chunk is only lent */
  constructor(form: CaptureForm, write: (chunk: Uint8Array) => void) {
    this.form = form;
    this.#write = write;
    this.#little = !form.bigEndian;
    this.#linkLength = form.vlan ? 18 : 14;
    if (form.format === "pcap") this.#pcapHeader();
    else this.#pcapngHeader();
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#flushed + this.#at;
  }

  get packets(): number {
    return this.#packets;
  }

  /** Hands out what is left. */
  end(): void {
    this.#flush();
  }

  /** One TCP segment. @param time microseconds since the capture's begin */
  tcp(time: number, segment: Segment): void {
    const { flags, payload } = segment;
    const headerLength = flags & SYN ? 32 : 20;
    const start = this.#begin(time, segment.from, segment.to, PROTOCOL.tcp, headerLength + payload.length);
    const view = this.#view;
    view.setUint16(start, segment.fromPort);
    view.setUint16(start + 2, segment.toPort);
    view.setUint32(start + 4, segment.sequence);
    view.setUint32(start + 8, flags & ACK ? segment.acknowledgment : 0);
    view.setUint8(start + 12, headerLength << 2);
    view.setUint8(start + 13, flags);
    view.setUint16(start + 14, flags & RST ? 0 : 64_240);
    view.setUint32(start + 16, 0);
    if (flags & SYN) this.#bytes.set(SYN_OPTIONS, start + 20);
    this.#bytes.set(payload, start + headerLength);
    this.#checksum(start, headerLength + payload.length, 16, PROTOCOL.tcp, segment.from, segment.to);
    this.#finish();
  }

  /** One UDP datagram. @param time microseconds since the capture's begin */
  udp(time: number, from: Host, fromPort: number, to: Host, toPort: number, payload: Uint8Array): void {
    const length = 8 + payload.length;
    const start = this.#begin(time, from, to, PROTOCOL.udp, length);
    const view = this.#view;
    view.setUint16(start, fromPort);
    view.setUint16(start + 2, toPort);
    view.setUint16(start + 4, length);
    view.setUint16(start + 6, 0);
    this.#bytes.set(payload, start + 8);
    this.#checksum(start, length, 6, PROTOCOL.udp, from, to);
    this.#finish();
  }

  /**
   * A router's "communication administratively prohibited" (ICMP 3/13, ICMPv6 1/1) about a SYN.
   * @param time microseconds since the capture's begin
   */
  prohibited(time: number, router: Host, syn: Segment): void {
    const six = this.form.ipVersion === 6;
    const protocol = six ? PROTOCOL.icmpv6 : PROTOCOL.icmp;
    const quoted = (six ? 40 : 20) + 8;
    const start = this.#begin(time, router, syn.from, protocol, 8 + quoted);
    const view = this.#view;
    view.setUint32(start, six ? 0x0101_0000 : 0x030d_0000);
    view.setUint32(start + 4, 0);
    this.#ipHeader(start + 8, syn.from, syn.to, PROTOCOL.tcp, 32);
    const quote = start + quoted;
    view.setUint16(quote, syn.fromPort);
    view.setUint16(quote + 2, syn.toPort);
    view.setUint32(quote + 4, syn.sequence);
    this.#checksum(start, 8 + quoted, 2, six ? protocol : 0, router, syn.from);
    this.#finish();
  }

  #frameStart = 0;
  #frameLength = 0;

  /** Writes record header, link and IP header. @returns where the payload of `length` bytes begins */
  #begin(time: number, from: Host, to: Host, protocol: number, length: number): number {
    if (this.#at + LARGEST_RECORD > CHUNK) this.#flush();
    const { format, nanoseconds, vlan, ipVersion } = this.form;
    const view = this.#view;
    const ipLength = ipVersion === 6 ? 40 : 20;
    const unpadded = this.#linkLength + ipLength + length;
    const frameLength = Math.max(unpadded, SHORTEST_FRAME);
    let at = this.#at;
    // Digits below the microsecond, so that a reader which loses them is found out.
    const fraction = nanoseconds ? (time % 1e6) * 1000 + (this.#packets % 1000) : time % 1e6;
    const seconds = START_SECONDS + Math.floor(time / 1e6);
    if (format === "pcap") {
      view.setUint32(at, seconds, this.#little);
      view.setUint32(at + 4, fraction, this.#little);
      view.setUint32(at + 8, frameLength, this.#little);
      view.setUint32(at + 12, frameLength, this.#little);
      at += 16;
    } else {
      const ticks = BigInt(seconds) * (nanoseconds ? 1_000_000_000n : 1_000_000n) + BigInt(fraction);
      view.setUint32(at, 6, this.#little);
      view.setUint32(at + 8, 0, this.#little);
      view.setUint32(at + 12, Number(ticks >> 32n), this.#little);
      view.setUint32(at + 16, Number(ticks & 0xffff_ffffn), this.#little);
      view.setUint32(at + 20, frameLength, this.#little);
      view.setUint32(at + 24, frameLength, this.#little);
      at += 28;
    }
    this.#frameStart = at;
    this.#frameLength = frameLength;
    this.#bytes.fill(0, at + unpadded, at + frameLength + 4);
    view.setUint32(at, 0x0200_0000);
    view.setUint16(at + 4, to & 0xffff);
    view.setUint32(at + 6, 0x0200_0000);
    view.setUint16(at + 10, from & 0xffff);
    if (vlan) view.setUint32(at + 12, 0x8100_0000 | VLAN_ID);
    at += this.#linkLength;
    view.setUint16(at - 2, ipVersion === 6 ? 0x86dd : 0x0800);
    this.#ipHeader(at, from, to, protocol, length);
    return at + ipLength;
  }

  #ipHeader(at: number, from: Host, to: Host, protocol: number, length: number): void {
    const view = this.#view;
    if (this.form.ipVersion === 6) {
      view.setUint32(at, 0x6000_0000);
      view.setUint16(at + 4, length);
      view.setUint16(at + 6, (protocol << 8) | 60);
      this.#ipv6Address(at + 8, from);
      this.#ipv6Address(at + 24, to);
      return;
    }
    this.#ident = (this.#ident + 1) & 0xffff;
    view.setUint16(at, 0x4500);
    view.setUint16(at + 2, 20 + length);
    view.setUint32(at + 4, ((this.#ident << 16) | 0x4000) >>> 0);
    view.setUint16(at + 8, (60 << 8) | protocol);
    view.setUint16(at + 10, 0);
    view.setUint32(at + 12, from);
    view.setUint32(at + 16, to);
    view.setUint16(at + 10, folded(this.#sum(at, 20)));
  }

  #ipv6Address(at: number, host: Host): void {
    for (const [index, word] of IPV6_NETWORK.entries()) this.#view.setUint16(at + 2 * index, word);
    this.#view.setUint32(at + 8, 0);
    this.#view.setUint32(at + 12, host);
  }

  /** @param protocol that of the pseudo-header; 0: there is none */
  #checksum(start: number, length: number, offset: number, protocol: number, from: Host, to: Host): void {
    let sum = this.#sum(start, length);
    if (protocol) {
      sum += (from >>> 16) + (from & 0xffff) + (to >>> 16) + (to & 0xffff) + protocol + length;
      if (this.form.ipVersion === 6) for (const word of IPV6_NETWORK) sum += 2 * word;
    }
    const checksum = folded(sum);
    this.#view.setUint16(start + offset, checksum === 0 && protocol === PROTOCOL.udp ? 0xffff : checksum);
  }

  #sum(start: number, length: number): number {
    const view = this.#view;
    const even = start + length - (length & 1);
    let sum = length & 1 ? view.getUint8(even) << 8 : 0;
    for (let at = start; at < even; at += 2) sum += view.getUint16(at);
    return sum;
  }

  #finish(): void {
    let end = this.#frameStart + this.#frameLength;
    if (this.form.format === "pcapng") {
      const padding = -this.#frameLength & 3;
      const total = 32 + this.#frameLength + padding;
      end += padding;
      this.#view.setUint32(end, total, this.#little);
      this.#view.setUint32(this.#at + 4, total, this.#little);
      end += 4;
    }
    this.#at = end;
    this.#packets++;
  }

  #pcapHeader(): void {
    const view = this.#view;
    view.setUint32(0, this.form.nanoseconds ? 0xa1b2_3c4d : 0xa1b2_c3d4, this.#little);
    view.setUint16(4, 2, this.#little);
    view.setUint16(6, 4, this.#little);
    view.setUint32(16, 262_144, this.#little);
    view.setUint32(20, 1, this.#little);
    this.#at = 24;
  }

  #pcapngHeader(): void {
    const little = this.#little;
    const words = (...values: readonly number[]) => {
      for (const value of values) {
        this.#view.setUint32(this.#at, value, little);
        this.#at += 4;
      }
    };
    words(0x0a0d_0d0a, 28, 0x1a2b_3c4d);
    this.#view.setUint16(this.#at, 1, little);
    this.#view.setUint16(this.#at + 2, 0, little);
    this.#at += 4;
    words(0xffff_ffff, 0xffff_ffff, 28);
    const options = this.form.nanoseconds ? 12 : 0;
    words(1, 20 + options);
    this.#view.setUint16(this.#at, 1, little);
    this.#view.setUint16(this.#at + 2, 0, little);
    this.#at += 4;
    words(262_144);
    if (options) {
      // if_tsresol 9, then the end of the options
      this.#view.setUint16(this.#at, 9, little);
      this.#view.setUint16(this.#at + 2, 1, little);
      this.#view.setUint32(this.#at + 4, 0);
      this.#view.setUint8(this.#at + 4, 9);
      this.#at += 8;
      words(0);
    }
    words(20 + options);
  }

  #flush(): void {
    if (this.#at > 0) this.#write(this.#bytes.subarray(0, this.#at));
    this.#flushed += this.#at;
    this.#at = 0;
  }
}

/** One's complement of a one's complement sum (RFC 1071). */
function folded(sum: number): number {
  let folding = sum;
  while (folding > 0xffff) folding = (folding & 0xffff) + Math.floor(folding / 0x1_0000);
  return ~folding & 0xffff;
}
