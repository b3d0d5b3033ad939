import type { Analysis } from "../../src/analysis.ts";
import { createAnalyzer } from "../../src/analyze.ts";
import type { OpenedCapture } from "../../src/capture-source.ts";
import { compareInstants, type Instant } from "../../src/instant.ts";
import { pcapOf, type RawPacket } from "./capture-mutation.ts";

/** Several captures, opened by the time of their first packets as `ftptrace analyze` does, each fed when the analyzer wants it. */
export function analyzeCaptures(captures: readonly (readonly RawPacket[])[]): Analysis {
  const analyzer = createAnalyzer();
  const inputs = captures
    .map((packets, at) => ({ packets, at, startsAt: startOf(packets) }))
    .sort((a, b) => compareInstants(a.startsAt, b.startsAt))
    .map(({ packets, at, startsAt }) => {
      const opened: OpenedCapture = analyzer.beginCapture(`capture ${at}`, { startsAt });
      return { opened, bytes: pcapOf(packets) as Uint8Array | null, over: false };
    });
  for (let fed = true; fed; ) {
    fed = false;
    for (const input of inputs) {
      if (input.over || !input.opened.hungry) continue;
      fed = true;
      if (input.bytes !== null) input.opened.push(input.bytes);
      else {
        input.opened.end();
        input.over = true;
      }
      input.bytes = null;
    }
  }
  return analyzer.finish();
}

function startOf([first]: readonly RawPacket[]): Instant {
  return { seconds: first.seconds, nanoseconds: first.nanoseconds };
}
