import { readFileSync } from "node:fs";
import { isIP } from "node:net";

interface OcsfAttribute {
  readonly type: string;
  readonly array?: boolean;
  readonly required?: boolean;
  /** The attribute that repeats this one in words. */
  readonly sibling?: string;
  /** Allowed values with their captions. */
  readonly values?: Readonly<Record<string, string>>;
}

interface OcsfObject {
  readonly attributes: Readonly<Record<string, OcsfAttribute>>;
  readonly constraints?: { readonly at_least_one?: readonly string[]; readonly just_one?: readonly string[] };
}

interface OcsfClass extends OcsfObject {
  readonly uid: number;
  readonly category: number;
}

const SCHEMA = JSON.parse(readFileSync("test/schema/ocsf-1.8.0.json", "utf8")) as {
  readonly classes: Readonly<Record<string, OcsfClass>>;
  readonly objects: Readonly<Record<string, OcsfObject>>;
};

/** Scalar types that are not just strings. */
const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  boolean_t: (value) => typeof value === "boolean",
  integer_t: (value) => Number.isInteger(value) && Math.abs(value as number) < 2 ** 31,
  long_t: (value) => Number.isSafeInteger(value),
  float_t: (value) => typeof value === "number",
  timestamp_t: (value) => Number.isSafeInteger(value) && (value as number) > 1e11,
  ip_t: (value) => typeof value === "string" && isIP(value) > 0,
  port_t: (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 65_535,
  json_t: () => true,
  object: (value) => typeof value === "object" && value !== null,
};

type Json = Readonly<Record<string, unknown>>;

/** What is wrong with an event by OCSF; `unmapped` and `evidences.data` are free. */
export function ocsfErrors(event: Json): string[] {
  const known = Object.values(SCHEMA.classes).find(({ uid }) => uid === event.class_uid);
  if (!known) return [`class_uid ${event.class_uid} is unknown`];
  const errors: string[] = [];
  if (event.category_uid !== known.category) errors.push(`category_uid must be ${known.category}`);
  const type = known.uid * 100 + Number(event.activity_id);
  if (event.type_uid !== type) errors.push(`type_uid must be ${type}`);
  check(event, known, "", errors);
  return errors;
}

function check(object: Json, { attributes, constraints }: OcsfObject, prefix: string, errors: string[]): void {
  for (const [name, { required }] of Object.entries(attributes))
    if (required && object[name] === undefined) errors.push(`${prefix}${name} is required`);
  const present = (names: readonly string[]) => names.filter((name) => object[name] !== undefined).length;
  if (constraints?.at_least_one && present(constraints.at_least_one) === 0)
    errors.push(`${prefix} needs one of ${constraints.at_least_one}`);
  if (constraints?.just_one && present(constraints.just_one) !== 1)
    errors.push(`${prefix} needs just one of ${constraints.just_one}`);
  for (const [name, value] of Object.entries(object)) {
    const attribute = attributes[name];
    const path = prefix + name;
    if (!attribute) {
      errors.push(`${path} is no attribute`);
      continue;
    }
    if (Array.isArray(value) !== (attribute.array ?? false)) {
      errors.push(`${path}: ${attribute.array ? "no array" : "an array"}`);
      continue;
    }
    for (const item of Array.isArray(value) ? value : [value])
      checkValue(object, attribute, path, item, prefix, errors);
  }
}

function checkValue(
  owner: Json,
  { type, values, sibling }: OcsfAttribute,
  path: string,
  value: unknown,
  prefix: string,
  errors: string[],
): void {
  if (Object.hasOwn(SCHEMA.objects, type)) {
    check(value as Json, SCHEMA.objects[type], `${path}.`, errors);
    return;
  }
  const fits = TYPES[type] ?? ((text: unknown) => type.endsWith("_t") && typeof text === "string");
  if (!fits(value)) errors.push(`${path}: ${JSON.stringify(value)} is no ${type}`);
  if (!values) return;
  if (!Object.hasOwn(values, String(value))) errors.push(`${path}: ${value} is not allowed`);
  else if (sibling && value !== 99 && owner[sibling] !== undefined && owner[sibling] !== values[String(value)])
    errors.push(`${prefix}${sibling} must be ${values[String(value)]}`);
}
