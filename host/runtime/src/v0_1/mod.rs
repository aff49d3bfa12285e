//! The adapter for `nave:plugin@0.1.0`: its types, and what is of this version alone. The rest is `every`.

#[expect(clippy::duplicate_mod, reason = "one text, for the types of each version")]
#[path = "../every/convert.rs"]
mod convert;
#[expect(clippy::duplicate_mod, reason = "one text, for the types of each version")]
#[path = "../every/host.rs"]
mod host;
#[expect(clippy::duplicate_mod, reason = "one text, for the types of each version")]
#[path = "../every/live.rs"]
mod live;

pub(crate) use live::prepare;

/// As names of imports and exports spell it.
const VERSION: &str = AbiVersion::V0_1.as_str();

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit/v0.1",
        inline: "
            package nave:host;
            /// All that any plugin may import and export; a plugin has a part of it.
            world every {
                include nave:plugin/imports@0.1.0;
                export nave:plugin/source@0.1.0;
                export nave:plugin/destination@0.1.0;
                export nave:plugin/connection@0.1.0;
                export nave:plugin/transform@0.1.0;
            }
        ",
        world: "nave:host/every",
        imports: { default: async | trappable },
        exports: { default: async },
        with: { "nave:plugin/blob.blob": crate::guest::Held },
    });
}

use crate::{contract as c, inspect::AbiVersion};
use bindings::{
    exports::nave::plugin::{self as exports, source},
    nave::plugin as imports,
};

impl From<source::Page> for c::Page {
    fn from(from: source::Page) -> Self {
        Self {
            records: from.records.into_iter().map(Into::into).collect(),
            next: from.next,
            more: from.more,
            complete_scan: from.complete_scan,
            total: None, // its pages cannot say,
        }
    }
}
