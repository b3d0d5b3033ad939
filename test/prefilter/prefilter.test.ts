import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, mock, test } from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { generate, VARIANTS, type VariantName } from "../../bench/generate.ts";
import type { KindName } from "../../bench/kinds.ts";
import type { Analysis } from "../../src/analysis.ts";
import { analyzeCapture, createAnalyzer } from "../../src/analyze.ts";
import { AnomalyLog } from "../../src/anomaly.ts";
import { BOUNDS } from "../../src/bounds.ts";
import { createCaptureReader } from "../../src/capture/capture-reader.ts";
import { emptyFrame } from "../../src/capture/frame.ts";
import { PacketDecoder } from "../../src/decode/decode-packet.ts";
import { emptyPacketView, PacketKind } from "../../src/decode/packet-view.ts";
import { CONTROL_SIGNATURE } from "../../src/ftp/signature.ts";
import {
  ALL,
  DIALOGUE,
  LARGER_LENGTH,
  LENT_BYTES,
  MAX_INTERFACES,
  MAX_ROOMS,
  MAX_SYNS,
  ORIGINATOR_HALF,
  OTHER_TCP_PACKETS,
  RATE_SECOND,
  RESPONDER_HALF,
  ROOM_BYTES,
  SEVERAL_CAPTURES,
  SOME,
  STATE_BYTES,
} from "../../src/prefilter/layout.ts";
import { asLoaded, type CapturePrefilter, Prefilter } from "../../src/prefilter/prefilter.ts";
import { addressKey } from "../../src/tcp/connection-ends.ts";
import { ConnectionTable } from "../../src/tcp/connection-table.ts";
import { FLOOD_SYNS, SynMemory } from "../../src/tcp/syn-memory.ts";
import { Watchlist } from "../../src/tcp/watchlist.ts";
import { BYTE_ORDERS, concat, type Option, PcapngWriter, pcapHeader, pcapRecord } from "../capture/capture-bytes.ts";
import {
  type Bytes,
  clientIpv4,
  clientIpv6,
  ethernet,
  frameOf,
  ipv4,
  ipv6,
  serverIpv4,
  tcp,
  u16,
  udp,
  vlan,
  zeros,
} from "../decode/frame-bytes.ts";
import { analyzeCaptures } from "../support/analyze-captures.ts";
import { CaptureBuilder, type RawSegment } from "../support/capture-builder.ts";
import { pcapOf, type RawPacket, rawPackets } from "../support/capture-mutation.ts";
import { withoutWebAssembly } from "./without-webassembly.ts";

const FIN = 0x01;
const SYN = 0x02;
const RST = 0x04;
const ACK = 0x10;

const SECONDS = 1_700_000_000;

/** What becomes of one record. */
interface Fate {
  readonly skipped: boolean;
  readonly sawTcp: boolean;
}

/** A prefilter for classic pcap of Ethernet, to which nothing is ever due. */
function ready(prefilter: Prefilter, index = 0): CapturePrefilter {
  prefilter.setTick(0xffff_ffff, 0xffff_ffff);
  const capture = prefilter.forCapture(index);
  capture.open();
  capture.setUntil(null);
  capture.expectPcap(false, 16, 262_144);
  capture.addInterface(0, 1, 1_000_000);
  return capture;
}

interface RecordOptions {
  readonly linkType?: number;
  readonly seconds?: number;
  readonly fraction?: number;
  readonly captured?: number;
  readonly original?: number;
  /** Fills the tables before. */
  readonly prepare?: (prefilter: Prefilter, capture: CapturePrefilter) => void;
}

/** Puts one record of classic pcap before a prefilter to which port 21, UDP port 4789 and payloads that begin with 220 are of interest. */
function fateOf(frame: Bytes, options: RecordOptions = {}): Fate {
  const prefilter = new Prefilter();
  const { tables } = prefilter;
  tables.ports[asLoaded(21)] = ALL;
  tables.tunnelPorts[asLoaded(4789)] = 1;
  tables.firstPairs["22".charCodeAt(0) * 257] = 6;
  tables.secondPairs["0".charCodeAt(0) + " ".charCodeAt(0) * 256] = 3;
  tables.secondPairs["1".charCodeAt(0) + " ".charCodeAt(0) * 256] = 1;
  new SynMemory(tables.syns);
  prefilter.setTick(SECONDS, 30_000_000);
  const capture = prefilter.forCapture(0);
  capture.open();
  capture.setUntil(null);
  capture.expectPcap(false, 16, 262_144);
  capture.addInterface(0, options.linkType ?? 1, 1_000_000);
  options.prepare?.(prefilter, capture);
  const { seconds = SECONDS, fraction = 20_000, captured = frame.length, original = frame.length } = options;
  const data = Uint8Array.from(frame).subarray(0, captured);
  const record = pcapRecord({ seconds, fraction, captured, original, data });
  const { room } = capture;
  assert.ok(room);
  // Not at the beginning, and with something behind it that is no record.
  room.fill(0xff);
  room.set(record, 3);
  const length = capture.skip(room.byteOffset + 3, record.length, 7);
  assert.ok(length === 0 || length === record.length, `${length} of ${record.length}`);
  assert.equal(capture.skipped, length === 0 ? 0 : 1);
  if (length > 0) {
    assert.deepEqual([capture.packetNumber, capture.seconds, capture.nanoseconds], [8, seconds, fraction * 1000]);
    assert.deepEqual(capture.first, { seconds, nanoseconds: fraction * 1000 });
    assert.deepEqual(capture.last, { seconds, nanoseconds: fraction * 1000 });
  }
  return { skipped: length > 0, sawTcp: capture.otherTcpPackets === 1 };
}

