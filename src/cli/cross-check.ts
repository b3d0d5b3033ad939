import { AnomalyLog } from "../anomaly.ts";
import { createCaptureReader } from "../capture/capture-reader.ts";
import { emptyFrame, type Frame } from "../capture/frame.ts";
import { countOf } from "../report/phrases.ts";
import { openCapture } from "./open-capture.ts";
import {
  FILE_HEADER_BYTES,
  HandFedParser,
  isReadByPcapParser,
  loadPcapParser,
  type ParsedPacket,
  PCAP_PARSER_READS,
  type PcapParser,
  RECORD_HEADER_BYTES,
} from "./pcap-parser.ts";

/** What came of reading a capture with two readers. */
export interface CrossCheckResult {
  /** False when they differ; true also for a capture that the second reader does not read. */
  readonly agrees: boolean;
  /** One clause about it, for standard error. */
  readonly says: string;
}

/**
 * Reads a classic capture with our own reader and with pcap-parser, which shares no code with it, and compares how many packets there are
 * and each packet's time, lengths and bytes. Our reader goes first: what it refuses (a length beyond all bounds) pcap-parser would collect
 * memory for. The first difference ends it.
 * @param load gives the second reader; a test puts in one that errs
 * @throws CaptureFormatError when the bytes are not a capture
 * @throws CaptureOpenError when it cannot be opened
 */
export async function crossCheck(path: string, load: () => PcapParser = loadPcapParser): Promise<CrossCheckResult> {
  const capture = await openCapture(path);
  try {
    // Behind damage pcap-parser is lost.
    const reader = createCaptureReader(path, 0, new AnomalyLog(), { strict: true });
    const frame = emptyFrame();
    const second = new SecondReader(load());
    let start = 0;
    let vouchedFor = FILE_HEADER_BYTES;
    for (let chunk = await capture.read(); chunk !== null; chunk = await capture.read()) {
      if (start === 0 && !isReadByPcapParser(chunk))
        return { agrees: true, says: `not cross-checked: ${PCAP_PARSER_READS}` };
      // The second reader keeps what it is given, and the chunk is overwritten.
      const copy = Buffer.from(chunk);
      reader.push(chunk);
      while (reader.next(frame)) {
        second.expect(frame);
        vouchedFor += RECORD_HEADER_BYTES + frame.capturedLength;
      }
      const usable = reader.summary.damaged ? Math.max(vouchedFor - start, 0) : copy.length;
      const problem = second.read(copy.subarray(0, usable));
      if (problem !== null) return { agrees: false, says: `the readers differ: ${problem}` };
      if (reader.summary.damaged) break;
      start += copy.length;
    }
    if (!reader.summary.damaged) reader.end();
    return { agrees: true, says: `pcap-parser reads the same ${countOf(second.compared, "packet")}` };
  } finally {
    capture.close();
  }
}

/** Compares what pcap-parser finds with what is expected of it. */
class SecondReader {
  compared = 0;
  readonly #parser: HandFedParser;
  #expected: (ParsedPacket & { readonly number: number })[] = [];
  #problem: string | null = null;

  constructor(parser: PcapParser) {
    this.#parser = new HandFedParser(parser);
  }

  /** A packet that our reader found in the bytes that come next. */
  expect({ bytes, start, capturedLength, originalLength, seconds, nanoseconds, packetNumber }: Frame): void {
    this.#expected.push({
      number: packetNumber,
      header: {
        timestampSeconds: seconds,
        timestampMicroseconds: nanoseconds / 1000,
        capturedLength,
        originalLength,
      },
      data: Buffer.from(bytes.subarray(start, start + capturedLength)),
    });
  }

  /** Gives it the next bytes. @returns the first difference so far, or null */
  read(bytes: Buffer): string | null {
    for (const packet of this.#parser.read(bytes)) this.#compare(packet);
    if (this.#parser.problem !== null) this.#differ(this.#parser.problem);
    const [missing] = this.#expected;
    if (missing) this.#differ(`packet ${missing.number} is found by ftptrace only`);
    return this.#problem;
  }

  #compare({ header, data }: ParsedPacket): void {
    const ours = this.#expected.shift();
    this.compared++;
    if (ours === undefined) {
      this.#differ(`packet ${this.compared} is found by pcap-parser only`);
      return;
    }
    const place = `packet ${ours.number}`;
    const theirTime = header.timestampSeconds * 1e6 + header.timestampMicroseconds;
    const ourTime = ours.header.timestampSeconds * 1e6 + ours.header.timestampMicroseconds;
    if (theirTime !== ourTime) this.#differ(`${place} is of ${ourTime} µs here, of ${theirTime} µs there`);
    for (const length of ["capturedLength", "originalLength"] as const)
      if (header[length] !== ours.header[length])
        this.#differ(`${place} has ${length} ${ours.header[length]} here, ${header[length]} there`);
    if (!data.equals(ours.data)) this.#differ(`${place} has other bytes`);
  }

  #differ(problem: string): void {
    this.#problem ??= problem;
  }
}
