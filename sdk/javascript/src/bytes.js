// Bytes and text.

const encoder = new TextEncoder();
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const lenient = new TextDecoder();

/** Bytes as they are, text as UTF-8, anything else as JSON. */
export function bytes(value) {
  if (value instanceof Uint8Array) return value;
  // What the host gives was made in another realm: it is bytes, and no instance of this one's.
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return encoder.encode(typeof value === 'string' ? value : JSON.stringify(value));
}

/** Text of bytes; throws where they are not UTF-8. */
export function exactly(value) {
  return typeof value === 'string' ? value : strict.decode(value);
}

/** Text of bytes, with marks where they are not UTF-8. */
export function roughly(value) {
  return typeof value === 'string' ? value : lenient.decode(value);
}
