"""The commands, and who each is for."""

import typer

from unvoiced.cli import (
    access,
    backfill,
    certificates,
    contributor,
    erasure,
    features,
    holds,
    keys,
    log,
    operator,
    posture,
    retention,
)

app = typer.Typer(
    help="Encrypted voice recordings in, encrypted features out, recordings gone with proof.",
    no_args_is_help=True,
    add_completion=False,
    # A traceback with local variables would print keys and recordings.
    pretty_exceptions_enable=False,
)
log_app = typer.Typer(help="Check the log of receipts offline.", no_args_is_help=True)
features_app = typer.Typer(help="Look at the training store.", no_args_is_help=True)
erasure_app = typer.Typer(help="Requests of erasure.", no_args_is_help=True)
certificate_app = typer.Typer(
    help="Certificates of sanitization, made from the log.", no_args_is_help=True
)
keys_app = typer.Typer(help="Intake keys, and the vaults keys are in.", no_args_is_help=True)
retention_app = typer.Typer(help="How long things are kept, and no longer.", no_args_is_help=True)
hold_app = typer.Typer(help="Legal holds: what must not be destroyed.", no_args_is_help=True)
missing_app = typer.Typer(help="Recordings that are nowhere.", no_args_is_help=True)
quarantine_app = typer.Typer(help="Recordings that could not be ingested.", no_args_is_help=True)

app.command()(operator.init)
app.command()(operator.invite)
app.command()(access.grant)
app.command()(access.roles)
app.command()(posture.posture)
app.command()(operator.accept_fernet)
app.command()(contributor.seal)
app.command()(contributor.upload)
app.command()(operator.ingest)
app.command()(operator.status)
app.command()(erasure.erase)
app.command()(erasure.pseudonym)
app.command()(backfill.backfill)
app.command()(certificates.verify)
certificate_app.command()(certificates.sample)
certificate_app.command()(certificates.epoch)
certificate_app.command()(certificates.contributor)
certificate_app.command()(certificates.archived)
log_app.command()(log.verify)
log_app.command()(log.proof)
log_app.command()(log.check)
features_app.command("ls")(features.ls)
features_app.command()(features.show)
quarantine_app.command("ls")(operator.quarantine_ls)
quarantine_app.command("release")(operator.quarantine_release)
erasure_app.command("ls")(erasure.erasure_ls)
erasure_app.command("lift")(erasure.erasure_lift)
app.add_typer(erasure_app, name="erasure")
keys_app.command()(keys.rotate)
keys_app.command()(keys.retire)
keys_app.command("ls")(keys.ls)
keys_app.command()(keys.move)
app.add_typer(keys_app, name="keys")
retention_app.command()(retention.show)
retention_app.command()(retention.run)
retention_app.command()(retention.schedule)
retention_app.command()(retention.lifecycle)
app.add_typer(retention_app, name="retention")
hold_app.command("add")(holds.hold_add)
hold_app.command("lift")(holds.hold_lift)
hold_app.command("ls")(holds.hold_ls)
app.add_typer(hold_app, name="hold")
missing_app.command("settle")(operator.missing_settle)
app.add_typer(missing_app, name="missing")
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(certificate_app, name="certificate")
app.add_typer(log_app, name="log")
app.add_typer(features_app, name="features")
