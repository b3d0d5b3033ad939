import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { inputsInTimeOrder } from "../../src/cli/capture-inputs.ts";
import { Complaints } from "../../src/cli/complaints.ts";
import { eachFrame } from "../../src/cli/frames-in-time-order.ts";
import { concat, payload, pcapHeader, pcapRecord } from "../capture/capture-bytes.ts";
import { temporaryFolder } from "./run-cli.ts";

async function framesOf(paths: readonly string[]): Promise<{ seconds: number; capture: number; packet: number }[]> {
  const { inputs } = await inputsInTimeOrder(paths, new Complaints("quiet"));
  const frames: { seconds: number; capture: number; packet: number }[] = [];
  const take = ({ frame, captureIndex }: Parameters<Parameters<typeof eachFrame>[1]>[0]) =>
    frames.push({ seconds: frame.seconds, capture: captureIndex, packet: frame.packetNumber });
  await eachFrame(inputs, take, async () => {});
  for (const { file } of inputs) file?.close();
  return frames;
}

test("frames of several captures come by time, those of one in its order", async (context) => {
  const folder = temporaryFolder(context);
  const write = (name: string, ...times: number[]) => {
    const path = join(folder, name);
    writeFileSync(path, gzipSync(concat(pcapHeader(), ...times.map((seconds) => pcapRecord({ seconds })))));
    return path;
  };
  const paths = [write("late", 5, 8), write("early", 1, 6, 7), write("empty"), write("backwards", 2, 9, 3)];
  assert.deepEqual(
    (await framesOf(paths)).map(({ seconds }) => seconds),
    [1, 2, 5, 6, 7, 8, 9, 3],
  );
});

test("a capture of more than a chunk is read to its end, every frame once", async (context) => {
  const path = join(temporaryFolder(context), "large.pcap");
  const record = pcapRecord({ data: payload(1000) });
  writeFileSync(path, Buffer.concat([pcapHeader(), ...Array<Uint8Array>(2000).fill(record)]));
  const frames = await framesOf([path]);
  assert.deepEqual(
    frames.map(({ packet }) => packet),
    Array.from({ length: 2000 }, (_, i) => i + 1),
  );
});

test("a cut capture ends at the cut", async (context) => {
  const path = join(temporaryFolder(context), "cut.pcap");
  const whole = readFileSync("fixtures/pasv-cleartext-private-address-client.pcap");
  writeFileSync(path, whole.subarray(0, 1500));
  assert.equal((await framesOf([path])).length, 15);
});
