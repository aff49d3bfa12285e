//! Every bound of the hub, in one place: unit last in the name, reason beside it.

/// Largest plugin file. JavaScript and Python guests carry their interpreter (8 to 40 MB).
pub const PLUGIN_SIZE_BYTES_MAX: u64 = 64 << 20;
/// Largest manifest section: room for settings and starter mappings, cheap to parse.
pub const MANIFEST_SIZE_BYTES_MAX: usize = 64 << 10;
/// Linear memory of one guest instance: Python needs about 40 MB to start.
pub const GUEST_MEMORY_BYTES_MAX: usize = 128 << 20;
/// Elements in one guest table: interpreters have tens of thousands of functions.
pub const GUEST_TABLE_ELEMENTS_MAX: usize = 200_000;
/// Core instances, memories and tables inside one component.
pub const GUEST_INSTANCES_MAX: usize = 64;
/// Guest code running without a host call, before it is interrupted.
pub const GUEST_CPU_MS_MAX: u64 = 10_000;
/// One guest call from start to end, waiting for the network included.
pub const GUEST_CALL_MS_MAX: u64 = 120_000;
/// Code of a transform in one call, for at most [`TRANSFORM_BATCH_ROWS`] rows: a thousand times what a phone number takes. A row
/// that loops costs this once per halving.
pub const TRANSFORM_CPU_MS_MAX: u64 = 1_000;
/// Rows in one call of a transform: from a hundred on a call costs nothing beside its rows, and a row that breaks the
/// function is alone after ten halvings.
pub const TRANSFORM_BATCH_ROWS: usize = 1_000;
/// Calls of one function that fail within a page before the flow stops: it is the plugin that is broken. At a second each,
/// three minutes; enough for about twenty bad rows.
pub const TRANSFORM_FAILED_CALLS_MAX: usize = 200;
/// Memory of all guests of a hub together: thirty-two that take all that one may, or hundreds of the usual size.
pub const GUESTS_MEMORY_BYTES_MAX: usize = 4 << 30;
/// Processor time for compiling a plugin: a connector in Rust takes one to three seconds, a bomb of 200 kB minutes.
pub const COMPILE_CPU_S_MAX: u64 = 20;
/// And for each MiB of its file on top: one that carries an interpreter has thirty.
pub const COMPILE_CPU_S_PER_MIB: u64 = 4;
/// From the start of the compiler to its end, against one that waits for ever: five times the processor time, as a machine may have much
/// else to do (at load 8 on two cores, 48 seconds were not enough for a connector of 2 MiB).
pub const COMPILE_WALL_S_MAX: u64 = 5 * COMPILE_CPU_S_MAX;
/// And for each MiB of the file.
pub const COMPILE_WALL_S_PER_MIB: u64 = 5 * COMPILE_CPU_S_PER_MIB;
/// Address space of the compiler.
pub const COMPILE_MEMORY_BYTES_MAX: u64 = 1 << 30;
/// And for each MiB of the file.
pub const COMPILE_MEMORY_BYTES_PER_MIB: u64 = 32 << 20;
/// A plugin that was too much for the compiler is not tried again before, so that its flows cost nobody a core.
pub const COMPILE_AGAIN_MS: i64 = 600_000;
/// Epoch tick: the precision of deadlines.
pub const EPOCH_TICK_MS: u64 = 10;
/// Bytes that one host call may move between host and guest.
pub const HOSTCALL_BYTES_MAX: usize = 64 << 20;
/// Host calls within one guest call: more is a flood.
pub const HOST_CALLS_PER_CALL_MAX: u64 = 1_000_000;
/// HTTP requests within one guest call.
pub const HTTP_REQUESTS_PER_CALL_MAX: u64 = 5_000;
/// Open handles (blobs) per instance.
pub const GUEST_HANDLES_MAX: usize = 64;
/// One log line of a guest; longer ones are cut.
pub const GUEST_LOG_LINE_BYTES_MAX: usize = 8 << 10;
/// Log lines of a guest per call; the rest is counted and dropped.
pub const GUEST_LOG_LINES_PER_CALL_MAX: u64 = 1_000;
/// Log lines of one connection's plugin in an hour, of all its calls and runs together: more is not read by anybody.
pub const GUEST_LOG_LINES_PER_HOUR_MAX: u64 = 10_000;
/// And their bytes: what a disk takes for a week of a plugin that never stops.
pub const GUEST_LOG_BYTES_PER_HOUR_MAX: u64 = 8 << 20;
/// State of a plugin per stream, keys and values.
pub const GUEST_STATE_BYTES_MAX: usize = 1 << 20;
/// Entries of that state per stream: all are looked at when one is set.
pub const GUEST_STATE_ENTRIES_MAX: usize = 1_000;

