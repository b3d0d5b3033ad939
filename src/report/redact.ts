import { createHmac } from "node:crypto";
import { parseAddress } from "../address.ts";
import type { AnalysisSummary, Session } from "../analysis.ts";
import type { Conversation, ConversationEvent } from "../conversation.ts";
import { communityIdOf } from "../correlate/session-id.ts";
import { verbFacts } from "../ftp/command.ts";
import { isStandardInput } from "./capture-name.ts";
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
    session: (session, conversation) =>
      writer.session(redactor.session(session), conversation && (() => redactor.conversation(conversation(), session))),
    end: (summary) => writer.end(redactor.summary(summary)),
  };
}

/** A copy of plain data with every text in it replaced. */
type Replacer = <T>(data: T) => T;

/**
 * Fields that hold addresses or captured text. All others hold fixed values, which a user's name must not change; so does the
 * prose of `says` around what it quotes: `ftp` may be a user, and a token in its place would tell.
 */
const TEXT_FIELDS: Readonly<Record<string, "addresses" | "quotes" | "captured">> = {
  address: "addresses",
  missing: "addresses",
  remedy: "addresses",
  title: "addresses",
  serverSoftware: "addresses",
  says: "quotes",
  malformed: "quotes",
  detail: "captured",
};
/** Names that are looked for inside other text: one letter is a word too often. */
const MIN_NAME = 2;
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

  session(session: Session): Session {
    const names = this.#namesOf(session);
    for (const [name, token] of names) if (this.#names.size < MAX_NAMES) this.#names.set(name, token);
    const textOf = this.#textReplacer(names);
    const { control, dataChannels } = this.#replacer(textOf)(session);
    const { user } = session.control;
    return {
      id: this.#id(session.id),
      control: {
        ...control,
        user: user === null ? null : this.#hides.has("user") ? this.#user(user) : this.#withoutAddresses(user),
        communityId: communityIdOf(control.client, control.server),
        sameAs: session.control.sameAs.map((id) => this.#id(id)),
      },
      dataChannels: dataChannels.map((channel) => {
        const { transfer, connection } = channel;
        return {
          ...channel,
          transfer: transfer && {
            ...transfer,
            path: transfer.path === null ? null : this.#pathField(transfer.path, textOf),
          },
          connection: connection && {
            ...connection,
            communityId: communityIdOf(connection.originator, connection.responder),
          },
        };
      }),
    };
  }

  /** A path as a whole; one that stays may name the user or an address. */
  #pathField(path: string, textOf: (text: string) => string): string {
    return this.#hides.has("path") ? this.#path(path) : this.#withoutAddresses(textOf(path));
  }

  summary(summary: AnalysisSummary): AnalysisSummary {
    const { tool, captures, findings, ...rest } = summary;
    const textOf = this.#textReplacer(this.#names);
    const replace = this.#replacer(textOf);
    return {
      ...replace(rest),
      tool,
      captures: captures.map((capture) => {
        const { name } = capture;
        return { ...capture, name: isStandardInput(name) ? name : this.#pathField(name, textOf) };
      }),
      findings: replace(findings).map((finding) => ({
        ...finding,
        sessions: finding.sessions.map((id) => this.#id(id)),
      })),
    };
  }

  /** Commands name more than the session's record does: directories, users that were refused. */
  conversation(conversation: Conversation, session: Session): Conversation {
    const names = this.#namesOf(session);
    const hiddenArguments = conversation.events.map((event) => this.#argumentOf(event));
    for (const argument of hiddenArguments) if (argument) names.set(argument.text, argument.token);
    const textOf = this.#textReplacer(names);
    return {
      ...conversation,
      events: conversation.events.map((event, i) => {
        const argument = hiddenArguments[i];
        if (argument) return { ...event, text: `${event.text.slice(0, -argument.text.length)}${argument.token}` };
        const said = event.kind === "reply" || event.kind === "command";
        return { ...event, text: this.#withoutAddresses(said ? textOf(event.text) : event.text) };
      }),
    };
  }

  /** What the argument of a command becomes; undefined where it stays. */
  #argumentOf({ kind, text }: ConversationEvent): { readonly text: string; readonly token: string } | undefined {
    const space = text.indexOf(" ");
    if (kind !== "command" || space < 0) return undefined;
    const [verb, argument] = [text.slice(0, space), text.slice(space + 1)];
    if (argument === "" || namesNothing(verb)) return undefined;
    const hidden: Redactable = verb === "USER" ? "user" : "path";
    if (!this.#hides.has(hidden)) return undefined;
    return { text: argument, token: hidden === "user" ? this.#user(argument) : this.#path(argument) };
  }

  #namesOf({ control, dataChannels }: Session): Map<string, string> {
    const names = new Map<string, string>();
    if (control.user !== null && this.#hides.has("user")) names.set(control.user, this.#user(control.user));
    if (!this.#hides.has("path")) return names;
    for (const { transfer } of dataChannels) {
      if (!transfer?.path) continue;
      const { path } = transfer;
      names.set(path, this.#path(path));
      // A server may name the file without its directory, or with another.
      const file = path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
      if (file !== "") names.set(file, this.#path(file));
    }
    return names;
  }

  /** @param textOf takes names out of captured text */
  #replacer(textOf: (text: string) => string): Replacer {
    const replace = (data: unknown, field: string): unknown => {
      if (typeof data === "string") {
        const holds = Object.hasOwn(TEXT_FIELDS, field) ? TEXT_FIELDS[field] : undefined;
        if (holds === undefined) return data;
        if (holds === "captured") return this.#withoutAddresses(textOf(data));
        return this.#withoutAddresses(holds === "quotes" ? data.replace(QUOTED, textOf) : data);
      }
      if (Array.isArray(data)) return data.map((item) => replace(item, field));
      if (typeof data !== "object" || data === null) return data;
      return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, replace(value, name)]));
    };
    return ((data) => replace(data, "")) as Replacer;
  }

  /** Takes these names, and the paths that captured text names by itself, out of it. */
  #textReplacer(names: ReadonlyMap<string, string>): (text: string) => string {
    // The longest first: a path may begin with another, or hold the user.
    const lengths = [...new Set([...names.keys()].map(({ length }) => length))].sort((a, b) => b - a);
    const wanted = lengths.filter((length) => length >= MIN_NAME);
    return (text) => {
      if (!this.#hides.has("path")) return withoutNames(text, names, wanted);
      const replaced = text.replace(QUOTED_PATH, (_, before: string, path: string) => `${before}${this.#path(path)}`);
      return withoutNames(replaced, names, wanted).replace(ABSOLUTE_PATH, (path) => this.#path(path));
    };
  }

  #withoutAddresses(text: string): string {
    if (!this.#hides.has("address")) return text;
    return text
      .replace(COMMA_NUMBERS, (numbers) => this.#commaNumbers(numbers))
      .replace(ADDRESS, (address) => {
        const canonical = address.includes(":") ? address : address.split(".").map(Number).join(".");
        return parseAddress(canonical) ? this.#addresses.replace(canonical) : address;
      });
  }

  /** `10,0,0,1,15,6` of a 227 or PORT; `4,4,10,0,0,1,2,15,6` of LPRT (RFC 1639), `6,16,…` likewise. */
  #commaNumbers(numbers: string): string {
    const parts = numbers.split(",");
    const family = parts[0] === "4" && parts[1] === "4" ? 4 : parts[0] === "6" && parts[1] === "16" ? 16 : 0;
    const at = family === 0 ? 0 : 2;
    const length = family === 0 ? 4 : family;
    const octets = parts.slice(at, at + length).map(Number);
    // What is no address may be most of one.
    const complete = octets.length === length && octets.every((octet) => octet <= 255);
    const hidden = complete ? [...parseAddress(this.#addresses.replace(addressOf(octets)))!] : octets.map(() => "x");
    return [...parts.slice(0, at), ...hidden, ...parts.slice(at + length)].join(",");
  }

  /** Ids are hashes of addresses, which anybody can work out again, and so are Community IDs: both are made anew. */
  #id(id: string): string {
    return this.#hides.has("address") ? this.#token("session", id).slice(0, 16) : id;
  }

  #user(user: string): string {
    return `user-${this.#token("user", user).slice(0, 12)}`;
  }

  #path(path: string): string {
    return `path-${this.#token("path", path).slice(0, 12)}`;
  }

  #token(kind: string, text: string): string {
    return createHmac("sha256", this.#key).update(`${kind}\0${text}`).digest("hex");
  }
}

/** Whether a verb's argument names no file, directory, user or host: addresses and ports are another matter. */
function namesNothing(verb: string): boolean {
  const facts = verbFacts(verb);
  return facts?.namesNothing === true || facts?.negotiates !== undefined;
}

/** What `says` and `malformed` quote; a reply may hold quotes of its own. */
const QUOTED = /".*"/gs;
/** `257 "/home/alice" is the current directory` (RFC 959 appendix II). */
const QUOTED_PATH = /(\b257[ -]")((?:[^"]|"")+)(?=")/;
const ABSOLUTE_PATH = /(?<![\w/:.~-])(?:[A-Za-z]:)?[/\\][^\s"'<>()|]+/g;

/** Numbers with commas between, as many as an address has octets; whoever wrote them wrong may have put spaces. */
const COMMA_NUMBERS = /(?<!\d)\d{1,3}(?:, ?\d{1,3}){3,}(?!\d)/g;
/**
 * What may be an address: at least two colons among hex digits, perhaps with a dotted end (a colon behind it is the sentence's);
 * or four numbers with dots between.
 */
const ADDRESS =
  /(?<!\w)(?:[\da-f]{0,4}:){2,8}(?:\d{1,3}(?:\.\d{1,3}){3}|[\da-f]{1,4}|(?<=::))(?!\w|:\w)|(?<!\d)\d{1,3}(?:\.\d{1,3}){3}(?!\d)/gi;

function addressOf(octets: readonly number[]): string {
  if (octets.length === 4) return octets.join(".");
  const words = Array.from({ length: 8 }, (_, i) => ((octets[2 * i] << 8) | octets[2 * i + 1]).toString(16));
  return words.join(":");
}

/**
 * Each of these names that is no part of a word becomes its token. In one pass: a user may be called like the beginning of a
 * token. By no regular expression: a long session has more names than one may hold.
 * @param lengths those that a name may have, in the order in which they are tried
 */
function withoutNames(text: string, names: ReadonlyMap<string, string>, lengths: readonly number[]): string {
  let replaced = "";
  let kept = 0;
  for (let at = 0; at < text.length; at++) {
    if (isAmidWord(text, at)) continue;
    const length = lengths.find(
      (wanted) =>
        at + wanted <= text.length && !isAmidWord(text, at + wanted) && names.has(text.slice(at, at + wanted)),
    );
    if (length === undefined) continue;
    replaced += text.slice(kept, at) + names.get(text.slice(at, at + length));
    kept = at + length;
    at = kept - 1;
  }
  return replaced + text.slice(kept);
}

const WORD = /[\p{L}\p{N}]/u;

function isAmidWord(text: string, at: number): boolean {
  return at > 0 && at < text.length && WORD.test(text[at - 1]) && WORD.test(text[at]);
}
