import { bytesOf, concatBytes, u16 } from "./wire.ts";

/**
 * TLS records that look right from outside: real hellos and a real certificate, and ciphertext of the right length
 * made of noise. Nothing here can be decrypted and nothing needs to be.
 */

export type TlsVersion = "1.2" | "1.3";

/** How a session is taken up again. */
export type TlsResumption = "none" | "session-id" | "ticket" | "psk";

export const TLS_CHANGE_CIPHER_SPEC = 20;
export const TLS_ALERT = 21;
export const TLS_HANDSHAKE = 22;
export const TLS_APPLICATION_DATA = 23;

/** A self-signed P-256 certificate for ftp.example.net. */
const CERTIFICATE = new Uint8Array(
  Buffer.from(
    [
      "MIIBiTCCAS+gAwIBAgIUW0u9PI1qNbYE3Lh+KgGiTgbLlN4wCgYIKoZIzj0EAwIwGjEYMBYGA1UEAwwPZnRwLmV4YW1wbGUubmV0",
      "MB4XDTI2MTEyMTAzNTYxNloXDTM2MTExODAzNTYxNlowGjEYMBYGA1UEAwwPZnRwLmV4YW1wbGUubmV0MFkwEwYHKoZIzj0CAQYI",
      "KoZIzj0DAQcDQgAE0mkuxNu0zjQ16rNB15Y+QmOB4MfBXO1qCg3nChk6Os5rPbU0Z4cdmOEOrl46/fYxEZTIX3zG2TNvaG85/UDG",
      "X6NTMFEwHQYDVR0OBBYEFGcLQbd81L3ygzyWazrncydTlrPMMB8GA1UdIwQYMBaAFGcLQbd81L3ygzyWazrncydTlrPMMA8GA1Ud",
      "EwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIgKcPmenggFcDUOYBvU3W+DdEvm8s9SeL08nGZAJ/Hr+UCIQC2goSCEGFRb/Uw",
      "1vfIFzAmSyhhILNLuEJ1R+yNVNktew==",
    ].join(""),
    "base64",
  ),
);

/** `length` bytes of repeatable noise; another seed, other noise. */
export function noise(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = (seed * 2654435761) >>> 0 || 1;
  for (let i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state & 0xff;
  }
  return bytes;
}

/** One TLS record: type, version, length, fragment. */
export function tlsRecord(type: number, fragment: Uint8Array | readonly number[], version = 0x0303): Uint8Array {
  return concatBytes([type], u16(version), u16(fragment.length), fragment);
}

/** Application data of `length` bytes of ciphertext (the number in the record header). */
export function applicationRecord(length: number, seed = length): Uint8Array {
  return tlsRecord(TLS_APPLICATION_DATA, noise(length, seed));
}

/** The record that carries `plain` under AEAD: 17 bytes of overhead in TLS 1.3, 24 in 1.2 with AES-GCM. */
export function sealed(plain: string | Uint8Array | number, version: TlsVersion = "1.3"): Uint8Array {
  const length = typeof plain === "number" ? plain : bytesOf(plain).length;
  return applicationRecord(length + (version === "1.3" ? 17 : 24));
}

/** An alert in the clear: level 1 warning, 2 fatal. */
export function alertRecord(level: number, description: number): Uint8Array {
  return tlsRecord(TLS_ALERT, [level, description]);
}

/** An encrypted alert: type 21 and 26 bytes in TLS 1.2, disguised as 19 bytes of application data and its padding in 1.3. */
export function sealedAlert(version: TlsVersion = "1.3", padding = 0): Uint8Array {
  return version === "1.3" ? applicationRecord(19 + padding) : tlsRecord(TLS_ALERT, noise(26));
}

/** What a ClientHello offers. */
export interface ClientHelloOptions {
  readonly version?: TlsVersion;
  readonly sessionId?: Uint8Array;
  /** Contents of the session_ticket extension; empty asks for a ticket. */
  readonly ticket?: Uint8Array;
  /** Identity of an offered pre-shared key (TLS 1.3). */
  readonly psk?: Uint8Array;
  readonly serverName?: string;
  readonly seed?: number;
}

/** What a ServerHello answers. */
export interface ServerHelloOptions {
  readonly version?: TlsVersion;
  /** Echo of the client's id, which in TLS 1.2 means resumption. */
  readonly sessionId?: Uint8Array;
  /** Whether a ticket will follow (TLS 1.2). */
  readonly ticket?: boolean;
  /** Whether the pre-shared key is accepted (TLS 1.3). */
  readonly psk?: boolean;
  readonly seed?: number;
}

