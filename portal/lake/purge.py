"""Purge a batch, or one patient: one person requests it, another approves it, then it is run and certified.

Neither request nor certificate names the patient: they have the pseudonym. Whoever runs the purge of one
gives the id again. A purge that was interrupted is run again.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.lake import pseudonyms
from pipeline.lake.store import now, read_json, write_json
from pipeline.lake.uris import split
from pipeline.releases import model as release_model
from portal.audit import service as audit_log
from portal.batches import retirement
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.rights import requires
from portal.lake import derived, objects, patient, review_texts, search
from portal.lake.erase import Erased, erase
from portal.runs import service as runs


@dataclass(frozen=True)
class Purge:
    """A request. It has either the id of a batch or the pseudonym of a patient."""

    purge_id: str
    batch_id: str
    patient: str
    reason: str
    requested_by: str
    requested_at: str
    approved_by: str = ""
    certified: bool = False

    @property
    def target(self) -> dict[str, str]:
        return {"purge": self.purge_id, **({"batch": self.batch_id} if self.batch_id else {})}

    @property
    def patients(self) -> list[str]:
        return [self.patient] if self.patient else []


@requires("purge")
def request(context: Context, *, batch_id: str = "", patient_id: str = "", reason: str) -> Purge:
    """Request the purge of a batch or of a patient; raise `ServiceError` if it is not in the lake."""
    if bool(batch_id) == bool(patient_id) or not reason.strip():
        raise ServiceError("Name one batch or one patient, and the reason. The audit log requires it.")
    if batch_id and read_json(context.client("s3"), context.lake.manifest(batch_id)) is None:
        raise ServiceError(retirement.not_found([batch_id]))
    if patient_id:
        patient.find(context.client("s3"), context.lake, patient_id)
    made = Purge(
        purge_id=f"purge-{secrets.token_hex(4)}",
        batch_id=batch_id,
        patient=_label(context, patient_id) if patient_id else "",
        reason=reason.strip(),
        requested_by=context.user.subject,
        requested_at=now(),
    )
    with audit_log.recorded(
        context, "request_purge", made.target, reason=made.reason, patients=made.patients
    ):
        _write(context, made.purge_id, "request", asdict(made))
    return made


@requires("approve_purge")
def approve(context: Context, purge_id: str) -> Purge:
    """Approve a purge that another person requested."""
    found = _get(context, purge_id)
    if found.requested_by == context.user.subject:
        raise ServiceError(f"You requested purge '{purge_id}'. Another person must approve it.")
    with audit_log.recorded(
        context, "approve_purge", found.target, reason=found.reason, patients=found.patients
    ):
        _write(context, purge_id, "approval", {"approved_by": context.user.subject, "approved_at": now()})
    return _get(context, purge_id)


@requires("purge")
def run(context: Context, purge_id: str, *, patient_id: str = "") -> dict[str, Any]:
    """Run an approved purge, rebuild the release without the rows, and return the certificate.

    Raise `ServiceError` if it is not approved or done already, or while a run is writing.
    """
    found = _get(context, purge_id)
    if not found.approved_by:
        raise ServiceError(f"Purge '{purge_id}' is not approved yet. A privacy officer approves it.")
    if found.certified:
        raise ServiceError(f"Purge '{purge_id}' is done already. 'hdp lake purge show {purge_id}' shows it.")
    if found.patient and _label(context, patient_id) != found.patient:
        raise ServiceError(f"Purge '{purge_id}' is about another patient. Pass the id that was requested.")
    if running := runs.running(context):
        raise ServiceError(f"Run '{running.run_id}' is writing. Wait for its end, then run the purge.")
    with audit_log.recorded(context, "purge", found.target, reason=found.reason, patients=found.patients):
        return _purge(context, found, patient_id)


def _purge(context: Context, purge: Purge, patient_id: str) -> dict[str, Any]:
    s3, lake, done = context.client("s3"), context.lake, Erased()
    if purge.batch_id:
        if purge.batch_id not in retirement.retired(context):
            retirement.retire(context, purge.batch_id, reason=f"purged: {purge.reason}"[:500])
        batch_ids, keys, others = [purge.batch_id], _keys_of_batch(context, purge.batch_id), set[str]()
    else:
        rows = _rows_of_patient(context, purge, patient_id)
        batch_ids, keys, others = sorted(rows.batch_ids), rows.keys, rows.others
    words = {key for _, key in keys} | others
    labels = {_label(context, key, table) for table, key in keys}
    review_texts.redact(context, words | labels, purge.purge_id, done)
    if purge.patient:
        patient.remove(s3, lake, rows, done)
    withdrawn = derived.withdraw(s3, context.client("glue"), lake, batch_ids, done)
    if purge.batch_id:
        _erase_received(context, purge.batch_id, done)
    _erase_deliveries(context, words, done)
    derived.remove(s3, lake, batch_ids, done)
    rebuilt = _rebuild(context)
    searchable = search.searchable(words)
    searched, left = search.find(s3, lake, searchable)
    if left:
        folders = ", ".join(sorted({name.partition("/")[0] for name in left}))
        raise ServiceError(
            f"Purge '{purge.purge_id}' is not complete: {len(left)} objects of {folders} still have "
            "identifiers. Run it again, or ask an engineer."
        )
    _note_locked(context, labels, done)
    return _certify(context, purge, done, withdrawn, rebuilt, (searched, len(searchable), len(words)))


def _rows_of_patient(context: Context, purge: Purge, patient_id: str) -> patient.Found:
    """Return the rows of the patient, and after an interruption at least the batches that had them."""
    s3, lake, uri = context.client("s3"), context.lake, _uri(context, purge.purge_id, "started")
    started = read_json(s3, uri)
    try:
        rows = patient.find(s3, lake, patient_id)
    except ServiceError:
        if started is None:
            raise
        rows = patient.Found(keys={("patients", patient_id)})
    if started:
        rows.batch_ids |= set(started[0]["batch_ids"])
    else:
        write_json(s3, uri, {"batch_ids": sorted(rows.batch_ids)}, IfNoneMatch="*")
    return rows


def _keys_of_batch(context: Context, batch_id: str) -> set[tuple[str, str]]:
    """Return table and key of the records that only this batch has."""
    own, others = patient.keys_of_batches(context.client("s3"), context.lake, batch_id)
    return own - others


def _erase_received(context: Context, batch_id: str, done: Erased) -> None:
    s3, lake = context.client("s3"), context.lake
    names = [each.name for each in objects.listed(s3, lake) if each.name.startswith("bronze/")]
    erase(s3, lake, [name for name in names if f"/batch_id={batch_id}/" in name], done)
    erase(s3, lake, [f"bronze/{split(lake.manifest(batch_id))[1]}"], done)


def _erase_deliveries(context: Context, words: set[str], done: Erased) -> None:
    """Erase deliveries and uploads, from which batches are made, that have one of the words."""
    s3, lake = context.client("s3"), context.lake
    places = tuple(f"bronze/{split(uri)[1]}" for uri in (lake.incoming(), lake.uploads()))
    _, found = search.find(s3, lake, words)
    erase(s3, lake, [name for name in found if name.startswith(places)], done)


def _rebuild(context: Context) -> str:
    """Build a release from the remaining batches; return its id, or "" if no batch is left."""
    bucket, prefix = split(context.lake.manifests())
    listed = context.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    present = {
        item["Key"].removeprefix(prefix).removesuffix(".json")
        for item in listed
        if item["Key"].endswith(".json")
    }
    if not present - set(retirement.retired(context)):
        return ""
    ended = runs.wait(context, runs.start(context).run_id)
    if ended.status != "SUCCEEDED":
        raise ServiceError(
            f"The rows are removed, and no release is published, because run '{ended.run_id}' "
            f"{ended.status.lower()}. Resolve its error, then run the purge again."
        )
    return ended.run_id


def _is_published(context: Context, release_id: str) -> bool:
    """Return whether a rebuilt release is published; the audit may hold it for a clinician."""
    published = release_model.current(context.client("s3"), context.lake)
    return published is not None and published.release_id == release_id


def _note_locked(context: Context, labels: set[str], done: Erased) -> None:
    """Note the events of the audit log that have the pseudonyms: the law keeps them until a date."""
    s3, lake = context.client("s3"), context.lake
    bucket, prefix = split(lake.audit_log())
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            answer = s3.get_object(Bucket=bucket, Key=item["Key"])
            if not labels.isdisjoint(json.loads(answer["Body"].read()).get("patients", [])):
                until = answer.get("ObjectLockRetainUntilDate")
                done.kept[f"quality/{item['Key']}"] = until.date().isoformat() if until else "not locked"


def _certify(
    context: Context,
    purge: Purge,
    done: Erased,
    withdrawn: list[str],
    rebuilt: str,
    search_of: tuple[int, int, int],
) -> dict[str, Any]:
    objects_, looked_for, words = search_of
    content = {
        **asdict(purge),
        "run_by": context.user.subject,
        "purged_at": now(),
        "erased": done.counts,
        "withdrawn_releases": withdrawn,
        "rebuilt_release": rebuilt,
        "is_published": bool(rebuilt) and _is_published(context, rebuilt),
        "kept_by_law": done.kept,
        "search": {
            "objects": objects_,
            "identifiers": looked_for,
            "too_short": words - looked_for,
            "found": 0,
        },
    }
    del content["certified"]
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    certificate = {**content, "sha256": digest}
    _write(context, purge.purge_id, "certificate", certificate)
    return certificate


@requires("see_charts")
def certificate(context: Context, purge_id: str) -> dict[str, Any]:
    """Return the certificate of a purge; raise `ServiceError` if there is none."""
    if found := read_json(context.client("s3"), _uri(context, purge_id, "certificate")):
        return found[0]
    raise ServiceError(f"There is no certificate of purge '{purge_id}'. It was not run, or not completely.")


def _get(context: Context, purge_id: str) -> Purge:
    s3 = context.client("s3")
    found = read_json(s3, _uri(context, purge_id, "request"))
    if found is None:
        raise ServiceError(f"There is no purge '{purge_id}'. 'hdp lake purge request' makes one.")
    approval = read_json(s3, _uri(context, purge_id, "approval"))
    document = {**found[0], "approved_by": approval[0]["approved_by"] if approval else ""}
    document["certified"] = read_json(s3, _uri(context, purge_id, "certificate")) is not None
    return Purge(**document)


def _write(context: Context, purge_id: str, kind: str, document: dict[str, Any]) -> None:
    if not write_json(context.client("s3"), _uri(context, purge_id, kind), document, IfNoneMatch="*"):
        raise ServiceError(f"The {kind} of purge '{purge_id}' is written already.")


def _uri(context: Context, purge_id: str, kind: str) -> str:
    return f"{context.lake.purges()}{purge_id}.{kind}.json"


def _label(context: Context, key: str, table: str = "patients") -> str:
    secret = pseudonyms.read_secret(context.client("secretsmanager"), context.lake)
    return pseudonyms.label(secret, table, key)
