import assert from "node:assert/strict";
import { describe, it, test } from "node:test";
import fc from "fast-check";
import { AnomalyLog } from "../../src/anomaly.ts";
import { createCaptureReader } from "../../src/capture/capture-reader.ts";
import { emptyFrame } from "../../src/capture/frame.ts";
import { PacketDecoder } from "../../src/decode/decode-packet.ts";
import { emptyPacketView, PacketKind } from "../../src/decode/packet-view.ts";
import { CONTROL_SIGNATURE } from "../../src/ftp/signature.ts";
import { BUCKET_COUNT, FIRST_LENT, MAX_LENT } from "../../src/prefilter/layout.ts";
import { Prefilter } from "../../src/prefilter/prefilter.ts";
import type { Connection } from "../../src/tcp/connection.ts";
import { addressKey, connectionHash } from "../../src/tcp/connection-ends.ts";
import { ConnectionTable } from "../../src/tcp/connection-table.ts";
import { ANY_POINT, VantagePoints } from "../../src/tcp/vantage-points.ts";
import type { Watcher } from "../../src/tcp/watchlist.ts";
import { withoutWebAssembly } from "../prefilter/without-webassembly.ts";
import { CaptureBuilder, type CaptureOptions, type RawSegment } from "../support/capture-builder.ts";
import { addressBytes } from "../support/wire.ts";

/** Addresses of a client and a server. */
interface Hosts {
  readonly client: string;
  readonly server: string;
}

