import assert from "node:assert/strict";
import { test } from "node:test";
import { analyzeCapture } from "../../src/index.ts";
import { CaptureBuilder } from "../support/capture-builder.ts";

const SERVER = "203.0.113.5";
const CLIENT = "192.0.2.10";
/** Ethernet, IPv4 and TCP without options. */
const HEADERS = 14 + 20 + 20;

/** A session that has logged in. */
function session(net: CaptureBuilder, port: number) {
  const control = net.connect({ client: `${CLIENT}:${port}`, server: `${SERVER}:21`, timestamps: false });
  control.server("220 ready\r\n");
  control.client("USER a\r\n");
  control.server("230 ok\r\n");
  return control;
}

test("a grant that the snaplen cut names no port: whose connection to that port it is, another session's whole grant tells", () => {
  const whole = "227 Ok (203,0,113,5,200,3)\r\n";
  const cut = "227 Passive mode (203,0,113,5,200,35)\r\n";
  const kept = cut.indexOf(",35") + 2;
  const net = new CaptureBuilder({ snaplen: HEADERS + kept });
  const first = session(net, 40000);
  const second = session(net, 40002);
  first.client("PASV\r\n");
  first.server(whole);
  second.client("PASV\r\n");
  second.server(cut);
  // 200 × 256 + 3; of the other 51235 only "200,3" is in the capture.
  const data = net.connect({ client: `${CLIENT}:40001`, server: `${SERVER}:51203` });
  first.client("LIST\r\n");
  first.server("150 here\r\n");
  data.serverData(400);
  data.finish("server");
  first.server("226 done\r\n");
  for (const control of [first, second]) {
    control.client("QUIT\r\n");
    control.server("221 bye\r\n");
    control.finish("server");
  }
  const [channel] = analyzeCapture(net.build()).sessions.find(
    (told) => told.control.client.port === 40000,
  )!.dataChannels;
  assert.equal(whole.length <= kept, true, "the first grant is whole");
  assert.deepEqual(
    [channel.connection?.responder.port, channel.connection?.match, channel.outcome, channel.cause],
    [51203, "exact", "ok", null],
  );
});
