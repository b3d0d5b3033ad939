import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, before, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { EXPANSION } from "../../src/bounds.ts";
import { CaptureOpenError, firstInstant, type OpenCapture, openCapture } from "../../src/cli/open-capture.ts";
import { concat, PcapngWriter, payload, pcapHeader, pcapRecord } from "../capture/capture-bytes.ts";

const RECORDS = 3000;
const record = pcapRecord({ data: payload(100) });
/** Larger than a block of zstd and a chunk of zlib. */
const capture = Uint8Array.from(Buffer.concat([pcapHeader(), ...Array.from({ length: RECORDS }, () => record)]));

/**
 * `capture` by zstd 1.5.4 in two frames, the first with a checksum:
 * `(head -c 200000 F | zstd --check; tail -c +200001 F | zstd --no-check) | base64`
 */
const captureByZstd = Buffer.from(
  "KLUv/aRADQMALAQANAfUw7KhAgAEAAQAAfFTZWQfJi00O0JJUFdeZWxzeoGIj5adpKuyucDHztXc4+rx+P8GDRQbIikwNz5FTFNaYWhvdn2Ei5KZoKeu" +
    "tbzDytHY3+bt9PsCCRAXHiUsMzpBSE9WXWRrcnmAh46VnKOqsbi/xs3UBQBk3P8dcuycqax7WQ4GcU0AAAj7AQA8DTkQAgGapVMotS/9oDhCAgDMAwDU" +
    "BqOqsbi/xs3UAPFTZQAAAABkHyYtNDtCSVBXXmVsc3qBiI+WnaSrsrnAx87V3OPq8fj/Bg0UGyIpMDc+RUxTWmFob3Z9hIuSmaCnrrW8w8rR2N/m7fT7" +
    "AgkQFx4lLDM6QUhPVl1ka3J5gIeOlZwCAFzi/x1yvOuWRQAACGsBADTCDoQ=",
  "base64",
);

/** What cannot be made smaller. */
let state = 1;
const noise = Uint8Array.from({ length: 300_000 }, () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state >>> 24;
});

/** Everything that can be read, and what was wrong in the end. */
async function drain(open: OpenCapture): Promise<{ bytes: Buffer; problem: string | null }> {
  const chunks: Buffer[] = [];
  for (;;) {
    const chunk = await open.read();
    if (chunk === null) break;
    assert.ok(chunk.length > 0);
    chunks.push(Buffer.from(chunk));
  }
  assert.equal(await open.read(), null);
  open.close();
  return { bytes: Buffer.concat(chunks), problem: open.problem };
}

