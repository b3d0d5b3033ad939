import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { describe, it } from "node:test";
import { CAUSE_IDS } from "../src/diagnose/causes.ts";
import { analyzeCapture, type DataChannel, type Session } from "../src/index.ts";

/**
 * Every recorded capture is small, says where it comes from and what is true of it; and the analyzer finds what is true of it.
 * The truths were written by the laboratory (fixtures/lab), never from the analyzer's answer.
 */

const folder = new URL("../fixtures/", import.meta.url);
const names = readdirSync(folder);
const captures = names.filter((name) => /\.pcap(ng)?$/.test(name));
const OUTCOMES = ["ok", "failed", "refused", "aborted", "not-attempted", "undetermined"];
const LARGEST = 100_000;
const LARGEST_TOGETHER = 8_000_000;

interface Endpoint {
  readonly address: string | null;
  readonly port: number;
}

/** What is true of one session, as a truth file has it. */
interface SessionTruth {
  readonly control: {
    readonly client: Endpoint;
    readonly server: Endpoint;
    readonly security: string;
    readonly acceptableSecurities: readonly string[];
    readonly cause: string | null;
    readonly acceptableCauses: readonly (string | null)[];
  };
  readonly channels: readonly ChannelTruth[];
}

/** What is true of one data channel. */
interface ChannelTruth {
  readonly verb: string | null;
  readonly transferVerb: string | null;
  readonly advertised: Endpoint | null;
  readonly connection: { readonly originator: Endpoint; readonly responder: Endpoint } | null;
  readonly outcome: string;
  readonly cause: string | null;
  readonly contributing: readonly string[];
  readonly acceptableCauses: readonly string[];
  readonly acceptableOutcomes: readonly string[];
}

function truthOf(capture: string): readonly SessionTruth[] {
  const stem = capture.replace(/\.pcap(ng)?$/, "");
  return (JSON.parse(readFileSync(new URL(`${stem}.truth.json`, folder), "utf8")) as { sessions: SessionTruth[] })
    .sessions;
}

function text(endpoint: Endpoint | null | undefined): string {
  return endpoint ? `${endpoint.address ?? "*"} ${endpoint.port}` : "none";
}

function channelText({ negotiation, transfer, connection, outcome, cause }: DataChannel): string {
  const ends = connection ? `${text(connection.originator)} → ${text(connection.responder)}` : "no connection";
  return `${negotiation?.verb ?? "-"}/${transfer?.verb ?? "-"} to ${text(negotiation?.advertised)}, ${ends}: ${outcome}/${cause}`;
}

/** Nothing of the channel can be seen: an observer may leave it out. */
function isHidden({ verb, transferVerb, connection }: ChannelTruth): boolean {
  return verb === null && transferVerb === null && connection === null;
}

/** How one reported channel differs from the truth; one line each. */
function channelDifferences(truth: ChannelTruth, channel: DataChannel): string[] {
  const differences: string[] = [];
  const expectSame = (what: string, found: string, promised: string) => {
    if (found !== promised) differences.push(`${what} ${found}, expected ${promised}`);
  };
  if (!isHidden(truth)) {
    expectSame("negotiation", channel.negotiation?.verb ?? "none", truth.verb ?? "none");
    expectSame("advertised", text(channel.negotiation?.advertised), text(truth.advertised));
    expectSame("originator", text(channel.connection?.originator), text(truth.connection?.originator));
    expectSame("responder", text(channel.connection?.responder), text(truth.connection?.responder));
    if (truth.transferVerb !== null) expectSame("transfer", channel.transfer?.verb ?? "none", truth.transferVerb);
  }
  const outcomes = [truth.outcome, ...truth.acceptableOutcomes];
  const blames = channel.outcome === "failed" || channel.outcome === "refused";
  const causes: (string | null)[] = [truth.cause, ...truth.acceptableCauses];
  if (!outcomes.includes(channel.outcome))
    differences.push(`outcome ${channel.outcome}, expected ${outcomes.join(" or ")}`);
  else if (blames && !causes.includes(channel.cause))
    differences.push(`cause ${channel.cause}, expected ${causes.join(" or ")}`);
  else if (!blames && channel.cause !== null) differences.push(`cause ${channel.cause} for ${channel.outcome}`);
  if (blames)
    for (const one of truth.contributing)
      if (!(channel.contributing as readonly string[]).includes(one)) differences.push(`does not name ${one}`);
  return differences;
}

