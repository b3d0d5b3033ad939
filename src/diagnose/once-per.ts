/**
 * What is asked for every channel and the same for all of a session is computed once: a session may have tens of thousands of channels.
 * @param compute what it gets beside the subject is the same whenever it is asked about that subject
 * @returns `compute` with a memory of its last answer: sessions are diagnosed one after another, and a WeakMap of them all costs the collector
 * more than the computing
 */
export function oncePer<Subject extends object, Value, Beside = void>(
  compute: (subject: Subject, beside: Beside) => Value,
): (subject: Subject, beside: Beside) => Value {
  let last: { readonly subject: Subject; readonly value: Value } | undefined;
  return (subject, beside) => {
    if (last?.subject !== subject) last = { subject, value: compute(subject, beside) };
    return last.value;
  };
}
