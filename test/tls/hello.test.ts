import assert from "node:assert/strict";
import { once } from "node:events";
import { Duplex } from "node:stream";
import { test } from "node:test";
import tls from "node:tls";
import fc from "fast-check";
import { parseHello } from "../../src/tls/hello.ts";
import { helloFromFirstBytes } from "../../src/tls/record.ts";
import { helloMessage, join, record } from "./hello-bytes.ts";

const HELLO_RETRY = [...Buffer.from("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c", "hex")];

const parse = (bytes: Uint8Array) => parseHello(bytes, 0, bytes.length);

/** The first bytes that Node's own TLS client (OpenSSL) sends. */
async function realClientHello(options: tls.ConnectionOptions): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  const wire = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      wire.emit("sent");
      done();
    },
  });
  const sent = once(wire, "sent");
  const socket = tls.connect({ socket: wire, ...options });
  socket.on("error", () => {});
  await sent;
  socket.destroy();
  return new Uint8Array(Buffer.concat(chunks));
}

test("a ClientHello of OpenSSL, TLS 1.3 and 1.2", async () => {
  const thirteen = await realClientHello({ servername: "ftp.example.com" });
  const hello = helloFromFirstBytes(thirteen, 0, thirteen.length);
  assert.ok(hello);
  assert.equal(hello.role, "client");
  assert.equal(hello.version, 0x0304);
  assert.equal(hello.cipherSuite, -1);
  assert.equal(hello.sessionId.length, 64); // middlebox compatibility, RFC 8446 D.4
  assert.equal(hello.preSharedKey, false);
  const twelve = await realClientHello({ maxVersion: "TLSv1.2" });
  const older = helloFromFirstBytes(twelve, 0, twelve.length);
  assert.equal(older?.version, 0x0303);
  assert.equal(older?.sessionId, "");
});

test("what tells of resumption: session id, pre-shared key", () => {
  const client = parse(
    helloMessage({
      role: "client",
      sessionId: [0xab, 0x01],
      extensions: [
        [0x0a0a, [1, 2]], // GREASE
        [43, [6, 0x7a, 0x7a, 3, 4, 3, 3]],
        [35, [9, 9]], // session_ticket
        [41, [1]],
      ],
    }),
  );
  assert.deepEqual(client, {
    role: "client",
    version: 0x0304,
    sessionId: "ab01",
    cipherSuite: -1,
    preSharedKey: true,
  });
  const server = parse(helloMessage({ role: "server", cipherSuite: 0xc02f, sessionId: [7], extensions: [[35, []]] }));
  assert.equal(server?.version, 0x0303);
  assert.equal(server?.cipherSuite, 0xc02f);
  assert.equal(server?.sessionId, "07");
  assert.equal(server?.preSharedKey, false);
  assert.equal(parse(helloMessage({ role: "server", extensions: undefined }))?.version, 0x0303, "no extensions at all");
});

test("truncation: fields seen so far are used, nothing outside is read", () => {
  const bytes = helloMessage({
    role: "client",
    sessionId: [0xab, 0x01],
    extensions: [
      [10, [0, 2, 0, 23]], // supported_groups
      [43, [2, 3, 4]],
      [41, [1, 2, 3]],
    ],
  });
  // An extension is its number, its length (two bytes each) and its body.
  const pskBodyAt = bytes.length - 3;
  const versionEnd = pskBodyAt - 4;
  for (let to = 0; to < bytes.length; to++) {
    // What follows in the buffer is not the hello's.
    const buffer = new Uint8Array(bytes.length + 40).fill(0xee);
    buffer.set(bytes.subarray(0, to));
    const hello = parseHello(buffer, 0, to);
    if (to < 6) assert.equal(hello, undefined, `at ${to}`);
    else {
      assert.equal(hello?.sessionId, to >= 41 ? "ab01" : "", `at ${to}`);
      assert.equal(hello?.version, to >= versionEnd ? 0x0304 : 0x0303, `at ${to}`);
      assert.equal(hello?.preSharedKey, to >= pskBodyAt, `at ${to}`);
    }
  }
});

test("no hello: another message, another protocol, nothing", () => {
  assert.equal(parse(Uint8Array.from([11, 0, 0, 1, 3, 3])), undefined);
  assert.equal(parse(Uint8Array.from([1, 0, 0, 2, 0xfe, 0xfd])), undefined, "DTLS");
  assert.equal(parse(new Uint8Array(0)), undefined);
  const text = Buffer.from("-rw-r--r-- 1 ftp ftp 1100 readme.txt\r\n");
  assert.equal(helloFromFirstBytes(text, 0, text.length), undefined);
});

test("first bytes: a hello over several records, behind a HelloRetryRequest, cut", () => {
  const hello = helloMessage({ role: "client", sessionId: [0xab, 0x01], extensions: [[41, [1]]] });
  const split = join(
    record(22, hello.subarray(0, 3)),
    record(22, hello.subarray(3, 50)),
    record(22, hello.subarray(50)),
  );
  assert.deepEqual(helloFromFirstBytes(split, 0, split.length), parse(hello));
  const retry = helloMessage({ role: "server", random: HELLO_RETRY, extensions: [[43, [3, 4]]] });
  const real = helloMessage({
    role: "server",
    extensions: [
      [43, [3, 4]],
      [41, [0, 0]],
    ],
  });
  const both = join(record(22, retry), record(20, [1]), record(22, real));
  assert.equal(helloFromFirstBytes(both, 0, both.length)?.preSharedKey, true);
  const retryOnly = record(22, retry);
  assert.equal(helloFromFirstBytes(retryOnly, 0, retryOnly.length)?.role, "server");
  // Headers and 25 bytes of the hello: its random is not there whole.
  assert.equal(helloFromFirstBytes(split, 0, 40)?.sessionId, "");
  assert.equal(helloFromFirstBytes(split, 0, 6), undefined);
});

test("any bytes whatever: no exception", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(20), fc.boolean(), (bytes, from, asHello) => {
      if (asHello && bytes.length > 16) bytes.set([22, 3, 1, 1, 0, 1, 0, 0, 200, 3, 3], from % 4);
      parseHello(bytes, from, bytes.length);
      helloFromFirstBytes(bytes, from, bytes.length);
    }),
    { numRuns: 2000 },
  );
});
