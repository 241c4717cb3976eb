"""Keys of the key service: whether they can be used, by whom, and whether each has one purpose."""

from collections.abc import Iterable, Iterator

from unvoiced.access.roles import Role
from unvoiced.posture import services
from unvoiced.posture.commands import aws, in_words
from unvoiced.posture.estate import allowed, users_of, users_of_store
from unvoiced.posture.facts import Grant, Key, Unknown, Vault, known
from unvoiced.posture.finding import Problem, Seen, Severity, check
from unvoiced.posture.statements import Condition, Policy, Statement, action_covers, beyond

# What opens or signs. Wrapping a new secret opens nothing: who sets a deployment up has to.
_USES = ("kms:Decrypt", "kms:ReEncryptFrom", "kms:Sign", "kms:CreateGrant")
_ENCRYPTS = ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey")
_SIGNS = ("kms:GetPublicKey", "kms:Sign")
_ADMINISTER = (
    *("kms:CancelKeyDeletion", "kms:Describe*", "kms:DisableKey", "kms:EnableKey", "kms:Encrypt"),
    *("kms:EnableKeyRotation", "kms:Get*", "kms:List*", "kms:PutKeyPolicy", "kms:RevokeGrant"),
    *("kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource", "kms:UpdateAlias"),
    *("kms:UpdateKeyDescription",),
)


def keys(seen: Seen) -> Iterator[tuple[str, Key]]:
    """Every key in use that Amazon does not manage itself; only the account's own can be set."""
    for key in seen.facts.keys:
        if not isinstance(key.state, Unknown) and key.state.manager == "AWS":
            continue
        yield key.name, key


def usable_keys(seen: Seen) -> Iterator[tuple[str, Key | Unknown]]:
    """The symmetric ones that are in order: of others KMS does not tell whether they rotate."""
    for name, key in keys(seen):
        if isinstance(key.state, Unknown):
            yield name, key.state
        elif key.state.spec == "SYMMETRIC_DEFAULT" and key.state.state == "Enabled":
            yield name, key


def vault_keys(seen: Seen) -> Iterator[tuple[str, Key]]:
    """The keys of vaults and of the log."""
    return ((name, key) for name, key in keys(seen) if key.places)


def vaults(seen: Seen) -> Iterable[tuple[str, Vault]]:
    """The vaults of a deployment that has anything in an account or in S3."""
    away = seen.facts.buckets or seen.settings.kms
    return [(f"{vault.role} vault", vault) for vault in seen.facts.vaults] if away else []


def worker_vault(seen: Seen) -> Iterable[tuple[str, Vault]]:
    """The worker's vault, where Fernet keys would be."""
    return [("worker vault", vault) for vault in seen.facts.vaults if vault.role == "worker"]


@check(
    "customer-key-unusable",
    Severity.HIGH,
    of=keys,
    why="What is encrypted under a key that is disabled or deleted cannot be read; once a pending "
    "deletion is done, by nobody ever again.",
)
def usable(key: Key, seen: Seen) -> Iterator[Problem]:
    """The key is enabled."""
    state = known(key.state)
    if state.state == "PendingDeletion":
        cancel = aws("kms", "cancel-key-deletion", key_id=state.arn, region=key.region)
        fix = f"{cancel} && {aws('kms', 'enable-key', key_id=state.arn, region=key.region)}"
        yield Problem(f"it is to be deleted ({', '.join(key.uses)})", fix)
    elif state.state != "Enabled":
        fix = aws("kms", "enable-key", key_id=state.arn, region=key.region)
        yield Problem(f"its state is {state.state} ({', '.join(key.uses)})", fix)


@check(
    "key-not-rotated",
    Severity.MEDIUM,
    of=usable_keys,
    why="Without rotation one key's material protects everything there ever was.",
)
def rotation(key: Key, seen: Seen) -> Iterator[Problem]:
    """Automatic rotation is on, where KMS made the key's material."""
    state = known(key.state)
    if state.origin in {"AWS_KMS", ""} and not known(key.rotation):
        fix = aws("kms", "enable-key-rotation", key_id=state.arn, region=key.region)
        yield Problem(f"automatic rotation is off ({', '.join(key.uses)})", fix)


