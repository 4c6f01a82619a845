"""Runs in the shop of test_oscar.py, filled by visit.py: takes the picture of docs/integrations.md into a file."""

import os
import shutil
import subprocess
import sys
import time
import urllib.request
from socket import socket
from urllib.error import URLError

from playwright.sync_api import sync_playwright

WINDOW = {"width": 1200, "height": 800}
QUALITY = 78
SECONDS = 60

with socket() as free:
    free.bind(("localhost", 0))
    host = f"localhost:{free.getsockname()[1]}"
server = subprocess.Popen([sys.executable, "manage.py", "runserver", "--noreload", host])
try:
    end = time.monotonic() + SECONDS
    while True:
        try:
            urllib.request.urlopen(f"http://{host}/search/")
            break
        except URLError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=os.environ.get("CHROMIUM") or shutil.which("chromium"))
        page = browser.new_page(viewport=WINDOW)
        page.goto(f"http://{host}/search/", wait_until="networkidle")
        page.screenshot(path=sys.argv[1], quality=QUALITY)
        browser.close()
finally:
    server.terminate()
    server.wait()
