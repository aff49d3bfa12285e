// The same names as imports.js, answered by the fake host of the running test (testing.js).

let current;

/** Runs code under a host. */
export function under(host, code) {
  if (current) throw new Error('a fake host runs already');
  current = host;
  try {
    return code();
  } finally {
    current = undefined;
  }
}

function host() {
  if (!current) throw new Error('plugin code in a test runs under `new FakeHost().run(() => …)` of the SDK\'s testing.js');
  return current;
}

export const nowMs = () => host().nowMs();
export const send = (endpoint, request) => host().send(endpoint, request);
export const log = (level, message) => host().write(level, message);
export const settings = () => host().settingsText;
export const state = { get: key => host().state.get(key), set: (key, value) => void host().state.set(key, value) };
export const folder = {
  list: name => host().list(name),
  read: (name, file, offset, length) => host().read(name, file, offset, length),
  write: (name, file, content) => host().put(name, file, content),
  append: (name, file, content) => host().append(name, file, content),
  remove: (name, file) => host().remove(name, file),
};
