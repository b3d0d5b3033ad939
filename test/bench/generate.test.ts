import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { generate, VARIANTS, type VariantName } from "../../bench/generate.ts";
import { KINDS, type KindName } from "../../bench/kinds.ts";
import { type CaptureTruth, compare } from "../../bench/truth.ts";
import { analyzeCapture } from "../../src/index.ts";

/** The captures of the benchmark are what their truth says, for our analyzer and for tshark. */

/** Small amounts, and still enough for each kind of failure. */
const AMOUNTS: Readonly<Record<KindName, number>> = {
  mixed: 12,
  "ftp-heavy": 6,
  small: 2,
  "control-only": 200,
  "syn-flood-on-21": 3_000,
  // More than three hosts: fewer targets are no scan.
  "scan-of-all-ports": 4 * 65_535 + 22,
  "clients-failing-at-once": 200,
  "many-commands": 1_000,
  "many-data-connections": 200,
  "endless-line": 1,
  "late-greeting-under-flood": 2,
};

const kinds = Object.keys(KINDS) as KindName[];
// gz is plain until the file is written.
const variants = (Object.keys(VARIANTS) as VariantName[]).filter((variant) => variant !== "gz");

function made(kind: KindName, variant: VariantName, seed = 3): { truth: CaptureTruth; bytes: Buffer } {
  const chunks: Uint8Array[] = [];
  const truth = generate({ kind, variant, amount: AMOUNTS[kind], seed }, (chunk) => chunks.push(chunk.slice()));
  return { truth, bytes: Buffer.concat(chunks) };
}

for (const kind of kinds)
  test(`${kind}: the report is the truth, session by session`, () => {
    const { truth, bytes } = made(kind, "plain");
    const comparison = compare(truth, analyzeCapture(bytes));
    assert.deepEqual(comparison.differences, []);
    assert.equal(comparison.sessionsRight, comparison.sessions);
    assert.ok(comparison.sessions > 0);
  });

for (const variant of variants)
  test(`small, ${variant}: the report is the truth, with failures of every kind`, () => {
    const { truth, bytes } = made("small", variant);
    const comparison = compare(truth, analyzeCapture(bytes));
    assert.deepEqual(comparison.differences, []);
    const causes = truth.sessions.flatMap(({ cause, channels }) => [
      cause,
      ...channels.map((channel) => channel.cause),
    ]);
    const kindsOfFailure = new Set(causes.filter((cause) => cause !== null)).size;
    assert.equal(kindsOfFailure, VARIANTS[variant].ipVersion === 6 ? 7 : 8);
  });

test("same seed, same bytes; another seed, others", () => {
  const { bytes } = made("small", "plain");
  assert.ok(made("small", "plain").bytes.equals(bytes));
  assert.ok(!made("small", "plain", 4).bytes.equals(bytes));
});

test("a comparison finds what is wrong, missing and invented", () => {
  const { truth, bytes } = made("small", "plain");
  const report = analyzeCapture(bytes);
  const [first, second, ...rest] = report.sessions;
  assert.ok(first && second);
  assert.equal(compare(truth, { ...report, sessions: [second, ...rest] }).sessionsRight, truth.sessions.length - 1);
  assert.equal(compare(truth, { ...report, sessions: [...report.sessions, first] }).invented, 1);
  const accused = { ...first, control: { ...first.control, cause: "login-failed" as const } };
  assert.equal(compare(truth, { ...report, sessions: [accused, second, ...rest] }).differences.length, 1);
  assert.equal(compare({ ...truth, finding: ["scan"] }, report).differences.length, 1);
  assert.equal(compare({ ...truth, packets: 1 }, report).differences.length, 1);
  // Of long texts what is shown is around the place where they part.
  const channels = Array.from({ length: 3000 }, (_, i) => ({
    ...first.dataChannels[0],
    advertised: { address: null, port: i },
  }));
  const long = { ...first, dataChannels: channels };
  const [difference] = compare(truth, { ...report, sessions: [long, second, ...rest] }).differences;
  assert.ok(difference.length < 700, `${difference.length} characters`);
});

const folder = mkdtempSync(join(tmpdir(), "ftptrace-test-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const tshark = spawnSync("tshark", ["--version"]).error ? "tshark is not installed" : false;

for (const variant of variants)
  test(`small, ${variant}: tshark reads the same sessions, and finds every checksum right`, { skip: tshark }, () => {
    const { truth, bytes } = made("small", variant);
    const file = join(folder, `${variant}.pcap`);
    writeFileSync(file, bytes);
    const checksums = ["ip", "tcp", "udp"].flatMap((protocol) => ["-o", `${protocol}.check_checksum:TRUE`]);
    const statuses = ["ip", "tcp", "udp", "icmp", "icmpv6"].map((protocol) => `${protocol}.checksum.status`);
    const fields = ["ftp.request.command", "ipv6.src", "ip.src", "tcp.srcport", "_ws.malformed", ...statuses];
    const shown = fields.flatMap((field) => ["-e", field]);
    const words = ["-n", "-r", file, ...checksums, "-T", "fields", "-E", "separator=;", "-E", "occurrence=f", ...shown];
    const run = spawnSync("tshark", words, { encoding: "utf8", maxBuffer: 2 ** 28 });
    const rows = run.stdout.trimEnd().split("\n");
    assert.equal(rows.length, truth.packets);
    const users: string[] = [];
    const bad = rows.filter((row) => {
      const [command, ipv6, ipv4, port, malformed, ...checked] = row.split(";");
      if (command === "USER") users.push(`${ipv6 || ipv4} ${port}`);
      // 0 is bad, 1 good, 2 not verified (what ICMP quotes), nothing a protocol that the packet has not.
      return malformed !== "" || checked.includes("0");
    });
    assert.deepEqual(bad.slice(0, 3), []);
    assert.ok(rows.some((row) => /;1(;|$)/.test(row)));
    assert.deepEqual(users.sort(), truth.sessions.map(({ client }) => client).sort());
  });
