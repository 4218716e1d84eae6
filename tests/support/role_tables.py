"""Who may call which service function and open which page, typed by hand: what the code must do."""

from __future__ import annotations

ALL = ("viewer", "analyst", "privacy_officer", "administrator", "clinician", "engineer")
ROWS = ("analyst", "clinician", "engineer")
NOBODY_YET: tuple[str, ...] = ()
"""Functions that are called before sign-in and return nothing of the lake's data."""

FUNCTIONS: dict[tuple[str, ...], str] = {
    NOBODY_YET: """
        core.sign_in.read_balancer_key
        core.sign_in.read_keys
        people.service.with_roles
    """,
    ALL: """
        athena.client.published_release_id
        athena.client.release_table
        athena.client.run_query
        audit.service.record
        audit.service.record_sign_in
        audit.service.recorded
        batches.retirement.retired
        batches.service.ids
        batches.service.synthetic
        core.room.check
        lake.purge.certificate
        core.numbers.number
        dashboards.in_memory.read_dataset
        dashboards.profile.of
        dashboards.shared_notes.all_annotations
        dashboards.shared_notes.remove_view
        dashboards.shared_notes.save_view
        dashboards.shared_notes.view
        dashboards.shared_notes.views
        ui.cache.chart_annotations
        ui.cache.saved_views
        dashboards.profile.statement
        quality.results.audit
        quality.results.ended_results
        quality.results.history
        quality.results.reconciliation
        quality.results.results
        releases.service.check_approved
        releases.service.check_files
        releases.service.check_parent
        releases.service.file_problems
        releases.service.signed_or_published
        releases.service.current
        releases.service.find
        releases.service.get
        releases.service.ids
        releases.service.is_synthetic
        releases.service.readable
        releases.service.sees_exact
        releases.signatures.fingerprint
        releases.signatures.version
        reviews.entry.verified
        reviews.read_model.log
        reviews.read_model.of_run
        runs.schedule.find
        runs.schedule.get
        runs.schedule.subscriptions
        runs.service.list_runs
        runs.service.newest_first
        runs.service.running
        ui.cache.decision
        ui.cache.past_results
        ui.cache.received
        ui.cache.recent_runs
        ui.cache.reconciliation
        ui.cache.results
    """,
    ROWS: """
        athena.sql_queries.cancel
        athena.estimates.estimate_scan
        athena.outcomes.unsupported
        athena.sql_queries.fetch_result
        athena.sql_queries.get
        athena.sql_queries.history
        athena.sql_queries.list_saved
        athena.sql_queries.remove
        athena.sql_queries.run
        athena.sql_queries.safe_to_share
        athena.sql_queries.save
        athena.sql_queries.start
        athena.sql_queries.validate
        athena.sql_queries.wait
        batches.lifecycle.get
        batches.lifecycle.list_states
        batches.service.list_batches
        core.pseudonyms.labels
        dashboards.query_builder.rows
        dashboards.shared_notes.annotate
        reviews.open_findings.of_release
        ui.cache.open_findings
        dashboards.shared_notes.remove_annotation
        quality.results.failing_query
        quality.results.failing_rows
        quality.results.quarantined_rows
        quality.results.stored_rows
        releases.service.list_releases
        reviews.commands.answer
        reviews.notifications.notify_assignee
        reviews.entry.append_event
        runs.alerts.now
        runs.execution_events.read
        runs.executions.arn
        runs.executions.ending
        runs.executions.first_start
        runs.executions.newest
        runs.history.compare
        runs.history.gold_rows
        runs.history.recent
        runs.history.search
        runs.job_runs.log_lines
        runs.job_runs.of_run
        runs.job_runs.since
        runs.schedule.send_test
        runs.schedule.subscribe
        runs.schedule.unsubscribe
        runs.service.get
        runs.service.plan
        runs.service.wait
        runs.without_history.of_plan
        runs.without_history.plan
        ui.cache._ending
        ui.cache.alerts
        ui.cache.audit
        ui.cache.batch_states
        ui.cache.failing_rows
        ui.cache.gold_rows
        ui.cache.history
        ui.cache.log_tail
        ui.cache.quarantined_rows
        ui.cache.rows_so_far
        ui.cache.rule_results
        ui.cache.run
        ui.cache.search
        ui.cache.whole_log
        reviews.sign_off.outstanding
    """,
    ("clinician",): """
        core.pseudonyms.labels_of_either
        quality.patient_timeline.of_record
        quality.results.identified_rows
        releases.service.publish_approved
        people.service.assignees
        reviews.bulk.decide
        reviews.commands.accept
        reviews.commands.accept_rows
        reviews.commands.assign
        reviews.commands.close
        reviews.commands.dismiss
        reviews.commands.open_query
        reviews.commands.reject
        reviews.commands.reopen
        reviews.commands.unmask
        reviews.commands.withdraw
        reviews.commands.withdraw_rows
        reviews.sign_off.sign
    """,
    ("privacy_officer",): """
        audit.service.search
        lake.purge.approve
    """,
    ("administrator",): """
        people.service.end_deputy
        people.service.grant
        people.service.list_people
        people.service.name_deputy
        people.service.revoke
    """,
    ("engineer",): """
        batches.imports.acknowledge
        batches.mapping.service.check
        batches.mapping.service.steps
        batches.mapping.service.to_map
        batches.mapping.store.approve
        batches.mapping.store.for_header
        batches.mapping.store.get
        batches.mapping.store.list_all
        batches.mapping.store.most_alike
        batches.mapping.store.save
        batches.mapping.store.withdraw
        batches.mapping.use.with_mappings
        batches.imports.current
        batches.imports.start
        batches.incoming.receive
        batches.preview.contents
        batches.preview.preview
        batches.preview.undecodable_values
        batches.lifecycle.reprocess
        batches.retirement.check_usable
        batches.retirement.retire
        batches.samples.acknowledge
        batches.samples.as_zip
        batches.samples.cancel_job
        batches.samples.create
        batches.samples.current
        batches.samples.ground_truth
        batches.samples.job
        batches.samples.job_state
        batches.samples.start
        batches.samples.start_job
        batches.service.import_files
        batches.service.import_folder
        batches.service.newest_origin
        batches.staging.begin
        batches.staging.discard
        batches.staging.source_file
        lake.backup.back_up
        lake.catalog.register
        lake.purge.request
        lake.purge.run
        lake.restore.restore
        lake.review_texts.redact
        lake.verify.lake
        lake.versions.restore_at
        releases.service.publish
        releases.service.rollback
        runs.executions.start
        runs.schedule.change
        runs.service.resume
        runs.service.start
        runs.service.stop
    """,
}


def functions() -> dict[str, tuple[str, ...]]:
    """Return the roles that may call each service function, by its name below `portal`."""
    return {name: roles for roles, names in FUNCTIONS.items() for name in names.split()}


PAGES: dict[tuple[str, ...], str] = {
    ALL: "Overview, Encounters, Medications, Orders, Patients, Quality, Alerts, Dictionary",
    ROWS: "Releases, Runs, Run, SQL",
    ("engineer",): "Data",
    ("privacy_officer",): "Audit log",
    ("administrator",): "People and roles",
}


def pages() -> dict[str, tuple[str, ...]]:
    """Return the roles that may open each page, by its title."""
    return {title: roles for roles, titles in PAGES.items() for title in titles.split(", ")}
