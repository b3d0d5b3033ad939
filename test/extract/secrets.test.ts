import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CaptureBuilder, type Connection } from "../support/capture-builder.ts";
import { ALL_SESSIONS, eachFrame, extract } from "./extract.ts";

/** What is there of a capture's TCP payloads, packet after packet, as text: Ethernet, IPv4 and TCP with options apart. */
function payloads(capture: Uint8Array): string[] {
  const texts: string[] = [];
  eachFrame(capture, ({ bytes, start, capturedLength }) => {
    const tcpAt = start + 14 + ((bytes[start + 14] ?? 0) & 0xf) * 4;
    const payloadAt = tcpAt + ((bytes[tcpAt + 12] ?? 0) >> 4) * 4;
    const text = Buffer.from(bytes.subarray(payloadAt, start + capturedLength)).toString("latin1");
    if (text !== "") texts.push(text);
  });
  return texts;
}

function extractOf(say: (control: Connection, net: CaptureBuilder) => void): { texts: string[]; overwritten: number } {
  const net = new CaptureBuilder();
  const control = net.connect({ client: "192.0.2.10:40000", server: "203.0.113.5:21" });
  control.server("220 ready\r\n");
  control.client("USER alice\r\n");
  control.server("331 more\r\n");
  say(control, net);
  const { bytes, overwritten } = extract(net.build(), ALL_SESSIONS);
  return { texts: payloads(bytes).slice(3), overwritten };
}

describe("secrets are overwritten in place", () => {
  const cases: [what: string, say: (control: Connection, net: CaptureBuilder) => void, expected: string[]][] = [
    ["PASS", (control) => control.client("PASS hunter2\r\n"), ["PASS xxxxxxx\r\n"]],
    [
      "over segments, cut anywhere",
      (control) => {
        for (const piece of ["PA", "SS hun", "ter", "2\r", "\n"]) control.client(piece);
      },
      ["PA", "SS xxx", "xxx", "x\r", "\n"],
    ],
    [
      "behind another command in the same segment",
      (control) => control.client("NOOP\r\nACCT hunter2\r\nPWD\r\n"),
      ["NOOP\r\nACCT xxxxxxx\r\nPWD\r\n"],
    ],
    [
      "sent twice",
      (control, net) => net.duplicate(control.client("PASS hunter2\r\n")),
      ["PASS xxxxxxx\r\n", "PASS xxxxxxx\r\n"],
    ],
    [
      "in the wrong order",
      (control, net) => {
        control.client("PASS hun");
        net.move(control.client("ter2\r\n"), -1);
      },
      ["xxxx\r\n", "PASS xxx"],
    ],
    [
      "repeated by the server",
      (control) => {
        control.client("PASS hunter2\r\n");
        control.server("530 hunter2 is wrong\r\n");
      },
      ["PASS xxxxxxx\r\n", "530 xxxxxxx is wrong\r\n"],
    ],
    ["a line that is no command", (control) => control.client("hunter2 oops\r\n"), ["xxxxxxxxxxxx\r\n"]],
    ["without its end", (control) => control.client("PASS hunt"), ["PASS xxxx"]],
  ];
  for (const [what, say, expected] of cases)
    test(what, () => {
      const { texts, overwritten } = extractOf(say);
      assert.deepEqual(texts, expected);
      assert.equal(overwritten, expected.join("").replace(/[^x]/g, "").length);
    });

  test("what is no secret stays as it was", () => {
    const said = ["USER bob\r\n", "CWD /pub/x\r\n", "RETR some file\r\n", "PASV\r\n"];
    const { texts, overwritten } = extractOf((control) => {
      for (const line of said) control.client(line);
    });
    assert.deepEqual([texts, overwritten], [said, 0]);
  });
});

test("the capture itself is not changed", () => {
  const net = new CaptureBuilder();
  net.connect({ client: "192.0.2.10:40000", server: "203.0.113.5:21" }).client("PASS hunter2\r\n");
  const capture = Buffer.from(net.build());
  const before = Buffer.from(capture);
  assert.equal(extract(capture, ALL_SESSIONS).overwritten, 7);
  assert.ok(capture.equals(before));
});

test("an ICMP error that quotes a secret keeps the headers of its quote only", () => {
  const net = new CaptureBuilder();
  const control = net.connect({ client: "192.0.2.10:40000", server: "203.0.113.5:21" });
  control.server("220 ready\r\n");
  const secret = control.client("PASS hunter2\r\n");
  net.icmpError({ from: "198.51.100.1", type: 3, code: 4, quoting: secret, quotedBytes: 200, mtu: 1400 });
  const capture = net.build();
  assert.match(Buffer.from(capture).toString("latin1"), /hunter2/);
  const { bytes, packets } = extract(capture, ALL_SESSIONS);
  assert.doesNotMatch(Buffer.from(bytes).toString("latin1"), /hunter2/);
  assert.equal(packets, net.packets().length);
});

test("endpoints that are used again: each connection's own secrets are overwritten", () => {
  const net = new CaptureBuilder();
  const secrets = ["canary-one", "canary-two", "canary-three", "canary-four"];
  for (const secret of secrets) {
    const control = net.connect({ client: "192.0.2.10:40000", server: "203.0.113.5:21" });
    control.server("220 ready\r\n");
    control.client(`PASS ${secret}\r\n`);
    control.server("230 in\r\n");
    control.finish("client");
    net.wait(60_000);
  }
  const { bytes, wantedSessions } = extract(net.build(), ALL_SESSIONS);
  assert.equal(wantedSessions, secrets.length);
  const said = payloads(bytes).join("");
  assert.doesNotMatch(said, /canary/);
  // and nothing else is
  assert.equal(said.match(/220 ready\r\nPASS x+\r\n230 in\r\n/g)?.length, secrets.length);
});
