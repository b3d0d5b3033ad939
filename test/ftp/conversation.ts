import { readFileSync } from "node:fs";
import { AnomalyLog } from "../../src/anomaly.ts";
import type { ControlEvent } from "../../src/ftp/control-event.ts";
import { ControlSession } from "../../src/ftp/control-session.ts";
import type { Direction, GapReason, Stamp } from "../../src/tcp/stream-sink.ts";
import { helloMessage, record } from "../tls/hello-bytes.ts";

/**
 * Conversations in Markdown (conversations/README.md says how they are written): what travels, segment by segment, and the events
 * expected of it.
 */
export interface Conversation {
  readonly title: string;
  readonly midstream: boolean;
  readonly port: number;
  /** What is found depends on where segments begin. */
  readonly ragged: boolean;
  readonly steps: readonly Step[];
  readonly expected: readonly string[];
}

/** A segment of one direction, or a hole in it. */
export interface Step {
  readonly direction: Direction;
  readonly bytes: Uint8Array;
  readonly gap: { readonly length: number; readonly reason: GapReason } | undefined;
}

/** All conversations of a file, in order. */
export function readConversations(url: URL): Conversation[] {
  const text = readFileSync(url, "utf8");
  return text
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const title = section.slice(0, section.indexOf("\n")).trim();
      const blocks = [...section.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, kind, body]) => ({ kind, body }));
      const said = blocks.find(({ kind }) => kind === "conversation")?.body;
      const expected = blocks.find(({ kind }) => kind === "events")?.body;
      if (said === undefined || expected === undefined)
        throw new Error(`${title}: needs a conversation and its events`);
      const lines = said.split("\n").filter((line) => line.trim() !== "");
      const options = lines.filter((line) => line.startsWith("options ")).join(" ");
      return {
        title,
        midstream: options.includes("midstream"),
        port: Number(/port=(\d+)/.exec(options)?.[1] ?? 21),
        ragged: options.includes("ragged"),
        steps: lines.filter((line) => !line.startsWith("options ")).map((line) => readStep(title, line)),
        expected: expected.split("\n").filter((line) => line !== ""),
      };
    });
}

function readStep(title: string, line: string): Step {
  const match = /^([CS])([:|~]) ?(.*)$/.exec(line);
  if (!match) throw new Error(`${title}: cannot read ${JSON.stringify(line)}`);
  const [, who, how, rest] = match;
  const direction = who === "C" ? "client" : "server";
  if (how === "~") {
    const [length, reason] = rest.split(" ");
    return { direction, bytes: new Uint8Array(0), gap: { length: Number(length), reason: reason as GapReason } };
  }
  return { direction, bytes: unescapeBytes(how === ":" ? `${rest}\\r\\n` : rest), gap: undefined };
}

/** `\r`, `\n`, `\0`, `\xHH`, `\\`, `{record TYPE LENGTH}`, `{clienthello}`, `{serverhello}`, `{header TYPE LENGTH}`; all else is UTF-8. */
function unescapeBytes(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const [token] of text.matchAll(/\\x[0-9a-f]{2}|\\.|\{[^}]*\}|[^\\{]+/gi)) {
    if (token.startsWith("{")) bytes.push(...macro(token.slice(1, -1).split(" ")));
    else if (token.startsWith("\\x")) bytes.push(Number.parseInt(token.slice(2), 16));
    else if (token.startsWith("\\")) bytes.push({ r: 13, n: 10, 0: 0, "\\": 0x5c }[token[1]] ?? token.charCodeAt(1));
    else bytes.push(...Buffer.from(token, "utf8"));
  }
  return Uint8Array.from(bytes);
}

/** Bytes as ciphertext has them: line ends, digits and letters among them. */
export function ciphertext(length: number, seed = 7): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return state >>> 24;
  });
}

function macro([name, ...values]: string[]): Uint8Array {
  switch (name) {
    case "record":
      return record(Number(values[0]), ciphertext(Number(values[1]), Number(values[1]) + 1));
    case "header":
      return record(Number(values[0]), new Uint8Array(Number(values[1]))).subarray(0, 5);
    case "clienthello":
      return record(22, helloMessage({ role: "client", extensions: [[43, [2, 3, 4]]] }), 0x0301);
    case "serverhello":
      return record(22, helloMessage({ role: "server", extensions: [[43, [3, 4]]] }));
    default:
      throw new Error(`no macro ${name}`);
  }
}

/** How a segment is cut before it is fed: returns the lengths of the pieces. */
export type Cut = (length: number) => number[];

export const whole: Cut = (length) => [length];
export const byByte: Cut = (length) => new Array<number>(length).fill(1);

export interface Outcome {
  readonly events: readonly ControlEvent[];
  readonly session: ControlSession;
  readonly anomalies: AnomalyLog;
}

/** Feeds a conversation; each piece lies at another place of a reused buffer that is overwritten afterwards. */
export function hold(conversation: Pick<Conversation, "midstream" | "port" | "steps">, cut: Cut): Outcome {
  const events: ControlEvent[] = [];
  const anomalies = new AnomalyLog();
  const session = new ControlSession({
    serverPort: conversation.port,
    joinedMidstream: conversation.midstream,
    anomalies,
    onEvent: (event) => events.push(event),
  });
  const sent = { client: 0, server: 0 };
  const buffer = new Uint8Array(70_000);
  let packet = 0;
  for (const { direction, bytes, gap } of conversation.steps) {
    packet++;
    const acknowledged = direction === "client" ? sent.server : sent.client;
    const stamp: Stamp = { packet, time: 1_700_000_000 + packet, acknowledged, ttl: 64 };
    if (gap) {
      session.gap(direction, gap.length, gap.reason, stamp);
      sent[direction] += gap.length;
      continue;
    }
    let at = 0;
    for (const length of cut(bytes.length)) {
      const place = packet % 13;
      buffer.set(bytes.subarray(at, at + length), place);
      session.data(direction, buffer, place, place + length, stamp);
      buffer.fill(0x5a, 0, place + length + 8);
      at += length;
    }
    sent[direction] += bytes.length;
  }
  session.finish();
  return { events, session, anomalies };
}

/** One line for an event, as the conversations write it. */
export function describe(event: ControlEvent): string {
  const letter = (direction: Direction) => (direction === "client" ? "C" : "S");
  const visible = (text: string) => JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"');
  switch (event.kind) {
    case "command":
      return `C command ${event.verb}${event.argument === null ? "" : ` ${visible(event.argument)}`}${event.cut ? " [cut]" : ""}`;
    case "reply":
      return `S reply ${event.code} ${event.lines.map(visible).join(" / ")}${event.cut ? " [cut]" : ""}`;
    case "tls-record":
      return `${letter(event.direction)} record ${event.contentType} ${event.length}`;
    case "tls-hello":
      return `${letter(event.direction)} hello 0x${event.hello.version.toString(16).padStart(4, "0")}`;
    case "gap":
      return `${letter(event.direction)} gap ${event.length} ${event.reason}`;
    case "odd-line":
      return `${letter(event.direction)} odd ${visible(event.text)}`;
  }
}
