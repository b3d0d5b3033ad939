import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { crossCheck } from "../../src/cli/cross-check.ts";
import { loadPcapParser, type ParsedPacket, type PcapParser } from "../../src/cli/pcap-parser.ts";
import { countOf } from "../../src/report/phrases.ts";
import { runCli, temporaryFolder } from "./run-cli.ts";

const FAILING = "fixtures/pasv-cleartext-private-address-client.pcap";
const failing = readFileSync(FAILING);
const PACKETS = 29;

describe("cross-check", () => {
  test("pcap-parser reads every classic fixture as we do", async () => {
    const classic = readdirSync("fixtures").filter(
      (name) => name.endsWith(".pcap") && readFileSync(join("fixtures", name)).readUInt32LE(0) === 0xa1b2c3d4,
    );
    assert.ok(classic.length > 0);
    for (const name of classic) {
      const { agrees, says } = await crossCheck(join("fixtures", name));
      assert.ok(agrees && /^pcap-parser reads the same [1-9]\d* packets$/.test(says), `${name}: ${says}`);
    }
  });

  const variants: [what: string, bytes: Buffer, says: RegExp][] = [
    ["the other byte order", swapped(failing), /the same 29 packets/],
    ["gzip", gzipSync(failing), /the same 29 packets/],
    ["a cut in a record", failing.subarray(0, 1500), /the same 15 packets/],
    ["a length beyond all bounds", withLength(failing, 5, 0x7fffffff), /the same 5 packets/],
    ["a length that only we refuse", withLength(failing, 5, 300_000), /the same 5 packets/],
    ["a file header alone", failing.subarray(0, 24), /the same 0 packets/],
    ["nanoseconds", withMagic(failing, 0xa1b23c4d), /not cross-checked/],
    ["pcapng", readFileSync("fixtures/pasv-cleartext-private-address-server.pcapng"), /not cross-checked/],
  ];
  for (const [what, bytes, says] of variants)
    test(what, async (context) => {
      const path = join(temporaryFolder(context), "capture");
      writeFileSync(path, bytes);
      const result = await crossCheck(path);
      assert.ok(result.agrees);
      assert.match(result.says, says);
    });

  test("a capture larger than a chunk", async (context) => {
    const path = join(temporaryFolder(context), "large.pcap");
    const copies = 200;
    writeFileSync(path, Buffer.concat([failing, ...Array<Buffer>(copies - 1).fill(failing.subarray(24))]));
    assert.match((await crossCheck(path)).says, new RegExp(`the same ${countOf(copies * PACKETS, "packet")}`));
  });

  const errors: [what: string, err: (packet: ParsedPacket, number: number) => ParsedPacket[], says: RegExp][] = [
    ["a packet left out", (packet, n) => (n === 7 ? [] : [packet]), /packet 7 /],
    ["the last left out", (packet, n) => (n === PACKETS ? [] : [packet]), /packet 29 is found by ftptrace only/],
    ["one too many", (packet, n) => (n === PACKETS ? [packet, packet] : [packet]), /packet 30 is found by pcap-parser/],
    [
      "another byte",
      (packet, n) => [n === 7 ? { ...packet, data: withByte(packet.data) } : packet],
      /packet 7 has other/,
    ],
    ["another time", (packet, n) => [n === 7 ? later(packet) : packet], /packet 7 is of \d+ µs here, of \d+ µs there/],
  ];
  for (const [what, err, says] of errors)
    test(`a difference is said: ${what}`, async () => {
      const result = await crossCheck(FAILING, () => erring(err));
      assert.equal(result.agrees, false);
      assert.match(result.says, /^the readers differ: /);
      assert.match(result.says, says);
    });

  test("--cross-check says so on standard error, beside the report", async () => {
    const { status, stdout, stderr } = await runCli(["analyze", "--cross-check", FAILING]);
    assert.equal(status, 0);
    assert.match(stdout, /pasv-private-address/);
    assert.equal(stderr, `ftptrace: ${FAILING}: pcap-parser reads the same ${PACKETS} packets\n`);
  });

  test("--cross-check of what can be read only once is wrong usage", async () => {
    const { status, stderr } = await runCli(["analyze", "--cross-check", "-"], failing);
    assert.equal(status, 2);
    assert.match(stderr, /reads each capture twice/);
  });
});

/** pcap-parser with a mistake. */
function erring(err: (packet: ParsedPacket, number: number) => ParsedPacket[]): PcapParser {
  return {
    parse(input) {
      const output = new EventEmitter();
      let number = 0;
      loadPcapParser()
        .parse(input)
        .on("packet", (packet: ParsedPacket) => {
          number++;
          for (const changed of err(packet, number)) output.emit("packet", changed);
        });
      return output;
    },
  };
}

function withByte(data: Buffer): Buffer {
  const changed = Buffer.from(data);
  changed[0] ^= 1;
  return changed;
}

function later(packet: ParsedPacket): ParsedPacket {
  return { ...packet, header: { ...packet.header, timestampSeconds: packet.header.timestampSeconds + 1 } };
}

/** Offset of the record header of a packet, counted from 0. */
function recordAt(capture: Buffer, packet: number): number {
  let at = 24;
  for (let i = 0; i < packet; i++) at += 16 + capture.readUInt32LE(at + 8);
  return at;
}

function withLength(capture: Buffer, packet: number, length: number): Buffer {
  const changed = Buffer.from(capture);
  changed.writeUInt32LE(length, recordAt(capture, packet) + 8);
  return changed;
}

function withMagic(capture: Buffer, magic: number): Buffer {
  const changed = Buffer.from(capture);
  changed.writeUInt32LE(magic, 0);
  return changed;
}

/** The same capture with all numbers of its headers in big-endian order. */
function swapped(capture: Buffer): Buffer {
  const changed = Buffer.from(capture);
  for (const at of [0, 8, 12, 16, 20]) changed.subarray(at, at + 4).swap32();
  for (const at of [4, 6]) changed.subarray(at, at + 2).swap16();
  for (let at = 24; at < capture.length; at += 16 + capture.readUInt32LE(at + 8))
    changed.subarray(at, at + 16).swap32();
  return changed;
}
