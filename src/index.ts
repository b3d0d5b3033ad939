/** ftptrace as a library: captures in, an {@link Analysis} out. Does no input or output of its own. */
export type * from "./analysis.ts";
export {
  type AnalyzeOptions,
  type Analyzer,
  analyzeCapture,
  CONTROL_PORTS,
  createAnalyzer,
  type OpenedCapture,
  VERSION,
} from "./analyze.ts";
export { CaptureFormatError } from "./capture/capture-format-error.ts";
export type { Conversation, ConversationEvent, Party } from "./conversation.ts";
export {
  CAUSE_IDS,
  type CauseId,
  CONTRIBUTING_IDS,
  type ContributingCauseId,
  FINDING_IDS,
  type FindingId,
  LIMIT_IDS,
  type LimitId,
} from "./diagnose/cause.ts";
