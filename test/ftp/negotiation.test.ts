import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  isEpsvAll,
  type ParsedEndpoint,
  parse227,
  parse228,
  parse229,
  parseEprt,
  parseLprt,
  parsePort,
} from "../../src/ftp/negotiation.ts";

const show = (parsed: ParsedEndpoint | undefined) =>
  parsed === undefined
    ? "nothing"
    : "malformed" in parsed
      ? `malformed: ${parsed.malformed}`
      : `${parsed.address ?? "peer"} ${parsed.port}`;

function table(parse: (text: string) => ParsedEndpoint | undefined, rows: readonly (readonly [string, string])[]) {
  for (const [text, expected] of rows) assert.equal(show(parse(text)), expected, text);
}

test("PORT", () => {
  table(parsePort, [
    ["192,168,1,20,200,33", "192.168.1.20 51233"],
    [" 10,0,0,1,0,21 ", "10.0.0.1 21"],
    ["010,000,000,001,004,001", "10.0.0.1 1025"],
    ["0,0,0,0,0,0", "0.0.0.0 0"],
    ["192, 168, 1, 20, 4, 1", "192.168.1.20 1025"],
    ["192,168,1,20,451,80", "malformed: octet 451 is above 255"],
    ["192,168,1,300,4,1", "malformed: octet 300 is above 255"],
    ["192,168,1,20,-56,1", 'malformed: octet "-56" is below 0'],
    ["192,168,1,20,4", "malformed: 5 numbers instead of 6"],
    ["192,168,1,20,4,1,2", "malformed: 7 numbers instead of 6"],
    ["192.168.1.20,4,1", 'malformed: "192.168.1.20" is no number'],
    ["0x0a,0,0,1,4,1", 'malformed: "0x0a" is no number'],
    ["host", 'malformed: "host" is no number'],
    ["", "nothing"],
  ]);
});

test("227: the texts of real servers", () => {
  table(parse227, [
    ["Entering Passive Mode (192,0,2,1,200,33).", "192.0.2.1 51233"],
    ["Entering Passive Mode (192,0,2,1,200,33)", "192.0.2.1 51233"],
    ["Entering passive mode (192,0,2,1,200,33).", "192.0.2.1 51233"],
    ["PASV OK (192,0,2,1,200,33)", "192.0.2.1 51233"],
    ["Entering Passive Mode 192,0,2,1,200,33", "192.0.2.1 51233"],
    ["Entering Passive Mode =192,0,2,1,200,33", "192.0.2.1 51233"],
    ["=192,0,2,1,200,33", "192.0.2.1 51233"],
    ["Entering Passive Mode (0,0,0,0,200,33).", "0.0.0.0 51233"],
    ["Entering Passive Mode (192,0,2,1,0,0)", "192.0.2.1 0"],
    ["Entering Passive Mode ( 192, 0, 2, 1, 200, 33 )", "192.0.2.1 51233"],
    ["Entering Passive Mode (192,0,2,1,200,33,)", "192.0.2.1 51233"],
    ["Logout.", "nothing"],
    ["Entering Passive Mode", "nothing"],
    ["", "nothing"],
  ]);
});

test("227: what is wrong is said", () => {
  table(parse227, [
    ["Entering Passive Mode (192,0,2,1,451,80)", "malformed: octet 451 is above 255"],
    ["Entering Passive Mode (192,0,2,1,-56,80)", 'malformed: octet "-56" is below 0'],
    ["Entering Passive Mode (192,0,2,1,80)", "malformed: 5 numbers instead of six numbers"],
    ["Entering Passive Mode (192,0,2,1,1,2,3)", "malformed: 7 numbers instead of six numbers"],
  ]);
});

test("227: an IPv6 address among the numbers (Twisted), which some clients read over", () => {
  const problem = "an IPv6 address stands where four of the six numbers belong";
  assert.deepEqual(parse227("Entering Passive Mode (::ffff:192,0,2,1,156,64)."), {
    address: "192.0.2.1",
    port: 40000,
    malformed: problem,
  });
  table(parse227, [
    ["Entering Passive Mode (2001:db8:2::26,156,64).", `malformed: ${problem}`],
    ["Entering Passive Mode (2001:db8:0:0:0:0:2:26,156,64).", `malformed: ${problem}`],
    ["Entering Passive Mode at 12:30 (192,0,2,1,156,64)", "192.0.2.1 40000"],
  ]);
});

test("227: numbers that belong to something else", () => {
  table(parse227, [
    ["file1,2,3 of 4: Entering Passive Mode (192,0,2,1,200,33)", "192.0.2.1 51233"],
    ["2,3 (192,0,2,1,200,33)", "192.0.2.1 51233"],
    ["report-2024,11,5.txt (192,0,2,1,200,33)", "192.0.2.1 51233"],
    ["x1,2,3,4,5,6y", "nothing"],
    ["RETR a1,2,3,4,5,6.txt then (192,0,2,1,200,33)", "192.0.2.1 51233"],
    ["(192,0,2,1,200,33) and (10,0,0,1,4,1)", "192.0.2.1 51233"],
    ["vsftpd 3.0.3", "nothing"],
  ]);
});

