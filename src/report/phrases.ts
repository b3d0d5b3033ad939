import { formatEndpoint } from "../address.ts";
import type { CaptureSummary, Confidence, Control, DataChannel, PacketPlace, Security } from "../analysis.ts";
import { secondsText } from "../diagnose/wording.ts";
import { captureFile } from "./capture-name.ts";
import { repliesOf } from "./replies.ts";

/** Short phrases about parts of a report that every format for people words alike. */

/** `PASV 10.0.1.121:3846`, `EPSV port 50001`, or what is known of a channel without one, or whose negotiation cannot be read. */
export function describeNegotiation(channel: DataChannel): string {
  const { negotiation, connection } = channel;
  if (!negotiation) {
    if (connection) return `data connection to ${formatEndpoint(connection.responder)}`;
    // What cannot be read shows by its connection or by record lengths; a transfer command alone was read, and nothing before it.
    return channel.inferred ? "inferred data channel" : "no negotiation";
  }
  const { verb, advertised } = negotiation;
  if (!advertised) return verb;
  return advertised.address === null
    ? `${verb} port ${advertised.port}`
    : `${verb} ${formatEndpoint({ address: advertised.address, port: advertised.port })}`;
}

/** `RETR pub/file`; empty when no transfer command followed. */
export function describeTransfer(channel: DataChannel): string {
  if (!channel.transfer) return "";
  const { verb, path } = channel.transfer;
  return path === null ? verb : `${verb} ${path}`;
}

/** The replies to the negotiation and the transfer in a row: `227, 150, 425`. */
export function describeReplies(channel: DataChannel): string {
  return repliesOf(channel).join(", ");
}

/** `failed`, `not attempted`. */
export function outcomeText(outcome: string): string {
  return outcome.replace("-", " ");
}

/** What each degree of confidence claims. */
export const CONFIDENCE_TEXT = {
  certain: "certain: the packets leave no other reading",
  likely: "likely: all that was seen fits, but one capture point cannot prove it",
  possible: "possible: the best reading of what was captured, not more",
} as const satisfies Readonly<Record<Confidence, string>>;

/** How the control connection was protected. */
export const SECURITY_TEXT = {
  cleartext: "cleartext",
  "explicit-tls": "explicit TLS",
  "implicit-tls": "implicit TLS",
  "explicit-tls-then-ccc": "explicit TLS until CCC",
  "implicit-tls-then-ccc": "implicit TLS until CCC",
} as const satisfies Readonly<Record<Security, string>>;

/** `packet 23`, or `packet 2:23` when there are several captures and the number alone would not do. */
export function describePacket(place: PacketPlace, captureCount: number): string {
  return captureCount > 1 ? `packet ${place.capture + 1}:${place.packet}` : `packet ${place.packet}`;
}

/** A count with its noun: `1 packet`, `42 packets`. */
export function countOf(count: number, noun: string, plural = `${noun}s`): string {
  return `${groupDigits(count)} ${count === 1 ? noun : plural}`;
}

/** Thousands set apart the same in every locale: `1,234,567`. */
export function groupDigits(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A phrase as the beginning of a sentence. */
export function capitalised(text: string): string {
  return text.replace(/^\p{Ll}/u, (letter) => letter.toUpperCase());
}

/** From the first packet of captures to the last: `2026-01-05 10:00:00 to 10:00:09 UTC`; within one second just that. */
export function timeSpan(captures: readonly CaptureSummary[]): string {
  const [first] = captures.flatMap(({ start }) => start ?? []).sort();
  const last = captures
    .flatMap(({ end }) => end ?? [])
    .sort()
    .at(-1);
  return first === undefined ? "no packets" : `${span(first, last ?? first)} UTC`;
}

/** From a data channel's first packet to its last, the day left out where it is the session's: `10:00:01 to 10:00:09`; empty where unknown. */
export function channelSpan({ start, end }: DataChannel, control: Control): string {
  if (start === null || end === null) return "";
  const text = span(start, end);
  return start.slice(0, 10) === control.start.slice(0, 10) ? text.slice(11) : text;
}

/** Two time stamps of a report, to the second; the day and what is equal are said once. */
function span(from: string, to: string): string {
  const start = shortTime(from);
  const end = shortTime(to);
  if (start === end) return start;
  return `${start} to ${end.slice(0, 10) === start.slice(0, 10) ? end.slice(11) : end}`;
}

/** A span of time as people say it: `340 ms`, `7.1 s`, `12 min`, `3.4 h`. */
export function durationText(seconds: number): string {
  if (seconds < 120) return secondsText(seconds);
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** `2026-01-05 10:00:00` of a report's time stamp. */
export function shortTime(time: string): string {
  return time.slice(0, 19).replace("T", " ");
}

/**
 * The commands that show just these packets in tshark, one for each capture concerned:
 * `tshark -r client.pcap -Y 'frame.number in {21,23..25}'`.
 */
export function tsharkCommands(places: readonly PacketPlace[], captures: readonly CaptureSummary[]): string[] {
  return captures.flatMap(({ name }, index) => {
    const packets = places.filter(({ capture }) => capture === index).map(({ packet }) => packet);
    if (packets.length === 0) return [];
    const file = captureFile(name);
    return [`tshark -r ${file === undefined ? "FILE" : shellWord(file)} -Y 'frame.number in {${packetSet(packets)}}'`];
  });
}

/** Sorted, without repetition, three or more in a row as `first..last`. */
function packetSet(packets: readonly number[]): string {
  const sorted = [...new Set(packets)].sort((a, b) => a - b);
  const parts: string[] = [];
  for (let i = 0; i < sorted.length; ) {
    let end = i;
    while (sorted[end + 1] === sorted[end] + 1) end++;
    if (end - i >= 2) parts.push(`${sorted[i]}..${sorted[end]}`);
    else for (let at = i; at <= end; at++) parts.push(String(sorted[at]));
    i = end + 1;
  }
  return parts.join(",");
}

function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
