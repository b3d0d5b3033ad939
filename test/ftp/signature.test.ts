import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { ControlEvent } from "../../src/ftp/control-event.ts";
import {
  CONTROL_SIGNATURE,
  controlSignature,
  isFtpEvidence,
  isOtherProtocol,
  rulesOutFtp,
  SIGNATURE_4,
  signatureOf4,
} from "../../src/ftp/signature.ts";
import { hold, whole } from "./conversation.ts";

const signature = (text: string) => {
  const bytes = Buffer.from(`??${text}`, "latin1");
  const found = controlSignature(bytes, 2, bytes.length - 2);
  return found && `${found.side}${found.certain ? "" : "?"}`;
};

const FTP: readonly [string, string][] = [
  ["220 (vsFTPd 3.0.3)\r\n", "server"],
  ["220 ProFTPD Server (Debian) [192.0.2.1]\r\n", "server"],
  ["220-FileZilla Server 1.9.1\r\n220 Please visit\r\n", "server"],
  ["220---------- Welcome to Pure-FTPd [privsep] [TLS] ----------\r\n", "server"],
  ["220 host FTP server ready.\r\n", "server"],
  ["220-Welcome\r\n220 FTP here\r\n", "server"],
  ["220 Welcome\r\n", "server?"],
  ["220 ftp.example.com ready\r\n", "server?"],
  ["120 Service ready in 5 minutes\r\n", "server?"],
  ["227 Entering Passive Mode (192,0,2,1,200,33).\r\n", "server"],
  ["227 Entering Passive Mode (19", "server?"],
  ["229 Entering Extended Passive Mode (|||50000|)\r\n", "server"],
  ["150 Opening BINARY mode data connection for x (12 bytes).\r\n", "server"],
  ["226 Transfer complete.\r\n", "server"],
  ["234 Proceed with negotiation.\r\n", "server"],
  ["331 Please specify the password.\r\n", "server"],
  ["530 Login incorrect.\r\n", "server?"],
  ["530 Please log in with USER and PASS.\r\n", "server?"],
  ['257 "/" is the current directory\r\n', "server"],
  ["USER anonymous\r\n", "client?"],
  ["AUTH TLS\r\n", "client"],
  ["auth ssl\r\n", "client"],
  ["PASV\r\n", "client"],
  ["pasv\r\n", "client"],
  ["EPSV\r\n", "client"],
  ["EPSV 1\r\n", "client"],
  ["PORT 192,0,2,1,200,33\r\n", "client"],
  ["EPRT |1|192.0.2.1|50000|\r\n", "client"],
  ["PROT P\r\n", "client"],
  ["FEAT\r\n", "client"],
  ["SYST\r\n", "client"],
  ["TYPE I\r\n", "client"],
  ["PWD\r\n", "client"],
  ["CWD /pub\r\n", "client"],
  ["RETR pub/file\r\n", "client"],
  ["RETR 1\r\n", "client?"],
  ["LIST -a\r\n", "client"],
  ["LIST\r\n", "client?"],
];

const OTHERS: readonly string[] = [
  "220 mail.example.com ESMTP Postfix\r\n",
  "220 smtp.example.com Microsoft ESMTP MAIL Service ready\r\n",
  "220-ftp.example.com ESMTP Exim\r\n",
  "220 dict.example.com dictd 1.12\r\n",
  "250-mail.example.com\r\n250-PIPELINING\r\n",
  "250 2.1.0 Ok\r\n",
  "354 End data with <CR><LF>.<CR><LF>\r\n",
  "530 5.7.0 Must issue a STARTTLS command first\r\n",
  "200 news.example.com InterNetNews NNRP server ready (posting ok)\r\n",
  "211 1234 3000234 3002322 misc.test\r\n",
  "215 list of newsgroups follows\r\n",
  "150 1 definitions retrieved\r\n",
  "+OK POP3 ready\r\n",
  "* OK IMAP4rev1\r\n",
  "EHLO client.example.com\r\n",
  "HELO client\r\n",
  "MAIL FROM:<a@example.com>\r\n",
  "AUTH PLAIN AGFsaWNl\r\n",
  "AUTH LOGIN\r\n",
  "USER alice 0 * :Alice\r\n",
  "NICK alice\r\n",
  "MODE READER\r\n",
  "LIST ACTIVE\r\n",
  "STAT\r\n",
  "QUIT\r\n",
  "GET / HTTP/1.1\r\n",
  "HTTP/1.1 200 OK\r\n",
  "SSH-2.0-OpenSSH_9.6\r\n",
  "PORT 8080\r\n",
  "SIZE\r\n",
  "227",
  "\x16\x03\x01\x02\x00\x01",
  "2200 x",
  "",
];

