import type { AnomalyLog } from "../anomaly.ts";
import { type PacketView, TcpFlag } from "../decode/packet-view.ts";
import { EarlyPackets } from "./early-packets.ts";

/** Bytes of a hello that are kept: all that is read of it. */
const MAX_HELLO = 2048;

/** Packets that belong to the connection of a SYN and stand before it in the file. */
export interface BehindSyn {
  readonly resets: readonly PacketView[];
  readonly errors: readonly PacketView[];
  readonly hellos: readonly PacketView[];
}

/** What stands before the packet in the file that tells whose it is, by its kind (`early-packets.ts`). Hashes are the connection's. */
export class EarlyTraffic {
  readonly #syns: EarlyPackets;
  readonly #resets: EarlyPackets;
  readonly #errors: EarlyPackets;
  readonly #hellos: EarlyPackets;

  constructor(anomalies: AnomalyLog) {
    this.#syns = new EarlyPackets(anomalies);
    this.#resets = new EarlyPackets(anomalies);
    this.#errors = new EarlyPackets(anomalies);
    this.#hellos = new EarlyPackets(anomalies, MAX_HELLO);
  }

  /** A SYN or SYN-ACK to or from a port that may be negotiated behind it. */
  keepSyn(hash: number, view: PacketView): void {
    this.#syns.keep(hash, view);
  }

  /** A RST of no followed connection. */
  keepReset(hash: number, view: PacketView): void {
    this.#resets.keep(hash, view);
  }

  /** An ICMP error that quotes no followed connection. @param hash that of the connection quoted */
  keepError(hash: number, view: PacketView): void {
    this.#errors.keep(hash, view);
  }

  /** What may be the ClientHello of a data connection: without it nothing else of its TLS can be read. */
  keepHello(hash: number, view: PacketView): void {
    this.#hellos.keep(hash, view);
  }

  /** SYNs to a port that was negotiated just now, and SYN-ACKs from it. @param time when it was (seconds) */
  takeSyns(port: number, time: number): PacketView[] {
    return this.#syns.take(time, (view) => responderPortOf(view) === port);
  }

  /** What follows this SYN or SYN-ACK but stands before it in the file. */
  takeBehind(syn: PacketView, hash: number): BehindSyn {
    const { sourcePort, destinationPort, sequence } = syn;
    const time = syn.seconds + syn.nanoseconds / 1e9;
    // The hello comes from who sent the SYN, or from who a SYN-ACK goes to.
    const answered = (syn.flags & TcpFlag.ack) !== 0;
    const helloPort = answered ? destinationPort : sourcePort;
    const helloSequence = answered ? syn.acknowledgment : (sequence + 1) >>> 0;
    return {
      resets: this.#resets.take(
        time,
        (view, hashOf) =>
          hashOf === hash && view.sourcePort === destinationPort && view.acknowledgment === (sequence + 1) >>> 0,
      ),
      errors: this.#errors.take(
        time,
        (view, hashOf) => hashOf === hash && view.quotedSourcePort === sourcePort && view.quotedSequence === sequence,
      ),
      hellos: this.#hellos.take(
        time,
        (view, hashOf) => hashOf === hash && view.sourcePort === helloPort && view.sequence === helloSequence,
      ),
    };
  }
}

/** Port of the end that a SYN goes to, or that a SYN-ACK comes from. */
function responderPortOf(view: PacketView): number {
  return (view.flags & TcpFlag.ack) !== 0 ? view.sourcePort : view.destinationPort;
}
