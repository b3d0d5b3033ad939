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
  const inputs: SecurityInput[] = ["auth-command", "reply-234", "negative-reply", "tls-record", "cleartext-line"];
  let checked = 0;
  for (const [label, ...cells] of rows.slice(2)) {
    const state = label.split(" ")[0] as ControlSecurityState;
    assert.equal(cells.length, inputs.length, label);
    inputs.forEach((input, i) => {
      assert.equal(nextSecurityState(state, input), cells[i].split(" ")[0] || state, `${state}, ${input}`);
      checked++;
    });
  }
  assert.equal(checked, 30);
});

test("explicit, implicit, and what is said when the beginning was not seen", () => {
  const security = (midstream: boolean, port990: boolean, steps: (tracker: SecurityTracker) => void) => {
    const tracker = new SecurityTracker(midstream, port990);
    steps(tracker);
    return tracker.security;
  };
  assert.equal(
    security(false, false, (t) => t.tlsBegan("client")),
    "implicit-tls",
  );
  assert.equal(
    security(true, false, (t) => t.tlsBegan("client")),
    "explicit-tls",
  );
  assert.equal(
    security(true, true, (t) => t.tlsBegan("client")),
    "implicit-tls",
  );
  const textFirst = (t: SecurityTracker) => {
    t.line("server");
    t.tlsBegan("client");
  };
  assert.equal(security(false, true, textFirst), "explicit-tls");
  const gapFirst = (t: SecurityTracker) => {
    t.gap();
    t.tlsBegan("client");
  };
  assert.equal(security(false, false, gapFirst), "explicit-tls");
  assert.equal(security(false, true, gapFirst), "implicit-tls");
});

test("CCC is of a direction that was in TLS", () => {
  const tracker = new SecurityTracker(false, false);
  tracker.line("client");
  tracker.authCommand();
  tracker.tlsBegan("client");
  tracker.line("server");
  tracker.reply(234);
  assert.equal(tracker.state, "tls", "a late 234");
  tracker.tlsBegan("server");
  tracker.line("server");
  assert.equal(tracker.state, "cleartext-after-ccc");
  assert.equal(tracker.security, "explicit-tls-then-ccc");
});
