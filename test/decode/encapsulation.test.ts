import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { formatAddress } from "../../src/address.ts";
import { PacketKind } from "../../src/decode/packet-view.ts";
import { concat, PcapngWriter } from "../capture/capture-bytes.ts";
import { ENCAPSULATIONS, type Encapsulation, TEXT } from "./encapsulations.ts";
import { decode, payloadOf } from "./frame-bytes.ts";

/** What we make of each encapsulation, and what tshark makes of the same bytes. */

const ADDRESSES = {
  4: { source: "192.0.2.10", destination: "198.51.100.21" },
  6: { source: "2001:db8::10", destination: "2001:db8::21" },
} as const;

for (const { what, linkType, frame, version } of ENCAPSULATIONS)
  test(`reads ${what}`, () => {
    const { kind, view, codes } = decode(frame, { linkType });
    assert.equal(kind, PacketKind.tcp);
    assert.deepEqual(codes, []);
    assert.deepEqual(
      {
        source: formatAddress(view.bytes, view.sourceAt, view.ipVersion),
        destination: formatAddress(view.bytes, view.destinationAt, view.ipVersion),
        ports: [view.sourcePort, view.destinationPort],
        sequence: view.sequence,
        payload: payloadOf(view),
        payloadLength: view.payloadLength,
      },
      { ...ADDRESSES[version], ports: [40_000, 21], sequence: 0xfedcba98, payload: TEXT, payloadLength: TEXT.length },
    );
  });

const hasTshark = spawnSync("tshark", ["--version"]).status === 0;

const FIELDS = ["ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "tcp.srcport", "tcp.dstport", "tcp.seq_raw", "tcp.payload"];

/** The innermost addresses, ports, sequence number and payload of each packet, as tshark reads it. */
function readByTshark(rows: readonly Encapsulation[], options: readonly string[]): string[][] {
  const folder = mkdtempSync(join(tmpdir(), "ftptrace-encapsulation-"));
  try {
    const writer = new PcapngWriter();
    const linkTypes = [...new Set(rows.map(({ linkType }) => linkType))];
    const file = join(folder, "all.pcapng");
    writeFileSync(
      file,
      concat(
        writer.section(),
        ...linkTypes.map((linkType) => writer.interface({ linkType })),
        ...rows.map(({ linkType, frame }) =>
          writer.packet({ id: linkTypes.indexOf(linkType), data: Uint8Array.from(frame) }),
        ),
      ),
    );
    const { status, stdout, stderr } = spawnSync(
      "tshark",
      ["-n", ...options, "-r", file, "-T", "fields", "-E", "occurrence=l", ...FIELDS.flatMap((field) => ["-e", field])],
      { encoding: "utf8" },
    );
    assert.equal(status, 0, stderr);
    return stdout
      .split("\n")
      .slice(0, -1)
      .map((line) => line.split("\t"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("tshark reads the same", { skip: hasTshark ? false : "tshark is not installed" }, () => {
  const found: string[] = [];
  const expected: string[] = [];
  for (const options of new Set(ENCAPSULATIONS.map(({ tsharkOptions = [] }) => tsharkOptions.join("\n")))) {
    const rows = ENCAPSULATIONS.filter(({ tsharkOptions = [] }) => tsharkOptions.join("\n") === options);
    const lines = readByTshark(rows, options.split("\n").filter(Boolean));
    assert.equal(lines.length, rows.length);
    for (const [i, { what, version, unseenByTshark }] of rows.entries()) {
      const [source4, destination4, source6, destination6, ...rest] = lines[i]!;
      const addresses = version === 4 ? [source4, destination4] : [source6, destination6];
      found.push([what, ...addresses, ...rest].join(" "));
      const { source, destination } = ADDRESSES[version];
      const payload = Buffer.from(TEXT).toString("hex");
      expected.push(
        unseenByTshark === undefined
          ? `${what} ${source} ${destination} 40000 21 ${0xfedcba98} ${payload}`
          : `${what}      `,
      );
    }
  }
  assert.deepEqual(found, expected);
});
