import { isSealed, type TlsRecordEvent } from "../ftp/control-event.ts";
import type { Connection } from "../tcp/connection.ts";
import { REORDER_SECONDS } from "../tcp/early-packets.ts";
import { ALERT_BYTES, looksPassive, type SealedWord, sealedWords, wordOf } from "./sealed-word.ts";
import type { Candidate, SessionFacts } from "./session-facts.ts";

/** Server's words behind a grant after which a client no longer dials for it: a 150 may come before, and a further line of it. */
const WORDS_BEHIND_GRANT = 2;

/** No server gives up a listener sooner (seconds). */
const LISTENER_SECONDS = 3;

/**
 * Which attempts of the client can be data connections of a session whose control connection cannot be read. A client under TLS has other business
 * too: a web page on a closed port, a monitoring agent. Where the cipher tells how long each word is, a dial for a passive port comes behind words as
 * long as PASV and its grant, and a grant is met by one connection.
 */
export class SealedGrants {
  /** Times of the replies that may be grants, in order; null: the lengths of words are not known. */
  readonly #grants: readonly number[] | null;
  readonly #serverWords: readonly number[];
  readonly #losesWords: boolean;
  /** When the client said its first word under TLS (seconds): infinite where it said none, minus infinite where the capture may lack it. */
  readonly #firstWord: number;
  /** When connections to the server itself began, and those of them that came about. */
  readonly #own: readonly number[];
  readonly #ownEstablished: readonly number[];

  constructor(session: SessionFacts) {
    this.#losesWords = session.lostBytes || session.control.midstream;
    this.#firstWord =
      this.#losesWords || session.cutBytes || session.client.packets === 0
        ? Number.NEGATIVE_INFINITY
        : firstWordOf(session);
    const words = sealedWords(session)?.filter(({ bytes }) => bytes !== ALERT_BYTES) ?? null;
    this.#grants =
      words &&
      inOrder(words.filter((word, at) => looksPassive(words[at - 1], word) && !isFollowed(word, words[at + 1])));
    this.#serverWords = inOrder((words ?? []).filter(({ fromClient }) => !fromClient));
    const own = session.candidates.filter(({ foreign }) => !foreign).map(({ connection }) => connection);
    const began = (of: typeof own) => inOrder(of.map(({ firstTime }) => ({ time: firstTime })));
    this.#own = began(own);
    this.#ownEstablished = began(own.filter(({ established }) => established));
  }

  /** Whether the client had said nothing under TLS when this connection began, so that nothing was negotiated: the handshake goes on, or has failed. */
  beginsTooSoon({ firstTime }: Connection): boolean {
    return firstTime < this.#firstWord - REORDER_SECONDS;
  }

  /** Whether an attempt of the client that came to nothing may be one for a passive port. */
  mayAnswer({ connection, foreign, contested }: Candidate): boolean {
    // Several sessions under way, and none of them negotiated this where it can be seen: it is as likely no one's.
    if (foreign && contested) return false;
    // Words that the capture lost may have been the grant of what met another, or none at all.
    if (this.#losesWords && (foreign || !this.#grants?.length)) return false;
    if (this.#grants === null) return true;
    // The grants of some server may be longer than any known; to another host a client dials for none but one that is seen.
    if (this.#grants.length === 0) return !foreign;
    const { firstTime } = connection;
    const latest = countUpTo(this.#grants, firstTime + REORDER_SECONDS);
    if (latest === 0) return false;
    const before = countUpTo(this.#grants, firstTime) || latest;
    const grant = this.#grants[before - 1];
    const since = countUpTo(this.#serverWords, firstTime - REORDER_SECONDS) - countUpTo(this.#serverWords, grant);
    if (since > WORDS_BEHIND_GRANT) return false;
    // Met by a connection that came about; for another host by any to the server itself.
    const met = foreign ? this.#own : this.#ownEstablished;
    if (before < latest) {
      // Grants that follow one another faster than packets change places: there are more of them than connections, or none is left.
      const from = grant - REORDER_SECONDS;
      const next = latest < this.#grants.length ? this.#grants[latest] : Number.POSITIVE_INFINITY;
      return countUpTo(met, next) - countUpTo(met, from) < latest - countUpTo(this.#grants, from);
    }
    const until = before < this.#grants.length ? this.#grants[before] : Number.POSITIVE_INFINITY;
    return countUpTo(met, until - REORDER_SECONDS) === countUpTo(met, grant - REORDER_SECONDS);
  }
}

/** The latest grant of a session under way that nobody has dialled for yet, as far as the lengths of its words tell. */
export class OpenGrant {
  readonly #overhead: number;
  #last: SealedWord | undefined;
  /** When it was said (seconds); infinite: there is none. */
  since = Number.POSITIVE_INFINITY;

  /** @param overhead what the cipher adds to a word */
  constructor(overhead: number) {
    this.#overhead = overhead;
  }

  /** A record of application data on the control connection. */
  record(event: TlsRecordEvent): void {
    const word = wordOf(event, this.#overhead);
    if (word.bytes === ALERT_BYTES) return;
    if (looksPassive(this.#last, word)) this.since = word.time;
    else if (this.#last?.fromClient === false && isFollowed(this.#last, word)) this.met();
    this.#last = word;
  }

  /** The client has dialled for it, or it was none. */
  met(): void {
    this.since = Number.POSITIVE_INFINITY;
  }
}

/** Two replies to one command are a transfer's, unless the second comes so late that it may be the 425 of a dial in vain. */
function isFollowed(reply: SealedWord, next: SealedWord | undefined): boolean {
  return next?.fromClient === false && next.time - reply.time < LISTENER_SECONDS;
}

/** In TLS 1.3 already the end of a client's handshake is sealed as its words are; a server's certificate is, too. */
function firstWordOf({ events }: SessionFacts): number {
  const first = events.find((event) => isSealed(event) && event.direction === "client");
  return first?.stamp.time ?? Number.POSITIVE_INFINITY;
}

function inOrder(events: readonly { readonly time: number }[]): readonly number[] {
  return events.map(({ time }) => time).sort((a, b) => a - b);
}

/** How many of sorted times are not later than `time`. */
function countUpTo(times: readonly number[], time: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (times[middle] <= time) low = middle + 1;
    else high = middle;
  }
  return low;
}
