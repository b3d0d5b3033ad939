import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { EXIT_CODES } from "../../src/cli/exit-code.ts";
import { OUTPUT_FORMAT_NAMES } from "../../src/report/formats.ts";
import { runCli, temporaryFolder } from "./run-cli.ts";

describe("ftptrace", { concurrency: true }, () => {
  test("help and version are results: standard output, status 0", async () => {
    const { version } = JSON.parse(readFileSync("package.json", "utf8"));
    const help = await runCli(["--help"]);
    assert.match(help.stdout, /^Usage: ftptrace/);
    assert.deepEqual([help.status, help.stderr], [0, ""]);
    assert.deepEqual(await runCli(["--version"]), { status: 0, stdout: `${version}\n`, stderr: "" });
    const analyze = await runCli(["analyze", "--help"]);
    for (const word of ["--format", "--ftp-port", "--fail-on", "ndjson", "Exit status"])
      assert.ok(analyze.stdout.includes(word), word);
    for (const line of analyze.stdout.split("\n")) assert.ok(line.length <= 80, line);
    // What is said of each stands in one column.
    const lists = analyze.stdout.slice(analyze.stdout.indexOf("\nFormats:"));
    const rows = [...lists.matchAll(/^ {2}(\w+ +)/gm)].map(([, lead]) => lead.length);
    assert.equal(rows.length, OUTPUT_FORMAT_NAMES.length + Object.keys(EXIT_CODES).length);
    assert.equal(new Set(rows).size, 2);
  });

  const mistakes: [words: string[], message: RegExp][] = [
    [[], /^Usage: ftptrace/],
    [["analyze"], /^ftptrace: missing required argument 'file'\n/],
    [["analyse", "x.pcap"], /^ftptrace: unknown command 'analyse'\n\(Did you mean analyze\?\)/],
    [["package.json"], /^ftptrace: 'package\.json' is no command; did you mean: ftptrace analyze package\.json\n$/],
    [["-"], /^ftptrace: '-' is no command; did you mean: ftptrace analyze -\n$/],
    [["-r", "x.pcap", "-q"], /^ftptrace: '-r' is no command; did you mean: ftptrace analyze x\.pcap -q\n$/],
    [["analyze", "--format", "xml", "x.pcap"], /Allowed choices are table, \w+, /],
    [["analyze", "--ftp-port", "65536", "x.pcap"], /A port is a number from 1 to 65535/],
    [["analyze", "--ftp-port", "ftp", "x.pcap"], /A port is a number from 1 to 65535/],
    [["analyze", "--width", "20", "x.pcap"], /A width is a number of columns, at least 60\./],
    [["explain", "--width", "0"], /A width is a number of columns\./],
    [["analyze", "--colour", "x.pcap"], /unknown option '--colour'/],
    [["analyze", "-", "package.json"], /^ftptrace: standard input \(-\) has to stand alone/],
  ];
  for (const [words, message] of mistakes)
    test(`wrong usage has status 2 and says what to change: ${words.join(" ")}`, async () => {
      const { status, stdout, stderr } = await runCli(words);
      assert.equal(status, 2);
      assert.equal(stdout, "");
      assert.match(stderr, message);
    });

  const FAILING = "fixtures/pasv-cleartext-private-address-client.pcap";

  test("-v says what was read, -q nothing but what the exit status is about", async () => {
    const twice = [FAILING, `./${FAILING}`];
    const stderrOf = async (...words: string[]) => (await runCli(["analyze", "-f", "csv", ...words])).stderr;
    const [usual, quiet, verbose, wrong] = await Promise.all([
      stderrOf(...twice),
      stderrOf("--quiet", ...twice),
      stderrOf("--verbose", FAILING),
      stderrOf("-q", "package.json"),
    ]);
    assert.equal(usual, `ftptrace: ./${FAILING}: given twice, read once\n`);
    assert.equal(quiet, "");
    assert.match(wrong, /^ftptrace: package\.json: .*not a packet capture/);
    assert.match(
      verbose,
      /^ftptrace: fixtures\/pasv\S+: pcap, EN10MB, 29 packets, 2,\d{3} bytes, 2026-11-21T04:19:35\.\d+Z to 2026\S+Z\nftptrace: 1 session, 1 data channel; \d+\.\d\d s\n$/,
    );
  });

  test("one packet is one packet", async (context) => {
    const one = join(temporaryFolder(context), "one.pcap");
    const capture = readFileSync(FAILING);
    writeFileSync(one, capture.subarray(0, 24 + 16 + capture.readUInt32LE(24 + 8)));
    const usb = join(temporaryFolder(context), "usb.pcap");
    const other = readFileSync(one);
    other.writeUInt32LE(189, 20);
    writeFileSync(usb, other);
    const stderrOf = async (...words: string[]) => (await runCli(["analyze", ...words])).stderr;
    const [verbose, unread] = await Promise.all([stderrOf("-v", "--cross-check", one), stderrOf(usb)]);
    assert.match(verbose, /: pcap, EN10MB, 1 packet, \d+ bytes, /);
    assert.match(verbose, /pcap-parser reads the same 1 packet\n/);
    assert.match(unread, /: analysed in part: 1 packet of link type USB_LINUX \(189\), which is not read /);
  });

  test("-q and -v exclude each other", async () => {
    const { status, stderr } = await runCli(["analyze", "-q", "-v", FAILING]);
    assert.equal(status, 2);
    assert.match(stderr, /cannot be used with option/);
  });

  test("a run that never ends is an internal error, not silence", async () => {
    const analyze = ["analyze", "--format", "json", "fixtures/pasv-cleartext-rejected-client.pcap"];
    const stuck = await runCli(analyze, undefined, "process.stdout.write = () => false");
    assert.deepEqual([stuck.status, stuck.stdout], [70, ""]);
    assert.match(stuck.stderr, /^ftptrace: internal error: the run never came to its end; please report it/);
  });
});

test("what npm links as ftptrace is there before the first build, and says that there is none yet", (context) => {
  const { bin } = JSON.parse(readFileSync("package.json", "utf8"));
  const folder = temporaryFolder(context);
  const linked = join(folder, bin.ftptrace);
  mkdirSync(dirname(linked));
  copyFileSync(bin.ftptrace, linked);
  const run = () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [linked, "--version"], { encoding: "utf8" });
    return [status, stdout, stderr];
  };
  assert.deepEqual(run(), [70, "", "ftptrace: not built yet: npm ci && npm run build\n"]);
  mkdirSync(join(folder, "dist", "bin"), { recursive: true });
  writeFileSync(join(folder, "dist", "bin", "ftptrace.js"), 'console.log("built", process.argv[2]);');
  assert.deepEqual(run(), [0, "built --version\n", ""]);
});
