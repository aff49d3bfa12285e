//! Compiled plugins: each once, one at a time, kept in memory and on disk; what was too much for the compiler is not
//! tried again for a while.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use nave_core::limits::COMPILE_AGAIN_MS;
use nave_core::model::Time;
use nave_runtime::{CacheError, CompileCache, Engine, Plugin, PluginError};

use crate::clock::now;
use crate::vault::{MasterKey, Purpose};

/// Compiled plugins by digest.
pub(super) struct Compiled {
    engine: Engine,
    cache: Option<CompileCache>,
    plugins: Mutex<HashMap<String, Plugin>>,
    refused: Mutex<HashMap<String, (Time, PluginError)>>,
    /// Held while a plugin is compiled.
    compiling: Mutex<()>,
}

impl Compiled {
    /// `cache` keeps compiled code between starts.
    pub(super) fn new(engine: Engine, cache: Option<CompileCache>) -> Self {
        Self { engine, cache, plugins: Mutex::default(), refused: Mutex::default(), compiling: Mutex::default() }
    }

    /// A plugin that is in memory.
    pub(super) fn known(&self, digest: &str) -> Option<Plugin> {
        self.plugins.lock().unwrap_or_else(PoisonError::into_inner).get(digest).cloned()
    }

    /// Compiles, or takes what was compiled. Takes seconds: call it off the async workers.
    pub(super) fn get(&self, digest: &str, bytes: &[u8]) -> Result<Plugin, PluginError> {
        let _one = self.compiling.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody else may have compiled it while this one waited.
        if let Some(known) = self.known(digest) {
            return Ok(known);
        }
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, error)) = refused.get(digest) {
            if now().0 - at.0 < COMPILE_AGAIN_MS {
                return Err(error.clone());
            }
            refused.remove(digest);
        }
        drop(refused);
        let compiled = Plugin::compile(&self.engine, bytes, self.cache.as_ref());
        match &compiled {
            Ok(plugin) => {
                self.plugins.lock().unwrap_or_else(PoisonError::into_inner).insert(digest.to_owned(), plugin.clone());
            }
            Err(error) => {
                tracing::warn!(code = error.code, digest, "a plugin was not compiled: {}", error.message);
                self.refused.lock().unwrap_or_else(PoisonError::into_inner).insert(digest.to_owned(), (now(), error.clone()));
            }
        }
        compiled
    }

    /// A person asks for it anew: what was refused before is tried.
    pub(super) fn forgive(&self, digest: &str) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).remove(digest);
    }
}

/// The folder of compiled code in a data folder; none where it cannot be written.
///
/// # Errors
/// [`CacheError::Unsafe`] where others could have put something there: it would run as this hub.
pub(crate) fn cache_in(data: &Path, master: &MasterKey) -> Result<Option<CompileCache>, CacheError> {
    match CompileCache::open(data.join("compiled"), master.derive(Purpose::CompileCache)) {
        Ok(cache) => Ok(Some(cache)),
        Err(error @ CacheError::Unsafe { .. }) => Err(error),
        Err(error) => {
            tracing::warn!(%error, "compiled code is not cached");
            Ok(None)
        }
    }
}

/// Compiles a plugin that is about to be installed: what does not compile is not put in.
///
/// # Errors
/// [`PluginError`] of the compiler.
pub(crate) fn compile_ahead(cache: Option<&CompileCache>, bytes: &[u8]) -> Result<(), PluginError> {
    Plugin::compile(&Engine::new()?, bytes, cache).map(drop)
}
