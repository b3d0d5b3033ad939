/** What is true of a generated capture, and how an answer about it is compared with that: session by session, channel by channel. */

/** Both ends of a control connection as `address port`, and what became of the session. */
export interface SessionTruth {
  readonly client: string;
  readonly server: string;
  /** Of the control connection itself. */
  cause: string | null;
  readonly channels: ChannelTruth[];
}

/** One data channel. */
export interface ChannelTruth {
  readonly verb: string;
  /** Null: the client got no further than the negotiation. */
  readonly transferVerb: string | null;
  readonly port: number;
  readonly outcome: "ok" | "failed";
  readonly cause: string | null;
  /** Bytes that the data connection carried; null where it was cut. */
  readonly bytes: number | null;
}

/** A capture's truth. */
export interface CaptureTruth {
  readonly sessions: readonly SessionTruth[];
  /** The report must have one finding, with one of these ids; empty: none is demanded. */
  readonly finding: readonly string[];
  readonly packets: number;
  /** Bytes of the capture before compression. */
  readonly bytes: number;
}

/** As much of a report as is compared. */
export interface Answer {
  readonly captures: readonly { readonly packets: number }[];
  readonly sessions: readonly {
    readonly control: {
      readonly client: AnswerEndpoint;
      readonly server: AnswerEndpoint;
      readonly cause: string | null;
      readonly limits: readonly string[];
    };
    readonly dataChannels: readonly {
      readonly negotiation: { readonly verb: string; readonly advertised: { readonly port: number } | null } | null;
      readonly transfer: { readonly verb: string } | null;
      readonly connection: { readonly bytesFromOriginator: number; readonly bytesFromResponder: number } | null;
      readonly outcome: string;
      readonly cause: string | null;
    }[];
  }[];
  readonly findings: readonly { readonly id: string }[];
  readonly anomalies: readonly { readonly code: string; readonly count: number }[];
}

interface AnswerEndpoint {
  readonly address: string;
  readonly port: number;
}

/** How many of the truth's sessions and failures an answer has right, and what is wrong with it. */
export interface Comparison {
  readonly sessions: number;
  readonly sessionsRight: number;
  readonly failures: number;
  readonly failuresRight: number;
  /** Sessions that never were. */
  readonly invented: number;
  /** Sessions whose handshake the report does not know of, although the capture has it. */
  readonly withoutHandshake: number;
  /** The first few differences, in words. */
  readonly differences: readonly string[];
}

const MOST_DIFFERENCES = 5;

/** Compares a report with the truth. */
export function compare(truth: CaptureTruth, answer: Answer): Comparison {
  const differences: string[] = [];
  const differ = (words: string) => {
    if (differences.length < MOST_DIFFERENCES) differences.push(words);
  };
  const reported = new Map<string, string[]>();
  for (const session of answer.sessions) {
    const { client, server } = session.control;
    const ends = `${client.address} ${client.port} → ${server.address} ${server.port}`;
    reported.set(ends, [...(reported.get(ends) ?? []), answerText(session)]);
  }
  let [sessionsRight, failures, failuresRight] = [0, 0, 0];
  for (const session of truth.sessions) {
    const ends = `${session.client} → ${session.server}`;
    const expected = sessionText(session);
    const found = reported.get(ends)?.shift();
    const failed = session.cause !== null || session.channels.some(({ cause }) => cause !== null);
    if (failed) failures++;
    if (found === expected) {
      sessionsRight++;
      if (failed) failuresRight++;
    } else differ(`${ends}: ${found === undefined ? "not reported" : whereApart(found, expected)}`);
  }
  let invented = 0;
  for (const [ends, left] of reported) {
    invented += left.length;
    if (left.length > 0) differ(`${ends}: never was: ${left[0].slice(0, SHOWN)}`);
  }
  if (truth.finding.length > 0) {
    const times = answer.findings.filter(({ id }) => truth.finding.includes(id)).length;
    if (times !== 1) differ(`finding ${truth.finding.join(" or ")}: ${times} times`);
  }
  const packets = answer.captures.reduce((sum, capture) => sum + capture.packets, 0);
  if (packets !== truth.packets) differ(`${packets} packets, expected ${truth.packets}`);
  const withoutHandshake = answer.sessions.filter(({ control }) => control.limits.includes("midstream")).length;
  return {
    sessions: truth.sessions.length,
    sessionsRight,
    failures,
    failuresRight,
    invented,
    withoutHandshake,
    differences,
  };
}

/** Characters of two long texts that are shown around the place where they part. */
const SHOWN_BEFORE = 60;
const SHOWN = 200;

function whereApart(found: string, expected: string): string {
  let at = 0;
  while (at < found.length && found[at] === expected[at]) at++;
  const from = Math.max(0, at - SHOWN_BEFORE);
  const shown = (text: string) =>
    `${from > 0 ? "…" : ""}${text.slice(from, from + SHOWN)}${text.length > from + SHOWN ? "…" : ""}`;
  return `${shown(found)}, expected ${shown(expected)}`;
}

function sessionText({ cause, channels }: SessionTruth): string {
  const texts = channels.map((channel) => {
    const { verb, transferVerb, port, outcome, bytes } = channel;
    return `${verb} ${port} ${transferVerb} ${outcome} ${channel.cause} ${bytes ?? ""}`;
  });
  return [`control ${cause}`, ...texts].join("; ");
}

function answerText({ control, dataChannels }: Answer["sessions"][number]): string {
  const texts = dataChannels.map(({ negotiation, transfer, connection, outcome, cause }) => {
    const whole = outcome === "ok" && connection !== null;
    const bytes = whole ? connection.bytesFromOriginator + connection.bytesFromResponder : "";
    return `${negotiation?.verb} ${negotiation?.advertised?.port} ${transfer?.verb ?? null} ${outcome} ${cause} ${bytes}`;
  });
  return [`control ${control.cause}`, ...texts].join("; ");
}
