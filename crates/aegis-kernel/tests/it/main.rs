//! The pipeline, credentials and the log, held to their contract on both databases by the same tests.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod credentials;
mod fixture;
mod fsck;
mod log;
mod pipeline;
mod witness;

/// Declares each test once per database: `sqlite::x` and `postgres::x` run `module::x`.
macro_rules! on_both {
    ($($module:ident::$test:ident,)*) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $test() {
                crate::$module::$test(&aegis_testkit::backend::TestDatabase::sqlite()).await;
            })*
        }
        mod postgres {
            $(#[tokio::test]
            async fn $test() {
                crate::$module::$test(&aegis_testkit::backend::TestDatabase::postgres()).await;
            })*
        }
    };
}

on_both! {
    credentials::a_rotated_secret_works_until_its_overlap_ends,
    credentials::a_revoked_key_dies_at_once_with_its_tokens,
    credentials::a_key_is_good_where_it_says,
    credentials::a_suspended_organization_may_do_nothing,
    credentials::housekeeping_forgets_what_expired_and_notes_uses,
    credentials::organizations_are_listed_newest_first,
    fsck::a_sound_log_passes,
    fsck::an_altered_row_is_named,
    fsck::a_forged_row_is_named,
    fsck::a_missing_row_is_named,
    fsck::a_waiting_row_is_checked_too,
    fsck::an_altered_tile_is_named,
    fsck::a_missing_tile_is_named,
    fsck::an_altered_checkpoint_is_named,
    fsck::a_checkpoint_of_another_key_is_named,
    log::entries_get_dense_places_in_order,
    log::what_was_committed_before_a_crash_is_integrated_after_it,
    log::proofs_hold_against_the_checkpoint,
    pipeline::a_replay_gives_the_same_bytes,
    pipeline::a_replay_lasts_a_day,
    pipeline::another_request_under_the_key_is_refused,
    pipeline::a_refusal_leaves_nothing,
    pipeline::a_denial_leaves_an_entry,
    pipeline::an_answer_names_entry_and_index,
    pipeline::a_clock_behind_the_log_stops_writes,
    pipeline::a_limit_in_rows_is_exact_under_concurrency,
    pipeline::a_limit_in_memory_is_exact,
    witness::a_log_is_cosigned_forward_only,
}
