import { formatEndpoint } from "../address.ts";
import type { Session } from "../analysis.ts";
import { CAUSE_TEXT } from "../diagnose/causes.ts";
import { evidenceNumbers } from "./account.ts";
import { type Failure, failuresOf } from "./failure.ts";
import type { FormatOptions, ReportWriter } from "./format.ts";
import { ladderLines, wholeLadder } from "./ladder.ts";
import {
  countOf,
  describeNegotiation,
  describePacket,
  describeTransfer,
  outcomeText,
  SECURITY_TEXT,
  shortTime,
} from "./phrases.ts";
import { safeData } from "./safe-text.ts";
import { displayWidth, wrapText } from "./text-layout.ts";

/** A writer that can say whether it found what it was to write. */
export interface SessionWriter extends ReportWriter {
  readonly found: number;
}

/** Columns for what was said, however narrow the terminal. */
const MIN_TEXT_WIDTH = 20;

/**
 * `--session ID`: one session as a conversation on one time line: commands, replies, and what happened on its data connections, then what became
 * of each channel and the evidence.
 * @param isWanted by the session's id
 */
export function createSessionWriter(
  isWanted: (id: string) => boolean,
  { width, captureCount = 1 }: FormatOptions,
): SessionWriter {
  let found = 0;
  return {
    get found() {
      return found;
    },
    begin: () => "",
    session(session, conversation) {
      if (!isWanted(session.id) || !conversation) return "";
      const safe = safeData(session);
      const evidence = evidenceNumbers(failuresOf(safe).flatMap((failure) => failure.evidence));
      const ladder = ladderLines(wholeLadder(safeData(conversation())), captureCount, evidence);
      const lines = [
        ...headLines(safe, width),
        "",
        ...ladder.flatMap(({ lead, text }) => hanging(lead, text, width)),
        "",
        ...wrapText("C is the client, S the server; seconds since the first packet, packet numbers.", width),
        "",
        ...verdictLines(safe, evidence, captureCount, width),
      ];
      return `${found++ === 0 ? "" : "\n"}${lines.map((line) => line.trimEnd()).join("\n")}\n`;
    },
    end: () => "",
  };
}

function headLines({ id, control, dataChannels }: Session, width: number): string[] {
  const about = [
    `${shortTime(control.start)} UTC`,
    SECURITY_TEXT[control.security],
    ...(control.serverSoftware === null ? [] : [control.serverSoftware]),
    ...(control.user === null ? [] : [`user ${control.user}`]),
    countOf(dataChannels.length, "data channel"),
  ];
  return [
    ...wrapText(`Session ${id}: ${formatEndpoint(control.client)} to ${formatEndpoint(control.server)}`, width, 2),
    ...wrapText(about.join(", "), width, 2),
  ];
}

/** What became of each channel, with the evidence where it failed; the control connection first. */
function verdictLines(
  session: Session,
  evidence: ReadonlyMap<string, number>,
  captureCount: number,
  width: number,
): string[] {
  const failures = failuresOf(session);
  const control = failures.find(({ channel }) => channel === null);
  const verdict = (failure: Failure) => `: ${CAUSE_TEXT[failure.cause].title} [${failure.cause}]`;
  const facts = (failure: Failure) =>
    failure.evidence.flatMap((fact) => {
      const number = evidence.get(`${fact.capture}:${fact.packet}`);
      const mark = number === undefined ? "" : `[${number}] `;
      return hanging(
        `  ${mark}`,
        fact.packet > 0 ? `${describePacket(fact, captureCount)}: ${fact.says}` : fact.says,
        width,
      );
    });
  return [
    ...(control
      ? [...wrapText(`Control connection ${control.outcome}${verdict(control)}`, width, 2), ...facts(control)]
      : []),
    ...session.dataChannels.flatMap((channel) => {
      const failure = failures.find((one) => one.channel === channel);
      const what = [describeNegotiation(channel), describeTransfer(channel)].filter(Boolean).join(", ");
      const became = `Channel ${channel.ordinal}, ${what}: ${outcomeText(channel.outcome)}${failure ? verdict(failure) : ""}`;
      return [...wrapText(became, width, 2), ...(failure ? facts(failure) : [])];
    }),
  ];
}

/** `text` behind its lead, cut at words, the rest under its beginning. */
function hanging(lead: string, text: string, width: number): string[] {
  const indent = displayWidth(lead);
  const [first, ...rest] = wrapText(text, Math.max(MIN_TEXT_WIDTH, width - indent));
  return [lead + first, ...rest.map((line) => " ".repeat(indent) + line)];
}
