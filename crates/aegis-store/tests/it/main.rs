//! The contract of the store, held against both databases by the same tests.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and a child process talks to its parent by printing"
)]

mod blobs;
mod crash;
mod fixture;
mod group_commit;
mod lanes;
mod migrations;
mod opening;
mod postgres_only;
mod transactions;
mod values;

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
    crash::acknowledged_rows_survive_a_killed_process,
    crash::hooks_stand_on_both_sides_of_the_commit_point,
    lanes::a_lane_runs_in_order_and_its_callbacks_in_commit_order,
    lanes::crossing_pairs_do_not_block_each_other,
    migrations::apply_from_empty_and_then_nothing,
    migrations::refuse_a_changed_text,
    migrations::refuse_a_step_of_a_newer_program,
    migrations::a_failing_step_leaves_the_earlier_ones,
    migrations::the_series_of_the_server_is_current_after_migrate,
    opening::a_second_process_is_refused,
    opening::a_closed_store_says_so_and_gives_the_lock_up,
    opening::reading_only_goes_beside_the_owner_and_refuses_writes,
    opening::what_was_written_is_there_after_reopening,
    opening::jobs_in_the_queue_are_finished_by_close,
    transactions::a_commit_is_seen_by_the_next_read,
    transactions::a_rollback_returns_its_value_and_undoes_the_rest,
    transactions::an_error_undoes_everything,
    transactions::a_swallowed_refusal_still_undoes_everything,
    transactions::a_panic_is_a_fault_and_the_store_lives_on,
    transactions::a_panic_in_a_read_is_a_fault_and_the_store_lives_on,
    transactions::a_read_cannot_write,
    transactions::a_read_sees_one_snapshot,
    transactions::after_commit_runs_before_the_answer_and_may_change_it,
    transactions::concurrent_increments_are_all_counted,
    transactions::write_skew_is_impossible,
    transactions::a_unique_violation_names_the_columns_alike,
    transactions::other_constraints_are_told_apart,
    transactions::a_statement_that_does_not_compile_is_internal,
    transactions::a_cancelled_caller_does_not_cancel_the_write,
    values::every_kind_comes_back_as_it_went,
    values::parameters_may_stand_in_any_order_and_repeat,
    values::a_wrong_number_of_parameters_is_refused,
    values::decoding_is_strict,
    values::the_number_of_rows_is_checked,
    values::a_text_with_a_zero_byte_is_refused,
}

/// Both dialects of the server's series describe the same tables.
#[tokio::test]
async fn both_dialects_yield_the_same_schema() {
    use aegis_testkit::backend::{TestDatabase, tables};
    let mut described = Vec::new();
    for database in [TestDatabase::sqlite(), TestDatabase::postgres()] {
        let store = database.reopen();
        store.migrate().expect("migrate");
        described.push(store.read(tables).await.expect("describe"));
        store.close();
    }
    let [sqlite, postgres] = described.try_into().expect("two");
    assert_eq!(sqlite, postgres);
}
