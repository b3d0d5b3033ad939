/**
 * The bytes are not a packet capture, or not one that can be read at all (no file header, an unknown version). A capture
 * that is damaged further on is no such error: it yields what comes before and an anomaly.
 */
export class CaptureFormatError extends Error {
  override readonly name = "CaptureFormatError";
  /** The capture as the caller named it, usually a path. */
  readonly captureName: string;
  /** Byte offset in the decompressed stream. */
  readonly offset: number;

  /** What is wrong, in words that follow "x.pcap: offset 0: ". */
  readonly problem: string;

  constructor(captureName: string, offset: number, problem: string) {
    super(`${captureName}: offset ${offset}: ${problem}`);
    this.captureName = captureName;
    this.offset = offset;
    this.problem = problem;
  }
}