function extension(type: number, body: Uint8Array | readonly number[]): Uint8Array {
  return concatBytes(u16(type), u16(body.length), body);
}

function handshakeMessage(type: number, body: Uint8Array): Uint8Array {
  return concatBytes([type, body.length >> 16], u16(body.length), body);
}

/** A ClientHello record. */
export function clientHello(options: ClientHelloOptions = {}): Uint8Array {
  const { version = "1.3", seed = 1 } = options;
  const sessionId = options.sessionId ?? (version === "1.3" ? noise(32, seed + 7) : new Uint8Array(0));
  const suites =
    version === "1.3"
      ? [0x13, 0x02, 0x13, 0x01, 0xc0, 0x2c, 0xc0, 0x30, 0x00, 0xff]
      : [0xc0, 0x2c, 0xc0, 0x30, 0xc0, 0x2b, 0x00, 0xff];
  const extensions: Uint8Array[] = [];
  if (options.serverName) {
    const name = bytesOf(options.serverName);
    extensions.push(extension(0, concatBytes(u16(name.length + 3), [0], u16(name.length), name)));
  }
  extensions.push(extension(11, [1, 0]), extension(10, [0, 4, 0, 0x1d, 0, 0x17]));
  extensions.push(extension(35, options.ticket ?? new Uint8Array(0)), extension(23, []));
  extensions.push(extension(13, [0, 4, 0x04, 0x03, 0x08, 0x04]));
  if (version === "1.3") {
    extensions.push(extension(43, [4, 3, 4, 3, 3]), extension(45, [1, 1]));
    extensions.push(extension(51, concatBytes(u16(36), u16(0x1d), u16(32), noise(32, seed + 8))));
    if (options.psk) {
      const identity = concatBytes(u16(options.psk.length), options.psk, noise(4, seed + 9));
      const binder = concatBytes([48], noise(48, seed + 10));
      extensions.push(extension(41, concatBytes(u16(identity.length), identity, u16(binder.length), binder)));
    }
  }
  const all = concatBytes(...extensions);
  const body = concatBytes(
    [3, 3],
    noise(32, seed),
    [sessionId.length],
    sessionId,
    u16(suites.length),
    suites,
    [1, 0],
    u16(all.length),
    all,
  );
  return tlsRecord(TLS_HANDSHAKE, handshakeMessage(1, body), 0x0301);
}

/** A ServerHello record. */
export function serverHello(options: ServerHelloOptions = {}): Uint8Array {
  const { version = "1.3", seed = 2 } = options;
  const sessionId = options.sessionId ?? new Uint8Array(0);
  const extensions: Uint8Array[] = [];
  if (version === "1.3") {
    extensions.push(extension(43, [3, 4]));
    extensions.push(extension(51, concatBytes(u16(0x1d), u16(32), noise(32, seed + 8))));
    if (options.psk) extensions.push(extension(41, [0, 0]));
  } else {
    extensions.push(extension(0xff01, [0]), extension(23, []));
    if (options.ticket) extensions.push(extension(35, []));
  }
  const all = concatBytes(...extensions);
  const suite = version === "1.3" ? [0x13, 0x02] : [0xc0, 0x2c];
  const body = concatBytes([3, 3], noise(32, seed), [sessionId.length], sessionId, suite, [0], u16(all.length), all);
  return tlsRecord(TLS_HANDSHAKE, handshakeMessage(2, body));
}

/** A TLS 1.2 Certificate record: the chain repeats one certificate until it has `length` bytes. */
export function certificateRecord(length = 0): Uint8Array {
  const certificate = concatBytes([0], u16(CERTIFICATE.length), CERTIFICATE);
  const chain = concatBytes(
    ...Array.from({ length: Math.max(1, Math.ceil(length / certificate.length)) }, () => certificate),
  );
  return tlsRecord(TLS_HANDSHAKE, handshakeMessage(11, concatBytes([0], u16(chain.length), chain)));
}

