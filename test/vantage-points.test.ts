import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import type { Analysis, Session } from "../src/analysis.ts";
import { analyzeCapture } from "../src/analyze.ts";
import { GUESSING_SESSIONS } from "../src/diagnose/across/brute-force.ts";
import { analyzeCaptures } from "./support/analyze-captures.ts";
import { CaptureBuilder, type Connection, type Side } from "./support/capture-builder.ts";
import { pcapOf, type RawPacket, rawPackets, split } from "./support/capture-mutation.ts";

/**
 * Several captures at once: files of a ring are one capture, and what was captured at two points of the network is two sessions that name each
 * other, each with nothing but the packets of its own point.
 */

const CLIENT = "192.0.2.10:40000";
const SERVER = "203.0.113.5:21";
const DATA = { client: "192.0.2.10:40001", server: "203.0.113.5:50000" };

function countOf({ anomalies }: Analysis, code: string): number {
  return anomalies.find((anomaly) => anomaly.code === code)?.count ?? 0;
}

/** What names captures, or tells what the other point shows of a SYN that is missing here. */
const OF_SEVERAL: readonly string[] = [
  "capture",
  "sameAs",
  "evidence",
  "alternatives",
  "remedy",
  "confidence",
  "contributing",
];

/** A session as it is said wherever its capture stands among others: its channels, their outcomes and causes. */
function ofOneCapture(session: Session): unknown {
  return JSON.parse(JSON.stringify(session, (key, value) => (OF_SEVERAL.includes(key) ? undefined : value)));
}

/** The sessions of an analysis are those that each capture gives alone. */
function assertSeparate({ sessions }: Analysis, captures: readonly (readonly RawPacket[])[]): void {
  const alone = captures.flatMap((packets) => analyzeCapture(pcapOf(packets)).sessions);
  const byId = ({ id: a }: { id: string }, { id: b }: { id: string }) => (a < b ? -1 : 1);
  assert.deepEqual([...sessions].sort(byId).map(ofOneCapture), alone.sort(byId).map(ofOneCapture));
}

/** The same where all are one session, seen at several points: each names the others in `sameAs`. */
function assertNotMerged(analysis: Analysis, captures: readonly (readonly RawPacket[])[]): void {
  assertSeparate(analysis, captures);
  const ids = analysis.sessions.map(({ id }) => id).sort();
  for (const { id, control } of analysis.sessions)
    assert.deepEqual(
      [...control.sameAs].sort(),
      ids.filter((other) => other !== id),
    );
}

/** Moves a capture's clock. */
function later(packets: readonly RawPacket[], milliseconds: number): RawPacket[] {
  return packets.map((packet) => {
    const nanoseconds = packet.nanoseconds + milliseconds * 1e6;
    const carry = Math.floor(nanoseconds / 1e9);
    return { ...packet, seconds: packet.seconds + carry, nanoseconds: nanoseconds - carry * 1e9 };
  });
}

function view(vantage: Side, conversation: (net: CaptureBuilder, vantage: Side) => void): RawPacket[] {
  const net = new CaptureBuilder({ vantage });
  conversation(net, vantage);
  return rawPackets(net.build());
}

function greeting(net: CaptureBuilder, ends: { client: string; server: string } = { client: CLIENT, server: SERVER }) {
  const control = net.connect(ends);
  control.server("220 ready\r\n");
  control.client("USER anonymous\r\n");
  control.server("331 send your address\r\n");
  control.client("PASS a@b\r\n");
  control.server("230 welcome\r\n");
  return control;
}

function passive(control: Connection): void {
  control.client("PASV\r\n");
  control.server("227 Entering Passive Mode (203,0,113,5,195,80)\r\n");
}

/** A passive transfer that works. */
function working(net: CaptureBuilder): void {
  const control = greeting(net);
  passive(control);
  control.client("RETR notes.txt\r\n");
  const data = net.connect(DATA);
  control.server("150 here it comes\r\n");
  data.data("server", 4000);
  data.finish("server");
  control.server("226 done\r\n");
  control.client("QUIT\r\n");
  control.server("221 bye\r\n");
  control.finish("server");
}

