export function lower(code: string): string;