/// Records in one page: bounds the memory of a page together with its bytes.
pub const PAGE_RECORDS_MAX: usize = 10_000;
/// Records that the hub asks for in one page: all that it is mapped to is in memory at once, and in the processor's cache
/// where it is small.
pub const PAGE_RECORDS: u32 = 500;
/// Bytes of one source record's body.
pub const RECORD_BYTES_MAX: usize = 4 << 20;
/// Deletions that one run carries on to other systems by itself; a person is asked about each one more (I11).
pub const DELETIONS_CARRIED_MAX: usize = 10;
/// New things of a flow in a day below which nothing is held, where its flow does not say: what one person types in a day.
pub const HOLD_NEW_ABOVE: u64 = 50;
/// Writes of the same value to one field of one thing, each after something else was put there, before it is frozen and a person
/// is asked: more than somebody who insists, less than a night of a loop.
pub const FREEZE_AFTER_SAME: usize = 6;
/// And of any values: more than two people who correct each other.
pub const FREEZE_AFTER_ANY: usize = 24;
/// Within this time.
pub const FREEZE_WITHIN_MS: i64 = 24 * 3_600_000;
/// Writes whose before-images are kept: enough to take back a first sync of most systems (about 100 MB of rows). The newest run's
/// are kept whole, whatever their number.
pub const BEFORE_IMAGES_MAX: u64 = 200_000;
/// And for so long: a mistake that nobody saw for a month is put right by hand, among a month of other people's edits.
pub const BEFORE_IMAGE_MS_MAX: i64 = 30 * 24 * 3_600_000;
/// Times that the hub noted how far a system's clock is off: years of a clock that is put right now and then, a hundred of one that
/// wanders.
pub const CLOCK_NOTES_MAX: usize = 100;
/// Test runs that are kept: a nightly suite for more than a year.
pub const TEST_RUNS_MAX: usize = 500;
/// Assessments that are kept of a connection: enough to see whether a system got slower over the months.
pub const ASSESSMENTS_MAX: usize = 50;
/// Streams that one assessment reads: more than any connector has today.
pub const ASSESSED_STREAMS_MAX: usize = 40;
/// Pages that an assessment reads of a stream for its latency: each counts against the account's budget.
pub const ASSESSED_PAGES_MAX: usize = 8;
/// Pages read to see whether a listing shows a test record, in one look: a longer listing is not searched.
pub const ASSESSED_LISTING_PAGES_MAX: usize = 40;
/// Pages in a row without a record that a run reads while the source says that there is more: at half a second each, eight minutes.
/// What is behind them the next run comes to.
pub const EMPTY_PAGES_MAX: usize = 1_000;
/// Calls in a second that may come to one webhook; more are asked to come again.
pub const HOOK_CALLS_PER_SECOND_MAX: u64 = 200;
/// Calls that may come at once after a silence: what a bulk change over there tells of.
pub const HOOK_CALLS_BURST_MAX: u64 = 2_000;
/// Places that calls are counted in, by the name that they come under: a flood under one name takes another's calls away once in so many.
pub const HOOK_RATES: usize = 1_024;
/// Things in one sample of real data: masked in memory, and sent as one answer.
pub const SAMPLE_RECORDS_MAX: usize = 20_000;
/// Pages that a sample of a stream is drawn from: each is a call to the system.
pub const SAMPLE_STREAM_PAGES_MAX: usize = 100;
/// Writes noted of one flow in shadow mode: more than anybody looks through, and 50 MB at most.
pub const SHADOW_WRITES_MAX: u64 = 50_000;
/// How long a thing may go unverified, where its flow does not say: a month's drift is still put right by people who remember it.
pub const VERIFY_EVERY_MS: u64 = 30 * 24 * 3_600_000;
/// Things of one flow read back in an hour, however many there are: two calls in a second would not be noticed by the system, and
/// 3 million things are still seen within a month.
pub const VERIFY_PER_HOUR_MAX: usize = 5_000;
/// And at least so many, where there are so many: a small flow is through in a day.
pub const VERIFY_PER_HOUR_MIN: usize = 20;
/// Nesting of a JSON body: deeper is refused before it can exhaust the stack.
pub const JSON_DEPTH_MAX: usize = 128;
/// Fields in one body.
pub const RECORD_FIELDS_MAX: usize = 10_000;
/// Elements of one mapped list.
pub const LIST_ELEMENTS_MAX: usize = 1_000;
/// Checkpoint of a source.
pub const CHECKPOINT_BYTES_MAX: usize = 64 << 10;
/// Body kept with a dead letter; enough to see what was wrong.
pub const DEAD_LETTER_BODY_BYTES_MAX: usize = 64 << 10;
/// Candidates of one match key: a key shared by more says nothing (a switchboard's number).
pub const MATCH_CANDIDATES_MAX: usize = 50;

