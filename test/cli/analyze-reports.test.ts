import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { runCli } from "./run-cli.ts";

const CAPTURE = "fixtures/pasv-cleartext-private-address-client.pcap";
const folder = mkdtempSync(join(tmpdir(), "ftptrace-reports-"));
after(() => rmSync(folder, { recursive: true }));

describe("--report FILE.html", () => {
  test("writes a page beside the report, with the hash of the capture's file", async () => {
    const page = join(folder, "postmortem.html");
    const { status, stdout } = await runCli(["analyze", "--report", page, CAPTURE]);
    assert.equal(status, 0);
    assert.match(stdout, /pasv-private-address/);
    const html = readFileSync(page, "utf8");
    assert.ok(html.startsWith("<!doctype html>"));
    assert.ok(html.includes(createHash("sha256").update(readFileSync(CAPTURE)).digest("hex")));
    assert.ok(html.includes("10.20.30.40:50003"));
  });

  test("replaces no file without --force, and leaves nothing behind when the input is no capture", async () => {
    const page = join(folder, "kept.html");
    writeFileSync(page, "mine");
    const refused = await runCli(["analyze", "--report", page, CAPTURE]);
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, /exists already/);
    assert.equal(readFileSync(page, "utf8"), "mine");
    const forced = await runCli(["analyze", "--force", "--report", page, CAPTURE]);
    assert.equal(forced.status, 0);
    assert.notEqual(readFileSync(page, "utf8"), "mine");
    const before = readdirSync(folder).sort();
    const none = await runCli(["analyze", "--report", join(folder, "none.html"), "README.md"]);
    assert.equal(none.status, 3);
    assert.equal(existsSync(join(folder, "none.html")), false);
    assert.deepEqual(readdirSync(folder).sort(), before);
  });

  test("is refused where it would go to standard output or take the place of the other report", async () => {
    const same = join(folder, "same");
    for (const [words, says] of [
      [["--report", "-"], /--report takes a file/],
      [["--report", same, "-o", `${folder}/./same`], /--output and --report name the same file/],
    ] as const) {
      const { status, stderr } = await runCli(["analyze", ...words, CAPTURE]);
      assert.equal(status, 2);
      assert.match(stderr, says);
    }
    assert.equal(existsSync(same), false);
  });
});

for (const words of [["analyze"], ["extract", "--failed"], ["advise"]])
  test(`${words[0]}: a file that must not be replaced is refused before the captures are read`, async () => {
    const path = join(folder, `kept-${words[0]}`);
    writeFileSync(path, "mine");
    const { status, stderr } = await runCli([...words, "--verbose", "-o", path, CAPTURE]);
    assert.deepEqual([status, stderr], [2, `ftptrace: ${path}: exists already; --force replaces it\n`]);
    assert.equal(readFileSync(path, "utf8"), "mine");
  });

/** Runs `ftptrace` with a standard output that takes nothing: a descriptor to write to, or a pipe whose reader has gone. */
function runWithoutReader(words: readonly string[], stdout: number | "closed pipe") {
  const child = spawn(process.execPath, ["--import", "tsx", "src/cli/main.ts", ...words], {
    stdio: ["ignore", typeof stdout === "number" ? stdout : "pipe", "pipe"],
  });
  child.stdout?.destroy();
  let stderr = "";
  child.stderr?.on("data", (chunk) => {
    stderr += chunk;
  });
  return new Promise<[status: number | null, stderr: string]>((resolve) =>
    child.on("close", (status) => resolve([status, stderr])),
  );
}

