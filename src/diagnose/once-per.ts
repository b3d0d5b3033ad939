/**
 * What is asked for every channel and the same for all of a session is computed once: a session may have tens of thousands of channels.
 * @returns `compute` with a memory that lasts as long as the object it is asked about
 */
export function oncePer<Subject extends object, Value>(
  compute: (subject: Subject) => Value,
): (subject: Subject) => Value {
  const known = new WeakMap<Subject, { readonly value: Value }>();
  return (subject) => {
    const found = known.get(subject);
    if (found) return found.value;
    const value = compute(subject);
    known.set(subject, { value });
    return value;
  };
}
