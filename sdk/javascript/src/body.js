// Bodies as values: the few look-ups that connectors need when a body must be taken apart.

import { exactly } from './bytes.js';
import { Failure } from './failure.js';

/** A delivery's body as an object. */
export function object(bytes) {
  if (bytes.length === 0) return {};
  let value;
  try {
    value = JSON.parse(exactly(bytes));
  } catch (error) {
    throw Failure.rejected('format', `the delivery's body is not a JSON object: ${error.message}`);
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw Failure.rejected('format', `the delivery's body is not a JSON object`);
  }
  return value;
}

/** The value at a path with dots. */
export function at(value, path) {
  return path.split('.').reduce((found, key) => (found !== null && typeof found === 'object' ? found[key] : undefined), value);
}

/** The text at a path with dots; numbers and booleans as JavaScript spells them. See slice.js for how the system does. */
export function text(value, path) {
  const found = at(value, path);
  return ['string', 'number', 'boolean'].includes(typeof found) ? String(found) : undefined;
}