@check(
    "key-used-beyond-the-table",
    Severity.HIGH,
    of=keys,
    why="A key's policy gives its use by itself, whatever the roles' policies say: whoever it "
    "names opens what the key protects.",
)
def policy(key: Key, seen: Seen) -> Iterator[Problem]:
    """The key's policy gives its use to the table's roles, and to nobody else."""
    ours = _roles(key, seen)
    for who, uses in sorted(_users(key).items()):
        if who not in ours and not _is_account(who, key):
            fix = name_roles_first(key, seen) or narrow(key, seen)
            yield Problem(f"its policy lets {who} use {', '.join(sorted(uses))}", fix)


@check(
    "key-use-left-to-iam",
    Severity.LOW,
    of=vault_keys,
    why="With the whole account named, any IAM policy in it gives the use of a vault's key; named "
    "roles alone keep administrators out until they change the key's policy, which is seen.",
)
def left_to_iam(key: Key, seen: Seen) -> Iterator[Problem]:
    """A vault's key names its roles, and the account only to administer it."""
    for who, uses in _users(key).items():
        if _is_account(who, key):
            fix = name_roles_first(key, seen) or narrow(key, seen)
            yield Problem(f"its policy lets all of {who} use {', '.join(sorted(uses))}", fix)


@check(
    "key-granted-beyond-the-table",
    Severity.HIGH,
    of=keys,
    why="A grant gives the use of a key past its policy, and is in no policy's text.",
)
def grants(key: Key, seen: Seen) -> Iterator[Problem]:
    """No grant gives anybody a use of the key that the table does not give them."""
    for grant in known(key.grants):
        if granted_beyond(grant, key, seen):
            revoke = aws(
                "kms", "revoke-grant",
                key_id=key.name, grant_id=grant.grant_id, region=key.region,
            )  # fmt: skip
            fix = name_roles_first(key, seen) or revoke
            yield Problem(f"a grant lets {grant.grantee} use {', '.join(grant.operations)}", fix)


@check(
    "vaults-share-a-key",
    Severity.HIGH,
    of=keys,
    why="Whoever may unwrap one vault's secrets may then unwrap the other's: the roles are one.",
)
def shared(key: Key, seen: Seen) -> Iterator[Problem]:
    """Each vault, and each bucket beside it, has a key of its own."""
    if len(key.places) > 1 or (key.places and len(key.uses) > 1):
        fix = aws("kms", "create-key", description=f"for the {key.uses[-1]} alone",
                  region=key.region)  # fmt: skip
        yield Problem(f"it serves as {' and '.join(key.uses)}", fix)


@check(
    "vault-without-customer-key",
    Severity.MEDIUM,
    of=vaults,
    why="A vault under a key file or passphrase opens wherever that was copied to; nobody records "
    "it, and it cannot be taken back.",
)
def vault_key(vault: Vault, seen: Seen) -> Iterator[Problem]:
    """[kms] names a key for the vault."""
    if not vault.key:
        fix = aws("kms", "create-key", description=f"for the {vault.role} vault alone")
        yield Problem("it is under a key file or a passphrase: [kms] names no key for it", fix)


@check(
    "fernet-keys-in-use",
    Severity.MEDIUM,
    of=worker_vault,
    why="Fernet binds a recording to no name, keeps one key for ever, and is not post-quantum: "
    "whoever gets the key opens every copy of every such upload.",
)
def fernet(vault: Vault, seen: Seen) -> Iterator[Problem]:
    """The worker's vault holds no Fernet keys any more."""
    names = known(vault.fernet)
    if names:
        word = "1 Fernet key" if len(names) == 1 else f"{len(names)} Fernet keys"
        target = f"{vault.url.partition('?')[0].rstrip('/')}/{names[0]}"
        remove = aws("s3", "rm").split() if not vault.local else ["rm"]
        where = target.removeprefix("file://") if vault.local else target
        yield Problem(f"{word} in it, so such uploads are accepted", f"{' '.join(remove)} {where}")


def granted_beyond(grant: Grant, key: Key, seen: Seen) -> list[tuple[str, str]]:
    """What a grant gives that the table does not: pairs of action and key.

    What it asks of the encryption context counts as the condition of a statement does.
    """
    named = seen.settings.roles
    role = next((role for role in Role if named.get(role.setting) == grant.grantee), None)
    arn = key.name if isinstance(key.state, Unknown) else key.state.arn
    context = (
        Condition("StringEquals", f"kms:EncryptionContext:{name}", frozenset({value}))
        for name, value in grant.context.items()
    )
    actions = tuple(f"kms:{operation}" for operation in grant.operations)
    statement = Statement(True, actions, (arn,), (), tuple(context), ())
    return beyond(statement, allowed(role, seen) if role else ())


