//! Every bound of the simulator, unit last, reason beside it.
//!
//! The vendors' own limits are here too: a plugin that ignores one must be refused here as it would be there.

/// Largest request body, bytes. Xero refuses above 3.5 MB, HubSpot near 10 MB; one bound for both.
pub(crate) const REQUEST_BODY_BYTES_MAX: usize = 10 * 1024 * 1024;

/// Requests kept for the control interface, entries. 200,000 entries are about 60 MB; the oldest go first.
pub(crate) const REQUEST_LOG_ENTRIES_MAX: usize = 200_000;

/// HubSpot: objects per list page and inputs per batch, objects.
pub(crate) const CRM_PAGE_OBJECTS_MAX: usize = 100;

/// HubSpot: objects per list page where none is asked for, objects.
pub(crate) const CRM_PAGE_OBJECTS_DEFAULT: usize = 10;

/// HubSpot: objects per search page, objects.
pub(crate) const CRM_SEARCH_PAGE_OBJECTS_MAX: usize = 200;

/// HubSpot: how deep a search can be paged, objects. Beyond it the vendor answers 400.
pub(crate) const CRM_SEARCH_DEPTH_OBJECTS_MAX: usize = 10_000;

/// HubSpot: groups in a search, groups.
pub(crate) const CRM_SEARCH_GROUPS_MAX: usize = 5;

/// HubSpot: filters in one group of a search, filters.
pub(crate) const CRM_SEARCH_FILTERS_MAX: usize = 6;

/// HubSpot: length of a text property, characters.
pub(crate) const CRM_TEXT_CHARS_MAX: usize = 65_536;

/// HubSpot: associations per page, associations.
pub(crate) const CRM_ASSOCIATIONS_PAGE_MAX: usize = 500;

/// Xero: contacts or invoices per page where none is asked for, objects.
pub(crate) const BOOKS_PAGE_OBJECTS_DEFAULT: usize = 100;

/// Xero: contacts or invoices per page, objects.
pub(crate) const BOOKS_PAGE_OBJECTS_MAX: usize = 1_000;

/// Xero: length of an idempotency key, characters.
pub(crate) const BOOKS_IDEMPOTENCY_KEY_CHARS_MAX: usize = 128;

/// Answers remembered under an idempotency key, answers. The oldest are forgotten, as the vendor does after some hours.
pub(crate) const IDEMPOTENCY_ANSWERS_MAX: usize = 10_000;

/// Life of an access token, seconds. Both vendors: thirty minutes.
pub(crate) const ACCESS_TOKEN_SECONDS: i64 = 1_800;

/// Records that may be asked for at start, records. A million people are about 2 GB in memory.
pub(crate) const SEED_RECORDS_MAX: usize = 1_000_000;

/// Entries of one chunk of a sorted index, entries. Inserting moves at most this many; ranking looks at one number per chunk.
pub(crate) const SORTED_CHUNK_ENTRIES_MAX: usize = 1_024;

/// Receivers of webhooks of one system, receivers.
pub(crate) const WEBHOOKS_MAX: usize = 16;

/// How long a receiver of a webhook may take, seconds. Vendors give between one and twelve.
pub(crate) const WEBHOOK_SECONDS_MAX: u64 = 5;

/// How often a webhook that is late looks at the clock, milliseconds.
pub(crate) const WEBHOOK_LATE_STEP_MS: u64 = 20;

/// Longest time of a fault switch, seconds. A year; more is a slip of the pen.
pub(crate) const FAULT_SECONDS_MAX: u64 = 31_536_000;

/// How long an unanswered request is held where the switch does not say, seconds. Longer than clients wait.
pub(crate) const FAULT_TIMEOUT_SECONDS_DEFAULT: u64 = 600;

/// Largest answer of the control interface that its client takes, bytes. The state of a hundred thousand contacts is about 100 MB.
pub(crate) const CONTROL_ANSWER_BYTES_MAX: usize = 1 << 30;

/// Zendesk: objects per page, objects.
pub(crate) const DESK_PAGE_OBJECTS_MAX: usize = 100;

/// Zendesk: objects per page of an incremental export, objects.
pub(crate) const DESK_EXPORT_OBJECTS_MAX: usize = 1_000;

/// Zendesk: objects of one job, objects.
pub(crate) const DESK_JOB_OBJECTS_MAX: usize = 100;

/// Zendesk: an export does not show what changed less than this ago, milliseconds.
pub(crate) const DESK_EXPORT_DELAY_MS: i64 = 60_000;

/// Zendesk: length of an idempotency key, characters.
pub(crate) const DESK_IDEMPOTENCY_KEY_CHARS_MAX: usize = 255;

/// Zendesk: requests a minute, as the headers say; nothing is refused for it without a fault switch.
pub(crate) const DESK_REQUESTS_MINUTE_MAX: u64 = 700;

/// Jobs whose outcome can be asked for, jobs. The oldest are forgotten.
pub(crate) const DESK_JOBS_MAX: usize = 1_000;

/// Mailchimp: objects per page where none is asked for, objects.
pub(crate) const MAIL_PAGE_OBJECTS_DEFAULT: usize = 10;

/// Mailchimp: objects per page, objects.
pub(crate) const MAIL_PAGE_OBJECTS_MAX: usize = 1_000;

/// Mailchimp: members of one batch, objects.
pub(crate) const MAIL_BATCH_OBJECTS_MAX: usize = 500;

/// Mailchimp: length of a merge field's tag, characters.
pub(crate) const MAIL_TAG_CHARS_MAX: usize = 10;
