/**
 * Run by `allocation.test.ts` in a process of its own, with a young generation so large that nothing is collected: analyses a million packets
 * that nobody follows and prints by how many bytes the heap grew for each.
 */
import { createAnalyzer } from "../../src/analyze.ts";
import { CaptureBuilder, type RawSegment } from "../support/capture-builder.ts";

const PACKETS = 1_000_000;
/** So many before it counts: until then the code is not compiled. */
const WARM_UP = 400_000;

const collectGarbage = (globalThis as { gc?: () => void }).gc;
if (!collectGarbage) throw new Error("to be run with --expose-gc");

const KINDS: Readonly<Record<string, readonly Partial<RawSegment>[]>> = {
  payload: [{ flags: "PA", payload: "x".repeat(64) }],
  acknowledgment: [{ flags: "A" }],
  // A hundred a second (below), so that they are no flood and are remembered.
  syn: Array.from({ length: 500 }, (_, i) => ({ flags: "S", from: `198.51.100.${i % 250}:${20000 + i}` })),
  reset: [{ flags: "RA" }],
};

const chosen = KINDS[process.argv[2] ?? ""];
if (!chosen) throw new Error(`which of ${Object.keys(KINDS).join(", ")}?`);

const net = new CaptureBuilder();
for (let i = 0; i < 2000; i++) {
  const segment = chosen[i % chosen.length];
  net.wait(10);
  net.segment({
    flags: "A",
    from: "192.0.2.77:50123",
    to: "203.0.113.80:443",
    seq: 0xf0000000 + i,
    ack: 0xe0000000,
    ...segment,
  });
}
const capture = net.build();
const records = capture.subarray(24);

const analyzer = createAnalyzer();
const opened = analyzer.beginCapture("rejected");
opened.push(capture.slice());
const push = (packets: number) => {
  for (let sent = 0; sent < packets; sent += 2000) opened.push(records);
};
push(WARM_UP);
collectGarbage();
const before = process.memoryUsage().heapUsed;
push(PACKETS);
const grown = process.memoryUsage().heapUsed - before;
const [{ packets }] = analyzer.finish().captures;
if (packets < WARM_UP + PACKETS) throw new Error(`only ${packets} packets were read`);
console.log(grown / PACKETS);