const LAYOUTS: readonly [what: string, linkType: number, wrap: (segment: Bytes) => Bytes][] = [
  ["Ethernet, IPv4", 1, (inner) => ethernet(0x0800, ipv4({}, inner))],
  ["Ethernet, VLAN, IPv4", 1, (inner) => ethernet(0x8100, vlan(0x0800, ipv4({}, inner)))],
  ["Ethernet, IPv6", 1, (inner) => ethernet(0x86dd, ipv6({}, inner))],
  ["Linux cooked, IPv4", 113, (inner) => [...zeros(14), ...u16(0x0800), ...ipv4({}, inner)]],
  ["Linux cooked v2, IPv6", 276, (inner) => [...u16(0x86dd), ...zeros(18), ...ipv6({}, inner)]],
];

const OF_NOBODY = { sourcePort: 40_000, destinationPort: 50_000, flags: ACK };

for (const [what, linkType, wrap] of LAYOUTS)
  test(`steps over the segments that nobody follows: ${what}`, () => {
    const fate = (fields: Parameters<typeof tcp>[0], payload: string) =>
      fateOf(wrap(tcp(fields, payload)), { linkType });
    for (const [why, fields, payload] of [
      ["an acknowledgment", OF_NOBODY, ""],
      ["payload", OF_NOBODY, "GET / HTTP/1.1\r\n"],
      ["three bytes, which tell nothing", OF_NOBODY, "220"],
      ["four bytes whose halves have no mark in common", OF_NOBODY, "221 bye\r\n"],
      ["the second half only", OF_NOBODY, "330 \r\n"],
      ["the first half only", OF_NOBODY, "2222\r\n"],
      ["FIN", { ...OF_NOBODY, flags: FIN | ACK }, ""],
      ["RST", { ...OF_NOBODY, flags: RST }, ""],
      ["SYN", { ...OF_NOBODY, flags: SYN }, ""],
      ["SYN-ACK", { ...OF_NOBODY, flags: SYN | ACK }, ""],
    ] as const)
      assert.deepEqual(fate(fields, payload), { skipped: true, sawTcp: true }, why);
    for (const [why, fields, payload] of [
      ["four bytes of interest", OF_NOBODY, "220 ready\r\n"],
      ["the same in a RST", { ...OF_NOBODY, flags: RST }, "220 ready\r\n"],
      ["a source port of interest", { ...OF_NOBODY, sourcePort: 21 }, ""],
      ["a destination port of interest", { ...OF_NOBODY, destinationPort: 21, flags: SYN }, ""],
      ["a header shorter than TCP's", { ...OF_NOBODY, dataOffset: 4 }, ""],
      ["a header longer than the packet", { ...OF_NOBODY, dataOffset: 15 }, ""],
    ] as const)
      assert.deepEqual(fate(fields, payload), { skipped: false, sawTcp: false }, why);
  });

