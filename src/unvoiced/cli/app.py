"""The commands, and who each is for."""

import typer

from unvoiced.cli import (
    access,
    approvals,
    audit,
    backfill,
    catalog,
    certificates,
    check,
    contributor,
    erasure,
    features,
    holds,
    keys,
    leakage,
    log,
    operator,
    posture,
    report,
    retention,
    review,
    status,
    watch,
)

app = typer.Typer(
    help="Encrypted voice recordings in, encrypted features out, recordings gone with proof.",
    no_args_is_help=True,
    add_completion=False,
    # A traceback with local variables would print keys and recordings.
    pretty_exceptions_enable=False,
)
# The four people of the README.
_RECORD, _RUN = "You record", "You run it"
_TRAIN, _ANSWER = "You train", "You answer for it"

log_app = typer.Typer(help="Check the log of receipts offline.", no_args_is_help=True)
catalog_app = typer.Typer(
    help="What is in the training store, as a table: build it, ask it.", no_args_is_help=True
)
features_app = typer.Typer(help="Look at the training store.", no_args_is_help=True)
erasure_app = typer.Typer(
    help="Requests of erasure: how far each is, withdrawing, lifting.", no_args_is_help=True
)
certificate_app = typer.Typer(
    help="Certificates of sanitization, made from the log.", no_args_is_help=True
)
keys_app = typer.Typer(help="Intake keys, and the vaults keys are in.", no_args_is_help=True)
retention_app = typer.Typer(help="How long things are kept, and no longer.", no_args_is_help=True)
hold_app = typer.Typer(help="Legal holds: what must not be destroyed.", no_args_is_help=True)
missing_app = typer.Typer(
    help="Recordings that the log knows and no store has.", no_args_is_help=True
)
quarantine_app = typer.Typer(
    help="Recordings that could not be ingested: which, and trying again.", no_args_is_help=True
)

review_app = typer.Typer(
    help="Who can reach what: look, sign, verify.", invoke_without_command=True
)
watch_app = typer.Typer(invoke_without_command=True)
audit_app = typer.Typer(
    help="Who read which features, and leave to read more.", no_args_is_help=True
)

app.command(rich_help_panel=_RECORD)(contributor.seal)
app.command(rich_help_panel=_RECORD)(contributor.upload)
app.command(rich_help_panel=_RECORD)(certificates.verify)
app.command(rich_help_panel=_RUN)(operator.init)
app.command(rich_help_panel=_RUN)(operator.invite)
app.command(rich_help_panel=_RUN)(access.grant)
app.command(rich_help_panel=_RUN)(operator.ingest)
app.command(rich_help_panel=_RUN)(status.status)
app.command(rich_help_panel=_RUN)(operator.accept_fernet)
app.command(rich_help_panel=_TRAIN)(backfill.backfill)
app.command(rich_help_panel=_ANSWER)(erasure.erase)
app.command(rich_help_panel=_ANSWER)(erasure.pseudonym)
app.command(rich_help_panel=_ANSWER)(posture.posture)
app.command(rich_help_panel=_ANSWER)(report.report)
app.command(rich_help_panel=_ANSWER)(leakage.leakage)
watch_app.callback()(watch.watch)
watch_app.command("ls")(watch.ls)
app.add_typer(watch_app, name="watch", rich_help_panel=_ANSWER)
app.command(rich_help_panel=_ANSWER)(access.roles)
certificate_app.command()(certificates.sample)
certificate_app.command()(certificates.epoch)
certificate_app.command()(certificates.contributor)
certificate_app.command()(certificates.archived)
log_app.command()(log.verify)
log_app.command()(log.proof)
log_app.command()(check.check)
catalog_app.command()(catalog.build)
catalog_app.command("ls")(catalog.ls)
catalog_app.command()(catalog.query)
app.add_typer(catalog_app, name="catalog", rich_help_panel=_TRAIN)
features_app.command("ls")(features.ls)
features_app.command()(features.show)
quarantine_app.command("ls")(operator.quarantine_ls)
quarantine_app.command("release")(operator.quarantine_release)
erasure_app.command("ls")(erasure.erasure_ls)
erasure_app.command("withdraw")(erasure.erasure_withdraw)
erasure_app.command("lift")(erasure.erasure_lift)
app.add_typer(erasure_app, name="erasure", rich_help_panel=_ANSWER)
keys_app.command()(keys.rotate)
keys_app.command()(keys.retire)
keys_app.command("ls")(keys.ls)
keys_app.command()(keys.move)
app.add_typer(keys_app, name="keys", rich_help_panel=_RUN)
retention_app.command()(retention.show)
retention_app.command()(retention.run)
retention_app.command()(retention.schedule)
retention_app.command()(retention.lifecycle)
app.add_typer(retention_app, name="retention", rich_help_panel=_ANSWER)
hold_app.command("add")(holds.hold_add)
hold_app.command("lift")(holds.hold_lift)
hold_app.command("ls")(holds.hold_ls)
review_app.callback()(review.review)
review_app.command("ls")(review.ls)
review_app.command()(review.verify)
app.add_typer(review_app, name="review", rich_help_panel=_ANSWER)
app.add_typer(hold_app, name="hold", rich_help_panel=_ANSWER)
audit_app.command("ls")(audit.audit_ls)
audit_app.command("verify")(audit.audit_verify)
audit_app.command("export")(audit.audit_export)
audit_app.command("who")(audit.audit_who)
audit_app.command("approve")(approvals.audit_approve)
audit_app.command("approvals")(approvals.audit_approvals)
audit_app.command("revoke")(approvals.audit_revoke)
app.add_typer(audit_app, name="audit", rich_help_panel=_ANSWER)
missing_app.command("ls")(status.missing_ls)
missing_app.command("settle")(status.missing_settle)
app.add_typer(missing_app, name="missing", rich_help_panel=_RUN)
app.add_typer(quarantine_app, name="quarantine", rich_help_panel=_RUN)
app.add_typer(certificate_app, name="certificate", rich_help_panel=_ANSWER)
app.add_typer(log_app, name="log", rich_help_panel=_ANSWER)
app.add_typer(features_app, name="features", rich_help_panel=_TRAIN)