test("229", () => {
  table(parse229, [
    ["Entering Extended Passive Mode (|||50000|)", "peer 50000"],
    ["Entering Extended Passive Mode (|||50000|).", "peer 50000"],
    ["Extended Passive mode OK (|||50000|)", "peer 50000"],
    ["Entering Extended Passive Mode (!!!50000!)", "peer 50000"],
    ["Entering Extended Passive Mode (||198.51.100.7|50000|)", "198.51.100.7 50000"],
    ["Entering Extended Passive Mode (|1|198.51.100.7|50000|)", "198.51.100.7 50000"],
    ["Entering Extended Passive Mode (|2|2001:DB8::1|50000|)", "2001:db8::1 50000"],
    ["Entering Extended Passive Mode (||ftp.example.com|50000|)", "peer 50000"],
    ["Entering Extended Passive Mode |||50000|", "peer 50000"],
    ["ok (really): |||50000|.", "peer 50000"],
    ["Entering Extended Passive Mode (|||0|)", "peer 0"],
    ["Entering Extended Passive Mode (|||70000|)", "malformed: port 70000 is above 65535"],
    ["Entering Extended Passive Mode (|||abc|)", 'malformed: "abc" is no port'],
    ["Entering Extended Passive Mode (|||50000)", 'malformed: "(|||50000)" is not (|||port|)'],
    ["Entering Extended Passive Mode (|3||50000|)", 'malformed: "3" is no address family (1 or 2)'],
    ["Entering Extended Passive Mode", "nothing"],
    ["Entering Passive Mode (192,0,2,1,200,33)", "nothing"],
    ["(", "nothing"],
  ]);
  // RFC 2428: the delimiter may be any of 33 … 126; a digit could not be told from the port.
  for (let code = 33; code <= 126; code++) {
    const d = String.fromCharCode(code);
    if (/[0-9()]/.test(d)) continue;
    assert.equal(show(parse229(`x (${d}${d}${d}6446${d})`)), "peer 6446", d);
  }
});

test("EPRT", () => {
  table(parseEprt, [
    ["|1|132.235.1.2|6275|", "132.235.1.2 6275"],
    ["|2|1080::8:800:200C:417A|5282|", "1080::8:800:200c:417a 5282"],
    ["!1!10.0.0.1!1025!", "10.0.0.1 1025"],
    ["|1|10.0.0.1|0|", "10.0.0.1 0"],
    ["|1|010.0.0.1|21|", "10.0.0.1 21"],
    ["|2|10.0.0.1|21|", 'malformed: "10.0.0.1" is no IPv6 address'],
    ["|1|::1|21|", 'malformed: "::1" is no IPv4 address'],
    ["|3|x|21|", 'malformed: "3" is no address family (1 or 2)'],
    ["|2|fe80::1%eth0|21|", 'malformed: "fe80::1%eth0" is no address'],
    ["|1|10.0.0.256|21|", 'malformed: "10.0.0.256" is no address'],
    ["|1|10.0.0.1|70000|", "malformed: port 70000 is above 65535"],
    ["|1|10.0.0.1|21", 'malformed: "|1|10.0.0.1|21" is not |family|address|port|'],
    ["", "nothing"],
    ["111.2.3.4", 'malformed: "1" is no delimiter'],
  ]);
});

test("LPRT and 228", () => {
  table(parseLprt, [
    ["4,4,10,0,0,1,2,4,1", "10.0.0.1 1025"],
    ["6,16,32,1,13,184,0,0,0,0,0,0,0,0,0,0,0,1,2,200,33", "2001:db8::1 51233"],
    ["4,4,10,0,0,1,2,4", "malformed: 8 numbers instead of 9, or a port that is not of 2 octets"],
    ["6,4,10,0,0,1,2,4,1", "malformed: an address of 4 octets instead of 16"],
    ["9,4,10,0,0,1,2,4,1", "malformed: 9 is no address family (4 or 6)"],
  ]);
  table(parse228, [
    ["Entering Long Passive Mode (6,16,32,1,13,184,0,0,0,0,0,0,0,0,0,0,0,1,2,200,33)", "2001:db8::1 51233"],
    ["Entering Long Passive Mode (4,4,10,0,0,1,2,4,1)", "10.0.0.1 1025"],
    ["Entering Long Passive Mode (4,4,10,0,0,1,2,4)", "malformed: 8 numbers instead of nine or twenty-one numbers"],
  ]);
});

test("EPSV ALL", () => {
  assert.ok(isEpsvAll(" all "));
  assert.ok(!isEpsvAll("1") && !isEpsvAll(null));
});

test("round trip, and no exception for any text", () => {
  const octet = fc.nat(255);
  fc.assert(
    fc.property(octet, octet, octet, octet, octet, octet, (a, b, c, d, e, f) => {
      const expected = `${a}.${b}.${c}.${d} ${e * 256 + f}`;
      assert.equal(show(parsePort(`${a},${b},${c},${d},${e},${f}`)), expected);
      assert.equal(show(parse227(`x (${a},${b},${c},${d},${e},${f})`)), expected);
    }),
  );
  const text = fc.string({ unit: fc.constantFrom(..."0123456789,|()!-. :azé"), maxLength: 60 });
  fc.assert(
    fc.property(text, (value) => {
      for (const parse of [parsePort, parseEprt, parseLprt, parse227, parse228, parse229]) {
        const parsed = parse(value);
        if (parsed && "port" in parsed) assert.ok(parsed.port >= 0 && parsed.port <= 65535);
      }
    }),
    { numRuns: 3000 },
  );
});

test("long texts cost time in proportion", () => {
  const started = performance.now();
  for (const text of [
    "1,".repeat(4000),
    "|".repeat(8000),
    `(${"|".repeat(8000)})`,
    "!1!".repeat(2500),
    "1 ,".repeat(2600),
  ]) {
    parse227(text);
    parse229(text);
  }
  assert.ok(performance.now() - started < 500);
});
