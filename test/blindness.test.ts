import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { BLINDINGS, BlindnessSurvey } from "./support/blindness.ts";

/**
 * A healthy channel is never accused because the capture is poor. All fixtures, with packets missing in every way.
 *
 * `BLINDNESS_CAPTURES=FOLDER:FOLDER…` surveys other captures too, with `BLINDNESS_DENSITY` variants of a kind from each, and prints the table.
 */

const DENSITY = Number(process.env["BLINDNESS_DENSITY"] ?? 12);
const SEED = Number(process.env["BLINDNESS_SEED"] ?? 1);
const elsewhere = process.env["BLINDNESS_CAPTURES"]?.split(":") ?? [];

/** Shares of healthy channels that may become `undetermined`. */
const UNDETERMINED_OF_ONE_PACKET = 0.1;
const UNDETERMINED_OF_A_TENTH = 0.4;

const survey = new BlindnessSurvey();
for (const folder of ["fixtures", ...elsewhere]) {
  for (const name of readdirSync(folder, { recursive: true }).map(String).sort()) {
    if (!/\.pcap(ng)?$/.test(name)) continue;
    survey.addCapture(name, readFileSync(join(folder, name)), DENSITY, SEED);
  }
}

if (elsewhere.length > 0) {
  console.log(`${survey.variants} variants`);
  console.table(survey.tallies);
  const only = process.env["BLINDNESS_EXCUSES"] === "1" ? survey.excuses : survey.violations;
  for (const { capture, blinding, detail, says } of only) console.log(`${capture} ${blinding} ${detail}: ${says}`);
}

for (const blinding of BLINDINGS) {
  test(`${blinding}: nobody is accused who was not before`, () => {
    const found = survey.violations.filter((violation) => violation.blinding === blinding);
    assert.deepEqual(
      found.map(({ capture, detail, says }) => `${capture} ${detail}: ${says}`),
      [],
    );
    assert.ok(survey.tallies[blinding].variants > 0);
  });
}

test("one packet less, or a tenth of them, leaves most channels determined", () => {
  const { "one-packet": one, tenth } = survey.tallies;
  assert.ok(one.undetermined <= one.healthy * UNDETERMINED_OF_ONE_PACKET, `${one.undetermined} of ${one.healthy}`);
  assert.ok(tenth.undetermined <= tenth.healthy * UNDETERMINED_OF_A_TENTH, `${tenth.undetermined} of ${tenth.healthy}`);
});
