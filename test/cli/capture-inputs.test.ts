import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { analyzeInputs, type Input } from "../../src/cli/capture-inputs.ts";
import { Complaints } from "../../src/cli/complaints.ts";
import type { OpenCapture } from "../../src/cli/open-capture.ts";
import { concat, pcapHeader, pcapRecord } from "../capture/capture-bytes.ts";

/** What happened, in its order: `read` a chunk, `session` reported, `wait` or `go on` said between chunks. */
type Log = string[];

/** A capture in memory, read in pieces. @param answersAtOnce as a plain file does, or by a promise */
function inPieces(bytes: Uint8Array, pieceLength: number, answersAtOnce: boolean, log: Log): OpenCapture {
  let position = 0;
  return {
    name: "capture.pcap",
    size: bytes.length,
    compressed: false,
    problem: null,
    get position() {
      return position;
    },
    read() {
      log.push("read");
      const piece = position < bytes.length ? bytes.slice(position, position + pieceLength) : null;
      position += piece?.length ?? 0;
      return answersAtOnce ? piece : Promise.resolve(piece);
    },
    close() {},
  };
}

async function run(bytes: Uint8Array, pieceLength: number, answersAtOnce: boolean): Promise<Log> {
  const log: Log = [];
  const input: Input = {
    path: "capture.pcap",
    startsAt: null,
    size: bytes.length,
    file: inPieces(bytes, pieceLength, answersAtOnce, log),
    opened: null,
    state: "waiting",
    bytesRead: 0,
  };
  const summary = await analyzeInputs([input], new Complaints("quiet"), {
    ftpPorts: [],
    onSession: () => log.push("session"),
    afterChunk: async (mayWait) => {
      log.push(mayWait ? "wait" : "go on");
    },
    showProgress: false,
  });
  assert.equal(input.state, "ended");
  assert.equal(input.bytesRead, bytes.length);
  assert.ok(summary);
  return log;
}

/** How many chunks were read before each look at the rest. */
function chunksAtOnce(log: Log): number[] {
  const counts: number[] = [];
  let chunks = 0;
  for (const what of log) {
    if (what === "read") chunks++;
    else if (what !== "session") {
      counts.push(chunks);
      chunks = 0;
    }
  }
  return counts;
}

describe("the chunks of a capture", () => {
  const nothing = concat(pcapHeader(), ...Array.from({ length: 40 }, (_, seconds) => pcapRecord({ seconds })));

  it("are read sixteen at once where there is nothing to report, and to the end", async () => {
    const log = await run(nothing, Math.ceil(nothing.length / 40), true);
    // The last read finds the end.
    assert.deepEqual(chunksAtOnce(log), [16, 16, 9]);
  });

  it("are read until a turn of 50 ms is over", async (context) => {
    let now = 0;
    context.mock.method(performance, "now", () => {
      now += 20;
      return now;
    });
    // The clock is read before the first chunk and after each.
    const counts = chunksAtOnce(await run(nothing, Math.ceil(nothing.length / 40), true));
    assert.deepEqual(counts.slice(0, -1), new Array(13).fill(3));
  });

  it("are read one by one where they are waited for", async () => {
    const log = await run(nothing, Math.ceil(nothing.length / 40), false);
    assert.deepEqual(chunksAtOnce(log), new Array(41).fill(1));
    assert.ok(log.every((what) => what !== "go on"));
  });

  it("are followed by a look at the rest as soon as a session has been reported", async () => {
    const first = readFileSync("fixtures/pasv-cleartext-private-address-client.pcap");
    // The session of the first seconds is settled while these come.
    const later = Array.from({ length: 400 }, (_, i) => pcapRecord({ seconds: 4_000_000_000 + i }));
    const log = await run(concat(first, ...later), 512, true);
    const reported = log.indexOf("session");
    assert.ok(reported > 0);
    assert.ok(log.indexOf("read", reported) > reported, "before the end of the capture");
    assert.equal(log[reported + 1], "go on");
  });
});
