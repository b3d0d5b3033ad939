import { formatAddress } from "../address.ts";
import { AnomalyLog } from "../anomaly.ts";
import { type Frame, packetReference } from "../capture/frame.ts";
import { interfaceBlock, packetBlock, sectionHeaderBlock } from "../capture/pcapng-writer.ts";
import { PacketDecoder } from "../decode/decode-packet.ts";
import { emptyPacketView, PacketKind, type PacketView } from "../decode/packet-view.ts";
import { countOf } from "../report/phrases.ts";
import type { EvidencePlan } from "./evidence-plan.ts";
import type { SecretMasks } from "./secret-masks.ts";

/** What an extract is made from, besides the frames. */
export interface EvidenceOptions {
  readonly plan: EvidencePlan;
  readonly masks: SecretMasks;
  /** Leave the payload of all TCP segments out. */
  readonly headersOnly: boolean;
  /** One foreign packet is to show that the capture was not filtered. */
  readonly withWitness: boolean;
  readonly controlPorts: readonly number[];
  /** What wrote the file, for its header. */
  readonly application: string;
}

/** Of a packet whose layers cannot be told from its bytes (a reassembled datagram): Ethernet, IPv4 and TCP headers. */
const HEADER_BYTES = 54;

/** Of an ICMP error: the quoted TCP header; a password may stand behind it. */
const TCP_HEADER_BYTES = 20;

const IPV6_HEADER_BYTES = 40;

/** Writes the frames of the wanted sessions as a pcapng file with comments. */
export class EvidenceWriter {
  readonly #options: EvidenceOptions;
  readonly #decoder = new PacketDecoder(new AnomalyLog());
  readonly #view = emptyPacketView();
  /** Number in the file by capture, interface and link type. */
  readonly #interfaces = new Map<string, number>();
  readonly #controlPorts: ReadonlySet<number>;
  #witnessWanted: boolean;
  /** Packets written so far. */
  packets = 0;
  /** Bytes overwritten so far. */
  overwritten = 0;

  constructor(options: EvidenceOptions) {
    this.#options = options;
    this.#witnessWanted = options.withWitness;
    this.#controlPorts = new Set(options.controlPorts);
  }

  /** How the file begins. */
  begin(): Uint8Array {
    const { plan, headersOnly, application } = this.#options;
    const notes = [
      "Secrets are overwritten with x in place; TCP checksums of these packets are wrong then.",
      ...(headersOnly ? ["Payload is left out: only headers are there."] : []),
      "Packet comments say what each packet shows.",
    ];
    return sectionHeaderBlock([plan.verdicts, ...notes].join("\n"), application);
  }

  /**
   * The blocks for the next frame, in time order over all captures.
   * @param interfaceName what to call the interface that it was captured on
   * @returns nothing for a frame that does not matter
   */
  frame(frame: Frame, captureIndex: number, interfaceName: () => string): Uint8Array[] {
    const { plan } = this.#options;
    const view = this.#view;
    const kind = this.#decoder.decode(frame, captureIndex, view);
    const says = plan.commentOn(packetReference(captureIndex, frame.packetNumber));
    const isOurs = this.#belongs(kind, view);
    if (!isOurs && says === undefined)
      return this.#isWitness(kind, view) ? this.#witness(frame, captureIndex, interfaceName) : [];
    const comments = says === undefined ? [] : [`${says} (packet ${frame.packetNumber} of the capture)`];
    const bytes = copyOf(frame, frame.capturedLength);
    const kept = this.#withoutSecrets(kind, frame, bytes, comments);
    return this.#write(frame, captureIndex, interfaceName, kept, comments);
  }

