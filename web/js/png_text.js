// What stands in a PNG beside its picture. No imports, no side effects.

const SIGNATURE = 0x89504e47;
const LATIN = new TextDecoder("latin1");
const UTF8 = new TextDecoder("utf-8");

/**
 * The text that a PNG holds under a key; null where there is none.
 *
 * @param {ArrayBuffer} buffer A whole file, of any kind.
 */
export function pngText(buffer, key) {
  const bytes = new Uint8Array(buffer);
  const view = new DataView(buffer);
  if (bytes.length < 8 || view.getUint32(0) !== SIGNATURE) return null;
  for (let at = 8; at + 12 <= bytes.length; ) {
    const [length, kind] = [view.getUint32(at), LATIN.decode(bytes.subarray(at + 4, at + 8))];
    const text = textOf(kind, bytes.subarray(at + 8, at + 8 + length), key);
    if (text !== null) return text;
    at += 12 + length;
  }
  return null;
}

/** Of one chunk; null unless it is an uncompressed text with this key. */
function textOf(kind, data, key) {
  if (kind !== "tEXt" && kind !== "iTXt") return null;
  const end = data.indexOf(0);
  if (end < 0 || LATIN.decode(data.subarray(0, end)) !== key) return null;
  if (kind === "tEXt") return LATIN.decode(data.subarray(end + 1));
  if (data[end + 1] !== 0) return null; // compressed
  const language = data.indexOf(0, end + 3);
  return UTF8.decode(data.subarray(data.indexOf(0, language + 1) + 1));
}
