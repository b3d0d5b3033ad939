import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { CaptureBuilder } from "../support/capture-builder.ts";
import { runCli, temporaryFolder } from "./run-cli.ts";

const FAILING = "fixtures/pasv-cleartext-private-address-client.pcap";
const HEALTHY = "fixtures/epsv-cleartext-ok-client.pcap";
const failing = readFileSync(FAILING);
const ENHANCED_PACKET_BLOCK = 6;

describe("ftptrace analyze", { concurrency: 4 }, () => {
  test("a failing capture: table on standard output, nothing on standard error, status 0", async () => {
    const { status, stdout, stderr } = await runCli(["analyze", FAILING]);
    assert.deepEqual([status, stderr], [0, ""]);
    assert.match(stdout, /^1\. FAILED/m);
    assert.match(stdout, /\[pasv-private-address\]/);
    assert.match(stdout, /tshark -r fixtures\/pasv-cleartext-private-address-client\.pcap -Y/);
    assert.doesNotMatch(stdout, /\x1b/);
  });

  test("the three formats tell the same", async () => {
    const [json, ndjson] = await Promise.all(
      ["json", "ndjson"].map((format) => runCli(["analyze", "--format", format, FAILING])),
    );
    const report = JSON.parse(json.stdout);
    const records = ndjson.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.equal(report.captures[0].name, FAILING);
    assert.equal(records.filter(({ type }) => type === "session").length, report.sessions.length);
    assert.deepEqual(
      records.filter(({ type }) => type === "channel").map(({ outcome, cause }) => [outcome, cause]),
      report.sessions.flatMap((session: { dataChannels: { outcome: string; cause: string }[] }) =>
        session.dataChannels.map(({ outcome, cause }) => [outcome, cause]),
      ),
    );
    assert.equal(records.at(-1).type, "summary");
  });

  test("standard input and compressed files give the report of the file, its name and size apart", async (context) => {
    const folder = temporaryFolder(context);
    const zipped = join(folder, "no-telling-name");
    // Two members, as `cat a.gz b.gz` makes them.
    writeFileSync(zipped, Buffer.concat([gzipSync(failing.subarray(0, 1000)), gzipSync(failing.subarray(1000))]));
    const sessions = (text: string) => JSON.parse(text).sessions;
    const plain = await runCli(["analyze", "-f", "json", FAILING]);
    const piped = await runCli(["analyze", "-f", "json", "-"], failing);
    const unzipped = await runCli(["analyze", "-f", "json", zipped]);
    assert.deepEqual([plain.status, piped.status, unzipped.status], [0, 0, 0]);
    assert.deepEqual(sessions(piped.stdout), sessions(plain.stdout));
    assert.deepEqual(sessions(unzipped.stdout), sessions(plain.stdout));
    assert.equal(JSON.parse(piped.stdout).captures[0].name, "-");
  });

  test("two files in either order are the same input", async () => {
    const [one, other] = await Promise.all([
      runCli(["analyze", "-f", "json", FAILING, HEALTHY]),
      runCli(["analyze", "-f", "json", HEALTHY, FAILING]),
    ]);
    assert.equal(one.status, 0);
    assert.equal(one.stdout, other.stdout);
    assert.equal(JSON.parse(one.stdout).captures.length, 2);
  });

  test("a file given twice is read once", async () => {
    const { status, stdout, stderr } = await runCli(["analyze", "-f", "json", FAILING, `./${FAILING}`]);
    assert.equal(status, 0);
    assert.match(stderr, /given twice, read once/);
    assert.equal(JSON.parse(stdout).captures.length, 1);
  });

  test("--fail-on decides whether failures are an error", async () => {
    const statusOf = async (...words: string[]) => (await runCli(["analyze", ...words])).status;
    assert.deepEqual(
      await Promise.all([
        statusOf("--fail-on", "failed", FAILING),
        statusOf("--fail-on", "any", FAILING),
        statusOf("--fail-on", "failed", HEALTHY),
        statusOf("--fail-on", "any", HEALTHY),
      ]),
      [1, 1, 0, 0],
    );
  });

  const unusable: [what: string, content: string | Uint8Array | null, message: RegExp][] = [
    ["no file", null, /no such file/i],
    ["an empty file", "", /empty file/],
    ["text", "hello, this is not a capture\n", /not a packet capture/],
    ["a file header cut short", failing.subarray(0, 11), /ends inside the pcap file header/],
    ["an unknown archive", "PK\x03\x04....", /zip archive/],
  ];
  for (const [what, content, message] of unusable)
    test(`${what}: one clear line, status 3, no report`, async (context) => {
      const path = join(temporaryFolder(context), "bad\x1b.pcap");
      if (content !== null) writeFileSync(path, content);
      const { status, stdout, stderr } = await runCli(["analyze", "-f", "json", path]);
      assert.equal(status, 3);
      assert.equal(stdout, "");
      assert.match(stderr, /^ftptrace: .*bad\\x1b\.pcap: .*\n$/);
      assert.match(stderr, message);
    });

  test("a directory: one clear line, status 3", async () => {
    const { status, stdout, stderr } = await runCli(["analyze", "fixtures"]);
    assert.deepEqual([status, stdout], [3, ""]);
    assert.match(stderr, /^ftptrace: fixtures: is a directory.*\n$/);
  });

  test("a bad file among good ones: the good ones are analysed, status 3", async () => {
    const { status, stdout, stderr } = await runCli(["analyze", "-f", "json", "package.json", FAILING, "none.pcap"]);
    assert.equal(status, 3);
    assert.match(stderr, /^ftptrace: package\.json: .*\nftptrace: none\.pcap: .*\n$/);
    const report = JSON.parse(stdout);
    assert.deepEqual(
      report.captures.map(({ name }: { name: string }) => name),
      [FAILING],
    );
    assert.equal(report.sessions.length, 1);
  });

  test("a capture cut in a record is analysed up to the cut, status 4", async (context) => {
    const path = join(temporaryFolder(context), "cut.pcap");
    writeFileSync(path, failing.subarray(0, failing.length - 5));
    const { status, stdout, stderr } = await runCli(["analyze", "-f", "json", path]);
    assert.equal(status, 4);
    assert.match(stderr, /^ftptrace: .*cut\.pcap: .*\(truncated-file\).*\n$/);
    assert.equal(JSON.parse(stdout).sessions.length, 1);
  });

  test("every capture that is cut is named, not only the first", async (context) => {
    const folder = temporaryFolder(context);
    const paths = ["one.pcap", "two.pcap"].map((name) => join(folder, name));
    for (const path of paths) writeFileSync(path, failing.subarray(0, failing.length - 5));
    const { status, stderr } = await runCli(["analyze", "-f", "json", ...paths]);
    assert.equal(status, 4);
    assert.match(
      stderr,
      /^ftptrace: .*one\.pcap: analysed in part: .*\nftptrace: .*two\.pcap: analysed in part: .*\n$/,
    );
  });

  /** Offset of the record header of packet `number` of a little-endian pcap. */
  const recordAt = (capture: Buffer, number: number) => {
    let at = 24;
    for (let i = 1; i < number; i++) at += 16 + capture.readUInt32LE(at + 8);
    return at;
  };

  test("a damaged record is stepped over, or with --strict the end; both say so, status 4", async (context) => {
    const path = join(temporaryFolder(context), "damaged.pcap");
    const damaged = Buffer.from(failing);
    damaged.writeUInt32LE(0x7fffffff, recordAt(damaged, 5) + 8);
    writeFileSync(path, damaged);
    const [lenient, strict] = await Promise.all([
      runCli(["analyze", "-f", "json", path]),
      runCli(["analyze", "-f", "json", "--strict", path]),
    ]);
    const packetsIn = ({ stdout }: typeof lenient) => JSON.parse(stdout).captures[0].packets;
    assert.deepEqual([lenient.status, strict.status], [4, 4]);
    assert.deepEqual([packetsIn(lenient), packetsIn(strict)], [28, 4]);
    assert.match(lenient.stderr, /82 bytes skipped, reading goes on at offset 402 \(record-length-invalid\)\n$/);
    assert.match(strict.stderr, /nothing behind it is read \(record-length-invalid\)\n$/);
  });

  test("--verify-checksums leaves out what its receiver did not believe", async (context) => {
    const path = join(temporaryFolder(context), "wrong-checksum.pcap");
    const wrong = Buffer.from(failing);
    // Behind the record header, Ethernet and IPv4, in the TCP header: the 227.
    const grant = failing.indexOf("227 ");
    let number = 1;
    while (recordAt(wrong, number + 1) < grant) number++;
    wrong.writeUInt16BE(
      wrong.readUInt16BE(recordAt(wrong, number) + 16 + 14 + 20 + 16) ^ 0x1234,
      recordAt(wrong, number) + 16 + 14 + 20 + 16,
    );
    writeFileSync(path, wrong);
    const runs = await Promise.all([
      runCli(["analyze", "-f", "json", path]),
      runCli(["analyze", "-f", "json", "--verify-checksums", path]),
      runCli(["analyze", "-f", "json", "--verify-checksums", FAILING]),
    ]);
    assert.deepEqual(
      runs.map(({ stdout }) => {
        const { sessions, anomalies } = JSON.parse(stdout);
        const count = anomalies.find(({ code }: { code: string }) => code === "tcp-checksum-wrong")?.count ?? 0;
        return [count, sessions[0].dataChannels[0].cause];
      }),
      [
        [0, "pasv-private-address"],
        [1, null],
        [0, "pasv-private-address"],
      ],
    );
  });

  test("a link type that is not read: which, and how many packets, status 4", async (context) => {
    const path = join(temporaryFolder(context), "usb.pcap");
    const usb = Buffer.from(failing);
    usb.writeUInt32LE(189, 20);
    writeFileSync(path, usb);
    const { status, stderr } = await runCli(["analyze", path]);
    assert.equal(status, 4);
    assert.match(stderr, /29 packets of link type USB_LINUX \(189\), which is not read \(link-type-unsupported\)\n$/);
  });

  test("a packet of an interface that no block describes is left out: said, status 4", async (context) => {
    const path = join(temporaryFolder(context), "stray.pcapng");
    const stray = readFileSync("fixtures/pasv-cleartext-private-address-server.pcapng");
    const view = new DataView(stray.buffer, stray.byteOffset, stray.length);
    let at = 0;
    for (let packets = 0; packets < 2; at += view.getUint32(at + 4, true)) {
      if (view.getUint32(at, true) !== ENHANCED_PACKET_BLOCK) continue;
      packets++;
      if (packets === 2) view.setUint32(at + 8, 7, true);
    }
    writeFileSync(path, stray);
    const { status, stderr } = await runCli(["analyze", path]);
    assert.equal(status, 4);
    assert.equal(
      stderr,
      `ftptrace: ${path}: analysed in part: packet of interface 7, which no block describes; left out (interface-unknown)\n`,
    );
  });

  test("standard input is called that", async () => {
    const { status, stderr } = await runCli(["analyze", "-"]);
    assert.deepEqual([status, stderr], [3, "ftptrace: standard input: offset 0: empty file\n"]);
    const twice = await runCli(["analyze", "--format", "markdown", "-", "-"], failing);
    assert.deepEqual([twice.status, twice.stderr], [0, "ftptrace: standard input: given twice, read once\n"]);
    assert.match(twice.stdout, /^1\. `standard input`, pcap, 29 packets/m);
    assert.match((await runCli(["analyze", "-"], failing)).stdout, /^standard input: 29 packets,/);
  });

  test("damaged compression: what came before is analysed, status 4", async (context) => {
    const path = join(temporaryFolder(context), "damaged.pcap.gz");
    const zipped = gzipSync(failing);
    writeFileSync(path, zipped.subarray(0, zipped.length - 12));
    const { status, stdout, stderr } = await runCli(["analyze", "-f", "json", path]);
    assert.equal(status, 4);
    assert.match(stderr, /^ftptrace: .*damaged\.pcap\.gz: .*gzip.*\n$/);
    assert.equal(JSON.parse(stdout).sessions.length, 1);
  });

  test("compression damaged from the start: one line that names the file and the byte, status 3", async (context) => {
    const path = join(temporaryFolder(context), "damaged.pcap.gz");
    writeFileSync(path, "\x1f\x8b\x09, and no more of it", "latin1");
    const complaint = `ftptrace: ${path}: damaged gzip data at byte 3: unknown compression method`;
    const alone = await runCli(["analyze", path]);
    assert.deepEqual([alone.status, alone.stderr], [3, `${complaint}; analysed up to there\n`]);
    const beside = await runCli(["analyze", path, FAILING]);
    assert.deepEqual([beside.status, beside.stderr], [3, `${complaint}\n`]);
  });

  test("--output writes the file whole and does not replace one without --force", async (context) => {
    const folder = temporaryFolder(context);
    const path = join(folder, "report.json");
    const write = (...more: string[]) => runCli(["analyze", "-f", "json", "-o", path, ...more, FAILING]);
    assert.deepEqual(await write(), { status: 0, stdout: "", stderr: "" });
    assert.equal(JSON.parse(readFileSync(path, "utf8")).sessions.length, 1);
    writeFileSync(path, "mine");
    const refused = await write();
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, /report\.json: exists already; --force replaces it\n$/);
    assert.equal(readFileSync(path, "utf8"), "mine");
    assert.equal((await write("--force")).status, 0);
    assert.notEqual(readFileSync(path, "utf8"), "mine");
    assert.deepEqual(readdirSync(folder), ["report.json"]);
  });

  test("--output - is standard output", async () => {
    const { status, stdout } = await runCli(["analyze", "-f", "ndjson", "-o", "-", FAILING]);
    assert.equal(status, 0);
    assert.match(stdout, /"type":"summary"/);
    assert.equal(existsSync("-"), false);
  });

  test("--output never replaces a capture that is being read", async (context) => {
    const path = join(temporaryFolder(context), "client.pcap");
    writeFileSync(path, failing);
    const { status, stderr } = await runCli(["analyze", "--force", "-o", path, path]);
    assert.equal(status, 2);
    assert.match(stderr, /is one of the captures to be read/);
    assert.deepEqual(readFileSync(path), failing);
  });

  test("--output of unusable input leaves no file", async (context) => {
    const folder = temporaryFolder(context);
    const { status } = await runCli(["analyze", "-o", join(folder, "report.txt"), "package.json"]);
    assert.equal(status, 3);
    assert.deepEqual(readdirSync(folder), []);
  });

  test("--output into a folder that is not there, or that is one, is said", async (context) => {
    const folder = temporaryFolder(context);
    mkdirSync(join(folder, "taken"));
    const missing = await runCli(["analyze", "-o", join(folder, "none", "report.txt"), FAILING]);
    assert.equal(missing.status, 74);
    assert.match(missing.stderr, /no such directory\n$/);
    const taken = await runCli(["analyze", "-o", join(folder, "taken"), FAILING]);
    assert.equal(taken.status, 2);
    assert.match(taken.stderr, /is a directory\n$/);
  });

  test("a full disk is said, status 74", { skip: existsSync("/dev/full") ? false : "no /dev/full" }, async () => {
    assert.ok(statSync("/dev/full").isCharacterDevice());
    const { status, stderr } = await runCli(["analyze", "-o", "/dev/full", FAILING]);
    assert.equal(status, 74);
    assert.equal(stderr, "ftptrace: /dev/full: no space left on device\n");
  });

  test("a reader that goes away ends it quietly, with the status of SIGPIPE", async () => {
    const child = spawn(process.execPath, ["--import", "tsx", "src/cli/main.ts", "analyze", FAILING]);
    child.stdout.destroy();
    let stderr = "";
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    const status = await new Promise((resolve) => child.on("close", resolve));
    assert.deepEqual([status, stderr], [141, ""]);
  });

  test("an interrupted run leaves no file and ends by its signal", async (context) => {
    const folder = temporaryFolder(context);
    const words = ["--import", "tsx", "src/cli/main.ts", "analyze", "-o", join(folder, "report.txt"), "-"];
    const child = spawn(process.execPath, words);
    const closed = new Promise((resolve) => child.on("close", (...ending) => resolve(ending)));
    child.stdin.write(failing.subarray(0, 200));
    while (readdirSync(folder).length === 0 && child.exitCode === null)
      await new Promise((resolve) => setTimeout(resolve, 20));
    child.kill("SIGINT");
    assert.deepEqual(await closed, [null, "SIGINT"]);
    assert.deepEqual(readdirSync(folder), []);
  });

  test("a session that has settled is written while a pipe still waits for the next packet", async () => {
    const net = new CaptureBuilder();
    const control = net.connect({ client: "192.0.2.10:40000", server: "203.0.113.5:21" });
    control.server("220 ready\r\n");
    control.client("QUIT\r\n");
    control.server("221 Goodbye.\r\n");
    control.finish("server");
    net.wait(10_000);
    net.segment({ flags: "A", from: "192.0.2.77:50123", to: "203.0.113.80:443" });
    const words = ["--import", "tsx", "src/cli/main.ts", "analyze", "--format", "ndjson", "-"];
    const child = spawn(process.execPath, words);
    child.stdin.write(net.build());
    let line = "";
    for await (const chunk of child.stdout) {
      line += chunk;
      if (line.includes("\n")) break;
    }
    assert.match(line, /"type":"session"/);
    child.kill();
  });

  test("--color always colours, --width widens", async () => {
    const { stdout } = await runCli(["analyze", "--color", "always", "--width", "200", FAILING]);
    assert.match(stdout, /\x1b\[1;31mFAILED\x1b\[0m/);
    assert.match(stdout, /Data connection/);
  });
});
