/** Texts remembered by one memory. */
const ENTRIES = 256;

/** Longer texts are not remembered. */
const MAX_LENGTH = 256;

/**
 * What is made of a text alone is made once for all sessions as long as the text comes again and again, as a server's greeting does.
 * @returns `make` with a memory of fixed size: direct-mapped, so that texts that never come again cost a place and nothing else
 */
export function rememberingTexts<Value>(make: (text: string) => Value): (text: string) => Value {
  const texts: string[] = new Array(ENTRIES).fill("");
  const values: Value[] = new Array(ENTRIES).fill(make(""));
  return (text) => {
    const { length } = text;
    if (length > MAX_LENGTH) return make(text);
    const slot = slotOf(text, length);
    if (texts[slot] !== text) {
      values[slot] = make(text);
      texts[slot] = text;
    }
    return values[slot];
  };
}

/** Characters from all over the text: replies begin and end alike. */
function slotOf(text: string, length: number): number {
  let hash = length;
  const step = (length >> 3) + 1;
  for (let at = 0; at < length; at += step) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash ^ (hash >>> 15)) & (ENTRIES - 1);
}
