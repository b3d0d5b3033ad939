import { test } from "node:test";
import { analyzeCapture } from "../../../src/analyze.ts";
import { CaptureBuilder } from "../../support/capture-builder.ts";
import { CLIENT, CLIENT6, endpoint, judges, ROUTER, SERVER, SERVER6, shows } from "../dialogue.ts";
import { LEAST_TTL } from "../thresholds.ts";

const CAUSE = "control-icmp-prohibited";

function attempt(from: string, type: number, code: number, ttl = 64) {
  const ipv6 = from.includes(":");
  const net = new CaptureBuilder();
  const [syn] = net.synUnanswered({
    client: endpoint(ipv6 ? CLIENT6 : CLIENT, 40000),
    server: endpoint(ipv6 ? SERVER6 : SERVER, 21),
    retries: 0,
    ttl,
  });
  const icmp = net.icmpError({ from, type, code });
  net.wait(4000);
  net.udp({ from: "192.0.2.10:5353", to: "192.0.2.1:53", payload: "other traffic" });
  return { control: analyzeCapture(net.build()).sessions[0].control, syn, icmp };
}

test("the router that sent it is named, IPv4 and IPv6", () => {
  for (const [from, type, code, text] of [
    [ROUTER, 3, 13, "communication administratively prohibited"],
    [SERVER, 3, 3, "port unreachable"],
    ["2001:db8:ffff::1", 1, 0, "no route to destination"],
  ] as const) {
    const { control, syn, icmp } = attempt(from, type, code);
    shows(control, {
      outcome: "failed",
      cause: CAUSE,
      confidence: "certain",
      evidence: [syn, icmp],
      says: new RegExp(`type ${type} code ${code} from .*${from.replaceAll(".", "\\.")}.*${text}`),
    });
  }
});

test("time exceeded in transit; not where the SYN was sent for that (traceroute by TCP)", () => {
  const { control, syn, icmp } = attempt(ROUTER, 11, 0);
  shows(control, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "certain",
    evidence: [syn, icmp],
    says: /in transit$/,
  });
  judges(attempt(ROUTER, 11, 0, LEAST_TTL - 1).control, "undetermined");
});

test("silent: too big", () => {
  judges(attempt(ROUTER, 3, 4).control, "undetermined");
});
