"""The whole demo in one command: catalogue, worker, index, storefront; or a check of all of it."""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from psycopg import sql
from tqdm import tqdm

from catalog_search.models import Change, Document
from project.drawing.catalogue import write_catalogue
from project.services import children
from project.shop.catalogue import CatalogueError, load_catalogue, read_lines
from project.shop.examples import examples, favourites, run, table
from project.shop.models import Product

PRODUCTS = 640
INSIDE = "DEMO_CHECK_INSIDE"
"""Set in the process that a check runs in, with an environment of its own."""


class Command(BaseCommand):
    """Serve the demo shop, or check that everything works."""

    help = "Loads the demo catalogue, embeds it through a Celery worker and serves the shop; --check only tries it out."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--check", action="store_true", help="do it all in a database of its own, then exit 0 or 1")
        parser.add_argument("--catalog", type=Path, metavar="FOLDER", help="a folder with catalog.jsonl and pictures")
        parser.add_argument("--port", type=int, default=8000, help="port of the storefront (default 8000)")

    def handle(self, *args: Any, check: bool, catalog: Path | None, port: int, **options: Any) -> None:
        """Run the demo or its check."""
        if check and INSIDE not in os.environ:
            check_in_own_database(sys.argv)
            return
        if not check:
            refuse_taken(port)
        try:
            call_command("migrate", verbosity=0)
            with self.workers():
                self.prepare(catalog)
                if check:
                    self.try_out(drawn=catalog is None)
                else:
                    self.serve(port)
        except (CatalogueError, psycopg.OperationalError) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self.stdout.write("\nStopped. What is done is kept.")
            sys.exit(130)

    def prepare(self, catalog: Path | None) -> None:
        """Bring catalogue and index up to date; what is there already costs nothing."""
        folder = catalog or drawn_catalogue()
        count = sum(1 for _ in read_lines(folder))
        with tqdm(total=count, unit=" products", desc="Loading the catalogue") as bar:
            load_catalogue(folder, done=bar.update)
        call_command("rebuild_search_index")
        favourites()

    @contextmanager
    def workers(self) -> Iterator[None]:
        """Run a Celery worker for indexing with the beat that wakes it for changes whose ring got lost, and one that
        runs the models of searches: the storefront itself holds none.
        """
        celery = [sys.executable, "-m", "celery", "-A", "project"]
        name = connection.settings_dict["NAME"]
        beat = [*celery, "beat", "--schedule", str(settings.DATA_DIR / f"beat-{name}"), "--pidfile="]
        programs = {"beat": beat}
        for role, queue, threads in (("indexing", "QUEUE", 2), ("searching", "MODEL_QUEUE", 8)):
            programs[role] = [*celery, "worker", "--pool", "threads", "--concurrency", str(threads)]
            programs[role] += ["--hostname", f"{role}-{name}@localhost", "--queues", settings.CATALOG_SEARCH[queue]]
            programs[role] += ["--loglevel", "INFO", "--without-gossip", "--without-mingle"]
        with ExitStack() as running:
            for role, command in programs.items():
                log = settings.DATA_DIR / "logs" / f"{role}-{name}.log"
                running.enter_context(children.running(command, log))
            yield

    def try_out(self, drawn: bool) -> None:
        """Run the example searches and print their table. Raises CommandError where one fails."""
        missing = Product.objects.count() - Document.objects.values("object_key").distinct().count()
        outcomes = [run(example) for example in examples(reads_pictures=drawn)]
        self.stdout.write("\n" + table(outcomes))
        failures = [outcome for outcome in outcomes if outcome.failure]
        by_photo = [outcome for outcome in outcomes if outcome.example.kind == "photo"]
        unseen = [outcome for outcome in failures if outcome in by_photo]
        if 2 * len(unseen) < len(by_photo):
            # Some products show no more than their box, and no photo of a box tells which.
            failures = [outcome for outcome in failures if outcome not in unseen]
        failed_pictures = Document.objects.filter(pictures=Document.Pictures.FAILED)
        self.stdout.write(
            f"\n{Product.objects.count()} products, {Document.objects.count()} documents, "
            f"{failed_pictures.count()} with pictures that cannot be read."
        )
        if not outcomes:
            raise CommandError("The catalogue is empty.")
        if failures or missing or Change.objects.exists():
            raise CommandError(f"{len(failures)} of {len(outcomes)} searches failed, {missing} documents are missing.")
        self.stdout.write(
            self.style.SUCCESS(f"{len(outcomes) - len(unseen)} of {len(outcomes)} searches found what they should.")
        )

    def serve(self, port: int) -> None:
        """Serve the storefront until Ctrl-C."""
        password = admin_password()
        self.stdout.write(
            self.style.SUCCESS(f"\n  The shop:   http://localhost:{port}/")
            + f"\n  The admin:  http://localhost:{port}/admin/   (admin, {password})\n  Ctrl-C ends it all.\n"
        )
        children.exit_on_sigterm()
        # Its banner repeats what was said, and warns of what a demo is not for.
        call_command("runserver", f"localhost:{port}", use_reloader=False, stdout=io.StringIO())


