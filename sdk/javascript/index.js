// What authors of Nave plugins in JavaScript use.
//
// Owns the JavaScript face of the contract in wit/v0.2. A connector is one object with functions and one line:
//
//   export const { connection, source, destination } = connector({ check, discover, read, get, write, find });
//
// Outside of a plugin, in `node --test`, the imports lead to the fake host of `testing.js`.

export { connector } from './src/connector.js';
export { Failure } from './src/failure.js';
export * as body from './src/body.js';
export * as checkpoint from './src/checkpoint.js';
export * as describe from './src/describe.js';
export * as folder from './src/folder.js';
export * as host from './src/host.js';
export * as http from './src/http.js';
export * as names from './src/names.js';
export * as slice from './src/slice.js';
export * as time from './src/time.js';
export * as write from './src/write.js';
