import { readFileSync } from "node:fs";
import { isIP } from "node:net";

interface EcsField {
  readonly type: string;
  readonly array?: boolean;
  /** Allowed values; for `event.category` with the event types that go with each. */
  readonly allowed?: Readonly<Record<string, readonly string[]>>;
}

const FIELDS = new Map(
  Object.entries(JSON.parse(readFileSync("test/schema/ecs-9.4.0.json", "utf8")) as Record<string, EcsField>),
);
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/;

const isText = (value: unknown) => typeof value === "string";
/** What a value of each field type looks like. */
const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  keyword: isText,
  constant_keyword: isText,
  wildcard: isText,
  text: isText,
  match_only_text: isText,
  ip: (value) => typeof value === "string" && isIP(value) > 0,
  date: (value) => typeof value === "string" && TIME.test(value),
  long: (value) => Number.isSafeInteger(value),
  float: (value) => typeof value === "number",
  boolean: (value) => typeof value === "boolean",
};

type Json = Readonly<Record<string, unknown>>;

/** What is wrong with an event by ECS; `ftptrace.*` is our own and not looked at. */
export function ecsErrors(event: Json): string[] {
  const errors: string[] = [];
  if (event["@timestamp"] === undefined) errors.push("@timestamp is required");
  if ((event.ecs as Json | undefined)?.version === undefined) errors.push("ecs.version is required");
  check(event, "", errors);
  const { category = [], type = [] } = event.event as { category?: string[]; type?: string[] };
  const expected = FIELDS.get("event.category")?.allowed ?? {};
  for (const one of type)
    if (!category.some((name) => expected[name]?.includes(one)))
      errors.push(`event.type ${one} does not go with category ${category}`);
  return errors;
}

function check(object: Json, prefix: string, errors: string[]): void {
  for (const [key, value] of Object.entries(object)) {
    const name = prefix + key;
    if (name === "ftptrace") continue;
    const field = FIELDS.get(name);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    if (isObject && (!field || field.type === "object")) {
      check(value as Json, `${name}.`, errors);
      continue;
    }
    if (!field) {
      errors.push(`${name} is no ECS field`);
      continue;
    }
    if (Array.isArray(value) !== (field.array ?? false))
      errors.push(`${name}: ${field.array ? "no array" : "an array"}`);
    for (const item of Array.isArray(value) ? value : [value]) {
      if (!TYPES[field.type]?.(item)) errors.push(`${name}: ${JSON.stringify(item)} is no ${field.type}`);
      if (field.allowed && !Object.hasOwn(field.allowed, String(item))) errors.push(`${name}: ${item} is not allowed`);
    }
  }
}