def refuse_taken(port: int) -> None:
    """Raise CommandError where somebody serves on a port already: better said before the work than after it."""
    with socket.socket() as probe:
        if probe.connect_ex(("localhost", port)) == 0:
            raise CommandError(f"Port {port} is taken; choose another with --port.")


def drawn_catalogue() -> Path:
    """Return the folder of the drawn catalogue; drawn once, and again when the code that draws it changed."""
    source = Path(__file__).resolve().parents[3] / "drawing"
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(source.rglob("*.py")):
        digest.update(path.read_bytes())
    folder: Path = settings.DATA_DIR / f"catalogue-{digest.hexdigest()}"
    if not folder.is_dir():
        unfinished = Path(tempfile.mkdtemp(prefix="drawing-", dir=settings.DATA_DIR))
        with tqdm(total=PRODUCTS, unit=" products", desc="Drawing the catalogue") as bar:
            write_catalogue(unfinished, products=PRODUCTS, progress=lambda _: bar.update())
        unfinished.rename(folder)
    return folder


def admin_password() -> str:
    """Return the password of the user "admin", made anew at each start so that none is written down."""
    user, _ = get_user_model().objects.get_or_create(
        username="admin", defaults={"is_staff": True, "is_superuser": True}
    )
    password = secrets.token_urlsafe(8)
    user.set_password(password)
    user.save()
    return password


def check_in_own_database(command: list[str]) -> None:
    """Run the check in a process whose database, queue and pictures are its own; exits with its status."""
    name = f"demo_check_{os.getpid()}"
    options = {key.lower(): value for key, value in connection.settings_dict.items() if key in ("HOST", "PORT", "USER")}
    administration = psycopg.connect(
        **options, password=connection.settings_dict["PASSWORD"], dbname="postgres", autocommit=True
    )
    administration.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    media = tempfile.mkdtemp(prefix="media-", dir=settings.DATA_DIR)
    address = os.environ["DATABASE_URL"].rsplit("/", 1)[0]
    own = {INSIDE: "1", "DATABASE_URL": f"{address}/{name}", "SEARCH_QUEUE": name, "MEDIA_ROOT": media}
    try:
        process = subprocess.Popen(children.mortal([sys.executable, *command], signal.SIGTERM), env=os.environ | own)
        children.exit_on_sigterm()
        try:
            status = process.wait()
        finally:
            # Ctrl-C reached it too; it stops its worker first.
            process.terminate()
            process.wait()
    finally:
        administration.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        shutil.rmtree(media, ignore_errors=True)
        for left in settings.DATA_DIR.glob(f"beat-{name}*"):
            left.unlink()
    sys.exit(status)
