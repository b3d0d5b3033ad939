/** What a ClientHello or ServerHello says that FTP diagnosis needs (RFC 5246 section 7.4.1, RFC 8446 section 4.1). */
export interface TlsHello {
  readonly role: "client" | "server";
  /** The version offered (client: highest of supported_versions) or chosen (server): 0x0303 is TLS 1.2, 0x0304 TLS 1.3. */
  readonly version: number;
  /** Lower-case hex of the legacy session id; empty when there was none. */
  readonly sessionId: string;
  /** The cipher suite chosen (server), or -1 (client). */
  readonly cipherSuite: number;
  /** A non-empty session_ticket extension (RFC 5077): the client offers to resume, TLS 1.2. */
  readonly offersTicket: boolean;
  /** A pre_shared_key extension (RFC 8446 section 4.2.11): offered by the client, or accepted by the server, TLS 1.3. */
  readonly preSharedKey: boolean;
  /** server_name (RFC 6066), or null. */
  readonly serverName: string | null;
}
