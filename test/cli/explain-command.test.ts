import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { ANOMALY_TEXT } from "../../src/anomaly.ts";
import { CAUSE_GROUPS, CAUSE_IDS, CAUSE_TEXT } from "../../src/diagnose/causes.ts";
import { CONTRIBUTING_IDS } from "../../src/diagnose/contributing.ts";
import { FINDING_IDS } from "../../src/diagnose/findings.ts";
import { LIMIT_IDS } from "../../src/diagnose/limits.ts";
import { runCli } from "./run-cli.ts";

test("the groups hold every cause once, in the order of the ids", () => {
  assert.deepEqual(
    CAUSE_GROUPS.flatMap(({ causes }) => causes),
    CAUSE_IDS,
  );
});

test("every oddity that is explained can occur, every finding can be made", () => {
  const sources = readdirSync("src", { recursive: true, encoding: "utf8" }).filter(
    (path) => path.endsWith(".ts") && !["anomaly.ts", "diagnose/limits.ts"].includes(path),
  );
  const text = sources.map((path) => readFileSync(`src/${path}`, "utf8")).join("\n");
  // Put together from a layer's name in src/decode/decode-packet.ts; test/decode/ and test/fuzz/ make them occur.
  const composed = /^(link|ip|tcp|icmp)-(header-(cut|malformed)|checksum-wrong)$/;
  for (const id of Object.keys(ANOMALY_TEXT)) assert.ok(composed.test(id) || text.includes(`"${id}"`), id);
  // Once with its words, and once where it is made.
  for (const id of FINDING_IDS) assert.ok(text.split(`id: "${id}"`).length > 2, id);
});

describe("ftptrace explain", { concurrency: 4 }, () => {
  test("without an id: every id with its title, nothing wider than the terminal", async () => {
    const { status, stdout, stderr } = await runCli(["explain", "--width", "80"]);
    assert.deepEqual([status, stderr], [0, ""]);
    for (const id of [...CAUSE_IDS, ...CONTRIBUTING_IDS, ...LIMIT_IDS, ...FINDING_IDS, ...Object.keys(ANOMALY_TEXT)])
      assert.match(stdout, new RegExp(`^ {2}${id} `, "m"));
    for (const { title } of CAUSE_GROUPS) assert.match(stdout, new RegExp(`^${title}$`, "m"));
    for (const line of stdout.split("\n")) assert.ok(line.length <= 80, line);
  });

  test("with an id: its page, wrapped, the ladder as it is", async () => {
    const { status, stdout, stderr } = await runCli(["explain", "data-port-filtered", "--width", "80"]);
    assert.deepEqual([status, stderr], [0, ""]);
    assert.ok(stdout.startsWith(`data-port-filtered: ${CAUSE_TEXT["data-port-filtered"].title}\n====`));
    const page = readFileSync("docs/causes/data-port-filtered.md", "utf8");
    for (const line of page
      .match(/```text\n([\s\S]*?)```/)![1]
      .trimEnd()
      .split("\n"))
      assert.ok(stdout.includes(`    ${line}\n`), line);
    for (const line of stdout.split("\n")) assert.ok(line.length <= 80, line);
    assert.doesNotMatch(stdout, /\*\*|\]\(|```|\x1b/);
  });

  test("--color always colours", async () => {
    const { stdout } = await runCli(["explain", "pasv-refused", "--color", "always"]);
    assert.match(stdout, /^\x1b\[1mpasv-refused/);
  });

  test("a limit of the capture is explained in a sentence", async () => {
    const { status, stdout } = await runCli(["explain", "capture-filtered"]);
    assert.equal(status, 0);
    assert.match(stdout, /not a cause/);
  });

  test("a finding and an oddity of the input are explained in a few sentences", async () => {
    const [finding, oddity] = await Promise.all([
      runCli(["explain", "blind-helper"]),
      runCli(["explain", "tcp-overlap-differs"]),
    ]);
    assert.deepEqual([finding.status, oddity.status], [0, 0]);
    assert.match(finding.stdout, /^blind-helper\n=+\n\nA finding over several sessions: [\s\S]*TLS hides it\.\n$/);
    assert.match(oddity.stdout, /An oddity of the input[\s\S]*the first copy counts\.\n$/);
  });

  const unknown: [id: string, near: RegExp][] = [
    ["privat-address", /did you mean: pasv-private-address, port-private-address/],
    ["tls", /did you mean: .*tls-session-reuse-required/],
    ["../../package", /ftptrace explain lists all ids/],
    ["xyzzy", /ftptrace explain lists all ids/],
  ];
  for (const [id, near] of unknown)
    test(`an id that there is none of is wrong usage: ${id}`, async () => {
      const { status, stdout, stderr } = await runCli(["explain", id]);
      assert.deepEqual([status, stdout], [2, ""]);
      assert.match(stderr, /^ftptrace: nothing is called '/);
      assert.match(stderr, near);
    });
});
