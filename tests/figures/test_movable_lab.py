"""A movable figure is alive in JupyterLab: the slider changes the trait in Python, and the other way round."""

import json
import os
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

ROOT = Path(__file__).parents[2]
CELLS = [
    "from course_lib.figures import Temperature\nfigure = Temperature([' robot', ' human'], [1.0, 0.0])\nfigure",
    "print(f'Python reads {figure.temperature:.2f}')",
    "figure.temperature = 0.5\nprint('Python writes')",
]
OPTIONS = [
    "--no-browser",
    "--allow-root",
    "--IdentityProvider.token=",
    "--ServerApp.port_retries=0",
    "--LabApp.expose_app_in_browser=True",
    "--LabApp.extension_manager=readonly",
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def notebook() -> dict:
    cells = [
        {
            "cell_type": "code",
            "id": f"cell-{i}",
            "metadata": {},
            "source": source,
            "outputs": [],
            "execution_count": None,
        }
        for i, source in enumerate(CELLS)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}


def wait_until_up(server: subprocess.Popen, url: str, log: Path) -> None:
    """Ask until the server answers; each refused connection costs a tenth of a second at most."""
    for _ in range(600):
        if server.poll() is not None:
            pytest.fail(f"jupyter lab ended with {server.returncode}:\n{log.read_text()[-2000:]}")
        try:
            urllib.request.urlopen(f"{url}/api/status", timeout=5).close()
        except (urllib.error.URLError, OSError):
            try:
                server.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
        else:
            return
    pytest.fail(f"jupyter lab did not answer:\n{log.read_text()[-2000:]}")


@pytest.fixture
def lab(tmp_path):
    """Start JupyterLab on a folder with one notebook, touching no settings of the person who runs the tests."""
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "figure.ipynb").write_text(json.dumps(notebook()))
    names = ("JUPYTER_CONFIG", "JUPYTER_DATA", "JUPYTER_RUNTIME", "JUPYTERLAB_SETTINGS", "JUPYTERLAB_WORKSPACES")
    homes = {f"{name}_DIR": str(tmp_path / name.lower()) for name in names}
    environment = {**os.environ, **homes, "IPYTHONDIR": str(tmp_path / "ipython"), "PYTHONPATH": str(ROOT)}
    port, log = free_port(), tmp_path / "log.txt"
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.port={port}",
        f"--ServerApp.root_dir={tmp_path / 'root'}",
    ]
    with log.open("w") as output:
        server = subprocess.Popen([*command, *OPTIONS], env=environment, stdout=output, stderr=output, cwd=tmp_path)
        try:
            wait_until_up(server, f"http://127.0.0.1:{port}", log)
            yield f"http://127.0.0.1:{port}/lab/tree/figure.ipynb?reset"
        finally:
            server.terminate()
            server.wait(20)


RUN_CELL = """async i => {
    const panel = jupyterapp.shell.currentWidget;
    await panel.sessionContext.ready;
    panel.content.activeCellIndex = i;
    await jupyterapp.commands.execute("notebook:run-cell");
}"""


def run_cell(page: Page, i: int) -> None:
    """Ask JupyterLab itself: a key press is lost when it comes while the page still moves the focus about."""
    page.evaluate(RUN_CELL, i)
    prompt = page.locator(".jp-Notebook .jp-CodeCell").nth(i).locator(".jp-InputPrompt")
    expect(prompt).to_have_text(re.compile(r"\[\d+\]"), timeout=60_000)


def test_slider_and_trait_follow_each_other_in_jupyterlab(browser, lab):
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.goto(lab)
    expect(page.locator(".jp-Notebook .jp-CodeCell")).to_have_count(3, timeout=60_000)
    expect(page.locator(".jp-Notebook-ExecutionIndicator")).to_have_attribute("data-status", "idle", timeout=60_000)
    run_cell(page, 0)
    slider = page.get_by_role("slider", name="Temperature")
    expect(slider).to_have_attribute("aria-valuetext", "1.00", timeout=30_000)
    slider.press("End")
    expect(slider).to_have_attribute("aria-valuetext", "3.00")
    run_cell(page, 1)
    expect(page.locator(".jp-OutputArea-output", has_text="Python reads")).to_have_text("Python reads 3.00\n")
    run_cell(page, 2)
    expect(slider).to_have_attribute("aria-valuetext", "0.50")
    expect(page.locator(".ig-number").first).to_have_text("0.881")  # 1 / (1 + exp(−1 / 0.5))
    page.close()
