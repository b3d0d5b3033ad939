import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { analyzeCapture } from "../../src/index.ts";
import { Dialogue, OTHER, tlsListing } from "../diagnose/dialogue.ts";
import { analyzeCaptures } from "../support/analyze-captures.ts";
import type { Connection } from "../support/capture-builder.ts";
import { rawPackets, withoutEnd } from "../support/capture-mutation.ts";

/** A listing over a data connection of its own, under TLS. */
function list(ftp: Dialogue, port: number): void {
  ftp.askSealed("EPSV", [`229 Entering Extended Passive Mode (|||${port}|)`]);
  const data = ftp.dial(port);
  ftp.askSealed("LIST", ["150 Here comes the directory listing."]);
  tlsListing(data, 300, { resumption: "psk" });
  ftp.control.sealed("server", "226 Directory send OK.\r\n");
}

function told(ftp: Dialogue): string[] {
  return ftp.channels().map(({ outcome, cause }) => (cause ? `${outcome} ${cause}` : outcome));
}

describe("under TLS a client's other business is none of the session's", () => {
  const besides: Readonly<Record<string, (ftp: Dialogue) => void>> = {
    "a closed port of another host": (ftp) => ftp.net.synRefused(ftp.ends(8443, { address: OTHER })),
    "a private address that is not answered": (ftp) =>
      ftp.net.synUnanswered({ ...ftp.ends(8443, { address: "10.9.9.9" }), retries: 2 }),
    "a closed port of the server": (ftp) => ftp.net.synRefused(ftp.ends(8443)),
  };
  for (const [name, beside] of Object.entries(besides))
    test(name, () => {
      const ftp = new Dialogue().secureLogin();
      beside(ftp);
      for (const port of [50001, 50002]) {
        list(ftp, port);
        beside(ftp);
        ftp.askSealed("NOOP", ["200 NOOP ok."]);
        beside(ftp);
      }
      ftp.quitSealed();
      assert.deepEqual(told(ftp), ["ok", "ok"]);
    });

  for (const version of ["1.2", "1.3"] as const)
    test(`a closed port of the server, while the client turns down its certificate (TLS ${version})`, () => {
      const ftp = new Dialogue();
      ftp.control.server("220 ready\r\n");
      ftp.ask("AUTH TLS", "234 Proceed with negotiation.");
      ftp.control.tls({ version }, 2);
      for (const port of [8443, 8444, 8445]) ftp.net.synRefused(ftp.ends(port));
      ftp.control.alert("client", 2, 48);
      ftp.control.finish("client");
      assert.deepEqual(told(ftp), []);
    });

  test("right behind a grant that is met by a connection to the server", () => {
    const ftp = new Dialogue().secureLogin();
    ftp.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50001|)"]);
    ftp.net.synRefused(ftp.ends(8443, { address: OTHER }));
    ftp.net.synRefused(ftp.ends(8443));
    const data = ftp.dial(50001);
    ftp.askSealed("LIST", ["150 Here comes the directory listing."]);
    tlsListing(data, 300, { resumption: "psk" });
    ftp.control.sealed("server", "226 Directory send OK.\r\n");
    ftp.quitSealed();
    assert.deepEqual(told(ftp), ["ok"]);
  });

  test("a control connection to another server, on a port that only its greeting tells", () => {
    const ftp = new Dialogue().secureLogin();
    ftp.askSealed("NOOP", ["200 NOOP ok."]);
    const other = ftp.net.connect({ client: `${ftp.client}:40900`, server: `${OTHER}:7021` });
    other.server("220 (vsFTPd 3.0.3)\r\n");
    other.client("USER alice\r\n");
    other.server("331 Please specify the password.\r\n");
    other.client("PASS secret\r\n");
    other.server("230 Login successful.\r\n");
    other.client("PASV\r\n");
    other.server("227 Entering Passive Mode (198,51,100,77,195,80).\r\n");
    ftp.net.synUnanswered({ client: `${ftp.client}:40901`, server: `${OTHER}:50000` });
    ftp.pause(3);
    other.finish("client");
    ftp.quitSealed();
    const { sessions } = analyzeCapture(ftp.net.build());
    const told = sessions.map(({ control, dataChannels }) => [
      control.server.port,
      control.limits.length,
      ...dataChannels.map(({ cause }) => cause),
    ]);
    assert.deepEqual(
      told.sort(([a], [b]) => Number(a) - Number(b)),
      [
        [21, 0],
        [7021, 0, "data-port-filtered"],
      ],
    );
  });

  test("while two sessions may be meant", () => {
    const ftp = new Dialogue().secureLogin();
    const other = ftp.net.connect({ client: `${ftp.client}:40900`, server: "203.0.113.9:21" });
    other.server("220 ready\r\n");
    other.client("AUTH TLS\r\n");
    other.server("234 go\r\n");
    other.tls({});
    for (const control of [ftp.control, other]) {
      control.sealed("client", "PASV\r\n");
      control.sealed("server", "227 Entering Passive Mode (198,51,100,77,195,80).\r\n");
    }
    ftp.net.synRefused(ftp.ends(50000, { address: OTHER }));
    ftp.pause(20);
    for (const control of [ftp.control, other]) control.finish("client");
    const { sessions } = analyzeCapture(ftp.net.build());
    for (const { dataChannels } of sessions)
      for (const { cause } of dataChannels) assert.notEqual(cause, "data-port-rejected");
  });
});

