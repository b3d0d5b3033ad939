import { createHmac } from "node:crypto";
import { parseAddress } from "../address.ts";
import type { AnalysisSummary, Session } from "../analysis.ts";
import type { Conversation, ConversationEvent } from "../conversation.ts";
import { communityIdOf } from "../correlate/session-id.ts";
import type { ReportWriter } from "./format.ts";
import { AddressPermutation } from "./redact-address.ts";
import type { Redactable } from "./redactable.ts";

/**
 * A writer whose reports name no users, paths or addresses, as asked: each is replaced by a token that the key makes of it, so that the same one
 * is the same everywhere, in every report made with that key, and nobody without the key can tell which it was. Addresses stay valid and of
 * their class. What stands inside captured text (replies, evidence, conversations) is replaced as well.
 * @param key at least 16 bytes, kept secret
 */
export function redactingWriter(writer: ReportWriter, what: readonly Redactable[], key: Uint8Array): ReportWriter {
  const redactor = new Redactor(what, key);
  return {
    begin: () => writer.begin(),
    session(session, conversation) {
      const replace = redactor.replacerFor(session);
      return writer.session(
        redactor.session(session, replace),
        conversation && (() => redactor.conversation(conversation(), session)),
      );
    },
    end: (summary) => writer.end(redactor.summary(summary)),
  };
}

/** A copy of plain data with every text in it replaced. */
type Replacer = <T>(data: T) => T;

/** Fields that hold captured text, an address, or words about them; all others hold fixed values, which a user's name must not change. */
const TEXT_FIELDS: ReadonlySet<string> = new Set(
  "address says missing remedy title detail text malformed name serverSoftware".split(" "),
);
/** Names that are worth replacing inside other text: shorter ones are parts of words. */
const MIN_NAME = 3;
/** Users and paths of sessions long gone that are looked for in what is said at the end. */
const MAX_NAMES = 10_000;

class Redactor {
  readonly #hides: ReadonlySet<Redactable>;
  readonly #key: Uint8Array;
  readonly #addresses: AddressPermutation;
  readonly #names = new Map<string, string>();

  constructor(what: readonly Redactable[], key: Uint8Array) {
    this.#hides = new Set(what);
    this.#key = key;
    this.#addresses = new AddressPermutation(key);
  }