describe("a standard output that takes nothing", () => {
  const kept = join(folder, "kept-clean");
  const withPage = () => ["analyze", "--report", join(kept, "page.html"), "--format", "json", CAPTURE];
  const full = existsSync("/dev/full") ? false : "no /dev/full";

  test("a reader that has gone: quiet, with the status of SIGPIPE, and no file is left", async () => {
    mkdirSync(kept, { recursive: true });
    assert.deepEqual(await runWithoutReader(withPage(), "closed pipe"), [141, ""]);
    assert.deepEqual(readdirSync(kept), []);
  });

  for (const words of [withPage(), ["advise", CAPTURE], ["explain"], ["completion", "bash"], ["--help"]])
    test(`a full disk is said, status 74, and no file is left: ${words[0]}`, { skip: full }, async () => {
      mkdirSync(kept, { recursive: true });
      const disk = openSync("/dev/full", "w");
      const ending = await runWithoutReader(words, disk);
      closeSync(disk);
      assert.deepEqual(ending, [74, "ftptrace: standard output: no space left on device\n"]);
      assert.deepEqual(readdirSync(kept), []);
    });
});

describe("--session ID", () => {
  test("prints one session as a conversation, by the beginning of its id", async () => {
    const { sessions } = JSON.parse((await runCli(["analyze", "--format", "json", CAPTURE])).stdout);
    const { status, stdout } = await runCli(["analyze", "--session", sessions[0].id.slice(0, 6), CAPTURE]);
    assert.equal(status, 0);
    // Packet numbers and words as tshark shows them.
    for (const line of [
      / 3 {2}C -----> S {2}SYN to port 21$/m,
      / 11 {2}C -----> S {2}PASS$/m,
      / 16 {2}C <----- S {2}227 Entering Passive Mode \(10,20,30,40,195,83\)\.$/m,
      / 18 {2}C --x {4}S {2}data: SYN to 10\.20\.30\.40:50003/m,
      /^Channel 1, PASV 10\.20\.30\.40:50003: failed/m,
    ])
      assert.match(stdout, line);
  });

  test("finds a session by its id in the captures and by that in a redacted report", async () => {
    const key = join(folder, "session-key");
    writeFileSync(key, "0123456789abcdef0123456789abcdef");
    const redact = ["--redact", "user,path,address", "--redact-key-file", key];
    const idOf = async (...words: string[]) =>
      JSON.parse((await runCli(["analyze", "--format", "json", ...words, CAPTURE])).stdout).sessions[0].id;
    const [captured, redacted] = [await idOf(), await idOf(...redact)];
    assert.notEqual(redacted, captured);
    const [one, other] = await Promise.all(
      [captured, redacted].map((id) => runCli(["analyze", "--session", id, ...redact, CAPTURE])),
    );
    assert.ok(one.stdout.startsWith(`Session ${redacted}: `));
    assert.equal(other.stdout, one.stdout);
  });

  test("an id that no session has is wrong usage", async () => {
    const { status, stdout, stderr } = await runCli(["analyze", "--session", "zzz", CAPTURE]);
    assert.equal(status, 2);
    assert.equal(stdout, "");
    assert.match(stderr, /no session has an id that begins with 'zzz'/);
  });
});

describe("--redact", () => {
  test("with a key file gives the same tokens again, and says nothing of keys", async () => {
    const key = join(folder, "key");
    writeFileSync(key, "0123456789abcdef0123456789abcdef");
    const args = ["analyze", "--format", "json", "--redact", "user,path,address", "--redact-key-file", key, CAPTURE];
    const first = await runCli(args);
    assert.equal(first.status, 0);
    assert.equal(first.stderr, "");
    assert.equal((await runCli(args)).stdout, first.stdout);
    assert.ok(!first.stdout.includes("93.190.70.26") && !first.stdout.includes("anonymous"));
  });

  test("without one says that its tokens are of this run", async () => {
    const { stderr } = await runCli(["analyze", "--redact", "address", CAPTURE]);
    assert.match(stderr, /key of this run/);
  });

  test("what cannot be redacted, a short key and a key without use are wrong usage", async () => {
    const short = join(folder, "short");
    writeFileSync(short, "secret");
    for (const args of [
      ["--redact", "port"],
      ["--redact", "user", "--redact-key-file", short],
      ["--redact-key-file", short],
    ])
      assert.equal((await runCli(["analyze", ...args, CAPTURE])).status, 2, args.join(" "));
  });
});
