import type { Chance } from "./chance.ts";

/** Texts that break programs which print what strangers wrote. */
export const HOSTILE_TEXTS: readonly string[] = [
  "\x1b[2J\x1b[31mred\x1b]0;title\x07",
  "\x9b31m\x85\x90",
  "\u202egpj.exe\u202c \u2066x\u2069 \u200b\u200f\ufeff",
  "\u2028\u2029\u0000\u0007\u0008",
  '<img src=x onerror="alert(1)"><script>alert(1)</script>',
  "</pre></td></table><!--",
  "| cell | [link](javascript:alert(1)) ![i](http://x/) `code` **bold** # h",
  "=cmd|' /C calc'!A0\",\"@SUM(1)",
  "__proto__",
  "constructor",
  "toString",
  "%s%n%x %00 %0a%0d",
  "../../../../etc/passwd",
  "$(reboot) `id` ; rm -rf / #",
  "\ud800",
  "a\u0301\u0301\u0301\u0301e\u0334\u0334",
  "👩‍👩‍👧‍👦🇩🇪",
  "日本語のファイル名.txt",
  "\u{e0001}\u{e0041}\ufff9\ufffb",
  '"}],"sessions":[{"id":"x"',
  "\\u0000\\x1b\\",
  "  ",
  "",
];

/** Bytes that say `text`, lone surrogates included (as CESU-8 would have them). */
export function rawBytes(text: string): Uint8Array {
  if (!/[\ud800-\udfff]/.test(text)) return new Uint8Array(Buffer.from(text, "utf8"));
  const parts: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0)!;
    if (code >= 0xd800 && code <= 0xdfff) parts.push(0xed, 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
    else parts.push(...Buffer.from(character, "utf8"));
  }
  return Uint8Array.from(parts);
}

/** Some text of a stranger: a hostile one, a long one, noise, or several of these. */
export function strangeText(chance: Chance): string {
  switch (chance.below(8)) {
    case 0:
      return chance.pick(HOSTILE_TEXTS) + chance.pick(HOSTILE_TEXTS);
    case 1:
      return chance
        .pick(["A", "9", " ", ",", "(", "|", "é", "\u202e", "\t", '"', "-"])
        .repeat(chance.skewed(chance.in(0.1) ? 20_000 : 1_500));
    case 2:
      return Array.from({ length: chance.skewed(300) }, () => String.fromCharCode(chance.below(256))).join("");
    case 3:
      return Array.from({ length: chance.below(40) }, () => String.fromCodePoint(chance.below(0x11_0000))).join("");
    case 4:
      return String(chance.word());
    default:
      return chance.pick(HOSTILE_TEXTS);
  }
}
