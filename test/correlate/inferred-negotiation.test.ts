import assert from "node:assert/strict";
import { test } from "node:test";
import { analyzeCapture } from "../../src/index.ts";
import { CaptureBuilder } from "../support/capture-builder.ts";

const GRANT = "227 Entering Passive Mode (10,20,30,40,195,80).\r\n";

interface Story {
  command?: string;
  reply?: string;
  waitMs?: number;
  end?: "leave" | "list" | "nothing";
  dials?: boolean;
  version?: "1.2" | "1.3";
}

/** An encrypted session whose last exchange is `command` and `reply`, then `waitMs` of silence, then `end`. */
function encrypted(story: Story) {
  const { command = "PASV\r\n", reply = GRANT, waitMs = 12_000, end = "leave", dials = false, version = "1.3" } = story;
  const net = new CaptureBuilder();
  const control = net.connect({ client: "203.0.113.9:40000", server: "198.51.100.7:21" });
  control.server("220 ready\r\n");
  control.client("AUTH TLS\r\n");
  control.server("234 proceed\r\n");
  control.tls({ version, resumption: "none" });
  control.sealed("client", "USER anonymous\r\n", version);
  control.sealed("server", "230 Login successful.\r\n", version);
  const commandPacket = control.sealed("client", command, version);
  const replyPacket = control.sealed("server", reply, version);
  if (dials) net.synUnanswered({ client: "203.0.113.9:40001", server: "198.51.100.7:50000", retries: 3 });
  net.wait(waitMs);
  if (end === "list") control.sealed("client", "LIST\r\n", version);
  if (end !== "nothing") {
    control.closeNotify("client", version);
    control.finish("client");
  }
  const channels = analyzeCapture(net.build()).sessions[0].dataChannels;
  return { channels, commandPacket, replyPacket };
}

for (const version of ["1.2", "1.3"] as const) {
  test(`TLS ${version}: PASV, a reply as long as a 227, silence, and no connection`, () => {
    const { channels, commandPacket, replyPacket } = encrypted({ version });
    assert.equal(channels.length, 1);
    const [channel] = channels;
    assert.deepEqual(
      [channel.inferred, channel.negotiation, channel.connection, channel.outcome, channel.cause, channel.confidence],
      [true, null, null, "failed", "syn-not-seen", "possible"],
    );
    assert.deepEqual(channel.contributing, ["control-encrypted"]);
    assert.deepEqual(
      channel.evidence.map(({ packet }) => packet),
      [commandPacket, replyPacket],
    );
    assert.match(channel.evidence[1].says, new RegExp(`${GRANT.length} bytes`));
  });
}

test("a client that goes on at once had its connection, here or elsewhere", () => {
  assert.deepEqual(encrypted({ waitMs: 100, end: "list" }).channels, []);
  assert.deepEqual(encrypted({ waitMs: 4_900 }).channels, []);
  assert.equal(encrypted({ waitMs: 5_200 }).channels.length, 1);
});

test("nothing is inferred from other lengths", () => {
  assert.deepEqual(encrypted({ command: "PWD\r\n" }).channels, []);
  assert.deepEqual(encrypted({ command: "TYPE I\r\n" }).channels, []);
  assert.deepEqual(encrypted({ reply: "221 Goodbye.\r\n" }).channels, []);
  for (const [length, channels] of [
    [39, 0],
    [40, 1],
    [56, 1],
    [57, 0],
  ]) {
    assert.equal(encrypted({ reply: `${"x".repeat(length - 2)}\r\n` }).channels.length, channels, `${length} bytes`);
  }
});

test("a capture that ends in the silence says nothing", () => {
  assert.deepEqual(encrypted({ end: "nothing" }).channels, []);
});

test("what was dialled is told by its packets, not inferred", () => {
  const { channels } = encrypted({ dials: true });
  assert.deepEqual(
    channels.map(({ inferred, cause }) => [inferred, cause]),
    [[false, "data-port-filtered"]],
  );
});
