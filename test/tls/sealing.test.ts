import assert from "node:assert/strict";
import { test } from "node:test";
import type { TlsHello } from "../../src/tls/hello.ts";
import { JSSE_PADDING, mostOverhead, paddingOfFinished, recordOverhead } from "../../src/tls/sealing.ts";

const chosen = (version: number, cipherSuite: number) => ({ version, cipherSuite }) as TlsHello;

test("what a cipher adds, and the most where it pads", () => {
  const rows: [hello: TlsHello, exact: number | undefined, most: number][] = [
    [chosen(0x0304, 0x1302), 17, 17],
    [chosen(0x0303, 0xc030), 24, 24],
    [chosen(0x0303, 0xcca8), 16, 16],
    // ECDHE-RSA-AES256-SHA384: IV 16, MAC 48, padding 1 to 16.
    [chosen(0x0303, 0xc028), undefined, 80],
    [chosen(0x0302, 0xc014), undefined, 80],
  ];
  for (const [hello, exact, most] of rows) {
    assert.equal(recordOverhead(hello), exact);
    assert.equal(mostOverhead(hello), most);
  }
});

test("a Finished by its length: header 4, hash, type 1 and tag 16, and Java's 16 zeros", () => {
  const [SHA256, SHA384] = [0x1301, 0x1302];
  const rows: [length: number, suite: number, padding: number | undefined][] = [
    [53, SHA256, 0],
    [69, SHA256, JSSE_PADDING],
    [85, SHA256, undefined],
    [53, SHA384, undefined],
    [69, SHA384, 0],
    [85, SHA384, JSSE_PADDING],
    [70, SHA384, undefined],
    // Of an unknown suite 69 is taken for what most say.
    [53, -1, 0],
    [69, -1, 0],
    [85, -1, JSSE_PADDING],
    [101, -1, undefined],
  ];
  for (const [length, suite, padding] of rows) assert.equal(paddingOfFinished(length, suite), padding, `${length}`);
});