/** A passive transfer whose SYN comes by the client and never reaches the server. */
function filtered(net: CaptureBuilder, vantage: Side): void {
  const control = greeting(net);
  passive(control);
  if (vantage === "client") net.synUnanswered(DATA);
  else net.wait(4000);
  net.wait(10_000);
  control.client("QUIT\r\n");
  control.server("221 bye\r\n");
  control.finish("server");
}

describe("two vantage points of one session", () => {
  it("are two sessions that name each other, with a warning", () => {
    const captures = [view("client", working), later(view("server", working), 20)];
    const analysis = analyzeCaptures(captures);
    assertNotMerged(analysis, captures);
    assert.equal(analysis.sessions.length, 2);
    const { layer, count, first } = analysis.anomalies.find(({ code }) => code === "two-vantage-points")!;
    assert.deepEqual([layer, count, first.capture, first.packet], ["correlate", 1, 1, 1]);
    assert.match(first.detail, /captures 1 and 2/);
    for (const { control, dataChannels } of analysis.sessions) {
      assert.deepEqual(control.limits, []);
      assert.equal(dataChannels[0].connection?.bytesFromResponder, 4000);
    }
  });

  it("tell of a port that was handed on to another server what that one said of it, each for its own point (FXP)", () => {
    const refused = (net: CaptureBuilder) => {
      const granting = greeting(net);
      const refusing = greeting(net, { client: "192.0.2.10:40002", server: "198.51.100.77:21" });
      passive(granting);
      refusing.client("PORT 203,0,113,5,195,80\r\n");
      refusing.server("500 Illegal PORT command.\r\n");
      granting.client("STOR notes.txt\r\n");
      net.wait(10_000);
      granting.server("425 Failed to establish connection.\r\n");
      for (const control of [granting, refusing]) control.finish("client");
    };
    const captures = [view("client", refused), later(view("server", refused), 20)];
    const analysis = analyzeCaptures(captures);
    assertSeparate(analysis, captures);
    const causes = analysis.sessions.flatMap(({ dataChannels }) => dataChannels.map(({ cause }) => cause));
    assert.deepEqual(causes, ["port-refused", "port-refused", "port-refused", "port-refused"]);
  });

  it("tell of the server's SYN in active mode what became of it at the other", () => {
    const ends = { client: "192.0.2.10:40001", server: "203.0.113.5:20", originator: "server" } as const;
    const active = (dial: (net: CaptureBuilder) => void) => (net: CaptureBuilder) => {
      const control = greeting(net);
      control.client("PORT 192,0,2,10,156,65\r\n");
      control.server("200 PORT command successful.\r\n");
      control.client("RETR notes.txt\r\n");
      dial(net);
      net.wait(5000);
      control.server("425 Failed to establish connection.\r\n");
      control.finish("client");
    };
    const unanswered = active((net) => net.synUnanswered({ ...ends, isn: 77 }));
    // The client answers each of them, and no answer gets back.
    const answered = active((net) => {
      for (const wait of [0, 1000, 2000]) {
        net.wait(wait);
        const [from, to] = [ends.server, ends.client];
        net.segment({ from, to, flags: "S", seq: 77, options: Uint8Array.of(2, 4, 5, 180) });
        net.segment({ from: to, to: from, flags: "SA", seq: 9000, ack: 78, options: Uint8Array.of(2, 4, 5, 180) });
      }
    });
    const atServer = view("server", unanswered);
    const toldWith = (atClient: RawPacket[]) => {
      const { sessions } = analyzeCaptures([atServer, later(atClient, 20)]);
      const [{ dataChannels }] = sessions;
      assert.equal(sessions.length, 2);
      assert.equal(dataChannels[0].cause, "active-inbound-blocked");
      const fact = dataChannels[0].evidence.find(({ capture }) => capture === 1);
      return { says: fact?.says ?? "", remedy: dataChannels[0].remedy.join(" ") };
    };
    const stopped = toldWith(view("client", unanswered));
    assert.match(
      stopped.says,
      /^at another point of the network: SYN to 192\.0\.2\.10:40001, .* never answered there$/,
    );
    assert.doesNotMatch(stopped.remedy, /its answer does not/);
    // It comes about, and the server's capture only lacks what came in.
    const connected = active((net) => {
      const data = net.connect({ ...ends, serverIsn: 77 });
      data.data("server", 300);
      data.finish("server");
    });
    const { sessions } = analyzeCaptures([atServer, later(view("client", connected), 20)]);
    const oneSided = sessions.find(({ control }) => control.firstPacket.capture === 0);
    assert.equal(oneSided?.dataChannels[0].outcome, "undetermined");
    const lost = toldWith(view("client", answered));
    assert.match(lost.says, /answered there by a SYN-ACK that is never acknowledged$/);
    assert.match(lost.remedy, /The SYN gets through and its answer does not/);
  });

  it("may show a data connection where the other takes it for a control connection", () => {
    // The server's passive port is one of the control ports, and the second capture lacks the grant.
    const conversation = (net: CaptureBuilder, vantage: Side) => {
      const control = greeting(net);
      control.client("PASV\r\n");
      const granted = () => control.server("227 Entering Passive Mode (203,0,113,5,8,73)\r\n");
      if (vantage === "client") granted();
      else net.uncaptured(granted);
      const data = net.connect({ client: "192.0.2.10:40001", server: "203.0.113.5:2121", clientIsn: 7, serverIsn: 9 });
      control.client("LIST\r\n");
      control.server("150 here it comes\r\n");
      data.data("server", 300);
      data.finish("server");
      control.server("226 done\r\n");
      control.finish("client");
    };
    const { sessions } = analyzeCaptures([view("client", conversation), later(view("server", conversation), 20)]);
    const [whole] = sessions.filter(({ control }) => control.firstPacket.capture === 0);
    assert.equal(whole.dataChannels[0].connection?.bytesFromResponder, 300);
  });

  it("give the channel whose SYN only one shows the cause that each gives alone", () => {
    const captures = [view("client", filtered), later(view("server", filtered), 20)];
    const analysis = analyzeCaptures(captures);
    assertNotMerged(analysis, captures);
    assert.deepEqual(
      analysis.sessions.map(({ dataChannels: [{ cause }] }) => cause),
      ["data-port-filtered", "syn-not-seen"],
    );
    // Where it is missing the other point's SYN is the evidence, and nothing that it rules out is offered.
    const [dialled, missed] = analysis.sessions.map(({ dataChannels: [channel] }) => channel);
    const { capture, packet, says } = missed.evidence.find((fact) => fact.capture === 0)!;
    assert.deepEqual([capture, packet], [0, dialled.connection?.firstPacket]);
    assert.equal(dialled.connection?.synCount, 5);
    assert.equal(
      says,
      "at another point of the network: SYN to 203.0.113.5:50000, sent 5 times over 4.0 s, never answered there",
    );
    // Captured with nothing else there may have been a filter.
    assert.deepEqual([missed.confidence, missed.alternatives], ["possible", []]);
    // The capture at the client is there: nobody is sent for it.
    assert.match(missed.remedy[0], /^The SYN is seen at the other point: go by what is said of the session there/);
    const beside = view("server", (net) => {
      filtered(net, "server");
      net.connect({ client: "192.0.2.77:40000", server: "192.0.2.78:80" });
    });
    const [, unfiltered] = analyzeCaptures([captures[0], later(beside, 20)]).sessions;
    assert.equal(unfiltered.dataChannels[0].confidence, "likely");
    assert.match(unfiltered.dataChannels[0].remedy[0], /look at what stands between the two/);
  });

  it("blame the server's private address only where the client dialled it", () => {
    const seen = (dialled: string) => {
      const conversation = (net: CaptureBuilder, vantage: Side) => {
        const server = vantage === "client" ? SERVER : "10.20.30.40:21";
        const control = greeting(net, { client: CLIENT, server });
        control.client("PASV\r\n");
        control.server("227 Entering Passive Mode (10,20,30,40,195,80)\r\n");
        if (vantage === "client") net.synUnanswered({ client: DATA.client, server: `${dialled}:50000` });
        net.wait(20_000);
        control.finish("client");
      };
      const { sessions } = analyzeCaptures([view("client", conversation), later(view("server", conversation), 20)]);
      const inOrder = sessions.toSorted((a, b) => a.control.firstPacket.capture - b.control.firstPacket.capture);
      return inOrder.map(({ dataChannels: [{ cause, evidence, alternatives }] }) => [
        cause,
        evidence.some(({ capture, says }) => capture === 0 && says.startsWith("at another point")),
        alternatives.length,
      ]);
    };
    assert.deepEqual(seen("203.0.113.5"), [
      ["data-port-filtered", false, 1],
      ["syn-not-seen", true, 0],
    ]);
    assert.deepEqual(seen("10.20.30.40"), [
      ["pasv-private-address", false, 0],
      ["pasv-private-address", true, 0],
    ]);
  });

  it("tell that the SYN arrives and its answer does not", () => {
    const conversation = (net: CaptureBuilder, vantage: Side) => {
      const control = greeting(net);
      passive(control);
      const data = net.uncaptured(() => net.connect(DATA));
      const seq = { client: data.position("client").seq - 1, server: data.position("server").seq - 1 };
      for (const seconds of [1, 2, 4]) {
        data.segment("client", { flags: "S", seq: seq.client, ack: 0 });
        if (vantage === "server") data.segment("server", { flags: "SA", seq: seq.server });
        net.wait(seconds * 1000);
      }
      control.finish("client");
    };
    const { sessions } = analyzeCaptures([view("client", conversation), later(view("server", conversation), 20)]);
    const [atClient, atServer] = sessions.map(({ dataChannels: [channel] }) => channel);
    assert.deepEqual([atClient.cause, atServer.cause], ["data-port-filtered", "data-stalled"]);
    assert.match(atClient.evidence.at(-1)!.says, /answered there by a SYN-ACK that is never acknowledged/);
    assert.equal(atClient.evidence.at(-1)!.capture, 1);
    assert.deepEqual(atClient.alternatives, []);
    assert.equal(atClient.remedy[0], atServer.remedy[0]);
    assert.match(atClient.remedy[0], /The SYN gets through and its answer does not/);
  });

  it("accuse nobody of a SYN that is answered at the other, though this capture lacks the answer", () => {
    const conversation = (net: CaptureBuilder, vantage: Side) => {
      const control = greeting(net);
      passive(control);
      const data = net.uncaptured(() => net.connect(DATA));
      const seq = { client: data.position("client").seq - 1, server: data.position("server").seq - 1 };
      for (const seconds of [1, 2, 4]) {
        data.segment("client", { flags: "S", seq: seq.client, ack: 0 });
        net.wait(seconds * 1000);
      }
      if (vantage === "server") {
        data.segment("server", { flags: "SA", seq: seq.server });
        data.ack("client");
      }
      control.finish("client");
    };
    const { sessions } = analyzeCaptures([view("client", conversation), later(view("server", conversation), 20)]);
    assert.deepEqual(
      sessions.map(({ dataChannels: [{ cause }] }) => cause),
      [null, null],
    );
  });

  it("accuse nobody where the connection comes about at the other, and this one is filtered to the control port", () => {
    const conversation = (net: CaptureBuilder, vantage: Side) => {
      const control = greeting(net);
      passive(control);
      const dial = () => net.connect(DATA);
      const data = vantage === "client" ? dial() : net.uncaptured(dial);
      const transfer = () => {
        data.serverData(4000);
        data.finish("server");
      };
      control.client("RETR file\r\n");
      if (vantage === "client") transfer();
      else net.uncaptured(transfer);
      net.wait(20_000);
      control.finish("client");
    };
    const alone = analyzeCapture(pcapOf(view("server", conversation))).sessions[0].dataChannels[0];
    assert.equal(alone.cause, "syn-not-seen");
    const { sessions } = analyzeCaptures([view("client", conversation), later(view("server", conversation), 20)]);
    assert.deepEqual(
      sessions.map(({ dataChannels: [{ outcome, cause }] }) => [outcome, cause]),
      [
        ["ok", null],
        ["undetermined", null],
      ],
    );
  });

  for (const milliseconds of [-3000, -400, -20, 0.1, 300, 1500, 8000])
    it(`are told apart with clocks ${milliseconds} ms apart`, () => {
      for (const conversation of [working, filtered]) {
        const captures = [view("client", conversation), later(view("server", conversation), milliseconds)];
        assertSeparate(analyzeCaptures(captures), captures);
      }
    });

  it("are told apart without identifications and without a router in between", () => {
    const ipv6 = { client: "[2001:db8::10]:40000", server: "[2001:db8:1::5]:21" };
    const conversation = (net: CaptureBuilder) => {
      net.synUnanswered({ ...ipv6, ttl: 64, isn: 7 });
    };
    const captures = [view("client", conversation), later(view("server", conversation), 2)];
    const analysis = analyzeCaptures(captures);
    assertNotMerged(analysis, captures);
    assert.equal(countOf(analysis, "two-vantage-points"), 1);
  });

  it("stay two where each is a ring of files", () => {
    const whole = [view("client", filtered), later(view("server", filtered), 20)];
    for (const [cutOfClient, cutOfServer] of [
      [5, 9],
      [12, 3],
      [13, 13],
    ]) {
      const files = [...split(whole[0], cutOfClient), ...split(whole[1], cutOfServer)];
      const analysis = analyzeCaptures(files);
      assert.equal(countOf(analysis, "two-vantage-points"), 1);
      const packetsOf = (session: Session) => [
        session.id,
        session.control.cause,
        session.dataChannels.map(({ cause }) => cause),
      ];
      assert.deepEqual(analysis.sessions.map(packetsOf), analyzeCaptures(whole).sessions.map(packetsOf));
    }
  });

  it("follow a port that is used again", () => {
    const twice = (net: CaptureBuilder) => {
      working(net);
      net.wait(500);
      working(net);
    };
    const captures = [view("client", twice), later(view("server", twice), 20)];
    const analysis = analyzeCaptures(captures);
    assertSeparate(analysis, captures);
    assert.equal(analysis.sessions.length, 4);
    for (const { control } of analysis.sessions) assert.equal(control.sameAs.length, 1);
    assert.equal(countOf(analysis, "two-vantage-points"), 2);
  });

  it("count once where sessions are counted", () => {
    const guessing = (net: CaptureBuilder) => {
      for (let i = 1; i < GUESSING_SESSIONS; i++) {
        const control = net.connect({ client: `192.0.2.10:${40_000 + i}`, server: SERVER });
        control.server("220 ready\r\n");
        control.client("USER root\r\n");
        control.server("331 password\r\n");
        control.client("PASS x\r\n");
        control.server("530 Login incorrect.\r\n");
        control.finish("client");
      }
    };
    const analysis = analyzeCaptures([view("client", guessing), later(view("server", guessing), 20)]);
    assert.equal(analysis.sessions.length, 2 * (GUESSING_SESSIONS - 1));
    assert.deepEqual(analysis.findings, []);
  });

  it("are told apart where one of them joined midstream", () => {
    // Later than this the server's view of the negotiation stands before the first packet that both show.
    for (let joinedAt = 3; joinedAt < 7; joinedAt++) {
      for (const milliseconds of [20, -5]) {
        const captures = [view("client", filtered), later(view("server", filtered).slice(joinedAt), milliseconds)];
        const { sessions, anomalies } = analyzeCaptures(captures);
        const causes = sessions.map(({ dataChannels }) => dataChannels.map(({ cause }) => cause));
        assert.deepEqual(causes, [["data-port-filtered"], ["syn-not-seen"]]);
        assert.deepEqual(
          sessions.map(({ control }) => control.sameAs),
          sessions.map(({ id }) => [id]).toReversed(),
        );
        assert.equal(anomalies.filter(({ code }) => code === "two-vantage-points").length, 1);
      }
    }
  });

  it("are told apart on a port that only what is said there shows to be FTP's", () => {
    const onOddPort = (net: CaptureBuilder, vantage: Side) => {
      const control = greeting(net, { client: CLIENT, server: "203.0.113.5:8021" });
      passive(control);
      if (vantage === "client") net.synUnanswered(DATA);
      else net.wait(4000);
      control.client("QUIT\r\n");
      control.finish("client");
    };
    const captures = [view("client", onOddPort), later(view("server", onOddPort), 20)];
    assertNotMerged(analyzeCaptures(captures), captures);
  });

  it("end each with its own capture", () => {
    // The server's capture ends a second after the grant, the client's goes on: what the server sees of it is not known.
    const cut = view("server", filtered).filter(({ number }) => number <= 16);
    const captures = [view("client", filtered), later(cut, 20)];
    assertNotMerged(analyzeCaptures(captures), captures);
  });
});

