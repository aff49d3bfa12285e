//! Calls of transform plugins' functions: in bounded batches, and a row that breaks the function stands alone.

use std::ops::Range;

use nave_core::catalog::{Catalog, Mapping};
use nave_core::limits::{TRANSFORM_BATCH_ROWS, TRANSFORM_FAILED_CALLS_MAX};
use nave_core::mapping::{Env, MapError};
use nave_core::value::Value;

use super::take::{Incoming, IncomingKind};
use super::{Engine, EngineError};
use crate::spoke::{SpokeError, Transforms};

impl Engine {
    /// A mapping that calls a function which cannot be had is held, before anything is read or sent for it.
    pub(super) fn functions_ready(&self, mapping: &Mapping) -> Result<(), EngineError> {
        if mapping.externals.is_empty() {
            return Ok(());
        }
        let transforms = self.spokes.transforms();
        let spoke = |call: &str, error| EngineError::Spoke(call.to_owned(), error);
        mapping
            .externals
            .iter()
            .try_for_each(|call| transforms.ready(&call.function).map_err(|error| spoke(&call.function, error)))
    }

    /// Results of transform plugins' functions.
    pub(super) async fn externals(&self, catalog: &Catalog, mapping: &Mapping, page: &mut [Incoming]) -> Result<(), EngineError> {
        if mapping.externals.is_empty() {
            return Ok(());
        }
        let read = page.iter().filter_map(|incoming| match &incoming.kind {
            IncomingKind::Upsert { pulled, .. } => Some(&pulled.body),
            _ => None,
        });
        let bodies: Vec<&Value> = read.collect();
        let region = catalog.hub.region.as_deref();
        let found = results(self.spokes.transforms().as_ref(), mapping, region, &bodies)
            .await
            .map_err(|(function, error)| EngineError::Spoke(function, error))?;
        let places = page.iter_mut().filter_map(|incoming| match &mut incoming.kind {
            IncomingKind::Upsert { externals, .. } => Some(externals),
            _ => None,
        });
        places.zip(found).for_each(|(place, found)| *place = found);
        Ok(())
    }
}

/// Results of a mapping's calls for each of these bodies, in the order of the calls.
///
/// # Errors
/// The function that cannot be called, and why.
pub(crate) async fn results<B: std::borrow::Borrow<Value> + Sync>(
    transforms: &dyn Transforms,
    mapping: &Mapping,
    region: Option<&str>,
    bodies: &[B],
) -> Result<Vec<Vec<Result<Value, MapError>>>, (String, SpokeError)> {
    let mut found: Vec<Vec<Result<Value, MapError>>> = vec![Vec::new(); bodies.len()];
    for external in &mapping.externals {
        let (mut rows, mut targets) = (Vec::new(), Vec::new());
        for (index, (body, externals)) in bodies.iter().zip(&mut found).enumerate() {
            let env = Env { body: body.borrow(), externals, connection: &mapping.connection, region };
            match external.arguments.iter().map(|argument| argument.evaluate(&env)).collect::<Result<Vec<Value>, _>>() {
                Ok(arguments) => {
                    rows.push(arguments);
                    targets.push(index);
                }
                Err(error) => externals.push(Err(error)),
            }
        }
        let results = apply(transforms, &external.function, &rows).await.map_err(|error| (external.function.clone(), error))?;
        for (index, result) in targets.into_iter().zip(results) {
            found[index].push(result);
        }
    }
    Ok(found)
}

