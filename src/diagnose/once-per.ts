/**
 * What is asked for every channel and the same for all of a session is computed once: a session may have tens of thousands of channels.
 * @returns `compute` with a memory of its last answer: sessions are diagnosed one after another, and a WeakMap of them all costs the collector
 * more than the computing
 */
export function oncePer<Subject extends object, Value>(
  compute: (subject: Subject) => Value,
): (subject: Subject) => Value {
  let last: { readonly subject: Subject; readonly value: Value } | undefined;
  return (subject) => {
    if (last?.subject !== subject) last = { subject, value: compute(subject) };
    return last.value;
  };
}
