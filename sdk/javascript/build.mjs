// build.mjs SOURCE WIT WORLD OUTPUT INTERFACE...
//
// `nave plugin build` writes this file into the plugin's target folder and runs it there, with the plugin's own esbuild and
// componentize-js: one file of the source and what it imports, then a component of that. INTERFACE: what the plugin may import of the
// host, by its manifest.

import { componentize } from '@bytecodealliance/componentize-js';
import { build } from 'esbuild';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const [source, witPath, worldName, output, ...interfaces] = process.argv.slice(2);

/** Functions of the interfaces that a manifest may leave out, and what it asks for with them. */
const OPTIONAL = { http: ['endpoints', ['send']], folder: ['folders', ['list', 'read', 'write', 'append', 'remove']] };

/** What the host gives stays an import; what it does not give to this plugin is an error that says so, once it is used. */
const host = {
  name: 'host',
  setup(own) {
    own.onResolve({ filter: /^nave:plugin\// }, ({ path }) => {
      const name = /^nave:plugin\/([a-z]+)@/.exec(path)?.[1];
      if (interfaces.includes(name)) return { path, external: true };
      return name in OPTIONAL ? { path: name, namespace: 'absent' } : { errors: [{ text: `the SDK has no ${path}` }] };
    });
    own.onLoad({ filter: /.*/, namespace: 'absent' }, ({ path }) => {
      const [what, functions] = OPTIONAL[path];
      const no = `() => { throw { tag: 'denied', val: 'manifest.json asks for no ${what}, so this plugin has none' }; }`;
      return { contents: functions.map(name => `export const ${name} = ${no};`).join('\n') };
    });
  },
};

const bundle = join(output, '../plugin.js');
try {
  await build({
    entryPoints: [source], outfile: bundle, bundle: true, format: 'esm', platform: 'neutral', mainFields: ['module', 'main'],
    conditions: ['nave-plugin'], target: 'es2022', legalComments: 'none', logLevel: 'warning', plugins: [host],
  });
} catch {
  // esbuild has said what is wrong, and where.
  process.exit(1);
}

const { component } = await componentize({
  sourcePath: bundle,
  witPath,
  worldName,
  // What these would import of WASI, files among it, no plugin is given. Clocks and random numbers are among what the host has for
  // every plugin: coarse, and with a fixed seed.
  disableFeatures: ['stdio', 'http', 'fetch-event'],
});
await writeFile(output, component);
