"""A tenant's validation rule groups at headquarters: versions that never change, and which hold."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from storage.cold.pool import Connection, Pool, transaction
from storage.model.rule_groups import ActiveRules, AppliesTo, RuleGroup

TIMEOUT_S: Final = 15.0
MOST_VERSIONS: Final = 10_000
MOST_GROUPS: Final = 1_000
# Held until the end, as for the meters: a version is visible only after every lower one.
_TAKE_TURN: Final = "SELECT version FROM registry_position FOR UPDATE"
_MOVE: Final = "UPDATE registry_position SET version = $1"
_NEWEST: Final = """
    SELECT version, created_at, created_by, reason, record FROM rule_groups WHERE name = $1
    ORDER BY version DESC LIMIT 1
"""
_COUNT: Final = "SELECT count(DISTINCT name) FROM rule_groups"
_ADD: Final = """
    INSERT INTO rule_groups (name, version, created_by, reason, record) VALUES ($1, $2, $3, $4, $5)
    RETURNING created_at
"""
_ONE: Final = """
    SELECT version, created_at, created_by, reason, record FROM rule_groups
    WHERE name = $1 AND version = $2
"""
_VERSIONS: Final = """
    SELECT version, created_at, created_by, reason, record FROM rule_groups WHERE name = $1
    ORDER BY version
"""
_NAMES: Final = """
    SELECT g.name, max(g.version) AS version, a.version AS active, a.activated_at
    FROM rule_groups g LEFT JOIN LATERAL (
        SELECT version, activated_at FROM rule_activations WHERE name = g.name
        ORDER BY registry_version DESC LIMIT 1
    ) a ON true
    WHERE g.name > $1 GROUP BY g.name, a.version, a.activated_at ORDER BY g.name LIMIT $2
"""
_ACTIVE: Final = """
    SELECT g.record FROM (
        SELECT DISTINCT ON (name) name, version FROM rule_activations
        ORDER BY name, registry_version DESC
    ) a JOIN rule_groups g ON g.name = a.name AND g.version = a.version
    ORDER BY g.name
"""
_LAST_CHANGE: Final = "SELECT coalesce(max(registry_version), 0) FROM rule_activations"
_ACTIVATE: Final = """
    INSERT INTO rule_activations (registry_version, activated_by, reason, name, version)
    VALUES ($1, $2, $3, $4, $5)
"""
_LOG: Final = """
    SELECT registry_version, activated_at, activated_by, reason, version FROM rule_activations
    WHERE name = $1 ORDER BY registry_version
"""
_decoder: Final = msgspec.json.Decoder(RuleGroup)


class UnknownRuleGroup(LookupError):
    """There is no such group, or no such version of it."""

    def __init__(self, name: str, version: int | None = None) -> None:
        which = "" if version is None else f" has no version {version}"
        super().__init__(f"no rule group {name!r}" if version is None else f"{name!r}{which}")


class RuleGroupConflict(ValueError):
    """Another active group is for the same meters."""

    def __init__(self, name: str, other: str) -> None:
        super().__init__(f"{other!r} is active for the meters that {name!r} is for")
        self.members = {"group": other}


class TooManyRuleGroups(ValueError):
    """The tenant has as many groups, or the group as many versions, as may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupVersion:
    """A version of a group as it was made."""

    group: RuleGroup
    created_at: datetime
    created_by: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupState:
    """A group's newest version, and the one that is active since a moment, if any is."""

    name: str
    newest: int
    active: int | None
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """A version, or none, was made active; in the order of the registry's versions."""

    registry_version: int
    at: datetime
    by: str
    reason: str | None
    version: int | None