describe("open capture", () => {
  let folder = "";
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "ftptrace-open-"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const file = (name: string, bytes: Uint8Array): string => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  };
  const readFile = async (bytes: Uint8Array) => drain(await openCapture(file("capture", bytes)));
  const readPipe = async (chunks: readonly Uint8Array[]) =>
    drain(await openCapture("-", { stdin: Readable.from(chunks.map((chunk) => Buffer.from(chunk))) }));
  const assertSame = (actual: Buffer, expected: Uint8Array) =>
    assert.ok(actual.equals(expected), `${actual.length} bytes, not those ${expected.length}`);

  it("reads a plain file at once, into one buffer", async () => {
    const large = Buffer.concat(Array.from({ length: 4 }, () => capture));
    const path = file("large.pcap", large);
    const open = await openCapture(path);
    assert.equal(open.name, path);
    assert.equal(open.size, large.length);
    assert.equal(open.compressed, false);
    const first = open.read();
    assert.ok(first instanceof Uint8Array);
    assert.equal(open.position, first.length);
    assert.ok(large.subarray(0, first.length).equals(first));
    const second = open.read();
    assert.ok(second instanceof Uint8Array);
    assert.equal(second.buffer, first.buffer);
    open.close();
    open.close();
    assertSame((await drain(await openCapture(path))).bytes, large);
  });

  it("reads an empty file and one shorter than a magic number", async () => {
    for (const bytes of [new Uint8Array(0), Uint8Array.of(0x1f)]) {
      const { bytes: read, problem } = await readFile(bytes);
      assertSame(read, bytes);
      assert.equal(problem, null);
    }
  });

  describe("gzip", () => {
    it("is found by its magic number, whatever the name", async () => {
      const open = await openCapture(file("capture.txt", gzipSync(capture)));
      assert.equal(open.compressed, true);
      const { bytes, problem } = await drain(open);
      assertSame(bytes, capture);
      assert.equal(problem, null);
      assert.equal(open.position, open.size);
    });

    it("may have several members, cut anywhere in a packet", async () => {
      const members = [capture.subarray(0, 1000), capture.subarray(1000, 200_001), capture.subarray(200_001)];
      const { bytes, problem } = await readFile(Buffer.concat(members.map((member) => gzipSync(member))));
      assertSame(bytes, capture);
      assert.equal(problem, null);
    });

    it("that ends early gives what is there", async () => {
      const whole = gzipSync(noise);
      const { bytes, problem } = await readFile(whole.subarray(0, whole.length / 2));
      assert.ok(bytes.length > noise.length / 3);
      assertSame(bytes, noise.subarray(0, bytes.length));
      assert.match(problem ?? "", /^the gzip data ends early, after \d+ bytes$/);
    });

    it("that is damaged half-way gives what comes before", async () => {
      const first = gzipSync(capture);
      const second = gzipSync(capture);
      second.fill(0xff, 20, 40);
      const { bytes, problem } = await readFile(Buffer.concat([first, second]));
      assert.ok(bytes.length >= capture.length, `${bytes.length} bytes`);
      assertSame(bytes.subarray(0, capture.length), capture);
      assert.match(problem ?? "", /^damaged gzip data at byte \d+: /);
    });

    it("with a wrong checksum gives everything", async () => {
      const whole = gzipSync(capture);
      whole[whole.length - 8]! ^= 1;
      const { bytes, problem } = await readFile(whole);
      assertSame(bytes, capture);
      assert.match(problem ?? "", /incorrect data check/);
    });

    for (const [what, zeros] of [
      ["a few bytes", 5],
      ["more than is read at once", 200_000],
    ] as const)
      it(`padded with zeros is whole, as for gzip(1): ${what}`, async () => {
        const padded = Buffer.concat([gzipSync(capture), Buffer.alloc(zeros)]);
        for (const { bytes, problem } of [
          await readFile(padded),
          await readPipe([padded.subarray(0, -zeros), padded.subarray(-zeros)]),
        ]) {
          assertSame(bytes, capture);
          assert.equal(problem, null);
        }
      });

    it("followed by padding and something else is whole, and tells where that begins", async () => {
      const member = gzipSync(capture);
      const { bytes, problem } = await readFile(Buffer.concat([member, Buffer.alloc(9), Buffer.from("tape label")]));
      assertSame(bytes, capture);
      assert.equal(problem, `after the padding of the gzip data, byte ${member.length + 9} begins something else`);
    });

    it("tells at which byte it is damaged", async () => {
      const member = gzipSync(capture);
      const { bytes, problem } = await readFile(Buffer.concat([member, Buffer.from("\x1f\x8b\x09\0", "latin1")]));
      assertSame(bytes, capture);
      assert.equal(problem, `damaged gzip data at byte ${member.length + 3}: unknown compression method`);
    });

    const stored = (bytes: Uint8Array) => gzipSync(bytes, { level: 0 });
    // Around what is read at once, what is stepped over at once, and in between.
    for (const at of [300, 65_533, 65_534, 65_535, 65_536, 65_536 + 254, 65_536 + 255, 131_072 + 1000])
      it(`gives all that comes before the damage, and its place: behind byte ${at}`, async () => {
        const overhead = stored(noise.subarray(0, 1)).length - 1;
        const members: Uint8Array[] = [];
        let length = 0;
        for (let left = at; left > 0; ) {
          const size = Math.min(left - overhead, 30_000);
          members.push(stored(noise.subarray(length, length + size)));
          length += size;
          left -= size + overhead;
        }
        const sound = Buffer.concat(members);
        assert.equal(sound.length, at);
        // The next member's magic number, and a compression method that there is not.
        const damaged = Buffer.concat([sound, Buffer.from([0x1f, 0x8b, 9, 0]), noise.subarray(0, 1000)]);
        const { bytes, problem } = await readFile(damaged);
        assertSame(bytes, noise.subarray(0, length));
        assert.equal(problem, `damaged gzip data at byte ${at + 3}: unknown compression method`);
      });

    /** So many times 16 MiB of zeros, as small as deflate can say them, each with `noiseBytes` that it cannot shrink. */
    const bomb = (times: number, noiseBytes: number) => {
      const member = gzipSync(Buffer.alloc(16 * 1024 * 1024));
      const rest = gzipSync(noise.subarray(0, noiseBytes));
      return Buffer.concat(Array.from({ length: times }, () => Buffer.concat([member, rest])));
    };
    const expanded = async (bytes: Uint8Array) => {
      const open = await openCapture(file("bomb.gz", bytes));
      let length = 0;
      for (let chunk = await open.read(); chunk !== null; chunk = await open.read()) length += chunk.length;
      open.close();
      return { length, problem: open.problem };
    };

    it("that expands to too much and too many times its size is left there", async () => {
      const { length, problem } = await expanded(bomb(70, 0));
      assert.ok(length <= EXPANSION.bytes && length > EXPANSION.bytes - 1024 * 1024, `${length} bytes`);
      assert.equal(problem, `it expands to more than ${EXPANSION.times} times its size, as no capture does`);
    });

    it("may expand to much, or many times its size", async () => {
      assert.equal((await expanded(bomb(1, 0))).problem, null);
      const much = bomb(70, 2500);
      const { length, problem } = await expanded(much);
      assert.ok(length > EXPANSION.bytes && length < EXPANSION.times * much.length);
      assert.equal(problem, null);
    });

    it("can be left half-way", async () => {
      const open = await openCapture(file("left.gz", gzipSync(capture)));
      assert.notEqual(await open.read(), null);
      open.close();
    });
  });

  describe("zstd", () => {
    it("is found by its magic number, in several frames", async () => {
      const open = await openCapture(file("capture.bin", captureByZstd));
      assert.equal(open.compressed, true);
      const { bytes, problem } = await drain(open);
      assertSame(bytes, capture);
      assert.equal(problem, null);
    });

    it("as the zstd program of this machine writes it", async (test) => {
      const path = file("fresh.pcap", capture);
      try {
        execFileSync("zstd", ["-q", "-f", "-19", path]);
      } catch {
        test.skip("no zstd program");
        return;
      }
      const { bytes, problem } = await drain(await openCapture(`${path}.zst`));
      assertSame(bytes, capture);
      assert.equal(problem, null);
    });

    // The last 11 bytes are the last block of the second frame: 16952 bytes of the capture.
    const beforeLastBlock = capture.length - (148_024 - 131_072);

    it("that ends early gives the blocks that are there", async () => {
      const { bytes, problem } = await readFile(captureByZstd.subarray(0, -3));
      assertSame(bytes, capture.subarray(0, beforeLastBlock));
      assert.match(problem ?? "", /^the zstd data ends early, after 302 bytes$/);
    });

    it("that is damaged half-way gives the blocks before", async () => {
      const damaged = Buffer.from(captureByZstd);
      damaged[damaged.length - 11] = 0x47; // the reserved block type
      const { bytes, problem } = await readFile(damaged);
      assertSame(bytes, capture.subarray(0, beforeLastBlock));
      assert.match(problem ?? "", /^damaged zstd data before byte 305: /);
    });

    it("says what is missing without the optional package", async () => {
      const loadZstd = () => Promise.reject(new Error("Cannot find package 'fzstd'"));
      await assert.rejects(
        openCapture(file("capture.zst", captureByZstd), { loadZstd }),
        (error) => error instanceof CaptureOpenError && /install the package fzstd/.test(error.message),
      );
    });
  });

  describe("standard input", () => {
    const cases: readonly (readonly [string, Uint8Array])[] = [
      ["plain", capture],
      ["gzip", gzipSync(capture)],
      ["zstd", captureByZstd],
    ];
    for (const [name, bytes] of cases) {
      it(`is read: ${name}`, async () => {
        const whole = await readPipe([bytes]);
        assertSame(whole.bytes, capture);
        assert.equal(whole.problem, null);
        const crumbs = await readPipe([bytes.subarray(0, 1), bytes.subarray(1, 3), bytes.subarray(3)]);
        assertSame(crumbs.bytes, capture);
      });
    }

    it("has no size, and an end without bytes", async () => {
      const open = await openCapture("-", { stdin: Readable.from([]) });
      assert.equal(open.name, "-");
      assert.equal(open.size, null);
      assert.equal(await open.read(), null);
    });

    it("that breaks tells so", async () => {
      const stdin = Readable.from(
        (async function* () {
          yield Buffer.from(capture.subarray(0, 5000));
          throw new Error("the pipe broke");
        })(),
      );
      const { bytes, problem } = await drain(await openCapture("-", { stdin }));
      assertSame(bytes, capture.subarray(0, 5000));
      assert.equal(problem, "reading failed at byte 5000: the pipe broke");
    });

    it("must not be a terminal", async () => {
      const stdin = Object.assign(Readable.from([]), { isTTY: true });
      await assert.rejects(openCapture("-", { stdin }), { name: "CaptureOpenError", path: "-" });
    });
  });

  it("reads a named pipe", async (test) => {
    const path = join(folder, "pipe");
    try {
      execFileSync("mkfifo", [path]);
    } catch {
      test.skip("no mkfifo program");
      return;
    }
    const { spawn } = await import("node:child_process");
    const writer = spawn("sh", ["-c", `cat "$0" > "$1"`, file("piped.pcap", capture), path]);
    const { bytes } = await drain(await openCapture(path));
    assertSame(bytes, capture);
    writer.kill();
  });

  describe("says in plain words why a file cannot be opened", () => {
    const rejects = (path: string, problem: string) =>
      assert.rejects(openCapture(path), { name: "CaptureOpenError", path, message: `${path}: ${problem}` });

    it("no such file", () => rejects(join(folder, "missing.pcap"), "no such file"));

    it("a directory", async () => {
      const path = join(folder, "directory");
      mkdirSync(path);
      await rejects(path, "is a directory, not a capture");
    });

    it("no permission", { skip: process.getuid?.() === 0 && "root may read everything" }, async () => {
      const path = file("secret.pcap", capture);
      chmodSync(path, 0);
      await rejects(path, "permission denied");
    });
  });

  describe("first instant", () => {
    it("is that of the first packet, compressed or not", async () => {
      const bytes = Buffer.concat([
        pcapHeader(),
        pcapRecord({ seconds: 1700000007, fraction: 5 }),
        capture.subarray(24),
      ]);
      for (const stored of [bytes, gzipSync(bytes)]) {
        assert.deepEqual(await firstInstant(file("first.pcap", stored)), { seconds: 1700000007, nanoseconds: 5000 });
      }
      assert.deepEqual(await firstInstant(file("first.zst", captureByZstd)), { seconds: 1700000000, nanoseconds: 0 });
    });

    it("passes over packets without a time", async () => {
      const pcapng = new PcapngWriter();
      const simple = [pcapng.section(), pcapng.interface(), pcapng.simplePacket()];
      assert.equal(await firstInstant(file("simple.pcapng", concat(...simple))), null);
      const then = concat(...simple, pcapng.packet({ time: 1700000001000000n }));
      assert.deepEqual(await firstInstant(file("then.pcapng", then)), { seconds: 1700000001, nanoseconds: 0 });
    });

    it("may be the epoch", async () => {
      const bytes = concat(pcapHeader(), pcapRecord({ seconds: 0 }));
      assert.deepEqual(await firstInstant(file("epoch.pcap", bytes)), { seconds: 0, nanoseconds: 0 });
    });

    it("is null without packets, and of standard input", async () => {
      assert.equal(await firstInstant(file("none.pcap", pcapHeader())), null);
      assert.equal(await firstInstant("-"), null);
    });

    it("of what is no capture is an error", async () => {
      await assert.rejects(firstInstant(file("text.txt", Buffer.from("hello"))), { name: "CaptureFormatError" });
      await assert.rejects(firstInstant(join(folder, "missing")), { name: "CaptureOpenError" });
    });
  });
});
