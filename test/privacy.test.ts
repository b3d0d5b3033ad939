import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, test } from "node:test";
import type { Session } from "../src/analysis.ts";
import { type AnalyzeOptions, createAnalyzer } from "../src/analyze.ts";
import { AnomalyLog } from "../src/anomaly.ts";
import type { Conversation } from "../src/conversation.ts";
import type { ControlEvent } from "../src/ftp/control-event.ts";
import { ControlSession } from "../src/ftp/control-session.ts";
import type { CreateReportWriter } from "../src/report/format.ts";
import { OUTPUT_FORMAT_NAMES, OUTPUT_FORMATS } from "../src/report/formats.ts";
import { createHtmlWriter } from "../src/report/html.ts";
import { createSessionWriter } from "../src/report/session-text.ts";
import { runCli, temporaryFolder } from "./cli/run-cli.ts";
import { ALL_SESSIONS, extract } from "./extract/extract.ts";
import { CaptureBuilder, type CaptureOptions, type Connection } from "./support/capture-builder.ts";

/** A secret that must be in nothing that the program says, and does not look like anything else. */
const CANARY = "CANARY-hunter2";
/** Any piece of it that is long enough to be recognised, in any case. */
const TRACE = /canary|hunter2/i;

/** All output of all formats for a capture, and everything that a library user gets. */
async function outputs(capture: Uint8Array, options: AnalyzeOptions = {}): Promise<Record<string, string>> {
  const told: { readonly session: Session; readonly conversation: Conversation }[] = [];
  const analyzer = createAnalyzer({
    ...options,
    onSession: (session, conversation) => told.push({ session, conversation: conversation() }),
  });
  const opened = analyzer.beginCapture("capture.pcap");
  opened.push(capture);
  opened.end();
  const result = analyzer.finish();
  const said: Record<string, string> = { library: JSON.stringify([result, told]) };
  const writers: Record<string, CreateReportWriter> = {
    html: createHtmlWriter,
    "one session": (format) => createSessionWriter(() => true, format),
  };
  for (const name of OUTPUT_FORMAT_NAMES) writers[name] = await OUTPUT_FORMATS[name].load();
  for (const [name, create] of Object.entries(writers)) {
    const writer = create({ width: 200, colour: false });
    const sessions = told.map(({ session, conversation }) => writer.session(session, () => conversation));
    said[name] = [writer.begin(), ...sessions, writer.end(result)].join("");
  }
  said["extract"] = Buffer.from(extract(capture, ALL_SESSIONS, options).bytes).toString("latin1");
  return said;
}

async function assertSilent(capture: Uint8Array, options: AnalyzeOptions = {}): Promise<void> {
  for (const [name, text] of Object.entries(await outputs(capture, options))) {
    const at = text.search(TRACE);
    assert.ok(at < 0, `${name}: …${text.slice(Math.max(0, at - 120), at + 40)}…`);
  }
}

interface Dialogue {
  readonly net: CaptureBuilder;
  readonly control: Connection;
}

function dialogue(options: CaptureOptions & { readonly port?: number; readonly handshake?: boolean } = {}): Dialogue {
  const net = new CaptureBuilder(options);
  const control = net.connect({
    client: "192.0.2.10:40000",
    server: `203.0.113.5:${options.port ?? 21}`,
    handshake: options.handshake ?? true,
  });
  return { net, control };
}

/** Ways to put what a server says into a report: a failed login, a refused negotiation, a refused transfer, a malformed endpoint. */
const WAYS_INTO_A_REPORT: Readonly<Record<string, (control: Connection, words: string) => void>> = {
  "a refused login": (control, words) => {
    control.server(`530 ${words}\r\n`);
  },
  "a refused negotiation": (control, words) => {
    control.client("PASV\r\n");
    control.server(`500 ${words}\r\n`);
    control.client("EPSV\r\n");
    control.server(`500 ${words}\r\n`);
  },
  "a refused transfer": (control, words) => {
    control.client("PASV\r\n");
    control.server("227 Entering Passive Mode (203,0,113,5,195,80)\r\n");
    control.client("RETR x\r\n");
    control.server(`425 Can't open data connection: ${words}\r\n`);
  },
  "an active negotiation": (control, words) => {
    control.client("PORT 10,0,0,9,195,80\r\n");
    control.server(`500 Illegal PORT command: ${words}\r\n`);
  },
  "a reply of many lines": (control, words) => {
    control.client("PORT 10,0,0,9,195,80\r\n");
    control.server(`501-No\r\n${words}\r\n 200 ${words}\r\n501 ${words}\r\n`);
  },
};

