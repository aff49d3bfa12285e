// What a plugin imports from the host. `nave plugin build` takes this file; tests take imports_fake.js.
// An interface that manifest.json asks nothing for is not in the plugin: calling it is an error that says so.

import { nowMs } from 'nave:plugin/clock@0.2.0';
import * as folder from 'nave:plugin/folder@0.2.0';
import { send } from 'nave:plugin/http@0.2.0';
import { write as log } from 'nave:plugin/log@0.2.0';
import { get as settings } from 'nave:plugin/settings@0.2.0';
import * as state from 'nave:plugin/state@0.2.0';

export { folder, log, nowMs, send, settings, state };
