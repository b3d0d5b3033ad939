import type { Analysis, AnalysisSummary, CaptureSummary, Finding, Session } from "./analysis.ts";
import { Counts } from "./analysis-counts.ts";
import { AnomalyLog } from "./anomaly.ts";
import { createCaptureReader } from "./capture/capture-reader.ts";
import { type Frame, packetReference } from "./capture/frame.ts";
import { linkTypeName } from "./capture/link-type.ts";
import { CaptureSource, type OpenedCapture } from "./capture-source.ts";
import type { Conversation } from "./conversation.ts";
import { conversationOf } from "./conversation-record.ts";
import { AttemptLedger } from "./correlate/attempt-ledger.ts";
import { correlate } from "./correlate/correlate.ts";
import type { SessionFacts } from "./correlate/session-facts.ts";
import { SessionTracker } from "./correlate/session-tracker.ts";
import { PacketDecoder } from "./decode/decode-packet.ts";
import { isReadableLinkType } from "./decode/link.ts";
import { emptyPacketView, PacketKind } from "./decode/packet-view.ts";
import { markTunnelPorts } from "./decode/tunnel.ts";
import { scanFinding } from "./diagnose/across/scan.ts";
import { floodFinding } from "./diagnose/across/syn-flood.ts";
import { diagnose } from "./diagnose/diagnose.ts";
import { AcrossSessions } from "./diagnose/findings.ts";
import type { LimitId } from "./diagnose/limits.ts";
import { findingRecord } from "./finding-record.ts";
import { CONTROL_SIGNATURE } from "./ftp/signature.ts";
import { compareInstants, formatInstant, type Instant } from "./instant.ts";
import { FTP_PORT, FTPS_PORT } from "./ports.ts";
import { Prefilter } from "./prefilter/prefilter.ts";
import { countOf } from "./report/phrases.ts";
import { sessionRecord } from "./session-record.ts";
import { ConnectionTable } from "./tcp/connection-table.ts";
import { ANY_POINT, VantagePoints } from "./tcp/vantage-points.ts";

/** The version in every report; equal to package.json's (a test compares them). */
export const VERSION = "0.1.0";

/** Ports on which a connection is a control connection whatever is said there: ftp, ftps (IANA), and the usual alternative. */
export const CONTROL_PORTS: readonly number[] = [FTP_PORT, FTPS_PORT, 2121];

/** How often in capture time it is looked for what is due. */
const TICK_NANOSECONDS = 2 ** 25;

/** What an analysis is asked for; without options all captures are read as they are, and sessions are kept. */
export interface AnalyzeOptions {
  /** Further control ports. */
  readonly ftpPorts?: readonly number[];
  /** Gets each session as it settles, and what its ends did for those who want it: to be asked for at once or never. */
  readonly onSession?: (session: Session, conversation: () => Conversation) => void;
  /** Damage ends a capture; else reading goes on where a plausible record stands behind it. */
  readonly strict?: boolean;
  /**
   * Leaves out TCP packets whose IP or TCP checksum is wrong, as the receiving host did. Not for captures made on a sender whose network card
   * computes them, unless it leaves them zero or, as Linux does, with the sum over the pseudo header.
   */
  readonly verifyChecksums?: boolean;
  /** False: sessions are handed to `onSession` and forgotten, so memory does not grow with their number. Default true. */
  readonly keepSessions?: boolean;
}

/** An analysis over one or several captures: bytes in, sessions out. Does no input or output. */
export interface Analyzer {
  /**
   * Opens one capture. Captures that are open at once are merged by time.
   * @param options.startsAt time of its first packet, if known: until the others have come so far it is not hungry
   */
  beginCapture(name: string, options?: { readonly startsAt?: Instant }): OpenedCapture;
  /** Settles what is open. With `keepSessions` the sessions are in the result. */
  finish(): Analysis & AnalysisSummary;
}

/** A new analysis, to which captures are given one by one or side by side. */
export function createAnalyzer(options: AnalyzeOptions = {}): Analyzer {
  return new CaptureAnalyzer(options);
}

/**
 * Analyses one whole capture.
 * @throws CaptureFormatError when the bytes are not a capture
 */
export function analyzeCapture(bytes: Uint8Array, options: AnalyzeOptions & { readonly name?: string } = {}): Analysis {
  const analyzer = createAnalyzer(options);
  const capture = analyzer.beginCapture(options.name ?? "capture");
  capture.push(bytes);
  capture.end();
  const { counts: _counts, ...analysis } = analyzer.finish();
  return analysis;
}

