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

/** The channels of an encrypted session of these commands and replies, after which the client leaves; numbers are seconds. */
function dialogue(steps: readonly (readonly [command: string, ...replies: string[]] | number)[]) {
  const net = new CaptureBuilder();
  const control = net.connect({ client: "203.0.113.9:40000", server: "198.51.100.7:21" });
  control.server("220 ready\r\n");
  control.client("AUTH TLS\r\n");
  control.server("234 proceed\r\n");
  control.tls({ version: "1.3", resumption: "none" });
  for (const step of steps) {
    if (typeof step === "number") net.wait(step * 1000);
    else {
      const [command, ...replies] = step;
      control.sealed("client", `${command}\r\n`, "1.3");
      for (const reply of replies) control.sealed("server", `${reply}\r\n`, "1.3");
    }
  }
  control.closeNotify("client", "1.3");
  control.finish("client");
  return analyzeCapture(net.build()).sessions[0].dataChannels;
}

const PASV = ["PASV", "227 Entering Passive Mode (10,20,30,40,195,80)."] as const;
/** ProFTPD's 150 is as long as a 227. */
const OPENING = "150 Opening ASCII mode data connection for file list";

test("a LIST that takes long, behind PASV or PORT, is not taken for another PASV", () => {
  assert.deepEqual(dialogue([PASV, ["LIST", OPENING], 12]), []);
  assert.deepEqual(dialogue([PASV, ["TYPE A", "200 Type set to A"], ["LIST", OPENING], 12]), []);
  const port = ["PORT 203,0,113,9,195,80", "200 PORT command successful"] as const;
  assert.deepEqual(dialogue([port, ["LIST", OPENING], 12]), []);
});

test("a PASV behind a transfer, or behind one that the client waited for in vain, is one", () => {
  assert.equal(dialogue([PASV, ["LIST", OPENING, "226 Transfer complete"], PASV, 12]).length, 1);
  assert.equal(dialogue([PASV, 12, PASV, 12]).length, 1);
});

test("a client that dials in vain after EPSV, asks for PASV, and then has no time left (curl)", () => {
  const EPSV = ["EPSV", "229 Entering Extended Passive Mode (|||50009|)"] as const;
  const [channel, ...others] = dialogue([EPSV, 12, PASV]);
  assert.deepEqual(others, []);
  assert.deepEqual(
    [channel.inferred, channel.outcome, channel.cause, channel.confidence],
    [true, "failed", "syn-not-seen", "possible"],
  );
  assert.match(channel.evidence[1].says, /a 227 or 229; then 12\.\d s of silence, and no SYN/);
  // It did not wait, or what stands before the last grant is a transfer and a pause of the user's.
  assert.deepEqual(dialogue([EPSV, 4, PASV]), []);
  assert.deepEqual(dialogue([EPSV, ["LIST", OPENING], 12, PASV]), []);
  assert.deepEqual(dialogue([EPSV, ["LIST", OPENING, "226 Transfer complete"], 12, PASV]), []);
});

interface ActiveStory {
  readonly port?: string;
  readonly reply?: string;
  readonly transfer?: string | null;
  readonly answer?: string;
  readonly waitMs?: number;
}

/** An encrypted session whose client sends PORT and a transfer command, waits and leaves. */
function encryptedActive(story: ActiveStory = {}) {
  const { port = "PORT 203,0,113,9,195,80", reply = "200 PORT command successful", waitMs = 12_000 } = story;
  const net = new CaptureBuilder();
  const control = net.connect({ client: "203.0.113.9:40000", server: "198.51.100.7:21" });
  control.server("220 ready\r\n");
  control.client("AUTH TLS\r\n");
  control.server("234 proceed\r\n");
  control.tls({ version: "1.3", resumption: "none" });
  control.sealed("client", "USER anonymous\r\n", "1.3");
  control.sealed("server", "230 Login successful.\r\n", "1.3");
  const portPacket = control.sealed("client", `${port}\r\n`, "1.3");
  const replyPacket = control.sealed("server", `${reply}\r\n`, "1.3");
  const transfer = story.transfer === undefined ? "LIST" : story.transfer;
  if (transfer !== null) control.sealed("client", `${transfer}\r\n`, "1.3");
  control.ack("server");
  if (story.answer) control.sealed("server", `${story.answer}\r\n`, "1.3");
  net.wait(waitMs);
  control.sealed("client", "QUIT\r\n", "1.3");
  control.finish("client");
  return { channels: analyzeCapture(net.build()).sessions[0].dataChannels, portPacket, replyPacket };
}

test("PORT with the client's own address, its 200, and a transfer that the server never answers", () => {
  const { channels, portPacket, replyPacket } = encryptedActive();
  assert.deepEqual(
    channels.map(({ inferred, outcome, cause, confidence }) => [inferred, outcome, cause, confidence]),
    [[true, "failed", "syn-not-seen", "possible"]],
  );
  assert.deepEqual(
    channels[0].evidence.map(({ packet }) => packet),
    [portPacket, replyPacket],
  );
  assert.match(channels[0].evidence[0].says, /25 bytes, as long as PORT with the client's own address/);
  assert.deepEqual(
    channels[0].alternatives.map(({ cause }) => cause),
    ["active-inbound-blocked", "port-private-address"],
  );
});

test("nothing is inferred where the server answers the transfer, the client waits less, or the lengths are others", () => {
  for (const story of [
    { answer: "150 Opening ASCII mode data connection for file list" },
    { answer: "425 Unable to build data connection: Connection refused" },
    { waitMs: 4_900 },
    { transfer: null },
    { transfer: "PWD" },
    { reply: "200 Type set to I" },
    { port: "PORT 203,0,113,9,4,0".slice(0, -1) },
    { port: "PORT 203,0,113,99,195,180" },
  ])
    assert.deepEqual(encryptedActive(story).channels, [], JSON.stringify(story));
  for (const port of ["PORT 203,0,113,9,4,0", "PORT 203,0,113,9,195,180"])
    assert.equal(encryptedActive({ port }).channels.length, 1, port);
});