/** What a client says in secret, and how servers repeat it. */
const ECHOES: Readonly<Record<string, { readonly says: readonly string[]; readonly echo: string }>> = {
  "PASS quoted": { says: [`PASS ${CANARY}`], echo: `'PASS ${CANARY}': command not understood` },
  "PASS in other words": { says: [`PASS ${CANARY}`], echo: `wrong password ${CANARY} for alice` },
  "PASS in capitals": { says: [`pass ${CANARY}`], echo: `'PASS ${CANARY.toUpperCase()}' unknown` },
  "PASS of several words": { says: [`PASS x ${CANARY} y`], echo: `x${CANARY} is wrong, ${CANARY} too` },
  "PASS not captured": { says: [], echo: `'PASS ${CANARY}': command not understood` },
  "PASS not captured, no quotes": { says: [], echo: `PASS ${CANARY} not understood` },
  ACCT: { says: [`ACCT ${CANARY}`], echo: `account ${CANARY} unknown` },
  ADAT: { says: [`ADAT ${CANARY}==`], echo: `ADAT=${CANARY}==` },
  "SITE PSWD": { says: [`SITE PSWD old ${CANARY}`], echo: `SITE PSWD old ${CANARY} not understood` },
  "SITE CHPASS": { says: [`site chpass ${CANARY}`], echo: `${CANARY} is too weak` },
  "SITE ADDUSER": { says: [`SITE ADDUSER bob ${CANARY}`], echo: `user bob with ${CANARY} added` },
  XPASS: { says: [`XPASS ${CANARY}`], echo: `XPASS ${CANARY}?` },
  "a password where a command should be": { says: [CANARY], echo: `'${CANARY.toUpperCase()}': command not understood` },
  "a password with NUL": { says: [`P\0ASS ${CANARY}`], echo: `'PASS ${CANARY}'` },
  "a URL": { says: [], echo: `cannot reach ftp://alice:${CANARY}@files.example.net/pub` },
  "a URL with odd characters": { says: [], echo: `cannot reach ftp://alice:p@s/${CANARY}:x@files.example.net/pub` },
  "an encoded URL": { says: [], echo: `cannot reach ftp%3A%2F%2Falice%3A${CANARY}%40files.example.net` },
  "password=": { says: [], echo: `see http://x/?user=a&password=${CANARY}&x=1` },
  "Password:": { says: [], echo: `Password: ${CANARY}` },
};

describe("what a server repeats", () => {
  for (const [kind, { says, echo }] of Object.entries(ECHOES))
    it(`${kind} is in no report`, async () => {
      for (const putIn of Object.values(WAYS_INTO_A_REPORT)) {
        const { net, control } = dialogue();
        control.server("220 ready\r\n");
        control.client("USER alice\r\n");
        control.server("331 Password required\r\n");
        for (const line of says) control.client(`${line}\r\n`);
        putIn(control, echo);
        control.finish("client");
        await assertSilent(net.build());
      }
    });
});

