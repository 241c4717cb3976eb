"""The commands, and who each is for."""

import typer

from unvoiced.cli import access, contributor, features, log, operator, posture

app = typer.Typer(
    help="Encrypted voice recordings in, encrypted features out, recordings gone with proof.",
    no_args_is_help=True,
    add_completion=False,
    # A traceback with local variables would print keys and recordings.
    pretty_exceptions_enable=False,
)
log_app = typer.Typer(help="Check the log of receipts offline.", no_args_is_help=True)
features_app = typer.Typer(help="Look at the training store.", no_args_is_help=True)
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
log_app.command()(log.verify)
log_app.command()(log.proof)
log_app.command()(log.check)
features_app.command("ls")(features.ls)
features_app.command()(features.show)
quarantine_app.command("ls")(operator.quarantine_ls)
quarantine_app.command("release")(operator.quarantine_release)
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(log_app, name="log")
app.add_typer(features_app, name="features")