describe("captures of one point", () => {
  const whole = view("client", working);

  it("are one session where one file is the other's copy", () => {
    const analysis = analyzeCaptures([whole, whole]);
    assert.equal(analysis.sessions.length, 1);
    assert.equal(countOf(analysis, "two-vantage-points"), 0);
    assert.deepEqual(analysis.sessions[0].control.limits, ["duplicates"]);
  });

  it("are one session where files of a ring overlap", () => {
    for (let from = 1; from + 3 < whole.length; from++) {
      const files = [whole.slice(0, from + 3), whole.slice(from)];
      for (const captures of [files, files.toReversed()]) {
        const analysis = analyzeCaptures(captures);
        assert.equal(analysis.sessions.length, 1);
        assert.equal(analysis.sessions[0].dataChannels[0].connection?.bytesFromResponder, 4000);
        assert.equal(countOf(analysis, "two-vantage-points"), 0);
      }
    }
  });

  it("are one session where the SYN is sent again in the next file", () => {
    const packets = view("client", (net) => {
      net.synUnanswered({ client: CLIENT, server: SERVER });
    });
    for (let at = 1; at < packets.length; at++) {
      const analysis = analyzeCaptures(split(packets, at));
      assert.equal(analysis.sessions.length, 1);
      assert.equal(analysis.sessions[0].control.cause, "control-port-filtered");
    }
  });

  it("are one session where one file shows each packet at two interfaces", () => {
    const net = new CaptureBuilder({ format: "pcapng" });
    working(net);
    for (let number = net.packets().length; number > 0; number--) net.duplicate(number);
    const { sessions, anomalies } = analyzeCapture(net.build());
    assert.deepEqual(
      sessions.map(({ control }) => control.limits),
      [["duplicates"]],
    );
    assert.deepEqual(anomalies, []);
  });

  it("keep a session together whose connections are in different files", () => {
    const isData = ({ flow }: RawPacket) => flow?.includes(":50000") ?? false;
    const analysis = analyzeCaptures([whole.filter((packet) => !isData(packet)), whole.filter(isData)]);
    assert.equal(analysis.sessions.length, 1);
    assert.equal(analysis.sessions[0].dataChannels[0].connection?.bytesFromResponder, 4000);
  });

  it("keep a session together whose directions are in different files", () => {
    const ofClient = ({ sender }: RawPacket) => sender?.startsWith("192.0.2.10:") ?? false;
    const analysis = analyzeCaptures([whole.filter(ofClient), whole.filter((packet) => !ofClient(packet))]);
    assert.equal(analysis.sessions.length, 1);
    assert.equal(analysis.sessions[0].dataChannels[0].outcome, "ok");
  });
});

