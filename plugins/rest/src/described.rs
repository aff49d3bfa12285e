//! The description that this file carries, and the settings that fill it in.

use std::cell::RefCell;
use std::rc::Rc;

use nave_rest::description::{Description, Stream};
use nave_rest::slot;
use nave_sdk::host;
use nave_sdk::types::Failure;
use serde_json::{Map, Value};

/// Where `nave plugin build` writes the description.
#[used]
static SLOT: [u8; slot::SLOT_BYTES] = slot::empty();

thread_local! {
    /// The description, once it was read: an instance is called many times.
    static READ: RefCell<Option<Rc<Description>>> = const { RefCell::new(None) };
}

/// The description.
pub(crate) fn described() -> Result<Rc<Description>, Failure> {
    if let Some(description) = READ.with_borrow(Clone::clone) {
        return Ok(description);
    }
    // What the compiler sees there is not what will be there.
    let slot: &'static [u8] = std::hint::black_box(&SLOT);
    let text = slot::read(slot).ok_or_else(|| {
        Failure::Misconfigured(
            "this file carries no description: write a rest.toml (`nave plugin new NAME --rest`) and build its folder".to_owned(),
        )
    })?;
    let description = Rc::new(read(text)?);
    READ.set(Some(Rc::clone(&description)));
    Ok(description)
}

fn read(text: &str) -> Result<Description, Failure> {
    nave_rest::parse(text).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        Failure::Misconfigured(format!(
            "the description of this file was made by another release: {}; build it again",
            faults.join("; ")
        ))
    })
}

/// A stream with what stands above it.
pub(crate) struct Of<'d> {
    pub(crate) description: &'d Description,
    pub(crate) stream: &'d Stream,
    pub(crate) settings: Settings,
}

impl<'d> Of<'d> {
    pub(crate) fn new(description: &'d Description, stream: &str) -> Result<Self, Failure> {
        let stream = description.stream(stream).ok_or_else(|| Failure::no_such_stream(stream))?;
        Ok(Self { description, stream, settings: Settings::load(description)? })
    }
}

/// The connection's settings, with defaults.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    given: Map<String, Value>,
}

impl Settings {
    pub(crate) fn load(description: &Description) -> Result<Self, Failure> {
        let mut given: Map<String, Value> = host::settings()?;
        for (name, setting) in description.manifest.get("settings").and_then(Value::as_object).into_iter().flatten() {
            if let Some(default) = setting.get("default").filter(|_| !given.contains_key(name)) {
                given.insert(name.clone(), default.clone());
            }
        }
        Ok(Self { given })
    }

    /// A setting's text; empty where it was not given.
    pub(crate) fn text(&self, name: &str) -> String {
        match self.given.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
            _ => String::new(),
        }
    }
}

#[cfg(test)]
pub(crate) fn use_text(text: &str) {
    READ.set(Some(Rc::new(nave_rest::parse(text).unwrap_or_else(|faults| panic!("{faults:#?}")))));
}
