import { formatAddress } from "../address.ts";
import { AnomalyLog } from "../anomaly.ts";
import type { Frame } from "../capture/frame.ts";
import { PacketDecoder } from "../decode/decode-packet.ts";
import { emptyPacketView, PacketKind, type PacketView, TcpFlag } from "../decode/packet-view.ts";
import { CONTROL_SIGNATURE } from "../ftp/signature.ts";
import type { Connection } from "../tcp/connection.ts";
import { ConnectionTable } from "../tcp/connection-table.ts";
import { connectionKey, type EvidencePlan } from "./evidence-plan.ts";
import { insertInOrder, latestIndex, type Since } from "./in-time-order.ts";
import { SecretFinder, type SecretRange } from "./secret-finder.ts";

/** Stands where a secret stood. */
const MASK = "x".charCodeAt(0);
const CR = 0x0d;
const LF = 0x0a;

/** Bytes to overwrite, by TCP sequence number. */
interface SequenceRange {
  readonly sequence: number;
  readonly length: number;
}

/** How far before the known part of a stream bytes may lie; more would reach into other connections of the same endpoints. */
const UNSEEN_BYTES = 1024 * 1024;

/** What is to be overwritten of one direction of one connection. */
interface ConnectionMasks extends Since {
  readonly ranges: readonly SequenceRange[];
}

/**
 * The secrets in the control connections of the wanted sessions, and how to overwrite them. First all frames are read in time order, then
 * packets can be overwritten: a secret may be told only by what comes after it.
 */
export class SecretMasks {
  readonly #plan: EvidencePlan;
  readonly #decoder = new PacketDecoder(new AnomalyLog());
  readonly #view = emptyPacketView();
  readonly #table: ConnectionTable;
  readonly #found: { readonly connection: Connection; readonly finder: SecretFinder }[] = [];
  /** By sender and receiver, in time order: endpoints are used again. */
  readonly #masks = new Map<string, ConnectionMasks[]>();

  constructor(plan: EvidencePlan, controlPorts: readonly number[]) {
    this.#plan = plan;
    this.#table = new ConnectionTable(
      controlPorts,
      CONTROL_SIGNATURE,
      {
        controlOpened: (connection) => this.#open(connection),
        dataOpened: () => {},
        controlNotFollowed: () => {},
        dataWasControl: () => {},
        controlChanged: () => {},
        controlSeenElsewhere: () => {},
      },
      new AnomalyLog(),
    );
  }

  /** The next frame of all captures, in time order. */
  read(frame: Frame, captureIndex: number): void {
    if (this.#decoder.decode(frame, captureIndex, this.#view) === PacketKind.tcp) this.#table.segment(this.#view);
  }

  /** All frames have been read. */
  finish(): void {
    for (const { connection, finder } of this.#found) {
      connection.reassembler?.finish();
      const ranges = finder.finish();
      const { originator, responder } = connection;
      for (const [from, to, direction] of [
        [originator, responder, "client"],
        [responder, originator, "server"],
      ] as const) {
        const masks: SequenceRange[] = [];
        if (from.base >= 0) {
          // What came before the stream was found (a midstream start) was never understood.
          if (!from.baseFromSyn) masks.push({ sequence: (from.base - UNSEEN_BYTES) >>> 0, length: UNSEEN_BYTES });
          for (const range of ranges[direction])
            masks.push({ sequence: (from.base + range.from) >>> 0, length: range.to - range.from });
        }
        const key = directedKey(from.address, from.port, to.address, to.port);
        const known = this.#masks.get(key);
        const own = { since: connection.firstTime, ranges: masks };
        if (known) insertInOrder(known, own);
        else this.#masks.set(key, [own]);
      }
    }
  }

  /**
   * Overwrites, in the bytes that the view shows, what is secret of a segment of a control connection. Line ends stay.
   * @returns how many bytes were overwritten; 0 also for other connections
   */
  overwrite(view: PacketView, bytes: Uint8Array, payloadAt: number): number {
    const source = formatAddress(view.bytes, view.sourceAt, view.ipVersion);
    const destination = formatAddress(view.bytes, view.destinationAt, view.ipVersion);
    const { sourcePort, destinationPort } = view;
    if (!this.#plan.controlConnections.has(connectionKey(source, sourcePort, destination, destinationPort))) return 0;
    const known = this.#masks.get(directedKey(source, sourcePort, destination, destinationPort));
    const end = Math.min(view.payloadCaptured, bytes.length - payloadAt);
    // A control connection that could not be followed: nothing of it is understood.
    if (!known) return overwritePayload(bytes, payloadAt, [{ from: 0, to: end }]);
    const first = (view.flags & TcpFlag.syn) !== 0 ? view.sequence + 1 : view.sequence;
    // A segment may be late, or come before the point from which its connection was understood.
    const at = latestIndex(known, view.seconds + view.nanoseconds / 1e9);
    const hits = known.slice(Math.max(at - 1, 0), at + 2).flatMap(({ ranges }) =>
      ranges.flatMap(({ sequence, length }) => {
        const from = (sequence - first) | 0;
        return from >= end || from + length <= 0 ? [] : { from: Math.max(from, 0), to: Math.min(from + length, end) };
      }),
    );
    return hits.length === 0 ? 0 : overwritePayload(bytes, payloadAt, hits);
  }

  #open(connection: Connection): SecretFinder | null {
    const { originator, responder } = connection;
    const key = connectionKey(originator.address, originator.port, responder.address, responder.port);
    if (!this.#plan.controlConnections.has(key)) return null;
    const finder = new SecretFinder(connection.midstream);
    this.#found.push({ connection, finder });
    return finder;
  }
}

/** Overwrites parts of a payload, which may overlap, and leaves line ends. @returns how many bytes */
function overwritePayload(bytes: Uint8Array, payloadAt: number, parts: readonly SecretRange[]): number {
  const overwritten = new Set<number>();
  for (const { from, to } of parts)
    for (let at = payloadAt + from; at < payloadAt + to; at++)
      if (bytes[at] !== CR && bytes[at] !== LF) overwritten.add(at);
  for (const at of overwritten) bytes[at] = MASK;
  return overwritten.size;
}

function directedKey(from: string, fromPort: number, to: string, toPort: number): string {
  return `${from} ${fromPort} > ${to} ${toPort}`;
}