describe("what a client says", () => {
  const path = `ftp://alice:${CANARY}@files.example.net/pub/x`;
  const refused = (control: Connection, command: string) => {
    control.server("220 ready\r\n");
    control.client("PASV\r\n");
    control.server("227 Entering Passive Mode (203,0,113,5,195,80)\r\n");
    control.client(command);
    control.server("425 no\r\n");
    control.finish("client");
  };

  for (const verb of ["RETR", "STOR", "LIST", "CWD", "SITE GET", "MLSD", "XYZ"])
    it(`a URL behind ${verb} loses its password and keeps the rest`, async () => {
      const { net, control } = dialogue();
      refused(control, `${verb} ${path}\r\n`);
      await assertSilent(net.build());
      if (verb !== "RETR") return;
      const { library } = await outputs(net.build());
      assert.match(library, /ftp:\/\/alice:\*\*\*@files\.example\.net\/pub\/x/);
    });

  it("a password in the user name", async () => {
    for (const user of [`alice:${CANARY}@files.example.net`, `ftp://alice:${CANARY}@files.example.net/`]) {
      const { net, control } = dialogue();
      control.server("220 ready\r\n");
      control.client(`USER ${user}\r\n`);
      control.server(`331 Password required for ${user.replace(CANARY, "x")}\r\n`);
      control.finish("client");
      await assertSilent(net.build());
    }
  });

  it("a file of an ordinary name keeps it", async () => {
    const { net, control } = dialogue();
    refused(control, "RETR pub/list@2:30 //x.txt\r\n");
    assert.match((await outputs(net.build())).library, /pub\/list@2:30 \/\/x\.txt/);
  });
});