/** The other handshake records in the clear of TLS 1.2, and ciphertext in place of Finished. */
export const TLS12_RECORDS = {
  serverKeyExchange: tlsRecord(
    TLS_HANDSHAKE,
    handshakeMessage(12, concatBytes([3, 0, 0x1d, 32], noise(32, 21), [4, 3], u16(70), noise(70, 22))),
  ),
  serverHelloDone: tlsRecord(TLS_HANDSHAKE, handshakeMessage(14, new Uint8Array(0))),
  clientKeyExchange: tlsRecord(TLS_HANDSHAKE, handshakeMessage(16, concatBytes([32], noise(32, 23)))),
  newSessionTicket: tlsRecord(
    TLS_HANDSHAKE,
    handshakeMessage(4, concatBytes([0, 0, 0x1c, 0x20], u16(192), noise(192, 24))),
  ),
  changeCipherSpec: tlsRecord(TLS_CHANGE_CIPHER_SPEC, [1]),
  finished: tlsRecord(TLS_HANDSHAKE, noise(40, 25)),
} as const;

/** How a handshake goes. */
export interface TlsHandshakeOptions {
  readonly version?: TlsVersion;
  readonly resumption?: TlsResumption;
  /** What the client offers though the server does not take it up: a full handshake after an offer. */
  readonly offered?: TlsResumption;
  /** Least number of bytes of the server's certificate flight. */
  readonly certificateLength?: number;
  readonly serverName?: string;
  /** Zeros that each side adds to every record that it seals under TLS 1.3 (RFC 8446 section 5.4). */
  readonly padding?: { readonly client?: number; readonly server?: number };
  readonly seed?: number;
}

/** Zeros that Java (JSSE) adds to every record. */
export const JSSE_ZEROS = 16;

/** The flights of a handshake in turn; each is sent in one go. */
export function tlsFlights(
  options: TlsHandshakeOptions = {},
): readonly { readonly side: "client" | "server"; readonly bytes: Uint8Array }[] {
  const { version = "1.3", resumption = "none", seed = 1, certificateLength = 0 } = options;
  const offered = resumption === "none" ? (options.offered ?? "none") : resumption;
  const sessionId =
    offered === "session-id" || offered === "ticket" || version === "1.3" ? noise(32, seed + 7) : new Uint8Array(0);
  const hello = clientHello({
    version,
    seed,
    sessionId,
    ...(offered === "ticket" ? { ticket: noise(192, 24) } : {}),
    ...(offered === "psk" ? { psk: noise(208, 26) } : {}),
    ...(options.serverName ? { serverName: options.serverName } : {}),
  });
  const records = TLS12_RECORDS;
  if (version === "1.3") {
    const resumed = resumption === "psk";
    const { client: clientZeros = 0, server: serverZeros = 0 } = options.padding ?? {};
    const fromServer = (length: number) => applicationRecord(length + serverZeros);
    const flight = [serverHello({ version, sessionId, psk: resumed, seed: seed + 1 }), records.changeCipherSpec];
    flight.push(fromServer(27));
    if (!resumed) flight.push(fromServer(Math.max(CERTIFICATE.length, certificateLength) + 30), fromServer(97));
    flight.push(fromServer(69));
    return [
      { side: "client", bytes: hello },
      { side: "server", bytes: concatBytes(...flight) },
      { side: "client", bytes: concatBytes(records.changeCipherSpec, applicationRecord(69 + clientZeros)) },
      { side: "server", bytes: concatBytes(fromServer(250), fromServer(250)) },
    ];
  }
  if (resumption !== "none") {
    const flight = [serverHello({ version, sessionId, ticket: resumption === "ticket", seed: seed + 1 })];
    if (resumption === "ticket") flight.push(records.newSessionTicket);
    return [
      { side: "client", bytes: hello },
      { side: "server", bytes: concatBytes(...flight, records.changeCipherSpec, records.finished) },
      { side: "client", bytes: concatBytes(records.changeCipherSpec, records.finished) },
    ];
  }
  const answer = serverHello({ version, sessionId: noise(32, seed + 11), ticket: true, seed: seed + 1 });
  return [
    { side: "client", bytes: hello },
    {
      side: "server",
      bytes: concatBytes(
        answer,
        certificateRecord(certificateLength),
        records.serverKeyExchange,
        records.serverHelloDone,
      ),
    },
    { side: "client", bytes: concatBytes(records.clientKeyExchange, records.changeCipherSpec, records.finished) },
    { side: "server", bytes: concatBytes(records.newSessionTicket, records.changeCipherSpec, records.finished) },
  ];
}
