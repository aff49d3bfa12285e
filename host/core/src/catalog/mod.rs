//! The whole checked configuration. Text in, [`Catalog`] or all errors at once out.

mod model;

pub use model::{
    Catalog, Clear, Connection, Credential, DeletePolicy, Direction, DuplicatePolicy, Entity, EntityField, FieldMapping,
    FieldType, FlowIn, FlowOut, Hub, ListMapping, LockedPlugin, Mapping, MatchRule, OnLeave, Survivorship, System,
};