describe("PASS however it comes", () => {
  /** The server repeats it, and the login fails: the reply is evidence. */
  const refuse = (control: Connection, password: string = CANARY) => {
    control.server(`530 Login incorrect: ${password}\r\n`);
    control.finish("client");
  };
  const login = (control: Connection) => {
    control.server("220 ready\r\n");
    control.client("USER alice\r\n");
    control.server("331 Password please\r\n");
  };
  const lines: Readonly<Record<string, string>> = {
    "lower case": `pass ${CANARY}\r\n`,
    "mixed case": `PaSs ${CANARY}\r\n`,
    spaces: `  PASS   ${CANARY}  \r\n`,
    "many spaces": `${" ".repeat(20)}PASS ${CANARY}\r\n`,
    "a tab": `PASS\t${CANARY}\r\n`,
    "Telnet in the verb": `\xff\xf4\xff\xf2PA\xff\xf1SS ${CANARY}\r\n`,
    "Telnet in the argument": `PASS CANARY\xff\xfb\x01-hunter2\r\n`,
    misspelt: `PASSW ${CANARY}\r\n`,
    "bare LF": `PASS ${CANARY}\n`,
    "CR NUL": `PASS ${CANARY}\r\0\r\n`,
    "-password (no messages)": `PASS -${CANARY}\r\n`,
  };
  for (const [kind, line] of Object.entries(lines))
    it(kind, async () => {
      const { net, control } = dialogue();
      login(control);
      control.client(Uint8Array.from(Buffer.from(line, "latin1")));
      refuse(control);
      await assertSilent(net.build());
    });

  it("longer than a line is kept", async () => {
    const { net, control } = dialogue();
    login(control);
    const password = CANARY.repeat(800);
    control.client(`PASS ${password}\r\n`);
    refuse(control, password);
    await assertSilent(net.build());
  });

  it("split over segments at every byte", async () => {
    const line = `PASS ${CANARY}\r\n`;
    for (let at = 1; at < line.length; at++) {
      const { net, control } = dialogue();
      login(control);
      control.client(line.slice(0, at));
      control.client(line.slice(at));
      refuse(control);
      await assertSilent(net.build());
    }
  });

  it("split over segments of which one is lost", async () => {
    const line = `PASS ${CANARY}\r\n`;
    for (let at = 1; at < line.length; at++)
      for (const lost of [0, 1]) {
        const { net, control } = dialogue();
        login(control);
        const parts = [line.slice(0, at), line.slice(at)];
        parts.forEach((part, i) => {
          if (i === lost) net.uncaptured(() => control.client(part));
          else control.client(part);
        });
        control.server("530 Login incorrect\r\n");
        control.client("PASV\r\n");
        control.server("530 Log in first\r\n");
        control.finish("client");
        await assertSilent(net.build());
      }
  });

  it("pipelined behind USER, in one segment", async () => {
    const { net, control } = dialogue();
    control.server("220 ready\r\n");
    control.client(`USER alice\r\nPASS ${CANARY}\r\nPASV\r\n`);
    control.server(`331 go on\r\n530 '${CANARY}' is wrong\r\n530 no\r\n`);
    control.finish("client");
    await assertSilent(net.build());
  });

  it("written to the file behind the reply that repeats it", async () => {
    for (const places of [1, 2, 3]) {
      const { net, control } = dialogue();
      login(control);
      const said = control.client(`PASS ${CANARY}\r\n`);
      control.server(`530-Login incorrect: ${CANARY}\r\n530 ${CANARY}\r\n`);
      control.client("NOOP\r\n");
      control.server("200 ok\r\n");
      control.finish("client");
      net.move(said, places);
      await assertSilent(net.build());
    }
  });

  it("cut by the snaplen at every length", async () => {
    for (let snaplen = 66; snaplen < 66 + CANARY.length + 8; snaplen++) {
      const { net, control } = dialogue({ snaplen });
      login(control);
      control.client(`PASS ${CANARY}\r\n`);
      refuse(control);
      await assertSilent(net.build());
    }
  });

  it("cut by the snaplen, and repeated whole", async () => {
    const { net, control } = dialogue();
    login(control);
    const said = control.client(`PASS ${CANARY}\r\n`);
    refuse(control);
    const packets = net.packets();
    assert.ok(packets.length > said);
    for (let kept = 4; kept < CANARY.length; kept++) {
      const bytes = net.build();
      await assertSilent(cutPacket(bytes, said, CANARY.length + 2 - kept));
    }
  });

  it("in the server's direction", async () => {
    for (const multiline of [false, true]) {
      const { net, control } = dialogue();
      control.server(multiline ? "220-ready\r\n" : "220 ready\r\n");
      control.server(`PASS ${CANARY}\r\nACCT ${CANARY}\r\nSITE PSWD a ${CANARY}\r\n`);
      control.server(multiline ? "220 \r\n" : "530 no\r\n");
      control.client("PASV\r\n");
      control.server("530 no\r\n");
      control.finish("client");
      await assertSilent(net.build());
    }
  });

  it("in a capture that begins in the middle of the line", async () => {
    const line = `PASS ${CANARY}\r\n`;
    for (const port of [21, 2100])
      for (let at = 0; at < line.length; at++) {
        const { net, control } = dialogue({ handshake: false, port });
        control.client(line.slice(at));
        control.server("530 Login incorrect.\r\n");
        control.client("PASV\r\n");
        control.server("227 Entering Passive Mode (203,0,113,5,195,80)\r\n");
        control.client("LIST\r\n");
        control.server("425 no\r\n");
        control.finish("client");
        await assertSilent(net.build());
      }
  });

  it("on other protocols' connections", async () => {
    for (const line of [
      `a1 LOGIN alice ${CANARY}`,
      `AUTH PLAIN ${CANARY}`,
      `GET / HTTP/1.1\r\nAuthorization: Basic ${CANARY}`,
      `AUTHINFO PASS ${CANARY}`,
    ]) {
      const { net, control } = dialogue();
      control.client(`${line}\r\n`);
      control.server("500 what?\r\n");
      control.finish("client");
      await assertSilent(net.build());
    }
  });
});

/** The capture with so many bytes fewer of one packet: little-endian classic pcap. */
function cutPacket(bytes: Uint8Array, number: number, cut: number): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 24;
  for (let i = 1; i < number; i++) at += 16 + view.getUint32(at + 8, true);
  const length = view.getUint32(at + 8, true);
  const end = at + 16 + length;
  const shorter = new Uint8Array(Buffer.concat([bytes.subarray(0, end - cut), bytes.subarray(end)]));
  new DataView(shorter.buffer).setUint32(at + 8, length - cut, true);
  return shorter;
}