/** How one reported session differs from the truth; one line each. */
function sessionDifferences({ control, channels }: SessionTruth, session: Session): string[] {
  const differences: string[] = [];
  const { security, cause } = session.control;
  const securities = [control.security, ...control.acceptableSecurities];
  if (!securities.includes(security)) differences.push(`security ${security}, expected ${securities.join(" or ")}`);
  const causes = [control.cause, ...control.acceptableCauses];
  if (!causes.includes(cause)) differences.push(`control cause ${cause}, expected ${causes.join(" or ")}`);
  const visible = channels.filter((channel) => !isHidden(channel));
  const wanted = session.dataChannels.length === visible.length ? visible : channels;
  if (session.dataChannels.length !== wanted.length) {
    const found = session.dataChannels.map(channelText).join("\n    ");
    return [...differences, `${session.dataChannels.length} channels, expected ${wanted.length}:\n    ${found}`];
  }
  for (const [at, channel] of session.dataChannels.entries())
    for (const difference of channelDifferences(wanted[at]!, channel))
      differences.push(`channel ${at + 1} (${channelText(channel)}): ${difference}`);
  return differences;
}

/** How the analyzer's sessions differ from the truth; one line each. */
function differencesOf(truths: readonly SessionTruth[], sessions: readonly Session[]): string[] {
  const left = [...sessions];
  const differences = truths.flatMap((truth) => {
    const { client, server } = truth.control;
    const at = left.findIndex(
      ({ control }) => text(control.client) === text(client) && text(control.server) === text(server),
    );
    if (at < 0) return [`session ${text(client)} → ${text(server)} is not reported`];
    return sessionDifferences(truth, left.splice(at, 1)[0]!);
  });
  for (const { control } of left)
    differences.push(`session ${text(control.client)} → ${text(control.server)} does not exist`);
  return differences;
}

describe("fixtures", () => {
  it("exist and are small together", () => {
    assert.ok(captures.length > 0);
    const sizes = captures.map((capture) => statSync(new URL(capture, folder)).size);
    assert.ok(sizes.reduce((sum, size) => sum + size, 0) < LARGEST_TOGETHER);
  });

  for (const capture of captures) {
    const stem = capture.replace(/\.pcap(ng)?$/, "");

    it(`${capture} is small and has its origin and truth`, () => {
      assert.match(capture, /^[a-z]+(-[a-z0-9]+)+\.pcap(ng)?$/);
      assert.ok(statSync(new URL(capture, folder)).size < LARGEST);
      assert.match(readFileSync(new URL(`${stem}.origin.md`, folder), "utf8"), new RegExp(`^# ${stem}\n`));
      const sessions = truthOf(capture);
      assert.ok(sessions.length > 0);
      for (const { control, channels } of sessions) {
        const causes = [
          ...[control.cause, ...control.acceptableCauses],
          ...channels.flatMap(({ cause, acceptableCauses }) => [cause, ...acceptableCauses]),
        ];
        for (const cause of causes)
          assert.ok(cause === null || (CAUSE_IDS as readonly string[]).includes(cause), String(cause));
        for (const { outcome, acceptableOutcomes } of channels)
          for (const one of [outcome, ...acceptableOutcomes]) assert.ok(OUTCOMES.includes(one), one);
      }
    });

    it(`${capture} is understood`, () => {
      const analysis = analyzeCapture(readFileSync(new URL(capture, folder)));
      const differences = differencesOf(truthOf(capture), analysis.sessions);
      assert.ok(differences.length === 0, `\n  ${differences.join("\n  ")}`);
    });
  }

  it("leave no origin or truth without its capture", () => {
    const stems = new Set(captures.map((name) => name.replace(/\.pcap(ng)?$/, "")));
    const orphans = names
      .filter((name) => /\.(origin\.md|truth\.json)$/.test(name))
      .filter((name) => !stems.has(name.replace(/\.(origin\.md|truth\.json)$/, "")));
    assert.deepEqual(orphans, []);
  });
});