  #belongs(kind: number, view: PacketView): boolean {
    const { plan } = this.#options;
    const { bytes, ipVersion } = view;
    const isIcmp = kind === PacketKind.icmpError;
    if (kind !== PacketKind.tcp && !isIcmp) return false;
    const source = formatAddress(bytes, isIcmp ? view.quotedSourceAt : view.sourceAt, ipVersion);
    if (!plan.hosts.has(source)) return false;
    const destination = formatAddress(bytes, isIcmp ? view.quotedDestinationAt : view.destinationAt, ipVersion);
    if (!plan.hosts.has(destination)) return false;
    const time = view.seconds + view.nanoseconds / 1e9;
    return isIcmp
      ? plan.includes(source, view.quotedSourcePort, destination, view.quotedDestinationPort, time)
      : plan.includes(source, view.sourcePort, destination, view.destinationPort, time);
  }

  /** What may be kept of a packet: nothing secret, and no payload if that is wanted. Adds to the comments what was done. */
  #withoutSecrets(kind: number, frame: Frame, bytes: Uint8Array, comments: string[]): Uint8Array {
    const view = this.#view;
    if (kind === PacketKind.other) return bytes.subarray(0, HEADER_BYTES);
    if (view.bytes !== frame.bytes) {
      comments.push("payload left out: it was put together from IP fragments");
      return bytes.subarray(0, HEADER_BYTES);
    }
    if (kind === PacketKind.icmpError) return bytes.subarray(0, quotedHeadersEnd(view) - frame.start);
    const payloadAt = view.payloadAt - frame.start;
    if (this.#options.headersOnly) return bytes.subarray(0, payloadAt);
    const overwritten = this.#options.masks.overwrite(view, bytes, payloadAt);
    if (overwritten > 0) {
      this.overwritten += overwritten;
      comments.push(`${countOf(overwritten, "byte")} overwritten: a secret, or what may be one`);
    }
    return bytes;
  }

  #isWitness(kind: number, { sourcePort, destinationPort }: PacketView): boolean {
    return (
      this.#witnessWanted &&
      kind === PacketKind.tcp &&
      !this.#controlPorts.has(sourcePort) &&
      !this.#controlPorts.has(destinationPort)
    );
  }

  #witness(frame: Frame, captureIndex: number, interfaceName: () => string): Uint8Array[] {
    this.#witnessWanted = false;
    const view = this.#view;
    const length = view.bytes === frame.bytes ? view.payloadAt - frame.start : HEADER_BYTES;
    const bytes = copyOf(frame, Math.min(length, frame.capturedLength));
    return this.#write(frame, captureIndex, interfaceName, bytes, [
      "of no session here: it shows that the capture was not filtered to control connections; payload left out",
    ]);
  }

  #write(
    frame: Frame,
    captureIndex: number,
    interfaceName: () => string,
    bytes: Uint8Array,
    comments: readonly string[],
  ): Uint8Array[] {
    const { linkType, fcsLength, seconds, nanoseconds, originalLength } = frame;
    const key = `${captureIndex} ${frame.interfaceIndex} ${linkType} ${fcsLength}`;
    const blocks: Uint8Array[] = [];
    let interfaceId = this.#interfaces.get(key);
    if (interfaceId === undefined) {
      interfaceId = this.#interfaces.size;
      this.#interfaces.set(key, interfaceId);
      blocks.push(interfaceBlock(interfaceName(), linkType, fcsLength));
    }
    this.packets++;
    blocks.push(
      packetBlock({ interfaceId, seconds, nanoseconds, bytes, originalLength, comment: comments.join("\n") }),
    );
    return blocks;
  }
}

/** The frame's first bytes in memory of their own: `slice` of a Buffer would share it, and the reader's bytes are not ours to change. */
function copyOf({ bytes, start }: Frame, length: number): Uint8Array {
  return new Uint8Array(bytes.subarray(start, start + length));
}

/** Offset behind the TCP header that an ICMP error quotes. */
function quotedHeadersEnd({ bytes, ipVersion, quotedSourceAt }: PacketView): number {
  const ipHeader = ipVersion === 4 ? ((bytes[quotedSourceAt - 12] ?? 0) & 0xf) * 4 : IPV6_HEADER_BYTES;
  return quotedSourceAt - (ipVersion === 4 ? 12 : 8) + ipHeader + TCP_HEADER_BYTES;
}
