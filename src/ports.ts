/** TCP ports that have a meaning of their own (IANA). */

/** ftp-data: where a server may dial from in active mode (RFC 959 section 3.2). */
export const FTP_DATA_PORT = 20;
/** ftp: the control connection's, where the server greets who connects (RFC 959 section 5.4). */
export const FTP_PORT = 21;
/** ftps-data: the same as 20 beside {@link FTPS_PORT}. */
export const FTPS_DATA_PORT = 989;
/** ftps: the control connection's where TLS comes first (RFC 4217 section 11 on why it was dropped). */
export const FTPS_PORT = 990;
/** Ports below this one are the system's; servers refuse them in PORT against bounce attacks (RFC 2577 section 3). */
export const UNPRIVILEGED_PORT = 1024;
