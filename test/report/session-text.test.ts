import assert from "node:assert/strict";
import { test } from "node:test";
import { createSessionWriter } from "../../src/report/session-text.ts";
import { displayWidth } from "../../src/report/text-layout.ts";
import {
  CONVERSATION,
  healthySession,
  ipv6Session,
  privateAddressSession,
  SAMPLES,
  summaryOf,
} from "./sample-analysis.ts";

function text(id: string, width: number, captureCount = 1): string {
  const writer = createSessionWriter((one) => one.startsWith(id), { width, colour: false, captureCount });
  return [
    writer.begin(),
    ...[privateAddressSession, healthySession].map((session) => writer.session(session, () => CONVERSATION)),
    writer.end(summaryOf(SAMPLES["private-address"])),
  ].join("");
}

test("one session: when, who, every event with its packet, then each channel with its evidence", () => {
  assert.equal(
    text("s-51c2", 80),
    `Session s-51c2a7e9d0b34f18: 192.168.1.20:47596 to 5.9.12.92:21
2026-01-05 10:00:00 UTC, cleartext, vsftpd 3.0.3, user anonymous, 1 data channel

[1]   0.500    23  C <----- S  227 <script>alert(1)</script> \\u202e" ' & \ufffd
                   :        :  1.5 s later
[2]   2.000    25  C --x    S  data: SYN to 10.0.1.121:3846, 5 times over 7.2 s,
                               never answered

C is the client, S the server; seconds since the first packet, packet numbers.

Channel 1, PASV 10.0.1.121:3846: failed: the server advertises a private address
  [pasv-private-address]
  [1] packet 23: 227 advertises 10.0.1.121:3846, a private address; the server
      is 5.9.12.92
  [2] packet 25: SYN to 10.0.1.121:3846, sent 5 times over 7.2 s, never answered
  [3] packet 40: the client gives up: QUIT
`,
  );
});

test("packets of several captures name their capture", () => {
  assert.match(text("s-51c2", 80, 2), /^\[1\] +0\.500 +1:23 /m);
});

test("the beginning of an id will do, and what fits no session is not found", () => {
  assert.equal(text("s-", 80).match(/^Session /gm)?.length, 2);
  const writer = createSessionWriter((one) => one.startsWith("x"), { width: 80, colour: false });
  assert.equal(
    writer.session(privateAddressSession, () => CONVERSATION),
    "",
  );
  assert.equal(writer.found, 0);
});

for (const width of [60, 80, 200])
  test(`lines fit ${width} columns`, () => {
    const writer = createSessionWriter(() => true, { width, colour: false });
    for (const session of [...SAMPLES.hostile.sessions, ipv6Session]) {
      const lines = writer.session(session, () => CONVERSATION).split("\n");
      for (const line of lines) assert.ok(displayWidth(line) <= width && line === line.trimEnd(), line);
    }
  });