describe("recordings of two points", () => {
  const fixtures = readdirSync("fixtures").filter((name) => /\.pcap(ng)?$/.test(name));
  const read = (name: string) => rawPackets(readFileSync(`fixtures/${name}`));
  const pairs = fixtures.flatMap((name) => {
    const [, scenario] = /^(.*)-client\.pcap(?:ng)?$/.exec(name) ?? [];
    return scenario === undefined
      ? []
      : fixtures
          .filter((other) => [`${scenario}-server`, `${scenario}-client-gateway`].includes(other.replace(/\..*/, "")))
          .map((other) => [name, other] as const);
  });

  it("are there with and without a NAT in between", () => {
    assert.ok(pairs.length > 20);
    const clientOf = (name: string) =>
      analyzeCapture(readFileSync(`fixtures/${name}`)).sessions[0].control.client.address;
    const translated = pairs.filter(([one, other]) => clientOf(one) !== clientOf(other));
    assert.ok(translated.length > 5 && translated.length < pairs.length - 5);
  });

  for (const pair of pairs)
    it(pair.join(" and "), () => {
      const captures = pair.map(read);
      const analysis = analyzeCaptures(captures);
      assert.ok(countOf(analysis, "two-vantage-points") > 0);
      // The client of a transfer between two servers has a second control connection, which its own capture alone shows.
      const seenTwice = analysis.sessions.filter(({ control }) => control.sameAs.length > 0);
      const ids = new Set(seenTwice.map(({ id }) => id));
      const alone = captures.flatMap((packets) => analyzeCapture(pcapOf(packets)).sessions);
      assert.deepEqual(new Set(analysis.sessions.map(({ id }) => id)), new Set(alone.map(({ id }) => id)));
      for (const session of seenTwice) {
        assert.deepEqual(ofOneCapture(session), ofOneCapture(alone.find(({ id }) => id === session.id)!));
        for (const id of session.control.sameAs) assert.ok(ids.has(id) && id !== session.id);
      }
      assert.ok(seenTwice.length >= 2);
    });
});