/// Applies a function to rows of arguments: one result per row, in order. Rows of a call that fails are called again in
/// halves, until the one that broke it stands alone: its result is what the plugin broke with. The same rows always give
/// the same results.
///
/// # Errors
/// [`SpokeError`] where the function cannot be called, or where so many calls fail that it is the plugin that is broken.
async fn apply(
    transforms: &dyn Transforms,
    function: &str,
    rows: &[Vec<Value>],
) -> Result<Vec<Result<Value, MapError>>, SpokeError> {
    let mut results = Vec::with_capacity(rows.len());
    // What is still to be called, the first rows last.
    let mut ranges: Vec<Range<usize>> = (0..rows.len())
        .step_by(TRANSFORM_BATCH_ROWS)
        .map(|start| start..rows.len().min(start + TRANSFORM_BATCH_ROWS))
        .rev()
        .collect();
    let mut failed = 0;
    while let Some(range) = ranges.pop() {
        match transforms.call(function.to_owned(), rows[range.clone()].to_vec()).await {
            Ok(found) if found.len() == range.len() => results.extend(found),
            Ok(found) => return Err(SpokeError::Guest(format!("{} results for {} rows", found.len(), range.len()))),
            Err(SpokeError::Guest(why)) if failed < TRANSFORM_FAILED_CALLS_MAX => {
                failed += 1;
                if range.len() == 1 {
                    results.push(Err(MapError::new("external", why)));
                } else {
                    let middle = range.start + range.len() / 2;
                    ranges.push(middle..range.end);
                    ranges.push(range.start..middle);
                }
            }
            Err(SpokeError::Guest(why)) => {
                let why = format!("{why} ({failed} calls failed before this one; the function is broken for too many records)");
                return Err(SpokeError::Guest(why));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(results)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::spoke::BoxFuture;

    /// Shouts, and is broken by some words.
    #[derive(Default)]
    struct Shout {
        calls: Mutex<Vec<usize>>,
    }

    impl Transforms for Shout {
        fn call(
            &self,
            _function: String,
            rows: Vec<Vec<Value>>,
        ) -> BoxFuture<'_, Result<Vec<Result<Value, MapError>>, SpokeError>> {
            self.calls.lock().unwrap().push(rows.len());
            let words: Vec<String> = rows.iter().map(|row| row[0].display()).collect();
            Box::pin(async move {
                if words.iter().any(|word| word == "panic") {
                    return Err(SpokeError::Guest("the plugin crashed".into()));
                }
                Ok(words.iter().map(|word| Ok(Value::text(word.to_uppercase()))).collect())
            })
        }
    }

    fn check(rows: usize, bad: &[usize], calls_max: usize) -> Result<(), SpokeError> {
        let text = |row: usize| if bad.contains(&row) { "panic".to_owned() } else { format!("row {row}") };
        let rows: Vec<Vec<Value>> = (0..rows).map(|row| vec![Value::text(text(row))]).collect();
        let shout = Shout::default();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let results = runtime.block_on(apply(&shout, "shout", &rows))?;
        assert_eq!(results.len(), rows.len());
        for (row, result) in results.iter().enumerate() {
            match result {
                Ok(value) => assert_eq!((value.display(), bad.contains(&row)), (text(row).to_uppercase(), false)),
                Err(error) => assert_eq!(
                    (error.class, error.message.as_str(), bad.contains(&row)),
                    ("external", "the plugin crashed", true)
                ),
            }
        }
        let calls = shout.calls.lock().unwrap();
        assert!(calls.len() <= calls_max, "{calls:?}");
        assert!(calls.iter().all(|rows| *rows <= TRANSFORM_BATCH_ROWS));
        Ok(())
    }

    #[test]
    fn a_row_that_breaks_the_function_stands_alone() {
        check(0, &[], 0).unwrap();
        check(2_500, &[], 3).unwrap();
        check(1, &[0], 1).unwrap();
        check(1_000, &[0], 22).unwrap();
        check(1_000, &[999], 22).unwrap();
        check(2_500, &[3, 4, 1_700, 2_499], 90).unwrap();
    }

    #[test]
    fn a_function_that_is_always_broken_is_not_called_for_ever() {
        let all: Vec<usize> = (0..1_000).collect();
        let error = check(1_000, &all, 0).unwrap_err();
        assert!(matches!(&error, SpokeError::Guest(why) if why.contains("too many records")), "{error}");
    }
}
