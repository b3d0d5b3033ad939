import { formatEndpoint } from "../address.ts";
import { CAUSE_TEXT } from "../diagnose/cause-text.ts";
import type { FormatOptions, ReportWriter } from "./format.ts";
import { ladderLines, wholeLadder } from "./ladder.ts";
import { describeNegotiation, describeTransfer, SECURITY_TEXT, shortTime } from "./phrases.ts";
import { safeData } from "./safe-text.ts";
import { wrapText } from "./text-layout.ts";

/** A writer that can say whether it found what it was to write. */
export interface SessionWriter extends ReportWriter {
  readonly found: number;
}

/** Where what was said stands in a line of a ladder: continuation lines hang there. */
const SAID_AT = 32;

/**
 * `--session ID`: one session as a conversation on one time line: commands, replies, and what happened on its data connections, then what became
 * of each channel.
 * @param id a session's id, or its beginning
 */
export function createSessionWriter(id: string, { width }: FormatOptions): SessionWriter {
  const texts: string[] = [];
  return {
    get found() {
      return texts.length;
    },
    begin: () => "",
    session(session, conversation) {
      if (!session.id.startsWith(id) || !conversation) return "";
      const { control, dataChannels } = safeData(session);
      const about = [SECURITY_TEXT[control.security], control.serverSoftware, control.user && `user ${control.user}`];
      const lines = [
        `Session ${session.id}: ${formatEndpoint(control.client)} to ${formatEndpoint(control.server)}`,
        `${shortTime(control.start)} UTC, ${about.filter(Boolean).join(", ")}`,
        "",
        "  seconds   packet  client   server",
        ...ladderLines(wholeLadder(safeData(conversation())), 1).flatMap((line) => hang(line, width)),
        "",
        ...dataChannels.flatMap((channel) => {
          const what = [describeNegotiation(channel), describeTransfer(channel)].filter(Boolean).join(", ");
          const cause = channel.cause === null ? "" : `: ${CAUSE_TEXT[channel.cause].title} [${channel.cause}]`;
          return wrapText(`Channel ${channel.ordinal}, ${what}: ${channel.outcome}${cause}`, width, 2);
        }),
        ...(control.cause === null
          ? []
          : wrapText(
              `Control connection ${control.outcome}: ${CAUSE_TEXT[control.cause].title} [${control.cause}]`,
              width,
              2,
            )),
      ];
      texts.push(`${lines.map((line) => line.trimEnd()).join("\n")}\n`);
      return "";
    },
    end: () => texts.join("\n"),
  };
}

/** A line that is too long, cut at words, the rest under the first. */
function hang(line: string, width: number): string[] {
  if (line.length <= width) return [line];
  const [first, ...rest] = wrapText(line.slice(SAID_AT), Math.max(20, width - SAID_AT));
  return [line.slice(0, SAID_AT) + first, ...rest.map((text) => " ".repeat(SAID_AT) + text)];
}
