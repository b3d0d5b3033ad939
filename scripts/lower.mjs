// Rewrites a compiled module into one that does the same and costs V8 less as long as it is not optimized, as code that runs once a session or packet hardly
// ever is (docs/decisions/0006-bundled-command-line.md). scripts/bundle.mjs gives it our modules, not those of dependencies.
import { parse } from "acorn";

/** The only class of others that one of ours with private names may extend: it has none of the names made here. */
const FOREIGN_BASE = "Error";

/**
 * - A private name becomes a plain one: V8 finds what has a private name by way of the keyed inline cache. A plain one is seen by whoever asks an object for
 *   its names; reports are made of none of our classes.
 * - `for (const x of list)` becomes a loop by index where the list is an array, which is asked when it runs: an array's iterator is an object, and makes
 *   another for each element. What is no array is iterated over as before, only that its iterator is not told when the loop is left early: that matters
 *   to those that clean up then, of which generators are refused.
 * - `const [a, b] = pair` reads elements by index, for the same reason; of what is no array all elements are taken first.
 * @param code a module
 * @returns the same as a module with other line numbers
 * @throws Error when it has a generator, private names that a class and its base may share, or one asked for by `in`
 */
export function lower(code) {
  const edits = [];
  /** The private names of the classes around a node, the innermost last. */
  const classes = [];
  let temporaries = 0;
  const replace = (start, end, text) => edits.push({ start, end, text });
  const temporary = () => `$${temporaries++}`;

  const visit = (node) => {
    switch (node.type) {
      case "ClassDeclaration":
      case "ClassExpression":
        return inClass(node);
      case "FunctionDeclaration":
      case "FunctionExpression":
        if (node.generator && !node.async) throw new Error("a loop would not break off a generator");
        break;
      case "PrivateIdentifier":
        return replace(node.start, node.end, plainName(node));
      case "BinaryExpression":
        if (node.left.type === "PrivateIdentifier")
          throw new Error(`#${node.left.name} in: a plain name may be another class's too`);
        break;
      case "ForOfStatement":
        if (!node.await && node.left.type === "VariableDeclaration") loop(node);
        break;
      case "VariableDeclarator":
        if (node.init && isPlainList(node.id)) elements(node);
        break;
    }
    children(node);
  };
  const children = (node) => {
    for (const value of Object.values(node))
      for (const child of Array.isArray(value) ? value : [value]) if (typeof child?.type === "string") visit(child);
  };

  const inClass = (node) => {
    const names = node.body.body.flatMap(({ key }) => (key?.type === "PrivateIdentifier" ? [key.name] : []));
    if (names.length > 0 && node.superClass && node.superClass.name !== FOREIGN_BASE)
      throw new Error(`#${names[0]}: the class it extends may have the same name`);
    classes.push(names);
    children(node);
    classes.pop();
  };

  /** Classes may lie in one another and have names in common. */
  const plainName = ({ name }) => `$${name}_${classes.findLastIndex((names) => names.includes(name))}`;

  const loop = ({ start, end, left, right, body }) => {
    const [list, isArray, iterator, result, at] = Array.from({ length: 5 }, temporary);
    const { id } = left.declarations[0];
    const element = `${isArray} ? ${list}[${at}] : ${result}.value`;
    let bound = `${code.slice(id.start, id.end)} = ${element}`;
    if (isPlainList(id)) {
      const value = temporary();
      bound = `${value} = ${element}${byIndex(id, value)}`;
    } else if (bound.includes("#")) throw new Error(`${bound}: a private name in what a loop binds`);
    replace(start, right.start, `for (let ${list} = `);
    replace(
      right.end,
      body.start,
      `, ${isArray} = $isArray(${list}), ${iterator} = ${isArray} ? null : ${list}[Symbol.iterator](), ${result}, ${at} = 0; ` +
        `${isArray} ? ${at} < ${list}.length : !(${result} = ${iterator}.next()).done; ${at}++) { ${left.kind} ${bound}; `,
    );
    replace(end, end, " }");
  };

  const elements = ({ id, init }) => {
    const value = temporary();
    replace(id.start, id.end, value);
    replace(init.end, init.end, byIndex(id, value));
  };

  const isPlainList = (id) =>
    id.type === "ArrayPattern" && id.elements.every((element) => element === null || element.type === "Identifier");

  const byIndex = (id, value) => {
    const list = temporary();
    const names = id.elements.flatMap((element, i) => (element ? [`, ${element.name} = ${list}[${i}]`] : []));
    return `, ${list} = $isArray(${value}) ? ${value} : [...${value}]${names.join("")}`;
  };

  // Places of an expression are with its parentheses.
  visit(parse(code, { ecmaVersion: "latest", sourceType: "module", preserveParens: true }));
  let lowered = code;
  // From the end, so that places stay where they are.
  edits.sort((a, b) => b.start - a.start);
  for (const { start, end, text } of edits) lowered = lowered.slice(0, start) + text + lowered.slice(end);
  return temporaries > 0 ? PRELUDE + lowered : lowered;
}

const PRELUDE = "const $isArray = Array.isArray;\n";
