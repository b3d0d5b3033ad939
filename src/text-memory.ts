/** Texts remembered by one memory. */
const ENTRIES = 256;

/** Longer texts are not remembered. */
const MAX_LENGTH = 256;

/**
 * What is made of a text alone is made once for all sessions as long as the text comes again and again, as a server's greeting does.
 * @returns `make` with a memory of at most {@link ENTRIES} texts; when it is full it begins anew
 */
export function rememberingTexts<Value>(make: (text: string) => Value): (text: string) => Value {
  const values = new Map<string, Value>();
  return (text) => {
    const known = values.get(text);
    if (known !== undefined || values.has(text)) return known as Value;
    const value = make(text);
    if (text.length > MAX_LENGTH) return value;
    if (values.size === ENTRIES) values.clear();
    values.set(text, value);
    return value;
  };
}
