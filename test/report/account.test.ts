import assert from "node:assert/strict";
import { test } from "node:test";
import type { DataChannel } from "../../src/analysis.ts";
import { circumstancesOf, headline, limitLines } from "../../src/report/account.ts";
import { failuresOf } from "../../src/report/failure.ts";
import { FailureGroups } from "../../src/report/failure-groups.ts";
import { SAMPLES, summaryOf } from "./sample-analysis.ts";

/** The headline over channels that all are like the failed one of a sample, but for what is said of each. */
function headlineOf(...channels: readonly Partial<DataChannel>[]): string {
  const sample = SAMPLES["private-address"];
  const [session] = sample.sessions;
  const dataChannels = channels.map((changed) => ({ ...session.dataChannels[0], ...changed }));
  const groups = new FailureGroups();
  for (const failure of failuresOf({ ...session, dataChannels })) groups.add(failure);
  const channelsByOutcome = { ok: 0, failed: 0, refused: 0, aborted: 0, "not-attempted": 0, undetermined: 0 };
  for (const { outcome } of dataChannels) channelsByOutcome[outcome]++;
  const counts = { sessions: 1, channels: channels.length, channelsByOutcome, causes: {} };
  return headline({ ...sample, counts }, 0, groups);
}

test("a headline names the cause that all failures share, and how sure it is", () => {
  assert.equal(headlineOf({}), "The FTP data channel failed: the server advertises a private address");
  assert.equal(headlineOf({}, {}), "Both FTP data channels failed: the server advertises a private address");
  assert.match(headlineOf({}, {}, {}), /^All 3 FTP data channels failed: /);
  assert.equal(
    headlineOf({}, { confidence: "likely" }, { outcome: "ok", cause: null }),
    "2 of 3 FTP data channels failed: the server advertises a private address (likely)",
  );
});

test("a headline names no cause where another failure has another, or none", () => {
  assert.equal(headlineOf({}, { cause: "data-port-filtered" }), "Both FTP data channels failed");
  const refusal = { outcome: "refused", cause: "epsv-refused" } as const;
  assert.equal(headlineOf(refusal, { ...refusal, cause: null }), "Both FTP data channels were refused");
});

test("a headline about what failed is not about what was refused", () => {
  assert.equal(
    headlineOf({}, { outcome: "refused", cause: "epsv-refused" }),
    "1 of 2 FTP data channels failed: the server advertises a private address",
  );
});

test("a failure that was captured at two points names the session as the other point shows it", () => {
  const [session] = SAMPLES["private-address"].sessions;
  const atBoth = { ...session, control: { ...session.control, sameAs: ["0123456789abcdef"] } };
  const [[there], [alone]] = [failuresOf(atBoth), failuresOf(session)];
  assert.deepEqual(circumstancesOf(there), [...circumstancesOf(alone), "same as session 0123456789abcdef"]);
});

test("a limit of the capture says of which captures it is one, where it is not one of all", () => {
  const sample = summaryOf(SAMPLES["private-address"]);
  const [capture] = sample.captures;
  const lineOf = (count: number, ...cut: readonly number[]) => {
    const captures = Array.from({ length: count }, (_, i) => ({
      ...capture,
      limits: cut.includes(i + 1) ? (["truncated-file"] as const) : [],
    }));
    return limitLines({ ...sample, captures })[0];
  };
  const limit = "the file ends in the middle of a record (truncated-file)";
  assert.equal(lineOf(1, 1), limit);
  assert.equal(lineOf(2, 1, 2), limit);
  assert.equal(lineOf(99, 57), `${limit}, in capture 57`);
  assert.equal(lineOf(99, 3, 57), `${limit}, in captures 3 and 57`);
  assert.equal(lineOf(99, 1, 2, 3, 4, 5, 6), `${limit}, in captures 1, 2, 3, 4, 5 and 6`);
  assert.equal(lineOf(99, 1, 2, 3, 4, 5, 6, 7), `${limit}, in captures 1, 2, 3, 4, 5 and 2 more`);
});
