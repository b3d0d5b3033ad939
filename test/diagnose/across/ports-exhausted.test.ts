import assert from "node:assert/strict";
import { test } from "node:test";
import { CaptureBuilder } from "../../support/capture-builder.ts";
import { EXHAUSTED_CHANNELS } from "../thresholds.ts";
import { findingsOf, SERVER, session } from "./sessions.ts";

/** Sessions that work on each of `ports`, and so many whose EPSV finds no port. */
function besideExhausted(ports: readonly number[], exhausted: number) {
  const net = new CaptureBuilder();
  for (const [i, port] of ports.entries()) session(net, "203.0.113.9", 40000 + 2 * i, "works", port);
  const refusals = Array.from({ length: exhausted }, (_, i) => {
    const control = net.connect({ client: `203.0.113.9:${43000 + i}`, server: `${SERVER}:21` });
    control.server("220 ready\r\n");
    control.client("USER anonymous\r\n");
    control.server("230 logged in\r\n");
    control.client("EPSV\r\n");
    const refusal = control.server("425 All reserved TCP ports are busy\r\n");
    control.finish("client");
    net.wait(3000);
    return refusal;
  });
  return { finding: findingsOf(net).find(({ id }) => id === "ports-exhausted"), refusals };
}

test("a server that runs out of passive ports again and again, with the ports that it has", () => {
  const { finding, refusals } = besideExhausted([50000, 50002, 50000], EXHAUSTED_CHANNELS);
  assert.equal(finding?.title, `${SERVER}: no passive port was left 2 times; it granted 2 ports, from 50000 to 50002`);
  assert.equal(finding.sessionCount, EXHAUSTED_CHANNELS);
  assert.deepEqual(
    finding.evidence.map(({ packet }) => packet),
    refusals,
  );
  assert.match(besideExhausted([50000], EXHAUSTED_CHANNELS).finding?.title ?? "", /it granted port 50000 alone$/);
  assert.match(besideExhausted([], EXHAUSTED_CHANNELS).finding?.title ?? "", /left 2 times$/);
  assert.equal(besideExhausted([50000, 50002], EXHAUSTED_CHANNELS - 1).finding, undefined);
});