test("secrets are in no event of the model, so that no new output can print them", () => {
  const events: ControlEvent[] = [];
  const session = new ControlSession({
    serverPort: 21,
    anomalies: new AnomalyLog(),
    onEvent: (event) => events.push(event),
  });
  const say = (direction: "client" | "server", text: string) => {
    const bytes = Buffer.from(text, "latin1");
    session.data(direction, bytes, 0, bytes.length, { packet: 1, time: 1, acknowledged: -1, ttl: 64 });
  };
  say("server", "220 ready\r\n");
  for (const { says, echo } of Object.values(ECHOES)) {
    // A line that is no command stays in the model, where it tells other protocols; no output prints it.
    for (const line of says) if (line !== CANARY) say("client", `${line}\r\n`);
    say("server", `500 ${echo}\r\n500-${echo}\r\n ${echo}\r\n500 ${echo}\r\n`);
  }
  session.finish();
  assert.ok(events.length > 40);
  assert.doesNotMatch(JSON.stringify(events), TRACE);
});

test("what is no secret is left as it is", () => {
  const kept = [
    "331 Please specify the password.",
    "331 Password required for alice.",
    "530 Please login with USER and PASS.",
    "503 Login with USER first, then PASS is accepted",
    "227 Entering Passive Mode (10,0,0,5,195,80)",
    "229 Entering Extended Passive Mode (|||50000|)",
    "226 Transfer complete: alice@example.net",
    "220 see http://example.net:8080/ or mail admin@example.net",
    '257 "/home/pass" is the current directory',
    "230 Anonymous access granted, password anonymous ignored",
  ];
  const lines: string[] = [];
  const session = new ControlSession({
    serverPort: 21,
    anomalies: new AnomalyLog(),
    onEvent: (event) => {
      if (event.kind === "reply") lines.push(`${event.code} ${event.lines.join("\n")}`);
    },
  });
  const say = (direction: "client" | "server", text: string) => {
    const bytes = Buffer.from(text, "latin1");
    session.data(direction, bytes, 0, bytes.length, { packet: 1, time: 1, acknowledged: -1, ttl: 64 });
  };
  for (const password of ["anonymous", "50000", "195", "x"]) say("client", `PASS ${password}\r\n`);
  for (const line of kept) say("server", `${line}\r\n`);
  assert.deepEqual(lines, kept);
});

test("a reply that holds one session's secret is left as it is in another session", () => {
  const replies: string[] = [];
  const hold = (password: string) => {
    const session = new ControlSession({
      serverPort: 21,
      anomalies: new AnomalyLog(),
      onEvent: (event) => {
        if (event.kind === "reply") replies.push(event.lines.join("\n"));
      },
    });
    const say = (direction: "client" | "server", text: string) => {
      const bytes = Buffer.from(text, "latin1");
      session.data(direction, bytes, 0, bytes.length, { packet: 1, time: 1, acknowledged: -1, ttl: 64 });
    };
    say("client", `PASS ${password}\r\n`);
    say("server", "230 Welcome to the sunflower archive\r\n");
  };
  hold("violets");
  hold("sunflower");
  hold("violets");
  assert.deepEqual(replies, [
    "Welcome to the sunflower archive",
    "Welcome to the *** archive",
    "Welcome to the sunflower archive",
  ]);
});

test("errors and complaints of the program say nothing of it either", async (context) => {
  const folder = temporaryFolder(context);
  const { net, control } = dialogue();
  control.server("220 ready\r\n");
  control.client(`USER alice\r\nPASS ${CANARY}\r\n`);
  control.server(`530 '${CANARY}' is wrong\r\n`);
  control.finish("client");
  const bytes = net.build();
  const files = {
    "whole.pcap": bytes,
    "cut.pcap": bytes.subarray(0, bytes.length - 300),
    "text.pcap": Buffer.from(`${CANARY} PASS ${CANARY}\r\n`),
    "damaged.pcap": Uint8Array.from(bytes, (byte, i) => (i === 24 + 8 + 3 ? 0xff : byte)),
  };
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    writeFileSync(path, content);
    const { stdout, stderr } = await runCli(["analyze", "--format", "json", path]);
    assert.doesNotMatch(stdout, TRACE);
    // Of what is no capture the first four bytes are shown, and no more.
    assert.doesNotMatch(stderr, /canary|hunter/i, name);
  }
});
