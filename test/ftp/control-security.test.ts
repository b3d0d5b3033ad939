import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import {
  type ControlSecurityState,
  nextSecurityState,
  type SecurityInput,
  SecurityTracker,
} from "../../src/ftp/control-security.ts";

test("the table in the explanation is the table that runs", () => {
  const source = readFileSync(new URL("../../src/ftp/control-security.ts", import.meta.url), "utf8");
  const rows = source
    .split("\n")
    .filter((line) => line.startsWith(" * |"))
    .map((line) =>
      line
        .slice(4, line.lastIndexOf("|"))
        .split("|")
        .map((cell) => cell.trim()),
    );
  const inputs: SecurityInput[] = [
    "auth-command",
    "reply-234",
    "negative-reply",
    "tls-record",
    "tls-command",
    "cleartext-line",
  ];
  let checked = 0;
  for (const [label, ...cells] of rows.slice(2)) {
    const state = label.split(" ")[0] as ControlSecurityState;
    assert.equal(cells.length, inputs.length, label);
    inputs.forEach((input, i) => {
      assert.equal(nextSecurityState(state, input), cells[i].split(" ")[0] || state, `${state}, ${input}`);
      checked++;
    });
  }
  assert.equal(checked, 42);
});

test("explicit, implicit, and what is said when the beginning was not seen", () => {
  const security = (midstream: boolean, port: number, steps: (tracker: SecurityTracker) => void) => {
    const tracker = new SecurityTracker(midstream, port);
    steps(tracker);
    return tracker.security;
  };
  assert.equal(
    security(false, 21, (t) => t.tlsBegan("client")),
    "implicit-tls",
  );
  assert.equal(
    security(true, 21, (t) => t.tlsBegan("client")),
    "explicit-tls",
  );
  assert.equal(
    security(true, 990, (t) => t.tlsBegan("client")),
    "implicit-tls",
  );
  const asked = (t: SecurityTracker) => {
    t.line("client");
    t.authCommand();
    t.tlsBegan("client");
  };
  const granted = (t: SecurityTracker) => {
    t.line("server");
    t.reply(234);
    t.tlsBegan("server");
  };
  for (const port of [21, 990])
    for (const steps of [asked, granted]) assert.equal(security(false, port, steps), "explicit-tls");
  const gapFirst = (t: SecurityTracker) => {
    t.gap();
    t.tlsBegan("client");
  };
  assert.equal(security(false, 21, gapFirst), "explicit-tls");
  assert.equal(security(false, 990, gapFirst), "implicit-tls");
});

test("CCC is of a direction that was in TLS", () => {
  const tracker = new SecurityTracker(false, 21);
  tracker.line("client");
  tracker.authCommand();
  tracker.tlsBegan("client");
  tracker.line("server");
  tracker.reply(234);
  assert.equal(tracker.state, "tls-handshake", "a late 234");
  tracker.tlsBegan("server");
  tracker.record("client", 23, 29);
  tracker.line("server");
  assert.equal(tracker.state, "tls", "vsftpd's 500 OOPS in clear to a client that has left");
  tracker.line("client");
  assert.equal(tracker.state, "cleartext-after-ccc");
  assert.equal(tracker.security, "explicit-tls-then-ccc");
});

/** A session up to the ServerHello, in the way of {@link SecurityTracker}'s caller. */
function inHandshake(version: number): SecurityTracker {
  const tracker = new SecurityTracker(false, 21);
  tracker.line("client");
  tracker.authCommand();
  tracker.line("server");
  tracker.reply(234);
  tracker.tlsBegan("client");
  tracker.tlsBegan("server");
  tracker.serverHello(version);
  return tracker;
}

test("text after a handshake in which no command was sent is no CCC: nothing was protected", () => {
  const failures: ((tracker: SecurityTracker) => void)[] = [
    (tracker) => tracker.record("client", 21, 2),
    // An alert of TLS 1.3 looks like application data of 19 bytes, the client's Finished like some of 53 (RFC 8446 5.2, 4.4.4).
    (tracker) => tracker.record("client", 23, 19),
    (tracker) => tracker.record("client", 23, 53),
    (tracker) => tracker.record("server", 23, 900),
  ];
  for (const fail of failures) {
    const tracker = inHandshake(0x0304);
    fail(tracker);
    tracker.line("server");
    assert.equal(tracker.security, "explicit-tls", "only the server's 421 so far");
    tracker.line("client");
    assert.deepEqual([tracker.state, tracker.security], ["cleartext", "cleartext"]);
  }
  const again = inHandshake(0x0303);
  again.record("client", 21, 2);
  again.line("client");
  again.authCommand();
  again.tlsBegan("client");
  assert.equal(again.security, "explicit-tls", "a second try");
});

test("the first command under TLS makes a CCC possible: behind Finished in TLS 1.3, the first record in 1.2", () => {
  const modern = inHandshake(0x0304);
  modern.record("client", 23, 53);
  modern.record("client", 23, 22);
  modern.line("client");
  assert.equal(modern.security, "explicit-tls-then-ccc");
  const older = inHandshake(0x0303);
  older.record("client", 23, 29);
  older.line("client");
  assert.equal(older.security, "explicit-tls-then-ccc");
});

test("where records of the handshake are missing a CCC is believed", () => {
  const tracker = inHandshake(0x0304);
  tracker.gap();
  tracker.line("client");
  assert.equal(tracker.security, "explicit-tls-then-ccc");
});

test("TLS that nobody asked for is implicit, and came to nothing, whoever spoke first", () => {
  const hello = (tracker: SecurityTracker) => tracker.tlsBegan("client");
  const greeting = (tracker: SecurityTracker) => tracker.line("server");
  const user = (tracker: SecurityTracker) => tracker.line("client");
  const alert = (tracker: SecurityTracker) => tracker.tlsBegan("server");
  for (const port of [21, 990])
    for (const steps of [[hello, greeting, greeting], [greeting, hello, greeting], [alert], [user, alert]]) {
      const tracker = new SecurityTracker(false, port);
      for (const step of steps) step(tracker);
      assert.equal(tracker.security, "implicit-tls");
    }
});

test("where nobody has said a word the port tells", () => {
  assert.equal(new SecurityTracker(false, 990).security, "implicit-tls");
  assert.equal(new SecurityTracker(false, 21).security, "cleartext");
  const spoken = new SecurityTracker(false, 990);
  spoken.line("server");
  assert.equal(spoken.security, "cleartext");
});