/// Things of one stream that wait because each may be what a lost create made: more than a person can look through.
pub const HELD_CANDIDATES_MAX: usize = 1_000;

/// Whole answer of one HTTP call in memory; larger ones go through a blob.
pub const HTTP_BODY_BYTES_MAX: usize = 32 << 20;
/// Header block of an answer.
pub const HTTP_HEADER_BYTES_MAX: usize = 64 << 10;
/// Headers of an answer.
pub const HTTP_HEADERS_MAX: usize = 200;
/// Request headers that a guest may set.
pub const HTTP_REQUEST_HEADERS_MAX: usize = 64;
/// Name look-up and connection together.
pub const HTTP_CONNECT_MS_MAX: u64 = 10_000;
/// Time until the answer's head is complete.
pub const HTTP_HEAD_MS_MAX: u64 = 30_000;
/// Silence between two pieces of a body.
pub const HTTP_IDLE_MS_MAX: u64 = 30_000;
/// One call from start to end.
pub const HTTP_TOTAL_MS_MAX: u64 = 110_000;
/// Connections of one connection's plugin at a time.
pub const HTTP_CONNECTIONS_MAX: usize = 8;
/// Calls in a row that a system does not answer before nothing more is sent to it for a while: one or two are a bad moment.
pub const BREAKER_FAILED_CALLS: u32 = 3;
/// A clock that is off by less is taken for right: a `Date` says whole seconds, and an answer takes its time.
pub const SKEW_MS_MIN: i64 = 5_000;
/// Longest wait that a system can impose with Retry-After.
pub const RETRY_AFTER_MS_MAX: u64 = 3_600_000;
/// How long a merge waits for a system without getting any further before it is a person's task, milliseconds: longer than the whole
/// ladder of tries and than any wait a system can ask for, shorter than a shift.
pub const MERGE_WAIT_MS_MAX: i64 = 2 * 3_600_000;

/// Mapping expression text.
pub const EXPRESSION_BYTES_MAX: usize = 4 << 10;
/// Nesting of a mapping expression.
pub const EXPRESSION_DEPTH_MAX: usize = 32;
/// Text made by a mapping operation.
pub const MAPPED_TEXT_BYTES_MAX: usize = 1 << 20;
/// A pattern of a mapping, once it is compiled: a hundred letters of any script fit, a repetition of repetitions does not.
pub const PATTERN_COMPILED_BYTES_MAX: usize = 1 << 20;
/// One configuration file.
pub const CONFIG_FILE_BYTES_MAX: u64 = 1 << 20;

/// Cache of the store; the operating system's page cache does the rest. Taking records in is no quicker with 64 MB, measured.
pub const STORE_CACHE_BYTES: usize = 8 << 20;
/// Source records per group of pages that waits for the disk together.
pub const COMMIT_RECORDS_MAX: usize = 10_000;
/// The same, in time: a slow source's pages are not kept waiting.
pub const COMMIT_GROUP_MS_MAX: i64 = 1_000;
/// Dirty entries looked at in one round of a delivery run.
pub const DELIVERY_ROUND_RECORDS: usize = 500;
/// A merge of index runs holds the writer no longer than this at a time.
pub const INDEX_MERGE_STEP_MS: u64 = 2;