test("a port that a session in the clear has had its connection on goes to the session under TLS that is granted it next", () => {
  for (const becomes of ["filtered", "rejected"] as const) {
    const ftp = new Dialogue().login();
    ftp.ask("PASV", `227 Entering Passive Mode (${ftp.server.replaceAll(".", ",")},195,80).`);
    const data = ftp.dial(50000);
    ftp.ask("RETR notes.txt", "150 here it comes");
    data.data("server", 4000);
    data.finish("server");
    ftp.control.server("226 done\r\n");
    const sealed = ftp.net.connect({ client: `${ftp.client}:40900`, server: `${ftp.server}:21` });
    sealed.server("220 ready\r\n");
    sealed.client("AUTH TLS\r\n");
    sealed.server("234 go\r\n");
    sealed.tls({});
    sealed.sealed("client", "PASV\r\n");
    sealed.sealed("server", "227 Entering Passive Mode (198,51,100,77,195,80).\r\n");
    if (becomes === "filtered") ftp.net.synUnanswered({ ...ftp.ends(50000), client: `${ftp.client}:41000` });
    else ftp.net.synRefused({ ...ftp.ends(50000), client: `${ftp.client}:41000` });
    ftp.pause(6);
    sealed.finish("client");
    ftp.quit();
    const { sessions } = analyzeCapture(ftp.net.build());
    const channels = sessions.map(({ control, dataChannels }) => [
      control.security,
      ...dataChannels.map(({ cause, outcome }) => cause ?? outcome),
    ]);
    assert.deepEqual(channels.sort(), [
      ["cleartext", "ok"],
      ["explicit-tls", `data-port-${becomes}`],
    ]);
  }
});

describe("what the words before it allow is one of the session's", () => {
  test("behind a grant: a stale address, a closed port", () => {
    const stale = new Dialogue().secureLogin();
    stale.askSealed("PASV", ["227 Entering Passive Mode (198,51,100,77,195,80)."]);
    stale.net.synUnanswered({ ...stale.ends(50000, { address: OTHER }), retries: 3 });
    stale.pause(5).quitSealed();
    assert.deepEqual(told(stale), ["failed data-port-filtered"]);

    const closed = new Dialogue().secureLogin();
    closed.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50001|)"]);
    closed.askSealed("LIST", ["150 About to start data transfer."]);
    closed.net.synRefused(closed.ends(50001));
    closed.control.sealed("server", "425 Can't open data connection.\r\n");
    closed.quitSealed();
    assert.deepEqual(told(closed), ["failed data-port-rejected"]);
  });

  test("behind a grant, though the client asks for the next one at once, on a short path", () => {
    const near = { rttMs: 0.4 };
    const ftp = new Dialogue({ path: near }).secureLogin();
    list(ftp, 50001);
    ftp.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50009|)"]);
    ftp.net.synRefused({ ...ftp.ends(50009), ...near });
    list(ftp, 50002);
    ftp.quitSealed();
    assert.deepEqual(told(ftp), ["ok", "failed data-port-rejected", "ok"]);

    // Where each grant has its connection it is none, however fast they follow one another.
    const busy = new Dialogue({ path: near }).secureLogin();
    for (const port of [50001, 50002, 50003, 50004]) {
      list(busy, port);
      busy.net.synRefused({ ...busy.ends(8443), ...near });
    }
    busy.quitSealed();
    assert.deepEqual(told(busy), ["ok", "ok", "ok", "ok"]);
  });

  test("at any time, where the capture lacks all that the client said", () => {
    const ftp = new Dialogue().secureLogin();
    list(ftp, 50001);
    ftp.quitSealed();
    const packets = rawPackets(ftp.net.build());
    const control = packets.find(({ flow }) => flow?.includes(`${ftp.server}:21`));
    const client = packets.find(({ sender }) => sender?.startsWith(`${ftp.client}:`));
    const [{ dataChannels }] = analyzeCaptures([withoutEnd(packets, client!.sender!, control!.flow!)]).sessions;
    assert.deepEqual(
      dataChannels.map(({ outcome, connection }) => [outcome, connection?.responder.port]),
      [["ok", 50001]],
    );
  });

  test("where the server's grants are longer than any known, or the cipher pads", () => {
    const long = new Dialogue().secureLogin();
    long.askSealed("EPSV", [`229 ${"Entering Extended Passive Mode, and very much so, ".repeat(2)}(|||50001|)`]);
    long.net.synRefused(long.ends(50001));
    long.quitSealed();
    assert.deepEqual(told(long), ["failed data-port-rejected"]);
  });
});

