import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { analyzeCapture } from "../../src/analyze.ts";
import { MAX_LINE_BYTES } from "../../src/report/event.ts";
import { render } from "./render.ts";
import { privateAddressSession, SAMPLES } from "./sample-analysis.ts";

/** The mapping of docs/siem.md, attribute by attribute, against what tshark shows of recordings. */

async function eventsOf(fixture: string) {
  const analysis = analyzeCapture(new Uint8Array(readFileSync(`fixtures/${fixture}`)), { name: fixture });
  return linesOf(await render(analysis, "ocsf")).map((line) => JSON.parse(line));
}

function linesOf(text: string): string[] {
  return text.split("\n").slice(0, -1);
}

test("a PORT that the server turned down is an FTP Activity that failed and a finding about it", async () => {
  // Packets 15 and 16: PORT 192,168,42,17,150,65 at .042407, 500 at .044332. 150 * 256 + 65 = 38465.
  const [activity, finding] = await eventsOf("port-cleartext-private-address-server.pcap");
  assert.deepEqual([activity.class_uid, activity.activity_id, activity.type_uid], [4008, 0, 400800]);
  assert.deepEqual(
    [activity.time, activity.start_time, activity.end_time],
    [1795234836042, 1795234836042, 1795234836044],
  );
  assert.equal(activity.unmapped.ftptrace.ts_ns, "1795234836042407000");
  assert.deepEqual([activity.status_id, activity.status, activity.status_code], [2, "Failure", "500"]);
  assert.deepEqual(activity.codes, [500]);
  assert.equal(activity.type, "active");
  assert.equal(activity.port, 38465);
  assert.deepEqual(activity.src_endpoint, { ip: "93.190.70.26" });
  assert.deepEqual(activity.dst_endpoint, { ip: "192.168.42.17", port: 38465, svc_name: "ftp-data" });
  assert.deepEqual(activity.unmapped.ftptrace.client, { ip: "89.247.52.18", port: 50244 });
  assert.deepEqual(activity.unmapped.ftptrace.server, { ip: "93.190.70.26", port: 21 });
  assert.deepEqual([finding.class_uid, finding.type_uid, finding.status], [2004, 200401, "New"]);
  assert.deepEqual(finding.finding_info.types, ["port-private-address"]);
  assert.deepEqual(finding.finding_info.related_events, [{ uid: activity.metadata.uid, type_uid: 400800 }]);
  assert.notEqual(finding.metadata.uid, activity.metadata.uid);
});

test("the activity is that of the transfer's verb (RFC 959)", async () => {
  const [{ sessions }] = [SAMPLES.healthy];
  const activities = linesOf(await render(SAMPLES.healthy, "ocsf"))
    .map((line) => JSON.parse(line))
    .filter(({ class_uid }) => class_uid === 4008);
  const names = { RETR: "Get", STOR: "Put", LIST: "List" } as const;
  assert.deepEqual(
    activities.map(({ activity_name }) => activity_name),
    sessions[0].dataChannels.map(({ transfer }) => (transfer ? names[transfer.verb as keyof typeof names] : "Unknown")),
  );
});

test("an event too long for a line is cut, says so, and keeps what finds it", async () => {
  const [channel] = privateAddressSession.dataChannels;
  const evidence = Array.from({ length: 400 }, (_, i) => ({ capture: 0, packet: i + 1, says: "日本語🎉".repeat(40) }));
  const long = { ...privateAddressSession, dataChannels: [{ ...channel, evidence }] };
  const whole = linesOf(await render(SAMPLES["private-address"], "ocsf")).map((line) => JSON.parse(line));
  const lines = linesOf(await render({ ...SAMPLES["private-address"], sessions: [long] }, "ocsf"));
  assert.equal(lines.length, whole.length);
  for (const [i, line] of lines.entries()) {
    assert.ok(Buffer.byteLength(line) < MAX_LINE_BYTES);
    assert.doesNotMatch(line, /\p{Cs}/u);
    const cut = JSON.parse(line);
    assert.equal(cut.metadata.is_truncated, true);
    assert.equal(cut.unmapped.ftptrace.truncated, true);
    assert.equal(cut.metadata.uid, whole[i].metadata.uid);
    for (const field of ["time", "type_uid", "severity_id", "src_endpoint", "connection_info", "observables"])
      assert.deepEqual(cut[field], whole[i][field], field);
  }
});