test("what begins a control connection", () => {
  for (const [text, expected] of FTP) assert.equal(signature(text), expected, JSON.stringify(text));
});

test("what does not", () => {
  for (const text of OTHERS) assert.equal(signature(text), undefined, JSON.stringify(text));
});

test("the check of four bytes lets all signs pass, and says no to nearly everything else", () => {
  const of = (text: string) =>
    signatureOf4(text.charCodeAt(0), text.charCodeAt(1), text.charCodeAt(2), text.charCodeAt(3));
  const [first, second] = [new Uint8Array(65_536), new Uint8Array(65_536)];
  CONTROL_SIGNATURE.markPairs(first, second, 4);
  const isMarked = ([b0, b1, b2, b3]: Uint8Array) => (first[b0 + b1 * 256] & second[b2 + b3 * 256]) === 4;
  for (const [text, expected] of FTP) {
    assert.equal(of(text), expected.startsWith("client") ? SIGNATURE_4.client : SIGNATURE_4.server, text);
    assert.equal(isMarked(Buffer.from(text)), true, text);
    assert.equal(CONTROL_SIGNATURE.recognise(Buffer.from(text), 0, text.length), expected.replace("?", ""), text);
  }
  for (const text of ["GET ", "POST", "HTTP", "SSH-", "EHLO", "+OK ", "\x16\x03\x01\x02", "\0\0\0\0", "999 ", "2200"])
    assert.equal(of(text), SIGNATURE_4.none, text);
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4, maxLength: 40 }), (bytes) => {
      if (!isMarked(bytes)) assert.equal(signatureOf4(bytes[0], bytes[1], bytes[2], bytes[3]), SIGNATURE_4.none);
      controlSignature(bytes, 0, bytes.length);
    }),
    { numRuns: 3000 },
  );
});

test("lines that rule FTP out, and FTP lines that do not", () => {
  for (const line of [
    "EHLO x",
    "helo x",
    "MAIL FROM:<a>",
    "RCPT TO:<a>",
    "STARTTLS",
    "CAPA",
    "+OK x",
    "-ERR",
    "* OK x",
    "220 x ESMTP y",
  ])
    assert.ok(rulesOutFtp(line), line);
  for (const line of [
    "USER alice",
    "MAIL x",
    "AUTH TLS",
    "220 smtp.example.com FTP",
    "250 CWD command successful",
    "200 Type set to I",
    "211-Features:",
    "SIZE a",
  ])
    assert.ok(!rulesOutFtp(line), line);
});

test("evidence in events", () => {
  const events = (client: string[], server: string[]): readonly ControlEvent[] =>
    hold(
      {
        midstream: false,
        port: 21,
        steps: [
          ...server.map((text) => ({
            direction: "server" as const,
            bytes: Buffer.from(`${text}\r\n`),
            gap: undefined,
          })),
          ...client.map((text) => ({
            direction: "client" as const,
            bytes: Buffer.from(`${text}\r\n`),
            gap: undefined,
          })),
        ],
      },
      whole,
    ).events;
  assert.ok(events(["PASV"], []).some(isFtpEvidence));
  assert.ok(events([], ["220 hi", "331 password please"]).some(isFtpEvidence));
  assert.ok(!events(["USER a", "PASS b", "LIST"], ["220 hi", "230 logged in", "221 bye"]).some(isFtpEvidence));
  assert.ok(events(["EHLO x"], []).some(isOtherProtocol));
  assert.ok(events([], ["+OK hi"]).some(isOtherProtocol));
  assert.ok(events([], ["220-mail", "220 x ESMTP"]).some(isOtherProtocol));
  assert.ok(!events(["USER a", "PASV"], ["220 hi", "530 no"]).some(isOtherProtocol));
});