class CaptureAnalyzer implements Analyzer {
  readonly #options: AnalyzeOptions;
  readonly #anomalies = new AnomalyLog();
  readonly #prefilter = new Prefilter();
  readonly #decoder: PacketDecoder;
  readonly #view = emptyPacketView();
  readonly #tracker: SessionTracker;
  readonly #table: ConnectionTable;
  readonly #points = new VantagePoints((one, other) => this.#areSequence(one, other));
  readonly #ledger: AttemptLedger;
  readonly #captures: CaptureSource[] = [];
  readonly #sessions: Session[] = [];
  readonly #across = new AcrossSessions(this.#anomalies);
  readonly #counts = new Counts();
  #seconds = Number.NEGATIVE_INFINITY;
  /** Nanoseconds within the current second at which the next tick is due. */
  #nextTick = 0;
  /** The latest time seen at a tick, or at the end: not that of each packet, and so the same however the bytes are cut into chunks. */
  #lastTime = 0;
  /** Any TCP was read. */
  #sawTcp = false;
  /** The link type seen last that we do read. */
  #readableLinkType = -1;
  readonly #unreadable = new Map<number, { count: number; packet: number }>();

  constructor(options: AnalyzeOptions) {
    this.#options = options;
    this.#ledger = new AttemptLedger(
      (facts) => this.#emit(facts),
      () => this.#table.synMemory,
    );
    this.#tracker = new SessionTracker(
      this.#anomalies,
      (facts) => this.#ledger.settled(facts),
      (client, server, packet, time) => this.#ledger.notFollowed(client, server, packet, time),
      this.#prefilter.tables.dialogues,
    );
    const ports = [...CONTROL_PORTS, ...(options.ftpPorts ?? [])];
    this.#table = new ConnectionTable(ports, CONTROL_SIGNATURE, this.#tracker, this.#anomalies, {
      points: this.#points,
      tables: this.#prefilter.tables,
    });
    this.#tracker.attach(this.#table);
    this.#decoder = new PacketDecoder(this.#anomalies, options);
    markTunnelPorts(this.#prefilter.tables.tunnelPorts);
  }

  beginCapture(name: string, { startsAt }: { readonly startsAt?: Instant } = {}): OpenedCapture {
    const index = this.#captures.length;
    // A packet of which it has to be told whether its checksum is wrong has to be looked at.
    const prefilter = this.#options.verifyChecksums ? null : this.#prefilter.forCapture(index);
    const source = new CaptureSource(
      name,
      index,
      startsAt ?? null,
      createCaptureReader(name, index, this.#anomalies, { ...this.#options, prefilter }),
      prefilter,
      () => this.#run(),
    );
    this.#captures.push(source);
    this.#chooseHungry();
    return source;
  }

  finish(): Analysis & AnalysisSummary {
    for (const capture of this.#captures) if (capture.state !== "over") capture.abandon();
    this.#run();
    for (const { reader } of this.#captures) {
      const { last } = reader.summary;
      if (last) this.#lastTime = Math.max(this.#lastTime, last.seconds + last.nanoseconds / 1e9);
    }
    this.#decoder.finish();
    this.#tracker.finish();
    this.#ledger.finish();
    for (const [linkType, { count, packet }] of this.#unreadable) {
      this.#anomalies.note(
        "link-type-unsupported",
        "link",
        packet,
        `${countOf(count, "packet")} of link type ${linkTypeName(linkType)} (${linkType}), which is not read`,
        count,
      );
    }
    return {
      schemaVersion: "1.0",
      tool: { name: "ftptrace", version: VERSION },
      captures: this.#captures.map((capture) => this.#summaryOf(capture)),
      sessions: this.#sessions,
      findings: this.#findings(),
      anomalies: this.#anomalies.list(),
      counts: this.#counts.result(),
    };
  }

  #findings(): Finding[] {
    const { scans, floods } = this.#ledger;
    return [...this.#across.findings(), ...scans.map(scanFinding), ...floods.map(floodFinding)].map(findingRecord);
  }

  /** Processes packets in time order as long as no open capture that is next has run dry. */
  #run(): void {
    for (;;) {
      const next = this.#next();
      if (next === undefined || next.state !== "ready") break;
      this.#process(next);
    }
    this.#chooseHungry();
  }

  /** The open capture whose next packet (or known start) is earliest. */
  #next(): CaptureSource | undefined {
    let best: CaptureSource | undefined;
    for (const capture of this.#captures) {
      if (capture.state === "over") continue;
      if (best === undefined || capture.isBefore(best)) best = capture;
    }
    return best;
  }

  #chooseHungry(): void {
    const next = this.#next();
    for (const capture of this.#captures)
      capture.hungry = capture === next && capture.state !== "ready" && capture.state !== "over";
  }

  /** The packets of one capture, until another's next packet is earlier or its bytes run out. */
  #process(capture: CaptureSource): void {
    const { frame, reader, index } = capture;
    // What the table saw of other TCP is known for each capture: of two vantage points one may be filtered.
    this.#table.traffic = capture.traffic;
    let limit: CaptureSource | undefined;
    for (const other of this.#captures) {
      if (other === capture || other.state === "over") continue;
      if (limit === undefined || other.isBefore(limit)) limit = other;
    }
    capture.prefilter?.setUntil(limit === undefined ? null : limit.due);
    do {
      if (limit?.isBefore(capture)) return;
      if (frame.seconds > this.#seconds || frame.nanoseconds >= this.#nextTick) this.#tick(frame);
      const kind = this.#decoder.decode(frame, index, this.#view);
      if (kind === PacketKind.tcp) {
        this.#sawTcp = true;
        this.#table.segment(this.#view);
      } else if (kind === PacketKind.icmpError || frame.linkType !== this.#readableLinkType)
        this.#processOther(kind, frame, index);
    } while (reader.next(frame));
    capture.ranDry();
  }

  /** What comes seldom, in one place: each would discard the loop's code when it comes first. */
  #processOther(kind: number, frame: Frame, captureIndex: number): void {
    if (kind === PacketKind.icmpError) this.#table.icmpError(this.#view);
    else this.#noteLinkType(frame.linkType, packetReference(captureIndex, frame.packetNumber));
  }

  /** Whether one capture begins where the other has ended. */
  #areSequence(one: number, other: number): boolean {
    const follows = (later: CaptureSource, earlier: CaptureSource) => {
      const [{ first }, { last }] = [later.reader.summary, earlier.reader.summary];
      return earlier.state === "over" && first !== null && last !== null && compareInstants(first, last) >= 0;
    };
    const [a, b] = [this.#captures[one], this.#captures[other]];
    return follows(a, b) || follows(b, a);
  }

  /** Capture time went on. */
  #tick({ seconds, nanoseconds }: Instant): void {
    this.#nextTick = nanoseconds + TICK_NANOSECONDS;
    this.#prefilter.setTick(Math.max(seconds, this.#seconds), this.#nextTick);
    this.#lastTime = Math.max(this.#lastTime, seconds + nanoseconds / 1e9);
    // Clocks step back; time here does not.
    if (seconds < this.#seconds) return;
    this.#tracker.tick(seconds, nanoseconds);
    if (seconds === this.#seconds) return;
    this.#seconds = seconds;
    this.#ledger.tick(seconds);
  }

  #noteLinkType(linkType: number, packet: number): void {
    if (isReadableLinkType(linkType)) {
      this.#readableLinkType = linkType;
      return;
    }
    const known = this.#unreadable.get(linkType);
    if (known) known.count++;
    else this.#unreadable.set(linkType, { count: 1, packet });
  }

  /** The captures that may show more of a session. */
  #capturesOf({ control }: SessionFacts): readonly CaptureSource[] {
    if (control.point === ANY_POINT) return this.#captures;
    return this.#points.capturesOf(control.point).map((index) => this.#captures[index]);
  }

  #sawOtherTcp(captures: readonly CaptureSource[]): boolean {
    return captures.some((capture) => capture.sawOtherTcp);
  }

  #emit(settled: SessionFacts): void {
    const captures = this.#capturesOf(settled);
    const end = settled.control.point === ANY_POINT ? Number.POSITIVE_INFINITY : endOf(captures);
    const facts = settled.settledAt <= end ? settled : { ...settled, settledAt: end, atCaptureEnd: true };
    const latest = Math.max(this.#lastTime, Math.min(this.#seconds, facts.settledAt));
    const capture = {
      sawOtherTcp: this.#sawOtherTcp(captures),
      cutIcmp: this.#anomalies.count("icmp-header-cut") > 0,
      now: Math.max(Math.min(latest, end), facts.control.lastTime),
    };
    const diagnosis = diagnose(facts, correlate(facts), capture);
    const session = sessionRecord(diagnosis);
    if (!facts.isFurtherView) this.#across.add(diagnosis);
    this.#counts.add(session);
    this.#options.onSession?.(session, () => conversationOf(diagnosis));
    if (this.#options.keepSessions !== false) this.#sessions.push(session);
  }

  #summaryOf({ name, reader }: CaptureSource): CaptureSummary {
    const { format, linkTypes, packets, bytes, first, last, truncated } = reader.summary;
    const limits: LimitId[] = [];
    if (this.#sawTcp && !this.#sawOtherTcp(this.#captures) && packets > 0) limits.push("capture-filtered");
    if (truncated) limits.push("truncated-file");
    return {
      name,
      format: format ?? "pcap",
      linkTypes,
      packets,
      bytes,
      start: first ? formatInstant(first) : null,
      end: last ? formatInstant(last) : null,
      limits,
    };
  }
}

/** When the last of these captures ended, in seconds; infinite while one goes on. */
function endOf(captures: readonly CaptureSource[]): number {
  const ends = captures.map(({ state, reader }) => {
    const { last } = reader.summary;
    return state === "over" && last ? last.seconds + last.nanoseconds / 1e9 : Number.POSITIVE_INFINITY;
  });
  return Math.max(...ends);
}
