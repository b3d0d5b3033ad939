import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Session } from "../../src/analysis.ts";
import { analyzeCapture } from "../../src/analyze.ts";
import { type CommandHandlers, createProgram } from "../../src/cli/args.ts";
import { runCli, temporaryFolder } from "./run-cli.ts";

const FAILING = "fixtures/pasv-cleartext-private-address-client.pcap";
const HEALTHY = "fixtures/epsv-cleartext-ok-client.pcap";

const noTshark = spawnSync("tshark", ["--version"]).error ? "no tshark" : false;

function sessionsOf(file: string): readonly Session[] {
  return analyzeCapture(readFileSync(file)).sessions;
}

describe("ftptrace extract", { concurrency: 4 }, () => {
  test("writes the packets with their verdict, says how many, and leaves nothing else", async (context) => {
    const folder = temporaryFolder(context);
    const path = join(folder, "evidence.pcapng");
    const { status, stdout, stderr } = await runCli(["extract", FAILING, "--failed", "-o", path]);
    assert.deepEqual([status, stdout], [0, ""]);
    assert.equal(stderr, "ftptrace: 1 session, 25 packets, 15 bytes overwritten\n");
    assert.deepEqual(readdirSync(folder), ["evidence.pcapng"]);
    const [session] = sessionsOf(path);
    assert.equal(session?.dataChannels[0]?.cause, "pasv-private-address");
  });

  test("tshark shows the evidence on its packets and the verdict on the file", { skip: noTshark }, async (context) => {
    const path = join(temporaryFolder(context), "evidence.pcapng");
    await runCli(["extract", FAILING, "--failed", "-o", path]);
    const fields = ["frame.time_epoch", "frame.len", "frame.comment"].flatMap((field) => ["-e", field]);
    const shown = (file: string, ...filter: string[]) => {
      const run = spawnSync("tshark", ["-n", "-r", file, "-T", "fields", ...fields, ...filter], { encoding: "utf8" });
      assert.equal(run.status, 0, run.stderr);
      return run.stdout
        .trimEnd()
        .split("\n")
        .map((line) => line.split("\t"));
    };
    const packets = shown(path);
    assert.deepEqual(
      packets.flatMap(([, , comment]) => comment || []),
      [
        "15 bytes overwritten: a secret, or what may be one",
        "227 advertises 10.20.30.40:50003, a private address; the control connection's server is 93.190.70.26 (packet 16 of the capture)",
        "SYN to 10.20.30.40:50003, sent 7 times over 7.1 s, never answered (packet 18 of the capture)",
      ],
    );
    assert.deepEqual(
      packets.map(([time, length]) => [Number(time), length]),
      shown(FAILING, "-Y", "tcp").map(([time, length]) => [Number(time), length]),
    );
    const about = spawnSync("capinfos", [path], { encoding: "utf8" });
    assert.match(about.stdout, /Capture comment:.*the server advertises a private address \[pasv-private-address\]/);
  });

  test("--session takes the beginning of an id, and only that session", async (context) => {
    const path = join(temporaryFolder(context), "evidence.pcapng");
    const [healthy] = sessionsOf(HEALTHY);
    assert.ok(healthy);
    const words = ["extract", FAILING, HEALTHY, "--session", healthy.id.slice(0, 6), "-o", path];
    assert.equal((await runCli(words)).status, 0);
    assert.deepEqual(
      sessionsOf(path).map(({ id }) => id),
      [healthy.id],
    );
  });

  test("two capture points: merged by time, each with its interface, and the same verdicts", async (context) => {
    const path = join(temporaryFolder(context), "evidence.pcapng");
    const ends = ["pasv-cleartext-port-translated-client.pcap", "pasv-cleartext-port-translated-server.pcap"];
    const files = ends.map((name) => join("fixtures", name));
    assert.equal((await runCli(["extract", ...files, "--session", "", "-o", path])).status, 0);
    const { stdout } = await runCli(["analyze", "-f", "json", ...files]);
    const verdictsOf = (sessions: readonly Session[]) =>
      sessions.map(({ id, dataChannels }) => [id, dataChannels.map(({ outcome, cause }) => [outcome, cause])]);
    assert.deepEqual(verdictsOf(sessionsOf(path)), verdictsOf(JSON.parse(stdout).sessions));
    const text = readFileSync(path, "latin1");
    for (const file of files) assert.ok(text.includes(file), file);
  });

  test("--headers-only leaves the payload out, and the lengths on the wire as they were", async (context) => {
    const path = join(temporaryFolder(context), "evidence.pcapng");
    assert.equal((await runCli(["extract", HEALTHY, "--session", "", "--headers-only", "-o", path])).status, 0);
    const text = readFileSync(path, "latin1");
    assert.match(text, /Payload is left out/);
    assert.doesNotMatch(text, /USER|vsFTPd/);
    const [before, after] = [sessionsOf(HEALTHY), sessionsOf(path)];
    assert.equal(after.length, before.length);
  });

  test("a file is replaced only with --force, and a capture never", async (context) => {
    const path = join(temporaryFolder(context), "evidence.pcapng");
    writeFileSync(path, "mine");
    const refused = await runCli(["extract", FAILING, "--failed", "-o", path]);
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, /exists already; --force replaces it\n$/);
    assert.equal(readFileSync(path, "utf8"), "mine");
    assert.equal((await runCli(["extract", FAILING, "--failed", "--force", "-q", "-o", path])).stderr, "");
    const self = await runCli(["extract", path, "--failed", "--force", "-o", path]);
    assert.equal(self.status, 2);
    assert.match(self.stderr, /is one of the captures to be read/);
  });

  test("a full disk is said, status 74", { skip: existsSync("/dev/full") ? false : "no /dev/full" }, async () => {
    const { status, stderr } = await runCli(["extract", FAILING, "--failed", "-o", "/dev/full"]);
    assert.deepEqual([status, stderr], [74, "ftptrace: /dev/full: no space left on device\n"]);
  });

  const refused: [what: string, words: string[], message: RegExp][] = [
    ["no such session", [FAILING, "--session", "zzz"], /^ftptrace: no session has an id that begins with 'zzz'/],
    ["standard input", ["-", "--failed"], /^ftptrace: extract reads each capture three times/],
  ];
  for (const [what, words, message] of refused)
    test(`wrong usage, no file: ${what}`, async (context) => {
      const folder = temporaryFolder(context);
      const { status, stderr } = await runCli(["extract", ...words, "-o", join(folder, "evidence.pcapng")]);
      assert.equal(status, 2);
      assert.match(stderr, message);
      assert.deepEqual(readdirSync(folder), []);
    });

  test("nothing failed: a capture without packets in place of an old one, said, status 0", async (context) => {
    const path = join(temporaryFolder(context), "evidence.pcapng");
    await runCli(["extract", FAILING, "--failed", "-o", path]);
    const refused = await runCli(["extract", HEALTHY, "--failed", "-o", path]);
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, /exists already; --force replaces it\n$/);
    assert.equal(sessionsOf(path).length, 1);
    const { status, stderr } = await runCli(["extract", HEALTHY, "--failed", "--force", "-o", path]);
    assert.equal(status, 0);
    assert.match(stderr, /^ftptrace: nothing failed, so the capture written has no packets; --session ID extracts/);
    assert.deepEqual(sessionsOf(path), []);
    assert.match(readFileSync(path, "latin1"), /No session failed/);
  });

  test("a capture without packets can be read", { skip: noTshark }, async (context) => {
    const path = join(temporaryFolder(context), "evidence.pcapng");
    await runCli(["extract", HEALTHY, "--failed", "-o", path]);
    const { status, stdout, stderr } = spawnSync("tshark", ["-n", "-r", path], { encoding: "utf8" });
    assert.deepEqual([status, stdout], [0, ""], stderr);
  });

  test("what is to be extracted, and where to, has to be said", async () => {
    const mistakes: [words: string[], message: RegExp][] = [
      [["-o", "x"], /^ftptrace: give --session <id> or --failed/],
      [["-o", "x", "--failed", "--session", "a"], /cannot be used with option/],
      [["--failed"], /required option '-o, --output <file>' not specified/],
    ];
    for (const [words, message] of mistakes) {
      let said = "";
      const program = createProgram("0", HANDLERS, { writeOut: () => {}, writeErr: (text) => (said += text) });
      await assert.rejects(program.parseAsync(["extract", FAILING, ...words], { from: "user" }), {
        name: "CommanderError",
        exitCode: 1,
      });
      assert.match(said, message);
    }
  });
});

const never = () => Promise.reject(new Error("nothing is to run"));
const HANDLERS: CommandHandlers = {
  analyze: never,
  extract: never,
  advise: never,
  explain: never,
  completion: never,
  manual: never,
};