const IPV4: Hosts = { client: "192.0.2.10", server: "203.0.113.5" };
const IPV6: Hosts = { client: "2001:db8::10", server: "2001:db8:5::1" };
const endpoint = (host: string, port: number) => (host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`);

const keyOf = (host: string) => addressKey(addressBytes(host), 0, host.includes(":") ? 6 : 4);

interface Follow {
  readonly hosts?: Hosts;
  readonly snaplen?: number;
  /** Of the server's stream: up to there nobody wants the payload. */
  readonly unwantedTo?: number;
  /** Called with each packet that is handed out, before the table gets it. */
  readonly onPacket?: Look;
  /** And after it. */
  readonly onHandled?: Look;
  /** False: nothing is stepped over. */
  readonly room?: boolean;
}

type Look = (table: ConnectionTable, connections: readonly Connection[], number: number) => void;

/** Both captures of the tests are one point. */
const points = new VantagePoints(() => true);

/** What is known of data connections to port 50000 and the ports behind it, and which packets were handed out. */
function followed(
  net: CaptureBuilder,
  { hosts = IPV4, snaplen = 0, unwantedTo, onPacket, onHandled, room = true }: Follow = {},
) {
  const anomalies = new AnomalyLog();
  const prefilter = new Prefilter();
  const opened: Connection[] = [];
  const wanted: number[] = [];
  const ignore = () => {};
  const observer = {
    // On an odd port, as its greeting shows.
    controlOpened: (connection: Connection, recognised: boolean) => {
      if (!recognised) return null;
      opened.push(connection);
      return { data: ignore, gap: ignore };
    },
    dataOpened: (connection: Connection) => {
      opened.push(connection);
      if (unwantedTo !== undefined)
        connection.tap = {
          payload: (fromOriginator, offset, _bytes, from, to) => {
            if (!fromOriginator && offset + (to - from) > unwantedTo) wanted.push(offset);
            return true;
          },
          unwantedTo: (fromOriginator) => (fromOriginator ? Number.POSITIVE_INFINITY : unwantedTo),
        };
    },
    controlNotFollowed: ignore,
    dataWasControl: ignore,
    controlChanged: ignore,
    controlSeenElsewhere: ignore,
  };
  const table = new ConnectionTable([21], CONTROL_SIGNATURE, observer, anomalies, { points, tables: prefilter.tables });
  const watcher: Watcher = {
    controlAddress: hosts.server,
    controlPort: 21,
    clientAddress: hosts.client,
    point: ANY_POINT,
    room: Number.POSITIVE_INFINITY,
    awaits: () => true,
    wantsForeign: () => false,
  };
  table.watchlist.watchPair(hosts.client, keyOf(hosts.client), hosts.server, keyOf(hosts.server), watcher);
  table.watchlist.expectPort(50_000, watcher);
  prefilter.setTick(0xffff_ffff, 0xffff_ffff);
  const capture = prefilter.forCapture(3);
  if (room) capture.open();
  capture.setUntil(null);
  const reader = createCaptureReader("capture", 3, anomalies, { prefilter: capture });
  const decoder = new PacketDecoder(anomalies);
  const frame = emptyFrame();
  const view = emptyPacketView();
  reader.push(net.build({ snaplen }));
  const handedOut: number[] = [];
  while (reader.next(frame)) {
    handedOut.push(frame.packetNumber);
    onPacket?.(table, opened, frame.packetNumber);
    const kind = decoder.decode(frame, 3, view);
    if (kind === PacketKind.tcp) table.segment(view);
    else if (kind === PacketKind.icmpError) table.icmpError(view);
    onHandled?.(table, opened, frame.packetNumber);
  }
  table.catchUp();
  const { buckets } = prefilter.tables;
  return { connections: opened.map(known), wanted, handedOut, packets: reader.summary.packets, buckets };
}

/** All that anybody may look at. */
function known(connection: Connection) {
  const { tap: _tap, next: _next, lentAt: _lentAt, vainLoans: _vainLoans, originator, responder, ...rest } = connection;
  return { ...rest, originator: { ...originator }, responder: { ...responder } };
}

/** The same with and without a prefilter that counts. @returns with it */
function assertSame(build: () => CaptureBuilder, follow: Follow = {}): ReturnType<typeof followed> {
  const counted = followed(build(), follow);
  const expected = withoutWebAssembly(() => followed(build(), follow));
  assert.ok(expected.connections.length > 0);
  assert.equal(expected.handedOut.length, expected.packets);
  assert.deepEqual(counted.connections, expected.connections);
  assert.deepEqual(counted.wanted, expected.wanted);
  return counted;
}

type Said = Omit<RawSegment, "from" | "to">;

/** Streams begin at sequence numbers 101 (client) and 1001 (server); the server has sent 20 bytes, the client 10, and all is acknowledged. */
function underWay(options: CaptureOptions = {}, hosts = IPV4) {
  const net = new CaptureBuilder(options);
  const ends = { client: endpoint(hosts.client, 40_001), server: endpoint(hosts.server, 50_000) };
  const client = (said: Said) => net.segment({ ttl: 64, ...said, from: ends.client, to: ends.server });
  const server = (said: Said) => net.segment({ ttl: 57, ...said, from: ends.server, to: ends.client });
  client({ flags: "S", seq: 100 });
  server({ flags: "SA", seq: 1000, ack: 101 });
  client({ flags: "A", seq: 101, ack: 1001, payload: TEN_BYTES });
  server({ flags: "A", seq: 1001, ack: 111, payload: TEN_BYTES });
  server({ flags: "A", seq: 1011, ack: 111, payload: TEN_BYTES });
  client({ flags: "A", seq: 111, ack: 1021 });
  net.wait(10);
  return { net, client, server };
}

const TEN_BYTES = "0123456789";

interface Case {
  readonly what: string;
  readonly say: (ends: ReturnType<typeof underWay>) => void;
}

const ORDINARY: readonly Case[] = [
  {
    what: "the next bytes",
    say: ({ server }) => server({ flags: "PA", seq: 1021, ack: 111, payload: TEN_BYTES }),
  },
  {
    what: "the next bytes of either end",
    say: ({ client, server }) => {
      server({ flags: "A", seq: 1021, ack: 111, payload: TEN_BYTES });
      client({ flags: "A", seq: 111, ack: 1031, payload: TEN_BYTES });
      server({ flags: "A", seq: 1031, ack: 121, payload: "larger than all that was acknowledged" });
      client({ flags: "A", seq: 121, ack: 1068 });
    },
  },
  {
    what: "an acknowledgment of what was sent, of what came late, and of less than before",
    say: ({ client, server }) => {
      server({ flags: "A", seq: 1021, ack: 111, payload: TEN_BYTES });
      client({ flags: "A", seq: 111, ack: 1031, window: 300 });
      client({ flags: "A", seq: 111, ack: 1025, window: 301 });
      client({ flags: "A", seq: 111, ack: 1060, window: 302 });
    },
  },
  {
    what: "an acknowledgment of a part of what is larger than all that was acknowledged",
    say: ({ client, server }) => {
      server({ flags: "A", seq: 1021, ack: 111, payload: "larger than all that was acknowledged" });
      server({ flags: "A", seq: 1058, ack: 111, payload: TEN_BYTES });
      client({ flags: "A", seq: 111, ack: 1041 });
    },
  },
  {
    what: "with the bits of congestion control (RFC 3168), urgent data and a small window",
    say: ({ server }) => server({ flags: "AUEC", seq: 1021, ack: 111, payload: TEN_BYTES, urgent: true, window: 1 }),
  },
  {
    what: "what begins like FTP, or like TLS, on a connection that is followed",
    say: ({ server }) => {
      server({ flags: "A", seq: 1021, ack: 111, payload: "220 FTP server ready\r\n" });
      server({ flags: "A", seq: 1043, ack: 111, payload: "\x16\x03\x01\x02\x00\x01" });
    },
  },
];

const NOT_ORDINARY: readonly Case[] = [
  { what: "a retransmission", say: ({ server }) => server({ flags: "A", seq: 1011, ack: 111, payload: TEN_BYTES }) },
  { what: "behind a hole", say: ({ server }) => server({ flags: "A", seq: 1031, ack: 111, payload: TEN_BYTES }) },
  { what: "a keep-alive", say: ({ server }) => server({ flags: "A", seq: 1020, ack: 111 }) },
  { what: "a FIN", say: ({ server }) => server({ flags: "FA", seq: 1021, ack: 111 }) },
  { what: "a RST", say: ({ server }) => server({ flags: "RA", seq: 1021, ack: 111 }) },
  { what: "a SYN", say: ({ client }) => client({ flags: "S", seq: 7000 }) },
  { what: "a SYN-ACK", say: ({ server }) => server({ flags: "SA", seq: 1021, ack: 111 }) },
  { what: "no ACK", say: ({ server }) => server({ flags: "P", seq: 1021, payload: TEN_BYTES }) },
  { what: "a closed window", say: ({ client }) => client({ flags: "A", seq: 111, ack: 1021, window: 0 }) },
  { what: "a lower TTL", say: ({ server }) => server({ flags: "A", seq: 1021, ack: 111, ttl: 56 }) },
  { what: "a higher TTL", say: ({ server }) => server({ flags: "A", seq: 1021, ack: 111, ttl: 58 }) },
  {
    what: "what was acknowledged before it came",
    say: ({ client, server }) => {
      client({ flags: "A", seq: 111, ack: 1041 });
      server({ flags: "A", seq: 1021, ack: 111, payload: TEN_BYTES });
    },
  },
  {
    what: "a copy",
    say: ({ net, server }) => net.duplicate(server({ flags: "A", seq: 1021, ack: 111, payload: TEN_BYTES })),
  },
];

describe("ordinary segments of a data connection are counted by the prefilter, as the table counts them", () => {
  for (const { what, say } of ORDINARY)
    for (const [layout, options, hosts] of [
      ["IPv4", {}, IPV4],
      ["IPv6", {}, IPV6],
      ["VLAN", { vlan: 7 }, IPV4],
      ["pcapng", { format: "pcapng" }, IPV4],
    ] as const)
      it(`${what}, ${layout}`, () => {
        const build = () => {
          const ends = underWay(options, hosts);
          say(ends);
          return ends.net;
        };
        const { handedOut } = assertSame(build, { hosts });
        assert.deepEqual(handedOut, [1, 2, 3, 4]);
      });
});

describe("what is not ordinary is handed out", () => {
  for (const { what, say } of NOT_ORDINARY)
    it(what, () => {
      const build = () => {
        const ends = underWay();
        say(ends);
        return ends.net;
      };
      const { handedOut, packets } = assertSame(build);
      assert.equal(handedOut.at(-1), packets);
    });

  it("payload of which the snaplen left a part", () => {
    const build = () => {
      const { net, server } = underWay();
      server({ flags: "A", seq: 1021, ack: 111, payload: "x".repeat(100) });
      return net;
    };
    const { handedOut, connections } = assertSame(build, { snaplen: 14 + 40 + 50 });
    assert.equal(handedOut.at(-1), 7);
    assert.equal(connections[0].cutPayloads, 1);
  });

  it("payload that somebody wants to see, to its last byte", () => {
    const build = () => {
      const { net, server } = underWay();
      for (let i = 0; i < 6; i++) server({ flags: "A", seq: 1021 + 10 * i, ack: 111, payload: TEN_BYTES });
      return net;
    };
    // The stream offsets of the six are 20, 30, …
    assert.deepEqual(assertSame(build, { unwantedTo: 50 }).handedOut, [1, 2, 3, 4, 10, 11, 12]);
    assert.deepEqual(assertSame(build, { unwantedTo: 49 }).handedOut, [1, 2, 3, 4, 9, 10, 11, 12]);
  });

  it("the first payload of an end", () => {
    const build = () => {
      const net = new CaptureBuilder();
      const data = net.connect({ client: "192.0.2.10:40001", server: "203.0.113.5:50000" });
      data.ack("client", { window: 400 });
      data.server(TEN_BYTES);
      data.server(TEN_BYTES);
      data.ack("client", { window: 401 });
      data.client(TEN_BYTES);
      data.client(TEN_BYTES);
      return net;
    };
    // Before there is any payload (packet 5) nothing is lent; packet 8 is the other end's first.
    assert.deepEqual(assertSame(build).handedOut, [1, 2, 3, 4, 5, 8]);
  });

  it("what comes while something is repeated in vain, a window is closed or the other end has closed", () => {
    for (const [before, then] of [
      [{ flags: "A", seq: 1015, ack: 111, payload: "56789" }, { ack: 1021 }],
      [{ flags: "A", seq: 1021, ack: 111, window: 0 }, { ack: 1021 }],
      [{ flags: "FA", seq: 1021, ack: 111 }, { ack: 1022 }],
    ] as const) {
      const build = () => {
        const { net, client, server } = underWay();
        if (before.flags === "A" && "payload" in before) {
          // Not acknowledged yet when it comes again.
          server({ flags: "A", seq: 1021, ack: 111, payload: TEN_BYTES });
          server({ ...before, seq: 1025, payload: "56789" });
        } else server(before);
        client({ flags: "A", seq: 111, ack: then.ack, payload: TEN_BYTES });
        client({ flags: "A", seq: 121, ack: then.ack, payload: TEN_BYTES });
        return net;
      };
      const { handedOut, packets } = assertSame(build);
      assert.deepEqual(handedOut.slice(-2), [packets - 1, packets]);
    }
  });
});

test("a connection that is followed no more leaves its place to another, which is counted as itself", () => {
  const build = () => {
    const net = new CaptureBuilder();
    const dial = (port: number) => net.connect({ client: `192.0.2.10:${port}`, server: "203.0.113.5:50000" });
    const [first, second] = [dial(41_000), dial(41_001)];
    for (const data of [first, second]) data.serverData(30_000);
    first.ack("client", { window: 0 });
    const third = dial(41_002);
    for (const data of [third, second, first]) data.serverData(40_000 + (data === third ? 7 : 0));
    return net;
  };
  const removed: Look = (table, connections) => {
    const [first] = connections;
    if (first?.originator.zeroWindowTime > 0) table.remove(first);
  };
  const { handedOut, packets, connections, buckets } = assertSame(build, { onHandled: removed });
  assert.deepEqual(
    connections.map(({ responder }) => responder.bytes),
    [30_000, 70_000, 40_007],
  );
  assert.ok(handedOut.length < packets / 3, `${handedOut.length} of ${packets}`);
  // The first and the second place, no third.
  assert.equal(Math.max(...buckets), 1 + FIRST_LENT);
});

/** The bucket of a connection between the hosts of {@link IPV4}. */
function bucketOf(clientPort: number, port: number): number {
  return connectionHash(keyOf(IPV4.client), clientPort, keyOf(IPV4.server), port) & (BUCKET_COUNT - 1);
}

/** Another connection between them, from port and to port, in the bucket of that from port 40001 to port 50000. */
function neighbour(): readonly [number, number] {
  let [from, to] = [1025, 1025];
  while (bucketOf(from, to) !== bucketOf(40_001, 50_000)) if (++from === 30_000) [from, to] = [1025, to + 1];
  return [from, to];
}

test("how long a connection has said nothing, so that a SYN begins another, is told from what was counted, too", () => {
  const build = () => {
    const net = new CaptureBuilder();
    const client = (said: Said) => net.segment({ ttl: 64, ...said, from: "192.0.2.10:40001", to: "203.0.113.5:50000" });
    const server = (said: Said) => net.segment({ ttl: 57, ...said, from: "203.0.113.5:50000", to: "192.0.2.10:40001" });
    client({ flags: "S", seq: 100 });
    client({ flags: "A", seq: 101, ack: 1001, payload: TEN_BYTES });
    server({ flags: "A", seq: 1001, ack: 111, payload: TEN_BYTES });
    net.wait(50_000);
    server({ flags: "A", seq: 1011, ack: 111, payload: TEN_BYTES });
    net.wait(50_000);
    server({ flags: "S", seq: 5000 });
    return net;
  };
  const { handedOut, connections } = assertSame(build);
  assert.deepEqual(handedOut, [1, 2, 3, 5]);
  assert.equal(connections.length, 1);
});

test("of two connections that share a bucket one is lent, and what was counted of either is known", () => {
  const { client, server } = IPV4;
  const [from, to] = neighbour();
  const build = () => {
    const net = new CaptureBuilder();
    const first = net.connect({ client: endpoint(client, 40_001), server: endpoint(server, 50_000) });
    for (let i = 0; i < 3; i++) first.server(TEN_BYTES);
    const second = net.connect({ client: endpoint(client, from), server: endpoint(server, to) });
    for (let round = 0; round < 3; round++)
      for (const data of [second, first]) for (let i = 0; i < 4; i++) data.server(TEN_BYTES);
    for (let i = 0; i < 4; i++) second.server(TEN_BYTES);
    return net;
  };
  const { handedOut, connections } = assertSame(build);
  assert.deepEqual(
    connections.map(({ responder }) => responder.bytes),
    [150, 160],
  );
  // Two handshakes and first payloads, and the first of four whenever the other was lent.
  assert.equal(handedOut.length, 2 * 4 + 6);
});

test("a connection that is followed no more leaves nothing in a bucket that it shares", () => {
  const { client, server } = IPV4;
  const [from, to] = neighbour();
  const build = () => {
    const net = new CaptureBuilder();
    net.connect({ client: endpoint(client, from), server: endpoint(server, to) });
    // Its port stays one of interest.
    net.connect({ client: endpoint(client, 40_007), server: endpoint(server, 50_000) });
    const data = net.connect({ client: endpoint(client, 40_001), server: endpoint(server, 50_000) });
    for (let i = 0; i < 6; i++) data.server(TEN_BYTES);
    net.segment({ from: "198.51.100.1:1", to: "198.51.100.2:21", flags: "A", payload: "x" });
    for (let i = 0; i < 6; i++) data.server(TEN_BYTES);
    return net;
  };
  const removed: Look = (table, [, , data], number) => {
    if (number === 16) table.remove(data);
  };
  const { handedOut, packets, connections } = assertSame(build, { onPacket: removed });
  assert.equal(connections[2].responder.bytes, 60);
  assert.deepEqual(handedOut.slice(-6), [17, 18, 19, 20, 21, 22]);
  assert.equal(packets, 22);
});

test("a connection of which nothing is ever counted is lent seldom, one that is counted now and then always", () => {
  /** How often it came back at most with nothing counted. */
  const vainLoans = (room: boolean) => {
    const { net, server } = underWay();
    for (let i = 0; i < 200; i++) {
      // Each fifth is a keep-alive.
      const next = 1021 + 10 * (i - Math.floor(i / 5));
      if (i % 5 === 4) server({ flags: "A", seq: next - 1, ack: 111 });
      else server({ flags: "A", seq: next, ack: 111, payload: TEN_BYTES });
    }
    let most = 0;
    const { handedOut } = followed(net, {
      room,
      onHandled: (_table, [connection]) => {
        most = Math.max(most, connection?.vainLoans ?? 0);
      },
    });
    return { most, handedOut: handedOut.length };
  };
  const without = vainLoans(false);
  assert.equal(without.handedOut, 206);
  assert.ok(without.most >= 8 && without.most <= 8 + 200 / 32, `lent ${without.most} times in vain`);
  const counted = vainLoans(true);
  assert.ok(counted.most <= 1 && counted.handedOut < 100, `lent ${counted.most} times in vain`);
});

test("a control connection whose words are read as they come is not lent, not even when they are read no more", () => {
  const net = new CaptureBuilder();
  const control = net.connect({ client: "192.0.2.99:40001", server: "198.51.100.7:2100" });
  control.server("220 FTP server ready\r\n");
  control.client("USER alice\r\n");
  for (let i = 0; i < 4; i++) control.ack("client", { window: 500 + i });
  const { handedOut, packets } = followed(net, {
    onHandled: (_table, [connection], number) => {
      if (number === 5) connection.reassembler = null;
    },
  });
  assert.deepEqual(handedOut.slice(-6), [4, 5, 6, 7, 8, 9]);
  assert.equal(packets, 9);
});

test("what may yet turn out to be a control connection is not lent", () => {
  const build = () => {
    const net = new CaptureBuilder();
    const data = net.connect({ client: "192.0.2.10:40001", server: "203.0.113.5:50000" });
    data.server("abc");
    data.ack("client", { window: 400 });
    data.server("220 FTP server ready\r\n");
    return net;
  };
  const guess: Look = (_table, [connection], number) => {
    if (number === 3) connection.guessed = true;
  };
  const { handedOut } = followed(build(), { onPacket: guess });
  assert.deepEqual(handedOut, [1, 2, 3, 4, 5, 6]);
});

test("more connections at once than have a place", () => {
  const most = MAX_LENT + 50;
  const build = () => {
    const net = new CaptureBuilder();
    const all = Array.from({ length: most }, (_, i) =>
      net.connect({ client: `192.0.2.10:${30_000 + i}`, server: "203.0.113.5:50000" }),
    );
    for (let round = 0; round < 4; round++) for (const data of all) data.server(TEN_BYTES);
    return net;
  };
  const { handedOut, buckets: uses } = assertSame(build);
  assert.equal(Math.max(...uses), MAX_LENT - 1 + FIRST_LENT);
  // Handshake, first payload; then those without a place, and some of those whose bucket another one may be lent from.
  const least = 4 * most + 3 * 50;
  const buckets = Array.from({ length: most }, (_, i) => bucketOf(30_000 + i, 50_000)).sort((a, b) => a - b);
  const sharing = buckets.filter((bucket, i) => bucket === buckets[i - 1] || bucket === buckets[i + 1]).length;
  assert.ok(
    handedOut.length >= least && handedOut.length <= least + 3 * sharing,
    `${handedOut.length} of at least ${least}`,
  );
});

describe("segments with bucket and ports of a lent connection, and not its addresses, are not counted", () => {
  const bucketOf = ({ client, server }: Hosts) =>
    connectionHash(keyOf(client), 40_001, keyOf(server), 50_000) & (BUCKET_COUNT - 1);
  const lent: Hosts = { client: "2001:db8::1", server: "2001:db8::2" };
  const ipv4 = (i: number) => `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`;
  const ipv6 = (i: number) => `${(i >>> 16).toString(16)}:${(i & 0xffff).toString(16)}`;
  for (const [what, pairOf] of [
    ["another server", (i) => [IPV4, { ...IPV4, server: ipv4(i) }]],
    ["another client", (i) => [IPV4, { ...IPV4, client: ipv4(i) }]],
    ["a server in another IPv6 network", (i) => [lent, { ...lent, server: `2001:db8:${ipv6(i)}::2` }]],
    ["another server in its IPv6 network", (i) => [lent, { ...lent, server: `2001:db8::${ipv6(i)}` }]],
    ["a client in another IPv6 network", (i) => [lent, { ...lent, client: `2001:db8:${ipv6(i)}::1` }]],
    ["another client in its IPv6 network", (i) => [lent, { ...lent, client: `2001:db8::${ipv6(i)}` }]],
    // Whose first bytes are those of the IPv4 addresses as a word in memory.
    ["IPv4 in place of IPv6", (i) => [{ client: `a02:c0::${ipv6(i)}`, server: "571:cb::1" }, IPV4]],
  ] as readonly [string, (i: number) => [Hosts, Hosts]][])
    it(what, () => {
      let [hosts, others] = pairOf(3);
      for (let i = 4; bucketOf(hosts) !== bucketOf(others); i++) [hosts, others] = pairOf(i);
      const ends = { client: endpoint(others.client, 40_001), server: endpoint(others.server, 50_000) };
      const build = () => {
        const { net } = underWay({}, hosts);
        net.segment({
          from: ends.server,
          to: ends.client,
          flags: "A",
          seq: 1021,
          ack: 111,
          payload: "x",
          ttl: 57,
        });
        net.segment({ from: ends.client, to: ends.server, flags: "A", seq: 111, ack: 1021, payload: "x" });
        return net;
      };
      assert.deepEqual(assertSame(build, { hosts }).handedOut, [1, 2, 3, 4, 7, 8]);
    });
});

test("a connection that is followed no more is none of the prefilter's either", () => {
  const build = () => {
    const { net, server } = underWay();
    net.segment({ from: "192.0.2.10:40002", to: "203.0.113.5:50000", flags: "S", seq: 1 });
    server({ flags: "A", seq: 1021, ack: 111, payload: "x".repeat(50) });
    return net;
  };
  const { handedOut, connections } = followed(build(), {
    onPacket: (table, [connection], number) => {
      if (number === 7) table.remove(connection);
    },
  });
  // Its port is another connection's as well, its bucket nobody's.
  assert.deepEqual(handedOut, [1, 2, 3, 4, 7]);
  assert.equal(connections[0].responder.bytes, 20);
});

test("what was counted is known to whoever asks between two packets", () => {
  const asked: number[] = [];
  const build = () => {
    const { net, server } = underWay();
    for (let i = 0; i < 5; i++) server({ flags: "A", seq: 1021 + 10 * i, ack: 111, payload: TEN_BYTES });
    net.segment({ from: "198.51.100.1:1", to: "198.51.100.2:21", flags: "A", payload: "x" });
    return net;
  };
  followed(build(), {
    onPacket: (table, [connection], number) => {
      if (number !== 12) return;
      asked.push(connection.responder.bytes);
      table.catchUp();
      asked.push(connection.responder.bytes, connection.packets, connection.lastPacket % 2 ** 32);
    },
  });
  assert.deepEqual(asked, [10, 70, 11, 11]);
});

test("an ICMP error finds the connections up to date", () => {
  const asked: number[] = [];
  const { net, server } = underWay();
  for (let i = 0; i < 5; i++) server({ flags: "A", seq: 1021 + 10 * i, ack: 111, payload: TEN_BYTES });
  net.icmpError({ from: "198.51.100.1", type: 3, code: 1 });
  followed(net, {
    onHandled: (_table, [connection], number) => {
      if (number === 12) asked.push(connection.responder.bytes);
    },
  });
  assert.deepEqual(asked, [70]);
});

test("a connection that is bound to a point is lent no more", () => {
  const { net, server } = underWay();
  for (let i = 0; i < 3; i++) server({ flags: "A", seq: 1021 + 10 * i, ack: 111, payload: TEN_BYTES });
  net.segment({ from: "198.51.100.1:1", to: "198.51.100.2:21", flags: "A", payload: "x" });
  for (let i = 3; i < 6; i++) server({ flags: "A", seq: 1021 + 10 * i, ack: 111, payload: TEN_BYTES });
  const { handedOut, connections } = followed(net, {
    onPacket: (table, [connection], number) => {
      if (number === 10) table.setPoint(connection, points.of(3));
    },
  });
  assert.deepEqual(handedOut, [1, 2, 3, 4, 10, 11, 12, 13]);
  assert.equal(connections[0].responder.bytes, 80);
});

/** What an end may do next. */
const STEPS = [
  "more",
  "more",
  "more",
  "more",
  "acknowledge",
  "acknowledge",
  "repeat",
  "skip",
  "close the window",
  "copy",
  "other TTL",
  "byte",
  "late acknowledgment",
  "finish",
] as const;

test("whatever two ends do, all that is known of them is the same", () => {
  let counted = 0;
  let all = 0;
  const step = fc.record({
    side: fc.constantFrom("client", "server"),
    what: fc.constantFrom(...STEPS),
    length: fc.constantFrom(1, 10, 536, 1460),
    wait: fc.constantFrom(0.1, 1, 120, 2500),
  });
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 10, maxLength: 80 }),
      fc.constantFrom(IPV4, IPV6),
      fc.constantFrom(0, 0xffff_f800),
      fc.constantFrom(undefined, 4000),
      (steps, hosts, isn, unwantedTo) => {
        const build = () => {
          const net = new CaptureBuilder();
          const from = { client: endpoint(hosts.client, 40_001), server: endpoint(hosts.server, 50_000) };
          const next = { client: (isn + 1) >>> 0, server: (isn + 1001) >>> 0 };
          const other = { client: "server", server: "client" } as const;
          const say = (side: "client" | "server", said: Said) =>
            net.segment({ ttl: 60, ack: next[other[side]], ...said, from: from[side], to: from[other[side]] });
          say("client", { flags: "S", seq: isn, ack: 0 });
          say("server", { flags: "SA", seq: (isn + 1000) >>> 0 });
          for (const { side, what, length, wait } of steps) {
            net.wait(wait);
            const seq = next[side];
            const payload = "x".repeat(length);
            const back = (by: number) => (seq - by) >>> 0;
            switch (what) {
              case "acknowledge":
                say(side, { flags: "A", seq });
                continue;
              case "repeat":
                say(side, { flags: "A", seq: back(length), payload });
                continue;
              case "close the window":
                say(side, { flags: "A", seq, window: 0 });
                continue;
              case "copy":
                net.duplicate(net.last);
                continue;
              case "late acknowledgment":
                say(side, { flags: "A", seq, ack: (next[other[side]] - 700) >>> 0, window: length });
                continue;
              case "finish":
                // Seldom, so that what comes before is long.
                if (length === 1 && wait > 1000) say(side, { flags: "FA", seq });
                continue;
              case "skip":
                next[side] = (seq + length) >>> 0;
                continue;
              default:
                say(side, {
                  flags: "A",
                  seq,
                  payload: what === "byte" ? "x" : payload,
                  ttl: what === "other TTL" ? 61 : 60,
                });
                next[side] = (seq + (what === "byte" ? 1 : length)) >>> 0;
            }
          }
          return net;
        };
        const { handedOut, packets } = assertSame(build, {
          hosts,
          ...(unwantedTo === undefined ? {} : { unwantedTo }),
        });
        counted += packets - handedOut.length;
        all += packets;
      },
    ),
    { numRuns: 150, seed: 20_260 },
  );
  assert.ok(counted > all / 10, `${counted} of ${all} packets were counted by the prefilter`);
});
