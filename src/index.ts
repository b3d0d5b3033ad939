/** ftptrace as a library: captures in, an {@link Analysis} out. Does no input or output of its own. */
export type * from "./analysis.ts";
export {
  type AnalyzeOptions,
  type Analyzer,
  analyzeCapture,
  CONTROL_PORTS,
  createAnalyzer,
  VERSION,
} from "./analyze.ts";
export { CaptureFormatError } from "./capture/capture-format-error.ts";
export type { OpenedCapture } from "./capture-source.ts";
export type { Conversation, ConversationEvent, Party } from "./conversation.ts";
export { CAUSE_IDS, type CauseId } from "./diagnose/causes.ts";
export { CONTRIBUTING_IDS, type ContributingCauseId } from "./diagnose/contributing.ts";
export { FINDING_IDS, type FindingId } from "./diagnose/findings.ts";
export { LIMIT_IDS, type LimitId } from "./diagnose/limits.ts";