/// An answer kept in a file instead of memory: exports and attachments of business systems fit, a disk does not fill.
pub const HTTP_BLOB_BYTES_MAX: u64 = 1 << 30;
/// Bytes of all HTTP bodies of one run, out and in: twice the largest blob.
pub const HTTP_BYTES_PER_RUN_MAX: u64 = 2 << 30;
/// An unused connection is kept this long: most servers and firewalls keep theirs longer.
pub const HTTP_POOL_IDLE_MS_MAX: u64 = 30_000;
/// A write takes only a connection that was used this recently; an older one may just be closing at the other end,
/// and then nobody could tell whether the write was done.
pub const HTTP_POOL_WRITE_IDLE_MS_MAX: u64 = 1_000;
/// A connection is not used longer than this, so that a name which moves is followed.
pub const HTTP_POOL_LIFE_MS_MAX: u64 = 300_000;
/// Answer of a token or log-in call.
pub const TOKEN_ANSWER_BYTES_MAX: usize = 64 << 10;
/// Life assumed of a token whose answer does not say, or says nonsense.
pub const TOKEN_LIFE_MS: u64 = 300_000;
/// A token is renewed at the latest after this time.
pub const TOKEN_LIFE_MS_MAX: u64 = 86_400_000;
/// After a refused log-in the same secret is not tried again for this long: accounts lock.
pub const LOGIN_REFUSED_MS: u64 = 300_000;
/// After a renewal of a token that came to nothing: the first wait, doubled with every further one.
pub const RENEWAL_WAIT_MS: u64 = 1_000;
/// As far as it doubles.
pub const RENEWAL_WAIT_MS_MAX: u64 = 300_000;
/// A sign-in by a person that was begun is over after this time: they read, log in over there, and agree.
pub const SIGN_IN_MS: u64 = 600_000;
/// Sign-ins by people that are under way at a time.
pub const SIGN_INS_MAX: usize = 32;
/// Shortest time between two questions whether a person has agreed on another device, as the standard has it.
pub const DEVICE_INTERVAL_MS: u64 = 5_000;
/// One secret in the vault: a private key with its chain fits.
pub const SECRET_BYTES_MAX: usize = 64 << 10;
/// A value that is fetched from elsewhere is held for so long where whoever gave it says nothing.
pub const REFERENCE_HOLD_MS: u64 = 300_000;
/// As long at most, where it has no lease of its own: what was changed at its place is seen after that.
pub const REFERENCE_HOLD_MS_MAX: u64 = 3_600_000;
/// Longest lease that is believed: 32 days, what vaults give by default.
pub const LEASE_LIFE_MS_MAX: u64 = 2_764_800_000;
/// After a value could not be fetched it is not asked for again for this long.
pub const REFERENCE_RETRY_MS: u64 = 5_000;
/// A value that its system refuses is fetched anew at most once in this time.
pub const REFERENCE_REFETCH_MS: u64 = 5_000;
/// The hub signs in at a vault anew at most once in this time, however many secrets it is refused there; twice as long after each
/// log-in that did not help.
pub const VAULT_SIGN_IN_MS: u64 = 5_000;
/// As far as that doubles: a policy that somebody mends counts after it.
pub const VAULT_SIGN_IN_MS_MAX: u64 = 60_000;
/// For so long a hub that ends waits for vaults to end its leases.
pub const LEASE_END_MS_MAX: u64 = 3_000;
/// A lease that was replaced is ended at the vault when no call uses it any more; looked at this often, for so long at most.
pub const LEASE_RELEASE_LOOK_MS: u64 = 1_000;
/// After this it ends by itself: a call has no more time than that.
pub const LEASE_RELEASE_MS_MAX: u64 = 600_000;
/// Shorter secrets and passwords are not looked for in answers: `admin` is also a word of the data.
pub const SCRUB_BYTES_MIN: usize = 6;
/// Secrets and tokens of one connection that are looked for in answers, replaced ones included.
pub const SCRUB_SECRETS_MAX: usize = 64;
/// Different denials of one connection that are audited per run; the rest is counted.
pub const AUDIT_DENIALS_PER_RUN_MAX: usize = 100;
/// Changes of one record that are looked through for what a field held before: years of a record that is edited every day.
pub const CORRECTION_CHANGES_MAX: usize = 10_000;
/// Records that refer to one that are looked through for copies of an old value: the invoices of the largest customer of most
/// companies. Each is compared as before a delivery; what is left out is counted.
pub const CORRECTION_DOCUMENTS_MAX: usize = 10_000;
/// Changes of one record that are gone through for what it was at a time: a change every quarter of an hour for nearly three years, a
/// second of reading. Beyond them the history is told from its newest end.
pub const PAST_CHANGES_MAX: usize = 100_000;
/// Source records that do not fit and are kept of one flow: their ids are in memory (10 MB) while it runs. More are dead letters.
pub const ARCHIVED_MAX: usize = 100_000;