  session(session: Session, replace: Replacer): Session {
    const redacted = replace(session);
    const { control, dataChannels } = redacted;
    const { user } = session.control;
    // Ids and Community IDs are hashes of addresses, which anybody can work out again: they are made anew.
    const id = (of: string) => (this.#hides.has("address") ? this.#token("session", of).slice(0, 16) : of);
    return {
      id: id(session.id),
      control: {
        ...control,
        user: user === null ? null : this.#user(user),
        communityId: communityIdOf(control.client, control.server),
        sameAs: session.control.sameAs.map(id),
      },
      dataChannels: dataChannels.map((channel, i) => {
        const { transfer } = session.dataChannels[i];
        const { connection } = channel;
        return {
          ...channel,
          transfer: channel.transfer &&
            transfer && { ...channel.transfer, path: transfer.path === null ? null : this.#path(transfer.path) },
          connection: connection && {
            ...connection,
            communityId: communityIdOf(connection.originator, connection.responder),
          },
        };
      }),
    };
  }

  summary(summary: AnalysisSummary): AnalysisSummary {
    const replace = this.#replacer(this.#names);
    const redacted = replace(summary);
    return {
      ...redacted,
      captures: redacted.captures.map((capture, i) => {
        const { name } = summary.captures[i];
        return { ...capture, name: this.#hides.has("path") && name !== "-" ? this.#path(name) : capture.name };
      }),
      findings: redacted.findings.map((finding, i) => ({
        ...finding,
        sessions: this.#hides.has("address")
          ? summary.findings[i].sessions.map((of) => this.#token("session", of).slice(0, 16))
          : finding.sessions,
      })),
    };
  }

  /** Commands name more than the session's record does: directories, users that were refused. */
  conversation(conversation: Conversation, session: Session): Conversation {
    const names = this.#namesOf(session);
    const hiddenArguments = conversation.events.map((event) => this.#argumentOf(event));
    for (const argument of hiddenArguments) if (argument) names.set(argument.text, argument.token);
    const replace = this.#replacer(names);
    return {
      ...conversation,
      events: conversation.events.map((event, i) => {
        const argument = hiddenArguments[i];
        if (argument) return { ...event, text: `${event.text.slice(0, -argument.text.length)}${argument.token}` };
        return { ...event, text: replace({ text: this.#withoutPaths(event) }).text };
      }),
    };
  }

  /** What the argument of a command becomes; undefined where it stays. */
  #argumentOf({ kind, text }: ConversationEvent): { readonly text: string; readonly token: string } | undefined {
    const space = text.indexOf(" ");
    if (kind !== "command" || space < 0) return undefined;
    const [verb, argument] = [text.slice(0, space), text.slice(space + 1)];
    if (argument === "" || NAMELESS_VERBS.has(verb)) return undefined;
    const hidden: Redactable = verb === "USER" ? "user" : "path";
    if (!this.#hides.has(hidden)) return undefined;
    return { text: argument, token: hidden === "user" ? this.#user(argument) : this.#path(argument) };
  }

  /** Paths that a reply names by itself. */
  #withoutPaths({ kind, text }: ConversationEvent): string {
    if (kind !== "reply" || !this.#hides.has("path")) return text;
    return text
      .replace(QUOTED_PATH, (_, before: string, path: string) => `${before}${this.#path(path)}`)
      .replace(ABSOLUTE_PATH, (path) => this.#path(path));
  }

  /** Replaces addresses, and this session's user and paths, wherever they stand in a text. */
  replacerFor(session: Session): Replacer {
    return this.#replacer(this.#namesOf(session));
  }

  #namesOf({ control, dataChannels }: Session): Map<string, string> {
    const names = new Map<string, string>();
    if (control.user !== null && this.#hides.has("user")) names.set(control.user, this.#user(control.user));
    if (this.#hides.has("path"))
      for (const { transfer } of dataChannels) if (transfer?.path) names.set(transfer.path, this.#path(transfer.path));
    for (const [name, token] of names) if (this.#names.size < MAX_NAMES) this.#names.set(name, token);
    return names;
  }

  #replacer(names: ReadonlyMap<string, string>): Replacer {
    // The longest first: a path may begin with another, or hold the user.
    const wanted = [...names].filter(([name]) => name.length >= MIN_NAME).sort(([a], [b]) => b.length - a.length);
    const replaceText = (text: string): string => {
      let replaced = text;
      for (const [name, token] of wanted) replaced = replaced.replaceAll(name, token);
      return this.#hides.has("address") ? this.#withoutAddresses(replaced) : replaced;
    };
    const replace = (data: unknown, field: string): unknown => {
      if (typeof data === "string") return TEXT_FIELDS.has(field) ? replaceText(data) : data;
      if (Array.isArray(data)) return data.map((item) => replace(item, field));
      if (typeof data !== "object" || data === null) return data;
      return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, replace(value, name)]));
    };
    return ((data) => replace(data, "")) as Replacer;
  }

  #withoutAddresses(text: string): string {
    return text
      .replace(COMMA_NUMBERS, (numbers) => this.#commaNumbers(numbers))
      .replace(DOTTED, (address) => this.#addresses.replace(address))
      .replace(COLONS, (address) =>
        parseAddress(address)?.length === 16 ? this.#addresses.replace(address) : address,
      );
  }

  /** `10,0,0,1,15,6` of a 227 or PORT; `4,4,10,0,0,1,2,15,6` of LPRT (RFC 1639), `6,16,…` likewise. */
  #commaNumbers(numbers: string): string {
    const parts = numbers.split(",");
    const family = parts[0] === "4" && parts[1] === "4" ? 4 : parts[0] === "6" && parts[1] === "16" ? 16 : 0;
    const at = family === 0 ? 0 : 2;
    const length = family === 0 ? 4 : family;
    const octets = parts.slice(at, at + length).map(Number);
    if (octets.length < length || octets.some((octet) => octet > 255)) return numbers;
    const bytes = parseAddress(this.#addresses.replace(addressOf(octets)))!;
    return [...parts.slice(0, at), ...bytes, ...parts.slice(at + length)].join(",");
  }

  #user(user: string): string {
    return this.#hides.has("user") ? `user-${this.#token("user", user).slice(0, 12)}` : user;
  }

  #path(path: string): string {
    return this.#hides.has("path") ? `path-${this.#token("path", path).slice(0, 12)}` : path;
  }

  #token(kind: string, text: string): string {
    return createHmac("sha256", this.#key).update(`${kind}\0${text}`).digest("hex");
  }
}

/** Verbs whose argument names no file, directory, user or host (RFC 959, 2228, 2389, 2428, 2640, 3659). */
const NAMELESS_VERBS: ReadonlySet<string> = new Set(
  "TYPE MODE STRU REST ALLO PORT EPRT LPRT PASV EPSV LPSV AUTH PROT PBSZ OPTS FEAT LANG HELP NOOP ABOR QUIT SYST CLNT".split(
    " ",
  ),
);
/** `257 "/home/alice" is the current directory` (RFC 959 appendix II). */
const QUOTED_PATH = /^(257[ -]")((?:[^"]|"")+)(?=")/;
const ABSOLUTE_PATH = /(?<![\w/:.~-])(?:[A-Za-z]:)?[/\\][^\s"'<>()|]+/g;

const COMMA_NUMBERS = /\b\d{1,3}(?:,\d{1,3}){5,}\b/g;
const DOTTED = /\b\d{1,3}(?:\.\d{1,3}){3}\b/g;
/** What may be an IPv6 address: at least two colons among hex digits, perhaps with a dotted end. */
const COLONS = /(?<![\w:])(?=[\da-f:]*:[\da-f:]*:)[\da-f:]{2,}[\da-f:](?:\d*\.\d+\.\d+\.\d+)?(?![\w:])/gi;

function addressOf(octets: readonly number[]): string {
  if (octets.length === 4) return octets.join(".");
  const words = Array.from({ length: 8 }, (_, i) => ((octets[2 * i] << 8) | octets[2 * i + 1]).toString(16));
  return words.join(":");
}
