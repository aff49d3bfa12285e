// From an object with functions to the exports of the contract.

import { bytes } from './bytes.js';
import { Failure, rejection } from './failure.js';
import { log } from './host.js';
import { HttpError } from './http.js';

/**
 * Makes the three exports of a connector:
 *
 *   export const { connection, source, destination } = connector({ check, discover, read, get, write, find });
 *
 * `acknowledge` and `webhook` may be there too. A system that is only read leaves `write` and `find` out. No function keeps
 * anything between calls: a guest may be dropped between any two. What must be remembered travels in the checkpoint.
 */
export function connector(own) {
  const readOnly = stream => {
    throw new Failure('rejected', rejection('read-only', `the stream ${stream} cannot be written`));
  };
  const noSearch = (stream, path) => {
    throw new Failure('rejected', rejection('other', `the stream ${stream} cannot be searched by ${path}`));
  };
  const { write = readOnly, find = noSearch, acknowledge = () => {}, webhook = () => [] } = own;
  return {
    connection: {
      check: () => said(() => own.check()),
      webhook: request => said(() => webhook(request)),
    },
    source: {
      discover: () => said(() => own.discover()),
      read: (stream, checkpoint, limit) => said(() => page(own.read(stream, checkpoint, limit))),
      acknowledge: (stream, checkpoint) => said(() => void acknowledge(stream, checkpoint)),
      get: (stream, ids) => said(() => own.get(stream, ids).map(record)),
    },
    destination: {
      write: (stream, deliveries) => said(() => write(stream, deliveries).map(outcome)),
      find: (stream, path, values) => said(() => find(stream, path, values).map(record)),
    },
  };
}

/** A request that failed is the failure that fits; a mistake of the plugin goes to the log before it ends the guest. */
function said(call) {
  try {
    return call();
  } catch (error) {
    if (error instanceof HttpError) throw error.failure();
    if (!(error instanceof Failure)) log('error', `${error?.name ?? 'thrown'}: ${error?.message ?? error}\n${error?.stack ?? ''}`);
    throw error;
  }
}

const record = made => ({ ...made, body: bytes(made.body) });
const page = made => ({ ...made, records: made.records.map(record), next: bytes(made.next) });

function outcome(made) {
  switch (made.tag) {
    case 'written':
      return { tag: 'written', val: record(made.val) };
    case 'conflict':
      return { tag: 'conflict', val: record(made.val) };
    case 'retry-after':
      return { tag: 'retry-after', val: BigInt(Math.max(0, Math.round(made.val))) };
    default:
      return made;
  }
}
