/** A module's code as V8 runs it faster while it does not optimize it; what it does and throws stands in `lower.mjs`. */
export function lower(code: string): string;
