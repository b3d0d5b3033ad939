/** `node read-only-pass.js FILE`: reads a capture as ftptrace does, record by record, and looks at none of them; prints their number. */
import { AnomalyLog } from "../src/anomaly.ts";
import { createCaptureReader } from "../src/capture/capture-reader.ts";
import { emptyFrame } from "../src/capture/frame.ts";
import { openCapture } from "../src/cli/open-capture.ts";

const path = process.argv[2];
if (path === undefined) throw new Error("which capture?");
const capture = await openCapture(path);
const reader = createCaptureReader(path, 0, new AnomalyLog());
const frame = emptyFrame();
let packets = 0;
for (;;) {
  const answer = capture.read();
  const chunk = answer instanceof Promise ? await answer : answer;
  if (chunk === null) break;
  reader.push(chunk);
  while (reader.next(frame)) packets++;
}
reader.end();
capture.close();
console.log(packets);
