import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { analyzeCapture } from "../../src/analyze.ts";
import { MAX_LINE_BYTES } from "../../src/report/event.ts";
import { render } from "./render.ts";
import { privateAddressSession, SAMPLES } from "./sample-analysis.ts";

/** The mapping of docs/siem.md, field by field, against what tshark shows of two recordings. */

async function eventsOf(fixture: string) {
  const analysis = analyzeCapture(new Uint8Array(readFileSync(`fixtures/${fixture}`)), { name: fixture });
  return linesOf(await render(analysis, "ecs")).map((line) => JSON.parse(line));
}

function linesOf(text: string): string[] {
  return text.split("\n").slice(0, -1);
}

test("a PORT that the server turned down: the server would have dialled, and nobody did", async () => {
  // Packets 15 and 16: PORT 192,168,42,17,150,65 at .042407, 500 at .044332. 150 * 256 + 65 = 38465.
  const [session, channel] = await eventsOf("port-cleartext-private-address-server.pcap");
  assert.equal(channel["@timestamp"], "2026-11-21T04:20:36.042407000Z");
  assert.equal(channel.event.start, "2026-11-21T04:20:36.042407000Z");
  assert.equal(channel.event.end, "2026-11-21T04:20:36.044332000Z");
  assert.equal(channel.event.duration, 1_925_000);
  assert.equal(channel.ftptrace.ts_ns, "1795234836042407000");
  assert.deepEqual(channel.source, { address: "93.190.70.26", ip: "93.190.70.26" });
  assert.deepEqual(channel.destination, { address: "192.168.42.17", ip: "192.168.42.17", port: 38465 });
  assert.deepEqual(channel.client, {
    address: "89.247.52.18",
    ip: "89.247.52.18",
    port: 50244,
    nat: { ip: "192.168.42.17" },
  });
  assert.deepEqual(channel.server, { address: "93.190.70.26", ip: "93.190.70.26", port: 21 });
  assert.deepEqual(channel.error, { code: "500" });
  assert.deepEqual(channel.user, { name: "anonymous" });
  assert.equal(channel.event.outcome, "failure");
  assert.equal(channel.event.kind, "alert");
  assert.equal(channel.ftptrace.outcome, "refused");
  assert.deepEqual(channel.ftptrace.advertised, { ip: "192.168.42.17", port: 38465, scope: "private" });
  assert.deepEqual(channel.ftptrace.connection, { seen: false });
  // The session lives on and ends in good order: packets 3 to 21.
  assert.equal(session["@timestamp"], "2026-11-21T04:20:36.028666000Z");
  assert.equal(session.event.end, "2026-11-21T04:20:36.045578000Z");
  assert.deepEqual([session.event.kind, session.event.outcome], ["event", "success"]);
  assert.deepEqual(session.tls, { established: false });
});

test("TLS is called established only where something came of it", async () => {
  const tlsOf = async (fixture: string) => (await eventsOf(fixture))[0].tls;
  assert.deepEqual(await tlsOf("pasv-explicit-tls-ok-client.pcap"), { established: true });
  // AUTH TLS is granted, and the ClientHello never answered.
  assert.equal(await tlsOf("control-explicit-tls-hello-dropped-client.pcap"), undefined);
  assert.deepEqual(await tlsOf("control-explicit-tls-auth-dropped-client.pcap"), { established: false });
});

test("silence is not called denied, a seen refusal is", async () => {
  const typesOf = async (fixture: string) => (await eventsOf(fixture))[1].event.type;
  assert.deepEqual(await typesOf("pasv-cleartext-filtered-client.pcap"), ["connection", "end"]);
  assert.deepEqual(await typesOf("pasv-cleartext-rejected-client.pcap"), ["connection", "end", "denied"]);
});

test("an event too long for a line is cut, says so, and keeps what finds it", async () => {
  const [channel] = privateAddressSession.dataChannels;
  const evidence = Array.from({ length: 400 }, (_, i) => ({ capture: 0, packet: i + 1, says: "日本語🎉".repeat(40) }));
  const long = { ...privateAddressSession, dataChannels: [{ ...channel, evidence }] };
  const whole = linesOf(await render(SAMPLES["private-address"], "ecs")).map((line) => JSON.parse(line));
  const lines = linesOf(await render({ ...SAMPLES["private-address"], sessions: [long] }, "ecs"));
  assert.ok(Buffer.byteLength(lines[1]) < MAX_LINE_BYTES);
  const cut = JSON.parse(lines[1]);
  assert.equal(cut.ftptrace.truncated, true);
  assert.ok(cut.ftptrace.evidence.length > 0 && cut.ftptrace.evidence.length < 400);
  for (const field of ["@timestamp", "event", "source", "destination", "client", "server", "network", "rule"])
    assert.deepEqual(cut[field], whole[1][field], field);
  assert.doesNotMatch(lines[1], /\p{Cs}/u);
  assert.deepEqual(JSON.parse(lines[0]), whole[0], "what fits is whole");
});
