import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { lower } from "../../scripts/lower.mjs";

/** What a module says, as it is and lowered. @param body of a function that says what there is to compare */
async function said(body: string): Promise<unknown[]> {
  const code = `export default (() => {\n${body}\n})();\n`;
  const results: unknown[] = [];
  for (const source of [code, lower(code)])
    results.push((await import(`data:text/javascript,${encodeURIComponent(source)}`)).default);
  return results;
}

async function sameAs(expected: unknown, body: string): Promise<void> {
  assert.deepEqual(await said(body), [expected, expected]);
}

describe("a lowered module does what the module does", () => {
  it("private names, of classes in one another and of one name", () =>
    sameAs(
      [3, 7, 21, 42],
      `
      class Outer {
        #value = 3;
        static #count = 21;
        get #double() { return this.#value * 2; }
        set #double(value) { this.#value = value / 2; }
        #method(by) { return this.#value + by; }
        inner() {
          const outer = this;
          return new (class { #value = 4; sum() { return this.#value + outer.#method(0); } })().sum();
        }
        raise() { this.#double = 84; return this.#method(0); }
        static count() { return Outer.#count; }
        value() { return this?.#value; }
      }
      const one = new Outer();
      return [one.value(), one.inner(), Outer.count(), one.raise()];`,
    ));

  it("loops over lists, and over what is none", () =>
    sameAs(
      [[1, 2, 3], ["a", "😀"], [["k", 1]], [5, 6], [7], ["x1"], [9]],
      `
      const all = (iterable) => { const list = []; for (const item of iterable) list.push(item); return list; };
      const entries = []; for (const [key, value] of new Map([["k", 1]])) entries.push([key, value]);
      return [all([1, 2, 3]), all("a😀"), entries, all(new Set([5, 6])), all(new Uint8Array([7])), all("x1".matchAll(/x1/g)).map(String), all([9].values())];`,
    ));

  it("a list that grows and shrinks while it is looped over, and holes", () =>
    sameAs(
      [[1, 2, 3, 10], [1], [undefined, 2]],
      `
      const growing = [1, 2, 3]; const seen = []; for (const item of growing) { seen.push(item); if (item === 1) growing.push(10); }
      const shrinking = [1, 2]; const left = []; for (const item of shrinking) { left.push(item); shrinking.pop(); }
      const holes = []; for (const item of [, 2]) holes.push(item);
      return [seen, left, holes];`,
    ));

  it("loops that are left, gone on with and nested, without braces and with closures", () =>
    sameAs(
      [["12", "22"], 4, [0, 1, 2], 6],
      `
      const kept = [];
      outer: for (const a of [1, 2, 3]) { for (const b of new Set([1, 2, 3])) { if (b === 1) continue; if (b === 3) continue outer; if (a === 3) break outer; kept.push("" + a + b); } }
      const find = (list) => { for (const item of list) if (item > 3) return item; };
      const later = []; for (let i of [0, 1, 2]) { later.push(() => i); }
      let sum = 0; for (const a of [[1, 2], [3]]) for (const b of a) sum += b;
      return [kept, find([1, 4, 5]), later.map((say) => say()), sum];`,
    ));

  it("parentheses around what is looped over or taken apart", () =>
    sameAs(
      [[3], 1, 2],
      `
      const seen = []; for (const item of ([1, 2], [3])) seen.push(item);
      const [a, b] = ((() => [1, 2])());
      return [seen, a, b];`,
    ));

  it("the list is asked for once, and what it throws is thrown", () =>
    sameAs(
      [1, "no", "undefined is not iterable"],
      `
      let asked = 0; const list = () => (asked++, [1, 2]); for (const item of list());
      const message = (work) => { try { work(); } catch (error) { return error.message.replace(/.*undefined.*/, "undefined is not iterable"); } };
      return [asked, message(() => { for (const item of [1]) throw new Error("no"); }), message(() => { for (const item of undefined); })];`,
    ));

  it("lists taken apart, also such as are none, too short or have holes", () =>
    sameAs(
      [
        [1, 2],
        [2, undefined],
        ["😀", "b"],
        [4, 5],
        [1, 3],
        [8, [9, 10]],
      ],
      `
      const [a, b] = [1, 2]; const [, c, d] = [1, 2]; const [e, f] = "😀b"; const [g, h] = new Set([4, 5]);
      const { x: [i], y: k = 3 } = { x: [1] }; let [l, ...m] = [8, 9, 10];
      return [[a, b], [c, d], [e, f], [g, h], [i, k], [l, m]];`,
    ));

  it("refuses what would not be the same", () => {
    assert.throws(() => lower("class A { #x = 1 } class B extends A { #x = 2 }"), /the class it extends/);
    assert.doesNotThrow(() => lower("class A extends Error { #x = 1; x() { return this.#x; } }"));
    assert.throws(() => lower("class A { #x = 1; static is(other) { return #x in other; } }"), /another class's/);
    assert.throws(() => lower("function* all() { yield 1; }"), /generator/);
    assert.throws(() => lower("const all = { *[Symbol.iterator]() { yield 1; } };"), /generator/);
    assert.doesNotThrow(() => lower("async function* all() { yield 1; }"));
  });

  it("leaves the rest as it is", () => {
    const rest = 'import a from "a";\nexport const b = { ...a, "#c": `#d`, d: /#e/ };\nfor (const k in b) a(k);\n';
    assert.equal(lower(rest), rest);
  });
});