def _roles(key: Key, seen: Seen) -> set[str]:
    """The ARNs of the roles that may use a key, of those that [roles] names."""
    named = seen.settings.roles
    return {named[role.setting] for role in _users_by_table(key, seen) if role.setting in named}


def name_roles_first(key: Key, seen: Seen) -> str:
    """What to do before anything is taken from a key whose users are not all known; "" if they are.

    A role that [roles] does not name looks like a stranger, and would lose the key with them.
    """
    named, users_ = seen.settings.roles, _users_by_table(key, seen)
    unnamed = [role.setting for role in Role if role in users_ and role.setting not in named]
    if not unnamed:
        return ""
    return in_words(
        f"first name {', '.join(unnamed)} in [roles] of {seen.settings.path} (role-not-named), "
        "then look again: a command made now would take the key from what is not named"
    )


def _users_by_table(key: Key, seen: Seen) -> set[Role]:
    """The roles that may use a key: by the table, in a vault or through a store."""
    roles: set[Role] = {role for place in key.places for role in users_of(place)}
    for bucket in seen.facts.buckets:
        if f"encrypts {bucket.name}" in key.uses:
            roles |= {role for held in bucket.held for role in users_of_store(held.place)}
    return roles


def narrow(key: Key, seen: Seen) -> str:
    """The command that leaves a key to its roles, and to its account only to administer.

    What else its policy says, of Amazon's services that have business here for instance, stays.
    """
    arn, policy_ = known(key.state).arn, known(key.policy)
    ours = _roles(key, seen)
    wrong = [one for one in policy_.statements if _using(one, key) - ours]
    kept = Policy.read(policy_.without(wrong))
    root = {"AWS": f"arn:{arn.split(':')[1]}:iam::{arn.split(':')[4]}:root"}
    lost = {who for one in wrong for who in _using(one, key)}
    added = []
    if not any(one.allows and _administers(one) for one in kept.statements):
        added.append(
            {"Effect": "Allow", "Principal": root, "Action": list(_ADMINISTER), "Resource": "*"}
        )
    # With everybody or the whole account named, the roles may have had theirs by that.
    at_large = "*" in lost or any(_is_account(who, key) for who in lost)
    theirs = ours if at_large else ours & lost
    if left := theirs - {who for one in kept.statements for who in _using(one, key)}:
        uses = _SIGNS if known(key.state).spec != "SYMMETRIC_DEFAULT" else _ENCRYPTS
        roles = {"AWS": sorted(left)}
        added.append({"Effect": "Allow", "Principal": roles, "Action": list(uses), "Resource": "*"})
    document = {**kept.document, "Statement": [*kept.document["Statement"], *added]}
    return aws(
        "kms", "put-key-policy",
        key_id=key.name, policy_name="default", policy=document, region=key.region,
    )  # fmt: skip


def _administers(one: Statement) -> bool:
    return any(action_covers(pattern, "kms:PutKeyPolicy") for pattern in one.actions)


def _using(one: Statement, key: Key) -> set[str]:
    """Whom a statement lets use the key; not services of Amazon's that have business with it."""
    if not one.allows or not _uses(one):
        return set()
    who = {who for kind, who in one.principals if kind != "Service"}
    return {*who, *stray_services(one, key), *(["*"] if one.for_everybody else [])}


def stray_services(one: Statement, key: Key) -> tuple[str, ...]:
    """The services of Amazon's that a statement gives more than they need; of a vault's key, all.

    The keys of stores are also those of the trail, its log group and the topic, at times.
    """
    expected = services.NONE if key.places else services.OF_A_STORES_KEY
    return services.stray(one, expected, _account(key))


def _users(key: Key) -> dict[str, set[str]]:
    """Who the key's policy gives any use of it, and which."""
    found: dict[str, set[str]] = {}
    for one in known(key.policy).statements:
        for who in _using(one, key):
            found.setdefault(who, set()).update(_uses(one))
    return found


def _uses(one: Statement) -> set[str]:
    if "NotAction" in one.inverted:
        return {"all but some actions"}
    return {use for use in _USES if any(action_covers(pattern, use) for pattern in one.actions)}


def _is_account(who: str, key: Key) -> bool:
    """Whether it is the key's own account, and so leaves the decision to IAM policies."""
    account = _account(key)
    return bool(account) and (who == account or who.endswith(f"::{account}:root"))


def _account(key: Key) -> str:
    return services.account_of(key.name if isinstance(key.state, Unknown) else key.state.arn)
