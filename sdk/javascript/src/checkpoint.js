// Checkpoints as an object of yours, in JSON.

import { bytes, exactly } from './bytes.js';
import { Failure } from './failure.js';

/** The bytes of a checkpoint. */
export function encode(position) {
  return bytes(JSON.stringify(position));
}

/**
 * A checkpoint of ours; none gives the beginning. One that does not have the beginning's keys with values of their kinds (an
 * older plugin wrote it) is `checkpoint-expired`: the host starts again from none.
 */
export function decode(encoded, beginning) {
  if (encoded === undefined || encoded === null) return { ...beginning };
  let position;
  try {
    position = JSON.parse(exactly(encoded));
  } catch {
    throw Failure.checkpointExpired();
  }
  const fits = position !== null && typeof position === 'object' && Object.entries(beginning).every(([key, value]) => typeof position[key] === typeof value);
  if (!fits) throw Failure.checkpointExpired();
  return position;
}
