import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { CaptureBuilder, type CaptureOptions } from "./capture-builder.ts";
import { LINK_TYPES, type LinkTypeName } from "./wire.ts";

const tshark = spawnSync("tshark", ["--version"]).status === 0;
const withTshark = { skip: tshark ? false : "tshark is not installed" };

/** Rows of the fields that tshark reads from a capture. */
function read(capture: Uint8Array, fields: readonly string[], ...more: readonly string[]): string[][] {
  const folder = mkdtempSync(join(tmpdir(), "capture-builder-"));
  try {
    const file = join(folder, "capture");
    writeFileSync(file, capture);
    const checks = ["tcp.check_checksum", "ip.check_checksum", "udp.check_checksum"];
    const run = spawnSync(
      "tshark",
      [
        ...["-r", file, "-n", "-T", "fields", "-E", "separator=|"],
        ...checks.flatMap((check) => ["-o", `${check}:TRUE`]),
        ...["-o", "tcp.relative_sequence_numbers:FALSE"],
        ...fields.flatMap((field) => ["-e", field]),
        ...more,
      ],
      { encoding: "utf8" },
    );
    assert.equal(run.status, 0, run.stderr);
    return run.stdout
      .split("\n")
      .slice(0, -1)
      .map((line) => line.split("|"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const CLIENT = "192.0.2.10";
const SERVER = "203.0.113.5";

/** A healthy passive session. */
function session(options: CaptureOptions = {}, [client, server] = [CLIENT, SERVER]): CaptureBuilder {
  const net = new CaptureBuilder(options);
  const control = net.connect({ client: `${client}:40000`, server: `${server}:21` });
  control.server("220 (vsFTPd 3.0.3)\r\n");
  control.client("USER anonymous\r\n");
  control.server("331 Please specify the password.\r\n");
  control.client("EPSV\r\n");
  control.server("229 Entering Extended Passive Mode (|||50000|)\r\n");
  const data = net.connect({ client: `${client}:40001`, server: `${server}:50000` });
  control.client("RETR file\r\n");
  control.server("150 Opening.\r\n");
  data.serverData(5000);
  data.finish("server");
  control.server("226 Done.\r\n");
  control.finish("client");
  return net;
}

/** What tshark complains about: malformed layers, wrong checksums, TCP analysis flags. */
function complaints(capture: Uint8Array): string[][] {
  const fields = ["frame.number", "_ws.malformed", "_ws.expert.message"];
  const bad = "_ws.malformed || tcp.checksum.status == 0 || ip.checksum.status == 0 || tcp.analysis.flags";
  return read(capture, fields, "-Y", bad);
}

describe("CaptureBuilder", () => {
  it("says which packet it emitted", () => {
    const net = new CaptureBuilder();
    const control = net.connect({ client: `${CLIENT}:40000`, server: `${SERVER}:21` });
    assert.deepEqual(control.handshake, { syn: 1, synAck: 2, ack: 3 });
    assert.equal(control.server("220 hello\r\n"), 4);
    assert.equal(
      net.uncaptured(() => control.client("NOOP\r\n")),
      0,
    );
    assert.equal(control.server("200 ok\r\n"), 5);
    assert.deepEqual(
      net.synUnanswered({ client: `${CLIENT}:40001`, server: `${SERVER}:50000`, retries: 2 }),
      [6, 7, 8],
    );
    assert.equal(net.packets().length, 8);
  });

  it("keeps the times in order when a packet is moved", () => {
    const net = session();
    const times = net.packets().map(({ time }) => time);
    const moved = net.packets()[5]!.datagram;
    net.move(6, 3);
    assert.deepEqual(
      net.packets().map(({ time }) => time),
      times,
    );
    assert.equal(net.packets()[8]!.datagram, moved);
  });

  it("builds what tshark reads without complaint", withTshark, () => {
    assert.deepEqual(complaints(session().build()), []);
    assert.deepEqual(complaints(session({}, ["[2001:db8::10]", "[2001:db8:1::5]"]).build()), []);
    assert.deepEqual(complaints(session({ vlan: [100, 7], pad: true }).build()), []);
  });

  it("writes every format, byte order, resolution and link type", withTshark, () => {
    const expected = read(session().build(), ["ip.src", "tcp.seq", "tcp.len"]);
    for (const format of ["pcap", "pcapng"] as const)
      for (const byteOrder of ["little", "big"] as const)
        for (const nanoseconds of [false, true]) {
          const rows = read(session().build({ format, byteOrder, nanoseconds }), ["ip.src", "tcp.seq", "tcp.len"]);
          assert.deepEqual(rows, expected, `${format} ${byteOrder}`);
        }
    for (const linkType of Object.keys(LINK_TYPES) as LinkTypeName[]) {
      if (linkType === "IPV6") continue;
      assert.deepEqual(read(session().build({ linkType }), ["ip.src", "tcp.seq", "tcp.len"]), expected, linkType);
    }
  });

  it("tells the time to the nanosecond", withTshark, () => {
    const net = new CaptureBuilder({ nanoseconds: true, start: "2026-03-01T00:00:00.5Z" });
    net.udp({ from: `${CLIENT}:53`, to: `${SERVER}:53`, payload: "" });
    for (const format of ["pcap", "pcapng"] as const)
      assert.deepEqual(read(net.build({ format }), ["frame.time_epoch"]), [["1772323200.500050000"]]);
  });

  it("shows sequence numbers, lengths and flags across a wrap", withTshark, () => {
    const net = new CaptureBuilder();
    const control = net.connect({
      client: `${CLIENT}:40000`,
      server: `${SERVER}:21`,
      serverIsn: 0xfffffff0,
      clientIsn: 9,
    });
    control.server("220 a line longer than sixteen bytes\r\n");
    control.client("NOOP\r\n");
    assert.deepEqual(read(net.build(), ["tcp.seq", "tcp.ack", "tcp.len", "tcp.flags"]), [
      ["9", "0", "0", "0x0002"],
      ["4294967280", "10", "0", "0x0012"],
      ["10", "4294967281", "0", "0x0010"],
      ["4294967281", "10", "38", "0x0018"],
      ["10", "23", "6", "0x0018"],
    ]);
    assert.deepEqual(complaints(net.build()), []);
  });

  it("negotiates MSS, window scale, SACK and timestamps in the SYN", withTshark, () => {
    const net = new CaptureBuilder();
    net.connect({ client: `${CLIENT}:40000`, server: `${SERVER}:21`, mss: 1360 });
    const fields = [
      "tcp.options.mss_val",
      "tcp.options.wscale.shift",
      "tcp.options.sack_perm",
      "tcp.options.timestamp.tsecr",
    ];
    const [syn, synAck] = read(net.build(), fields);
    assert.deepEqual(syn?.slice(0, 2), ["1360", "7"]);
    assert.equal(synAck?.[3], String(0x11000000));
  });

  it("sends a SYN again as Linux does", withTshark, () => {
    const net = new CaptureBuilder();
    net.synUnanswered({ client: `${CLIENT}:40001`, server: `${SERVER}:50000`, retries: 7 });
    const times = read(net.build(), ["frame.time_relative"]).map(([time]) => Math.round(Number(time)));
    assert.deepEqual(times, [0, 1, 2, 3, 4, 5, 7, 11]);
    assert.equal(read(net.build(), ["frame.number"], "-Y", "tcp.analysis.retransmission").length, 7);
  });

  it("refuses, quotes and resets", withTshark, () => {
    const net = new CaptureBuilder();
    const refused = net.synRefused({ client: `${CLIENT}:40001`, server: `${SERVER}:50000`, ttl: 63 });
    assert.deepEqual(refused, { syn: 1, reset: 2 });
    const error = net.icmpError({ from: "198.51.100.1", type: 3, code: 13, quoting: refused.syn });
    const [row] = read(net.build(), ["icmp.code", "tcp.dstport", "ip.ttl"], "-Y", `frame.number == ${error}`);
    assert.deepEqual(row, ["13", "50000", "60,64"]);
    const six = new CaptureBuilder();
    six.synUnanswered({ client: "[2001:db8::10]:40001", server: "[2001:db8:1::5]:50000", retries: 0 });
    six.icmpError({ from: "2001:db8:1::1", type: 1, code: 1 });
    assert.deepEqual(read(six.build(), ["icmpv6.code", "icmpv6.checksum.status"], "-Y", "icmpv6"), [["1", "1"]]);
    const active = net.connect({ client: `${CLIENT}:40002`, server: `${SERVER}:20`, originator: "server" });
    active.serverData(100);
    active.reset("client");
    assert.deepEqual(complaints(net.build()), []);
  });

  it("retransmits, loses, duplicates and reorders", withTshark, () => {
    const net = new CaptureBuilder();
    const data = net.connect({ client: `${CLIENT}:40001`, server: `${SERVER}:50000` });
    const [first] = data.serverData(1000, { acked: false });
    data.retransmit("server", { times: 2 });
    data.retransmit(first!);
    assert.equal(read(net.build(), ["frame.number"], "-Y", "tcp.analysis.retransmission").length, 3);
    data.ack("client");
    net.drop();
    data.serverData(5000, { acked: false });
    net.move(net.last - 2, 1);
    data.ack("client");
    assert.equal(read(net.build(), ["frame.number"], "-Y", "tcp.analysis.out_of_order").length, 1);
    net.uncaptured(() => data.serverData(500));
    const after = data.serverData(10);
    const lost = read(net.build(), ["frame.number"], "-Y", "tcp.analysis.lost_segment").flat().map(Number);
    assert.ok(lost.includes(after[0]!));
  });

  it("fragments", withTshark, () => {
    for (const [client, server] of [
      [CLIENT, SERVER],
      ["[2001:db8::10]", "[2001:db8:1::5]"],
    ] as const) {
      const net = new CaptureBuilder();
      const data = net.connect({ client: `${client}:40001`, server: `${server}:50000` });
      const [number] = data.serverData(1000, { acked: false });
      assert.deepEqual(net.fragment(number!, 400), [4, 5, 6]);
      const filter = ["-Y", "tcp.len == 1000 && tcp.checksum.status == 1"];
      assert.deepEqual(read(net.build(), ["frame.number"], ...filter), [["6"]]);
    }
  });

  it("speaks TLS that tshark takes apart", withTshark, () => {
    for (const version of ["1.2", "1.3"] as const)
      for (const resumption of [
        "none",
        ...(version === "1.2" ? (["session-id", "ticket"] as const) : (["psk"] as const)),
      ] as const) {
        const net = new CaptureBuilder();
        const control = net.connect({ client: `${CLIENT}:40000`, server: `${SERVER}:990` });
        control.tls({ version, resumption, serverName: "ftp.example.net" });
        const pasv = control.sealed("client", "PASV\r\n", version);
        control.closeNotify("server", version);
        control.finish("server");
        const capture = net.build();
        assert.deepEqual(complaints(capture), [], `${version} ${resumption}`);
        const types = read(capture, ["tls.handshake.type"], "-Y", "tls.handshake.type").flat().join();
        assert.match(types, /^1,2/);
        assert.equal(/11/.test(types), version === "1.2" && resumption === "none");
        const [sealed] = read(capture, ["tls.record.length"], "-Y", `frame.number == ${pasv}`);
        assert.deepEqual(sealed, [version === "1.3" ? "23" : "30"]);
      }
  });

  it("cuts frames at the snaplen", withTshark, () => {
    const rows = read(session({ snaplen: 96 }).build(), ["frame.cap_len", "frame.len"]);
    assert.ok(rows.some(([kept, length]) => kept === "96" && Number(length) > 1000));
  });

  it("shows checksum offload", withTshark, () => {
    const net = new CaptureBuilder();
    const control = net.connect({ client: `${CLIENT}:40000`, server: `${SERVER}:21`, offload: "client" });
    control.client("NOOP\r\n");
    const rows = read(net.build(), ["tcp.checksum.status"]).flat();
    assert.deepEqual(rows, ["0", "1", "0", "0"]);
  });
});
