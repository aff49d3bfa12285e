//! Whether what `discover` says of streams fits together.

use std::collections::BTreeSet;

use crate::catalog::StreamInfo;

/// What is wrong with them, a sentence each. `writes`: the plugin exports `destination`.
pub fn faults(streams: &[StreamInfo], writes: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    let names: BTreeSet<&str> = streams.iter().map(|stream| stream.name.as_str()).collect();
    for stream in streams {
        let mut paths = BTreeSet::new();
        let mut say = |text: String| wrong.push(format!("{}: {text}", stream.name));
        for field in &stream.fields {
            let path = field.path.as_str();
            if path.is_empty() || path.split('.').any(str::is_empty) {
                say(format!("a field has the path {path:?}"));
            }
            if !paths.insert(path) {
                say(format!("two fields have the path {path}"));
            }
            if field.required && field.read_only {
                say(format!("{path} must be given and cannot be written"));
            }
            if let Some(target) = field.target.as_deref().filter(|target| !names.contains(target)) {
                say(format!("{path} refers to the stream {target}, which is not there"));
            }
            if field.max_length == Some(0) {
                say(format!("{path} has room for no character"));
            }
        }
        let can = &stream.capabilities;
        for (what, listed) in [("searchable", &can.searchable), ("upsert-by", &can.upsert_by)] {
            for path in listed.iter().filter(|path| !paths.is_empty() && !paths.contains(path.as_str())) {
                say(format!("`{what}` names {path}, which is no field"));
            }
        }
        for (what, is) in [
            ("deletable", can.deletable),
            ("mergeable", can.mergeable),
            ("idempotency-key", can.idempotency_key),
            ("conditional-write", can.conditional_write),
            ("upsert-by", !can.upsert_by.is_empty()),
        ] {
            if is && !can.writable {
                say(format!("it is `{what}` and not writable"));
            }
        }
        if can.writable && !writes {
            say("it is writable, and the plugin exports no `destination`".to_owned());
        }
        if !can.readable && !can.writable {
            say("it can neither be read nor written".to_owned());
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Capabilities, FieldInfo};

    #[track_caller]
    fn check(change: impl FnOnce(&mut StreamInfo), said: &str) {
        let field = |path: &str| FieldInfo { path: path.to_owned(), ..FieldInfo::default() };
        let can = Capabilities { readable: true, writable: true, searchable: vec!["a".to_owned()], ..Capabilities::default() };
        let mut stream = StreamInfo {
            name: "s".to_owned(),
            fields: vec![field("a"), field("b.c")],
            capabilities: can,
            ..StreamInfo::default()
        };
        assert_eq!(faults(std::slice::from_ref(&stream), true), Vec::<String>::new());
        change(&mut stream);
        let found = faults(&[stream], true);
        assert!(found.len() == 1 && found[0].contains(said), "{said}: {found:?}");
    }

    #[test]
    fn what_does_not_fit_together_is_named() {
        check(|stream| stream.fields[1].path = "a".into(), "two fields");
        check(|stream| stream.fields[1].path = "b..c".into(), "a field has the path");
        check(|stream| stream.fields[1].target = Some("gone".into()), "refers to the stream gone");
        check(|stream| stream.capabilities.searchable = vec!["x".into()], "`searchable` names x");
        check(|stream| stream.capabilities.upsert_by = vec!["x".into()], "`upsert-by` names x");
        check(|stream| stream.fields[0].max_length = Some(0), "no character");
        check(|stream| (stream.fields[0].required, stream.fields[0].read_only) = (true, true), "must be given");
        check(|stream| (stream.capabilities.writable, stream.capabilities.deletable) = (false, true), "and not writable");
    }
}
