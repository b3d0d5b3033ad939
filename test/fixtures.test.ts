import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { describe, it } from "node:test";
import { CAUSE_IDS } from "../src/diagnose/cause.ts";

/** Every recorded capture is small and says where it comes from and what is true of it. */

const folder = new URL("../fixtures/", import.meta.url);
const names = readdirSync(folder);
const captures = names.filter((name) => /\.pcap(ng)?$/.test(name));
const OUTCOMES = ["ok", "failed", "refused", "aborted", "not-attempted", "undetermined"];

/** The fields of a truth file that are checked here. */
interface Truth {
  readonly sessions: readonly {
    readonly control: { readonly cause: string | null };
    readonly channels: readonly {
      readonly outcome: string;
      readonly cause: string | null;
      readonly acceptableCauses: readonly string[];
      readonly acceptableOutcomes: readonly string[];
    }[];
  }[];
}

describe("fixtures", () => {
  it("exist", () => assert.ok(captures.length > 0));

  for (const capture of captures) {
    const stem = capture.replace(/\.pcap(ng)?$/, "");

    it(`${capture} is small and has its origin and truth`, () => {
      assert.match(capture, /^[a-z]+(-[a-z0-9]+)+\.pcap(ng)?$/);
      assert.ok(statSync(new URL(capture, folder)).size < 100_000);
      assert.match(readFileSync(new URL(`${stem}.origin.md`, folder), "utf8"), new RegExp(`^# ${stem}\n`));
      const truth = JSON.parse(readFileSync(new URL(`${stem}.truth.json`, folder), "utf8")) as Truth;
      assert.ok(truth.sessions.length > 0);
      for (const { control, channels } of truth.sessions) {
        const causes = [
          control.cause,
          ...channels.flatMap(({ cause, acceptableCauses }) => [cause, ...acceptableCauses]),
        ];
        for (const cause of causes)
          assert.ok(cause === null || (CAUSE_IDS as readonly string[]).includes(cause), String(cause));
        for (const { outcome, acceptableOutcomes } of channels)
          for (const one of [outcome, ...acceptableOutcomes]) assert.ok(OUTCOMES.includes(one), one);
      }
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
