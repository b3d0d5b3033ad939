import assert from "node:assert/strict";
import { test } from "node:test";
import {
  hasSecret,
  isKnownVerb,
  isNegotiation,
  isTransfer,
  negotiationOf,
  parseCommand,
  verbFacts,
  withoutSecrets,
} from "../../src/ftp/command.ts";

const parsed = (text: string, cut = false) => {
  const command = parseCommand(text, cut);
  return command && [command.verb, command.argument];
};

test("verb and argument", () => {
  assert.deepEqual(parsed("RETR pub/a b"), ["RETR", "pub/a b"]);
  assert.deepEqual(parsed("pasv"), ["PASV", null]);
  assert.deepEqual(parsed("PASV "), ["PASV", null]);
  assert.deepEqual(parsed("Cwd\t /x "), ["CWD", "/x "]);
  assert.deepEqual(parsed("  LIST"), ["LIST", null]);
  assert.deepEqual(parsed("\u00f2ABOR"), ["ABOR", null]);
  assert.deepEqual(parsed("XSHA256 f"), ["XSHA256", "f"]);
  assert.deepEqual(parsed("p@sw"), ["P@SW", null]);
});

test("unknown verbs of three to five letters are commands, anything else is not", () => {
  assert.deepEqual(parsed("FOO x"), ["FOO", "x"]);
  assert.deepEqual(parsed("ABCDE"), ["ABCDE", null]);
  for (const text of [
    "",
    "  ",
    "AB",
    "ABCDEF x",
    "RETR:x",
    "F00 x",
    "230 ok",
    "RETRRETRRETR",
    "-rw-r--r--",
    "         PWD",
  ])
    assert.equal(parsed(text), undefined, text);
});

test("a cut line: a verb at its end may be the beginning of another", () => {
  assert.equal(parsed("PAS", true), undefined);
  assert.deepEqual(parsed("PASV", true), ["PASV", null]);
  assert.deepEqual(parsed("FOO x", true), ["FOO", "x"]);
});

test("secrets never come out", () => {
  for (const text of [
    "PASS x",
    "pass x",
    "ACCT x",
    "ADAT x",
    "MIC x",
    "ENC x",
    "XAUT x",
    "PASSS x",
    "XPASS x",
    "PASSW x",
  ])
    assert.equal(parseCommand(text)?.argument, null, text);
  assert.deepEqual(parsed("SITE PSWD old new"), ["SITE", "PSWD"]);
  assert.deepEqual(parsed("site chpass new"), ["SITE", "CHPASS"]);
  assert.deepEqual(parsed("SITE CHMOD 644 x"), ["SITE", "CHMOD 644 x"]);
  assert.deepEqual(parsed("SITE"), ["SITE", null]);
  assert.deepEqual(parsed("USER alice"), ["USER", "alice"]);
  assert.equal(withoutSecrets("junk PASS x"), "junk PASS");
  assert.equal(withoutSecrets("Entering Passive Mode"), "Entering Passive Mode");
});

test("what verbs are", () => {
  assert.deepEqual(["RETR", "STOR", "STOU", "APPE", "LIST", "NLST", "MLSD"].filter(isTransfer).length, 7);
  assert.deepEqual(["XCUP", "MLST", "SIZE", "PASV", "STAT", "XYZ"].filter(isTransfer), []);
  assert.deepEqual(
    ["PASV", "EPSV", "LPSV", "PORT", "EPRT", "LPRT", "SPSV", "CPSV", "P@SW", "PROT"].filter(isNegotiation).length,
    9,
  );
  assert.equal(negotiationOf("CPSV"), "PASV");
  assert.equal(hasSecret("PASV"), false);
  assert.ok(isKnownVerb("XPWD") && !isKnownVerb("XYZ"));
  assert.equal(verbFacts("MLSD")?.source, "RFC 3659 7");
});