class PostgresRuleGroups:
    """Rule groups in the schema that the pool's login finds first.

    Every method raises `StoreUnavailable` when there is no answer before the deadline.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def add(self, group: RuleGroup, *, by: str, reason: str | None) -> GroupVersion:
        """Keep `group` as the next version of its name; the same again is the version it was.

        Raises:
            TooManyRuleGroups: nothing was written.
        """
        async with transaction(self._pool, within_s=TIMEOUT_S) as connection:
            await connection.execute(_TAKE_TURN)
            newest = await connection.fetchrow(_NEWEST, group.group)
            if newest is not None:
                held = _version(newest)
                if held.group == msgspec.structs.replace(group, version=held.group.version):
                    return held
            elif await connection.fetchval(_COUNT) >= MOST_GROUPS:
                raise TooManyRuleGroups(f"a tenant has {MOST_GROUPS} rule groups at most")
            number = 1 if newest is None else int(newest["version"]) + 1
            if number > MOST_VERSIONS:
                raise TooManyRuleGroups(f"a rule group has {MOST_VERSIONS} versions at most")
            made = msgspec.structs.replace(group, version=number)
            record = msgspec.json.encode(made).decode()
            at = await connection.fetchval(_ADD, made.group, number, by, reason, record)
        return GroupVersion(group=made, created_at=at, created_by=by, reason=reason)

    async def versions(self, name: str) -> list[GroupVersion]:
        """Every version of a group, oldest first; empty when there is none of that name."""
        async with transaction(self._pool, within_s=TIMEOUT_S, snapshot=True) as connection:
            return [_version(row) for row in await connection.fetch(_VERSIONS, name)]

    async def log(self, name: str) -> list[Activation]:
        """What was made active of a group, oldest first."""
        async with transaction(self._pool, within_s=TIMEOUT_S, snapshot=True) as connection:
            rows = await connection.fetch(_LOG, name)
        return [
            Activation(
                registry_version=row["registry_version"],
                at=row["activated_at"],
                by=row["activated_by"],
                reason=row["reason"],
                version=row["version"],
            )
            for row in rows
        ]

    async def get(self, name: str, version: int) -> GroupVersion | None:
        """One version of a group."""
        async with transaction(self._pool, within_s=TIMEOUT_S, snapshot=True) as connection:
            row = await connection.fetchrow(_ONE, name, version)
        return None if row is None else _version(row)

    async def page(self, *, after: str, limit: int) -> list[GroupState]:
        """Up to `limit` groups by name, those after `after`."""
        async with transaction(self._pool, within_s=TIMEOUT_S, snapshot=True) as connection:
            rows = await connection.fetch(_NAMES, after, limit)
        return [
            GroupState(
                name=row["name"],
                newest=row["version"],
                active=row["active"],
                since=row["activated_at"] if row["active"] is not None else None,
            )
            for row in rows
        ]

    async def activate(
        self, name: str, version: int | None, *, by: str, reason: str | None
    ) -> ActiveRules:
        """Let `version` hold from now on, or nothing of the group; return all that holds then.

        What holds already stays as it is, without a new version of the registry.

        Raises:
            UnknownRuleGroup: there is no such version.
            RuleGroupConflict: another active group is for the same meters.
        """
        async with transaction(self._pool, within_s=TIMEOUT_S) as connection:
            registry = int(await connection.fetchval(_TAKE_TURN))
            row = await connection.fetchrow(_ONE, name, version)
            if version is not None and row is None:
                raise UnknownRuleGroup(name, version)
            if version is None and await connection.fetchrow(_NEWEST, name) is None:
                raise UnknownRuleGroup(name)
            held = await _active(connection)
            others = [group for group in held.groups if group.group != name]
            before = next((group for group in held.groups if group.group == name), None)
            if version == (None if before is None else before.version):
                return held
            if row is not None:
                _check_alone(_version(row).group, others)
            await connection.execute(_MOVE, registry + 1)
            await connection.execute(_ACTIVATE, registry + 1, by, reason, name, version)
            return await _active(connection)

    async def active(self) -> ActiveRules:
        """What holds now."""
        async with transaction(self._pool, within_s=TIMEOUT_S, snapshot=True) as connection:
            return await _active(connection)


async def _active(connection: Connection) -> ActiveRules:
    groups = [_decoder.decode(row["record"]) for row in await connection.fetch(_ACTIVE)]
    changed = int(await connection.fetchval(_LAST_CHANGE))
    return ActiveRules(version=changed, groups=tuple(groups))


def _check_alone(group: RuleGroup, others: list[RuleGroup]) -> None:
    for other in others:
        if _target(other.applies_to) == _target(group.applies_to):
            raise RuleGroupConflict(group.group, other.group)


def _target(applies_to: AppliesTo) -> tuple[str | None, str | None]:
    return applies_to.feeder, applies_to.transformer


def _version(row: asyncpg.Record) -> GroupVersion:
    return GroupVersion(
        group=_decoder.decode(row["record"]),
        created_at=row["created_at"],
        created_by=row["created_by"],
        reason=row["reason"],
    )