describe("the prefilter", () => {
  const segment = tcp(OF_NOBODY, "GET / HTTP/1.1\r\n");
  const plain = ethernet(0x0800, ipv4({}, segment));

  it("leaves SYNs and RSTs of hosts with a session, of either end and either IP version, to the table", () => {
    const watcher = {
      controlAddress: "a",
      controlPort: 21,
      clientAddress: "b",
      point: -1,
      room: 1,
      awaits: () => true,
      wantsForeign: () => false,
    };
    const watch =
      (host: Bytes, version: number) =>
      ({ tables }: Prefilter) => {
        const key = addressKey(Uint8Array.from(host), 0, version);
        new Watchlist(tables.sessionEnds).watchPair("a", key, "b", 0x0a000001, watcher);
      };
    const ofHost = (version: 4 | 6, flags: number, host: Bytes) => {
      const inner = tcp({ ...OF_NOBODY, flags });
      const frame = version === 4 ? ethernet(0x0800, ipv4({}, inner)) : ethernet(0x86dd, ipv6({}, inner));
      return fateOf(frame, { prepare: watch(host, version) }).skipped;
    };
    for (const flags of [SYN, SYN | ACK, RST, RST | ACK]) {
      assert.equal(ofHost(4, flags, clientIpv4), false);
      assert.equal(ofHost(4, flags, serverIpv4), false);
      assert.equal(ofHost(6, flags, clientIpv6), false);
      assert.equal(ofHost(4, flags, [198, 51, 100, 22]), true, "another host");
    }
    assert.equal(ofHost(4, ACK, clientIpv4), true, "its other segments are nobody's");
    const onUsedPort = fateOf(plain, {
      prepare(prefilter) {
        watch(clientIpv4, 4)(prefilter);
        prefilter.tables.ports[asLoaded(50_000)] = SOME;
      },
    });
    assert.equal(onUsedPort.skipped, true, "also on a port that a followed connection uses");
  });

  it("steps over UDP that is no tunnel, and leaves other protocols alone", () => {
    const carried = (protocol: number, inner: Bytes) => fateOf(ethernet(0x0800, ipv4({ protocol }, inner)));
    assert.deepEqual(carried(17, udp(40_000, 53, zeros(32))), { skipped: true, sawTcp: false });
    assert.equal(carried(17, udp(40_000, 4789, zeros(32))).skipped, false);
    for (const protocol of [1, 4, 47, 51, 132])
      assert.equal(carried(protocol, zeros(64)).skipped, false, `protocol ${protocol}`);
    const short = ipv4({ protocol: 17, totalLength: 19 }, udp(40_000, 53, zeros(32)));
    assert.equal(fateOf(ethernet(0x0800, short)).skipped, false, "an IPv4 packet that is shorter than its header");
    assert.deepEqual(fateOf(ethernet(0x0806, zeros(46))), { skipped: false, sawTcp: false }, "ARP");
    const netlink = [...zeros(2), ...u16(824), ...zeros(10), ...u16(0x0800), ...zeros(60)];
    assert.deepEqual(fateOf(netlink, { linkType: 113 }), { skipped: true, sawTcp: false });
  });

  it("leaves what is odd to the decoder", () => {
    assert.equal(fateOf(plain).skipped, true);
    for (const fragment of [{ fragmentOffset: 8 }, { fragmentOffset: 4096 }, { moreFragments: true }])
      assert.equal(fateOf(ethernet(0x0800, ipv4(fragment, segment))).skipped, false, JSON.stringify(fragment));
    assert.equal(fateOf(ethernet(0x0800, ipv4({ options: [1, 1, 1, 1] }, segment))).skipped, false, "IPv4 options");
    assert.equal(fateOf(ethernet(0x0800, ipv4({ totalLength: 0 }, segment))).skipped, false, "TSO");
    assert.equal(fateOf(ethernet(0x88a8, vlan(0x8100, vlan(0x0800, ipv4({}, segment))))).skipped, false, "QinQ");
    assert.equal(fateOf(ethernet(0x8100, vlan(0x8100, vlan(0x0800, ipv4({}, segment))))).skipped, false, "two tags");
    assert.equal(fateOf(plain, { linkType: 127 }).skipped, false, "another link type");
    assert.equal(fateOf(plain, { captured: 40 }).skipped, false, "a cut header");
    assert.equal(fateOf(plain, { original: 20 }).skipped, false, "more captured than sent");
    const neverDue = { prepare: (prefilter: Prefilter) => prefilter.setTick(SECONDS, 0xffff_ffff) };
    assert.equal(fateOf(plain, { fraction: 999_999, ...neverDue }).skipped, true);
    assert.equal(fateOf(plain, { fraction: 1_000_000, ...neverDue }).skipped, false, "no fraction of a second");
    const padded = ethernet(0x0800, ipv4({ totalLength: 43 }, tcp(OF_NOBODY, "220 ready\r\n")));
    assert.equal(fateOf(padded).skipped, true, "three bytes of payload, and padding behind them");
    const empty = ethernet(0x86dd, ipv6({ payloadLength: 0 }, segment));
    assert.equal(fateOf(empty).skipped, false, "a length of 0 in IPv6");
    assert.equal(
      fateOf(ethernet(0x0800, ipv4({}, tcp({ ...OF_NOBODY, dataOffset: 15 }, zeros(40)))), { captured: 90 }).skipped,
      false,
      "options that are cut",
    );
    assert.equal(fateOf(plain, { captured: 54 }).skipped, true, "a snaplen behind the headers");
  });

  it("stops where something is due", () => {
    const until = (seconds: number, nanoseconds: number) =>
      fateOf(plain, { prepare: (_, capture) => capture.setUntil({ seconds, nanoseconds }) }).skipped;
    assert.equal(until(SECONDS, 20_000_001), true);
    assert.equal(until(SECONDS, 20_000_000), false, "another capture's packet has the same time");
    assert.equal(until(SECONDS - 1, 999_999_999), false);
    // Times that 32 bits do not hold: pcapng has them.
    assert.equal(until(-5, 0), false, "another capture's packet is of before 1970");
    assert.equal(until(2 ** 32 + 5, 0), true);
    const ticking = (seconds: number) =>
      fateOf(plain, { prepare: (prefilter) => prefilter.setTick(seconds, 900_000_000) }).skipped;
    assert.equal(ticking(-5), false, "the tick is of before 1970");
    assert.equal(ticking(2 ** 32 + 5), true);
    assert.equal(fateOf(plain, { fraction: 29_999 }).skipped, true);
    assert.equal(fateOf(plain, { fraction: 30_000 }).skipped, false, "the tick");
    assert.equal(fateOf(plain, { seconds: SECONDS + 1, fraction: 0 }).skipped, false, "the next second");
    assert.equal(fateOf(plain, { seconds: SECONDS - 5 }).skipped, true, "a clock that steps back");
  });

  it("tells the earliest and the latest time of a run, and number and time of the last", () => {
    const capture = ready(new Prefilter());
    const records = [20, 5, 9, 7].map((fraction) => pcapRecord({ fraction, data: Uint8Array.from(plain) }));
    const bytes = concat(...records);
    capture.room!.set(bytes);
    assert.equal(capture.skip(capture.room!.byteOffset, bytes.length, 41), bytes.length);
    const seconds = SECONDS;
    assert.deepEqual(capture.first, { seconds, nanoseconds: 5000 });
    assert.deepEqual(capture.last, { seconds, nanoseconds: 20_000 });
    assert.deepEqual([capture.packetNumber, capture.seconds, capture.nanoseconds], [45, seconds, 7000]);
    assert.equal(capture.skipped, 4);
    const later = pcapRecord({ fraction: 8, data: Uint8Array.from(plain) });
    capture.room!.set(later);
    assert.equal(capture.skip(capture.room!.byteOffset, later.length, 45), later.length);
    assert.deepEqual([capture.first.nanoseconds, capture.last.nanoseconds], [5000, 20_000], "another run");
  });

  it("stops at the end of the window, whatever a record claims", () => {
    const record = pcapRecord({ data: Uint8Array.from(plain) });
    const capture = ready(new Prefilter());
    capture.room!.set(record);
    capture.room!.set(record, record.length);
    const at = capture.room!.byteOffset;
    for (let length = 0; length < 2 * record.length; length++)
      assert.equal(capture.skip(at, length, 0), length < record.length ? 0 : record.length, `${length} bytes`);
    capture.room!.set([0xff, 0xff, 0xff, 0xff], 8);
    assert.equal(capture.skip(at, ROOM_BYTES, 0), 0);
  });

  it("remembers as many SYNs, and takes as many for a flood, as the table", () => {
    assert.equal(MAX_SYNS, BOUNDS.synMemory.most);
    const syn = ethernet(0x0800, ipv4({}, tcp({ ...OF_NOBODY, flags: SYN })));
    for (const [before, isFlood] of [
      [FLOOD_SYNS - 1, false],
      [FLOOD_SYNS, true],
    ] as const) {
      let entries: Int32Array | undefined;
      fateOf(syn, {
        prepare({ tables }) {
          entries = tables.syns.entries;
          tables.syns.originatorRate.fill(before);
          tables.syns.rates[RATE_SECOND] = SECONDS;
        },
      });
      assert.equal(
        entries?.some((word) => word !== 0),
        !isFlood,
      );
    }
  });

  it("asks for the connection where only some on a port are followed", () => {
    const fate = (bucketsUsed: number) =>
      fateOf(plain, {
        prepare({ tables }) {
          tables.ports[asLoaded(50_000)] = SOME;
          tables.buckets.fill(bucketsUsed);
        },
      });
    assert.deepEqual(fate(0), { skipped: true, sawTcp: true });
    assert.deepEqual(fate(1), { skipped: false, sawTcp: false });
  });

  it("leaves the tables as ConnectionTable does, whatever SYNs and RSTs come", () => {
    // Hosts and ports are few, so that SYNs repeat, share a place of the memory, and come in floods.
    const segments = fc.array(
      fc.record({
        version: fc.constantFrom(4, 6),
        source: fc.nat(3),
        destination: fc.nat(3),
        sourcePort: fc.nat(20),
        destinationPort: fc.nat(3),
        sequence: fc.nat(2),
        flags: fc.constantFrom(SYN, SYN, SYN, SYN, SYN | RST, SYN | ACK, RST, RST | ACK, ACK, FIN),
        capture: fc.nat(1),
        laterBy: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
        times: fc.constantFrom(1, 1, 1, 1, 1, 1, FLOOD_SYNS),
      }),
      { maxLength: 60 },
    );
    const observer = {
      controlOpened: () => null,
      dataOpened() {},
      controlNotFollowed() {},
      dataWasControl() {},
      controlChanged() {},
      controlSeenElsewhere() {},
    };
    const ends = new Set<string>();
    fc.assert(
      // Where the counters begin: they hold 16 bits.
      fc.property(segments, fc.constantFrom(0, 0xfffb), (list, counted) => {
        const [byTable, byPrefilter] = [new Prefilter(), new Prefilter()];
        const [table] = [byTable, byPrefilter].map(
          ({ tables }) => new ConnectionTable([21], CONTROL_SIGNATURE, observer, new AnomalyLog(), { tables }),
        );
        const captures = [0, 1].map((index) => ready(byPrefilter, index));
        for (const { tables } of [byTable, byPrefilter]) {
          tables.syns.rates[RATE_SECOND] = SECONDS;
          tables.syns.originatorRate.fill(counted);
          tables.syns.responderRate.fill(counted);
        }
        const decoder = new PacketDecoder(new AnomalyLog());
        const view = emptyPacketView();
        let seconds = SECONDS;
        let number = 100;
        for (const { version, source, destination, capture, laterBy, times, ...rest } of list) {
          const segment = tcp({
            ...rest,
            sourcePort: 40_000 + rest.sourcePort,
            destinationPort: 80 + rest.destinationPort,
          });
          const content =
            version === 4
              ? ethernet(
                  0x0800,
                  ipv4({ source: [192, 0, 2, source], destination: [198, 51, 100, destination] }, segment),
                )
              : ethernet(
                  0x86dd,
                  ipv6(
                    {
                      source: [...clientIpv6.slice(0, 15), source],
                      destination: [...clientIpv6.slice(0, 15), 64 + destination],
                    },
                    segment,
                  ),
                );
          seconds += laterBy;
          const record = pcapRecord({ seconds, fraction: 7, data: Uint8Array.from(content) });
          const { room } = captures[capture];
          room!.set(record);
          const kind = decoder.decode(
            frameOf(content, { packetNumber: number + 1, seconds, nanoseconds: 7000 }),
            capture,
            view,
          );
          assert.equal(kind, PacketKind.tcp);
          for (let time = 0; time < times; time++) {
            view.packet = capture * 2 ** 32 + number + 1;
            table.segment(view);
            assert.equal(captures[capture].skip(room!.byteOffset, record.length, number), record.length);
            number++;
          }
          ends.add(`${version} ${rest.flags} ${capture}`);
        }
        const { tables: expected } = byTable;
        const { tables } = byPrefilter;
        assert.deepEqual(tables.syns.entries, expected.syns.entries);
        assert.deepEqual(tables.syns.tags, expected.syns.tags);
        assert.deepEqual(tables.syns.originatorRate, expected.syns.originatorRate);
        assert.deepEqual(tables.syns.responderRate, expected.syns.responderRate);
        assert.deepEqual(tables.syns.rates, expected.syns.rates);
        assert.equal(tables.shared[SEVERAL_CAPTURES], expected.shared[SEVERAL_CAPTURES]);
      }),
      { numRuns: 40 },
    );
    assert.ok(ends.size > 10);
  });

  it("gives each table, each capture and each half of a lent connection a place of its own", () => {
    const prefilter = new Prefilter();
    const { syns, copies, lent, dialogues, shared, ...byPort } = prefilter.tables;
    assert.ok(lent && dialogues);
    // Of the three views of lent connections, and of the counters within SHARED, one stands for all.
    const tables = [
      ...Object.values(byPort),
      ...[syns.entries, syns.tags, syns.originatorRate, syns.responderRate, shared],
      ...[copies.signatures, copies.times, lent.bytes, lent.touched, dialogues.blocks],
    ];
    const places = tables.map(({ byteOffset, byteLength }) => [byteOffset, byteOffset + byteLength]);
    for (let i = 0; i < MAX_ROOMS; i++) {
      const capture = prefilter.forCapture(i);
      capture.open();
      const { byteOffset } = capture.room!;
      places.push([byteOffset, byteOffset + ROOM_BYTES + STATE_BYTES]);
    }
    places.sort(([a], [b]) => a - b);
    for (let i = 1; i < places.length; i++)
      assert.ok(places[i - 1][1] <= places[i][0], `${places[i - 1]}, ${places[i]}`);
    assert.ok(places.at(-1)![1] <= shared.buffer.byteLength);
    const halfBytes = LARGER_LENGTH + 4;
    assert.ok(DIALOGUE + 4 <= ORIGINATOR_HALF && ORIGINATOR_HALF + halfBytes <= RESPONDER_HALF);
    assert.ok(RESPONDER_HALF + halfBytes <= LENT_BYTES && LENT_BYTES % 8 === 0);
  });

  it("gives a room back, and keeps what it counted", () => {
    const prefilter = new Prefilter();
    const captures = Array.from({ length: MAX_ROOMS + 1 }, (_, index) => prefilter.forCapture(index));
    for (const capture of captures) capture.open();
    assert.deepEqual(
      captures.map(({ room }) => room !== null),
      captures.map((_, index) => index < MAX_ROOMS),
    );
    const places = captures.flatMap(({ room }) => (room ? [[room.byteOffset, room.byteOffset + room.length]] : []));
    places.sort(([a], [b]) => a - b);
    for (let i = 1; i < places.length; i++) assert.ok(places[i - 1][1] <= places[i][0]);
    const [first] = captures;
    new Uint32Array(first.room!.buffer, first.room!.byteOffset + ROOM_BYTES)[OTHER_TCP_PACKETS] = 7;
    first.close();
    captures[MAX_ROOMS].open();
    assert.ok(captures[MAX_ROOMS].room);
    assert.equal(captures[MAX_ROOMS].otherTcpPackets, 0);
    assert.equal(first.otherTcpPackets, 7);
  });

  it("is compiled from the source that is beside it", () => {
    const script = fileURLToPath(new URL("../../scripts/assemble.mjs", import.meta.url));
    const { status, stderr } = spawnSync(process.execPath, ["--import", "tsx", script, "--check"], {
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
  });
});

function made(kind: KindName, variant: VariantName, amount: number): Uint8Array {
  const chunks: Uint8Array[] = [];
  generate({ kind, variant, amount, seed: 5 }, (chunk) => chunks.push(chunk.slice()));
  return Buffer.concat(chunks);
}

const variants = (Object.keys(VARIANTS) as VariantName[]).filter((variant) => variant !== "gz");

/** How many packets of a capture get to those behind the prefilter when nobody follows any, and how many there are. */
function handedOut(bytes: Uint8Array): { readonly seen: number; readonly all: number } {
  const prefilter = new Prefilter();
  prefilter.setTick(0xffff_fffe, 0xffff_ffff);
  const capture = prefilter.forCapture(0);
  capture.open();
  capture.setUntil(null);
  const reader = createCaptureReader("capture", 0, new AnomalyLog(), { prefilter: capture });
  reader.push(bytes);
  const frame = emptyFrame();
  let seen = 0;
  while (reader.next(frame)) seen++;
  return { seen, all: reader.summary.packets };
}

/** The same analysis with and without WebAssembly. */
function assertSame(run: () => Analysis): void {
  const expected = withoutWebAssembly(run);
  assert.ok(expected.sessions.length > 0);
  assert.deepEqual(run(), expected);
}

describe("with the prefilter the report is what it is without", () => {
  for (const variant of variants)
    for (const [kind, amount] of [
      ["mixed", 8],
      ["ftp-heavy", 8],
      ["small", 2],
      ["late-greeting-under-flood", 2],
    ] as const)
      it(`${kind}, ${variant}`, () => {
        const bytes = made(kind, variant, amount);
        assertSame(() => analyzeCapture(bytes));
        // Of bulk data somebody has to follow the connection.
        if (kind === "ftp-heavy") return;
        const { seen, all } = handedOut(bytes);
        assert.ok(all > 1000 && seen < all / 50, `${seen} of ${all} packets are handed out`);
      });

  it("all recordings", () => {
    for (const name of readdirSync("fixtures").filter((name) => /\.pcap(ng)?$/.test(name))) {
      const bytes = readFileSync(join("fixtures", name));
      assert.deepEqual(
        analyzeCapture(bytes),
        withoutWebAssembly(() => analyzeCapture(bytes)),
        name,
      );
    }
  });

  /** A download whose segments of 1000 bytes come at these times (milliseconds behind a whole second), the control connection having been closed or not. */
  const download = (times: readonly number[], closed: boolean): Uint8Array => {
    const net = new CaptureBuilder();
    const control = net.connect({ client: "192.0.2.10:40000", server: "198.51.100.21:21" });
    for (const [command, reply] of [
      ["USER alice", "331 password"],
      ["PASS secret", "230 welcome"],
      ["PASV", "227 Entering Passive Mode (198,51,100,21,195,80)"],
    ]) {
      control.client(`${command}\r\n`);
      control.server(`${reply}\r\n`);
    }
    const data = net.connect({ client: "192.0.2.10:40001", server: "198.51.100.21:50000" });
    control.client("RETR large.bin\r\n");
    control.server("150 here it comes\r\n");
    if (closed) control.finish("client");
    const { seq, ack } = data.position("server");
    const [from, to] = ["198.51.100.21:50000", "192.0.2.10:40001"];
    const numbers = times.map((_, i) =>
      net.segment({ from, to, flags: "A", seq: seq + 1000 * i, ack, payload: "x".repeat(1000), ttl: 57 }),
    );
    net.edit((packets) => {
      // Of the second in which the capture begins.
      const start = (packets[0].time / 1_000_000_000n) * 1_000_000_000n;
      numbers.forEach((number, i) => {
        packets[number - 1].time = start + BigInt(Math.round(times[i] * 1e6));
      });
      return packets;
    });
    return net.build();
  };

  it("a transfer that is under way when the capture ends", () => {
    const bytes = download(
      Array.from({ length: 50 }, (_, i) => 900 + i / 10),
      false,
    );
    const [{ connection }] = analyzeCapture(bytes).sessions[0].dataChannels;
    assert.equal(connection?.bytesFromResponder, 50_000);
    assertSame(() => analyzeCapture(bytes));
  });

  it("a transfer that pauses as long as one is waited for, but for what came last before that", () => {
    const bytes = download([2900, 2910, 2920, 3000, 3020, 123_010, 123_020], true);
    const [{ connection }] = analyzeCapture(bytes).sessions[0].dataChannels;
    assert.equal(connection?.bytesFromResponder, 7000);
    assertSame(() => analyzeCapture(bytes));
  });

  it("several captures open at once, more than there are rooms", () => {
    const packets = rawPackets(made("small", "plain", 2));
    const count = MAX_ROOMS + 3;
    const parts = Array.from({ length: count }, (): RawPacket[] => []);
    // A few packets here, a few there, so that the captures have to be merged packet by packet.
    packets.forEach((packet, i) => {
      parts[Math.floor(i / 3) % count].push(packet);
    });
    assertSame(() => analyzeCaptures(parts));
  });

  it("captures one after the other, whose SYNs are remembered by capture", () => {
    const packets = rawPackets(made("late-greeting-under-flood", "plain", 3));
    const third = Math.ceil(packets.length / 3);
    assertSame(() => analyzeCaptures([0, 1, 2].map((i) => packets.slice(i * third, (i + 1) * third))));
  });

  it("chunks that lie in the room, in part of it, or elsewhere", () => {
    const bytes = made("small", "pcapng", 1);
    const expected = analyzeCapture(bytes);
    for (const lengthOf of [(room: number) => room, () => 65_536, () => 1000]) {
      const analyzer = createAnalyzer();
      const opened = analyzer.beginCapture("capture");
      for (let at = 0; at < bytes.length; ) {
        const { room } = opened;
        assert.ok(room);
        const length = Math.min(lengthOf(room.length), bytes.length - at);
        room.set(bytes.subarray(at, at + length));
        opened.push(room.subarray(0, length));
        at += length;
      }
      opened.end();
      const { counts: _, ...analysis } = analyzer.finish();
      assert.deepEqual(analysis, expected);
    }
  });
});

test("pcapng: packets of interfaces whose times and frames are plain are stepped over, the others are not", () => {
  const data = Uint8Array.from(ethernet(0x0800, ipv4({}, tcp(OF_NOBODY, "GET / HTTP/1.1\r\n"))));
  const seconds = 1_700_000_000n;
  for (const order of BYTE_ORDERS) {
    const writer = new PcapngWriter(order);
    const begin = (...options: Option[]) => [writer.section(), writer.interface({ options })];
    const seenOf = (parts: readonly Uint8Array[], packet: Parameters<PcapngWriter["packet"]>[0]) =>
      handedOut(concat(...parts, ...Array.from({ length: 50 }, () => writer.packet({ data, ...packet })))).seen;
    const tick = (power: number) => ({ code: 9, value: Uint8Array.of(power) });
    assert.equal(seenOf(begin(), {}), 0, "microseconds");
    assert.equal(seenOf(begin(tick(9)), { time: seconds * 1_000_000_000n + 999_999_999n }), 0, "nanoseconds");
    assert.equal(seenOf(begin(tick(3)), { time: seconds * 1000n }), 0, "milliseconds");
    assert.equal(seenOf(begin(tick(0x80 | 20)), { time: seconds << 20n }), 50, "powers of two");
    assert.equal(seenOf(begin(tick(12)), { time: seconds * 10n ** 12n }), 50, "picoseconds");
    assert.equal(seenOf(begin({ code: 13, value: Uint8Array.of(32) }), {}), 50, "a frame check sequence");
    const offset = new PcapngWriter(order).write().uint64(3600n).finish();
    assert.equal(seenOf(begin({ code: 14, value: offset }), {}), 50, "an offset to all times");
    const flags = {
      code: 2,
      value: new PcapngWriter(order)
        .write()
        .uint32(4 << 5)
        .finish(),
    };
    assert.equal(seenOf(begin(), { options: [flags] }), 50, "options, which may tell of a frame check sequence");
    assert.equal(seenOf(begin(), { time: 0xffff_ffff_ffff_ffffn }), 50, "a time beyond 32 bits of seconds");
    assert.equal(seenOf(begin(), { id: 1 }), 0, "no such interface: left to the reader, which hands out nothing");
    const second = [...begin(), writer.interface({ linkType: 113 })];
    assert.equal(seenOf(second, { id: 1 }), 50, "of another link type, by which it is no IP");
    const many = Array.from({ length: MAX_INTERFACES + 1 }, () => writer.interface());
    assert.equal(seenOf([writer.section(), ...many], { id: MAX_INTERFACES - 1 }), 0);
    assert.equal(seenOf([writer.section(), ...many], { id: MAX_INTERFACES }), 50, "more interfaces than are known");
    // Left to the reader, which hands out none of them.
    const beyond = data.length + 40;
    const longer = handedOut(concat(...begin(), writer.packet({ data, captured: beyond, original: beyond })));
    assert.deepEqual(longer, { seen: 0, all: 0 });
    const farOff = handedOut(concat(...begin(), writer.packet({ data, id: 0x0fff_ffff })));
    assert.deepEqual(farOff, { seen: 0, all: 0 });
    const body = writer.packet({ data }).subarray(8, -4);
    const wrongTrailer = writer.block(6, body, { trailer: 4711 });
    assert.deepEqual(handedOut(concat(...begin(), wrongTrailer)), { seen: 0, all: 0 });
    const unpadded = writer.block(6, body, { length: body.length + 12 });
    assert.deepEqual(handedOut(concat(...begin(), unpadded)), { seen: 0, all: 1 });
    // A section forgets the interfaces of the one before.
    const sections = [...begin(), writer.packet({ data }), writer.section(), writer.interface({ linkType: 127 })];
    assert.equal(seenOf(sections, {}), 50);
  }
});

test("a section header of the other byte order that is damaged leaves no packet stepped over that is damage", () => {
  const [little, big] = BYTE_ORDERS.map((order) => new PcapngWriter(order));
  const data = Uint8Array.from(ethernet(0x0800, ipv4({}, tcp(OF_NOBODY, "GET / HTTP/1.1\r\n"))));
  const tooShort = big.write().uint32(0x0a0d0d0a, 8, 0x1a2b3c4d).finish();
  // More bytes than are searched at once for what comes behind damage.
  const packets = Array.from({ length: 100 }, () => little.packet({ data }));
  // Behind the damage a packet of the new byte order, and then what is damage again.
  const bytes = concat(little.section(), little.interface(), ...packets, tooShort, big.packet({ data }), ...packets);
  assert.deepEqual(
    analyzeCapture(bytes),
    withoutWebAssembly(() => analyzeCapture(bytes)),
  );
  assert.deepEqual(handedOut(bytes), { seen: 1, all: 101 });
});

test("readers go on from the packet stepped over last: its number, and its time where a block has none or damage is behind it", () => {
  const data = Uint8Array.from(ethernet(0x0800, ipv4({}, tcp(OF_NOBODY, "GET / HTTP/1.1\r\n"))));
  const framesOf = (bytes: Uint8Array) => {
    const capture = ready(new Prefilter());
    const reader = createCaptureReader("capture", 0, new AnomalyLog(), { prefilter: capture });
    reader.push(bytes);
    const frame = emptyFrame();
    const frames = [];
    while (reader.next(frame)) frames.push([frame.packetNumber, frame.seconds, frame.nanoseconds]);
    return { frames, timeKnown: reader.summary.first !== null };
  };
  const writer = new PcapngWriter();
  const packets = [1, 2].map((i) => writer.packet({ data, time: 1_700_000_000_000_000n + BigInt(i) }));
  const withoutTime = writer.simplePacket({ data });
  assert.deepEqual(framesOf(concat(writer.section(), writer.interface(), ...packets, withoutTime)), {
    frames: [[3, 1_700_000_000, 2000]],
    timeKnown: true,
  });
  // Records that are stepped over lead an hour and a half on, further than one behind damage may be from the last.
  const early = [0, 2000, 4000, 5400].map((later) => pcapRecord({ seconds: SECONDS + later, data }));
  const damage = new Uint8Array(40).fill(0xff);
  const behind = pcapRecord({ seconds: SECONDS + 5500, data: Uint8Array.from(zeros(60)) });
  assert.deepEqual(framesOf(concat(pcapHeader(), ...early, damage, behind)).frames, [[5, SECONDS + 5500, 0]]);
});

test("classic pcap with a frame check sequence, and versions whose lengths may be swapped, are not stepped over", () => {
  const data = Uint8Array.from(ethernet(0x0800, ipv4({}, tcp(OF_NOBODY, "GET / HTTP/1.1\r\n"))));
  const records = concat(...Array.from({ length: 50 }, (_, i) => pcapRecord({ fraction: i, data })));
  const seenOf = (header: Uint8Array) => handedOut(concat(header, records)).seen;
  assert.equal(seenOf(pcapHeader()), 0);
  assert.equal(seenOf(pcapHeader({ network: 0x24000001 })), 50, "four bytes of FCS");
  assert.equal(seenOf(pcapHeader({ minor: 3 })), 50);
  assert.equal(seenOf(pcapHeader({ minor: 2 })), 50);
});

/** How many frames of these captures, one after the other, an analysis decodes, of how many. @param asksForRoom else chunks lie elsewhere */
function decoded(
  captures: readonly Uint8Array[],
  asksForRoom = true,
): { readonly frames: number; readonly packets: number } {
  const decode = mock.method(PacketDecoder.prototype, "decode");
  try {
    const analyzer = createAnalyzer();
    for (const bytes of captures) {
      const opened = analyzer.beginCapture("capture");
      for (let at = 0; at < bytes.length; ) {
        const room = asksForRoom ? opened.room : null;
        const length = Math.min(room?.length ?? bytes.length, bytes.length - at);
        room?.set(bytes.subarray(at, at + length));
        opened.push(room === null ? bytes : room.subarray(0, length));
        at += length;
      }
      opened.end();
    }
    const { captures: read } = analyzer.finish();
    return { frames: decode.mock.callCount(), packets: read.reduce((sum, { packets }) => sum + packets, 0) };
  } finally {
    decode.mock.restore();
  }
}

test("an analysis decodes few packets of bulk transfers", () => {
  for (const asksForRoom of [true, false]) {
    const { frames, packets } = decoded([made("ftp-heavy", "plain", 20)], asksForRoom);
    assert.ok(frames < packets / 8, `${frames} of ${packets}`);
  }
});

test("an analysis decodes few packets of a flood, and of more captures one after the other than there are rooms", () => {
  const small = made("small", "plain", 1);
  const once = decoded([small]);
  assert.ok(once.frames < once.packets / 4, `${once.frames} of ${once.packets}`);
  const often = decoded(Array.from({ length: MAX_ROOMS + 4 }, () => small));
  assert.ok(often.frames < often.packets / 4, `${often.frames} of ${often.packets}`);
});

test("sessions inside VXLAN are found far behind the beginning of a capture", () => {
  const bytes = made("mixed", "plain", 2);
  const vxlan = [0x08, 0, 0, 0, 0, 0, 9, 0];
  const wrapped = rawPackets(bytes).map((packet) => {
    const datagram = udp(5000, 4789, [...vxlan, ...packet.bytes]);
    const outer = Uint8Array.from(ethernet(0x0800, ipv4({ protocol: 17 }, datagram)));
    return { ...packet, bytes: outer, originalLength: outer.length };
  });
  const { sessions } = analyzeCapture(bytes);
  assert.ok(sessions.length > 0);
  assert.deepEqual(analyzeCapture(pcapOf(wrapped)).sessions, sessions);
});

describe("what several captures show of one moment keeps its order", () => {
  const CLIENT = "192.0.2.10:40000";
  const SERVER = "198.51.100.21:4000";
  type Packet = readonly [millisecond: number, said: RawSegment];
  const captured = (...packets: readonly Packet[]): RawPacket[] => {
    const net = new CaptureBuilder();
    for (const [millisecond, said] of packets) {
      net.wait(millisecond - net.elapsedMs);
      net.segment(said);
    }
    return rawPackets(net.build());
  };
  /** One that everybody follows, so that each capture begins at the same time. */
  const first: Packet = [0, { from: "192.0.2.77:5", to: "192.0.2.78:21", flags: "A" }];
  /** Sent again and again, as after a crash; the server answers the last. */
  const syn = (millisecond: number, seq: number): Packet => [
    millisecond,
    { from: CLIENT, to: SERVER, flags: "S", seq },
  ];
  const said: readonly Packet[] = [
    [20, { from: SERVER, to: CLIENT, flags: "A", seq: 1, ack: 301, payload: "220 FTP server ready\r\n" }],
    [21, { from: CLIENT, to: SERVER, flags: "A", seq: 301, ack: 23, payload: "USER anonymous\r\n" }],
    [22, { from: SERVER, to: CLIENT, flags: "A", seq: 23, ack: 317, payload: "331 password\r\n" }],
  ];
  const assertLastSyn = ({ sessions, anomalies }: Analysis) => {
    assert.equal(sessions.length, 1);
    const [{ control }] = sessions;
    // With an earlier SYN a hundred bytes would be missing before the first command.
    assert.deepEqual([control.user, control.limits, anomalies.map(({ code }) => code)], ["anonymous", [], []]);
  };

  it("while they are open at once", () => {
    assertLastSyn(
      analyzeCaptures([
        captured(first, syn(1, 100), syn(3, 300)),
        captured(first, syn(2, 200), [4, first[1]]),
        captured(first, ...said),
      ]),
    );
  });

  it("where one is opened when another has been read in part", () => {
    const analyzer = createAnalyzer();
    const one = analyzer.beginCapture("one");
    const whole = pcapOf(captured(first, syn(1, 100), syn(3, 300), ...said));
    const records = rawPackets(whole).map(({ bytes }) => 16 + bytes.length);
    const cut = 24 + records[0] + records[1];
    one.push(whole.subarray(0, cut));
    const other = analyzer.beginCapture("other");
    other.push(pcapOf(captured(first, syn(2, 200), [4, first[1]])));
    assert.ok(one.hungry);
    one.push(whole.subarray(cut));
    while (other.hungry || one.hungry) (other.hungry ? other : one).end();
    assertLastSyn(analyzer.finish());
  });
});
