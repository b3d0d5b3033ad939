import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Analysis } from "../../src/analysis.ts";
import { analyzeCapture } from "../../src/analyze.ts";
import { render } from "./render.ts";
import { SAMPLES } from "./sample-analysis.ts";

/** What a pipeline does with the events: real programs read them, and give back what the report says. The recipes are docs/siem.md's. */

/** What we use of `@duckdb/node-api`. Its lock would name packages of every platform, which not every registry has: so it is installed beside. */
interface DuckDb {
  readonly DuckDBInstance: {
    create(path: string): Promise<{ connect(): Promise<DuckDbConnection> }>;
  };
}
interface DuckDbConnection {
  runAndReadAll(query: string): Promise<{ getRowObjects(): Readonly<Record<string, unknown>>[] }>;
  closeSync(): void;
}
const DUCKDB = "@duckdb/node-api";
const duckDb: DuckDb | null = await import(DUCKDB).catch(() => null);

const folder = mkdtempSync(join(tmpdir(), "ftptrace-ingestion-"));
after(() => rmSync(folder, { recursive: true }));

const analyses: Analysis[] = [
  ...readdirSync("fixtures")
    .filter((name) => /\.pcap(ng)?$/.test(name))
    .map((name) => analyzeCapture(new Uint8Array(readFileSync(join("fixtures", name))), { name })),
  SAMPLES.hostile,
];

/** `cause server` with how many data channels failed so, by the report. */
function failuresByReport(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { sessions } of analyses)
    for (const { control, dataChannels } of sessions)
      for (const { outcome, cause } of dataChannels)
        if (outcome === "failed" && cause !== null) {
          const key = `${cause} ${control.server.address}`;
          counts.set(key, (counts.get(key) ?? 0) + 1);
        }
  return new Map([...counts].sort());
}

before(async () => {
  for (const format of ["ecs", "ocsf", "ndjson", "csv"] as const) {
    const texts = await Promise.all(analyses.map((analysis) => render(analysis, format)));
    // One header for the whole file of CSV.
    const parts =
      format === "csv" ? texts.map((text, i) => (i === 0 ? text : text.slice(text.indexOf("\r\n") + 2))) : texts;
    writeFileSync(join(folder, `events.${format}`), parts.join(""));
  }
});

const withoutDuckDb = duckDb ? false : "not installed: npm install --no-save @duckdb/node-api";

describe("DuckDB answers: failures per cause and server", { skip: withoutDuckDb }, () => {
  const queries = {
    ecs: `SELECT event.code AS cause, server.ip AS server, count(*)::INT AS n
      FROM read_json_auto('FILE', format = 'newline_delimited', sample_size = -1)
      WHERE event.dataset = 'ftptrace.data_channel' AND ftptrace.outcome = 'failed' GROUP BY ALL`,
    ocsf: `SELECT metadata.event_code AS cause, unmapped.ftptrace.server.ip AS server, count(*)::INT AS n
      FROM read_json_auto('FILE', format = 'newline_delimited', sample_size = -1)
      WHERE class_uid = 4008 AND unmapped.ftptrace.outcome = 'failed' GROUP BY ALL`,
    ndjson: `SELECT cause, control.server.address AS server, count(*)::INT AS n
      FROM read_json_auto('FILE', format = 'newline_delimited', sample_size = -1)
      WHERE type = 'channel' AND outcome = 'failed' GROUP BY ALL`,
    csv: `SELECT cause, server_ip AS server, count(*)::INT AS n FROM read_csv('FILE', header = true, all_varchar = true)
      WHERE record = 'channel' AND outcome = 'failed' GROUP BY ALL`,
  } as const;
  for (const [format, query] of Object.entries(queries))
    test(format, async () => {
      const instance = await duckDb!.DuckDBInstance.create(":memory:");
      const connection = await instance.connect();
      const reader = await connection.runAndReadAll(query.replace("FILE", join(folder, `events.${format}`)));
      const rows = reader.getRowObjects().filter(({ cause }) => cause !== null);
      const found = rows.map(({ cause, server, n }): [string, number] => [`${cause} ${server}`, Number(n)]);
      assert.deepEqual(new Map(found.sort()), failuresByReport());
      connection.closeSync();
    });
});

const hasRsyslog = spawnSync("rsyslogd", ["-v"]).status === 0;

test("rsyslog parses every event with mmjsonparse", {
  skip: hasRsyslog ? false : "rsyslogd is not installed",
}, async () => {
  const lines = readFileSync(join(folder, "events.ecs"), "utf8").split("\n").length - 1;
  const parsed = join(folder, "parsed");
  const failed = join(folder, "failed");
  const config = join(folder, "rsyslog.conf");
  writeFileSync(
    config,
    `global(workDirectory="${folder}")
module(load="imfile" mode="polling" pollingInterval="1")
module(load="mmjsonparse")
template(name="event" type="string" string="%$!event!id% %$!ftptrace!record%\\n")
input(type="imfile" file="${join(folder, "events.ecs")}" tag="ftptrace:" ruleset="ftptrace")
ruleset(name="ftptrace") {
  action(type="mmjsonparse" cookie="")
  if $parsesuccess == "OK" then action(type="omfile" file="${parsed}" template="event")
  else action(type="omfile" file="${failed}")
}
`,
  );
  const daemon = spawn("rsyslogd", ["-n", "-f", config, "-i", join(folder, "pid")], { stdio: "ignore" });
  const exited = new Promise((resolve) => daemon.once("exit", resolve));
  const read = () => {
    try {
      return readFileSync(parsed, "utf8").split("\n").slice(0, -1);
    } catch {
      return [];
    }
  };
  for (let waited = 0; read().length < lines && waited < 100; waited++) await sleep(200);
  daemon.kill();
  await exited;
  const events = read();
  assert.equal(events.length, lines);
  const ids = readFileSync(join(folder, "events.ecs"), "utf8").trim().split("\n");
  assert.deepEqual(
    events.sort(),
    ids
      .map((line) => JSON.parse(line))
      .map(({ event, ftptrace }) => `${event.id} ${ftptrace.record}`)
      .sort(),
  );
  assert.throws(() => readFileSync(failed), /ENOENT/);
});
