/**
 * Each threshold of `src/diagnose` with its source, as the specification has it and not as the program does: the tests of both sides count
 * from these values, so a constant that moves fails them (`scripts/mutate-rules.mjs`). `thresholds.test.ts` compares the names. Where no
 * standard and no recording gives a number, "choice" says what it lies between.
 */

// Attempts
/** RFC 6298 section 2: a SYN is repeated after one second. Seen: an IPv4 ICMP error ends a connect after one SYN. */
export const REPEATED_SYNS = 2;
/** Choice: below RFC 6298's one second by a timer's jitter, above the copies that a mirror port makes. */
export const BACKOFF_SECONDS = 0.5;
/** RFC 6298: the third SYN is due 3 s after the first (Linux since 6.5: after 2 s). */
export const ANSWER_SECONDS = 3;
/** Seen: ICMPv6 errors draw a second SYN a second later, and no third. */
export const ENOUGH_SYNS = 3;
/** Stacks send with 64, 128 or 255; traceroute asks for at most 30 hops unless told otherwise. */
export const LEAST_TTL = 32;
/** Choice: recorded clients dial within a round trip; web traffic of the same two hosts comes at any time. */
export const DIAL_SECONDS = 5;

// Data connections
/** Seen: a black hole's first repetitions come 0.2, 0.7 and 1.5 s after the segment; two may answer a burst of loss. */
export const STALL_RETRANSMISSIONS = 3;
/** Choice: above the first two of those repetitions, below the fourth (3.1 s). */
export const STALL_SECONDS = 2;
/** Choice: above every pause of a healthy transfer in the recordings, below the shortest time-out of a client (8 s). */
export const SILENCE_SECONDS = 5;
/** Choice: twice that, for no reply says what was expected. */
export const HIDDEN_SILENCE_SECONDS = 10;
/** Seen: window probes after 0.2, 0.4, 0.9, 1.7, 3.5 and 6.9 s (RFC 9293 section 3.8.6.1): the fifth has gone unanswered. */
export const ZERO_WINDOW_SECONDS = 10;
/** Seen: clients give up after 5 s, or after 8 to 12, scanners a greeting after 5 to 6. Choice: above those, of which no server need be at fault. */
export const VAIN_WAIT_SECONDS = 8;
/** RFC 8200 section 5: every link carries 1280 bytes; less the headers of a tunnel, IPv6 and TCP. */
export const SMALL_SEGMENT = 1000;
/** vsftpd's complaints have 48 bytes and more, its confirmation of a listing 24. */
export const COMPLAINT_BYTES = 48;
/** Choice: above a ticket with a client's certificates in it (OpenSSL's have 250 bytes without), below a full record (RFC 8446 section 5.1). */
export const TICKET_BYTES = 4096;
/** RFC 6298: after a second what was sent before is acknowledged or repeated; what comes later is a sign of its own. */
export const ALIVE_SECONDS = 1;
/** Choice: above the round trips of a session, below any timer of a server. */
export const CONSEQUENCE_SECONDS = 2;
/** Seen: vsftpd hangs up within milliseconds of its 522. */
export const AT_ONCE_SECONDS = 1;
/** One may be an empty listing. */
export const REFUSED_TRANSFERS = 2;

// The control connection
/** Seen: repetitions after 0.2 and 0.6 s; a lost acknowledgment explains one. */
export const DEAD_RETRANSMISSIONS = 2;
/** The time of those two, less the jitter of timers. */
export const DEAD_SECONDS = 0.5;
/** Choice: no round trip is longer. */
export const PROVOKED_SECONDS = 3;
/** Choice: above the pauses of a program that is at work, below every timer. */
export const IDLE_SECONDS = 5;
/** Choice: a RST that a device sends of its own accord shows that it has forgotten; a round trip, or a program at work, is no idle time. */
export const FORGOTTEN_SECONDS = 1;
/** NAT devices forget established connections after 30 s to 15 min (RFC 5382 asks for 2 h 4 min); servers wait 300 s and longer. */
export const FORGET_SECONDS = 30;
/** Choice: above the time that servers take to check or move a file (60 s). */
export const GIVEN_UP_SECONDS = 60;
/** Choice: recorded servers answer AUTH within a round trip. */
export const AUTH_SILENCE_SECONDS = 5;
/** Seen: clients give up a reply after 5 s, or after 8 to 12. */
export const PATIENCE_SECONDS = 5;
/** The SYN-ACK and the greeting: what every session has before its first command. */
export const COMPARED_PACKETS = 2;
/** Choice: with two grants of one port a server may just take the same port each time. */
export const WORKED_BEFORE = 3;
/** Choice: a shorter name stands in the server's own words by chance. */
export const MIN_QUOTED = 3;

// Across sessions
/** One port is a port, two are a stretch. */
export const RANGE_PORTS = 2;
/** Once is chance. */
export const BLOCKED_PORT_FAILURES = 2;
/** Choice: more neighbours than failures. */
export const BLOCKED_PORT_OTHERS = 3;
/** One address is one network, two are two. */
export const FAILING_CLIENTS = 2;
/** Once is what the channel itself says. */
export const EXHAUSTED_CHANNELS = 2;
/** Once is chance, on either side. */
export const HELPER_CHANNELS = 2;
/** Once may be one client's doing; from the second session on it is the server's. */
export const FALLBACK_SESSIONS = 2;
/** Choice: what a person waiting for a listing notices. */
export const FALLBACK_SECONDS = 1;
/** fail2ban's `maxretry` is five. */
export const GUESSING_SESSIONS = 5;
/** The same five, one of them let in. */
export const REFUSALS_PER_LOGIN = 4;
/** Choice: three failures of one network are no single port's doing, two other clients no single client's luck. */
export const FAILED_CHANNELS = 3;
export const WORKING_CLIENTS = 2;
