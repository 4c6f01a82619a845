"""The command line: what is wrong with a database is told in words, whichever command is asked."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command, get_commands
from django.core.management.base import SystemCheckError
from django.db import connection

from project.shop.models import Product

pytestmark = pytest.mark.django_db

COMMANDS = {
    "evaluate_search": ["admin"],
    "export_search_rules": [],
    "forget_searches": [],
    "import_search_rules": ["nothing.json"],
    "import_search_synonyms": ["nothing.json"],
    "rebuild_search_index": ["--sync"],
    "reconcile_search_index": [],
    "replay_search_log": [],
    "search_generations": [],
    "search_models": ["--no-color"],
    "search_report": [],
    "search_triggers": ["--install"],
}
READ_NOTHING = ["--no-color"], ["--install"], ["nothing.json"]
"""What commands are given that ask none of the tables, or say by themselves that they are not there."""


def test_every_command_is_here() -> None:
    assert {name for name, app in get_commands().items() if app == "catalog_search"} == COMMANDS.keys()


@pytest.mark.parametrize("name", [name for name, options in COMMANDS.items() if options[:1] not in READ_NOTHING])
def test_tables_that_are_not_there_yet(name: str, dummy_models: object) -> None:
    with connection.cursor() as cursor:
        for table in ("generation", "querylog", "queryevent", "rule", "change"):
            cursor.execute(f"DROP TABLE catalog_search_{table} CASCADE")

    with pytest.raises(CommandError, match=r"manage\.py migrate"):
        call_command(name, *COMMANDS[name], verbosity=0)


def test_a_database_that_cannot_hold_an_index_is_told_first(monkeypatch: pytest.MonkeyPatch) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE pg_extension SET extname = 'gone' WHERE extname = 'vector'")

    for name in COMMANDS:
        with pytest.raises(SystemCheckError, match="CREATE EXTENSION vector"):
            call_command(name, *COMMANDS[name], verbosity=0, skip_checks=False)


def test_a_rebuild_tells_how_much_it_did(indexed_shop: dict[str, Product], capsys: pytest.CaptureFixture[str]) -> None:
    indexed_shop["red mug"].save()
    call_command("rebuild_search_index", sync=True)
    assert "products done: 1" in capsys.readouterr().out

    call_command("rebuild_search_index", sync=True)
    assert "nothing new" in capsys.readouterr().out
