import assert from "node:assert/strict";
import { test } from "node:test";
import type { Cause } from "../../src/diagnose/cause.ts";
import { CAUSE_IDS, CAUSE_TEXT, type CauseId } from "../../src/diagnose/causes.ts";
import { remedyFor } from "../../src/diagnose/remedy.ts";
import { PASSIVE_PLACES, SERVER_SETTINGS } from "../../src/diagnose/server-settings.ts";

test("the compiler knows the ids one by one", () => {
  // @ts-expect-error: one cause whose id is any string would let every id pass.
  const unknown: CauseId = "no-such-cause";
  assert.ok(!CAUSE_IDS.includes(unknown));
});

test("titles complete a verdict line, meanings and remedies are sentences", () => {
  for (const id of CAUSE_IDS) {
    const text = CAUSE_TEXT[id];
    assert.match(text.title, /^[a-zT].*[^.]$/, id);
    assert.match(text.meaning, /^[A-Z].*\.$/, id);
    assert.ok(text.remedy.length > 0, id);
    for (const { remedy } of [text, ...Object.values(text.situations ?? {})])
      for (const line of remedy) assert.match(line, /^[A-Z].*\.$/, id);
  }
});

test("every setting names its source and is used", () => {
  const remedies = (text: Cause) => [text, ...Object.values(text.situations ?? {})];
  const used = new Set(Object.values(CAUSE_TEXT).flatMap((text) => remedies(text).map(({ setting }) => setting)));
  for (const [purpose, settings] of Object.entries(SERVER_SETTINGS)) {
    assert.ok(used.has(purpose as never), purpose);
    for (const { product, source } of settings) assert.ok(product.length > 0 && source.length > 0, purpose);
  }
});

test("every product with a passive range has a passive address and a place for both", () => {
  const products = (rows: readonly { product: string }[]) => rows.map(({ product }) => product).sort();
  assert.deepEqual(products(SERVER_SETTINGS["passive-range"]), products(SERVER_SETTINGS["passive-address"]));
  assert.deepEqual(Object.keys(PASSIVE_PLACES).sort(), products(SERVER_SETTINGS["passive-range"]));
});

test("the remedy spells the setting for the software seen", () => {
  assert.match(remedyFor(CAUSE_TEXT["pasv-private-address"], "(vsFTPd 3.0.3)").join(), /pasv_address/);
  assert.doesNotMatch(remedyFor(CAUSE_TEXT["pasv-private-address"], "(vsFTPd 3.0.3)").join(), /MasqueradeAddress/);
  assert.match(remedyFor(CAUSE_TEXT["pasv-private-address"], "ProFTPD 1.3.8 Server").join(), /MasqueradeAddress/);
  assert.match(
    remedyFor(CAUSE_TEXT["pasv-private-address"], null).join(),
    /pasv_address.*MasqueradeAddress.*ForcePassiveIP/,
  );
  assert.doesNotMatch(remedyFor(CAUSE_TEXT["pasv-private-address"], "HomeGrown FTP").join(), /Setting/);
  assert.doesNotMatch(remedyFor(CAUSE_TEXT["pasv-refused"], "ProFTPD 1.3.8 Server").join(), /vsftpd/);
});

test("in a situation its own words are said, with the setting only where they call for it", () => {
  assert.doesNotMatch(
    remedyFor(CAUSE_TEXT["data-port-rejected"], "(vsFTPd 3.0.3)", "client-side").join(),
    /forward|Setting/,
  );
  assert.match(
    remedyFor(CAUSE_TEXT["data-protection-required"], "(vsFTPd 3.0.3)", "cleartext-control").join(),
    /AUTH TLS.*Setting/,
  );
  // A situation that a cause has no words for changes nothing.
  assert.deepEqual(
    remedyFor(CAUSE_TEXT["login-failed"], null, "over-ipv6"),
    remedyFor(CAUSE_TEXT["login-failed"], null),
  );
});
