import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { isReadByPcapParser, openThroughPcapParser } from "../../src/cli/pcap-parser.ts";
import { runCli, temporaryFolder } from "./run-cli.ts";

const FAILING = "fixtures/pasv-cleartext-private-address-client.pcap";
const failing = readFileSync(FAILING);

async function readThrough(path: string): Promise<Buffer> {
  const capture = await openThroughPcapParser(path);
  const chunks: Buffer[] = [];
  for (let chunk = await capture.read(); chunk !== null; chunk = await capture.read()) chunks.push(Buffer.from(chunk));
  capture.close();
  assert.equal(capture.problem, null);
  return Buffer.concat(chunks);
}

describe("--reader pcap-parser", () => {
  test("gives the same bytes for every classic fixture, packet by packet", async () => {
    const classic = readdirSync("fixtures")
      .map((name) => join("fixtures", name))
      .filter((path) => path.endsWith(".pcap") && isReadByPcapParser(readFileSync(path)));
    assert.ok(classic.length > 50);
    for (const path of classic) assert.ok((await readThrough(path)).equals(readFileSync(path)), path);
  });

  const LARGE_COPIES = 600;
  const variants: [what: string, bytes: Buffer, same?: Buffer][] = [
    ["gzip", gzipSync(failing), failing],
    ["a cut in a record", failing.subarray(0, 1500)],
    ["a length beyond all bounds", withFirstLength(failing, 0x7fffffff)],
    ["a length beyond all bounds, and much after it", withFirstLength(large(failing, LARGE_COPIES), 0x7fffffff)],
    ["more than a chunk", large(failing, LARGE_COPIES)],
    ["a file header alone", failing.subarray(0, 24)],
    ["nothing", Buffer.alloc(0)],
  ];
  for (const [what, bytes, same = bytes] of variants)
    test(`hands on everything, also what is no whole packet: ${what}`, async (context) => {
      const path = join(temporaryFolder(context), "capture");
      writeFileSync(path, bytes);
      assert.ok((await readThrough(path)).equals(same));
    });

  test("what pcap-parser does not read is refused in plain words", async () => {
    const pcapng = "fixtures/pasv-cleartext-private-address-server.pcapng";
    const { status, stdout, stderr } = await runCli(["analyze", "--reader", "pcap-parser", pcapng]);
    assert.deepEqual([status, stdout], [3, ""]);
    assert.equal(
      stderr,
      `ftptrace: ${pcapng}: pcap-parser reads only classic pcap 2.4 with microseconds; leave --reader away\n`,
    );
  });

  test("the report is the same, from a pipe too", async () => {
    const words = ["analyze", "-f", "json", "-"];
    const own = await runCli(words, failing);
    assert.deepEqual(await runCli([...words, "--reader", "pcap-parser"], failing), own);
    assert.match(own.stdout, /pasv-private-address/);
  });
});

function large(capture: Buffer, copies: number): Buffer {
  return Buffer.concat([capture, ...Array<Buffer>(copies - 1).fill(capture.subarray(24))]);
}

function withFirstLength(capture: Buffer, length: number): Buffer {
  const changed = Buffer.from(capture);
  changed.writeUInt32LE(length, 24 + 8);
  return changed;
}
