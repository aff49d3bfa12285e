//! What Mailchimp tells by webhook: a form that names the audience and a mailbox. A member goes by an id that the form does not have,
//! so that what changed since the last read is asked for; a campaign is named by its own id.

use nave_sdk::prelude::{Event, Failure};

use crate::MEMBERS;

/// The streams that a call is about. Calls about another audience are left out.
pub(crate) fn events(body: &[u8], audience: &str) -> Result<Vec<Event>, Failure> {
    let text = |name: &str| {
        let mut fields = form_urlencoded::parse(body).filter(|(known, _)| known == name);
        fields.next().map(|(_, value)| value.into_owned())
    };
    let kind = text("type").ok_or_else(|| Failure::rejected("other", "the webhook is no form with a `type`"))?;
    if text("data[list_id]").is_none_or(|list| list != audience) {
        return Ok(Vec::new());
    }
    let event = |stream: &str, ids: Option<String>| Event { stream: stream.to_owned(), remote_ids: ids.into_iter().collect() };
    Ok(match kind.as_str() {
        "subscribe" | "unsubscribe" | "profile" | "upemail" | "cleaned" => vec![event(MEMBERS, None)],
        "campaign" => vec![event("campaigns", text("data[id]"))],
        _ => Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, expected: &[(&str, &[&str])]) {
        let found = events(body.as_bytes(), "a1b2").expect("a form");
        let found: Vec<(&str, Vec<&str>)> =
            found.iter().map(|event| (event.stream.as_str(), event.remote_ids.iter().map(String::as_str).collect())).collect();
        let expected: Vec<(&str, Vec<&str>)> = expected.iter().map(|(stream, ids)| (*stream, ids.to_vec())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_form_is_about_the_members_or_a_campaign() {
        for kind in ["subscribe", "unsubscribe", "profile", "upemail", "cleaned"] {
            let form =
                format!("type={kind}&fired_at=2026-11-28+20%3A00%3A00&data%5Blist_id%5D=a1b2&data%5Bemail%5D=ada%40x.test");
            check(&form, &[("members", &[])]);
        }
        check("type=campaign&data[id]=c9&data[list_id]=a1b2&data[status]=sent", &[("campaigns", &["c9"])]);
    }

    #[test]
    fn another_audience_and_other_news_are_nothing() {
        check("type=profile&data%5Blist_id%5D=other", &[]);
        check("type=profile", &[]);
        check("type=weather&data%5Blist_id%5D=a1b2", &[]);
        assert!(events(br#"{"type": "profile"}"#, "a1b2").is_err());
        assert!(events(b"", "a1b2").is_err());
    }
}