describe("parallel sessions under TLS: a connection is of the one that was granted a port and has not dialled", () => {
  /** Three sessions of one client, logged in; what `act` has them say and dial, and the ports of their channels by client port. */
  function together(act: (controls: readonly Connection[], ftp: Dialogue) => void): Record<number, number[]> {
    const ftp = new Dialogue();
    const others = [40_900, 40_902].map((port) =>
      ftp.net.connect({ client: `${ftp.client}:${port}`, server: `${ftp.server}:21` }),
    );
    const controls = [ftp.control, ...others];
    for (const control of controls) {
      control.server("220 ready\r\n");
      control.client("AUTH TLS\r\n");
      control.server("234 go\r\n");
      control.tls({});
    }
    act(controls, ftp);
    ftp.pause(20);
    for (const control of controls) control.finish("client");
    const { sessions } = analyzeCapture(ftp.net.build());
    return Object.fromEntries(
      sessions.map(({ control, dataChannels }) => [
        control.client.port,
        dataChannels.map(({ connection }) => connection?.responder.port ?? 0),
      ]),
    );
  }
  const grant = (control: Connection, port: number) => {
    control.sealed("client", "EPSV\r\n");
    control.sealed("server", `229 Entering Extended Passive Mode (|||${port}|)\r\n`);
  };
  const transfer = (control: Connection, data: Connection) => {
    control.sealed("client", "LIST\r\n");
    control.sealed("server", "150 Opening ASCII mode data connection for file list\r\n");
    tlsListing(data, 300, { resumption: "psk" });
    control.sealed("server", "226 Transfer complete\r\n");
  };

  test("each grant has its own, in their order, whoever spoke last", () => {
    const ports = together(([first, second, third], ftp) => {
      grant(first, 50001);
      grant(second, 50002);
      third.sealed("server", "200 NOOP ok.\r\n");
      const data = [ftp.dial(50001), ftp.dial(50002)];
      third.sealed("server", "200 NOOP ok.\r\n");
      transfer(first, data[0]);
      transfer(second, data[1]);
    });
    assert.deepEqual(ports, { 40000: [50001], 40900: [50002], 40902: [] });
  });

  test("where two have been granted a port and one fails, the owner of the failure is only possible", () => {
    const failure = (granted: number) => {
      const ftp = new Dialogue().secureLogin();
      const other = ftp.net.connect({ client: `${ftp.client}:40900`, server: `${ftp.server}:21` });
      other.server("220 ready\r\n");
      other.client("AUTH TLS\r\n");
      other.server("234 go\r\n");
      other.tls({});
      [ftp.control, other].slice(0, granted).forEach((control, i) => {
        grant(control, 50001 + i);
      });
      ftp.net.synUnanswered({ ...ftp.ends(50001), retries: 3 });
      ftp.pause(5);
      for (const control of [ftp.control, other]) control.finish("client");
      const [channel] = analyzeCapture(ftp.net.build()).sessions.flatMap(({ dataChannels }) => dataChannels);
      return [channel.cause, channel.confidence, channel.evidence.some(({ says }) => /another session/.test(says))];
    };
    assert.deepEqual(failure(1), ["data-port-filtered", "likely", false]);
    assert.deepEqual(failure(2), ["data-port-filtered", "possible", true]);
  });

  test("a 150 as long as a grant is none, and a session that leaves dials no more", () => {
    const ports = together(([first, second, third], ftp) => {
      grant(first, 50001);
      transfer(first, ftp.dial(50001));
      grant(second, 50002);
      third.sealed("client", "QUIT\r\n");
      third.sealed("server", "221 Goodbye.\r\n");
      third.finish("server");
      transfer(second, ftp.dial(50002));
      grant(first, 50003);
      transfer(first, ftp.dial(50003));
    });
    assert.deepEqual(ports, { 40000: [50001, 50003], 40900: [50002], 40902: [] });
  });
});

test("where words are lost, an attempt behind no grant is not taken for the session's", () => {
  for (const [lost, expected] of [
    [false, ["failed data-port-rejected"]],
    [true, []],
  ] as const) {
    const ftp = new Dialogue().secureLogin();
    const asked = ftp.askSealed("NOOP", ["200 NOOP ok."]);
    ftp.net.synRefused(ftp.ends(8443));
    ftp.askSealed("NOOP", ["200 NOOP ok."]);
    ftp.quitSealed();
    if (lost) ftp.net.drop(asked.reply);
    assert.deepEqual(told(ftp), expected);
  }
});
