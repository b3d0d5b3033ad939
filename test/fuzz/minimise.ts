/** Makes an input smaller while it still shows the fault, by leaving out ever smaller pieces; gives up after so many tries. */
export async function minimised(
  bytes: Uint8Array,
  stillFails: (smaller: Uint8Array) => Promise<boolean>,
  tries = 300,
): Promise<Uint8Array> {
  let best = bytes;
  let left = tries;
  const attempt = async (pieces: readonly Uint8Array[]): Promise<boolean> => {
    if (left-- <= 0) return false;
    const smaller = new Uint8Array(Buffer.concat(pieces));
    if (!(await stillFails(smaller))) return false;
    best = smaller;
    return true;
  };
  for (const records of [true, false]) {
    let pieces = records ? recordsOf(best) : bytesInSixteenths(best);
    for (let size = Math.ceil(pieces.length / 2); size >= 1 && left > 0; size = size === 1 ? 0 : Math.ceil(size / 2))
      for (let at = records ? 1 : 0; at < pieces.length && left > 0; ) {
        const without = [...pieces.slice(0, at), ...pieces.slice(at + size)];
        if (await attempt(without)) pieces = without;
        else at += size;
      }
  }
  return best;
}

/** The file header and the records of a classic pcap; for any other file just the file. */
function recordsOf(bytes: Uint8Array): Uint8Array[] {
  if (bytes.length < 24) return [bytes];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = view.getUint8(0) !== 0xa1;
  const pieces = [bytes.subarray(0, 24)];
  let at = 24;
  while (at + 16 <= bytes.length) {
    const end = at + 16 + view.getUint32(at + 8, little);
    if (end > bytes.length) break;
    pieces.push(bytes.subarray(at, end));
    at = end;
  }
  if (at < bytes.length) pieces.push(bytes.subarray(at));
  return pieces;
}

function bytesInSixteenths(bytes: Uint8Array): Uint8Array[] {
  const size = Math.max(1, Math.ceil(bytes.length / 64));
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}
