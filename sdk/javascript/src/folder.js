// Files of the folders that the operator granted. What is refused is thrown as the failure that fits.

import * as imports from '#imports';

import { bytes } from './bytes.js';
import { Failure } from './failure.js';

/** All regular files of a folder, sorted by name: `{ name, size, modifiedAt }`. */
export function list(folder) {
  return tried(() => imports.folder.list(folder)).map(entry => ({ ...entry, size: Number(entry.size) }));
}

/** At most `length` bytes from `offset`; empty at the end. */
export function read(folder, name, offset, length) {
  return tried(() => imports.folder.read(folder, name, BigInt(offset), length));
}

/** Replaces the file in one step. */
export function write(folder, name, content) {
  tried(() => imports.folder.write(folder, name, bytes(content)));
}

/** Adds to the end of the file; durable when it returns. */
export function append(folder, name, content) {
  tried(() => imports.folder.append(folder, name, bytes(content)));
}

/** Removes the file. */
export function remove(folder, name) {
  tried(() => imports.folder.remove(folder, name));
}

function tried(call) {
  try {
    return call();
  } catch (error) {
    const said = error?.payload ?? error;
    switch (said?.tag) {
      case 'denied':
        throw Failure.misconfigured(said.val);
      case 'not-found':
        throw Failure.unavailable('the file is not there (any more)');
      case 'bad-name':
        throw Failure.rejected('format', `refused file name: ${said.val}`);
      case 'too-large':
        throw Failure.rejected('length', `${said.val} bytes are too large for this folder`);
      case 'io':
        throw Failure.unavailable(said.val);
      default:
        throw error;
    }
  }
}
