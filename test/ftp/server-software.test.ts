import assert from "node:assert/strict";
import { test } from "node:test";
import { identifyServer } from "../../src/ftp/server-software.ts";

const identified = (...replies: string[]) => {
  const found = identifyServer(
    replies.map((text) => ({ code: Number(text.slice(0, 3)), lines: text.slice(4).split("\n") })),
  );
  return found && `${found.name}${found.version === null ? "" : ` ${found.version}`}`;
};

test("by a name in the greeting or in SYST", () => {
  const rows: [string, string][] = [
    ["220 (vsFTPd 3.0.3)", "vsftpd 3.0.3"],
    ["220 Welcome to vsFTPd.", "vsftpd"],
    ["220 ProFTPD Server (Debian) [192.0.2.1]", "ProFTPD"],
    ["220 ProFTPD 1.3.4a Server (Debian) [::ffff:192.0.2.1]", "ProFTPD 1.3.4a"],
    ["220 --------- Welcome to Pure-FTPd [privsep] [TLS] ----------\nYou are user 1", "Pure-FTPd"],
    ["220 pyftpdlib 1.5.7 ready.", "pyftpdlib 1.5.7"],
    ["220 pyftpdlib based ftpd ready.", "pyftpdlib"],
    ["220 INetSim FTP Service ready.", "INetSim"],
    ["220 FileZilla Server 1.9.1", "FileZilla Server 1.9.1"],
    ["220 FileZilla Server version 0.9.41 beta\nwritten by x", "FileZilla Server 0.9.41"],
    ["215 UNIX emulated by FileZilla.", "FileZilla Server"],
    ["220 Microsoft FTP Service", "Microsoft FTP Service (IIS)"],
    ["220 host Microsoft FTP Service (Version 5.0).", "Microsoft FTP Service (IIS) 5.0"],
    ["220 Serv-U FTP Server v15.1 ready...", "Serv-U 15.1"],
    ["220 host FTP server (Version wu-2.6.2(1) Thu Feb 17) ready.", "wu-ftpd 2.6.2"],
    ["220 vm FTP server (GNU inetutils 2.4) ready.", "GNU inetutils ftpd 2.4"],
    ["220 Cerberus FTP Server - Home Edition\nWelcome", "Cerberus FTP Server"],
    ["220 site (glFTPd 2.01 Linux+TLS) ready.", "glFTPd 2.01"],
    ["220 Titan FTP Server 10.47.1892 Ready.", "Titan FTP Server 10.47.1892"],
    ["220 redmint FTP server (Version 6.4/OpenBSD/Linux-ftpd-0.17) ready.", "linux-ftpd 0.17"],
    ["220 ftp.NetBSD.org FTP server (NetBSD-ftpd 20100320) ready.", "NetBSD ftpd 20100320"],
    ["215 UNIX Type: Apache FtpServer", "Apache FtpServer"],
    ["220 GlobalSCAPE EFT Server (v. 6.0) * UNREGISTERED COPY *", "GlobalSCAPE EFT Server 6.0"],
  ];
  for (const [greeting, expected] of rows) assert.equal(identified(greeting), expected, greeting);
});

test("by what only one product says", () => {
  const rows: [string, string][] = [
    ["331 Please specify the password.", "vsftpd"],
    ["500 OOPS: vsf_sysutil_bind", "vsftpd"],
    ["234 AUTH TLS successful", "ProFTPD"],
    ["229 Extended Passive mode OK (|||50000|)", "Pure-FTPd"],
    ["226 File successfully transferred\n0.1 seconds", "Pure-FTPd"],
    ["234 Using authentication type TLS.", "FileZilla Server"],
    ["125 Data connection already open; Transfer starting.", "Microsoft FTP Service (IIS)"],
    ["227 PASV OK (192,0,2,1,200,33)", "ftp-srv"],
  ];
  for (const [reply, expected] of rows) assert.equal(identified("220 FTP server ready.", reply), expected, reply);
});

test("nothing is guessed from what several products say, or from a contradiction", () => {
  assert.equal(identified(), undefined);
  for (const text of [
    "220 FTP server ready.",
    "226 Transfer complete.",
    "230 Login successful.",
    "221 Goodbye.",
    "227 Entering Passive Mode (192,0,2,1,200,33).",
    "425 Unable to build data connection: Operation not permitted",
    "500 OOPS",
    "215 UNIX Type: L8",
    "125 Data connection already open. Transfer starting.",
  ])
    assert.equal(identified(text), undefined, text);
  assert.equal(identified("331 Please specify the password.", "234 AUTH TLS successful"), undefined);
  assert.equal(identified("220 ProFTPD 1.3.8 Server (vsFTPd)"), undefined);
});

test("words that several servers share tell nothing", () => {
  // pyftpdlib's, and npm's simple-ftpd's.
  assert.equal(identified("220 ready", "227 Entering passive mode (192,0,2,1,200,33)."), undefined);
});

test("the name in the greeting weighs more than a text", () => {
  assert.equal(identified("220 ProFTPD Server", "331 Please specify the password."), "ProFTPD");
});
